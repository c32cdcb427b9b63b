package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sceau/card/issuer"
)

const rosterHead = "amc;adherent;convention;responsable;debut;fin;nir;nom;prenom;naissance;PHAR\n"

// rosterOf has n contracts of one person; every bad-th has a wrong NIR.
func rosterOf(amc string, n, bad int) string {
	var b strings.Builder
	b.WriteString(rosterHead)
	for i := range n {
		nir := ""
		if bad > 0 && i%bad == bad-1 {
			nir = secret("NIR", "189127512501283")
		}
		fmt.Fprintf(&b, "%s;R%07d;SP;oui;2027-01-01;2027-12-31;%s;ZORGLUBINE;Wilhelmine;19811113;100%%\n", amc, i, nir)
	}
	return b.String()
}

func (o *office) upload(token, path, body string, headers ...string) *httptest.ResponseRecorder {
	o.t.Helper()
	return o.ask(token, "POST", path, body, append([]string{"Content-Type", "text/csv"}, headers...)...)
}

// over waits for the end of a job.
func (o *office) over(token, id string) map[string]any {
	o.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got := o.want(200, token, "GET", "/v1/imports/"+id, ""); got["state"] != "waiting" && got["state"] != "running" {
			return got
		}
	}
	o.t.Fatal("the job has no end")
	return nil
}

func TestImportJob(t *testing.T) {
	o := newOffice(t)
	k, other, reader := o.key(amc, everyInsurerRole...), o.key(amc2, everyInsurerRole...), o.key(amc, issuer.RoleRead)
	a := o.upload(k, "/v1/imports", rosterOf(amc, 50, 10), "Idempotency-Key", "roster-1")
	if a.Code != 202 || !strings.HasPrefix(a.Header().Get("Location"), "/v1/imports/") {
		t.Fatal(a.Code, a.Body)
	}
	id := strings.TrimPrefix(a.Header().Get("Location"), "/v1/imports/")
	got := o.over(k, id)
	if got["state"] != "done" || got["contracts"] != 45.0 || got["created"] != 45.0 || got["rejected_lines"] != 5.0 || got["lines"] != 50.0 || len(got["sha256"].(string)) != 64 {
		t.Error(got)
	}
	rejects := o.ask(k, "GET", "/v1/imports/"+id+"/rejects.csv", "")
	if text := rejects.Body.String(); rejects.Code != 200 || strings.Count(text, "nir_key") != 5 || strings.Contains(text, "18912") || strings.Contains(text, "ZORG") || !strings.Contains(text, `"11";"nir"`) {
		t.Error(rejects.Code, text)
	}
	// The same file with the same key is the same job, with another a new one that changes nothing.
	if again := o.upload(k, "/v1/imports", rosterOf(amc, 50, 10), "Idempotency-Key", "roster-1"); again.Header().Get("Location") != a.Header().Get("Location") {
		t.Error(again.Code, again.Body)
	}
	o.problem(o.upload(k, "/v1/imports", rosterOf(amc, 51, 10), "Idempotency-Key", "roster-1"), 422, "idempotency_reuse")
	again := o.upload(k, "/v1/imports", rosterOf(amc, 50, 0))
	if got := o.over(k, strings.TrimPrefix(again.Header().Get("Location"), "/v1/imports/")); got["created"] != 5.0 || got["unchanged"] != 45.0 {
		t.Error(got)
	}
	// Strict: nothing of a file with a fault.
	strict := o.upload(k, "/v1/imports?strict=true", strings.ReplaceAll(rosterOf(amc, 30, 10), ";R", ";S"))
	if got := o.over(k, strings.TrimPrefix(strict.Header().Get("Location"), "/v1/imports/")); got["state"] != "rejected" || got["created"] != 0.0 || got["rejects_kept"] != 3.0 {
		t.Error(got)
	}
	strict = o.upload(k, "/v1/imports?strict=true", strings.ReplaceAll(rosterOf(amc, 30, 0), ";R", ";S"))
	if got := o.over(k, strings.TrimPrefix(strict.Header().Get("Location"), "/v1/imports/")); got["state"] != "done" || got["created"] != 30.0 || got["lines"] != 30.0 {
		t.Error(got)
	}
	// A roster that would end half of the contracts is held, until the number is named.
	ending := strings.Replace(rosterOf(amc, 50, 0), "2027-12-31", "2027-06-30", 40)
	held := o.upload(k, "/v1/imports", ending)
	if got := o.over(k, strings.TrimPrefix(held.Header().Get("Location"), "/v1/imports/")); got["state"] != "held" || got["closures"] != 40.0 || got["contracts_in_force"] != 80.0 || got["changed"] != 0.0 || got["closed"] != 0.0 {
		t.Error(got)
	}
	held = o.upload(k, "/v1/imports?accept_closures=39", ending)
	if got := o.over(k, strings.TrimPrefix(held.Header().Get("Location"), "/v1/imports/")); got["state"] != "held" || got["accepted_closures"] != 39.0 {
		t.Error(got)
	}
	held = o.upload(k, "/v1/imports?accept_closures=40&strict=true", ending)
	if got := o.over(k, strings.TrimPrefix(held.Header().Get("Location"), "/v1/imports/")); got["state"] != "done" || got["closed"] != 40.0 || got["changed"] != 40.0 || got["closures"] != nil {
		t.Error(got)
	}
	for _, query := range []string{"accept_closures=0", "accept_closures=-1", "accept_closures=x", "accept_closures=1&accept_closures=2", "strict=", "accept=1"} {
		o.problem(o.upload(k, "/v1/imports?"+query, rosterOf(amc, 1, 0)), 422, "field")
	}
	// Lines of another insurer are an unknown insurer's, though the operator has it.
	foreign := o.upload(other, "/v1/imports", rosterOf(amc, 10, 0))
	if got := o.over(other, strings.TrimPrefix(foreign.Header().Get("Location"), "/v1/imports/")); got["state"] != "done" || got["contracts"] != 0.0 || got["rejected_lines"] != 10.0 {
		t.Error(got)
	}
	whole := o.upload(k, "/v1/imports", "ZORGLUBINE;Wilhelmine\n")
	if got := o.over(k, strings.TrimPrefix(whole.Header().Get("Location"), "/v1/imports/")); got["state"] != "failed" || got["fault"] == "" || strings.Contains(fmt.Sprint(got), "ZORG") {
		t.Error(got)
	}
	for _, path := range []string{"/v1/imports/" + id, "/v1/imports/" + id + "/rejects.csv"} {
		o.problem(o.ask(other, "GET", path, ""), 404, "unknown")
		o.problem(o.ask(reader, "GET", path, ""), 403, "role")
	}
	o.problem(o.ask(other, "POST", "/v1/imports/"+id+"/cancel", ""), 404, "unknown")
	o.problem(o.ask(k, "POST", "/v1/imports/"+id+"/cancel", ""), 409, "over")
	o.problem(o.upload(reader, "/v1/imports", rosterOf(amc, 1, 0)), 403, "role")
	o.problem(o.upload(k, "/v1/imports", rosterOf(amc, 1, 0), "Content-Type", "application/json"), 415, "media")
	o.problem(o.upload(k, "/v1/imports", rosterOf(amc, 1, 0), "Idempotency-Key", ""), 400, "idempotency_key")
	o.problem(o.upload(k, "/v1/imports?strict=perhaps", rosterOf(amc, 1, 0)), 422, "field")
	o.problem(o.upload(k, "/v1/imports?insurer="+amc2, rosterOf(amc, 1, 0)), 422, "field")
	if list := o.want(200, other, "GET", "/v1/imports", "")["imports"].([]any); len(list) != 1 {
		t.Error(list)
	}
	o.chain()
}

func TestImportIsBounded(t *testing.T) {
	o := newOffice(t, func(p *Options) { p.Office.Roster = 1 << 10 })
	k := o.key(amc, everyInsurerRole...)
	o.problem(o.upload(k, "/v1/imports", rosterOf(amc, 100, 0)), 413, "too_long")
	r := o.request(k, "POST", "/v1/imports", "", "Content-Type", "text/csv")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(rosterOf(amc, 100, 0))), -1 // chunked: nobody said how long
	o.problem(o.do(r), 413, "too_long")
	r = o.request(k, "POST", "/v1/imports", "", "Content-Type", "text/csv")
	r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), -1 // the client left
	if a := o.do(r); a.Code != 400 {
		t.Error(a.Code, a.Body)
	}
	if list := o.want(200, k, "GET", "/v1/imports", "")["imports"].([]any); len(list) != 0 {
		t.Error("a job of half a file:", list)
	}
}

// A job is cancelled, a server is stopped or dies: the job says so, and the same file again completes it.
func TestImportThatDoesNotEnd(t *testing.T) {
	o := newOffice(t)
	o.issuer.Batch = 1
	k := o.key(amc, everyInsurerRole...)
	file := rosterOf(amc, 3000, 0)
	a := o.upload(k, "/v1/imports", file)
	id := strings.TrimPrefix(a.Header().Get("Location"), "/v1/imports/")
	o.server.StopImports()
	got := o.over(k, id)
	if got["state"] != "interrupted" || got["created"].(float64) >= 3000 {
		t.Fatal(got)
	}
	o.problem(o.upload(k, "/v1/imports", rosterOf(amc, 1, 0)), 503, "unavailable") // a server that stops takes no more
	taken := got["created"].(float64)
	o.issuer.Batch = 0
	o.open()
	a = o.upload(k, "/v1/imports", file)
	got = o.over(k, strings.TrimPrefix(a.Header().Get("Location"), "/v1/imports/"))
	if got["state"] != "done" || got["created"].(float64)+taken != 3000 || got["unchanged"] != taken {
		t.Error(taken, got)
	}

	// A server that died says nothing any more.
	job, err := o.issuer.NewImportJob(context.Background(), issuer.Staff{Insurer: amc, Actor: "key:x"}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.want(200, k, "GET", "/v1/imports/"+job.ID, ""); got["state"] != "waiting" {
		t.Error(got)
	}
	o.pass(21 * time.Second)
	if got := o.want(200, k, "GET", "/v1/imports/"+job.ID, ""); got["state"] != "interrupted" {
		t.Error(got)
	}
	o.problem(o.ask(k, "POST", "/v1/imports/"+job.ID+"/cancel", ""), 409, "over")
}

func TestImportIsCancelled(t *testing.T) {
	o := newOffice(t)
	k := o.key(amc, everyInsurerRole...)
	who := issuer.Staff{Insurer: amc, Actor: "key:x"}
	job := must(o.issuer.NewImportJob(context.Background(), who, false, nil))(t)
	ctx, held, release := o.issuer.Hold(context.Background(), who, job.ID)
	defer release()
	if got := o.want(200, k, "POST", "/v1/imports/"+job.ID+"/cancel", ""); got["state"] != "waiting" {
		t.Error(got)
	}
	// It is seen at the latest when the job begins.
	if err := held.Run(ctx, func() (io.Reader, error) { return strings.NewReader(rosterOf(amc, 10, 0)), nil }, false); err != nil {
		t.Error(err)
	}
	if got := o.want(200, k, "GET", "/v1/imports/"+job.ID, ""); got["state"] != "cancelled" || got["created"] != 0.0 {
		t.Error(got)
	}
}

// Several rosters may wait, not any number.
func TestImportsHaveALimit(t *testing.T) {
	o := newOffice(t)
	k := o.key(amc, everyInsurerRole...)
	o.server.imports.begin()
	for range importsHeld {
		o.server.imports.places <- struct{}{}
	}
	o.problem(o.upload(k, "/v1/imports", rosterOf(amc, 1, 0)), 503, "imports_full")
	for range importsHeld {
		<-o.server.imports.places
	}
	if a := o.upload(k, "/v1/imports", rosterOf(amc, 1, 0)); a.Code != http.StatusAccepted {
		t.Error(a.Code, a.Body)
	}
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{0, 1, spoolChunk - 1, spoolChunk, spoolChunk + 1, 3*spoolChunk + 17} {
		plain := make([]byte, n)
		rand.Read(plain)
		s := must(newSpool(dir, bytes.NewReader(plain)))(t)
		for range 2 { // it can be read again
			back, err := io.ReadAll(must(s.open())(t))
			if err != nil || !bytes.Equal(back, plain) {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
		// Its bytes on the disk: no plain text, and no change goes unseen.
		size := must(s.file.Stat())(t).Size()
		raw := make([]byte, size)
		must(s.file.ReadAt(raw, 0))(t)
		if n > 64 && bytes.Contains(raw, plain[:64]) {
			t.Error("plain bytes on the disk")
		}
		for _, at := range []int64{0, size / 2, size - 1} {
			must(s.file.WriteAt([]byte{raw[at] ^ 1}, at))(t)
			if _, err := io.ReadAll(must(s.open())(t)); !errors.Is(err, errSpool) {
				t.Errorf("%d bytes, byte %d changed: %v", n, at, err)
			}
			must(s.file.WriteAt([]byte{raw[at]}, at))(t)
		}
		for _, cut := range []int64{size - 1, size - 16, size / 2, 0} {
			if cut < 0 || cut == size {
				continue
			}
			if err := s.file.Truncate(cut); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(must(s.open())(t)); !errors.Is(err, errSpool) {
				t.Errorf("%d bytes cut to %d: %v", n, cut, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := newSpool(dir, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if left := must(os.ReadDir(dir))(t); len(left) > 0 {
		t.Error("left on the disk:", left)
	}
}

// T38: a hundred thousand wrong tokens from many sources open nothing, cost the guessers their budget, and keep nobody out.
func TestGuessersOfTokens(t *testing.T) {
	o := newOffice(t)
	k := o.key(amc, everyInsurerRole...)
	o.want(200, k, "GET", "/v1/approvals", "")
	opened, braked := 0, 0
	for i := range 100_000 {
		wrong := []byte(k)
		for j := range 8 { // another secret for the known id
			wrong[20+j] = "0123456789abcdef"[(i>>(4*j))&15]
		}
		if string(wrong) == k {
			continue
		}
		r := o.request(string(wrong), "GET", "/v1/approvals", "")
		r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:1234", i%100, i/100%250)
		if i%10 == 0 {
			r.RemoteAddr = "192.0.2.1:1234" // and from the address of whoever has the key
		}
		switch o.do(r).Code {
		case 200:
			opened++
		case 429:
			braked++
		}
	}
	if opened > 0 || braked < 9000 {
		t.Errorf("%d opened, %d braked", opened, braked)
	}
	if a := o.ask(k, "GET", "/v1/approvals", ""); a.Code != 200 {
		t.Errorf("the right key is kept out: %d %s", a.Code, a.Body)
	}
	t.Logf("%d braked", braked)
}
