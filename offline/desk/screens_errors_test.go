// Whatever goes wrong between the page and its server is "not verified", and never what stood there before.

package desk_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/qr"
	"sceau/offline"
)

func testEveryErrorIsNotVerified(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	good := document(offline.French, offline.OK, nil)
	id := func(body []byte) int64 {
		var q struct{ ID int64 }
		_ = json.Unmarshal(body, &q)
		return q.ID
	}
	with := func(change object) func(http.ResponseWriter, []byte) {
		return func(w http.ResponseWriter, body []byte) {
			d := document(offline.French, offline.OK, change)
			if _, set := change["id"]; !set {
				d["id"] = id(body)
			}
			writeTestJSON(w, 200, d)
		}
	}
	text := func(status int, body string) func(http.ResponseWriter, []byte) {
		return func(w http.ResponseWriter, _ []byte) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	cases := map[string]func(http.ResponseWriter, []byte){
		"connection lost": dropped, "cut short": func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Content-Length", "4000")
			_, _ = io.WriteString(w, `{"schema":"sceau-verdict-1","status":"valid"`)
		},
		"400": text(400, ""), "403": text(403, ""), "404": text(404, "not here"), "413": text(413, "{}"), "500": text(500, ""), "503": text(503, `{"error":{"code":"busy","what":"le comptoir est occupé","todo":"attendre"}}`),
		"valid inside an error": func(w http.ResponseWriter, body []byte) {
			d := document(offline.French, offline.OK, object{"id": id(body)})
			writeTestJSON(w, 500, d)
		},
		"an error inside 200":  with(object{"error": object{"code": "x", "what": "panne", "todo": "attendre"}}),
		"empty":                text(200, ""),
		"not JSON":             text(200, "<h1>DROITS OUVERTS</h1>"),
		"null":                 text(200, "null"),
		"a list":               text(200, "[]"),
		"an older id":          with(object{"id": 0}),
		"an id as text":        with(object{"id": "1"}),
		"no id":                with(object{"id": nil}),
		"another schema":       with(object{"schema": "sceau-verdict-2"}),
		"unknown status":       with(object{"status": "green"}),
		"status as object":     with(object{"status": object{"toString": "valid"}}),
		"no words":             with(object{"words": nil}),
		"empty headline":       with(object{"words": object{"headline": " ", "meaning": "", "next": ""}}),
		"valid without a card": with(object{"card": nil}),
		"recorded without no.": with(object{"receipt": nil}),
		"people as text":       with(object{"people": "x"}),
		"a person as null":     with(object{"people": []any{nil}}),
		"guarantee as number":  with(object{"people": []any{object{"number": 1, "nom": "A", "prenom": "B", "birth": "", "covered": true, "guarantees": []any{3}}}}),
		"list without words":   with(object{"list": object{"list": 1}}),
		"payment as text":      with(object{"payment": object{"until": "x", "euros": "150"}}),
		"online, no accord":    with(object{"mode": "online"}),
		"accord, offline":      with(object{"accord": object{"number": "A7QF-XM3T-9ABD", "at": "2026-03-17T08:30:00Z", "until": "2026-03-17T09:30:00Z"}}),
		"another's number":     with(object{"invoice_number": "A7QF-XM3T-9ABD"}),
		"accord half":          with(object{"mode": "online", "accord": object{"number": "A7QF-XM3T-9ABD"}, "invoice_number": "A7QF-XM3T-9ABD"}),
		"accord and receipt":   with(object{"mode": "online", "accord": object{"number": "A7QF-XM3T-9ABD", "at": "", "until": ""}}),
		"invoice, refused":     with(object{"status": "refused"}),
		"a third mode":         with(object{"mode": "perhaps"}),
		"routing half":         with(object{"routing": object{"amc": "1"}}),
	}
	for name, fn := range cases {
		s.verdicts(good)
		b.scan()
		if got := eval[string](b, "document.querySelector('#headline').textContent"); got != "DROITS OUVERTS" {
			t.Fatalf("the good verdict shows %q", got)
		}
		s.on("POST scan", fn)
		b.scan()
		b.until("document.querySelector('#headline')")
		if got := eval[string](b, "document.querySelector('#headline').textContent"); got != "NON VÉRIFIÉ" {
			t.Errorf("%s: the headline is %q", name, got)
		}
		if got := eval[string](b, "document.querySelector('#verdict').dataset.status"); got != "unknown" {
			t.Errorf("%s: the status is %q", name, got)
		}
		shown := eval[string](b, "document.querySelector('#verdict').textContent")
		for _, stale := range []string{"DROITS OUVERTS", "Maëlle", "K7QF", "775670284", "Payable"} {
			if strings.Contains(shown, stale) {
				t.Errorf("%s: %q is still there", name, stale)
			}
		}
		if !strings.Contains(shown, "À faire") || !strings.Contains(shown, "Non enregistrée") {
			t.Errorf("%s: the screen doesn't say what to do: %q", name, shown)
		}
	}
}

// An answer that comes after five seconds is too late; the page says so by itself.
func testSilentServer(t *testing.T, browser *tab) {
	s := newStand(t)
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) })
	s.on("POST scan", func(http.ResponseWriter, []byte) { <-quit })
	b := browser.at(t, s)
	b.open("")
	begun := time.Now()
	b.scan()
	if took := time.Since(begun); took < 4*time.Second || took > 15*time.Second {
		t.Errorf("not verified after %v", took)
	}
	if got := eval[string](b, "document.querySelector('#verdict').textContent"); !strings.Contains(got, "NON VÉRIFIÉ") || !strings.Contains(got, "5\u00a0secondes") {
		t.Errorf("the screen says %q", got)
	}
}

// An answer to an earlier scan is dropped, whenever it comes; the first key of a scan blanks the screen.
func testLateAnswerIsDropped(t *testing.T, browser *tab) {
	s := newStand(t)
	release := make(chan struct{})
	first := true
	s.on("POST scan", func(w http.ResponseWriter, body []byte) {
		var q struct{ ID int64 }
		_ = json.Unmarshal(body, &q)
		s.mu.Lock()
		slow := first
		first = false
		s.mu.Unlock()
		if slow {
			<-release
			writeTestJSON(w, 200, document(offline.French, offline.Revoked, object{"id": q.ID}))
			return
		}
		writeTestJSON(w, 200, document(offline.French, offline.OK, object{"id": q.ID}))
	})
	b := browser.at(t, s)
	b.open("")
	const ask = `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.scanned({typed: 'TP1'}); return 1; })`
	eval[any](b, ask)
	b.until("!document.querySelector('#reading').hidden")
	eval[any](b, `new Promise((done) => { const was = performance.getEntriesByType('resource').length; setTimeout(() => done(was), 50); })`)
	eval[any](b, ask)
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS'")
	eval[any](b, `globalThis.over = 0; new PerformanceObserver((l) => { over += l.getEntries().filter((e) => e.name.includes('/scan')).length; }).observe({type: 'resource'}); 1`)
	close(release)
	b.until("over > 0")
	eval[any](b, "new Promise((done) => setTimeout(() => done(1), 50))")
	if got := eval[string](b, "document.querySelector('#headline').textContent"); got != "DROITS OUVERTS" {
		t.Errorf("a late answer shows %q", got)
	}
	eval[any](b, `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.begin(); return 1; })`)
	if !eval[bool](b, "document.querySelector('#verdict').hidden && document.querySelector('#verdict').textContent === '' && document.querySelector('#reading').checkVisibility()") {
		t.Error("the old verdict stays after the first key")
	}
	b.quiet("late")
}

// When the server goes away, the page says so within seconds, and no age of a list stands there as if it were known.
func testServerGone(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	s.Listener.Close()
	s.CloseClientConnections()
	b.until("document.querySelector('#banners').textContent.includes('Liaison perdue') && document.querySelector('#age').dataset.level === 'none'")
	b.scan()
	if got := eval[string](b, "document.querySelector('#headline').textContent"); got != "NON VÉRIFIÉ" {
		t.Errorf("the headline is %q", got)
	}
}

// What is dropped goes nowhere: a picture without a code, and a server that finds none either, are "not verified".
func testPictures(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	s.verdicts(document(offline.French, offline.OK, nil))
	b.scan()
	s.on("POST picture", func(w http.ResponseWriter, _ []byte) {
		writeTestJSON(w, 422, object{"error": object{"code": "no_code", "what": "aucun code n’a été trouvé dans ce fichier", "todo": "cadrer le code entier"}})
	})
	drop := func(name, kind string, body []byte) {
		t.Helper()
		eval[any](b, fmt.Sprintf(`(() => { const bytes = Uint8Array.from(atob('%s'), (c) => c.charCodeAt(0)); const d = new DataTransfer(); d.items.add(new File([bytes], '%s', {type: '%s'}));
  document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: d, bubbles: true, cancelable: true})); return 1; })()`, base64.StdEncoding.EncodeToString(body), name, kind))
	}
	drop("rien.txt", "text/plain", []byte("DROITS OUVERTS"))
	b.until("document.querySelector('#headline')?.textContent === 'NON VÉRIFIÉ'")
	if got := eval[string](b, "document.querySelector('#verdict').textContent"); !strings.Contains(got, "cadrer le code entier") {
		t.Errorf("the screen says %q", got)
	}
	b.hush() // 422 is reported by the browser
	card := qrPicture(t, "TP1"+strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 12))
	drop("carte.png", "image/png", card)
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS'")
	scans := s.questions("POST scan")
	if !strings.Contains(scans[len(scans)-1], "TP1"+strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 12)) {
		t.Errorf("asked %q", scans[len(scans)-1])
	}
	if n := len(s.questions("POST picture")); n != 1 {
		t.Errorf("%d pictures went to the server, not only the one without a code", n)
	}
	s.says("POST picture", object{"codes": []any{"https://example.org/", "TP1AAAA"}, "pages": 1})
	drop("carte.pdf", "application/pdf", []byte("%PDF-1.7"))
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS'")
	if scans = s.questions("POST scan"); !strings.Contains(scans[len(scans)-1], `"typed":"TP1AAAA"`) {
		t.Errorf("asked %q", scans[len(scans)-1])
	}
	// A picture of something else is never sent as a scan.
	s.on("POST picture", func(w http.ResponseWriter, _ []byte) {
		writeTestJSON(w, 422, object{"error": object{"code": "no_code"}})
	})
	before := len(s.questions("POST scan"))
	drop("lien.png", "image/png", qrPicture(t, "https://example.org/DROITS-OUVERTS"))
	b.until("document.querySelector('#headline')?.textContent === 'NON VÉRIFIÉ'")
	if after := len(s.questions("POST scan")); after != before {
		t.Error("a link in a picture became a scan")
	}
	b.hush()
}

func testNaughtyStrings(t *testing.T, browser *tab) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	for d := dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		if name := filepath.Join(d, "shared", "data", "blns", "blns.json"); exists(name) {
			file = name
			break
		}
	}
	if file == "" {
		t.Skip("no folder shared/data/blns above this one")
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var naughty []string
	if err := json.Unmarshal(raw, &naughty); err != nil || len(naughty) < 500 {
		t.Fatalf("%d strings, %v", len(naughty), err)
	}
	naughty = append(naughty, strings.Repeat("W", 4000), strings.Repeat("\u0301\u0489", 300), "\u202eTREVUO STIORD\u202c", "<img src=x onerror=alert(1)>", "\u2066\u2067\u200f", "{{.}}", "a\u0000b")
	s := newStand(t)
	b := browser.at(t, s)
	b.look("light")
	b.open("")
	eval[any](b, `globalThis.alert = () => { globalThis.struck = true; }; globalThis.nodes = () => ['script', 'img', 'iframe', 'object', 'embed', 'style', 'a:not([href^="receipt/"], [href^="#"], .button)'].map((n) => document.querySelectorAll(n).length).join(); globalThis.plain = nodes(); 1`)
	// A text member takes one string each; all strings pass through each kind of place.
	step := 12
	for i := 0; i < len(naughty); i += step {
		n := func(k int) string { return naughty[(i+k)%len(naughty)] }
		headline := " " + n(0) + "x "
		person := object{"number": 1, "nom": n(4), "prenom": n(5), "birth": n(6), "rang": 1, "covered": true, "value": n(7), "from": n(8), "to": n(9),
			"guarantees": []any{object{"domain": n(10), "label": n(11), "value": n(0), "own": true}, object{"domain": n(1), "label": n(2), "value": n(3)}}}
		s.verdicts(document(offline.French, offline.OK, object{"words": object{"headline": headline, "meaning": n(1), "next": n(2)}, "insurer": n(3), "phone": n(4), "domain": n(5), "domain_label": n(6),
			"card": "x" + n(7), "amc": n(8), "notes": []any{n(9), n(10)}, "people": []any{person}, "repair": n(11), "receipt": "x" + n(0), "invoice_number": "x" + n(0), "detail": n(1), "checked": n(2), "care": n(3), "status": "valid",
			"list":    object{"list": 1, "revision": 2, "published": n(4), "age_words": n(5)},
			"routing": object{"amc": n(6), "conventions": []any{n(7)}, "csr": n(8), "adherent": n(9), "from": n(10), "to": n(11)}, "payment": object{"until": n(0), "euros": 1}}))
		b.scan()
		wrong := eval[string](b, fmt.Sprintf(`((want) => {
  const v = document.querySelector('#verdict'), out = [];
  const got = {headline: '#headline', meaning: '.meaning bdi', nom: '.nom', prenom: '.prenom', receipt: '#receipt-number'};
  for (const [k, sel] of Object.entries(got)) { const text = v.querySelector(sel)?.textContent ?? ''; if (text !== want[k]) out.push(k + ' shows ' + JSON.stringify(text) + ', not ' + JSON.stringify(want[k])); }
  if (nodes() !== plain) out.push('new nodes: ' + nodes() + ' instead of ' + plain);
  if (globalThis.struck) out.push('a script ran');
  if (document.documentElement.scrollWidth > innerWidth) out.push('too wide by ' + (document.documentElement.scrollWidth - innerWidth));
  return out.join('; ');
})(%s)`, inScript(object{"headline": headline, "meaning": n(1), "nom": n(4), "prenom": n(5), "receipt": "x" + n(0)})))
		if wrong != "" {
			t.Errorf("strings %d to %d: %s", i, i+step-1, wrong)
		}
		s.setState(object{"lists": []any{object{"fingerprint": n(0), "published": n(1), "age_words": n(2), "age_seconds": 1, "reserve_hours": 72, "refuse_hours": 168, "sources": []any{n(3)}, "insurers": []any{object{"amc": n(4), "name": n(5), "phones": []any{n(6)}}}}},
			"oldest": object{"level": "ok", "age_words": n(7), "published": n(8)}, "version": n(9), "clock": "2026-03-17T08:30:00Z",
			"sync": object{"running": false, "last_error": object{"what": n(10), "todo": n(11)}},
			"mode": "rescue", "rescue": object{"code": n(3), "what": n(4), "todo": n(5), "since": n(6), "call": []any{object{"name": n(7), "phone": n(8)}}}, "waiting": 3, "can_enrol": true,
			"services": []any{object{"operator": n(0), "address": n(1), "root": n(2), "counter": n(3), "finess": n(4), "profession": n(5), "name": n(6), "networks": []any{n(7)}, "enrolled": n(8),
				"waiting": 3, "rescue": object{"code": n(9), "what": n(10), "todo": n(11)}, "alarms": []any{object{"code": n(0), "what": n(1), "todo": n(2)}}}},
			"domains":  []any{object{"code": "X", "label": n(0), "own": true}},
			"settings": object{"language": "fr", "profession": "pharmacie", "name": n(1), "watch_folder": n(2), "retention_days": 1096, "sync_minutes": 30}})
	}
	eval[any](b, "location.hash = '#lists'; 1")
	b.until("!document.querySelector('#lists').hidden")
	if wide := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
		t.Errorf("lists: too wide by %d", wide)
	}
	if !eval[bool](b, "nodes() === plain && !globalThis.struck") {
		t.Error("what a service says became markup")
	}
	b.quiet("naughty strings")
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

// inScript writes a value so that it may stand in a script.
func inScript(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func qrPicture(t *testing.T, text string) []byte {
	t.Helper()
	m, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.PNG(&b, 4); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
