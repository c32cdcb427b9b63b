// Accords and settlements: one encoding, and nothing else is read.

package accord

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/rights"
	"sceau/signing"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newSigner(t testing.TB, kind signing.Kind) *signing.Signer {
	t.Helper()
	return must(signing.NewSigner(kind, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)))(t)
}

const (
	cardKID    = "oO-mvFL6EYo"
	counterKID = "Hq_X4t8xqW0"
	requestID  = "q83vEjRWeJCrze8SNFZ4kA"
)

var noon = time.Date(2027, 3, 1, 11, 0, 0, 0, time.UTC)

func value(t testing.TB, s string) rights.Guarantee { return must(rights.ParseGuarantee(s))(t) }

// full is an accord that uses every member.
func full(t testing.TB) *Accord {
	t.Helper()
	day := must(rights.ParseDate("2027-03-01"))(t)
	return &Accord{Number: "A7QF-XM3T-9ABD", Request: requestID, Insurer: "775670482", Place: card.Place{List: 3, Index: 583021}, KID: cardKID, Counter: counterKID,
		FINESS: "750000002", Care: day, Person: 0, At: noon, Until: noon.Add(12 * time.Hour), Changed: true,
		Answers: []Answer{
			{Domain: "PHAR", Status: "valid", Reason: "BEFORE_REVOCATION", Since: day + 1, PayUntil: noon.Add(30 * 24 * time.Hour), PayEuros: 150,
				People: []PersonValue{{1, true, value(t, "SP 100/100/15 (1)")}, {2, true, value(t, "100%")}}},
			{Domain: "HOSP", Status: "valid", Reason: "OK_PEC", People: []PersonValue{{1, true, value(t, "PEC")}, {2, true, value(t, "PEC")}}},
			{Domain: "OPTI", Status: "refused", Reason: "EXPIRED", Since: day - 1, Own: true, People: []PersonValue{{Number: 1}, {Number: 2}}},
			{Domain: "", Status: "reserve", Reason: "CHOOSE_PERSON", People: []PersonValue{{1, true, rights.Guarantee{}}, {Number: 2}}},
		}}
}

// fullText is full, byte for byte.
const fullText = `{"number":"A7QF-XM3T-9ABD","req":"q83vEjRWeJCrze8SNFZ4kA","iss":"775670482","st":[3,583021],"kid":"oO-mvFL6EYo","counter":"Hq_X4t8xqW0",` +
	`"finess":"750000002","care":"2027-03-01","person":0,"at":1803898800,"until":1803942000,"changed":true,"answers":[` +
	`{"domain":"PHAR","status":"valid","reason":"BEFORE_REVOCATION","since":"2027-03-02","people":[{"n":1,"covered":true,"value":"SP 100/100/15 (1)"},` +
	`{"n":2,"covered":true,"value":"100%"}],"pay":{"until":1806490800,"euros":150}},` +
	`{"domain":"HOSP","status":"valid","reason":"OK_PEC","people":[{"n":1,"covered":true,"value":"PEC"},{"n":2,"covered":true,"value":"PEC"}]},` +
	`{"domain":"OPTI","status":"refused","reason":"EXPIRED","since":"2027-02-28","own":true,"people":[{"n":1,"covered":false},{"n":2,"covered":false}]},` +
	`{"domain":"","status":"reserve","reason":"CHOOSE_PERSON","people":[{"n":1,"covered":true},{"n":2,"covered":false}]}]}`

func TestAccord(t *testing.T) {
	a := full(t)
	if got := string(must(a.Payload())(t)); got != fullText {
		t.Errorf("payload\n%s, want\n%s", got, fullText)
	}
	signer := newSigner(t, Kind)
	token := must(Seal(signer, a))(t)
	if got := must(Open(signer.Public(), token))(t); !reflect.DeepEqual(got, a) {
		t.Errorf("got %+v, want %+v", got, a)
	}
	most := full(t)
	most.Answers = nil
	for i := range MaxAnswers {
		n := Answer{Domain: "DOM" + string(rune('A'+i)), Status: "valid", Reason: "BEFORE_REVOCATION", Since: a.Care, PayUntil: a.Until.AddDate(1, 0, 0), PayEuros: 100000}
		for p := range card.MaxPeople {
			n.People = append(n.People, PersonValue{p + 1, true, value(t, "IS/SP/VI/AB 999/999/999 (9)")})
		}
		most.Answers = append(most.Answers, n)
	}
	token = must(Seal(signer, most))(t)
	if len(token) > MaxAccord {
		t.Errorf("the largest accord has %d characters, at most %d are read", len(token), MaxAccord)
	}
	must(Open(signer.Public(), token))(t)
	t.Logf("largest accord: %d characters", len(token))
}

// Each change makes an accord that is neither written nor read.
func TestAccordRefuses(t *testing.T) {
	for name, change := range map[string]func(*Accord){
		"no number":            func(a *Accord) { a.Number = "" },
		"number of a receipt":  func(a *Accord) { a.Number = "A7QF-1042-M3TZ" },
		"number in lower case": func(a *Accord) { a.Number = "a7qf-xm3t-9abd" },
		"no request":           func(a *Accord) { a.Request = "" },
		"request too short":    func(a *Accord) { a.Request = requestID[:21] },
		"request too long":     func(a *Accord) { a.Request = requestID + "A" },
		"request's spare bits": func(a *Accord) { a.Request = requestID[:21] + "B" },
		"request with padding": func(a *Accord) { a.Request = requestID + "==" },
		"request's alphabet":   func(a *Accord) { a.Request = "+" + requestID[1:] },
		"request and line end": func(a *Accord) { a.Request = requestID[:10] + "\n" + requestID[10:] },
		"no insurer":           func(a *Accord) { a.Insurer = "" },
		"insurer with a quote": func(a *Accord) { a.Insurer = `7756704"2` },
		"list 0":               func(a *Accord) { a.Place.List = 0 },
		"index":                func(a *Accord) { a.Place.Index = card.MaxIndex + 1 },
		"kid":                  func(a *Accord) { a.KID = "short" },
		"no counter":           func(a *Accord) { a.Counter = "" },
		"finess":               func(a *Accord) { a.FINESS = "750000001" },
		"care 0":               func(a *Accord) { a.Care = 0 },
		"care negative":        func(a *Accord) { a.Care = -1 },
		"person 13":            func(a *Accord) { a.Person = 13 },
		"person -1":            func(a *Accord) { a.Person = -1 },
		"at with a fraction":   func(a *Accord) { a.At = a.At.Add(time.Millisecond) },
		"at 0":                 func(a *Accord) { a.At = time.Time{} },
		"until before at":      func(a *Accord) { a.Until = a.At },
		"no answer":            func(a *Accord) { a.Answers = nil },
		"nine answers":         func(a *Accord) { a.Answers = append(slices.Repeat(a.Answers, 2), a.Answers[0]) },
		"domain twice":         func(a *Accord) { a.Answers[1].Domain = "PHAR" },
		"domain form":          func(a *Accord) { a.Answers[0].Domain = "phar" },
		"status":               func(a *Accord) { a.Answers[0].Status = "VALID" },
		"no status":            func(a *Accord) { a.Answers[0].Status = "" },
		"reason form":          func(a *Accord) { a.Answers[0].Reason = "ok" },
		"reason with a quote":  func(a *Accord) { a.Answers[0].Reason = `OK"` },
		"no reason":            func(a *Accord) { a.Answers[0].Reason = "" },
		"since negative":       func(a *Accord) { a.Answers[0].Since = -1 },
		"nobody":               func(a *Accord) { a.Answers[0].People = nil },
		"person 0":             func(a *Accord) { a.Answers[0].People[0].Number = 0 },
		"person twice":         func(a *Accord) { a.Answers[0].People[1].Number = 1 },
		"people out of order":  func(a *Accord) { slices.Reverse(a.Answers[0].People) },
		"covered, refused":     func(a *Accord) { a.Answers[2].People[0].Covered = true },
		"open, nobody covered": func(a *Accord) {
			a.Answers[3].People[0].Covered = false
		},
		"value of the uncovered":  func(a *Accord) { a.Answers[2].People[0].Value = a.Answers[0].People[0].Value },
		"value without a domain":  func(a *Accord) { a.Answers[3].People[0].Value = a.Answers[0].People[0].Value },
		"value out of range":      func(a *Accord) { a.Answers[0].People[0].Value.Rates[0] = 1000 },
		"covered without a value": func(a *Accord) { a.Answers[0].People[0].Value = rights.Guarantee{} },
		"promise under a refusal": func(a *Accord) { a.Answers[2].PayUntil = a.Until },
		"promise for the card":    func(a *Accord) { a.Answers[3].PayUntil = a.Until },
		"promise before the end":  func(a *Accord) { a.Answers[0].PayUntil = a.Until.Add(-time.Second) },
		"ceiling without promise": func(a *Accord) { a.Answers[1].PayEuros = 1 },
		"ceiling":                 func(a *Accord) { a.Answers[0].PayEuros = card.MaxPayableEuros + 1 },
		"ceiling negative":        func(a *Accord) { a.Answers[0].PayEuros = -1 },
	} {
		a := full(t)
		change(a)
		if b, err := a.Payload(); !errors.Is(err, ErrMalformed) || b != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each text differs in its spelling alone, or is cut, and is not read.
func TestDecodeRefuses(t *testing.T) {
	must(Decode([]byte(fullText)))(t)
	replace := func(old, new string) string {
		if !strings.Contains(fullText, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(fullText, old, new, 1)
	}
	for name, s := range map[string]string{
		"empty": "", "null": "null", "array": "[]", "empty object": "{}",
		"white space":        replace(`,"iss"`, `, "iss"`),
		"line end":           fullText + "\n",
		"twice":              fullText + fullText,
		"no request":         replace(`"req":"`+requestID+`",`, ``),
		"request null":       replace(`"req":"`+requestID+`"`, `"req":null`),
		"request twice":      replace(`"req":"`+requestID+`",`, `"req":"`+requestID+`","req":"`+requestID+`",`),
		"request short":      replace(requestID, requestID[:21]),
		"request spelling":   replace(requestID, requestID[:21]+"B"),
		"request after iss":  replace(`"req":"`+requestID+`","iss":"775670482"`, `"iss":"775670482","req":"`+requestID+`"`),
		"member order":       replace(`"person":0,"at":1803898800`, `"at":1803898800,"person":0`),
		"member case":        replace(`"iss"`, `"ISS"`),
		"unknown member":     replace(`,"answers"`, `,"x":1,"answers"`),
		"member twice":       replace(`"person":0,`, `"person":0,"person":0,`),
		"escape":             replace(`PHAR`, `\u0050HAR`),
		"leading zero":       replace(`"person":0`, `"person":00`),
		"negative zero":      replace(`"person":0`, `"person":-0`),
		"exponent":           replace(`1803898800`, `18038988e2`),
		"fraction":           replace(`"euros":150`, `"euros":150.0`),
		"plus":               replace(`"euros":150`, `"euros":+150`),
		"beyond 2^53":        replace(`"euros":150`, `"euros":9007199254740993`),
		"wraps":              replace(`"st":[3`, `"st":[4294967299`),
		"text for a number":  replace(`"person":0`, `"person":"0"`),
		"null for false":     replace(`"changed":true`, `"changed":null`),
		"own false":          replace(`"reason":"OK_PEC"`, `"reason":"OK_PEC","own":false`),
		"value left as none": replace(`"covered":false}`, `"covered":false,"value":"-"}`),
		"value spelling":     replace(`"value":"100%"`, `"value":"0100%"`),
		"date spelling":      replace(`"care":"2027-03-01"`, `"care":"2027-3-1"`),
		"no such day":        replace(`"care":"2027-03-01"`, `"care":"2027-02-30"`),
		"trailing comma":     replace(`"covered":false}]}]}`, `"covered":false}]},]}`),
		"comma first":        replace(`"answers":[`, `"answers":[,`),
		"pay without euros":  replace(`,"euros":150`, ``),
		"not UTF-8":          replace(`PHAR`, "PH\xff"),
		"NUL":                replace(`PHAR`, "PH\x00R"),
		"too long":           fullText + strings.Repeat(" ", MaxAccord),
	} {
		if a, err := Decode([]byte(s)); !errors.Is(err, ErrMalformed) || a != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range fullText {
		if a, err := Decode([]byte(fullText[:n])); !errors.Is(err, ErrMalformed) || a != nil {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	signer := newSigner(t, Kind)
	token := must(Seal(signer, full(t)))(t)
	for name, c := range map[string]struct {
		key  func(*signing.PublicKey)
		want error
	}{
		"dead":            {func(k *signing.PublicKey) { k.State = signing.StateDead }, ErrKey},
		"listed":          {func(k *signing.PublicKey) { k.State = signing.StateListed }, ErrKey},
		"no state":        {func(k *signing.PublicKey) { k.State = "" }, ErrKey},
		"before its time": {func(k *signing.PublicKey) { k.From = noon.Add(time.Second) }, ErrKey},
		"after its time":  {func(k *signing.PublicKey) { k.Until = noon }, ErrKey},
		"other kind":      {func(k *signing.PublicKey) { k.Kind = SettlementKind }, signing.ErrWrongKind},
		"other key":       {func(k *signing.PublicKey) { *k = *newSigner(t, Kind).Public() }, signing.ErrUnknownKey},
	} {
		k := signer.Public()
		c.key(k)
		if a, err := Open(k, token); !errors.Is(err, c.want) || a != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	retired := signer.Public()
	retired.State, retired.From, retired.Until = signing.StateRetired, noon, noon.Add(time.Second)
	must(Open(retired, token))(t)
	if s, err := Seal(newSigner(t, SettlementKind), full(t)); !errors.Is(err, signing.ErrWrongKind) || s != "" {
		t.Errorf("sealed by a settlement key: %v", err)
	}
	for i := range token {
		if a, err := Open(signer.Public(), token[:i]+flip(token[i])+token[i+1:]); err == nil || a != nil {
			t.Fatalf("character %d changed: accepted", i)
		}
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func settlement() *Settlement {
	return &Settlement{Device: strings.Repeat("0123456789abcdef", 2), Counter: counterKID, At: noon, Entries: []Settled{
		{1, [32]byte{1}, Noted, ReasonOpening}, {2, [32]byte{2}, Honoured, ""}, {2, [32]byte{3}, Disputed, ReasonOtherVerdict}, {9, [32]byte{}, Noted, ""}}}
}

func TestSettlement(t *testing.T) {
	signer := newSigner(t, SettlementKind)
	s := settlement()
	token := must(SealSettlement(signer, s))(t)
	if got := must(OpenSettlement(signer.Public(), token))(t); !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, want %+v", got, s)
	}
	s.Entries = nil
	for i := range MaxSettled {
		s.Entries = append(s.Entries, Settled{maxInteger - MaxSettled + uint64(i), [32]byte{0xff}, Disputed, strings.Repeat("X", 32)})
	}
	token = must(SealSettlement(signer, s))(t)
	if len(token) > MaxSettlement {
		t.Errorf("the largest settlement has %d characters", len(token))
	}
	must(OpenSettlement(signer.Public(), token))(t)
	t.Logf("largest settlement: %d characters", len(token))
	for name, change := range map[string]func(*Settlement){
		"device":              func(s *Settlement) { s.Device = s.Device[1:] },
		"device in capitals":  func(s *Settlement) { s.Device = strings.ToUpper(s.Device) },
		"counter":             func(s *Settlement) { s.Counter = "x" },
		"time":                func(s *Settlement) { s.At = time.Time{} },
		"nothing":             func(s *Settlement) { s.Entries = nil },
		"too many":            func(s *Settlement) { s.Entries = slices.Repeat(s.Entries, 300) },
		"entry 0":             func(s *Settlement) { s.Entries[0].Seq = 0 },
		"entry beyond":        func(s *Settlement) { s.Entries[3].Seq = maxInteger + 1 },
		"answer":              func(s *Settlement) { s.Entries[0].Answer = "paid" },
		"disputed, no reason": func(s *Settlement) { s.Entries[2].Reason = "" },
		"reason form":         func(s *Settlement) { s.Entries[0].Reason = "opening" },
		"order":               func(s *Settlement) { s.Entries[3].Seq = 1 },
		"the same twice":      func(s *Settlement) { s.Entries[2] = s.Entries[1] },
	} {
		s := settlement()
		change(s)
		if b, err := s.Payload(); !errors.Is(err, ErrMalformed) || b != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := string(must(settlement().Payload())(t))
	for n := range text {
		if s, err := DecodeSettlement([]byte(text[:n])); !errors.Is(err, ErrMalformed) || s != nil {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for _, bad := range []string{text + " ", strings.Replace(text, `"seq":1`, `"seq":01`, 1), strings.Replace(text, `"hash":"01`, `"hash":"0`, 1),
		strings.Replace(text, `,"reason":"OPENING"`, `,"reason":""`, 1), strings.Replace(text, "0100", "01 0", 1)} {
		if s, err := DecodeSettlement([]byte(bad)); !errors.Is(err, ErrMalformed) || s != nil {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Whatever is read is written again byte for byte.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(fullText))
	f.Add([]byte(strings.Replace(fullText, `"own":true,`, "", 1)))
	f.Add([]byte(strings.Replace(fullText, requestID, requestID[:21]+"B", 1)))
	f.Add([]byte(strings.Replace(fullText, `"req":"`+requestID+`",`, "", 1)))
	f.Add(must(settlement().Payload())(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := Decode(b); err == nil {
			if again := must(a.Payload())(t); string(again) != string(b) {
				t.Errorf("read %q, written %q", b, again)
			}
			if view, err := FHIR(a, "x"); err != nil || len(view) == 0 {
				t.Errorf("no FHIR view: %v", err)
			}
		}
		if s, err := DecodeSettlement(b); err == nil {
			if again := must(s.Payload())(t); string(again) != string(b) {
				t.Errorf("read %q, written %q", b, again)
			}
		}
	})
}
