// The screens in a real browser: axe, zoom, pictures of each for the manual.

package desk_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sceau/fixtures/browser"
	"sceau/offline"
)

var update = flag.Bool("update", false, "write docs/desk-*.png")

// view is one thing that the page can show.
type view struct {
	name  string
	file  string // of its picture in docs; "" for none
	show  func(b *tab, lang offline.Language)
	small bool // its picture is
	alike bool // built as another one is: one language is enough
}

func verdictView(file string, reason offline.Reason) view {
	show := func(b *tab, lang offline.Language) {
		d := document(lang, reason, nil)
		b.s.verdicts(d)
		if list, ok := d["list"].(object); ok { // the age at the top is that of the same list
			level := map[offline.Reason]string{offline.StaleList: "reserve", offline.ListTooOld: "refuse"}[reason]
			b.s.setState(object{"oldest": object{"published": list["published"], "age_words": list["age_words"], "level": cmp.Or(level, "ok")}})
			b.until(fmt.Sprintf("document.querySelector('#age').dataset.level === '%s'", cmp.Or(level, "ok")))
		} else {
			b.s.setState(object{"oldest": calmState()["oldest"]})
			b.until("document.querySelector('#age').dataset.level === 'ok'")
		}
		if d["care"] != today.String() {
			eval[any](b, fmt.Sprintf(`(() => { const c = document.querySelector('#care'); c.value = '%s'; c.dispatchEvent(new Event('change', {bubbles: true})); return 1; })()`, d["care"]))
		}
		b.scan()
	}
	alike := reason != offline.OK && reason != offline.BadSignature && reason != offline.NotCovered
	return view{name: string(reason) + " " + file, file: file, show: show, alike: alike}
}

func smallView(file string, reason offline.Reason) view {
	v := verdictView(file, reason)
	v.small = true
	return v
}

func screenView(name, file string, until string) view {
	return view{name: name, file: file, show: func(b *tab, _ offline.Language) {
		eval[any](b, fmt.Sprintf("location.hash = '#%s'; 1", name))
		b.until("!document.querySelector('#" + name + "').hidden && " + until)
	}}
}

var views = []view{
	{name: "waiting", file: "waiting", show: func(*tab, offline.Language) {}},
	{name: "reading", file: "reading", show: func(b *tab, _ offline.Language) {
		eval[any](b, `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.begin(); v.progress(214); return 1; })`)
	}},
	verdictView("ok", offline.OK),
	verdictView("prise-en-charge", offline.OKPEC),
	verdictView("before-end", offline.BeforeEnd),
	verdictView("stale-list", offline.StaleList),
	verdictView("choose-person", offline.ChoosePerson),
	verdictView("not-covered", offline.NotCovered),
	verdictView("expired", offline.Expired),
	verdictView("revoked", offline.Revoked),
	verdictView("bad-signature", offline.BadSignature),
	verdictView("unknown-issuer", offline.UnknownIssuer),
	verdictView("unreadable", offline.Unreadable),
	smallView("not-yet", offline.NotYet),
	smallView("replaced", offline.Replaced),
	smallView("suspended", offline.Suspended),
	smallView("list-too-old", offline.ListTooOld),
	smallView("not-listed", offline.NotListed),
	smallView("wrong-insurer", offline.WrongInsurer),
	smallView("key-dead", offline.KeyDead),
	smallView("unknown-domain", offline.UnknownDomain),
	smallView("list-missing", offline.ListMissing),
	smallView("clock-wrong", offline.ClockWrong),
	smallView("facts-damaged", offline.FactsUnreadable),
	{name: "unrecorded", file: "unrecorded", show: func(b *tab, lang offline.Language) {
		b.s.verdicts(unrecorded(lang))
		b.scan()
	}},
	{name: "error", file: "error", show: func(b *tab, _ offline.Language) {
		b.s.on("POST scan", dropped)
		b.scan()
		b.hush() // the browser reports the lost connection
	}},
	{name: "share", file: "calculator", show: func(b *tab, lang offline.Language) {
		b.s.verdicts(document(lang, offline.OK, nil))
		b.scan()
		eval[any](b, `location.hash = '#share'; document.querySelector('#spent').value = '25,00'; document.querySelector('#base').value = '25,00'; document.querySelector('#share-form').requestSubmit(); 1`)
		b.until("document.querySelector('#share-out dd')")
	}},
	{name: "online", file: "online", show: func(b *tab, lang offline.Language) {
		b.standing(onlineState(), "online")
		b.s.verdicts(online(lang, serves{}))
		b.scan()
	}},
	{name: "changed", file: "changed", show: func(b *tab, lang offline.Language) {
		b.standing(onlineState(), "online")
		b.s.verdicts(online(lang, serves{changed: true}))
		b.scan()
	}},
	{name: "rescue", file: "rescue", show: func(b *tab, lang offline.Language) {
		b.standing(rescueState(), "rescue")
		b.s.verdicts(online(lang, serves{code: "unreachable"}))
		b.scan()
	}},
	{name: "invitation", show: func(b *tab, lang offline.Language) {
		b.s.verdicts(invitationScan(lang))
		b.scan()
	}},
	{name: "enrolment", file: "enrolment", show: func(b *tab, _ offline.Language) {
		b.standing(calmState(), "rescue")
		eval[any](b, "location.hash = '#first'; 1")
		b.until("!document.querySelector('#first').hidden")
		eval[any](b, "document.querySelector('#f-address').value = 'https://droits.exemple.fr'; document.querySelector('#f-code').value = 'K7QF-XM3T-9ABC-D2EF'; document.querySelector('#first-enrol').requestSubmit(); 1")
		b.until("document.querySelector('#first-proposal .registered') && document.activeElement.closest('#first-proposal')")
	}},
	{name: "services", file: "services", show: func(b *tab, _ offline.Language) {
		b.standing(rescueState(), "rescue")
		eval[any](b, "location.hash = '#lists'; 1")
		b.until("!document.querySelector('#lists').hidden && document.querySelector('.service')")
		eval[any](b, "document.querySelector('.service details').open = true; document.querySelector('.service').scrollIntoView(); 1")
	}},
	{name: "disputed", file: "disputed", show: func(b *tab, _ offline.Language) {
		state := onlineState()
		state["disputed"] = 2
		b.standing(state, "online")
		b.until("document.querySelector('#disputed')")
		eval[any](b, "document.querySelector('#disputed').click(); 1")
		b.until("!document.querySelector('#journal').hidden && document.querySelector('#j-table .dispute')")
	}},
	{name: "notice", file: "notice", show: func(b *tab, _ offline.Language) { b.notices(outageNotice(), insurerNotice()) }},
	{name: "notice beside", file: "notice-verdict", show: func(b *tab, lang offline.Language) {
		b.notices(outageNotice(), insurerNotice())
		b.s.verdicts(document(lang, offline.OK, nil))
		b.scan()
	}},
	{name: "notices", show: func(b *tab, _ offline.Language) { b.notices(everyNotice()...) }, alike: true},
	screenView("journal", "journal", "document.querySelector('#j-table tbody tr')"),
	screenView("lists", "lists", "document.querySelector('#list-all li')"),
	screenView("settings", "settings", "document.querySelector('#s-name').value !== ''"),
	screenView("panne", "", "document.querySelector('#phones tbody tr')"),
	screenView("first", "first-start", "true"),
	{name: "fingerprint", show: func(b *tab, _ offline.Language) {
		eval[any](b, `location.hash = '#lists'; document.querySelector('#from').value = 'https://miroir.exemple.fr'; document.querySelector('#follow-form').requestSubmit(); 1`)
		b.until("document.querySelector('.fingerprint button')")
	}},
}

// standing shows how the services stand, and waits until the page does.
func (b *tab) standing(state object, mode string) {
	b.t.Helper()
	b.s.setState(state)
	b.until(fmt.Sprintf("document.querySelector('#standing').dataset.mode === '%s' && (document.querySelector('#waiting-count') !== null) === %v", mode, state["waiting"] != 0))
}

func furnish(s *stand) {
	s.says("POST journal/seen", object{"done": true})
	s.says("POST invitation", object{"id": "x", "address": "https://droits.exemple.fr", "root": strings.Repeat("9f3c2a7be41d8055", 4), "known": false, "scanned": false, "finess": "750000010",
		"profession": "Pharmacie", "name": "Pharmacie du Port", "networks": []any{"SP", "IS"}})
	s.says("GET journal", object{"more": true, "records": []any{
		object{"number": "K7QF-1044-PW3D", "row": 1044, "at": "2026-03-17T08:34:00Z", "care": "2026-03-17", "card": "775670284/3-583021", "domain": "PHAR", "status": "valid", "reason": "OK", "accord": "A7QF-XM3T-9ABD"},
		object{"number": "K7QF-1043-H6SB", "row": 1043, "at": "2026-03-17T08:31:00Z", "care": "2026-03-02", "card": "775670284/3-583022", "domain": "PHAR", "status": "valid", "reason": "OK", "published": "2026-03-17T06:00:00Z",
			"answer": "disputed", "answered": "2026-03-17T08:45:00Z", "dispute": object{"reason": "ENDED", "what": "La liste consultée mettait déjà fin à la carte pour cette date de soins.",
				"todo": "corriger la facture et la renvoyer\u00a0; si elle est juste, envoyer l’attestation PDF à l’organisme"}},
		object{"number": "K7QF-1042-M3TZ", "row": 1042, "at": "2026-03-17T08:30:00Z", "care": "2026-03-17", "card": "775670284/3-583021", "domain": "PHAR", "status": "valid", "reason": "OK", "published": "2026-03-17T06:00:00Z", "answer": "honoured", "answered": "2026-03-17T08:45:00Z"},
		object{"number": "K7QF-1041-B2XW", "row": 1041, "at": "2026-03-17T08:12:00Z", "care": "2026-03-17", "card": "302927415/1-2211", "beneficiary": 2, "domain": "LPPS", "status": "refused", "reason": "NOT_COVERED", "published": "2026-03-17T06:00:00Z", "answer": "noted", "answered": "2026-03-17T08:45:00Z"},
		object{"number": "K7QF-1040-QQ7A", "row": 1040, "at": "2026-03-16T17:44:00Z", "care": "2026-03-12", "card": "", "status": "unknown", "reason": "UNKNOWN_ISSUER"}}})
	s.says("POST peek", object{"fingerprint": "9f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d8055", "known": false})
	s.says("POST share", object{"amo": "16,25\u00a0€", "amc": "8,75\u00a0€", "rate": 65, "covered": "pris en charge à 100\u00a0% de la base de remboursement, hors franchises et participations",
		"words": "Indicatif\u00a0: part AMO 16,25\u00a0€ (65\u00a0% de la base), part AMC 8,75\u00a0€, dépense couverte par ces parts."})
	s.says("POST journal/verify", object{"ok": true, "entries": 1042, "head": "9f3c2a7be41d80559f3c"})
}

// TestScreens runs everything that needs a browser in one of them.
func TestScreens(t *testing.T) {
	b := openTab(t, browser.Options{Timeout: 4 * time.Minute})
	for _, one := range []struct {
		name string
		test func(*testing.T, *tab)
	}{
		{"Axe", testAxe},
		{"RealServer", testRealServer},
		{"Zoom", testZoom},
		{"HeadlineIsReadable", testHeadlineIsReadable},
		{"PannePrintsOnOneSheet", testPannePrintsOnOneSheet},
		{"TabReachesEverything", testTabReachesEverything},
		{"FirstStartByKeyboard", testFirstStartByKeyboard},
		{"VerdictByKeyboard", testVerdictByKeyboard},
		{"DigitsOnlyOnTheVerdict", testDigitsOnlyOnTheVerdict},
		{"DateIsTypedSlowly", testDateIsTypedSlowly},
		{"SettingsNameTheirField", testSettingsNameTheirField},
		{"OneVoice", testOneVoice},
		{"EveryErrorIsNotVerified", testEveryErrorIsNotVerified},
		{"SilentServer", testSilentServer},
		{"LateAnswerIsDropped", testLateAnswerIsDropped},
		{"ServerGone", testServerGone},
		{"Pictures", testPictures},
		{"NaughtyStrings", testNaughtyStrings},
		{"PanneIsAScreen", testPanneIsAScreen},
		{"ReceiptKeepsTheFocus", testReceiptKeepsTheFocus},
		{"WaysInThatFail", testWaysInThatFail},
		{"TenPeople", testTenPeople},
		{"ClearForgetsHalfScans", testClearForgetsHalfScans},
		{"NothingGreenUnderRed", testNothingGreenUnderRed},
		{"MisreadInWords", testMisreadInWords},
		{"CalibrationPrints", testCalibrationPrints},
		{"Calculator", testCalculator},
		{"SyncInWords", testSyncInWords},
		{"ModeChangesDuringAScan", testModeChangesDuringAScan},
		{"StandingInWords", testStandingInWords},
		{"NumberForTheInvoice", testNumberForTheInvoice},
		{"FirstStartByInvitation", testFirstStartByInvitation},
		{"InvitationScannedElsewhere", testInvitationScannedElsewhere},
		{"EnrolmentErrors", testEnrolmentErrors},
		{"ServicesByKeyboard", testServicesByKeyboard},
		{"DisputesByKeyboard", testDisputesByKeyboard},
		{"HostileService", testHostileService},
		{"NoticesInWords", testNoticesInWords},
		{"NoticesEndByThemselves", testNoticesEndByThemselves},
		{"NoticesByKeyboard", testNoticesByKeyboard},
		{"NoticesBesideAVerdict", testNoticesBesideAVerdict},
		{"HostileNotices", testHostileNotices},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, b) })
	}
}

// testAxe asks axe about every screen, in both languages and both schemes, and writes their pictures.
func testAxe(t *testing.T, browser *tab) {
	axe, err := os.ReadFile(filepath.FromSlash("interop/node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal("scripts/setup test installs axe-core: ", err)
	}
	s := newStand(t)
	furnish(s)
	b := browser.at(t, s)
	asked := 0
	for _, lang := range []offline.Language{offline.French, offline.English} {
		for _, scheme := range []string{"light", "dark"} {
			b.size(1366, 768)
			b.look(scheme)
			b.open("?lang=" + string(lang))
			eval[any](b, string(axe)+"; 1")
			for _, v := range views {
				if lang == offline.English && v.alike {
					continue
				}
				v.show(b, lang)
				name := fmt.Sprint(v.name, " ", lang, " ", scheme)
				b.axe(name)
				asked++
				if wide := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
					t.Errorf("%s: %d pixels too wide", name, wide)
				}
				if *update && v.file != "" {
					if v.small {
						b.size(1100, 640)
					}
					b.picture(v.file, lang, scheme)
					b.size(1366, 768)
				}
				if strings.HasPrefix(v.name, "notice") {
					b.notices()
				}
				if v.name == "disputed" || v.name == "rescue" || v.name == "services" {
					b.s.setState(calmState())
					b.until("!document.querySelector('#disputed') && !document.querySelector('#waiting-count')")
				}
				eval[any](b, `document.querySelector('#journal-form').reset(); document.querySelector('#first-enrol').reset(); document.querySelector('#first-proposal').replaceChildren(); location.hash = '#verify'; import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.clear(); return 1; })`)
				b.until("!document.querySelector('#waiting').hidden")
			}
			b.quiet(fmt.Sprint(lang, " ", scheme))
		}
	}
	if asked < 4*13 {
		t.Errorf("axe was asked only %d times", asked)
	}
}

func (b *tab) axe(name string) {
	b.t.Helper()
	found := eval[string](b, `axe.run(document, {resultTypes: ['violations'], preload: false, iframes: false, elementRef: false}).then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | '))))`)
	var violations []string
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range violations {
		b.t.Errorf("%s: %s", name, v)
	}
}

// picture writes what a person sees into docs: all in light French, a few in dark or English.
func (b *tab) picture(file string, lang offline.Language, scheme string) {
	b.t.Helper()
	kind := fmt.Sprint(lang, " ", scheme)
	switch kind {
	case "fr light":
	case "fr dark":
		if file != "ok" && file != "waiting" && file != "online" {
			return
		}
		file += "-dark"
	case "en light":
		if file != "not-covered" {
			return
		}
		file += "-en"
	default:
		return
	}
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "desk-"+file+".png"), fewColours(b.t, shot), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// fewColours keeps the 256 colours that a picture of a screen uses most, which makes it three times smaller.
func fewColours(t testing.TB, b []byte) []byte {
	t.Helper()
	src, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(src.At(x, y)).(color.RGBA) }
	box := src.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			seen[at(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(seen), func(a, b color.RGBA) int {
		return cmp.Or(seen[b]-seen[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	var few color.Palette
	for _, c := range all[:min(256, len(all))] {
		few = append(few, c)
	}
	nearest := map[color.RGBA]uint8{}
	out := image.NewPaletted(box, few)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := at(x, y)
			i, ok := nearest[c]
			if !ok {
				i = uint8(few.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, out); err != nil {
		t.Fatal(err)
	}
	return small.Bytes()
}

// At 200 % a window of 1366 × 768 is 683 × 384: nothing may scroll sideways, and nothing may be cut.
func testZoom(t *testing.T, browser *tab) {
	s := newStand(t)
	furnish(s)
	b := browser.at(t, s)
	b.look("light")
	for _, size := range [][2]int64{{683, 384}, {640, 512}, {320, 640}, {1280, 1024}} {
		b.size(size[0], size[1])
		b.open("")
		for _, v := range views {
			v.show(b, offline.French)
			if wide := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("%v %s: %d pixels too wide: %s", size, v.name, wide, eval[string](b, widest))
			}
			b.notices()
			eval[any](b, `location.hash = '#verify'; import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.clear(); return 1; })`)
		}
	}
	b.quiet("zoom")
}

const widest = `[...document.querySelectorAll('body *')].filter((n) => n.getBoundingClientRect().right > innerWidth + 1 && !n.closest('.scroll')).map((n) => n.tagName + '#' + n.id + '.' + n.className).slice(0, 8).join(' ')`

// The headline is read from a metre away: large, and at least 7:1 on its ground, in each status and scheme.
func testHeadlineIsReadable(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	for _, scheme := range []string{"light", "dark"} {
		b.look(scheme)
		b.open("")
		colours, shapes := map[string]string{}, map[string]string{}
		for _, reason := range []offline.Reason{offline.OK, offline.StaleList, offline.NotCovered, offline.UnknownIssuer} {
			s.verdicts(document(offline.French, reason, nil))
			b.scan()
			got := eval[struct {
				Pixels, Ratio float64
				Ground, Shape string
			}](b, `(() => {
  const h = document.querySelector('#headline'), s = h.closest('.sentence');
  const c = (v) => v.match(/[\d.]+/g).slice(0, 3).map(Number);
  const light = (v) => { const [r, g, b] = c(v).map((x) => { x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = getComputedStyle(s).backgroundColor, ink = getComputedStyle(h).color;
  const [a, z] = [light(ground), light(ink)].sort((x, y) => y - x);
  return {Pixels: parseFloat(getComputedStyle(h).fontSize), Ratio: (a + 0.05) / (z + 0.05), Ground: ground, Shape: s.querySelector('path').getAttribute('d')};
})()`)
			if got.Pixels < 48 || got.Ratio < 7 {
				t.Errorf("%s %s: %.0f px, %.2f:1", scheme, reason, got.Pixels, got.Ratio)
			}
			if other := colours[got.Ground]; other != "" {
				t.Errorf("%s and %s have the same colour", other, reason)
			}
			if other := shapes[got.Shape]; other != "" {
				t.Errorf("%s and %s have the same shape", other, reason)
			}
			colours[got.Ground], shapes[got.Shape] = string(reason), string(reason)
		}
	}
}

// One A4 sheet, whatever is on it: few insurers or very many with long names, both languages, also from a dark screen.
func testPannePrintsOnOneSheet(t *testing.T, browser *tab) {
	if _, err := exec.LookPath("pdftoppm"); err != nil {
		t.Fatal("scripts/setup test installs poppler-utils: ", err)
	}
	s := newStand(t)
	b := browser.at(t, s)
	for _, many := range []int{0, 2, 3, 4, 18, 60} {
		if many != 2 {
			var insurers []any
			for i := range many {
				insurers = append(insurers, object{"amc": fmt.Sprintf("%09d", 302927415+i), "phones": []any{"01 23 45 67 89", "09 87 65 43 21"},
					"name": fmt.Sprintf("Mutuelle interprofessionnelle de prévoyance et de santé de la région n° %d", i)})
			}
			lists := []any{}
			if many > 0 {
				lists = []any{object{"published": "2026-03-17T06:00:00Z", "age_words": "2 heures", "age_seconds": 9000, "reserve_hours": 72, "refuse_hours": 168, "insurers": insurers, "fingerprint": "00"}}
			}
			s.setState(object{"lists": lists})
		} else {
			s.setState(object{"lists": calmState()["lists"]})
		}
		for _, lang := range []string{"fr", "en"} {
			b.look(map[string]string{"fr": "light", "en": "dark"}[lang])
			b.open("?lang=" + lang + "#panne")
			b.until("!document.querySelector('#panne').hidden")
			pdf := b.print()
			if n := pdfPages(t, pdf); n != 1 {
				t.Errorf("%d insurers, %s: %d pages", many, lang, n)
			}
			if *update && lang == "fr" && many == 2 {
				pdfPicture(t, pdf, filepath.Join("..", "..", "docs", "desk-panne.png"))
			}
		}
	}
	b.quiet("panne")
}

func pdfPages(t *testing.T, pdf []byte) int {
	t.Helper()
	cmd := exec.Command("pdfinfo", "-")
	cmd.Stdin = strings.NewReader(string(pdf))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var n int
		if _, err := fmt.Sscanf(line, "Pages: %d", &n); err == nil {
			return n
		}
	}
	t.Fatalf("no page count in %q", out)
	return 0
}

func pdfPicture(t *testing.T, pdf []byte, to string) {
	t.Helper()
	cmd := exec.Command("pdftoppm", "-png", "-gray", "-r", "72", "-singlefile", "-", strings.TrimSuffix(to, ".png"))
	cmd.Stdin = strings.NewReader(string(pdf))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
