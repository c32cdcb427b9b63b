// The three examples, run as a vendor would run them, against a server that plays the interface of the desk.

package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
	"sceau/rights"
)

// built are the examples' commands, by language.
var built map[string][]string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "integration")
	if err != nil {
		panic(err)
	}
	csharp, golang := filepath.Join(dir, "Verify.exe"), filepath.Join(dir, "verify")
	for _, build := range [][]string{
		{"go", "build", "-o", golang, "./go"},
		{"mcs", "-langversion:5", "-warnaserror", "-r:System.Web.Extensions.dll", "-out:" + csharp, "csharp/Verify.cs"},
	} {
		if out, err := exec.Command(build[0], build[1:]...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", strings.Join(build, " "), err, out)
			os.RemoveAll(dir)
			os.Exit(1)
		}
	}
	built = map[string][]string{"go": {golang}, "python": {"python3", "-B", filepath.Join("python", "verify.py")}, "csharp": {"mono", csharp}}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// noticed makes the go command run the tests again when an example changes: it sees only the files that a test itself opens.
func noticed(t *testing.T) {
	t.Helper()
	for _, name := range []string{"go/main.go", "python/verify.py", "csharp/Verify.cs"} {
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
}

// said is what a program answered.
type said struct {
	exit        int
	out, errors string
}

// run starts an example; env is added to what it needs.
func run(t *testing.T, language, typed string, env []string, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := append(append([]string{}, built[language]...), args...)
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(typed), &out, &errs
	c.Env = append(os.Environ(), env...)
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", language, err)
	}
	return said{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

const testToken = "tok_0123456789abcdefghijklmnopqrstuvwxyzABCDEF"

// station is a counter's data folder, with a server behind it or not.
func station(t *testing.T, port int, token string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "données du comptoir") // as a French user may have it
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "desk.json", fmt.Sprintf(`{"port":%d,"pid":%d,"version":"v1.2.3","later":{"more":[1]}}`+"\n", port, os.Getpid()))
	write(t, dir, "api-token", token+"\n")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serve plays a desk at a free port and returns its folder.
func serve(t *testing.T, h http.Handler) (dir string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return station(t, s.Listener.Addr().(*net.TCPAddr).Port, testToken)
}

// desk is POST /v1/verify, with the real counter behind it and the facts of vectors.json. Who is not let in gets 403 and nothing
// more; whoever is no plain program isn't let in.
func desk(t *testing.T) http.Handler {
	v, facts := load(t)
	ask := &counter.Counter{Lists: facts, Journal: notebook{}, Now: func() time.Time { return v.Vectors[0].Now }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local := r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
		if r.Host != local || r.Header.Get("Origin") != "" || r.Header.Get("Authorization") != "Bearer "+testToken || r.URL.RequestURI() != "/v1/verify" || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var q struct {
			Code        string `json:"code"`
			Domain      string `json:"domain"`
			DateOfCare  string `json:"date_of_care"`
			Beneficiary int    `json:"beneficiary"`
		}
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		question := counter.Question{Scan: scan.Typed{Text: q.Code}, Domain: q.Domain, Person: q.Beneficiary, Domains: counter.Settings{Profession: "pharmacie"}.Domains()}
		if q.DateOfCare != "" {
			question.Care, _ = rights.ParseDate(q.DateOfCare)
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(ask.Ask(r.Context(), question).Document(offline.French)); err != nil {
			t.Error(err)
		}
	})
}

func TestExamples(t *testing.T) { conform(t, serve(t, desk(t))) }

// conform runs every example against the counter whose data folder is dir. That counter is a pharmacy's, holds the facts of
// vectors.json, and its clock stands at the first vector's now; nothing else is asked of it.
func conform(t *testing.T, dir string) {
	t.Helper()
	noticed(t)
	v, _ := load(t)
	byName := map[string]vectorCase{}
	for _, c := range v.Vectors {
		byName[c.Name] = c
	}
	headlines := map[string]string{"good": "DROITS OUVERTS", "azerty": "DROITS OUVERTS", "good-pec": "DROITS OUVERTS", "revoked": "15/02/2027", "choose-person": "", "half": "", "empty": "",
		"unknown-issuer": "", "bad-signature": "", "not-covered": ""}
	var trapped atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { trapped.Add(1) }))
	defer trap.Close()
	proxy := []string{"http_proxy=" + trap.URL, "HTTP_PROXY=" + trap.URL, "ALL_PROXY=" + trap.URL, "no_proxy=", "NO_PROXY="}
	for language := range built {
		t.Run(language, func(t *testing.T) {
			for name, headline := range headlines {
				c, ok := byName[name]
				if !ok {
					t.Fatalf("no vector %s", name)
				}
				got := run(t, language, c.Code+"\r\n", proxy, dir, c.Domain)
				if got.exit != c.Expect.Exit || got.errors != "" || !strings.HasPrefix(got.out, string(c.Expect.Status)+": ") || !strings.Contains(got.out, headline) || strings.Count(got.out, "\n") != 1 {
					t.Errorf("%s: exit %d, %q, %q; want %d %s", name, got.exit, got.out, got.errors, c.Expect.Exit, c.Expect.Status)
				}
			}
			// Without a domain the counter's own is asked, and its folder is found by itself.
			if got := run(t, language, byName["good"].Code, append(proxy, "COMPTOIR_DIR="+dir)); got.exit != 0 || got.out != "valid: DROITS OUVERTS\n" {
				t.Errorf("own folder: %+v", got)
			}
			// Another token than the counter's: not verified, and not a word of a verdict.
			other := t.TempDir()
			b, err := os.ReadFile(filepath.Join(dir, "desk.json"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, other, "desk.json", string(b))
			write(t, other, "api-token", strings.Repeat("x", 43))
			if got := run(t, language, byName["good"].Code, nil, other); got.exit != 4 || got.out != "" || !strings.Contains(got.errors, "token") {
				t.Errorf("wrong token: %+v", got)
			}
		})
	}
	if n := trapped.Load(); n != 0 {
		t.Errorf("%d questions went to a proxy", n)
	}
}

// Whatever stands in the desk's place, nothing is verified, and the code says so.
func TestExamplesNotVerified(t *testing.T) {
	noticed(t)
	v, _ := load(t)
	good := v.Vectors[0].Code
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().(*net.TCPAddr).Port
	free.Close()
	answer := func(status int, body string) func(*testing.T) string {
		return func(t *testing.T) string {
			return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}))
		}
	}
	const valid = `{"status":"valid","reason":"OK","words":{"headline":"DROITS OUVERTS"}}`
	file := func(name, text string) func(*testing.T) string {
		return func(t *testing.T) string {
			dir := serve(t, desk(t))
			write(t, dir, name, text)
			return dir
		}
	}
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { elsewhere.Add(1); _, _ = io.WriteString(w, valid) }))
	defer other.Close()
	cases := map[string]struct {
		dir  func(t *testing.T) string
		says string
	}{
		"nobody listens": {func(t *testing.T) string { return station(t, nobody, testToken) }, "nobody answers"},
		"no folder":      {func(t *testing.T) string { return filepath.Join(t.TempDir(), "x") }, "not running"},
		"not running":    {func(t *testing.T) string { return t.TempDir() }, "not running"},
		"token 401":      {answer(401, `{"status":401}`), "token"},
		"token 403":      {answer(403, ""), "token"},
		"trouble":        {answer(500, valid), "500"},
		"busy":           {answer(503, valid), "503"},
		"created":        {answer(201, valid), "201"},
		"nothing":        {answer(200, ""), "not a verdict"},
		"no JSON":        {answer(200, "<html>"), "not a verdict"},
		"a list":         {answer(200, "["+valid+"]"), "not a verdict"},
		"no words":       {answer(200, `{"status":"valid"}`), "not a verdict"},
		"number":         {answer(200, `{"status":0,"words":{"headline":"x"}}`), ""},
		"other status":   {answer(200, `{"status":"VALID","words":{"headline":"x"}}`), ""},
		"status to come": {answer(200, `{"status":"deferred","words":{"headline":"x"}}`), ""},
		"endless":        {answer(200, `{"status":"valid","words":{"headline":"`+strings.Repeat("x", 2<<20)+`"}}`), "not a verdict"},
		"redirect": {func(t *testing.T) string {
			return serve(t, http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
		}, "307"},
		"desk.json empty": {file("desk.json", ""), "desk.json"},
		"desk.json list":  {file("desk.json", "[]"), "desk.json"},
		"port 0":          {file("desk.json", `{"port":0}`), "desk.json"},
		"port large":      {file("desk.json", `{"port":70000}`), "desk.json"},
		"port huge":       {file("desk.json", `{"port":99999999999999999999}`), "desk.json"},
		"port text":       {file("desk.json", `{"port":"80"}`), "desk.json"},
		"port no number":  {file("desk.json", `{"port":true}`), "desk.json"},
		"token empty":     {file("api-token", ""), "token"},
	}
	for language := range built {
		t.Run(language, func(t *testing.T) {
			for name, c := range cases {
				got := run(t, language, good, nil, c.dir(t))
				if got.exit != 4 || strings.HasPrefix(got.out, "valid:") || !strings.Contains(got.errors, c.says) || got.out == "" && got.errors == "" {
					t.Errorf("%s: %+v", name, got)
				}
				if strings.Contains(got.errors+got.out, good) || strings.Contains(got.errors, "Traceback") || strings.Contains(got.errors, "Unhandled") || strings.Contains(got.errors, testToken) {
					t.Errorf("%s: says too much: %+v", name, got)
				}
			}
			if got := run(t, language, good, nil, "a", "b", "c"); got.exit != 2 || got.out != "" {
				t.Errorf("usage: %+v", got)
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}
