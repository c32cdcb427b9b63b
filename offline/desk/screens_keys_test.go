// People without a mouse: everything is reached with Tab, a whole first start and a whole verdict are done with keys alone.

package desk_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"sceau/offline"
)

// press types one key as a person would, with time before and after it: the page takes hurried keys for a scanner's.
func (b *tab) press(key, code string, number, modifiers int64) {
	b.t.Helper()
	text := ""
	if len([]rune(key)) == 1 && modifiers&^8 == 0 {
		text = key
	}
	if key == "Enter" {
		text = "\r"
	}
	time.Sleep(130 * time.Millisecond) // a person's pace is what is tested
	if err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
			p := input.DispatchKeyEventParams{Type: kind, Key: key, Code: code, WindowsVirtualKeyCode: number, Modifiers: modifiers}
			if kind == "keyDown" {
				p.Text = text
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, p); err != nil {
				return err
			}
		}
		return nil
	})); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) tab()   { b.t.Helper(); b.press("Tab", "Tab", 9, 0) }
func (b *tab) enter() { b.t.Helper(); b.press("Enter", "Enter", 13, 0) }

// write types a text at a person's pace into what has the focus.
func (b *tab) write(text string) {
	b.t.Helper()
	for _, r := range text {
		b.press(string(r), "", int64(r), 0)
	}
}

// burst types a code as a scanner would.
func (b *tab) burst(text string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, r := range text + "\r" {
			p := input.DispatchKeyEventParams{Type: "keyDown", Key: string(r), Text: string(r), Code: "Key" + strings.ToUpper(string(r)), WindowsVirtualKeyCode: int64(r)}
			if r >= '0' && r <= '9' {
				p.Code = "Digit" + string(r)
			}
			if r == '\r' {
				p.Key, p.Code = "Enter", "Enter"
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, p); err != nil {
				return err
			}
		}
		return nil
	})); err != nil {
		b.t.Fatal(err)
	}
}

const focused = `(() => { const n = document.activeElement; return n.id || n.className || n.tagName; })()`

// Tab reaches every control that shows, in the order of the page, and each one that has the focus is seen to have it.
func testTabReachesEverything(t *testing.T, browser *tab) {
	s := newStand(t)
	furnish(s)
	b := browser.at(t, s)
	b.look("light")
	b.open("")
	s.verdicts(document(offline.French, offline.OK, nil))
	steps := 0
	for _, at := range []string{"verify", "verdict", "share", "journal", "lists", "settings", "panne", "first"} {
		if at == "verdict" {
			b.scan()
		} else {
			eval[any](b, `location.hash = '#`+at+`'; 1`)
			b.until("!document.querySelector('#" + at + "').hidden")
		}
		if at == "journal" {
			b.until("document.querySelector('#j-table tbody a')")
		}
		// The frame around the screens is walked once.
		inside := map[bool]string{true: "document", false: "document.querySelector('#" + strings.Replace(at, "verdict", "verify", 1) + "')"}[at == "verify"]
		want := eval[int](b, `(() => {
globalThis.all = [...`+inside+`.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')].filter((n) => n.checkVisibility() && !n.disabled);
document.querySelector('#main').focus(); if ('`+at+`' === 'verify') document.activeElement.blur();
globalThis.met = new Set(); globalThis.bad = []; addEventListener('focusin', (e) => {
  met.add(e.target);
  const s = getComputedStyle(e.target), r = e.target.getBoundingClientRect();
  if (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2) bad.push('no outline: ' + (e.target.id || e.target.textContent));
  if ((r.width < 24 || r.height < 24) && e.target.type !== 'checkbox') bad.push('small: ' + (e.target.id || e.target.textContent) + ' ' + r.width + '×' + r.height);
}); return all.length; })()`)
		for n := range 2*want + 10 {
			if n >= want && eval[bool](b, "all.every((n) => met.has(n))") {
				break
			}
			if err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				time.Sleep(62 * time.Millisecond) // Tab is a person's from 60 ms on
				for _, kind := range []input.DispatchKeyEventType{"rawKeyDown", "keyUp"} {
					if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9}); err != nil {
						return err
					}
				}
				return nil
			})); err != nil {
				t.Fatal(err)
			}
			steps++
		}
		if missed := eval[string](b, `all.filter((n) => !met.has(n)).map((n) => n.id || n.textContent.trim() || n.tagName).join(', ')`); missed != "" {
			t.Errorf("%s: Tab never reaches %s", at, missed)
		}
		if bad := eval[string](b, `[...new Set(bad)].join(', ')`); bad != "" {
			t.Errorf("%s: %s", at, bad)
		}
	}
	if steps < 60 {
		t.Errorf("Tab was pressed only %d times", steps)
	}
	b.quiet("tab")
}

// A first start with keys alone: source, fingerprint, profession, name.
func testFirstStartByKeyboard(t *testing.T, browser *tab) {
	s := newStand(t)
	s.setState(object{"first_start": true, "lists": []any{}, "oldest": object{"level": "none"}, "settings": object{"language": "fr", "profession": "", "retention_days": 1096, "sync_minutes": 30}})
	s.says("POST peek", object{"fingerprint": strings.Repeat("9f3c", 16), "known": false})
	s.says("POST follow", object{"done": true})
	b := browser.at(t, s)
	b.open("")
	b.until("!document.querySelector('#first').hidden")
	reach := func(id string) {
		t.Helper()
		for range 40 {
			if eval[string](b, focused) == id {
				return
			}
			b.tab()
		}
		t.Fatalf("Tab never reaches %s; the focus is on %s", id, eval[string](b, focused))
	}
	reach("f-from")
	b.write("/media/cle")
	b.enter()
	b.until("document.activeElement.closest('.fingerprint')")
	if got := eval[string](b, `document.querySelector('.groups').textContent`); got != strings.TrimSpace(strings.Repeat("9f3c ", 16)) {
		t.Errorf("the fingerprint shows as %q", got)
	}
	b.enter()
	b.until("document.activeElement.id === 'f-profession'")
	b.press("ArrowDown", "ArrowDown", 40, 0)
	reach("f-name")
	b.write("Port")
	reach("first-done")
	b.enter()
	b.until("!document.querySelector('#verify').hidden")
	if got := s.questions("POST follow"); len(got) != 1 || !strings.Contains(got[0], `"from":"/media/cle"`) || !strings.Contains(got[0], strings.Repeat("9f3c", 16)) {
		t.Errorf("followed %q", got)
	}
	saved := s.questions("POST settings")
	if len(saved) != 1 || !strings.Contains(saved[0], `"profession":"pharmacie"`) || !strings.Contains(saved[0], `"name":"Port"`) {
		t.Errorf("saved %q", saved)
	}
	b.quiet("first start")
}

// A scan, another person by a digit, another day, copy by one key, receipt by one key, Escape: no mouse, on a French keyboard too.
func testVerdictByKeyboard(t *testing.T, browser *tab) {
	s := newStand(t)
	furnish(s)
	s.on("POST scan", func(w http.ResponseWriter, body []byte) {
		var q struct {
			ID     int64
			Person int
			Care   string
		}
		_ = json.Unmarshal(body, &q)
		d := document(offline.French, offline.OK, object{"id": q.ID})
		if q.Person > 0 {
			d["beneficiary"] = q.Person
		}
		if q.Care != "" {
			d["care"] = q.Care
		}
		writeTestJSON(w, 200, d)
	})
	b := browser.at(t, s)
	b.open("")
	eval[any](b, `globalThis.opened = []; addEventListener('click', (e) => { const a = e.target.closest('a[download], a[target]'); if (a) { e.preventDefault(); opened.push(a.getAttribute('href')); } }, true);
  navigator.clipboard.writeText = (text) => { globalThis.taken = text; return Promise.resolve(); }; 1`)
	b.burst("TP1ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS'")
	if got := s.questions("POST scan"); len(got) != 1 || !strings.Contains(got[0], `"typed":"TP1ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"`) || !strings.Contains(got[0], `"code":"KeyT"`) {
		t.Fatalf("asked %q", got)
	}
	b.until("document.activeElement.id === 'verdict'")
	b.press("é", "Digit2", 50, 0)
	b.until("document.querySelectorAll('.person')[1]?.getAttribute('aria-pressed') === 'true'")
	b.press("F2", "F2", 113, 0)
	b.until("globalThis.taken")
	if got, want := eval[string](b, "taken"), "775670284\tSP IS\tSAN01\t012284A\tdu 01/01/2026 au 31/12/2026"; got != want {
		t.Errorf("copied %q, not %q", got, want)
	}
	b.press("F8", "F8", 119, 0)
	b.until("opened.length === 1 && opened[0].startsWith('receipt/K7QF-1042-M3TZ.pdf?download=1')")
	b.press("s", "KeyS", 83, 1)
	b.until("document.activeElement.id === 'care'")
	eval[any](b, `(() => { const c = document.querySelector('#care'); c.value = '2026-02-10'; c.dispatchEvent(new Event('change', {bubbles: true})); return 1; })()`)
	if !eval[bool](b, "document.querySelector('#verdict').hidden && document.querySelector('#verdict').textContent === ''") {
		t.Error("the verdict on another day stays on the screen")
	}
	b.until("document.querySelector('.other')?.textContent === '10/02/2026'")
	if !eval[bool](b, "document.querySelector('#other-day').checkVisibility() && document.querySelector('#other-day strong').textContent.includes('10/02/2026')") {
		t.Error("a date of care that isn't today isn't shown large")
	}
	for key, screen := range map[string]string{"&": "verify", "3": "journal", "'": "lists", "(": "settings", "6": "panne"} {
		b.press(key, "", int64(key[0]), 1)
		b.until("!document.querySelector('#" + screen + "').hidden")
	}
	b.press("1", "Digit1", 49, 1)
	b.until("!document.querySelector('#verify').hidden")
	b.press("Escape", "Escape", 27, 0)
	b.until("!document.querySelector('#waiting').hidden && document.querySelector('#other-day').hidden && document.querySelector('#verdict').textContent === ''")
	b.quiet("verdict")
}

// A digit is nobody's key while the verdict doesn't have the focus.
func testDigitsOnlyOnTheVerdict(t *testing.T, browser *tab) {
	s := newStand(t)
	s.verdicts(document(offline.French, offline.OK, nil))
	b := browser.at(t, s)
	b.open("")
	b.scan()
	eval[any](b, "document.querySelector('#domain').focus(); 1")
	b.press("2", "Digit2", 50, 0)
	eval[any](b, "document.activeElement.blur(); 1")
	b.press("2", "Digit2", 50, 0)
	b.press("9", "Digit9", 57, 0)
	eval[any](b, "document.querySelector('#verdict').focus(); 1")
	b.press("9", "Digit9", 57, 0) // nobody is the ninth
	b.press("3", "Digit3", 51, 0)
	b.until("document.querySelectorAll('.person')[2]?.getAttribute('aria-pressed') === 'true'")
	if got := s.questions("POST scan"); len(got) != 2 || !strings.Contains(got[1], `"person":3`) {
		t.Errorf("asked %q", got)
	}
	b.quiet("digits")
}
