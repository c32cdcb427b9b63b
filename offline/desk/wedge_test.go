// The page's capture of a keyboard-wedge scanner, in a real browser: every card on every layout, hostile keys, and people who type.

package desk_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"sceau/offline/scan"
)

// wedgePage has one of each thing that a key can act on. Its clock goes by the times that keys bring with them, unless ?real.
const wedgePage = `<!doctype html><meta charset=utf-8><title>douchette</title><body>
<form id=form><input id=text value=abc><input id=date type=date value=2027-03-02><input id=empty type=date><textarea id=area>abc</textarea>
<select id=select><option>A<option selected>M<option>T</select><input id=box type=checkbox>
<input id=r1 type=radio name=r checked><input id=r2 type=radio name=r><button id=submit>ok</button></form>
<button id=button type=button>non</button><a id=link href=/elsewhere>ailleurs</a><dialog id=dialog><input id=inner value=abc></dialog>
<script type=module>
import {Wedge} from '/wedge.js';
let time = 0, next = 1, timers = new Map();
const advance = (to) => {
  for (;;) {
    const due = [...timers].filter(([, t]) => t.at <= to).sort((a, b) => a[1].at - b[1].at)[0];
    if (!due) break;
    timers.delete(due[0]);
    time = Math.max(time, due[1].at);
    due[1].fn();
  }
  time = Math.max(time, to);
};
const clock = location.search === '?real' ? {} : {
  now: () => time, setTimeout: (fn, ms) => (timers.set(next, {fn, at: time + ms}), next++), clearTimeout: (id) => timers.delete(id),
  at: (e) => { if (e.isTrusted) advance(Math.max(time, e.timeStamp)); return e.isTrusted ? e.timeStamp : time; }};
const log = {scans: [], acts: [], loose: [], starts: 0, idles: 0, most: 0};
addEventListener('keydown', (e) => setTimeout(() => { // what the browser may still act on
  const held = (e.ctrlKey ? 'Ctrl+' : '') + (e.altKey ? 'Alt+' : '') + (e.metaKey ? 'Meta+' : '');
  if (!e.defaultPrevented && (held || e.key.length > 1)) log.loose.push(held + e.key + ' ' + e.target.id);
}), true);
const wedge = new Wedge({clock, onStart: () => log.starts++, onProgress: (n) => { log.most = Math.max(log.most, n); }, onScan: (s) => log.scans.push(s), onIdle: () => log.idles++});
wedge.start();
const act = (what) => (e) => { log.acts.push(what + ' ' + (e?.target?.id ?? '')); e?.preventDefault?.(); };
for (const [i, c] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].entries()) if (i % 2 && c !== 'V') for (const m of ['Ctrl', 'Alt', 'Meta']) wedge.shortcut(m + '+' + c, act(m + '+' + c));
for (let i = 2; i <= 12; i += 2) wedge.shortcut('F' + i, act('F' + i));
wedge.shortcut('?', act('?'));
wedge.shortcut('Alt+1', act('Alt+1'));
for (const type of ['click', 'submit', 'cancel']) addEventListener(type, act(type), true);
for (const type of ['beforeunload', 'hashchange', 'popstate', 'fullscreenchange']) addEventListener(type, () => log.acts.push(type));
for (const el of document.querySelectorAll('input,textarea,select')) { el.first = () => { el.value = el.defaultValue ?? 'M'; el.checked = el.defaultChecked; }; }
const state = () => JSON.stringify([document.activeElement.id, dialog.open, ...[...document.querySelectorAll('input,textarea,select')].map((e) =>
  [e.value, e.validity.badInput, e.checked ?? 0, e.selectionStart ?? -1, e.selectionEnd ?? -1])]);
window.advance = () => advance(time + 2000);
window.focusOn = (id) => {
  for (const el of document.querySelectorAll('input,textarea,select')) el.first();
  dialog.close();
  if (id === 'inner') dialog.showModal();
  document.activeElement.blur();
  document.getElementById(id)?.focus();
  const el = document.activeElement;
  if (id === 'text' || id === 'area' || id === 'inner') el.setSelectionRange(1, 2);
  log.acts.length = 0;
  return state();
};
window.take = () => { const s = JSON.stringify({...log, time, busy: wedge.busy, state: state()}); Object.assign(log, {scans: [], acts: [], loose: [], starts: 0, idles: 0, most: 0}); return s; };
window.paste = (id, text) => { const d = new DataTransfer(); d.setData('text/plain', text); (document.getElementById(id) ?? document.body).dispatchEvent(new ClipboardEvent('paste', {clipboardData: d, bubbles: true, cancelable: true})); };
window.wedge = wedge;
window.ready = true;
</script>`

type wedgeSeen struct {
	Scans []struct {
		scan.Typed
		Cut bool `json:"cut"`
	} `json:"scans"`
	Acts, Loose         []string
	Starts, Idles, Most int
	Time                float64
	Busy                bool
	State               string
}

// wedgeTab is a Chromium whose keys are sent ahead, without waiting for each to arrive, because a test types a hundred thousand of them.
type wedgeTab struct {
	t       *testing.T
	to      *bufio.Writer
	answers chan wedgeAnswer
	session string
	id      int
	waiting int // commands without an answer yet
	loads   atomic.Int32
	at      float64 // of the next key, in seconds of the browser's clock; 0 for now
	held    bool    // keys are not released: half the work
}

type wedgeAnswer struct {
	ID     int
	Result json.RawMessage
	Error  json.RawMessage
}

func openWedge(t *testing.T, query string) *wedgeTab {
	t.Helper()
	w := &wedgeTab{t: t, answers: make(chan wedgeAnswer, 1<<16)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/favicon.ico" {
			w.loads.Add(1)
			rw.Header().Set("Content-Type", "text/html")
			fmt.Fprint(rw, wedgePage)
		}
	})
	mux.HandleFunc("/wedge.js", func(rw http.ResponseWriter, r *http.Request) { http.ServeFile(rw, r, filepath.Join("web", "wedge.js")) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	path := "chromium"
	for _, name := range []string{"google-chrome", "chromium-browser", "chromium"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
		}
	}
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "wedge")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--lang=fr-FR",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+dir, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Fatal("no Chromium: scripts/setup test installs it: ", err)
	}
	in.Close()
	out.Close()
	w.to = bufio.NewWriterSize(to, 1<<16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.answers)
		for r := bufio.NewReaderSize(from, 1<<16); ; {
			b, err := r.ReadBytes(0)
			if err != nil {
				return
			}
			var a wedgeAnswer
			if json.Unmarshal(b[:len(b)-1], &a) == nil && a.ID != 0 {
				w.answers <- a
			}
		}
	}()
	t.Cleanup(func() {
		w.session = ""
		w.send("Browser.close", struct{}{})
		w.to.Flush()
		for range w.answers {
		}
		<-done
		cmd.Wait()
		to.Close()
		from.Close()
		for deadline := time.Now().Add(5 * time.Second); os.RemoveAll(dir) != nil && time.Now().Before(deadline); {
			continue // its last children are still writing
		}
	})
	var target struct{ TargetID, SessionID string }
	w.call("Target.createTarget", map[string]any{"url": srv.URL + "/" + query}, &target)
	w.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	w.session = target.SessionID
	for deadline := time.Now().Add(20 * time.Second); w.eval("String(window.ready)") != "true"; {
		if time.Now().After(deadline) {
			t.Fatal("the page did not start")
		}
	}
	return w
}

func (w *wedgeTab) send(method string, params any) {
	w.id++
	w.waiting++
	b, err := json.Marshal(struct {
		ID        int    `json:"id"`
		Session   string `json:"sessionId,omitempty"`
		Method    string `json:"method"`
		Arguments any    `json:"params"`
	}{w.id, w.session, method, params})
	if err == nil {
		_, err = w.to.Write(append(b, 0))
	}
	if err != nil {
		w.t.Error(method, err)
	}
}

// call sends a command when everything before it has been answered: keys and scripts go different ways in a browser.
func (w *wedgeTab) call(method string, params, into any) {
	w.t.Helper()
	w.settle()
	w.send(method, params)
	if err := json.Unmarshal(w.settle(), into); err != nil {
		w.t.Fatal(method, err)
	}
}

// settle waits for all answers and returns the last one.
func (w *wedgeTab) settle() (last json.RawMessage) {
	w.t.Helper()
	if err := w.to.Flush(); err != nil {
		w.t.Fatal(err)
	}
	for ; w.waiting > 0; w.waiting-- {
		a, ok := <-w.answers
		if !ok {
			w.t.Fatal("the browser ended")
		}
		if a.Error != nil {
			w.t.Fatalf("%s", a.Error)
		}
		last = a.Result
	}
	return last
}

func (w *wedgeTab) eval(js string) string {
	w.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails any
	}
	w.call("Runtime.evaluate", map[string]any{"expression": js, "userGesture": true}, &r)
	if r.ExceptionDetails != nil {
		w.t.Fatalf("%s: %v", js, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

// take lets silence pass and returns what the page saw since the last time.
func (w *wedgeTab) take() (s wedgeSeen) {
	w.t.Helper()
	if w.at != 0 {
		w.eval("advance()")
		w.at += 3
	}
	if err := json.Unmarshal([]byte(w.eval("take()")), &s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// key is one key as the browser gets it from the system.
type key struct {
	Type      string   `json:"type"`
	Key       string   `json:"key"`
	Code      string   `json:"code"`
	Text      string   `json:"text,omitempty"`
	Modifiers int      `json:"modifiers,omitempty"` // Alt 1, Ctrl 2, Meta 4, Shift 8
	VK        int      `json:"windowsVirtualKeyCode,omitempty"`
	Commands  []string `json:"commands,omitempty"`
	Timestamp float64  `json:"timestamp,omitempty"`
}

// press presses and releases a key, gap seconds after the last one.
func (w *wedgeTab) press(k key, gap float64) {
	if w.at != 0 {
		w.at += gap
	}
	k.Timestamp = w.at
	k.Type = "keyDown"
	w.send("Input.dispatchKeyEvent", k)
	if w.held {
		return
	}
	k.Type, k.Text, k.Commands = "keyUp", "", nil
	w.send("Input.dispatchKeyEvent", k)
}

const keyPlaces = "1234567890qwertyuiopasdfghjkl;zxcvbnm"

// struck is the key that a US-set scanner presses for a symbol, as a computer with layout h and perhaps Caps Lock shows it.
func struck(t *testing.T, symbol rune, h scan.Keyboard, caps bool) key {
	t.Helper()
	i := strings.IndexRune(keyPlaces, unicode.ToLower(symbol))
	if i < 0 {
		t.Fatalf("no key for %q", symbol)
	}
	plain, shifted, third := []rune(h.Plain), []rune(h.Shifted), []rune(h.Caps)
	k := key{Code: "Key" + string(symbol)}
	if i < 10 {
		k.Code = "Digit" + string(symbol)
	}
	up := unicode.IsLetter(symbol)
	if up {
		k.Modifiers = 8
	}
	// Caps Lock turns letters round, on AZERTY the digits too (Windows), or makes capitals of accents (Linux).
	c := plain[i]
	switch {
	case caps && !up && i < len(third) && third[i] != ' ':
		c = third[i]
	case caps && (i >= 10 || strings.HasPrefix(h.Name, "AZERTY")):
		up = !up
		fallthrough
	default:
		if up {
			c = shifted[i]
		}
	}
	if k.Key, k.Text = string(c), string(c); c == ' ' {
		k.Key, k.Text = "Dead", ""
	}
	return k
}

func (w *wedgeTab) scan(code string, h scan.Keyboard, caps bool, gap float64) {
	w.t.Helper()
	for _, c := range code {
		w.press(struck(w.t, c, h, caps), gap)
	}
}

var enter = key{Key: "Enter", Code: "Enter", Text: "\r", VK: 13}

// unknownKeyboard is no known layout, and two of its keys are dead.
var unknownKeyboard = scan.Keyboard{Name: "inconnue", Plain: "+ěščřžýáíéбвгдежзийк лмнопрстуфхцчш ъ", Shifted: "1234567890БВГДЕЖЗИЙК ЛМНОПРСТУФХЦЧШ Ъ"}

// TestWedgeEveryLayout: a US-set scanner, six cards on each layout with Caps Lock off and on, each card at 100 and at 500 characters a second, with and
// without an Enter, into each kind of field: all read, none as anything else, and the field keeps what it held.
func TestWedgeEveryLayout(t *testing.T) {
	t.Parallel()
	w := openWedge(t, "")
	w.at = float64(time.Now().Unix())
	cards := vectorCodes(t)
	read, keys := 0, 0
	fields := []string{"text", "date", "empty", "area", "select", "button", "inner", "r1", "", "box", "link"}
	for n, h := range append(scan.Keyboards(), unknownKeyboard) {
		for k, caps := range []bool{false, true} {
			field := fields[(2*n+k)%len(fields)]
			before := w.eval("focusOn('" + field + "')")
			for i, c := range cards {
				gap := []float64{0.010, 0.002}[(i+k)%2]
				w.at++
				w.held = i > 0
				w.scan(c, h, caps, gap)
				keys += len(c)
				if (i+n)%2 == 0 {
					w.press(enter, gap)
				}
			}
			s := w.take()
			if len(s.Scans) != len(cards) || s.Starts != len(cards) || s.Idles != len(cards) || s.Busy || len(s.Acts) > 0 || s.State != before {
				t.Fatalf("%s, caps %t, on %q: %d scans, %d starts, %d idles, %q\n before %s\n after  %s", h.Name, caps, field,
					len(s.Scans), s.Starts, s.Idles, s.Acts, before, s.State)
			}
			for i, x := range s.Scans {
				text, how, err := scan.Read(x.Typed, nil)
				if err != nil || text != cards[i] || x.Cut || how.Keys != (h.Name == "inconnue") {
					t.Errorf("%s, caps %t, card %d: %+v, %v", h.Name, caps, i, how, err)
					continue
				}
				read++
			}
		}
	}
	if want := (13 + 1) * 2 * len(cards); read != want {
		t.Errorf("%d of %d read", read, want)
	}
	if n := w.loads.Load(); n != 1 {
		t.Errorf("the page was loaded %d times", n)
	}
	t.Logf("count: %d scans read in Chromium, %d keys, 0 refused, 0 as another text", read, keys)
}
