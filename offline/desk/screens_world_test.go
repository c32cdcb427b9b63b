// A small world in memory, so that the screens show what the counter really answers: cards that are signed, keys, lists and
// their events, and for each reason the one thing that is wrong.

package desk_test

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/status"
	"sceau/fixtures"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
	"sceau/offline/scan"
	"sceau/rights"
	"sceau/signing"
)

const (
	alizes   = rights.AMC("775670284")
	littoral = rights.AMC("302927415")
)

var (
	worldNow = time.Date(2026, 3, 17, 8, 30, 0, 0, time.UTC)
	today    = rights.DateAt(worldNow)
	home     = card.Place{List: 3, Index: 583021}
)

// sure is for what a test's own constants make: it can't fail but by a mistake in this file.
func sure[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func dayOf(text string) rights.Date { return sure(rights.ParseDate(text)) }

// world is the facts of one counter, and its journal.
type world struct {
	issuers map[string]*offline.Issuer
	signers map[rights.AMC]*signing.Signer
	page    *status.Page
	broken  error // of everything that is stored
	full    bool  // the journal's disk
}

func newWorld() *world {
	w := &world{issuers: map[string]*offline.Issuer{}, signers: map[rights.AMC]*signing.Signer{}, page: status.New(alizes.Key(), home.List)}
	for amc, name := range map[rights.AMC]string{alizes: "Mutuelle des Alizés", littoral: "Prévoyance du Littoral"} {
		signer := sure(signing.NewSigner(card.Kind, fixtures.TestKey("desk screens "+string(amc))))
		key := signer.Public()
		key.Owner = amc.Key()
		if err := key.SetWindow(dayOf("2025-01-01").Midnight(), dayOf("2027-01-01").Midnight()); err != nil {
			panic(err)
		}
		w.signers[amc] = signer
		iss := &offline.Issuer{Insurer: &card.Insurer{AMC: amc, Name: name, PhoneProfessionals: "01 23 45 67 89", CardKeys: []*signing.PublicKey{key},
			Outage: card.OutagePolicy{Default: card.Limits{ReserveHours: 72, RefuseHours: 168, PayableEuros: 150}}},
			Codes: rights.DefaultCodes(), Published: worldNow.Add(-150 * time.Minute), Expires: worldNow.Add(46 * time.Hour)}
		w.issuers[amc.Key()] = iss
		w.ring(amc)
	}
	return w
}

// ring gives an insurer's issuer the keys that its facts name.
func (w *world) ring(amc rights.AMC) {
	iss := w.issuers[amc.Key()]
	iss.Keys = new(signing.Keyring)
	for _, key := range iss.Insurer.CardKeys {
		if err := iss.Keys.Add(key); err != nil {
			panic(err)
		}
	}
}

func (w *world) Facts(context.Context) (counter.Facts, func(), error) { return w, func() {}, w.broken }
func (w *world) Issuer(key string) (*offline.Issuer, error) {
	if iss, ok := w.issuers[key]; ok {
		return iss, nil
	}
	return nil, offline.ErrUnknownIssuer
}
func (w *world) Page(_ string, list uint32) (*status.Page, error) {
	if list != home.List || w.page == nil {
		return nil, offline.ErrNoPage
	}
	return w.page, nil
}
func (w *world) OwnerOf(kid string) (string, error) {
	for key, iss := range w.issuers {
		if _, err := iss.Keys.Lookup(kid); err == nil {
			return key, nil
		}
	}
	return "", offline.ErrUnknownIssuer
}
func (w *world) Codes() []*rights.Codes { return []*rights.Codes{rights.DefaultCodes()} }
func (w *world) Append(context.Context, receipt.Receipt) (receipt.Number, error) {
	if w.full {
		return "", fmt.Errorf("%w: no space", counter.ErrFull)
	}
	return "K7QF-1042-M3TZ", nil
}

// Operator and Service make the world's lists those of one operator.
func (w *world) Operator(string) (string, error)       { return "9f3c", nil }
func (w *world) Service(string) (*card.Service, error) { return &card.Service{}, nil }

// serves is the operator's service: what it answers, or why it does not.
type serves struct {
	code    string // of counter.Rescue
	changed bool
}

func (serves) Enrolled() bool { return true }
func (v serves) Ask(_ context.Context, e counter.Enquiry) (*counter.Asked, error) {
	if v.code != "" {
		return nil, &counter.Rescue{Code: v.code}
	}
	u := sure(card.Parse(e.Card))
	value := sure(rights.ParseGuarantee(map[bool]string{true: "SP 90%", false: "SP 100%"}[v.changed]))
	answer := accord.Answer{Domain: e.Domain, Status: "valid", Reason: "OK", PayUntil: worldNow.Add(30 * 24 * time.Hour), PayEuros: 400}
	for n := range u.PeekUnsafe().People {
		answer.People = append(answer.People, accord.PersonValue{Number: n + 1, Covered: true, Value: value})
	}
	return &counter.Asked{Now: worldNow, Accord: &accord.Accord{Number: "A7QF-XM3T-9ABD", Request: "q83vEjRWeJCrze8SNFZ4kA", Insurer: e.Insurer, Place: u.PlaceUnsafe(), KID: u.KID(), Counter: "AAECAwQFBgc", Care: e.Care,
		Person: e.Person, At: worldNow, Until: worldNow.Add(time.Hour), Answers: []accord.Answer{answer}, Changed: v.changed}}, nil
}

// event puts one event of the home card on its page.
func (w *world) event(kind status.Kind) {
	w.page = sure(w.page.Append([]status.Entry{{Index: home.Index, From: dayOf("2026-03-02"), Published: dayOf("2026-03-03"), Kind: kind}}))
}

// aged makes every list older.
func (w *world) aged(d time.Duration) {
	for _, iss := range w.issuers {
		iss.Published = iss.Published.Add(-d)
	}
}

// family is the contract of three people; pharmacy is what each has there.
func family(amc rights.AMC, pharmacy ...string) rights.Contract {
	c := rights.Contract{Insurer: amc, Adherent: "012284A", Conventions: []string{"SP", "IS"}, CSR: "SAN01", Responsable: true, From: dayOf("2026-01-01"), To: dayOf("2026-12-31"),
		Notes: []string{"Sur présentation de l’ordonnance."}}
	for i, p := range [][3]string{{"LE GOFF-DUVAL", "Maëlle", "19840312"}, {"LE GOFF", "Yann", "19810930"}, {"LE GOFF", "Anaïs", "20120105"}} {
		values := map[string]rights.Guarantee{}
		for code, text := range map[string]string{"PHAR": pharmacy[i%len(pharmacy)], "LPPS": "IS 100%", "OPTI": "PEC (1)", "DENT": "IS 125%", "HOSP": "PEC", "MED": "IS 100%", "AUXM": "IS 100%"} {
			values[code] = sure(rights.ParseGuarantee(text))
		}
		c.Beneficiaries = append(c.Beneficiaries, rights.Beneficiary{Nom: p[0], Prenom: p[1], Birth: sure(rights.ParseBirthDate(p[2])), Rang: 1, Guarantees: values})
	}
	return c
}

func (w *world) issue(c rights.Contract, issued string, signer *signing.Signer, kid string) string {
	claims := sure(card.FromContract(c, home, dayOf(issued).Midnight(), -1))
	return sure(sure(card.Prepare(claims, kid)).Seal(signer)).CodeText()
}

// splice puts the signature of one code under the content of another and makes the checksum right again.
func splice(signature, content string) string {
	b32 := base32.StdEncoding.WithPadding(base32.NoPadding)
	s, c := sure(b32.DecodeString(signature[3:])), sure(b32.DecodeString(content[3:]))
	c = append(c[:len(c)-68:len(c)-68], s[len(s)-68:len(s)-4]...)
	return "TP1" + b32.EncodeToString(binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c)))
}

// arrange makes the world in which the counter answers with a reason, and what is asked in it.
func arrange(reason offline.Reason) (*world, counter.Question) {
	w := newWorld()
	q := counter.Question{Domains: counter.Settings{Profession: "pharmacie"}.Domains()}
	own := w.signers[alizes]
	c, issued, signer, kid := family(alizes, "SP 100%"), "2025-12-01", own, own.KID()
	switch reason {
	case offline.OK:
	case offline.OKPEC:
		q.Domain = "OPTI"
	case offline.BeforeEnd:
		w.event(status.Void)
		q.Care = dayOf("2026-02-20")
	case offline.StaleList:
		w.aged(96 * time.Hour)
	case offline.ListTooOld:
		w.aged(240 * time.Hour)
	case offline.ChoosePerson:
		c = family(alizes, "SP 100%", "SP 100%", "-")
	case offline.NotCovered:
		c = family(alizes, "-")
	case offline.NotYet:
		q.Care = dayOf("2025-12-20")
	case offline.Expired:
		c.From, c.To, issued = dayOf("2025-01-01"), dayOf("2025-12-31"), "2025-01-02"
	case offline.Revoked:
		w.event(status.Void)
	case offline.Replaced:
		w.event(status.Replaced)
	case offline.Suspended:
		w.event(status.Suspended)
	case offline.NotListed:
		q.Person = 5
	case offline.BadSignature:
		other := w.issue(family(alizes, "IS 80%"), issued, own, kid)
		q.Scan.Text = splice(w.issue(c, issued, own, kid), other)
		return w, q
	case offline.WrongInsurer:
		signer = w.signers[littoral]
		kid = signer.KID()
	case offline.KeyDead:
		w.issuers[alizes.Key()].Insurer.CardKeys[0].State = signing.StateDead
		w.ring(alizes)
	case offline.UnknownIssuer:
		delete(w.issuers, alizes.Key())
	case offline.UnknownDomain:
		q.Domain = "ZZZZ"
	case offline.ListMissing:
		w.page = nil
	case offline.ClockWrong:
		w.aged(-5 * time.Hour)
	case offline.FactsUnreadable:
		w.broken = errors.New("what is stored can't be believed")
	case offline.Unreadable:
	default:
		panic("no world for " + reason)
	}
	q.Scan = scan.Typed{Text: w.issue(c, issued, signer, kid)}
	if reason == offline.Unreadable {
		q.Scan.Text = q.Scan.Text[:len(q.Scan.Text)/2]
	}
	return w, q
}

// answered is one answer of a world, as the server sends it.
func answered(w *world, q counter.Question, lang offline.Language) object {
	return served(w, q, lang, nil)
}

// served is the same where a service may be asked first.
func served(w *world, q counter.Question, lang offline.Language, o counter.Online) object {
	at := (&counter.Counter{Lists: w, Journal: w, Online: o, Now: func() time.Time { return worldNow }}).Ask(context.Background(), q)
	d := object{}
	if err := json.Unmarshal(sure(json.Marshal(at.Document(lang))), &d); err != nil {
		panic(err)
	}
	if at.Code != "" {
		d["code"] = at.Code
	}
	return d
}

var (
	truthLock sync.Mutex
	truths    = map[string]object{}
)

// document is what the counter answers for a reason; change makes of it what no counter would say.
func document(lang offline.Language, reason offline.Reason, change object) object {
	truthLock.Lock()
	defer truthLock.Unlock()
	key := string(reason) + string(lang)
	if truths[key] == nil {
		w, q := arrange(reason)
		d := answered(w, q, lang)
		if d["reason"] != string(reason) {
			panic(fmt.Sprintf("the world of %s answers %v", reason, d["reason"]))
		}
		truths[key] = d
	}
	d := maps.Clone(truths[key])
	maps.Copy(d, change)
	return d
}

// online is a good answer of the service, or of the list in its place.
func online(lang offline.Language, v serves) object {
	w, q := arrange(offline.OK)
	return served(w, q, lang, v)
}

// unrecorded is a good answer whose journal has no room.
func unrecorded(lang offline.Language) object {
	w, q := arrange(offline.OK)
	w.full = true
	return answered(w, q, lang)
}
