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

// A first start with keys alone and without an operator: source, fingerprint, profession.
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
	reach("f-code")
	reach("first-done")
	b.enter()
	b.until("!document.querySelector('#verify').hidden")
	if got := s.questions("POST follow"); len(got) != 1 || !strings.Contains(got[0], `"from":"/media/cle"`) || !strings.Contains(got[0], strings.Repeat("9f3c", 16)) {
		t.Errorf("followed %q", got)
	}
	saved := s.questions("POST settings")
	if len(saved) != 1 || !strings.Contains(saved[0], `"profession":"pharmacie"`) {
		t.Errorf("saved %q", saved)
	}
	b.quiet("first start")
}

// A scan, another person by a digit, another day, copy by one key, receipt by one key, Escape: no mouse, on a French keyboard too.
func testVerdictByKeyboard(t *testing.T, browser *tab) {
	s := careStand(t)
	furnish(s)
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
	b.enter()
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

// careStand answers each scan with the day and the person that it was asked for.
func careStand(t *testing.T) *stand {
	s := newStand(t)
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
	return s
}

// The date of care, typed slowly beside a verdict: that verdict goes at the first change, and one question is asked, at Enter or
// when the field is left, for the day that shows.
func testDateIsTypedSlowly(t *testing.T, browser *tab) {
	s := careStand(t)
	b := browser.at(t, s)
	b.open("")
	b.scan()
	const pending = "!document.querySelector('#reading').hidden && document.querySelector('#reading-title').textContent.includes('Date en cours de saisie') && document.querySelector('#verdict').textContent === ''"
	slowly := func(digits string) {
		t.Helper()
		for _, r := range digits {
			time.Sleep(570 * time.Millisecond) // and the 130 ms of press: longer than any rest of the page
			b.press(string(r), "Digit"+string(r), int64(r), 0)
			if at := eval[string](b, focused); at != "care" {
				t.Fatalf("after %c the focus is on %s", r, at)
			}
		}
	}
	asked := func(n int) {
		t.Helper()
		if got := s.questions("POST scan"); len(got) != n {
			t.Fatalf("asked %q", got)
		}
	}
	b.press("s", "KeyS", 83, 1)
	b.until("document.activeElement.id === 'care'")
	slowly("0302")
	if !eval[bool](b, pending) {
		t.Error("a verdict stands beside a date that is being typed")
	}
	slowly("2027")
	asked(1)
	b.until(pending)
	day := eval[string](b, "document.querySelector('#care').value")
	if day != "2027-02-03" && day != "2027-03-02" { // as the browser orders them
		t.Fatalf("the field holds %q", day)
	}
	b.enter()
	b.until("document.activeElement.id === 'verdict' && document.querySelector('#headline')")
	asked(2)
	if got := s.questions("POST scan")[1]; !strings.Contains(got, `"care":"`+day+`"`) {
		t.Errorf("asked %s", got)
	}
	b.press("2", "Digit2", 50, 0)
	b.until("document.querySelectorAll('.person')[1]?.getAttribute('aria-pressed') === 'true'")
	asked(3)
	if got := s.questions("POST scan")[2]; !strings.Contains(got, `"care":"`+day+`"`) || !strings.Contains(got, `"person":2`) {
		t.Errorf("asked %s", got)
	}
	// Enter without a change asks nothing; a year in part is no day, however the field is left.
	b.press("s", "KeyS", 83, 1)
	b.until("document.activeElement.id === 'care'")
	b.enter()
	b.until("document.activeElement.id === 'verdict'")
	b.press("s", "KeyS", 83, 1)
	b.until("document.activeElement.id === 'care'")
	slowly("0302000")
	slowly("2")
	b.enter()
	time.Sleep(700 * time.Millisecond) // nothing may come of it
	eval[any](b, "document.querySelector('#domain').focus(); 1")
	b.until("document.querySelector('#reading-count').textContent.includes('incomplète')")
	time.Sleep(700 * time.Millisecond) // nothing may come of it
	asked(3)
	// The field is left with a whole day: asked once, and the focus stays where it went.
	b.press("s", "KeyS", 83, 1)
	b.until("document.activeElement.id === 'care'")
	slowly("04042026")
	asked(3)
	eval[any](b, "document.querySelector('#domain').focus(); 1")
	b.until("document.querySelector('.other')?.textContent === '04/04/2026' && document.activeElement.id === 'domain'")
	asked(4)
	b.quiet("date")
}

// A refusal of the settings names its field.
func testSettingsNameTheirField(t *testing.T, browser *tab) {
	s := newStand(t)
	refuse := func(w http.ResponseWriter, _ []byte) {
		writeTestJSON(w, 400, object{"error": object{"what": "Les réglages sont refusés.", "todo": "Corrigez-les."}})
	}
	s.on("POST settings", refuse)
	b := browser.at(t, s)
	for _, one := range []struct{ screen, field, typed, words string }{
		{"settings", "s-finess", "75000", "Neuf caractères, clé comprise"},
		{"settings", "s-retention", "12", "de 30 à 3650"},
		{"settings", "s-sync", "2", "De 5 à 1440"},
		{"settings", "s-port", "80", "de 1024 à 65535"},
	} {
		b.open("#" + one.screen)
		b.until("!document.querySelector('#" + one.screen + "').hidden")
		field := "document.querySelector('#" + one.field + "')"
		eval[any](b, field+".focus(); "+field+".value = ''; 1")
		b.write(one.typed)
		b.enter()
		b.until(field + ".getAttribute('aria-invalid') === 'true' && document.activeElement === " + field)
		if got := eval[string](b, "document.getElementById("+field+".getAttribute('aria-describedby').split(' ')[0]).textContent"); !strings.Contains(got, one.words) {
			t.Errorf("%s: says %q", one.field, got)
		}
		if n := eval[int](b, "document.querySelectorAll('[aria-invalid]').length"); n != 1 {
			t.Errorf("%s: %d fields are marked", one.field, n)
		}
		b.write("1")
		b.press("Backspace", "Backspace", 8, 0)
		b.until("!" + field + ".hasAttribute('aria-invalid') && !document.querySelector('#" + one.field + "-wrong')")
	}
	b.hush() // a refusal is reported by the browser
}

// What screen readers heard of one verdict is gone when the next one speaks.
func testOneVoice(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	for _, reason := range []offline.Reason{offline.NotCovered, offline.OK, offline.NotCovered} {
		s.verdicts(document(offline.French, reason, nil))
		b.burst("TP1ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
		speaks, silent := "live", "alert"
		if reason == offline.NotCovered {
			speaks, silent = silent, speaks
		}
		b.until("document.querySelector('#headline') && document.querySelector('#" + speaks + "').textContent.startsWith(document.querySelector('#headline').textContent)")
		if got := eval[string](b, "document.querySelector('#"+silent+"').textContent"); got != "" {
			t.Errorf("%s: #%s still says %q", reason, silent, got)
		}
	}
	b.quiet("voice")
}
