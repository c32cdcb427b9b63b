// A stand for the screens: the real files of web/ behind the desk's own headers, and answers that a test chooses.

package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"sceau/fixtures/browser"
	"sceau/offline"
	"sceau/offline/counter"
)

const standPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; " +
	"media-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'"

type object = map[string]any

// stand answers like the desk, but says what its test wants.
type stand struct {
	*httptest.Server
	mu     sync.Mutex
	state  object
	routes map[string]func(w http.ResponseWriter, body []byte) // by "POST scan"
	asked  []string                                            // "POST scan {…}"
	wake   chan struct{}
}

func newStand(t testing.TB) *stand {
	t.Helper()
	s := &stand{state: calmState(), routes: map[string]func(http.ResponseWriter, []byte){}, wake: make(chan struct{}, 1)}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *stand) on(route string, fn func(w http.ResponseWriter, body []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes[route] = fn
}

func (s *stand) says(route string, v any) {
	s.on(route, func(w http.ResponseWriter, _ []byte) { writeTestJSON(w, 200, v) })
}

// verdicts answers every scan with d under the scan's own id.
func (s *stand) verdicts(d object) {
	s.on("POST scan", func(w http.ResponseWriter, body []byte) {
		var q struct{ ID int64 }
		if err := json.Unmarshal(body, &q); err != nil {
			w.WriteHeader(400)
			return
		}
		out := maps.Clone(d)
		out["id"] = q.ID
		writeTestJSON(w, 200, out)
	})
}

func (s *stand) setState(change object) {
	s.mu.Lock()
	next := maps.Clone(s.state)
	maps.Copy(next, change)
	s.state = next
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stand) questions(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, q := range s.asked {
		if strings.HasPrefix(q, prefix) {
			out = append(out, q)
		}
	}
	return out
}

func writeTestJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

var standTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".wasm": "application/wasm"}

func (s *stand) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", standPolicy)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	name, ok := strings.CutPrefix(r.URL.Path, "/s/test/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	var body bytes.Buffer
	_, _ = body.ReadFrom(r.Body)
	route := r.Method + " " + name
	s.mu.Lock()
	s.asked = append(s.asked, route+" "+body.String())
	fn := s.routes[route]
	s.mu.Unlock()
	switch {
	case fn != nil:
		fn(w, body.Bytes())
	case name == "":
		s.page(w, r, "desk.html")
	case strings.HasPrefix(name, "web/"):
		w.Header().Set("Content-Type", standTypes[filepath.Ext(name)])
		http.ServeFile(w, r, filepath.FromSlash(name))
	case name == "state":
		s.mu.Lock()
		defer s.mu.Unlock()
		writeTestJSON(w, 200, s.state)
	case name == "events":
		s.events(w, r)
	case name == "settings" && r.Method == http.MethodPost:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body.Bytes())
	case name == "calibration.svg":
		w.Header().Set("Content-Type", "image/svg+xml")
		fmt.Fprint(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><path d="M1 1h3v3H1zM6 1h3v3H6zM1 6h3v3H1z"/></svg>`)
	default:
		http.NotFound(w, r)
	}
}

func (s *stand) page(w http.ResponseWriter, r *http.Request, name string) {
	lang := offline.Language(r.URL.Query().Get("lang"))
	if lang == "" {
		lang = offline.French
	}
	texts := catalogue(lang)
	pages := template.Must(template.New("").Funcs(template.FuncMap{"t": func(key string) (string, error) {
		if text, ok := texts[key]; ok {
			return text, nil
		}
		return "", fmt.Errorf("no text %q", key)
	}}).ParseGlob("web/*.html"))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pages.ExecuteTemplate(w, name, struct {
		Lang        offline.Language
		Theme       string
		Professions []counter.Profession
	}{lang, "", counter.Professions()}); err != nil {
		fmt.Fprint(w, err)
	}
}

func (s *stand) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		s.mu.Lock()
		b, _ := json.Marshal(s.state)
		s.mu.Unlock()
		fmt.Fprintf(w, "event: state\ndata: %s\n\n", b)
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-s.wake:
		}
	}
}

func catalogue(lang offline.Language) map[string]string {
	b, err := os.ReadFile(filepath.Join("web", string(lang)+".json"))
	if err != nil {
		panic(err)
	}
	out := map[string]string{}
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// tab is one page of a browser on a stand, with everything that its console said.
type tab struct {
	t    testing.TB
	ctx  context.Context
	s    *stand
	hear *hearing
}

// openTab starts the one browser that all tests of the screens share.
func openTab(t testing.TB, o browser.Options) *tab {
	t.Helper()
	b := &tab{t: t, ctx: browser.Start(t, o), hear: &hearing{}}
	if err := chromedp.Listen(b.ctx, b.hear.event); err != nil {
		t.Fatal(err)
	}
	return b
}

// at is the tab for one test, on its own stand, as a person finds it: light, 1366 × 768, nothing open.
func (b *tab) at(t testing.TB, s *stand) *tab {
	t.Helper()
	own := &tab{t: t, ctx: b.ctx, s: s, hear: b.hear}
	// The page of the test before has lost its stand; what it still fetches is not this test's concern.
	if err := chromedp.Do(own.ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	own.size(1366, 768)
	own.look("light")
	own.hush()
	return own
}

// hearing keeps what the console says.
type hearing struct {
	mu   sync.Mutex
	said []string
}

func (h *hearing) event(ev any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		h.said = append(h.said, text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			h.said = append(h.said, "console")
		}
	case *log.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Permissions-Policy header: Unrecognized feature") {
			return // a switch that this browser doesn't have can't be on
		}
		if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
			h.said = append(h.said, e.Entry.Text)
		}
	}
}

// open loads a page of the stand anew; address is what follows the session's secret.
func (b *tab) open(address string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(b.s.URL+"/s/test/"+address)); err != nil {
		b.t.Fatal(err)
	}
	b.until(`document.documentElement.dataset.ready === 'yes'`)
}

// quiet fails when the console said anything since it was last asked.
func (b *tab) quiet(what string) {
	b.t.Helper()
	b.hear.mu.Lock()
	defer b.hear.mu.Unlock()
	for _, line := range b.hear.said {
		b.t.Errorf("%s: the console says %s", what, line)
	}
	b.hear.said = nil
}

func (b *tab) hush() {
	b.hear.mu.Lock()
	defer b.hear.mu.Unlock()
	b.hear.said = nil
}

// eval runs an expression that may be a promise.
func eval[T any](b *tab, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", js, err)
	}
	return v
}

// until polls the page. A page that is being replaced has no answer yet.
func (b *tab) until(js string) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) || b.ctx.Err() != nil {
			b.t.Fatalf("never %s: %v; the screen shows %q", js, err, eval[string](b, `document.body.innerText.slice(0, 1500)`))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// scan gives the page a scan, as a paste would, and waits until its verdict is drawn.
func (b *tab) scan() {
	b.t.Helper()
	before := eval[int](b, `(() => { globalThis.drawn ??= 0; globalThis.watch ??= new MutationObserver(() => { if (document.querySelector('#headline')) drawn++; }); watch.observe(document.querySelector('#verdict'), {childList: true}); return drawn; })()`)
	eval[any](b, `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.scanned({typed: 'TP1EXEMPLE'}); return 1; })`)
	b.until(fmt.Sprintf(`drawn > %d && !document.querySelector('#verdict').hidden`, before))
}

// look sets what the computer prefers.
func (b *tab) look(scheme string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, t, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "fr-FR"})
		return err
	})); err != nil {
		b.t.Fatal(err)
	}
}

// size sets the window, in CSS pixels.
func (b *tab) size(w, h int64) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(w, h)); err != nil {
		b.t.Fatal(err)
	}
}

// print makes the page's PDF as its own print rules ask for.
func (b *tab) print() []byte {
	b.t.Helper()
	yes := true
	pdf, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, t, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &yes, PaperWidth: 8.27, PaperHeight: 11.69})
		return r.Data, err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return pdf
}

// dropped ends the connection without an answer.
func dropped(w http.ResponseWriter, _ []byte) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close()
	}
}

// hold answers every scan with d once release is closed.
func (s *stand) hold(release <-chan struct{}, d object) {
	s.on("POST scan", func(w http.ResponseWriter, body []byte) {
		var q struct{ ID int64 }
		_ = json.Unmarshal(body, &q)
		<-release
		out := maps.Clone(d)
		out["id"] = q.ID
		writeTestJSON(w, 200, out)
	})
}
