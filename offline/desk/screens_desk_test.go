// What the page does for whoever works with it: it keeps the focus, says what failed, and shows nothing green under red.

package desk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sceau/offline"
)

// The sheet for an outage is a screen of the page: a scan there is a scan.
func testPanneIsAScreen(t *testing.T, browser *tab) {
	s := newStand(t)
	s.verdicts(document(offline.French, offline.OK, nil))
	b := browser.at(t, s)
	b.open("")
	b.press("6", "Digit6", 54, 1)
	b.until("!document.querySelector('#panne').hidden && document.querySelector('#phones tbody tr')")
	b.burst("TP1ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS' && document.querySelector('#panne').hidden")
	if n := eval[int](b, `document.querySelectorAll('a[target]:not(#receipt-print)').length`); n != 0 {
		t.Errorf("%d links open another window, which the scanner would type into", n)
	}
	// The phone numbers stay when the server goes away: that is when they are needed.
	s.Listener.Close()
	s.CloseClientConnections()
	b.until("document.querySelector('#banners').textContent.includes('Liaison perdue')")
	eval[any](b, "location.hash = '#panne'; 1")
	b.until("!document.querySelector('#panne').hidden && document.querySelector('#phones').checkVisibility() && document.querySelector('#phones tbody').textContent.includes('01 23 45 67 89')")
	b.hush() // the browser reports the lost connection
}

// F8 keeps the attestation as a file; no window opens, and the next scan is heard.
func testReceiptKeepsTheFocus(t *testing.T, browser *tab) {
	s := newStand(t)
	s.verdicts(document(offline.French, offline.OK, nil))
	s.on("GET receipt/K7QF-1042-M3TZ.pdf", func(w http.ResponseWriter, _ []byte) {
		w.Header().Set("Content-Type", "application/pdf")
		w.Header().Set("Content-Disposition", `attachment; filename="attestation-K7QF-1042-M3TZ.pdf"`)
		fmt.Fprint(w, "%PDF-1.7")
	})
	b := browser.at(t, s)
	b.open("")
	b.scan()
	eval[any](b, "globalThis.left = 0; addEventListener('blur', () => left++); addEventListener('pagehide', () => left++); 1")
	b.press("F8", "F8", 119, 0)
	for deadline := time.Now().Add(10 * time.Second); len(s.questions("GET receipt/")) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("F8 fetches no attestation")
		}
		time.Sleep(10 * time.Millisecond)
	}
	// A machine that stalls between two keys makes a typist of the scanner: then the scan is typed again. One that was not heard at all is
	// the fault looked for.
	const text = "TP1ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	for try := 1; ; try++ {
		b.burst(text)
		got := s.questions("POST scan")
		for deadline := time.Now().Add(10 * time.Second); len(got) == try; got = s.questions("POST scan") {
			if time.Now().After(deadline) {
				t.Fatalf("after F8 nothing was heard: %q", got)
			}
			time.Sleep(10 * time.Millisecond)
		}
		b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS'")
		if strings.Contains(got[len(got)-1], text) {
			break
		}
		if try == 3 {
			t.Fatalf("after F8 the scan is %q", got)
		}
	}
	if n := eval[int](b, "left"); n != 0 {
		t.Errorf("the page lost the focus %d times", n)
	}
	b.hush()
}

// An attempt to read a card that failed is "not verified", whichever way in it was.
func testWaysInThatFail(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	const media = `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '%s')); document.querySelector('#camera').click(); 1`
	const serial = `Object.defineProperty(navigator, 'serial', {configurable: true, value: {requestPort: () => %s}}); document.querySelector('#serial').click(); 1`
	const broken = `Promise.resolve({readable: {getReader: () => { let n = 0; return {read: () => n++ ? Promise.reject(new Error('gone')) : Promise.resolve({value: new TextEncoder().encode('TP1ABC'), done: false}), releaseLock() {}}; }}, open: async () => {}, close: async () => {}})`
	for _, one := range []struct{ name, js, what, todo string }{
		{"camera denied", fmt.Sprintf(media, "NotAllowedError"), "refusé", "barre de la fenêtre"},
		{"no camera", fmt.Sprintf(media, "NotFoundError"), "Aucune webcam", "branchée"},
		{"no serial scanner", fmt.Sprintf(serial, "Promise.reject(new Error('none'))"), "Aucune douchette série", "scanner la carte de nouveau"},
		{"unplugged in a scan", fmt.Sprintf(serial, broken), "débranchée", "rebrancher"},
		{"wrong paste", `navigator.clipboard.readText = async () => 'bonjour'; document.querySelector('#paste').click(); 1`, "presse-papiers", "TP1"},
		{"too long", `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.scanned({typed: 'TP1', presses: [], cut: true}); return 1; })`, "trop longue", "une carte à la fois"},
	} {
		eval[any](b, `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.clear(); return 1; })`)
		eval[any](b, one.js)
		b.until("document.querySelector('#headline')?.textContent === 'NON VÉRIFIÉ' && document.querySelector('#verdict').checkVisibility()")
		if got := eval[string](b, "document.querySelector('#verdict').textContent"); !strings.Contains(got, one.what) || !strings.Contains(got, one.todo) {
			t.Errorf("%s: the screen says %q", one.name, got)
		}
	}
	if n := len(s.questions("POST scan")); n != 0 {
		t.Errorf("%d questions were asked of nothing", n)
	}
	b.quiet("ways in")
}

// A card of twelve: 1 and 2 in a row are the twelfth; a 1 that stays alone is the first; a 1 and, later, a 2 are each themselves.
func testTenPeople(t *testing.T, browser *tab) {
	s := newStand(t)
	d := document(offline.French, offline.OK, nil)
	var people []any
	for i := range 12 {
		p := maps.Clone(d["people"].([]any)[0].(object))
		p["number"] = i + 1
		people = append(people, p)
	}
	d["people"] = people
	s.verdicts(d)
	b := browser.at(t, s)
	b.open("")
	chosen := func() []int {
		var out []int
		for _, q := range s.questions("POST scan") {
			var body struct{ Person int }
			if err := json.Unmarshal([]byte(strings.TrimPrefix(q, "POST scan ")), &body); err != nil {
				t.Fatal(err)
			}
			out = append(out, body.Person)
		}
		return out
	}
	for _, one := range []struct {
		keys string
		want int
	}{{"12", 12}, {"1", 1}, {"10", 10}, {"15", 5}, {"3", 3}} {
		b.scan()
		if text := eval[string](b, "document.querySelector('#verdict').textContent"); !strings.Contains(text, "taper 1, puis aussitôt 0, 1 ou 2") {
			t.Fatal("nothing says how the tenth is chosen")
		}
		before := len(chosen())
		for _, r := range one.keys {
			b.press(string(r), "Digit"+string(r), int64(r), 0)
		}
		b.until(fmt.Sprintf("document.querySelectorAll('.person')[%d]?.getAttribute('aria-pressed') === 'true'", one.want-1))
		if got := chosen()[before:]; len(got) != 1 || got[0] != one.want {
			t.Errorf("keys %s asked for %v", one.keys, got)
		}
	}
	b.quiet("twelve")
}

// Escape forgets half a scan too: the next question says so, and the one after it does not.
func testClearForgetsHalfScans(t *testing.T, browser *tab) {
	s := newStand(t)
	s.verdicts(document(offline.French, offline.Unreadable, nil))
	b := browser.at(t, s)
	b.open("")
	b.scan()
	b.press("Escape", "Escape", 27, 0)
	b.until("!document.querySelector('#waiting').hidden")
	b.scan()
	b.scan()
	got := s.questions("POST scan")
	for i, want := range []bool{false, true, false} {
		if strings.Contains(got[i], `"fresh":true`) != want {
			t.Errorf("question %d: %s", i, got[i])
		}
	}
	// What the server may not have heard is said again.
	b.press("Escape", "Escape", 27, 0)
	b.until("!document.querySelector('#waiting').hidden")
	s.on("POST scan", dropped)
	b.scan()
	b.scan()
	if got = s.questions("POST scan"); !strings.Contains(got[len(got)-1], `"fresh":true`) {
		t.Errorf("after a lost answer: %s", got[len(got)-1])
	}
	b.hush()
}

// Under a refusal or an unknown, the values are what the card says: no tick, no cross, no green, whatever the document claims.
func testNothingGreenUnderRed(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	for _, reason := range []offline.Reason{offline.Revoked, offline.NotCovered, offline.Expired, offline.Suspended, offline.ListMissing} {
		d := document(offline.French, reason, nil)
		for i, p := range d["people"].([]any) {
			p = maps.Clone(p.(object))
			p.(object)["covered"] = i == 0 // an older counter's document
			if d["people"] = append([]any{p}, d["people"].([]any)[1:]...); i == 0 {
				break
			}
		}
		s.verdicts(d)
		b.scan()
		got := eval[struct {
			Text, Green string
			People      int
		}](b, `(() => { const v = document.querySelector('.columns'); const probe = document.createElement('i'); probe.style.color = 'var(--good)'; document.body.append(probe);
  const green = getComputedStyle(probe).color; probe.remove();
  return {Text: v.querySelector('.people').innerText, People: v.querySelectorAll('.person').length, Green: [...v.querySelectorAll('*')].filter((n) => getComputedStyle(n).color === green).map((n) => n.className).join()}; })()`)
		if strings.ContainsAny(got.Text, "✓✕") || strings.Contains(got.Text, "droits ouverts") || got.Green != "" || got.People != 3 || !strings.Contains(got.Text, "inscrit sur la carte") {
			t.Errorf("%s shows %+v", reason, got)
		}
	}
	s.verdicts(document(offline.French, offline.OK, nil))
	b.scan()
	if got := eval[string](b, "document.querySelector('.people').innerText"); !strings.Contains(got, "✓") || strings.Contains(got, "inscrit sur") {
		t.Errorf("open rights show %q", got)
	}
	b.quiet("red")
}

func testMisreadInWords(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	for lang, words := range map[offline.Language]map[string]string{
		offline.French:  {"empty": "rien n’a été lu", "incomplete": "code incomplet", "not_code": "ce n’est pas le code", "merged": "plusieurs cartes", "other": ""},
		offline.English: {"empty": "nothing was read", "incomplete": "code incomplete", "not_code": "not the code", "merged": "several cards", "other": ""},
	} {
		b.open("?lang=" + string(lang))
		for code, want := range words {
			s.verdicts(document(lang, offline.Unreadable, object{"misread": code}))
			b.scan()
			if got := eval[string](b, "document.querySelector('.facts').textContent"); !strings.Contains(got, want) || strings.Contains(got, code) && code != "empty" && code != "incomplete" {
				t.Errorf("%s %s: %q", lang, code, got)
			}
		}
	}
	b.quiet("misread")
}

// The calibration code prints alone, on one sheet.
func testCalibrationPrints(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("#settings")
	eval[any](b, "globalThis.print = () => { globalThis.printed = true; }; document.querySelector('#cal-start').click(); 1")
	b.until("document.querySelector('#cal-code').naturalWidth > 0")
	eval[any](b, "document.querySelector('#cal-print').click(); 1")
	b.until("globalThis.printed")
	pdf := b.print()
	if n := pdfPages(t, pdf); n != 1 {
		t.Errorf("the code prints on %d pages", n)
	}
	text := pdfText(t, pdf)
	if !strings.Contains(text, "étalonnage") || strings.Contains(text, "Profession") || strings.Contains(text, "Imprimer") || strings.Contains(text, "Alt") {
		t.Errorf("printed: %q", text)
	}
	for key, said := range catalogue(offline.French) {
		if strings.HasPrefix(key, "cal_") && strings.Contains(strings.ToLower(said), "réglage ") {
			t.Errorf("%s: %q", key, said)
		}
	}
	b.quiet("calibration")
}

func pdfText(t *testing.T, pdf []byte) string {
	t.Helper()
	cmd := exec.Command("pdftotext", "-", "-")
	cmd.Stdin = strings.NewReader(string(pdf))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The calculator asks about the verdict's day, says what its regime pays, and never shows that nothing is left.
func testCalculator(t *testing.T, browser *tab) {
	s := newStand(t)
	furnish(s)
	s.verdicts(document(offline.French, offline.BeforeEnd, nil))
	b := browser.at(t, s)
	b.open("")
	b.scan()
	eval[any](b, `location.hash = '#share'; const r = document.querySelector('#regime'); r.value = 'ald'; r.dispatchEvent(new Event('change', {bubbles: true}));
document.querySelector('#amo').value = '30'; document.querySelector('#spent').value = '25,00'; document.querySelector('#base').value = '25,00'; document.querySelector('#share-form').requestSubmit(); 1`)
	b.until("document.querySelector('#share-out dd')")
	text := eval[string](b, "document.querySelector('#share').innerText")
	for _, want := range []string{"l’AMO paie 100\u00a0%", "hors franchises et participations", "20/02/2026"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if strings.Contains(text, " 0,00") || strings.Contains(text, "Reste à la charge") {
		t.Errorf("a rest of nothing is shown: %q", text)
	}
	if got := s.questions("POST share"); len(got) != 1 || !strings.Contains(got[0], `"care":"2026-02-20"`) || !strings.Contains(got[0], `"amo":30`) || !strings.Contains(got[0], `"regime":"ald"`) {
		t.Errorf("asked %q", got)
	}
	if eval[bool](b, "[...document.querySelector('#amo').options].some((o) => o.value === '100')") {
		t.Error("100 % is offered as a rate of a product")
	}
	b.quiet("calculator")
}

func testSyncInWords(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("#lists")
	for step, want := range map[string]string{"root": "vérification de l’opérateur", "metadata": "signatures", "lists": "réception des listes", "novelty": "Synchronisation"} {
		s.setState(object{"sync": object{"running": true, "source": "miroir", "step": step, "bytes": 12000}})
		b.until(fmt.Sprintf("document.querySelector('#sync-state').textContent.includes('%s') && document.querySelector('#sync-state').textContent.includes('12')", want))
		if got := eval[string](b, "document.querySelector('#sync-state').textContent"); strings.Contains(got, step+" ") {
			t.Errorf("%s: %q", step, got)
		}
	}
	b.quiet("sync")
}
