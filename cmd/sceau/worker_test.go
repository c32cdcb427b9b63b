// Workers that work off what the interface was asked for, and that give up what fails each time.

package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/issuer/batch"
	"sceau/card/issuer/batch/queue"
	"sceau/card/issuer/depot"
)

// contractsFolder is an operator with contracts and no cards.
func contractsFolder(t *testing.T, households int) string {
	t.Helper()
	dir := newOperator(t)
	file, _ := rosterFile(t, households)
	sceau(t, "import", dir, file).want(t, 0)
	return dir
}

// TestServeCampaign: with the register in a file, the service itself works off what its interface was asked for, to the manifest.
func TestServeCampaign(t *testing.T) {
	dir := contractsFolder(t, 5)
	made := sceau(t, "apikey", "add", dir, "--name", "office", "--roles", "operator")
	made.want(t, 0)
	token, _, _ := strings.Cut(made.out, "\n")
	s := start(t, dir, func(c *Config) { c.CampaignOutput = "print" })
	ask := func(method, path, body string, want int) map[string]any {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.public.Addr().String()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+token)
		if body != "" {
			q.Header.Set("Content-Type", "application/json")
			q.Header.Set("Idempotency-Key", "one-of-eight")
		}
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(a.Body).Decode(&answer); err != nil || a.StatusCode != want {
			t.Fatalf("%s %s: %d %v %v", method, path, a.StatusCode, answer, err)
		}
		return answer
	}
	c := ask("POST", "/v1/campaigns", `{"name":"January","outputs":["pdf","csv"]}`, 201)["campaign"].(map[string]any)
	id := c["id"].(string)
	ask("POST", "/v1/campaigns/"+id+"/start", "", 200)
	eventually(t, func() bool { // not by the interface, which bounds how often it is asked
		c, err := s.op.CampaignOf(t.Context(), s.op.staff(), id)
		return err == nil && c.State == issuer.CampaignDone
	})
	report := ask("GET", "/v1/campaigns/"+id+"/report", "", 200)
	if files := report["files"].([]any); len(files) != 2 || report["done"] != report["cards"] || report["cards"] == 0.0 {
		t.Errorf("%v", report)
	}
	for _, name := range []string{"manifest.json", "manifest.jws"} {
		info, err := os.Stat(filepath.Join(dir, "print", id, "775670482", name))
		if err != nil || info.Size() == 0 || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	s.end(t)
}

// TestWorkerGivesUp: what fails each time is given up after its attempts, said by status and left alone by workers and by start, until
// resume has it tried again. All else is done meanwhile.
func TestWorkerGivesUp(t *testing.T) {
	dir := contractsFolder(t, 5)
	to := filepath.Join(t.TempDir(), "print")
	var made struct{ ID string }
	created := sceau(t, "campaign", "create", dir, "--name", "January", "--to", to, "--shard", "2", "--file", "4", "--json", "--quiet")
	created.want(t, 0)
	if err := json.Unmarshal([]byte(created.out), &made); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(to); err != nil { // create made it, to see that it can
		t.Fatal(err)
	}
	if err := os.WriteFile(to, []byte("a file where a folder should be"), 0o600); err != nil {
		t.Fatal(err)
	}
	sceau(t, "campaign", "start", dir, made.ID, "--no-work").want(t, 0)
	op, err := new(place).openContext(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var log tap
	work := func() error {
		w := newWork(op, workerFlags{workers: 1, idle: true, every: time.Millisecond}, "", slog.New(slog.NewJSONHandler(&log, nil)))
		w.again = func(int) time.Duration { return 0 }
		return w.run(t.Context(), nil)
	}
	for range 2 { // the second finds nothing to do
		if err := work(); err == nil || !strings.Contains(err.Error(), "is not done") {
			t.Errorf("%v", err)
		}
	}
	c, err := op.CampaignOf(t.Context(), op.staff(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	total := c.Total()
	if n := strings.Count(log.String(), "a shard is given up"); c.State != issuer.CampaignStarted || c.GivenUp() != n || n != total.Files || total.DoneShards != total.Shards || total.DoneFiles != 0 {
		t.Errorf("%d given up in the log: %+v", n, c)
	}
	if n := strings.Count(log.String(), "will be tried again"); n != total.Files*(queue.Attempts-1) {
		t.Errorf("%d attempts more for %d files", n, total.Files)
	}
	for _, p := range c.Parts {
		for n, cause := range p.Failed {
			if cause == "failed" || cause == "" {
				t.Errorf("shard %d: %q", n, cause)
			}
		}
	}
	if err := op.Close(); err != nil {
		t.Fatal(err)
	}
	sceau(t, "campaign", "status", dir, made.ID).want(t, 0, "given up (sceau campaign resume", "shard 2 of 775670482: ")
	sceau(t, "campaign", "status", dir, made.ID, "--watch").want(t, 0, "given up")
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	sceau(t, "campaign", "resume", dir, made.ID).want(t, 0)
	sceau(t, "worker", dir, "--until-idle").want(t, 0)
	if p := sceau(t, "campaign", "status", dir, made.ID); p.code != 0 || !strings.Contains(p.out, ": done") || strings.Contains(p.out, "given up") {
		t.Errorf("%d %s%s", p.code, p.out, p.err)
	}
	sceau(t, "worker", dir, "--until-idle", "--campaign", "261201-zzzz").want(t, 1, "unknown campaign")
}

func TestGivenUpFor(t *testing.T) {
	for want, err := range map[string]error{
		"damaged":     &batch.ShardError{Err: errors.Join(errors.New("x"), issuer.ErrDamaged)},
		"destination": &batch.ShardError{Err: depot.ErrTarget},
		"failed":      errors.New("Aurélie MOREAU"),
	} {
		if got := givenUpFor(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
		if outside(err) {
			t.Errorf("%v is none of the shard's", err)
		}
	}
	for _, err := range []error{issuer.ErrNoServiceKey, issuer.ErrNotHeld, depot.ErrUnreachable} {
		if !outside(&batch.ShardError{Err: err}) {
			t.Errorf("%v counts as an attempt of the shard", err)
		}
	}
}
