package desk

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sceau/fixtures/browser"
)

// target is one route as a hostile page attacks it: it knows every secret, the strongest case there is.
type target struct {
	Method, Path, Media, Body, Key string
}

// attack runs every way in which a page can make a browser ask, against every target, and reports what it could read.
const attack = `
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
// Twelve attempts run at once, none longer than a good second. WebSockets, which Chromium slows down when they fail, run beside.
async function run(base, targets) {
  const got = [], tries = [], sockets = [];
  const read = (t, how, n) => { if (n > 0) got.push({key: t.Key, how, n}); };
  const short = () => AbortSignal.timeout(1200);
  const text = async (t, how, r) => { if (r.type !== 'opaque') read(t, how, (await r.clone().text().catch(() => '')).length); };
  const body = (t) => t.Method === 'POST' ? t.Body : undefined;
  const frame = (how, t, fill) => new Promise((done) => {
    const f = document.createElement('iframe');
    f.name = 'f' + Math.random();
    const end = () => { try { read(t, how, (f.contentDocument?.body?.textContent ?? '').length); } catch {} f.remove(); done(); };
    document.body.append(f);
    f.onload = () => setTimeout(end, 0);
    setTimeout(end, 1000);
    fill(f);
  });
  const element = (how, t, name, set) => new Promise((done) => {
    const e = document.createElement(name);
    const end = (n) => { read(t, how, n); e.remove(); done(); };
    e.onload = () => end(name === 'link' ? 1 : (e.naturalWidth || 1));
    e.onerror = () => end(0);
    setTimeout(() => end(0), 800);
    set(e);
    document.body.append(e);
  });
  for (const t of targets) {
    const url = base + t.Path;
    for (const mode of ['cors', 'no-cors', 'same-origin'])
      for (const credentials of ['include', 'omit'])
        tries.push(async () => text(t, 'fetch ' + mode, await fetch(url, {mode, credentials, method: t.Method, body: body(t), headers: mode === 'no-cors' || t.Method === 'GET' ? {} : {'Content-Type': t.Media}, signal: short()})));
    tries.push(async () => text(t, 'fetch token', await fetch(url, {method: t.Method, body: body(t), headers: {Authorization: 'Bearer ' + TOKEN, 'Content-Type': t.Media}, signal: short()})));
    tries.push(async () => text(t, 'fetch navigate', await fetch(new Request(url, {method: t.Method, body: body(t), mode: 'no-cors', redirect: 'follow', signal: short()}))));
    tries.push(async () => text(t, 'fetch text/plain', await fetch(url, {method: 'POST', body: t.Body, mode: 'no-cors', headers: {'Content-Type': 'text/plain'}, signal: short()})));
    tries.push(async () => text(t, 'options', await fetch(url, {method: 'OPTIONS', signal: short()})));
    for (const enctype of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'])
      tries.push(() => frame('form ' + enctype, t, (f) => {
        const form = document.createElement('form');
        form.method = 'POST'; form.action = url; form.enctype = enctype; form.target = f.name;
        const i = document.createElement('input');
        i.name = t.Body.slice(0, -1) || 'x'; i.value = t.Body.slice(-1);
        form.append(i); document.body.append(form); form.submit(); form.remove();
      }));
    tries.push(() => frame('form GET', t, (f) => {
      const form = document.createElement('form');
      form.method = 'GET'; form.action = url; form.target = f.name; document.body.append(form); form.submit(); form.remove();
    }));
    tries.push(() => frame('iframe', t, (f) => { f.src = url; }));
    tries.push(() => element('img', t, 'img', (e) => { e.src = url; }));
    tries.push(() => element('script', t, 'script', (e) => { e.src = url; }));
    tries.push(() => element('module', t, 'script', (e) => { e.type = 'module'; e.src = url; }));
    tries.push(() => element('stylesheet', t, 'link', (e) => { e.rel = 'stylesheet'; e.href = url; }));
    tries.push(() => element('object', t, 'object', (e) => { e.data = url; }));
    tries.push(() => new Promise((done) => {
      const es = new EventSource(url);
      const end = (n) => { read(t, 'EventSource', n); es.close(); done(); };
      es.onopen = () => end(1); es.onmessage = (m) => end(m.data.length); es.onerror = () => end(0); es.addEventListener('state', (m) => end(m.data.length));
    }));
    sockets.push(new Promise((done) => {
      const ws = new WebSocket(url.replace('http', 'ws'));
      const end = (n) => { read(t, 'WebSocket', n); ws.close(); done(); };
      ws.onopen = () => end(1); ws.onerror = () => end(0); setTimeout(() => end(0), 5000);
    }));
    tries.push(async () => { navigator.sendBeacon(url, new Blob([t.Body], {type: 'text/plain'})); });
    tries.push(async () => { navigator.sendBeacon(url, t.Body); });
    tries.push(async () => {
      const w = window.open(url, '_blank', 'width=10,height=10');
      if (!w) { got.push({key: t.Key, how: 'window.open blocked: not run', n: 1}); return; }
      await wait(100);
      try { read(t, 'window.open', (w.document.body?.textContent ?? '').length); } catch {}
      w.close();
    });
  }
  const total = tries.length + sockets.length;
  const worker = async () => { for (let next; next = tries.shift();) { try { await next(); } catch {} } };
  await Promise.all([...Array(12).keys()].map(worker));
  await Promise.all(sockets);
  await wait(300); // beacons
  return {total, got};
}
`

type loot struct {
	Total int `json:"total"`
	Got   []struct {
		Key string `json:"key"`
		How string `json:"how"`
		N   int    `json:"n"`
	} `json:"got"`
}

// site serves the hostile page at an address of the attacker's.
func site(t *testing.T, address string) string {
	t.Helper()
	l := must(net.Listen("tcp4", address))(t)
	s := &http.Server{Handler: http.HandlerFunc(hostilePage)}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func hostilePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintf(w, "<!doctype html><title>a recipe for soup</title><body><script>const TOKEN = %q;%s</script>", someToken, attack)
}

// rebinder is the attacker's name: its address is first that of his own page, and then, once turned, that of the desk.
func rebinder(t *testing.T, desk string) (address string, turn func()) {
	t.Helper()
	page := site(t, "127.0.0.1:0")
	l := must(net.Listen("tcp4", "127.0.0.1:0"))(t)
	t.Cleanup(func() { l.Close() })
	var turned atomic.Bool
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				// Browsers connect ahead: what counts is when they ask.
				first := make([]byte, 1)
				if _, err := io.ReadFull(c, first); err != nil {
					return
				}
				to := page
				if turned.Load() {
					to = desk
				}
				d, err := net.Dial("tcp4", to)
				if err != nil {
					return
				}
				defer d.Close()
				if _, err := d.Write(first); err != nil {
					return
				}
				go func() { io.Copy(d, c); d.(*net.TCPConn).CloseWrite() }()
				io.Copy(c, d)
			}()
		}
	}()
	return l.Addr().String(), func() { turned.Store(true) }
}

// targets are all routes but those of the table's policy below; a route that is in neither fails the test.
func (s *scene) targets(t *testing.T) []target {
	policies := map[kind]bool{people: true, software: true, launch: true, instance: true}
	var out []target
	for _, r := range s.routes {
		if !policies[r.kind] || r.kind == people && r.method == "GET" && len(r.dest) == 0 {
			t.Errorf("%s: no policy for this route", r.key())
		}
		path, media, body := s.sample(r)
		out = append(out, target{r.method, path, media, body, r.key()})
	}
	if len(out) != len(s.routes) || len(out) < 25 {
		t.Fatalf("%d targets of %d routes", len(out), len(s.routes))
	}
	return out
}

// T22: a page that is open at the counter, on another loopback address, on another port, or behind a name that is bound anew to
// the desk, and that even knows every secret, does nothing and reads nothing, by any means that a browser has.
func TestHostilePages(t *testing.T) {
	closed := newScene(t)
	closed.post("scan", scanOf(1, closed.good))
	open := newScene(t, func(o *Options) { o.guardOff = true })
	open.post("scan", scanOf(1, open.good))
	names := []string{"closed", "open"}
	rules := []string{}
	turns := map[string]func(){}
	pages := map[string]map[string]string{"closed": {}, "open": {}} // where the hostile page is → its address
	for i, s := range []*scene{closed, open} {
		address, turn := rebinder(t, s.host)
		_, port, _ := net.SplitHostPort(s.host)
		name := names[i] + ".evil.test"
		// The page's origin has the desk's own port, so that the desk's addresses are its own origin.
		rules = append(rules, fmt.Sprintf("MAP %s:%s %s", name, port, address))
		turns[names[i]] = turn
		pages[names[i]]["rebinding"] = "http://" + name + ":" + port
		pages[names[i]]["another address"] = "http://" + site(t, "127.0.0.2:0")
		pages[names[i]]["another port"] = "http://" + site(t, "127.0.0.1:0")
	}
	ctx := browser.Start(t, browser.Options{Flags: []string{"host-resolver-rules=" + strings.Join(rules, ","), "disable-popup-blocking",
		"disable-background-timer-throttling", "disable-site-isolation-trials", "renderer-process-limit=3", "disable-renderer-backgrounding", "disable-backgrounding-occluded-windows"}})
	start := time.Now()
	assault := func(s *scene, which, where string, list []target) loot {
		page := pages[which][where]
		tab := browser.Tab(t, ctx)
		if err := chromedp.Do(tab, chromedp.Navigate(page+"/soup")); err != nil {
			t.Error(err)
			return loot{}
		}
		base := s.origin()
		if where == "rebinding" {
			turns[which]()
			base = page
		}
		b, err := json.Marshal(list)
		if err != nil {
			t.Error(err)
			return loot{}
		}
		got, err := chromedp.Run(tab, chromedp.Evaluate[loot](fmt.Sprintf("run(%q, %s)", base, b), chromedp.EvalAwaitPromise))
		if err != nil || got.Total < 20*len(list) {
			t.Errorf("%s: %d attempts on %d routes: %v", where, got.Total, len(list), err)
		}
		t.Logf("%s, %s: %d attempts, %v", which, where, got.Total, time.Since(start).Round(time.Millisecond))
		return got
	}
	// All at once: most of the time of an attack is spent waiting.
	effects := closed.book.effects.Load()
	closed.inside.Store(0)
	list := closed.targets(t)
	var wg sync.WaitGroup
	for _, where := range []string{"another address", "another port", "rebinding"} {
		wg.Go(func() {
			if got := assault(closed, "closed", where, list); len(got.Got) != 0 {
				t.Errorf("%s: read: %.600s", where, fmt.Sprint(got.Got))
			}
		})
	}
	wg.Wait()
	if in, changed := closed.inside.Load(), closed.book.effects.Load()-effects; in != 0 || changed != 0 || len(closed.book.written) != 1 {
		t.Errorf("%d got behind the guard, %d effects", in, changed)
	}
	// What was never asked was never refused: the log says what came.
	for _, one := range list {
		_, name, _ := strings.Cut(one.Key, " ")
		if n := strings.Count(closed.log.String(), fmt.Sprintf("route=%q", name)); n < 15 {
			t.Errorf("%s: only %d requests of the two pages on other addresses came", one.Key, n)
		}
	}
	if n := strings.Count(closed.log.String(), "refused=host"); n < 15*len(list) {
		t.Errorf("only %d requests came by the name that was bound anew", n)
	}
	if a := closed.get("state"); a.status != 200 {
		t.Errorf("the session itself ended: %d", a.status)
	}
	// Without the guard the same attacks get through, so the harness can see it. From another origin, bodies still have the wrong
	// media type, and nothing can be read: the guard is not the only wall.
	var some []target
	for i, one := range open.targets(t) {
		if i%4 == 0 || one.Key == "POST people sync" {
			some = append(some, one)
		}
	}
	for _, where := range []string{"another port", "rebinding"} {
		open.inside.Store(0)
		effects := open.book.effects.Load()
		got := assault(open, "open", where, some)
		if changed := open.book.effects.Load() - effects; open.inside.Load() < 50 || where == "rebinding" && (changed == 0 || len(got.Got) == 0) {
			t.Errorf("positive control, %s: %d behind, %d effects, %d read: the attacks prove nothing", where, open.inside.Load(), changed, len(got.Got))
		}
	}
}
