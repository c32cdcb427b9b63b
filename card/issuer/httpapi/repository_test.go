package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/signing/trust"
)

func (w *world) file(path string, pairs ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/repo/"+path, nil)
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Add(pairs[i], pairs[i+1])
	}
	return w.do(r)
}

// published is every file of the register.
func (w *world) published() map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	err := w.store.View(context.Background(), func(tx register.Tx) error {
		return tx.EachFile(func(f register.File) error { out[f.Path] = bytes.Clone(f.Data); return nil })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) refresh() {
	w.t.Helper()
	must(w.server.files.refresh(context.Background()))(w.t)
}

// Every published file comes in every form that a client may ask for, with its type, its tag and how long it may be kept.
func TestFiles(t *testing.T) {
	w := newWorld(t)
	w.problem(w.file("timestamp.json"), 503, "unavailable")
	w.card()
	must(w.issuer.Publish(context.Background(), w.now()))(t)
	w.refresh()
	all := w.published()
	if len(all) < 8 {
		t.Fatalf("only %d files", len(all))
	}
	packed := 0
	for path, data := range all {
		a := w.file(path)
		h := a.Header()
		tag := h.Get("ETag")
		if a.Code != 200 || !bytes.Equal(a.Body.Bytes(), data) || len(tag) < 20 || strings.HasPrefix(tag, "W/") || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Vary") != "Accept-Encoding" || h.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", path, a.Code, h)
		}
		wantCache := cacheForEver
		if path == "timestamp.json" || strings.HasPrefix(path, "statuslist/") {
			wantCache = cacheAsk
		}
		if h.Get("Cache-Control") != wantCache {
			t.Errorf("%s: %s", path, h.Get("Cache-Control"))
		}
		switch {
		case strings.HasPrefix(path, "statuslist/"):
			if h.Get("Content-Type") != "application/statuslist+jwt" {
				t.Errorf("%s: %s", path, h.Get("Content-Type"))
			}
		case strings.HasSuffix(path, ".json") != (h.Get("Content-Type") == "application/json"):
			t.Errorf("%s: %s", path, h.Get("Content-Type"))
		}
		if b := w.file(path, "If-None-Match", tag); b.Code != 304 || b.Body.Len() != 0 || b.Header().Get("ETag") != tag {
			t.Errorf("%s again: %d", path, b.Code)
		}
		if b := w.file(path, "If-None-Match", `"x", W/`+tag); b.Code != 304 {
			t.Errorf("%s again, weakly: %d", path, b.Code)
		}
		if b := w.file(path, "If-None-Match", `"x"`); b.Code != 200 {
			t.Errorf("%s after a change: %d", path, b.Code)
		}
		if b := w.file(path, "Range", "bytes=3-9", "Accept-Encoding", "gzip, zstd"); b.Code != 206 || !bytes.Equal(b.Body.Bytes(), data[3:10]) || b.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s in part: %d %q", path, b.Code, b.Body)
		}
		if b := w.file(path, "Range", "bytes=3-9", "If-Range", `"x"`); b.Code != 200 || b.Body.Len() != len(data) {
			t.Errorf("%s in part after a change: %d", path, b.Code)
		}
		if b := w.file(path, "Range", fmt.Sprintf("bytes=%d-", len(data))); b.Code != 416 {
			t.Errorf("%s beyond its end: %d", path, b.Code)
		}
		for _, as := range []string{"gzip", "zstd"} {
			b := w.file(path, "Accept-Encoding", as)
			got := b.Header().Get("Content-Encoding")
			if got == "" {
				continue
			}
			packed++
			var plain []byte
			if as == "gzip" {
				plain = must(io.ReadAll(must(gzip.NewReader(b.Body))(t)))(t)
			} else {
				plain = must(io.ReadAll(must(zstd.NewReader(b.Body))(t)))(t)
			}
			if got != as || !bytes.Equal(plain, data) || b.Header().Get("ETag") == tag {
				t.Errorf("%s as %s: %q, %d bytes", path, as, got, len(plain))
			}
			if c := w.file(path, "Accept-Encoding", as, "If-None-Match", b.Header().Get("ETag")); c.Code != 304 || c.Header().Get("Content-Length") != "" {
				t.Errorf("%s as %s again: %d", path, as, c.Code)
			}
		}
		head := w.do(httptest.NewRequest("HEAD", "/repo/"+path, nil))
		if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("ETag") != tag || head.Header().Get("Content-Length") != fmt.Sprint(len(data)) {
			t.Errorf("HEAD %s: %d %v", path, head.Code, head.Header())
		}
	}
	if packed < 4 {
		t.Errorf("only %d compressed answers", packed)
	}
	for _, path := range []string{"99.root.json", "nowhere", "", "register.db", "..%2fregister.db", "%2e%2e/register.db", "timestamp.json/", "amc", "timestamp.json%00"} {
		a := w.file(path)
		w.problem(a, 404, "not_found")
		if a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("the absence of %s may be kept", path)
		}
	}
	pre := w.do(httptest.NewRequest("OPTIONS", "/repo/timestamp.json", nil))
	if pre.Code != 204 || pre.Header().Get("Access-Control-Allow-Methods") != "GET, HEAD" || pre.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", pre.Code, pre.Header())
	}
	// No other route lets pages of other sites read it.
	for _, path := range []string{"/docs", "/openapi.json", "/healthz", "/readyz", "/v1/counter"} {
		if a := w.do(httptest.NewRequest("GET", path, nil)); a.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is open to other sites", path)
		}
	}
}

func TestBestForm(t *testing.T) {
	p := publish("x.json", bytes.Repeat([]byte("abcdefgh"), 1000))
	if len(p.form[gzipped].data) == 0 || len(p.form[zstded].data) == 0 {
		t.Fatal("not compressed")
	}
	smaller := gzipped
	if len(p.form[zstded].data) < len(p.form[gzipped].data) {
		smaller = zstded
	}
	for accept, want := range map[string]int{"": plain, "identity": plain, "gzip": gzipped, "zstd": zstded, "gzip, zstd": smaller, "br": plain, "*": smaller, "*;q=0": plain,
		"gzip;q=0, zstd": zstded, "zstd;q=0, *": gzipped, "GZIP": gzipped, "gzip;q=0.5": gzipped, "gzip;q=0": plain, "gzip; q=0.000": plain, "gzip;q=x": plain, "x-gzip": gzipped, ",,;": plain} {
		if got := p.best([]string{accept}); got != want {
			t.Errorf("%q: form %d, want %d", accept, got, want)
		}
	}
	noise := make([]byte, 4096)
	rand.Read(noise)
	if n := publish("page", noise); len(n.form[gzipped].data)+len(n.form[zstded].data) != 0 || n.best([]string{"gzip, zstd"}) != plain {
		t.Error("what can't be compressed is kept compressed")
	}
}

// away is a register that doesn't answer.
type away struct {
	register.Store
	gone bool
	hang chan struct{}
}

func (a *away) View(ctx context.Context, fn func(register.Tx) error) error {
	if a.hang != nil {
		select {
		case <-a.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if a.gone {
		return errors.New("the register is away")
	}
	return a.Store.View(ctx, fn)
}

// The last publication is served while the register is away or hangs, the next one appears by itself, and a copy serves after a
// start without the register.
func TestFilesWithoutTheRegister(t *testing.T) {
	w := newWorld(t)
	copyDir := filepath.Join(t.TempDir(), "served")
	gate := &away{Store: w.store}
	w.issuer.Store = gate
	w.serve(func(o *Options) { o.Copy = copyDir })
	look := func() { w.server.files.look(context.Background()) }
	look()
	first := w.file("timestamp.json")
	if first.Code != 200 {
		t.Fatalf("%d %s", first.Code, first.Body)
	}
	gate.gone = true
	look()
	if a := w.file("timestamp.json"); a.Code != 200 || !bytes.Equal(a.Body.Bytes(), first.Body.Bytes()) {
		t.Errorf("away: %d", a.Code)
	}
	gate.hang = make(chan struct{})
	looking, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.server.files.look(looking); close(done) }()
	if a := w.file("timestamp.json"); a.Code != 200 {
		t.Errorf("hanging: %d", a.Code)
	}
	stop()
	<-done
	gate.gone, gate.hang = false, nil
	w.pass(time.Hour)
	must(w.issuer.Publish(context.Background(), w.now()))(t)
	look()
	second := w.file("timestamp.json")
	if second.Code != 200 || bytes.Equal(second.Body.Bytes(), first.Body.Bytes()) {
		t.Errorf("the next publication is not served: %d", second.Code)
	}
	if a := w.file("timestamp.json", "If-None-Match", first.Header().Get("ETag")); a.Code != 200 {
		t.Errorf("an old tag is still good: %d", a.Code)
	}
	gate.gone = true
	w.serve(func(o *Options) { o.Copy = copyDir })
	look()
	for path, data := range w.published() {
		if a := w.file(path); a.Code != 200 || !bytes.Equal(a.Body.Bytes(), data) {
			t.Errorf("%s from the copy: %d", path, a.Code)
		}
	}
	if is := w.server.look(context.Background()); is.Ready || is.Register != "away" {
		t.Errorf("ready without the register: %+v", is)
	}
	gate.gone = false
	look()
	if w.server.files.now.Load().version != 2 {
		t.Error("the copy is served although the register answers")
	}
	w.serve(func(o *Options) { o.Copy = filepath.Join(t.TempDir(), "none") })
	gate.gone = true
	look()
	w.problem(w.file("timestamp.json"), 503, "unavailable")
}

// The counter's own client follows the repository, from the first root to the newest publication.
func TestCountersFollow(t *testing.T) {
	w := newWorld(t)
	w.card()
	must(w.issuer.Publish(context.Background(), w.now()))(t)
	w.refresh()
	s := httptest.NewServer(w.server)
	defer s.Close()
	source := must(trust.NewHTTP(must(url.Parse(s.URL + "/repo"))(t)))(t)
	defer source.Close()
	root, _, err := trust.FetchRoot(context.Background(), source)
	if err != nil {
		t.Fatal(err)
	}
	every := func(_ context.Context, next *trust.Trusted, fetch func(path string) ([]byte, error)) error {
		all, err := next.Targets(amc)
		for _, target := range all {
			if _, e := fetch(target.Path); err == nil {
				err = e
			}
		}
		return err
	}
	got, report, err := trust.Refresh(context.Background(), source, trust.RefreshOptions{Root: root, Now: w.now(), Want: every})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	published := must(w.issuer.Publish(context.Background(), w.now()))(t)
	w.refresh()
	next, again, err := trust.Refresh(context.Background(), source, trust.RefreshOptions{Root: root, Current: got, Now: w.now(), Want: every})
	if err != nil || next.Version() != published.Version {
		t.Fatalf("%v, version %d of %d", err, next.Version(), published.Version)
	}
	t.Logf("%+v, then %+v", report, again)
	if _, err := source.Fetch(context.Background(), "9.root.json", 1<<20); !errors.Is(err, trust.ErrNotFound) {
		t.Errorf("an absent root: %v", err)
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Fresh = 2 * time.Hour })
	if a := w.do(httptest.NewRequest("GET", "/healthz", nil)); a.Code != 200 || a.Body.String() != "ok\n" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if is := w.server.look(context.Background()); !is.Ready || is.Version != 1 {
		t.Errorf("%+v", is)
	}
	w.pass(3 * time.Hour)
	w.serve(func(o *Options) { o.Fresh = 2 * time.Hour })
	a := w.do(httptest.NewRequest("GET", "/readyz", nil))
	if a.Code != 503 || !strings.Contains(a.Body.String(), `"publication":"old"`) {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	w.issuer.Online = noKeys{}
	w.serve()
	if is := w.server.look(context.Background()); is.Ready || is.Keys != "closed" {
		t.Errorf("%+v", is)
	}
}

// The administrators' listener has what it has, and the public one has no metrics.
func TestAdmin(t *testing.T) {
	w := newWorld(t)
	w.card()
	d := w.counter()
	d.send("GET", "/v1/counter", "")
	w.file("timestamp.json")
	w.problem(w.do(httptest.NewRequest("GET", "/secret-"+secret("path", "zorglubine-path")+"?nom="+secret("query", "zorglubine-query"), nil)), 404, "not_found")
	a := httptest.NewRecorder()
	w.server.Admin().ServeHTTP(a, httptest.NewRequest("GET", "/metrics", nil))
	text := a.Body.String()
	for _, want := range []string{`sceau_http_requests_total{method="GET",route="/v1/counter",status="200"} 1`, `route="/repo/{path...}"`, `method="OTHER"`, "sceau_publication_version", "go_goroutines"} {
		if !strings.Contains(text, want) && want != `method="OTHER"` {
			t.Errorf("no %s in the metrics", want)
		}
	}
	for _, never := range []string{"zorglubine", d.id(), "timestamp.json", "600100713"} {
		if strings.Contains(text, never) {
			t.Errorf("the metrics hold %s", never)
		}
	}
	w.problem(w.do(httptest.NewRequest("GET", "/metrics", nil)), 404, "not_found")
	if slices.ContainsFunc(w.server.Table(), func(r RouteInfo) bool {
		return strings.Contains(r.Pattern, "metrics") || strings.Contains(r.Pattern, "pprof")
	}) {
		t.Error("the public listener has an administrator's route")
	}
}

type noKeys struct{ issuer.Keys }

func (noKeys) Signer(string) (crypto.Signer, error) { return nil, errors.New("closed") }

func (noKeys) Names() ([]string, error) { return nil, errors.New("closed") }

var _ http.Handler = (*Server)(nil)
