// Signed messages on the screens: who says what, until when, with which promise; folded, ended, hostile, and beside a verdict.

package desk_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sceau/offline"
)

// notices makes the page show these messages, and waits until it does.
func (b *tab) notices(all ...object) {
	b.t.Helper()
	list := []any{}
	for _, n := range all {
		list = append(list, n)
	}
	b.s.setState(object{"notices": list})
	if len(all) == 0 {
		b.until("document.querySelector('#notices').hidden")
		return
	}
	ids := make([]string, len(all))
	for i, n := range all {
		owner, _ := n["insurer"].(string)
		ids[i] = fmt.Sprint(owner, "/", n["id"])
	}
	slices.Sort(ids)
	b.until(fmt.Sprintf("JSON.stringify([...document.querySelectorAll('#notices .notice')].map((n) => n.dataset.id).toSorted()) === JSON.stringify(%s)", inScript(ids)))
}

func outageNotice() object {
	return object{"id": "outage-k7qf3m", "kind": "outage", "author": "Tiers payant Armorique", "issued": "2026-03-17T07:10:00Z", "from": "2026-03-17T07:10:00Z", "until": "2026-03-20T17:00:00Z",
		"title":      "La vérification en ligne est arrêtée",
		"text":       "Nous l’avons arrêtée ce matin par précaution. Vos cartes se vérifient toujours ici, d’après la dernière liste reçue. Prochain message au plus tard demain à 9 h.",
		"guaranteed": "Toute carte déclarée valable par ce poste est prise en charge, dans la limite et jusqu’à la date affichées avec chaque réponse.",
		"phone":      "01 99 00 12 34", "received": "2026-03-17T07:15:00Z"}
}

func insurerNotice() object {
	return object{"id": "info-0b2c", "kind": "info", "insurer": "775670284", "author": "Mutuelle des Alizés", "issued": "2026-03-16T09:00:00Z", "from": "2026-03-16T09:00:00Z", "until": "2026-03-31T16:00:00Z",
		"title": "Nouvelles cartes en avril", "text": "Les cartes de 2026 restent valables jusqu’à la date imprimée. Les nouvelles arrivent par courrier en avril.",
		"phone": "01 23 45 67 89", "received": "2026-03-17T07:15:00Z"}
}

func everyNotice() []object {
	var out []object
	for i, kind := range []string{"theft", "outage", "degraded", "restored", "info"} {
		n := outageNotice()
		n["id"], n["kind"] = fmt.Sprint(kind, i), kind
		out = append(out, n)
	}
	return out
}

// testNoticesInWords: each message says what it is about by word and by shape, who signed it, since when and until when, what is
// guaranteed and whom to call; the frame is in the page's language, the text as it was signed, and there is nothing to follow.
func testNoticesInWords(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	words := map[offline.Language][]string{
		offline.French: {"Panne", "Message signé par Tiers payant Armorique", "La vérification en ligne est arrêtée", "Publié le 17/03/2026 à 08:10, valable jusqu’au 20/03/2026 à 18:00.",
			"Ce qui reste garanti", "Toute carte déclarée valable", "Qui appeler", "01 99 00 12 34", "Message signé, reçu avec la liste du 17/03/2026 à 08:15.", "ne contient jamais de lien"},
		offline.English: {"Outage", "Message signed by Tiers payant Armorique", "La vérification en ligne est arrêtée", "Published 17/03/2026", "What stays guaranteed", "Whom to call",
			"01 99 00 12 34", "Signed message, received with the list of 17/03/2026"},
	}
	for _, lang := range []offline.Language{offline.French, offline.English} {
		says := words[lang]
		b.open("?lang=" + string(lang))
		b.notices(outageNotice())
		shown := eval[string](b, "document.querySelector('#notices').innerText.replaceAll('\\n', ' ')")
		for _, want := range says {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %q is missing in %q", lang, want, shown)
			}
		}
		if got := eval[string](b, "document.querySelector('.notice .title bdi').lang"); (got == "fr") != (lang == offline.English) {
			t.Errorf("%s: the text is marked as %q", lang, got)
		}
		if n := eval[int](b, "document.querySelectorAll('#notices a, #notices button, #notices img, #notices input').length"); n != 0 {
			t.Errorf("%s: %d things to follow in a message", lang, n)
		}
	}
	b.notices(everyNotice()...)
	for _, want := range []string{"kind", "path"} {
		got := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll('.notice .kind')].map((n) => '%s' === 'kind' ? n.textContent.trim() : [...n.querySelectorAll('path')].map((p) => p.getAttribute('d')).join())`, want))
		slices.Sort(got)
		if len(slices.Compact(got)) != 5 {
			t.Errorf("five kinds have %d looks of %s: %q", len(slices.Compact(got)), want, got)
		}
	}
	// An unknown kind, of a later version, is information; an operator without a name is still somebody.
	other := outageNotice()
	other["kind"], other["author"] = "festival", ""
	b.notices(other)
	if got := eval[string](b, "document.querySelector('#notices').innerText"); !strings.Contains(got, "Information") || !strings.Contains(got, "operator of the lists") {
		t.Errorf("%q", got)
	}
	b.quiet("notices")
}

// testNoticesEndByThemselves: without a reload and without the server, a message goes at its end by the server's clock.
func testNoticesEndByThemselves(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	b.notices(insurerNotice())
	// The browser's clock stands months after the stand's: what counts is the stand's.
	short := outageNotice()
	short["until"] = "2026-03-17T08:30:02Z"
	b.notices(short, insurerNotice())
	b.until("document.querySelectorAll('.notice').length === 1 && document.querySelector('.notice').dataset.id.startsWith('775670284')")
	if n := len(s.questions("GET state")); n > 1 {
		t.Errorf("the page asked %d times", n)
	}
	// A server that falls silent takes no message back.
	s.CloseClientConnections()
	b.until("document.querySelector('#banners .banner')")
	if n := eval[int](b, "document.querySelectorAll('.notice').length"); n != 1 {
		t.Errorf("%d messages while the server is silent", n)
	}
	b.hush()
	// One that is over when it comes is never shown.
	over := outageNotice()
	over["until"] = "2026-03-17T08:30:00Z"
	b.open("")
	s.setState(object{"notices": []any{over, insurerNotice()}})
	b.until("document.querySelectorAll('.notice').length === 1")
	b.quiet("ends")
}

// testNoticesByKeyboard: what a hand folded stays folded through every state, until the message itself changes.
func testNoticesByKeyboard(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	b.notices(outageNotice())
	b.until("document.querySelector('.notice').open")
	eval[any](b, "document.querySelector('#domain').focus(); 1")
	for n := 0; !eval[bool](b, "document.activeElement.closest('.notice summary') !== null"); n++ {
		if n > 4 {
			t.Fatal("Tab does not reach the message")
		}
		b.tab()
	}
	b.enter()
	b.until("!document.querySelector('.notice').open")
	s.setState(object{"version": "2.0.0", "notices": []any{outageNotice(), insurerNotice()}}) // another message comes: the focus stays
	b.until("document.querySelectorAll('.notice').length === 2")
	if !eval[bool](b, "document.activeElement.closest('.notice')?.dataset.kind === 'outage' && !document.activeElement.closest('.notice').open") {
		t.Error("a new message took the focus, or unfolded what was folded")
	}
	changed := outageNotice()
	changed["text"] = "Nouvelle heure de retour."
	b.notices(changed)
	b.until("document.querySelector('.notice').open && document.querySelector('.notice').innerText.includes('Nouvelle heure')")
	// More messages than have room are one press away, and counted.
	many := everyNotice()
	for i := range 4 {
		n := insurerNotice()
		n["id"] = fmt.Sprint("other-", i)
		many = append(many, n)
	}
	b.notices(many...)
	if got := eval[string](b, "document.querySelector('#notices .more > summary').textContent"); got != "6 autres messages signés" {
		t.Errorf("%q", got)
	}
	if n := eval[int](b, "[...document.querySelectorAll('.notice')].filter((n) => n.checkVisibility()).length"); n != 3 {
		t.Errorf("%d messages without a press", n)
	}
	// What came while the page was open is told to screen readers.
	late := outageNotice()
	late["id"], late["title"] = "late", "Reprise prévue à midi"
	b.notices(late)
	b.until("document.querySelector('#live').textContent.includes('Reprise prévue à midi')")
	b.quiet("keyboard")
}

// testNoticesBesideAVerdict: beside a verdict messages are one line each, but for what that card's insurer says; nothing is covered,
// nothing moves during a scan, and none wears a verdict's words or green.
func testNoticesBesideAVerdict(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	elsewhere := insurerNotice()
	elsewhere["id"], elsewhere["insurer"], elsewhere["author"] = "info-9", "302927415", "Prévoyance du Littoral"
	b.notices(outageNotice(), elsewhere, insurerNotice())
	s.verdicts(document(offline.French, offline.Revoked, nil))
	b.scan()
	b.until("document.querySelector('.notice').dataset.own === 'yes'")
	got := eval[string](b, "JSON.stringify([...document.querySelectorAll('.notice')].map((n) => [n.dataset.id, n.open, n.dataset.own === 'yes']))")
	if got != `[["775670284/info-0b2c",true,true],["/outage-k7qf3m",false,false],["302927415/info-9",false,false]]` {
		t.Error(got)
	}
	if !eval[bool](b, "document.querySelector('.notice').innerText.includes('organisme de cette carte')") {
		t.Error("nothing says that this is the card's insurer")
	}
	covered := eval[string](b, `[...document.querySelectorAll('#notices .notice')].flatMap((n) => ['#ask', '#verdict'].map((o) => [n.getBoundingClientRect(), document.querySelector(o).getBoundingClientRect()])).filter(([a, z]) => a.bottom > z.top && a.top < z.bottom).length + ' ' + (document.querySelector('#headline').getBoundingClientRect().bottom < innerHeight)`)
	if covered != "0 true" {
		t.Errorf("covered, headline on the first screen: %s", covered)
	}
	if colour := eval[string](b, `(() => { for (const n of document.querySelectorAll('#notices, #notices *')) { const s = getComputedStyle(n); for (const c of [s.color, s.backgroundColor, s.borderLeftColor]) { const m = c.match(/\d+/g)?.map(Number) ?? []; if ((m[3] ?? 1) && m[1] > m[0] + 30 && m[1] > m[2] + 30) return n.className + ' ' + c; } } return ''; })()`); colour != "" {
		t.Error("green in a message: ", colour)
	}
	// Folded by hand, it stays folded for the insurer's next card, and unfolds by hand again.
	eval[any](b, "document.querySelector('.notice summary').click(); 1")
	b.until("!document.querySelector('.notice').open")
	b.scan()
	b.until("document.querySelector('.notice').dataset.own === 'yes'")
	if eval[bool](b, "document.querySelector('.notice').open") {
		t.Error("what was folded by hand is open again at the next card")
	}
	eval[any](b, "document.querySelector('.notice summary').click(); 1")
	b.until("document.querySelector('.notice').open")
	// A new message waits for the end of a scan.
	release := make(chan struct{})
	s.hold(release, document(offline.French, offline.OK, nil))
	eval[any](b, `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.scanned({typed: 'TP1EXEMPLE'}); return 1; })`)
	b.until("!document.querySelector('#reading').hidden")
	top := eval[float64](b, "document.querySelector('#reading').getBoundingClientRect().top")
	s.setState(object{"notices": []any{}, "version": "3.0.0"})
	b.until("document.querySelector('#version').textContent.includes('3.0.0')")
	if now := eval[float64](b, "document.querySelector('#reading').getBoundingClientRect().top"); now != top {
		t.Errorf("the screen moved from %v to %v in the middle of a scan", top, now)
	}
	close(release)
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS' && document.querySelector('#notices').hidden")
	b.quiet("beside")
}

// testHostileNotices: whatever a message holds, and whatever is no message at all, stays text or stays away.
func testHostileNotices(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	eval[any](b, `globalThis.alert = () => { globalThis.struck = true; }; globalThis.count = () => ['script', 'img', 'iframe', 'object', 'style', 'a', 'svg', 'form', 'input'].map((n) => document.querySelectorAll(n).length).join(); 1`)
	plain := outageNotice()
	b.notices(plain)
	nodes := eval[string](b, "count()")
	for _, text := range []string{"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{.}} {{t \"page_title\"}} ${alert(1)}", "</details></section><a href='#lists'>cliquer</a>", "javascript:alert(1)",
		"\u202eTREVUO STIORD\u202c", strings.Repeat("W", 4000), strings.Repeat("\u0301\u0489", 300), "a\u0000b", "https://exemple.fr", `" onclick="alert(1)`, "__proto__"} {
		n := outageNotice()
		for _, member := range []string{"title", "text", "guaranteed", "phone", "author", "id", "insurer"} {
			n[member] = text
		}
		s.setState(object{"notices": []any{n}})
		want, _ := json.Marshal(text)
		b.until(fmt.Sprintf("document.querySelector('.notice .title bdi')?.textContent === %s", want))
		wrong := eval[string](b, fmt.Sprintf(`((want) => { const out = [];
  for (const k of ['.title bdi', '.text bdi', '.guaranteed dd bdi', '.phone']) { const got = document.querySelector('.notice ' + k)?.textContent; if (got !== want) out.push(k + ' shows ' + got); }
  if (count() !== %s) out.push('new nodes: ' + count());
  if (globalThis.struck) out.push('a script ran');
  if (document.documentElement.scrollWidth > innerWidth) out.push('too wide by ' + (document.documentElement.scrollWidth - innerWidth));
  return out.join('; '); })(%s)`, inScript(nodes), want))
		if wrong != "" {
			t.Errorf("%.40q: %s", text, wrong)
		}
	}
	// What is no message is left away, and takes nothing with it.
	for _, odd := range []any{nil, 7, "x", []any{}, object{}, object{"title": 1, "text": "x", "until": "2026-04-01T00:00:00Z"}, object{"title": "x", "text": "y", "until": "jamais"}, object{"title": "x", "text": "y"}} {
		s.setState(object{"notices": []any{odd, plain}})
		b.until("document.querySelectorAll('.notice').length === 1 && document.querySelector('.notice .title').textContent.includes('arrêtée')")
	}
	for _, odd := range []any{nil, 7, "x", object{}} {
		s.setState(object{"notices": odd})
		b.until("document.querySelector('#notices').hidden")
	}
	b.quiet("hostile")
}
