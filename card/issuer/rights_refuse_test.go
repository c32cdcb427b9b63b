// Online checks that must be refused: forgeries, cards never issued, other insurers' keys.

package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
)

// A replaced card is refused from the day of its successor on, whose own check is open.
func TestCheckReplaced(t *testing.T) {
	s := newShop(t)
	old, _ := s.one(1)
	var next Issued
	must(s.issuer.Reprint(context.Background(), ReprintRequest{Places: []card.Place{old.Place}}, func(i Issued) error { next = i; return nil }))(t)
	if a := s.ask(old.CodeText).Accord.Answers[0]; a.Reason != string(offline.Replaced) || a.People[0].Covered {
		t.Errorf("old card: %+v", a)
	}
	if a := s.ask(next.CodeText).Accord.Answers[0]; a.Reason != string(offline.OK) {
		t.Errorf("new card: %+v", a)
	}
}

// Without a contract's change and with one, the answer for every domain and day is the one that the counter's own code gives
// from a list published at that moment.
func TestCheckAgreesWithTheCounter(t *testing.T) {
	s := newShop(t)
	made, contract := s.one(3)
	contract.CSR = "X" // a new revision with the same rights: compared in full
	var reports [2][]*CheckReport
	for round := range reports {
		for _, d := range []string{"", "PHAR", "HOSP", "OPTI", "ZZZZ"} {
			for _, c := range []string{"2026-12-31", "2027-01-01", "2027-03-01", "2027-03-02", "2027-12-31", "2028-01-01"} {
				for p := range 5 {
					reports[round] = append(reports[round], s.ask(made.CodeText, domains(d), care(t, c), person(p)))
				}
			}
		}
		s.put(contract)
	}
	for i, r := range reports[0] {
		a, b := *r.Accord, *reports[1][i].Accord
		b.Number, b.Request = a.Number, a.Request
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("as printed %+v\nas compared %+v", a, b)
		}
	}
}

// Each card that is not authentic gets a code and an empty row, never an accord.
func TestCheckRefusesForgeries(t *testing.T) {
	s := newShop(t)
	made, _ := s.one(1)
	other := newShop(t)
	foreign, _ := other.one(1)
	parts := strings.Split(made.JWS, ".")
	foreignParts := strings.Split(foreign.JWS, ".")
	for name, c := range map[string]struct {
		text string
		want offline.Reason
	}{
		"empty":           {"", offline.Unreadable},
		"text":            {"bonjour", offline.Unreadable},
		"damaged":         {made.CodeText[:40] + "A" + made.CodeText[41:], offline.Unreadable},
		"too long":        {strings.Repeat("A", 1<<20), offline.Unreadable},
		"other payload":   {parts[0] + "." + foreignParts[1] + "." + parts[2], offline.BadSignature},
		"unknown key":     {forge(t, amc, made.Claims), offline.UnknownKey},
		"no card":         {s.ask(made.CodeText).JWS, offline.Malformed},
		"other signature": {parts[0] + "." + parts[1] + "." + foreignParts[2], offline.BadSignature},
		"truncated":       {made.JWS[:len(made.JWS)-1], offline.Malformed},
		"unknown insurer": {forge(t, "999999999", made.Claims), offline.UnknownIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(s.trace())
			r := s.ask(c.text)
			if r.JWS != "" || r.Accord != nil || r.Refused != string(c.want) {
				t.Errorf("%+v, want %s", r, c.want)
			}
			rows := s.trace()
			if len(rows) != before+1 {
				t.Fatalf("%d rows", len(rows)-before)
			}
			if k := rows[before]; k.Insurer != "" || k.Place != (card.Place{}) || k.Number != "" || k.Reason != string(c.want) || !k.Pay.Until.IsZero() {
				t.Errorf("trace %+v", k)
			}
		})
	}
}

// forge seals claims in the name of an insurer with a key of nobody.
func forge(t testing.TB, insurer rights.AMC, c card.Claims) string {
	t.Helper()
	c.Issuer = insurer
	k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	return seal(t, must(signing.NewSigner(card.Kind, k))(t), c)
}

func seal(t testing.TB, signer *signing.Signer, c card.Claims) string {
	t.Helper()
	return must(must(card.Prepare(c, signer.KID()))(t).Seal(signer))(t).JWS()
}

// cardSigner is what a thief of the insurer's card key has.
func (s *shop) cardSigner(key string) *signing.Signer {
	s.t.Helper()
	private := must(s.online.Signer(keyNames(key).Card))(s.t)
	return must(signing.NewSigner(card.Kind, private))(s.t)
}

// A card under a genuine key that the register does not hold is refused and raises an alarm; it is never valid, whatever
// place it claims.
func TestCheckNotIssued(t *testing.T) {
	s := newShop(t)
	made, _ := s.one(2)
	signer := s.cardSigner(amc)
	free, twin := made.Claims, made.Claims
	free.Place.Index ^= 1
	twin.Adherent = "OTHER"
	// An intent: begun, signed by the thief, never finished.
	failing := &counting{Keys: s.online, failAt: 1, fail: func([]byte) ([]byte, error) { return nil, errors.New("token gone") }}
	s.issuer.Online = failing
	s.put(household(t, "K2", 1, 0))
	_, err := s.issuer.Issue(context.Background(), IssueRequest{All: true, At: time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)}, func(Issued) error { return nil })
	if err == nil {
		t.Fatal("no intent was left")
	}
	s.issuer.Online = s.online
	var begun register.Card
	s.view(func(tx register.Tx) error {
		all, err := tx.Intents(10)
		if len(all) == 1 {
			begun = all[0]
		}
		return err
	})
	intent := must(storedClaims(begun))(t)
	for name, claims := range map[string]card.Claims{"free place": free, "other card in a taken place": twin, "intent": intent} {
		t.Run(name, func(t *testing.T) {
			r := s.ask(seal(t, signer, claims), domains("PHAR", "HOSP"))
			if r.Accord == nil {
				t.Fatalf("%+v", r)
			}
			for _, a := range r.Accord.Answers {
				if a.Reason != string(offline.NotIssued) || a.Status != string(offline.Refused) || !a.PayUntil.IsZero() {
					t.Errorf("%+v", a)
				}
			}
			alarms := must(s.issuer.Alarms(context.Background(), s.counter.ID, "", 100))(t)
			found := false
			for _, a := range alarms {
				found = found || a.Rule == RuleNotIssued && a.Card == amc+"/"+claims.Place.String()
			}
			if !found {
				t.Errorf("alarms %+v", alarms)
			}
			s.ask(seal(t, signer, claims))
			if n := len(must(s.issuer.Alarms(context.Background(), "*", "", 100))(t)); n != len(alarms) {
				t.Errorf("%d alarms after %d", n, len(alarms))
			}
		})
	}
	if r := s.ask(made.JWS); r.Accord.Answers[0].Reason != string(offline.OK) {
		t.Errorf("the genuine card: %+v", r.Accord)
	}
}

// T32: an insurer's key signs in nobody else's name, and an accord names the card's own insurer.
func TestCheckOtherInsurer(t *testing.T) {
	s := newShop(t)
	const second = "302976568"
	if err := s.issuer.AddInsurer(context.Background(), facts(second)); err != nil {
		t.Fatal(err)
	}
	made, _ := s.one(1)
	s.clock = s.clock.Add(2 * cacheLife)
	claims := made.Claims
	claims.Issuer = second
	claims.IssuedAt = s.clock.Unix()
	if r := s.ask(seal(t, s.cardSigner(amc), claims)); r.Refused != string(offline.WrongInsurer) {
		t.Errorf("A in the name of B: %+v", r)
	}
	// B's own key on A's place: authentic, and not a card that B issued.
	r := s.ask(seal(t, s.cardSigner(second), claims))
	if r.Accord == nil || r.Accord.Insurer != second || r.Accord.Answers[0].Reason != string(offline.NotIssued) {
		t.Errorf("B on A's place: %+v", r)
	}
	if r := s.ask(made.CodeText); r.Accord.Insurer != amc {
		t.Errorf("accord of %s", r.Accord.Insurer)
	}
}

// A card key that is withdrawn is refused a second later at most.
func TestCheckDeadKey(t *testing.T) {
	s := newShop(t)
	made, _ := s.one(1)
	s.ask(made.CodeText)
	s.update(func(tx register.Tx) error {
		i, err := tx.Insurer(amc)
		if err != nil {
			return err
		}
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return err
		}
		doc.CardKeys[0].State = signing.StateDead
		if i.Document, err = doc.Bytes(); err != nil {
			return err
		}
		return tx.PutInsurer(i)
	})
	s.clock = s.clock.Add(cacheLife)
	if r := s.ask(made.CodeText); r.Refused != string(offline.KeyDead) {
		t.Errorf("%+v", r)
	}
}
