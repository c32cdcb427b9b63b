package counter_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/fixtures"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
	"sceau/offline/scan"
	"sceau/rights"
	"sceau/signing"
)

// lists is one insurer with one list, held in memory.
type lists struct {
	issuer   *offline.Issuer
	page     *status.Page
	err      error
	released int
}

func (l *lists) Facts(context.Context) (counter.Facts, func(), error) {
	if l.err != nil {
		return nil, nil, l.err
	}
	return l, func() { l.released++ }, nil
}

func (l *lists) Issuer(key string) (*offline.Issuer, error) {
	if key != l.issuer.Insurer.AMC.Key() {
		return nil, offline.ErrUnknownIssuer
	}
	return l.issuer, nil
}
func (l *lists) Page(string, uint32) (*status.Page, error) { return l.page, nil }
func (l *lists) OwnerOf(string) (string, error)            { return "", offline.ErrUnknownIssuer }
func (l *lists) Codes() []*rights.Codes                    { return []*rights.Codes{rights.DefaultCodes()} }

// memory is a journal that remembers, or fails.
type memory struct {
	written []receipt.Receipt
	err     error
}

func (m *memory) Append(ctx context.Context, r receipt.Receipt) (receipt.Number, error) {
	if err := errors.Join(m.err, ctx.Err()); err != nil {
		return "", err
	}
	m.written = append(m.written, r)
	return "K7QF-1-M3TZ", nil
}

type scene struct {
	*counter.Counter
	lists   *lists
	journal *memory
	code    string
	now     time.Time
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newScene(t *testing.T) *scene {
	t.Helper()
	day := func(s string) rights.Date { return must[rights.Date](t)(rights.ParseDate(s)) }
	value := func(s string) rights.Guarantee { return must[rights.Guarantee](t)(rights.ParseGuarantee(s)) }
	now := day("2027-03-02").Midnight().Add(10 * time.Hour)
	signer := must[*signing.Signer](t)(signing.NewSigner(card.Kind, fixtures.TestKey("counter")))
	key := signer.Public()
	key.Owner = "775670482"
	if err := key.SetWindow(day("2026-01-01").Midnight(), day("2028-01-01").Midnight()); err != nil {
		t.Fatal(err)
	}
	ring := new(signing.Keyring)
	if err := ring.Add(key); err != nil {
		t.Fatal(err)
	}
	claims := card.Claims{Issuer: "775670482", IssuedAt: now.Add(-48 * time.Hour).Unix(), NotBefore: day("2027-01-01").Midnight().Unix(),
		Expires: day("2028-01-01").Midnight().Unix(), Place: card.Place{List: 3, Index: 583021}, Adherent: "0012284", Conventions: []string{"SP"},
		Responsable: true, People: []card.Person{{Nom: "LEFÈVRE", Prenom: "Anne", Birth: "19850312", Rang: 1}, {Nom: "LEFÈVRE", Prenom: "Loïc", Birth: "20200100", Rang: 1}},
		Guarantees: []card.Group{
			{People: []int{0}, Values: []card.DomainValue{{Domain: "LABO", Value: value("100%")}, {Domain: "OPAU", Value: value("IS PEC")}, {Domain: "PHAR", Value: value("100/100/15")}}},
			{People: []int{1}, Values: []card.DomainValue{{Domain: "LABO", Value: value("100%")}, {Domain: "OPAU", Value: value("IS PEC")}, {Domain: "PHAR", Value: value("100/100/15")}}}}}
	claims.Guarantees = []card.Group{{People: []int{0, 1}, Values: claims.Guarantees[0].Values}}
	token := must[*card.Token](t)(must[*card.Draft](t)(card.Prepare(claims, signer.KID())).Seal(signer))
	s := &scene{journal: &memory{}, code: token.CodeText(), now: now, lists: &lists{page: status.New("775670482", 3), issuer: &offline.Issuer{
		Insurer: &card.Insurer{AMC: "775670482", Name: "Mutuelle Exemple", PhoneProfessionals: "01 99 00 12 34", CardKeys: []*signing.PublicKey{key}, Outage: card.DefaultOutage()},
		Keys:    ring, Codes: rights.DefaultCodes(), Published: now.Add(-2 * time.Hour), Expires: now.Add(48 * time.Hour)}}}
	s.Counter = &counter.Counter{Lists: s.lists, Journal: s.journal, Now: func() time.Time { return s.now }}
	return s
}

func (s *scene) ask(typed string, change ...func(*counter.Question)) counter.Answer {
	q := counter.Question{Scan: scan.Typed{Text: typed}}
	for _, c := range change {
		c(&q)
	}
	return s.Ask(context.Background(), q)
}

func pharmacy(q *counter.Question) {
	q.Domains = counter.Settings{Profession: "pharmacie"}.Domains()
}

func TestAsk(t *testing.T) {
	s := newScene(t)
	a := s.ask(s.code, pharmacy)
	if a.Reason != offline.OK || a.Receipt == "" || a.Unrecorded != nil || a.Code != s.code {
		t.Fatalf("%s, receipt %q, %v", a.Reason, a.Receipt, a.Unrecorded)
	}
	d := a.Document(offline.French)
	if d.Payment == nil || !d.People[0].Covered {
		t.Errorf("no promise, or not covered: %+v", d)
	}
	if d.Domain != "PHAR" || d.Label == "" || !d.Recorded || d.Routing.Adherent != "0012284" || d.Phone == "" || len(d.People) != 2 {
		t.Errorf("%+v", d)
	}
	if g := d.People[0].Guarantees; len(g) != 3 || g[0].Domain != "PHAR" || !g[0].Own || g[1].Own {
		t.Errorf("own domains first: %+v", g)
	}
	if len(s.journal.written) != 1 || s.journal.written[0].Domain != "PHAR" {
		t.Errorf("journal: %+v", s.journal.written)
	}
	if s.lists.released != 1 {
		t.Errorf("facts released %d times", s.lists.released)
	}
}

// An optician's card column is OPTI or OPAU: the one that the card has is asked for.
func TestOwnDomain(t *testing.T) {
	s := newScene(t)
	for profession, want := range map[string]string{"optique": "OPAU", "dentaire": "DENT", "laboratoire": "LABO", "": ""} {
		a := s.ask(s.code, func(q *counter.Question) { q.Domains = counter.Settings{Profession: profession}.Domains() })
		if a.Domain != want {
			t.Errorf("%s: asked %q, want %q", profession, a.Domain, want)
		}
	}
	if a := s.ask(s.code, pharmacy, func(q *counter.Question) { q.Domain = "LABO" }); a.Domain != "LABO" {
		t.Errorf("the domain asked for gave way to %q", a.Domain)
	}
}

// Whatever goes wrong, nothing is "valid", and nothing that was not read counts as a check.
func TestNotVerified(t *testing.T) {
	s := newScene(t)
	for name, typed := range map[string]string{"nothing": "", "blanks": " \t", "half": s.code[:120], "other": "HELLO WORLD",
		"changed": strings.Replace(s.code, s.code[40:41], string('A'+(s.code[40]-'A'+1)%26), 1)} {
		a := s.ask(typed, pharmacy)
		if a.Status != offline.Unknown && a.Status != offline.Refused || a.Card != nil {
			t.Errorf("%s: %s", name, a.Reason)
		}
		if a.Reason == offline.Unreadable && (a.Receipt != "" || a.Unrecorded != nil) {
			t.Errorf("%s: recorded as a check", name)
		}
		if strings.Contains(strings.ToLower(a.Words(offline.French).Headline+a.Words(offline.French).Meaning), "falsifi") {
			t.Errorf("%s accuses", name)
		}
	}
	s.lists.err = errors.New("folder gone")
	if a := s.ask(s.code, pharmacy); a.Status != offline.Unknown || a.Reason != offline.FactsUnreadable {
		t.Errorf("no facts: %s", a.Reason)
	}
}

func TestUnrecorded(t *testing.T) {
	for err, want := range map[error]string{counter.ErrFull: "le disque est plein", counter.ErrReadOnly: "lecture seule", errors.New("x"): "journal"} {
		s := newScene(t)
		s.journal.err = err
		d := s.ask(s.code, pharmacy).Document(offline.French)
		if d.Status != offline.Valid || d.Recorded || d.Payment != nil || d.Receipt != "" || !strings.HasPrefix(d.Unrecorded, "non enregistrée") || !strings.Contains(d.Unrecorded, want) {
			t.Errorf("%v: %+v", err, d)
		}
	}
	s := newScene(t)
	s.Counter.Journal = nil
	if d := s.ask(s.code).Document(offline.English); d.Recorded || !strings.HasPrefix(d.Unrecorded, "not recorded") {
		t.Errorf("no journal: %+v", d)
	}
}

// Whoever asked may close the window: the check is written all the same.
func TestAskerGone(t *testing.T) {
	s := newScene(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if a := s.Ask(ctx, counter.Question{Scan: scan.Typed{Text: s.code}}); a.Receipt == "" {
		t.Error("not recorded:", a.Unrecorded)
	}
}

// Under a refusal nobody is shown as covered: the card's values are only what is written on it.
func TestRefusedCoversNobody(t *testing.T) {
	s := newScene(t)
	page, err := s.lists.page.Append([]status.Entry{{Index: 583021, From: rights.DateAt(s.now) - 10, Published: rights.DateAt(s.now) - 9, Kind: status.Void}})
	if err != nil {
		t.Fatal(err)
	}
	s.lists.page = page
	d := s.ask(s.code, pharmacy).Document(offline.French)
	if d.Reason != offline.Revoked || len(d.People) != 2 {
		t.Fatalf("%s, %d people", d.Reason, len(d.People))
	}
	for _, p := range d.People {
		if p.Covered || len(p.Guarantees) == 0 {
			t.Errorf("%+v", p)
		}
	}
}

func TestMisreadCodes(t *testing.T) {
	s := newScene(t)
	for typed, want := range map[string]string{"": "empty", s.code[:100]: "incomplete", "12345": "not_code", s.code: ""} {
		if d := s.ask(typed).Document(offline.French); d.Misread != want {
			t.Errorf("%.10q: %q, want %q", typed, d.Misread, want)
		}
	}
}

// What the journal is given names nobody.
func TestReceiptNamesNobody(t *testing.T) {
	s := newScene(t)
	s.ask(s.code, pharmacy)
	b := string(s.journal.written[0].Body())
	for _, person := range []string{"LEFÈVRE", "Anne", "Loïc", "0012284", "19850312"} {
		if strings.Contains(b, person) {
			t.Errorf("the journal would hold %q", person)
		}
	}
	if !strings.Contains(b, "583021") {
		t.Error("and does not even name the card:", b)
	}
}

func TestDocumentIsStable(t *testing.T) {
	s := newScene(t)
	b, err := json.Marshal(s.ask("").Document(offline.French))
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{`"schema":"sceau-verdict-1"`, `"card":null`, `"list":null`, `"recorded":false`} {
		if !strings.Contains(string(b), member) {
			t.Errorf("%s is missing: %s", member, b)
		}
	}
}

func TestSettings(t *testing.T) {
	s := counter.DefaultSettings()
	s.Profession, s.Name = "pharmacie", "Pharmacie de la Gare"
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := counter.ParseSettings(b)
	if err != nil || back.Profession != s.Profession || back.Name != s.Name {
		t.Fatalf("%+v, %v", back, err)
	}
	if d, err := counter.ParseSettings(nil); err != nil || d.Language != offline.French || d.SyncEvery != counter.DefaultSync {
		t.Errorf("first start: %+v, %v", d, err)
	}
	for name, text := range map[string]string{
		"no JSON": "x", "unknown member": `{"roots":["evil"]}`, "language": `{"language":"de"}`, "profession": `{"language":"fr","profession":"roi"}`,
		"theme": `{"theme":"<b>"}`, "retention": `{"retention_days":1}`, "sync": `{"sync_minutes":0}`, "port": `{"port":80}`, "name": `{"name":"a\u202eb"}`,
		"finess": `{"finess":"123"}`, "long": `{"name":"` + strings.Repeat("a", counter.MaxSettings) + `"}`, "watch": `{"watch_folder":"` + strings.Repeat("a", 2000) + `"}`,
		"two documents": `{} {}`} {
		got, err := counter.ParseSettings([]byte(text))
		if !errors.Is(err, counter.ErrSettings) {
			t.Errorf("%s: %v", name, err)
		}
		if got != counter.DefaultSettings() {
			t.Errorf("%s left its mark: %+v", name, got)
		}
	}
}

// Every domain of a profession is one that the tables know, and each profession has both names.
func TestProfessions(t *testing.T) {
	known := map[string]bool{}
	for _, code := range rights.DefaultCodes().DomainCodes() {
		known[code] = true
	}
	met := 0
	for _, p := range counter.Professions() {
		met++
		if p.Code == "" || p.French == "" || p.English == "" || len(p.Domains) == 0 {
			t.Errorf("%+v", p)
		}
		for _, d := range p.Domains {
			if !known[d] {
				t.Errorf("%s: no domain %s", p.Code, d)
			}
		}
	}
	if met == 0 {
		t.Fatal("no profession")
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte(`{"language":"fr","profession":"pharmacie"}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := counter.ParseSettings(b)
		if err != nil {
			return
		}
		again, err := s.Bytes()
		if err != nil {
			t.Fatal("accepted, and refused to write:", err)
		}
		if back, err := counter.ParseSettings(again); err != nil || back.Name != s.Name || back.Port != s.Port {
			t.Fatal("lost something:", err)
		}
	})
}
