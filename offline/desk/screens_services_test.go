// The rights services on the screens: the mode that never mixes, enrolling by scan and by keys, disputes, and hostile texts.

package desk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
)

var anInvitation = sure(accord.Invitation{Code: [10]byte{9, 8, 7}, Root: [32]byte{1, 2, 3}, Address: "https://droits.exemple.fr"}.Text())

// invitationScan is what the counter answers to an invitation that was scanned as a card.
func invitationScan(lang offline.Language) object {
	w, q := arrange(offline.OK)
	q.Scan = scan.Typed{Text: anInvitation}
	return answered(w, q, lang)
}

// The service falls silent, or comes back, while a card is under way: nothing around the scan moves, and the verdict says what it
// rests on itself, whatever the line above says by then.
func testModeChangesDuringAScan(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	for _, one := range []struct {
		name          string
		before, after object
		mode, other   string
		verdict       object
		says, not     []string
	}{
		{"falls silent", onlineState(), rescueState(), "online", "rescue", online(offline.French, serves{}),
			[]string{"Vérifié en ligne à 09:30", "N° d’accord", "A7QF-XM3T-9ABD"}, []string{"D’après la liste", "n’a pas répondu"}},
		{"comes back", rescueState(), onlineState(), "rescue", "online", online(offline.French, serves{code: "timeout"}),
			[]string{"D’après la liste du 17/03/2026 à 07:00", "le service en ligne n’a pas répondu", "N° de preuve", "K7QF-1042-M3TZ"}, []string{"Vérifié en ligne", "A7QF", "d’accord"}},
	} {
		s.setState(one.before)
		release := make(chan struct{})
		s.on("POST scan", func(w http.ResponseWriter, body []byte) {
			var q struct{ ID int64 }
			_ = json.Unmarshal(body, &q)
			<-release
			d := maps.Clone(one.verdict)
			d["id"] = q.ID
			writeTestJSON(w, 200, d)
		})
		b.open("")
		b.until(fmt.Sprintf("document.querySelector('#standing').dataset.mode === '%s'", one.mode))
		eval[any](b, `import(new URL('web/verify.js', document.baseURI).href).then((v) => { v.scanned({typed: 'TP1EXEMPLE'}); return 1; })`)
		b.until("!document.querySelector('#reading').hidden")
		before := eval[float64](b, "document.querySelector('#reading').getBoundingClientRect().top")
		s.setState(one.after)
		s.setState(object{"version": "2.0.0"}) // a later state, drawn elsewhere: the one before has arrived
		b.until("document.querySelector('#version').textContent.includes('2.0.0')")
		if got := eval[string](b, "document.querySelector('#standing').dataset.mode"); got != one.mode {
			t.Errorf("%s: the line says %s in the middle of a scan", one.name, got)
		}
		if after := eval[float64](b, "document.querySelector('#reading').getBoundingClientRect().top"); after != before {
			t.Errorf("%s: the screen moved from %v to %v", one.name, before, after)
		}
		close(release)
		b.until(fmt.Sprintf("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS' && document.querySelector('#standing').dataset.mode === '%s'", one.other))
		shown := eval[string](b, "document.querySelector('#verdict').textContent")
		for _, want := range one.says {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %q is missing in %q", one.name, want, shown)
			}
		}
		for _, not := range one.not {
			if strings.Contains(shown, not) {
				t.Errorf("%s: the verdict mixes: %q in %q", one.name, not, shown)
			}
		}
		s.setState(object{"version": "1.0.0"})
	}
	b.quiet("mode")
}

// The line under the menu says the mode, why, since when, and whom to call; it has the same height in both modes.
func testStandingInWords(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	rescue := func(code, what, since string, call ...any) object {
		why := object{"code": code, "what": what, "todo": "attendre", "since": since, "call": call}
		v := service()
		v["rescue"] = why
		return object{"mode": "rescue", "rescue": why, "services": []any{v}, "waiting": 1}
	}
	partly := onlineState()
	second := service()
	second["operator"], second["rescue"] = "Opérateur du Sud", object{"code": "suspended", "what": "inscription suspendue", "todo": "joindre l’opérateur", "call": []any{object{"name": "Mutuelle du Sud", "phone": "01 99 00 12 34"}}}
	partly["services"] = []any{service(), second}
	sending := onlineState()
	sending["waiting"], sending["sending"] = 37, true
	// A first letter may be a capital by a rule of style: words are compared without their case.
	for _, one := range []struct {
		name  string
		state object
		says  []string
	}{
		{"online", onlineState(), []string{"En ligne", "auprès de l’organisme"}},
		{"today", rescue("timeout", "le service ne répond pas à temps", "2026-03-17T07:42:00Z"), []string{"Mode secours", "depuis 08:42", "ne répond pas à temps", "1 attestation à transmettre"}},
		{"another day", rescue("unreachable", "le service est injoignable", "2026-03-15T07:42:00Z"), []string{"depuis le 15/03/2026 à 08:42"}},
		{"suspended", rescue("suspended", "l’inscription est suspendue", "2026-03-17T07:42:00Z", object{"name": "Mutuelle des Alizés", "phone": "01 23 45 67 89"}), []string{"suspendue", "Appeler Mutuelle des Alizés 01 23 45 67 89"}},
		{"off", rescue("off", "la vérification en ligne est coupée", "2026-03-17T08:00:00Z"), []string{"coupée", "depuis 09:00", "Réglages"}},
		{"nowhere", object{"mode": "rescue", "rescue": object{"code": "none"}, "services": []any{}, "can_enrol": true, "waiting": 0}, []string{"auprès d’aucun service", "Inscrire ce poste"}},
		{"one of two", partly, []string{"En ligne", "Sauf Opérateur du Sud", "suspendue", "01 99 00 12 34"}},
		{"sending", sending, []string{"Transmission en cours", "37 attestations restantes"}},
		{"unreadable", object{"mode": "rescue", "services": []any{}, "waiting": 0, "services_error": object{"what": "le journal est abîmé", "todo": "voir"}}, []string{"Mode secours", "abîmé"}},
	} {
		s.setState(object{"services_error": nil, "rescue": nil, "sending": false, "waiting": 0})
		s.setState(one.state)
		for _, want := range one.says {
			b.until(fmt.Sprintf("document.querySelector('#standing').innerText.replace(/\\s+/g, ' ').toLowerCase().includes(%s)", inScript(strings.ToLower(want))))
		}
	}
	s.Listener.Close()
	s.CloseClientConnections()
	b.until("document.querySelector('#standing').dataset.mode === 'none' && document.querySelector('#mode').textContent.includes('Mode inconnu')")
	b.hush()
}

// One number goes on the invoice, with its own label; the other one, where there is one, is small and named.
func testNumberForTheInvoice(t *testing.T, browser *tab) {
	s := newStand(t)
	b := browser.at(t, s)
	b.open("")
	eval[any](b, `navigator.clipboard.writeText = (text) => { globalThis.taken = text; return Promise.resolve(); }; 1`)
	full := online(offline.French, serves{changed: true})
	unwritten := maps.Clone(full)
	delete(unwritten, "receipt")
	unwritten["recorded"], unwritten["unrecorded"] = false, "non enregistrée\u00a0: le disque est plein"
	refused, unsure := maps.Clone(full), maps.Clone(full)
	refused["status"] = "refused"
	delete(refused, "invoice_number")
	unsure["status"] = "reserve"
	for _, d := range []object{refused, unsure} {
		delete(d, "payment")
	}
	for _, one := range []struct {
		name, label, number string
		d                   object
		says, not           []string
	}{
		{"online", "N° d’accord", "A7QF-XM3T-9ABD", full, []string{"Garanties modifiées depuis l’impression", "SP 90%", "Accord de l’organisme", "400", "K7QF-1042-M3TZ", "réponse valable jusqu’au 17/03/2026 à 10:30"}, []string{"liste n°"}},
		{"refused", "N° de la réponse", "A7QF-XM3T-9ABD", refused, []string{"K7QF-1042-M3TZ"}, []string{"N° d’accord"}},
		{"reserve without a promise", "N° de la réponse", "A7QF-XM3T-9ABD", unsure, []string{"K7QF-1042-M3TZ"}, []string{"N° d’accord"}},
		{"online, not written", "N° d’accord", "A7QF-XM3T-9ABD", unwritten, []string{"Accord de l’organisme", "le disque est plein"}, []string{"K7QF"}},
		{"offline", "N° de preuve", "K7QF-1042-M3TZ", online(offline.French, serves{code: "off"}), []string{"vérification en ligne coupée", "Payable jusqu’au"}, []string{"Garanties modifiées", "Accord de l’organisme"}},
		{"never enrolled", "N° de preuve", "K7QF-1042-M3TZ", document(offline.French, offline.OK, nil), []string{"D’après la liste"}, []string{"n’a pas répondu"}},
	} {
		s.verdicts(one.d)
		b.scan()
		shown := eval[string](b, "document.querySelector('#verdict').textContent")
		if got := eval[string](b, "document.querySelector('#number-label').textContent + ' ' + document.querySelector('#receipt-number').textContent"); got != one.label+" "+one.number {
			t.Errorf("%s: the box says %q", one.name, got)
		}
		for _, want := range one.says {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %q is missing in %q", one.name, want, shown)
			}
		}
		for _, not := range one.not {
			if strings.Contains(shown, not) {
				t.Errorf("%s: %q stands in %q", one.name, not, shown)
			}
		}
		eval[any](b, "globalThis.taken = ''; document.querySelector('#copy-receipt').click(); 1")
		b.until("globalThis.taken === '" + one.number + "'")
		if pdf := eval[bool](b, "document.querySelector('#receipt-pdf') !== null"); pdf != (one.d["receipt"] != nil) {
			t.Errorf("%s: attestation offered: %v", one.name, pdf)
		}
	}
	b.quiet("number")
}

func firstStart(t *testing.T) *stand {
	s := newStand(t)
	furnish(s)
	fresh := object{"language": "fr", "profession": "", "retention_days": 1096, "sync_minutes": 30}
	s.setState(object{"first_start": true, "lists": []any{}, "oldest": object{"level": "none"}, "settings": fresh})
	s.says("POST enrol", object{"done": true})
	s.says("GET settings", object{"language": "fr", "profession": "optique", "finess": "750000010", "name": "Pharmacie du Port", "retention_days": 1096, "sync_minutes": 30})
	return s
}

// A first start with one scan and one key: the operator's code answers all three questions, once a person has seen what it says.
func testFirstStartByInvitation(t *testing.T, browser *tab) {
	s := firstStart(t)
	b := browser.at(t, s)
	b.open("")
	b.until("!document.querySelector('#first').hidden")
	b.burst(anInvitation)
	b.until("document.querySelector('#first-proposal .registered') && document.activeElement.closest('#first-proposal')")
	shown := eval[string](b, "document.querySelector('#first-proposal').innerText")
	for _, want := range []string{"Pharmacie du Port", "750000010", "Pharmacie", "SP, IS", "9f3c 2a7b", "https://droits.exemple.fr"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in %q", want, shown)
		}
	}
	if len(s.questions("POST enrol")) != 0 {
		t.Fatal("enrolled before anybody has seen what the operator registered")
	}
	b.enter()
	b.until("document.querySelector('#first-proposal .good') && document.activeElement.id === 'first-done' && document.querySelector('#f-profession').value === 'optique'")
	if got := s.questions("POST enrol"); len(got) != 1 || !strings.Contains(got[0], `"id":"x"`) || !strings.Contains(got[0], strings.Repeat("9f3c2a7be41d8055", 4)) {
		t.Errorf("enrolled with %q", got)
	}
	b.enter()
	b.until("!document.querySelector('#verify').hidden")
	if got := s.questions("POST settings"); len(got) != 1 || !strings.Contains(got[0], `"profession":"optique"`) || !strings.Contains(got[0], `"finess":"750000010"`) {
		t.Errorf("saved %q", got)
	}
	if got := s.questions("POST invitation"); len(got) != 1 || !strings.Contains(got[0], anInvitation) {
		t.Errorf("proposed %d times", len(got))
	}
	if n := len(s.questions("POST scan")); n != 0 {
		t.Errorf("the code was asked for as a card %d times", n)
	}
	b.quiet("invitation")
}

// A card on the first start's page is a card; an invitation where cards are scanned offers to enrol, and goes nowhere by itself.
func testInvitationScannedElsewhere(t *testing.T, browser *tab) {
	s := firstStart(t)
	s.verdicts(document(offline.French, offline.OK, nil))
	b := browser.at(t, s)
	b.open("")
	b.until("!document.querySelector('#first').hidden")
	b.burst("TP1ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS' && !document.querySelector('#verify').hidden")
	s.verdicts(invitationScan(offline.French))
	b.burst(anInvitation)
	b.until("document.querySelector('#headline')?.textContent === 'CODE D’INSCRIPTION' && document.querySelector('#verdict').dataset.status === 'unknown'")
	if n := len(s.questions("POST invitation")); n != 0 {
		t.Fatalf("proposed %d times by itself", n)
	}
	for range 30 {
		if eval[string](b, focused) == "use-invitation" {
			break
		}
		b.tab()
	}
	b.enter()
	b.until("!document.querySelector('#lists').hidden && document.querySelector('#enrol-out .registered') && document.activeElement.closest('#enrol-out')")
	if got := s.questions("POST invitation"); len(got) != 1 || !strings.Contains(got[0], anInvitation) {
		t.Errorf("proposed %d times", len(got))
	}
	b.tab()
	b.enter()
	b.until("document.querySelector('#enrol-out').textContent.includes('Rien n’a changé')")
	if n := len(s.questions("POST enrol")); n != 0 {
		t.Error("enrolled against a person's word")
	}
	b.quiet("elsewhere")
}

// Each thing that goes wrong is said, with what to do, and nothing is enrolled; an answer that is none is no proposal.
func testEnrolmentErrors(t *testing.T, browser *tab) {
	s := firstStart(t)
	b := browser.at(t, s)
	b.open("")
	b.until("!document.querySelector('#first').hidden")
	for i, answer := range []func(http.ResponseWriter, []byte){
		func(w http.ResponseWriter, _ []byte) {
			writeTestJSON(w, 409, object{"error": object{"code": "online_invitation", "what": "ce code d’inscription n’est pas reconnu", "todo": "en demander un nouveau"}})
		},
		func(w http.ResponseWriter, _ []byte) { writeTestJSON(w, 200, object{"id": "x"}) },
		func(w http.ResponseWriter, _ []byte) { writeTestJSON(w, 200, object{"id": 3, "root": "9f3c"}) },
		dropped,
	} {
		s.on("POST invitation", answer)
		eval[any](b, "document.querySelector('#first-proposal').replaceChildren(); document.querySelector('#f-address').value = 'https://droits.exemple.fr'; document.querySelector('#f-code').value = 'K7QF'; document.querySelector('#first-enrol').requestSubmit(); 1")
		b.until("document.querySelector('#first-proposal .problem')")
		if eval[bool](b, "document.querySelector('#first-proposal button') !== null") || i == 0 && !eval[bool](b, "document.querySelector('#first-proposal').textContent.includes('En demander un nouveau') || document.querySelector('#first-proposal').textContent.includes('en demander un nouveau')") {
			t.Errorf("case %d shows %q", i, eval[string](b, "document.querySelector('#first-proposal').textContent"))
		}
	}
	furnish(s)
	s.on("POST enrol", func(w http.ResponseWriter, _ []byte) {
		writeTestJSON(w, 409, object{"error": object{"code": "enrolled", "what": "déjà inscrit", "todo": "rien à faire"}})
	})
	eval[any](b, "document.querySelector('#first-enrol').requestSubmit(); 1")
	b.until("document.querySelector('#first-proposal button.main')")
	eval[any](b, "document.querySelector('#first-proposal button.main').click(); 1")
	b.until("document.querySelector('#first-proposal .problem')?.textContent.includes('éjà inscrit')")
	if eval[bool](b, "document.querySelector('#first-proposal .good') !== null") {
		t.Error("a refusal looks like an enrolment")
	}
	b.hush() // refusals are reported by the browser
}

// With keys alone: one more operator, removing with a second thought, and the switch that works offline.
func testServicesByKeyboard(t *testing.T, browser *tab) {
	s := newStand(t)
	furnish(s)
	s.setState(rescueState())
	s.says("POST unenrol", object{"done": true})
	s.says("POST online", object{"language": "fr"})
	s.says("POST enrol", object{"done": true, "lists_error": object{"code": "x", "what": "la source ne répond pas", "todo": "réessayer"}})
	b := browser.at(t, s)
	b.open("#lists")
	b.until("document.querySelector('.service')")
	text := eval[string](b, "document.querySelector('.service').innerText")
	for _, want := range []string{"Tiers payant Armorique", "Pharmacie du Port", "750000010", "12/01/2026", "epuis 08:42", "injoignable", "12 attestations à transmettre", "Prochain essai"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	reach := func(js string) {
		t.Helper()
		for range 60 {
			if eval[bool](b, "document.activeElement === "+js) {
				return
			}
			b.tab()
		}
		t.Fatalf("Tab never reaches %s", js)
	}
	reach("[...document.querySelectorAll('.service button')].find((x) => x.textContent === 'Retirer l’inscription')")
	b.enter()
	b.until("document.activeElement.textContent === 'Garder' && document.querySelector('.service .problem').textContent.includes('12 attestations')")
	b.enter()
	b.until("document.activeElement.textContent === 'Retirer l’inscription'")
	if len(s.questions("POST unenrol")) != 0 {
		t.Fatal("removed without a second word")
	}
	b.enter()
	b.until("document.activeElement.textContent === 'Garder'")
	b.tab()
	b.enter()
	b.until("document.activeElement.id === 'enrol-start'")
	if got := s.questions("POST unenrol"); len(got) != 1 || !strings.Contains(got[0], "9f3c2a7b") {
		t.Errorf("removed %q", got)
	}
	b.enter()
	b.until("document.activeElement.id === 'e-address'")
	b.write("https://a.fr")
	b.tab()
	b.write("K7QF")
	b.enter()
	b.until("document.activeElement.closest('#enrol-out')")
	b.enter()
	b.until("document.querySelector('#enrol-panel').hidden")
	b.press("5", "Digit5", 53, 1)
	b.until("!document.querySelector('#settings').hidden")
	reach("document.querySelector('#online-switch')")
	b.enter()
	for deadline := time.Now().Add(10 * time.Second); len(s.questions("POST online")) == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	off := rescueState()
	off["offline"] = true
	off["rescue"] = object{"code": "off", "what": "coupée", "todo": "la rétablir", "since": "2026-03-17T08:00:00Z"}
	s.setState(off)
	b.until("document.querySelector('#online-switch').getAttribute('aria-pressed') === 'true' && document.querySelector('#online-state').textContent.includes('depuis 09:00')")
	b.enter()
	for deadline := time.Now().Add(10 * time.Second); len(s.questions("POST online")) < 2 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := s.questions("POST online"); len(got) != 2 || !strings.Contains(got[0], `"on":false`) || !strings.Contains(got[1], `"on":true`) {
		t.Errorf("switched %q", got)
	}
	b.quiet("services")
}

// What is disputed is counted on every screen until somebody looks; the reason and what to do stand below the entry.
func testDisputesByKeyboard(t *testing.T, browser *tab) {
	s := newStand(t)
	furnish(s)
	state := onlineState()
	state["disputed"] = 2
	v := service()
	v["alarms"] = []any{object{"code": "GAP", "what": "il manque des entrées dans le journal reçu", "todo": "le dire à l’opérateur"}}
	state["services"] = []any{v}
	s.setState(state)
	b := browser.at(t, s)
	b.open("")
	b.until("document.querySelector('#disputed')?.textContent.includes('2 vérifications contestées') && document.querySelector('#odd')")
	for range 20 {
		if eval[string](b, focused) == "disputed" {
			break
		}
		b.tab()
	}
	b.enter()
	b.until("!document.querySelector('#journal').hidden && document.querySelector('#j-table .dispute')")
	for deadline := time.Now().Add(10 * time.Second); len(s.questions("POST journal/seen")) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody has looked")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := eval[string](b, "document.querySelector('#j-answer').value + ' ' + document.querySelector('#j-csv').getAttribute('href')"); got != "disputed journal.csv?answer=disputed" {
		t.Errorf("the filter is %q", got)
	}
	text := eval[string](b, "document.querySelector('#j-table tbody').innerText.replace(/\\s+/g, ' ')")
	for _, want := range []string{"Contestée le 17/03/2026 à 09:45", "mettait déjà fin à la carte", "À faire", "orriger la facture", "Paiement confirmé", "Sans suite", "En attente", "A7QF-XM3T-9ABD"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if got := eval[string](b, "document.querySelector('#j-state').textContent"); !strings.HasPrefix(got, "5 ") {
		t.Errorf("counts %q of five", got)
	}
	eval[any](b, "location.hash = '#lists'; 1")
	b.until("document.querySelector('.alarm')?.innerText.includes('manque des entrées')")
	// A plain look at the journal is no look at what is disputed.
	before := len(s.questions("POST journal/seen"))
	eval[any](b, "document.querySelector('#journal-form').reset(); location.hash = '#journal'; 1")
	b.until("document.querySelector('#j-table tbody tr')")
	if after := len(s.questions("POST journal/seen")); after != before {
		t.Error("seen without having been looked at")
	}
	b.quiet("disputes")
}

// What a service says of the counter is text, isolated, and never wider than the window; there is no markup, and no script runs.
func testHostileService(t *testing.T, browser *tab) {
	s := firstStart(t)
	b := browser.at(t, s)
	b.open("")
	b.until("!document.querySelector('#first').hidden")
	eval[any](b, `globalThis.alert = () => { globalThis.struck = true; }; globalThis.nodes = () => ['script', 'img', 'iframe', 'object', 'style', 'a', 'form'].map((n) => document.querySelectorAll(n).length).join(); globalThis.plain = nodes(); 1`)
	for _, bad := range []string{"<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "</p><a href=javascript:alert(1)>x</a>", strings.Repeat("W", 3000), "\u202eEREITNE EICAMRAHP\u202c", "{{.}}", "\u2066\u2067x", "javascript:alert(1)"} {
		s.says("POST invitation", object{"id": "x", "address": bad, "root": bad, "known": false, "finess": bad, "profession": bad, "name": bad, "networks": []any{bad, bad}})
		eval[any](b, "document.querySelector('#f-address').value = 'https://a.fr'; document.querySelector('#f-code').value = 'K'; document.querySelector('#first-proposal').replaceChildren(); document.querySelector('#first-enrol').requestSubmit(); 1")
		b.until("document.querySelector('#first-proposal .registered')")
		if got := eval[string](b, "document.querySelector('#first-proposal .registered dd bdi').textContent"); got != bad {
			t.Errorf("%.40q shows as %.40q", bad, got)
		}
		if wide := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
			t.Errorf("%.40q: too wide by %d", bad, wide)
		}
		if !eval[bool](b, "nodes() === plain && !globalThis.struck") {
			t.Errorf("%.40q became markup", bad)
		}
	}
	b.quiet("hostile")
}

var _ counter.Online = serves{}
