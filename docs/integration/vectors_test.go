// The conformance vectors: made here from TEST keys, compared with the committed file, and read back from that file alone.

package integration_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"hash/crc32"
	"io"
	"os"
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

var update = flag.Bool("update", false, "write vectors.json anew")

const vectorsFile = "vectors.json"

// vectors is the file. Everything that a verdict needs is in it.
type vectors struct {
	Schema  string       `json:"schema"`
	Notice  string       `json:"notice"`
	Facts   vectorFacts  `json:"facts"`
	Vectors []vectorCase `json:"vectors"`
}

type vectorFacts struct {
	Issuer    json.RawMessage `json:"issuer"`    // issuer.json of the insurer
	Page      string          `json:"page"`      // its list 3, base64
	Published time.Time       `json:"published"` // of the list
	Expires   time.Time       `json:"expires"`
}

type vectorCase struct {
	Name        string     `json:"name"`
	About       string     `json:"about"`
	Now         time.Time  `json:"now"` // the counter's clock
	Code        string     `json:"code"`
	Domain      string     `json:"domain,omitempty"`
	DateOfCare  string     `json:"date_of_care,omitempty"`
	Beneficiary int        `json:"beneficiary,omitempty"`
	Expect      vectorWant `json:"expect"`
}

type vectorWant struct {
	Status offline.Status `json:"status"`
	Reason offline.Reason `json:"reason"`
	Card   *string        `json:"card"`
	Exit   int            `json:"exit"`
}

const amc = "775670482"

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func day(t *testing.T, s string) rights.Date {
	t.Helper()
	return must[rights.Date](t)(rights.ParseDate(s))
}

// steady signs by RFC 6979: the same card has the same signature each time. Only vectors want that.
type steady struct{ *ecdsa.PrivateKey }

func (s steady) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(nil, digest, o)
}

func signer(t *testing.T, label string) *signing.Signer {
	t.Helper()
	return must[*signing.Signer](t)(signing.NewSigner(card.Kind, steady{fixtures.TestKey(label)}))
}

// claims of a card of two; change makes another card of it.
func claims(t *testing.T, index uint32, change func(*card.Claims)) card.Claims {
	value := func(s string) rights.Guarantee { return must[rights.Guarantee](t)(rights.ParseGuarantee(s)) }
	c := card.Claims{Issuer: amc, IssuedAt: day(t, "2026-12-01").Midnight().Unix(), NotBefore: day(t, "2027-01-01").Midnight().Unix(),
		Expires: day(t, "2028-01-01").Midnight().Unix(), Place: card.Place{List: 3, Index: index}, Adherent: "0012284", Conventions: []string{"SP"}, Responsable: true,
		People: []card.Person{{Nom: "LEFÈVRE", Prenom: "Anne", Birth: "19850312", Rang: 1}, {Nom: "LEFÈVRE", Prenom: "Loïc", Birth: "20200100", Rang: 1}}}
	c.Guarantees = []card.Group{{People: []int{0, 1}, Values: []card.DomainValue{{Domain: "LABO", Value: value("-")}, {Domain: "OPAU", Value: value("IS PEC")}, {Domain: "PHAR", Value: value("100/100/15")}}}}
	if change != nil {
		change(&c)
	}
	return c
}

func code(t *testing.T, label string, c card.Claims) string {
	t.Helper()
	s := signer(t, label)
	return must[*card.Token](t)(must[*card.Draft](t)(card.Prepare(c, s.KID())).Seal(s)).CodeText()
}

// rewrite changes the bytes that a code holds, and makes its checksum right again.
func rewrite(t *testing.T, code string, change func(raw []byte) []byte) string {
	t.Helper()
	plain := base32.StdEncoding.WithPadding(base32.NoPadding)
	raw := must[[]byte](t)(plain.DecodeString(strings.TrimPrefix(code, card.Prefix)))
	raw = change(raw[:len(raw)-4])
	return card.Prefix + plain.EncodeToString(binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw)))
}

// azerty is what a French Windows computer makes of a scanner that is set to a keyboard of the United States.
func azerty(code string, caps bool) string {
	plain, shifted := "QWAZM;1234567", `AZQW?M&é"'(-è`
	from := []rune(plain)
	to := []rune(shifted)
	var out []rune
	for _, r := range code {
		for i, f := range from {
			if f == r {
				r = to[i]
				break
			}
		}
		out = append(out, r)
	}
	text := string(out)
	if caps { // Shift and Caps Lock undo each other on letters; Caps Lock is a Shift for the digits
		text = strings.NewReplacer("&", "1", "É", "2", "é", "2", `"`, "3", "'", "4", "(", "5", "-", "6", "È", "7", "è", "7", "?", ",").Replace(text)
		text = strings.ToLower(text)
	}
	return text
}

func makeVectors(t *testing.T) vectors {
	now := day(t, "2027-03-02").Midnight().Add(10 * time.Hour).UTC()
	published := now.Add(-2 * time.Hour)
	key := signer(t, "vectors").Public()
	key.Owner = amc
	if err := key.SetWindow(day(t, "2026-01-01").Midnight(), day(t, "2029-01-01").Midnight()); err != nil {
		t.Fatal(err)
	}
	issuer := &card.Insurer{AMC: amc, Name: "Mutuelle Exemple", PhoneProfessionals: "01 99 00 12 34", CardKeys: []*signing.PublicKey{key}, Outage: card.DefaultOutage()}
	entries := func(index uint32, kind status.Kind) status.Entry {
		return status.Entry{Index: index, From: day(t, "2027-02-15"), Published: day(t, "2027-02-20"), Kind: kind}
	}
	page := must[*status.Page](t)(status.New(amc, 3).Append([]status.Entry{entries(200, status.Void), entries(201, status.Replaced), entries(202, status.Suspended)}))
	v := vectors{Schema: "sceau-vectors-1", Notice: "TEST: made-up people, keys that everybody has, cards that prove nothing. Made by go test ./docs/integration -update.",
		Facts: vectorFacts{Issuer: must[[]byte](t)(issuer.Bytes()), Page: base64.StdEncoding.EncodeToString(page.Encode()), Published: published, Expires: published.Add(400 * 24 * time.Hour)}}

	good := code(t, "vectors", claims(t, 100, nil))
	var differ = code(t, "vectors", claims(t, 101, func(c *card.Claims) {
		all := c.Guarantees[0].Values // the first has PHAR, the second "-"
		c.Guarantees = []card.Group{{People: []int{0}, Values: all[2:]}, {People: []int{0, 1}, Values: all[:2]}, {People: []int{1}, Values: []card.DomainValue{{Domain: "PHAR"}}}}
	}))
	ended := func(index uint32) string { return code(t, "vectors", claims(t, index, nil)) }
	damaged := func(s string) string {
		swap := byte('A')
		if s[100] == swap {
			swap = 'B'
		}
		return s[:100] + string(swap) + s[101:]
	}
	add := func(name, about, code string, reason offline.Reason, onCard bool, change ...func(*vectorCase)) {
		c := vectorCase{Name: name, About: about, Now: now, Code: code, Domain: "PHAR", Expect: vectorWant{Status: offline.StatusOf(reason), Reason: reason}}
		c.Expect.Exit = map[offline.Status]int{offline.Valid: 0, offline.Refused: 1, offline.Reserve: 3, offline.Unknown: 4}[c.Expect.Status]
		for _, f := range change {
			f(&c)
		}
		if onCard {
			u := must[*card.Unverified](t)(card.Parse(must[string](t)(undone(code))))
			place := must[*card.Card](t)(u.Verify(key)).Place().String()
			c.Expect.Card = &place
		}
		v.Vectors = append(v.Vectors, c)
	}
	domain := func(d string) func(*vectorCase) { return func(c *vectorCase) { c.Domain = d } }
	care := func(d string) func(*vectorCase) { return func(c *vectorCase) { c.DateOfCare = d } }
	person := func(n int) func(*vectorCase) { return func(c *vectorCase) { c.Beneficiary = n } }
	at := func(d time.Duration) func(*vectorCase) { return func(c *vectorCase) { c.Now = now.Add(d) } }

	add("good", "rights are open", good, offline.OK, true)
	add("good-card-alone", "no domain asked", good, offline.OK, true, domain(""))
	add("good-enter", "the scanner's Enter came along", good+"\r\n", offline.OK, true)
	add("good-prefixed", "the scanner adds characters of its own", "]Q1"+good+"\t", offline.OK, true)
	add("good-twice", "the same scan twice in one line", good+good, offline.OK, true)
	add("good-pec", "rights are open, prise en charge to request first", good, offline.OKPEC, true, domain("OPAU"))
	add("good-person", "the second beneficiary", good, offline.OK, true, person(2))
	add("azerty", "scanner set to QWERTY, French computer", azerty(good, false), offline.OK, true)
	add("azerty-caps-lock", "the same with Caps Lock", azerty(good, true), offline.OK, true)
	add("lower-case", "Caps Lock, or a program that changes case", strings.ToLower(good), offline.OK, true)
	add("not-covered", "the card says - for this domain", good, offline.NotCovered, true, domain("LABO"))
	add("not-yet", "care before the first day of the card", good, offline.NotYet, true, care("2026-12-31"))
	add("expired", "care after the last day of the card", good, offline.Expired, true, care("2028-01-01"), at(306*24*time.Hour))
	add("revoked", "ended on 2027-02-15", ended(200), offline.Revoked, true)
	add("before-the-end", "care before that day", ended(200), offline.BeforeEnd, true, care("2027-02-14"))
	add("replaced", "another card took its place", ended(201), offline.Replaced, true)
	add("suspended", "suspended for the time being", ended(202), offline.Suspended, true)
	add("not-listed", "beneficiary 3 of 2", good, offline.NotListed, true, person(3))
	add("choose-person", "the beneficiaries differ for this domain", differ, offline.ChoosePerson, true)
	add("choose-person-1", "asked again for the first", differ, offline.OK, true, person(1))
	add("choose-person-2", "asked again for the second", differ, offline.NotCovered, true, person(2))
	add("stale-list", "the list is older than the reserve limit", good, offline.StaleList, true, at(6*24*time.Hour))
	add("list-too-old", "the list is older than the refuse limit", good, offline.ListTooOld, true, at(40*24*time.Hour))
	add("clock-wrong", "the computer's date is before the list's", good, offline.ClockWrong, true, at(-3*time.Hour))
	add("list-missing", "a card of a list that this counter does not hold", code(t, "vectors", claims(t, 5, func(c *card.Claims) { c.Place.List = 9 })), offline.ListMissing, true)
	add("unknown-domain", "a domain code that no table has", good, offline.UnknownDomain, true, domain("ZZZZ"))
	add("unknown-issuer", "an insurer that this counter does not follow", code(t, "other", claims(t, 1, func(c *card.Claims) { c.Issuer = "302976568" })), offline.UnknownIssuer, false)
	add("unknown-key", "a followed insurer's card, signed by a key that it never published", code(t, "other", claims(t, 1, nil)), offline.UnknownKey, false)
	add("bad-signature", "one bit of the signature changed, checksum right", rewrite(t, good, func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw }), offline.BadSignature, false)
	add("malformed", "checksum right, and no card inside", rewrite(t, good, func(raw []byte) []byte { return append(append(raw[:8:8], "no card"...), raw[len(raw)-64:]...) }), offline.Malformed, false)
	add("half", "the second half did not arrive: a bad scan, never a forgery", good[:len(good)/2], offline.Unreadable, false)
	add("damaged", "one character changed on the way", damaged(good), offline.Unreadable, false)
	add("other-text", "the bar code of a box of medicine", "010340093600000017270331", offline.Unreadable, false)
	add("empty", "nothing was scanned", "", offline.Unreadable, false)
	return v
}

func undone(typed string) (string, error) {
	text, _, err := scan.Undo(typed)
	return text, err
}

func TestVectorsAreTheGenerators(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(makeVectors(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, b.Bytes()) {
		t.Error("vectors.json differs from what the generator makes: go test ./docs/integration -update")
	}
}

// lists are the facts of the file.
type lists struct {
	issuer *offline.Issuer
	page   *status.Page
}

func (l *lists) Facts(context.Context) (counter.Facts, func(), error) { return l, func() {}, nil }
func (l *lists) Codes() []*rights.Codes                               { return []*rights.Codes{rights.DefaultCodes()} }
func (l *lists) OwnerOf(string) (string, error)                       { return "", offline.ErrUnknownIssuer }

func (l *lists) Issuer(key string) (*offline.Issuer, error) {
	if key != l.issuer.Insurer.AMC.Key() {
		return nil, offline.ErrUnknownIssuer
	}
	return l.issuer, nil
}

func (l *lists) Page(key string, list uint32) (*status.Page, error) {
	if key != l.page.Issuer() || list != l.page.List() {
		return nil, offline.ErrNoPage
	}
	return l.page, nil
}

// notebook is a journal that gives a number and forgets.
type notebook struct{}

func (notebook) Append(context.Context, receipt.Receipt) (receipt.Number, error) {
	return "K7QF-1-M3TZ", nil
}

// load reads the committed file, and nothing else.
func load(t *testing.T) (vectors, *lists) {
	t.Helper()
	var v vectors
	d := json.NewDecoder(bytes.NewReader(must[[]byte](t)(os.ReadFile(vectorsFile))))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, v.Facts.Issuer); err != nil {
		t.Fatal(err)
	}
	insurer := must[*card.Insurer](t)(card.ParseInsurer(compact.Bytes()))
	page := must[*status.Page](t)(status.Decode(must[[]byte](t)(base64.StdEncoding.DecodeString(v.Facts.Page))))
	return v, &lists{page: page, issuer: &offline.Issuer{Insurer: insurer, Keys: must[*signing.Keyring](t)(insurer.Keyring()), Codes: rights.DefaultCodes(),
		Published: v.Facts.Published, Expires: v.Facts.Expires}}
}

func TestVectors(t *testing.T) {
	v, facts := load(t)
	met := map[offline.Status]int{}
	for _, c := range v.Vectors {
		q := counter.Question{Scan: scan.Typed{Text: c.Code}, Domain: c.Domain, Person: c.Beneficiary}
		if c.DateOfCare != "" {
			q.Care = day(t, c.DateOfCare)
		}
		asked := &counter.Counter{Lists: facts, Journal: notebook{}, Now: func() time.Time { return c.Now }}
		got := asked.Ask(t.Context(), q).Document(offline.French)
		if got.Status != c.Expect.Status || got.Reason != c.Expect.Reason || (got.Card == nil) != (c.Expect.Card == nil) || got.Card != nil && *got.Card != *c.Expect.Card {
			t.Errorf("%s: %s %s (%s), want %s %s", c.Name, got.Status, got.Reason, got.Detail, c.Expect.Status, c.Expect.Reason)
		}
		met[c.Expect.Status]++
	}
	for _, s := range []offline.Status{offline.Valid, offline.Refused, offline.Reserve, offline.Unknown} {
		if met[s] == 0 {
			t.Errorf("no vector for %q", s)
		}
	}
	t.Logf("count: %d conformance vectors: %d valid, %d refused, %d reserve, %d unknown", len(v.Vectors), met[offline.Valid], met[offline.Refused], met[offline.Reserve], met[offline.Unknown])
}
