package offline_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
)

// counter is a Facts held in memory: two insurers, one list each.
type counter struct {
	issuers map[string]*offline.Issuer
	pages   map[uint32]*status.Page
	damaged error
}

func (c *counter) Issuer(key string) (*offline.Issuer, error) {
	if c.damaged != nil {
		return nil, c.damaged
	}
	if iss, ok := c.issuers[key]; ok {
		return iss, nil
	}
	return nil, offline.ErrUnknownIssuer
}

func (c *counter) Page(_ string, list uint32) (*status.Page, error) {
	if p, ok := c.pages[list]; ok {
		return p, nil
	}
	return nil, offline.ErrNoPage
}

func (c *counter) OwnerOf(kid string) (string, error) {
	for key, iss := range c.issuers {
		if _, err := iss.Keys.Lookup(kid); err == nil {
			return key, nil
		}
	}
	return "", offline.ErrUnknownIssuer
}

const (
	mutuelle = rights.AMC("775670482")
	other    = rights.AMC("302976568")
)

func day(t testing.TB, s string) rights.Date {
	t.Helper()
	d, err := rights.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func guarantee(t testing.TB, s string) rights.Guarantee {
	t.Helper()
	g, err := rights.ParseGuarantee(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// world is one counter and the keys of its insurers.
type world struct {
	*counter
	signers map[rights.AMC]*signing.Signer
	now     time.Time
	leave   bool // everybody left the contract on 31 January
}

// change is what the scene asks of the contract.
func (w *world) change(t *testing.T) func(*rights.Contract) {
	if !w.leave {
		return nil
	}
	return func(c *rights.Contract) {
		for i := range c.Beneficiaries {
			c.Beneficiaries[i].From, c.Beneficiaries[i].To = 0, day(t, "2027-01-31")
		}
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{counter: &counter{issuers: map[string]*offline.Issuer{}, pages: map[uint32]*status.Page{}},
		signers: map[rights.AMC]*signing.Signer{}, now: day(t, "2027-03-02").Midnight().Add(10 * time.Hour)}
	for i, amc := range []rights.AMC{mutuelle, other} {
		w.add(t, amc, uint32(i+1))
	}
	return w
}

func (w *world) add(t testing.TB, amc rights.AMC, list uint32) {
	t.Helper()
	signer, err := signing.NewSigner(card.Kind, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	key := signer.Public()
	key.Owner = amc.Key()
	if err := key.SetWindow(day(t, "2026-01-01").Midnight(), day(t, "2028-01-01").Midnight()); err != nil {
		t.Fatal(err)
	}
	ring := new(signing.Keyring)
	if err := ring.Add(key); err != nil {
		t.Fatal(err)
	}
	w.signers[amc] = signer
	w.issuers[amc.Key()] = &offline.Issuer{
		Insurer: &card.Insurer{AMC: amc, Name: "Mutuelle Exemple", CardKeys: []*signing.PublicKey{key},
			Outage: card.OutagePolicy{Default: card.Limits{ReserveHours: 72, RefuseHours: 720, PayableEuros: 150},
				Domains: map[string]card.Limits{"OPTI": {ReserveHours: 24, RefuseHours: 48}}}},
		Keys: ring, Codes: rights.DefaultCodes(),
		Published: w.now.Add(-2 * time.Hour), Expires: w.now.Add(46 * time.Hour)}
	w.pages[list] = status.New(amc.Key(), list)
}

// rekey changes what the repository says of the first insurer's key.
func (w *world) rekey(t testing.TB, change func(*signing.PublicKey)) {
	t.Helper()
	iss := w.issuers[mutuelle.Key()]
	change(iss.Insurer.CardKeys[0])
	iss.Keys = new(signing.Keyring)
	if err := iss.Keys.Add(iss.Insurer.CardKeys[0]); err != nil {
		t.Fatal(err)
	}
}

func contract(t testing.TB, amc rights.AMC) rights.Contract {
	t.Helper()
	return rights.Contract{Insurer: amc, Adherent: "0012284", Conventions: []string{"SP"}, Responsable: true,
		From: day(t, "2027-01-01"), To: day(t, "2027-12-31"),
		Beneficiaries: []rights.Beneficiary{
			{Nom: "LEFÈVRE", Prenom: "Zoé", Birth: "19810403", Rang: 1, Guarantees: map[string]rights.Guarantee{
				"PHAR": guarantee(t, "SP 100%"), "OPTI": guarantee(t, "PEC"), "LABO": guarantee(t, "100%"), "MED": guarantee(t, "-")}},
			{Nom: "LEFÈVRE", Prenom: "Noé", Birth: "20270000", Rang: 1, From: day(t, "2027-06-01"), Guarantees: map[string]rights.Guarantee{
				"PHAR": guarantee(t, "SP 100%")}},
		}}
}

// issue makes the code text of a card in the name of amc, signed by the key of signedBy.
func (w *world) issue(t testing.TB, amc, signedBy rights.AMC, place card.Place, change func(*rights.Contract)) string {
	t.Helper()
	c := contract(t, amc)
	if change != nil {
		change(&c)
	}
	claims, err := card.FromContract(c, place, day(t, "2026-11-15").Midnight(), -1)
	if err != nil {
		t.Fatal(err)
	}
	return w.seal(t, claims, signedBy)
}

func (w *world) seal(t testing.TB, claims card.Claims, signedBy rights.AMC) string {
	t.Helper()
	s := w.signers[signedBy]
	draft, err := card.Prepare(claims, s.KID())
	if err != nil {
		t.Fatal(err)
	}
	token, err := draft.Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	return token.CodeText()
}

func (w *world) event(t testing.TB, list uint32, e status.Entry) {
	t.Helper()
	p, err := w.pages[list].Append([]status.Entry{e})
	if err != nil {
		t.Fatal(err)
	}
	w.pages[list] = p
}

// everybody asks for the household; the other rows of the table ask for its first beneficiary.
const everybody = 100

var home = card.Place{List: 1, Index: 583021}

func TestVerdictTable(t *testing.T) {
	end := func(kind status.Kind, from string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.event(t, 1, status.Entry{Index: home.Index, From: day(t, from), Published: day(t, "2027-03-01"), Kind: kind})
		}
	}
	aged := func(d time.Duration) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) {
			iss := w.issuers[mutuelle.Key()]
			iss.Published, iss.Expires = w.now.Add(-d), w.now.Add(1000*time.Hour)
		}
	}
	for name, tc := range map[string]struct {
		domain string
		person int
		care   string
		setup  func(*testing.T, *world)
		want   offline.Reason
		since  string
	}{
		"card alone":                     {want: offline.OK},
		"card alone, one not yet":        {person: everybody, want: offline.ChoosePerson},
		"card alone, all insured":        {person: everybody, care: "2027-06-01", want: offline.OK},
		"nobody any more":                {person: everybody, setup: func(_ *testing.T, w *world) { w.leave = true }, want: offline.Expired, since: "2027-01-31"},
		"domain, person":                 {domain: "PHAR", want: offline.OK},
		"care to come":                   {domain: "PHAR", care: "2027-03-03", want: offline.OK},
		"domain, list stale":             {domain: "PHAR", setup: aged(73 * time.Hour), want: offline.StaleList},
		"clock behind another operator":  {setup: func(_ *testing.T, w *world) { w.issuers[mutuelle.Key()].Floor = w.now.Add(11 * time.Minute) }, want: offline.ClockWrong},
		"domain, household, all insured": {domain: "PHAR", person: everybody, care: "2027-06-01", want: offline.OK},
		"domain, household, one not yet": {domain: "PHAR", person: everybody, care: "2027-05-31", want: offline.ChoosePerson},
		"prior agreement":                {domain: "OPTI", person: 1, want: offline.OKPEC},
		"prior agreement, one without":   {domain: "OPTI", person: everybody, care: "2027-07-01", want: offline.ChoosePerson},
		"dash":                           {domain: "MED", want: offline.NotCovered},
		"domain absent from card":        {domain: "DENT", want: offline.NotCovered},
		"domain for the other person":    {domain: "LABO", person: 2, care: "2027-07-01", want: offline.NotCovered},
		"no such domain":                 {domain: "ZZZZ", want: offline.UnknownDomain},
		"person not on card":             {person: 3, want: offline.NotListed},
		"negative person":                {person: -1, want: offline.NotListed},
		"first day":                      {care: "2027-01-01", person: 1, want: offline.OK},
		"eve of first day":               {care: "2026-12-31", want: offline.NotYet, since: "2027-01-01"},
		"last day":                       {care: "2027-12-31", want: offline.OK},
		"day after":                      {care: "2028-01-01", want: offline.Expired, since: "2027-12-31"},
		"person's own first day":         {person: 2, care: "2027-06-01", want: offline.OK},
		"eve of person's own first day":  {person: 2, care: "2027-05-31", want: offline.NotYet, since: "2027-06-01"},

		"void on the day":         {care: "2027-03-01", setup: end(status.Void, "2027-03-01"), want: offline.Revoked, since: "2027-03-01"},
		"void since":              {setup: end(status.Void, "2027-03-01"), want: offline.Revoked, since: "2027-03-01"},
		"eve of void":             {care: "2027-02-28", setup: end(status.Void, "2027-03-01"), want: offline.BeforeEnd, since: "2027-03-01"},
		"void to come":            {setup: end(status.Void, "2027-04-01"), want: offline.BeforeEnd, since: "2027-04-01"},
		"void to come, agreement": {domain: "OPTI", person: 1, setup: end(status.Void, "2027-04-01"), want: offline.OKPEC, since: "2027-04-01"},
		"replaced from tomorrow":  {setup: end(status.Replaced, "2027-03-03"), want: offline.OK},
		"replaced":                {setup: end(status.Replaced, "2027-03-01"), want: offline.Replaced, since: "2027-03-01"},
		"suspended":               {setup: end(status.Suspended, "2027-03-01"), want: offline.Suspended, since: "2027-03-01"},
		"restored": {setup: func(t *testing.T, w *world) {
			end(status.Suspended, "2027-02-01")(t, w)
			end(status.Restored, "2027-02-01")(t, w)
		}, want: offline.OK},
		"restored, care while suspended": {care: "2027-02-10", setup: func(t *testing.T, w *world) {
			end(status.Suspended, "2027-02-01")(t, w)
			end(status.Restored, "2027-02-15")(t, w)
		}, want: offline.Suspended, since: "2027-02-01"},
		"neighbour is void": {setup: func(t *testing.T, w *world) {
			w.event(t, 1, status.Entry{Index: home.Index + 1, From: day(t, "2027-01-01"), Published: day(t, "2027-03-01"), Kind: status.Void})
		}, want: offline.OK},

		"at the reserve limit":       {setup: aged(72 * time.Hour), want: offline.OK},
		"past the reserve limit":     {setup: aged(72*time.Hour + time.Second), want: offline.StaleList},
		"at the refuse limit":        {setup: aged(720 * time.Hour), want: offline.StaleList},
		"past the refuse limit":      {setup: aged(720*time.Hour + time.Second), want: offline.ListTooOld},
		"the domain has its own":     {domain: "OPTI", person: 1, setup: aged(49 * time.Hour), want: offline.ListTooOld},
		"a void needs no fresh list": {setup: func(t *testing.T, w *world) { end(status.Void, "2027-03-01")(t, w); aged(9999*time.Hour)(t, w) }, want: offline.Revoked, since: "2027-03-01"},
		"timestamp expired":          {setup: func(_ *testing.T, w *world) { w.issuers[mutuelle.Key()].Expires = w.now.Add(-time.Second) }, want: offline.StaleList},
		"clock ten minutes slow":     {setup: func(_ *testing.T, w *world) { w.issuers[mutuelle.Key()].Published = w.now.Add(10 * time.Minute) }, want: offline.OK},
		"clock eleven minutes slow":  {setup: func(_ *testing.T, w *world) { w.issuers[mutuelle.Key()].Published = w.now.Add(11 * time.Minute) }, want: offline.ClockWrong},
		"clock before the card": {care: "2027-03-02", setup: func(t *testing.T, w *world) {
			w.now = day(t, "2026-11-01").Midnight()
			w.issuers[mutuelle.Key()].Published = w.now
		}, want: offline.ClockWrong},
		"list missing":   {setup: func(_ *testing.T, w *world) { delete(w.pages, 1) }, want: offline.ListMissing},
		"issuer unknown": {setup: func(_ *testing.T, w *world) { delete(w.issuers, mutuelle.Key()) }, want: offline.UnknownIssuer},
		"key unknown":    {setup: func(_ *testing.T, w *world) { w.issuers[mutuelle.Key()].Keys = new(signing.Keyring) }, want: offline.UnknownKey},
		"key dead":       {setup: func(t *testing.T, w *world) { w.rekey(t, func(k *signing.PublicKey) { k.State = signing.StateDead }) }, want: offline.KeyDead},
		"key retired": {setup: func(_ *testing.T, w *world) {
			w.issuers[mutuelle.Key()].Insurer.CardKeys[0].State = signing.StateRetired
		}, want: offline.OK},
		"key listed, no digests here": {setup: func(_ *testing.T, w *world) {
			w.rekey(t, func(k *signing.PublicKey) { k.State = signing.StateListed })
		}, want: offline.KeyListed},
		"key window over": {setup: func(t *testing.T, w *world) {
			w.rekey(t, func(k *signing.PublicKey) { k.From, k.Until = time.Time{}, day(t, "2026-11-15").Midnight() })
		}, want: offline.KeyWindow},
		"stored facts damaged": {setup: func(_ *testing.T, w *world) { w.damaged = errors.New("bit rot") }, want: offline.FactsUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tc.setup != nil {
				tc.setup(t, w)
			}
			q := offline.Query{Text: w.issue(t, mutuelle, mutuelle, home, w.change(t)), Domain: tc.domain, Person: tc.person, Now: w.now}
			switch tc.person {
			case 0:
				q.Person = 1
			case everybody:
				q.Person = 0
			}
			if tc.care != "" {
				q.Care = day(t, tc.care)
			}
			v := offline.Check(w, q)
			if v.Reason != tc.want || v.Status != offline.StatusOf(tc.want) || v.Since.String() != tc.since {
				t.Fatalf("got %s %s since %q, want %s since %q", v.Status, v.Reason, v.Since, tc.want, tc.since)
			}
			if v.Status == offline.Valid && (v.Card == nil || v.List == nil) {
				t.Error("a valid verdict says nothing of what it relied on")
			}
			promised := q.Domain != "" && !v.Ahead && (tc.want == offline.OK || tc.want == offline.BeforeEnd || tc.want == offline.StaleList)
			if (v.Pay != nil) != promised {
				t.Errorf("payment promise: %v", v.Pay)
			}
			if v.Ahead != (v.List != nil && v.Card != nil && v.Care > rights.DateAt(w.now) && v.Status != offline.Refused && v.Status != offline.Unknown) {
				t.Errorf("care on %s is called ahead: %v", v.Care, v.Ahead)
			}
		})
	}
}

func TestForeignHands(t *testing.T) {
	w := newWorld(t)
	good := w.issue(t, mutuelle, mutuelle, home, nil)
	check := func(text string) offline.Verdict {
		return offline.Check(w, offline.Query{Text: text, Person: 1, Now: w.now})
	}
	if v := check(good); v.Reason != offline.OK {
		t.Fatalf("the genuine twin: %s", v.Reason)
	}
	if v := check(w.issue(t, mutuelle, other, home, nil)); v.Reason != offline.WrongInsurer || v.Card != nil {
		t.Errorf("another insurer's key: %s", v.Reason)
	}
	stranger := newWorld(t)
	if v := check(stranger.issue(t, mutuelle, mutuelle, home, nil)); v.Reason != offline.UnknownKey || v.Card != nil {
		t.Errorf("a key of nobody: %s", v.Reason)
	}
	// The stranger's key, named as the genuine one: only the signature tells.
	forged := w.issue(t, mutuelle, mutuelle, home, func(c *rights.Contract) { c.Adherent = "0012285" })
	if v := check(splice(t, good, forged)); v.Reason != offline.BadSignature || v.Card != nil {
		t.Errorf("signature of another card: %s", v.Reason)
	}
	for i := range good {
		damaged := good[:i] + good[i+1:]
		if v := check(damaged); v.Reason != offline.Unreadable {
			t.Fatalf("a character lost at %d: %s", i, v.Reason)
		}
	}
	for _, text := range []string{"", "TP1", "https://exemple.invalid/carte", strings.ToLower(good), good + good, good + "\n", "TP2" + good[3:]} {
		if v := check(text); v.Status == offline.Valid || v.Status == offline.Reserve {
			t.Errorf("%.20q: %s", text, v.Reason)
		}
	}
}

// Every reason has its words in both languages, without a placeholder left, and none of them accuses.
func TestWords(t *testing.T) {
	w := newWorld(t)
	v := offline.Check(w, offline.Query{Text: w.issue(t, mutuelle, mutuelle, home, nil), Domain: "PHAR", Person: 1, Now: w.now})
	reasons := offline.Reasons()
	if len(reasons) < 20 {
		t.Fatalf("only %d reasons", len(reasons))
	}
	heads := map[offline.Language][]string{}
	for _, r := range reasons {
		v.Reason, v.Since, v.Own = r, day(t, "2027-04-01"), !v.Own
		for _, lang := range []offline.Language{offline.French, offline.English} {
			words := v.Words(lang)
			all := words.Headline + " " + words.Meaning + " " + words.Next
			if words.Headline == "" || words.Meaning == "" || words.Next == "" || strings.ContainsAny(all, "{}") {
				t.Errorf("%s %s: %+v", lang, r, words)
			}
			if up := strings.ToUpper(words.Headline); up != words.Headline {
				t.Errorf("%s %s: headline %q", lang, r, words.Headline)
			}
			for _, bad := range []string{"falsifi", "fraude", "impay", "forged", "fake", "porteur vérifié", "0 €"} {
				if strings.Contains(strings.ToLower(all), bad) {
					t.Errorf("%s %s says %q", lang, r, bad)
				}
			}
			heads[lang] = append(heads[lang], words.Headline)
		}
	}
	if slices.Contains(heads[offline.French], "RIGHTS OPEN") {
		t.Error("English in the French book")
	}
	v.Reason = offline.OK
	if got := v.Words("de"); got != v.Words(offline.French) {
		t.Errorf("unknown language: %+v", got)
	}
	if got := v.Words(offline.French).Meaning; !strings.Contains(got, ") 100% de la base de remboursement") {
		t.Errorf("value missing: %s", got)
	}
}

func TestCareDefaultsToTodayInParis(t *testing.T) {
	w := newWorld(t)
	w.now = day(t, "2028-01-01").Midnight() // still 31 December in London
	w.issuers[mutuelle.Key()].Published = w.now.Add(-time.Hour)
	v := offline.Check(w, offline.Query{Text: w.issue(t, mutuelle, mutuelle, home, nil), Now: w.now.UTC()})
	if v.Reason != offline.Expired || v.Care != day(t, "2028-01-01") {
		t.Errorf("%s on %s", v.Reason, v.Care)
	}
}
