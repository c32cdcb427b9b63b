// Online checks: what the register says now, what was traced, and what must never be answered.

package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
)

// shop is a world with an enrolled counter.
type shop struct {
	*world
	counter Counter
	key     *signing.PublicKey // of accords, as published
	asked   int
}

const finess = "750000002"

func newShop(t testing.TB) *shop {
	t.Helper()
	w := newWorld(t)
	w.clock = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	s := &shop{world: w}
	s.counter, _ = s.enrol()
	s.key = w.service().AccordKeys[0]
	return s
}

// service reads the published service.json.
func (w *world) service() *card.Service {
	w.t.Helper()
	return must(card.ParseService(w.target(servicePath)))(w.t)
}

// target reads a published target as a counter would.
func (w *world) target(path string) []byte {
	w.t.Helper()
	var out []byte
	w.view(func(tx register.Tx) error {
		t, err := openPublished(tx)
		if err != nil {
			return err
		}
		info, err := t.Target(path)
		if err != nil {
			return err
		}
		out, err = tx.File(info.FetchPath())
		return err
	})
	return out
}

func newRequestKey(t testing.TB) *signing.PublicKey {
	t.Helper()
	k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	return must(signing.NewPublicKey(assertion.Kind, &k.PublicKey))(t)
}

func (s *shop) requestID() string {
	s.asked++
	var b [16]byte
	copy(b[:], fmt.Sprintf("%d", s.asked))
	return assertion.NewID(b)
}

func (s *shop) enrol() (Counter, string) {
	s.t.Helper()
	i := must(s.issuer.Invite(context.Background(), InviteRequest{FINESS: finess, Profession: "pharmacie", Name: "Pharmacie du Port",
		Networks: []string{"SP"}, Address: "https://droits.example"}))(s.t)
	code := i.Invitation.CodeText()
	return must(s.issuer.Enrol(context.Background(), EnrolRequest{Code: code, Key: newRequestKey(s.t), RequestID: s.requestID()}))(s.t), code
}

func (s *shop) ask(text string, change ...func(*CheckRequest)) *CheckReport {
	s.t.Helper()
	q := CheckRequest{Counter: s.counter, RequestID: s.requestID(), Card: text, Domains: []string{"PHAR"}}
	for _, c := range change {
		c(&q)
	}
	r := must(s.issuer.CheckRights(context.Background(), q))(s.t)
	if r.JWS != "" {
		again := must(accord.Open(s.key, r.JWS))(s.t)
		if again.Number != r.Accord.Number || again.Request != q.RequestID || len(again.Answers) != len(r.Accord.Answers) {
			s.t.Errorf("sealed %+v, said %+v", again, r.Accord)
		}
	}
	return r
}

func (s *shop) trace() []register.Check {
	s.t.Helper()
	var out []register.Check
	err := s.issuer.TraceOf(context.Background(), s.counter.ID, 0, func(k register.Check) error { out = append(out, k); return nil })
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func date(t testing.TB, s string) rights.Date { return must(rights.ParseDate(s))(t) }

func domains(d ...string) func(*CheckRequest) { return func(q *CheckRequest) { q.Domains = d } }
func person(n int) func(*CheckRequest)        { return func(q *CheckRequest) { q.Person = n } }
func care(t testing.TB, day string) func(*CheckRequest) {
	return func(q *CheckRequest) { q.Care = date(t, day) }
}

// one issues the card of one contract; change alters the contract afterwards, without a reprint.
func (s *shop) one(people int) (Issued, rights.Contract) {
	s.t.Helper()
	c := household(s.t, "K1", people, 0)
	s.put(c)
	_, cards := s.issue(IssueRequest{All: true, At: time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)})
	return cards[0], c
}

func TestCheckRights(t *testing.T) {
	day := func(s string) rights.Date { return date(t, s) }
	rate := func(s string) rights.Guarantee { return must(rights.ParseGuarantee(s))(t) }
	each := func(c *rights.Contract, domain, value string) {
		for i := range c.Beneficiaries {
			if value == "" {
				delete(c.Beneficiaries[i].Guarantees, domain)
			} else {
				c.Beneficiaries[i].Guarantees[domain] = rate(value)
			}
		}
	}
	type want struct {
		reason  offline.Reason
		since   string
		own     bool
		covered string // numbers of the covered
		value   string // of the first covered
		pay     bool
		changed bool
	}
	for _, c := range []struct {
		name   string
		people int
		after  func(s *shop, c *rights.Contract, place card.Place) // what happened since the card was made
		ask    []func(*CheckRequest)
		want   want
	}{
		{"open", 2, nil, nil, want{offline.OK, "", false, "12", "100%", true, false}},
		{"card alone", 2, nil, []func(*CheckRequest){domains()}, want{offline.OK, "", false, "12", "", false, false}},
		{"prise en charge", 1, nil, []func(*CheckRequest){domains("HOSP")}, want{offline.OKPEC, "", false, "1", "PEC", false, false}},
		{"not covered", 1, nil, []func(*CheckRequest){domains("OPTI")}, want{reason: offline.NotCovered}},
		{"unknown domain", 1, nil, []func(*CheckRequest){domains("ZZZZ")}, want{reason: offline.UnknownDomain}},
		{"care to come", 1, nil, []func(*CheckRequest){care(t, "2027-04-01")}, want{offline.OK, "", false, "1", "100%", false, false}},
		{"not yet valid", 1, nil, []func(*CheckRequest){care(t, "2026-12-31")}, want{reason: offline.NotYet, since: "2027-01-01"}},
		{"ended", 1, nil, []func(*CheckRequest){care(t, "2028-01-01")}, want{reason: offline.Expired, since: "2027-12-31"}},
		{"nobody of that number", 2, nil, []func(*CheckRequest){person(3)}, want{reason: offline.NotListed}},
		{"contract closed", 1, func(_ *shop, c *rights.Contract, _ card.Place) { c.To = day("2027-02-15") }, nil,
			want{reason: offline.RightsEnded, since: "2027-02-16", changed: true}},
		{"care on the first day without rights", 1, func(_ *shop, c *rights.Contract, _ card.Place) { c.To = day("2027-02-28") }, nil,
			want{reason: offline.RightsEnded, since: "2027-03-01", changed: true}},
		{"care on the last day of a closed contract", 1, func(_ *shop, c *rights.Contract, _ card.Place) { c.To = day("2027-03-01") }, nil,
			want{offline.BeforeEnd, "2027-03-02", false, "1", "100%", true, true}},
		{"care before the end of a closed contract", 1, func(_ *shop, c *rights.Contract, _ card.Place) { c.To = day("2027-02-15") },
			[]func(*CheckRequest){care(t, "2027-02-15")}, want{offline.BeforeEnd, "2027-02-16", false, "1", "100%", true, true}},
		{"contract that begins later", 1, func(_ *shop, c *rights.Contract, _ card.Place) { c.From = day("2027-04-01") }, nil,
			want{reason: offline.NotYet, since: "2027-04-01", changed: true}},
		{"contract renewed: the card's days are not spoken of", 1, func(_ *shop, c *rights.Contract, _ card.Place) {
			c.From, c.To = day("2028-01-01"), day("2028-12-31")
		}, nil, want{offline.OK, "", false, "1", "100%", true, false}},
		{"contract prolonged: the card still ends", 1, func(_ *shop, c *rights.Contract, _ card.Place) { c.To = day("2028-12-31") },
			[]func(*CheckRequest){care(t, "2028-01-01")}, want{reason: offline.Expired, since: "2027-12-31", changed: true}},
		{"person gone", 2, func(_ *shop, c *rights.Contract, _ card.Place) { c.Beneficiaries = c.Beneficiaries[:1] },
			[]func(*CheckRequest){person(2)}, want{reason: offline.NotListed, changed: true}},
		{"person gone, household asked", 2, func(_ *shop, c *rights.Contract, _ card.Place) { c.Beneficiaries = c.Beneficiaries[:1] }, nil,
			want{offline.ChoosePerson, "", false, "1", "100%", false, true}},
		{"person gone, another asked", 2, func(_ *shop, c *rights.Contract, _ card.Place) { c.Beneficiaries = c.Beneficiaries[:1] },
			[]func(*CheckRequest){person(1)}, want{offline.OK, "", false, "1", "100%", true, true}},
		{"people in another order", 3, func(_ *shop, c *rights.Contract, _ card.Place) {
			b := c.Beneficiaries
			b[0], b[2] = b[2], b[0]
			b[0].Guarantees = map[string]rights.Guarantee{"PHAR": rate("70%")} // she was third on the card
		}, []func(*CheckRequest){person(3)}, want{offline.OK, "", false, "123", "100%", true, true}},
		{"own days ended", 2, func(_ *shop, c *rights.Contract, _ card.Place) { c.Beneficiaries[1].To = day("2027-01-31") },
			[]func(*CheckRequest){person(2)}, want{reason: offline.Expired, since: "2027-01-31", own: true, changed: true}},
		{"own days begin later", 2, func(_ *shop, c *rights.Contract, _ card.Place) { c.Beneficiaries[1].From = day("2027-06-01") },
			[]func(*CheckRequest){person(2)}, want{reason: offline.NotYet, since: "2027-06-01", own: true, changed: true}},
		{"value changed", 1, func(_ *shop, c *rights.Contract, _ card.Place) { each(c, "PHAR", "100/100/15") }, nil,
			want{offline.OK, "", false, "1", "100/100/15", true, true}},
		{"domain gone", 1, func(_ *shop, c *rights.Contract, _ card.Place) { each(c, "PHAR", "") }, nil, want{reason: offline.NotCovered, changed: true}},
		{"domain no longer paid", 1, func(_ *shop, c *rights.Contract, _ card.Place) { each(c, "PHAR", "-") }, nil,
			want{reason: offline.NotCovered, changed: true}},
		{"domain new", 1, func(_ *shop, c *rights.Contract, _ card.Place) { each(c, "OPTI", "200%") }, []func(*CheckRequest){domains("OPTI")},
			want{offline.OK, "", false, "1", "200%", true, true}},
		{"domain that no table knows, new", 1, func(_ *shop, c *rights.Contract, _ card.Place) { each(c, "ZZZZ", "PEC") },
			[]func(*CheckRequest){domains("ZZZZ")}, want{offline.OKPEC, "", false, "1", "PEC", false, true}},
		{"footnote that the card lacks", 1, func(_ *shop, c *rights.Contract, _ card.Place) {
			c.Notes = []string{"Sur devis"}
			each(c, "PHAR", "100% (1)")
		}, nil, want{offline.OK, "", false, "1", "100%", true, false}},
		{"revised without a change for the card", 1, func(_ *shop, c *rights.Contract, _ card.Place) { c.CSR = "X" }, nil,
			want{offline.OK, "", false, "1", "100%", true, false}},
		{"revoked, not published", 1, func(s *shop, _ *rights.Contract, p card.Place) { s.set(status.Void, p, "2027-02-01") }, nil,
			want{reason: offline.Revoked, since: "2027-02-01"}},
		{"revoked and changed", 1, func(s *shop, c *rights.Contract, p card.Place) {
			s.set(status.Void, p, "2027-02-01")
			each(c, "PHAR", "70%")
		}, nil, want{reason: offline.Revoked, since: "2027-02-01", changed: true}},
		{"care before the revocation", 1, func(s *shop, _ *rights.Contract, p card.Place) { s.set(status.Void, p, "2027-02-01") },
			[]func(*CheckRequest){care(t, "2027-01-31")}, want{offline.BeforeEnd, "2027-02-01", false, "1", "100%", true, false}},
		{"care before the revocation, changed", 1, func(s *shop, c *rights.Contract, p card.Place) {
			s.set(status.Void, p, "2027-02-01")
			each(c, "PHAR", "70%")
		}, []func(*CheckRequest){care(t, "2027-01-31")}, want{offline.BeforeEnd, "2027-02-01", false, "1", "70%", true, true}},
		{"suspended", 1, func(s *shop, _ *rights.Contract, p card.Place) { s.set(status.Suspended, p, "2027-02-01") }, nil,
			want{reason: offline.Suspended, since: "2027-02-01"}},
		{"suspended and restored", 1, func(s *shop, _ *rights.Contract, p card.Place) {
			s.set(status.Suspended, p, "2027-02-01")
			s.set(status.Restored, p, "2027-02-10")
		}, nil, want{offline.OK, "", false, "1", "100%", true, false}},
		{"suspended, nothing covered although the domain is new", 1, func(s *shop, c *rights.Contract, p card.Place) {
			s.set(status.Suspended, p, "2027-02-01")
			each(c, "OPTI", "100%")
		}, []func(*CheckRequest){domains("OPTI")}, want{reason: offline.Suspended, since: "2027-02-01", changed: true}},
		{"revoked while the own days printed had ended", 2, func(s *shop, c *rights.Contract, p card.Place) {
			s.set(status.Void, p, "2027-02-01")
			c.Beneficiaries[1].To = day("2027-01-31")
		}, []func(*CheckRequest){person(2)}, want{reason: offline.Revoked, since: "2027-02-01", changed: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			made, contract := s.one(c.people)
			if c.after != nil {
				c.after(s, &contract, made.Place)
				s.put(contract)
			}
			r := s.ask(made.CodeText, c.ask...)
			if r.Accord == nil {
				t.Fatalf("refused %s", r.Refused)
			}
			a := r.Accord.Answers[0]
			got := want{reason: offline.Reason(a.Reason), since: a.Since.String(), own: a.Own, pay: !a.PayUntil.IsZero(), changed: r.Accord.Changed}
			if a.Since == 0 {
				got.since = ""
			}
			for _, p := range a.People {
				if p.Covered {
					got.covered += fmt.Sprint(p.Number)
					if got.value == "" && a.Domain != "" {
						got.value = p.Value.String()
					}
				}
			}
			if got != c.want || offline.Status(a.Status) != offline.StatusOf(c.want.reason) || len(a.People) != c.people {
				t.Errorf("got %+v (%s, %d people), want %+v", got, a.Status, len(a.People), c.want)
			}
			if got.pay && a.PayUntil.Before(r.Accord.Until) {
				t.Errorf("paid until %s, relied upon until %s", a.PayUntil, r.Accord.Until)
			}
			rows := s.trace()
			if len(rows) != 1 || rows[0].Number != string(r.Accord.Number) || rows[0].Place != made.Place || rows[0].Insurer != amc ||
				rows[0].Reason != a.Reason || rows[0].Status != a.Status || !rows[0].Pay.Until.Equal(a.PayUntil) || rows[0].Pay.Euros != a.PayEuros {
				t.Errorf("trace %+v", rows)
			}
		})
	}
}

func (s *shop) set(kind status.Kind, p card.Place, from string) {
	s.t.Helper()
	must(s.issuer.SetStatus(context.Background(), StatusRequest{Kind: kind, Targets: []Target{{Place: p}}, From: date(s.t, from)}))(s.t)
}

// Own days that were printed too short are those of now; the card's state, which the printed days kept from being looked at,
// is looked at then.
func TestCheckOwnDaysProlonged(t *testing.T) {
	for name, want := range map[string]offline.Reason{"live": offline.OK, "void": offline.Revoked} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			c := household(t, "K1", 2, 0)
			c.Beneficiaries[1].To = date(t, "2027-01-31")
			s.put(c)
			_, cards := s.issue(IssueRequest{All: true, At: time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)})
			if a := s.ask(cards[0].CodeText, person(2)).Accord.Answers[0]; a.Reason != string(offline.Expired) || !a.Own {
				t.Errorf("as printed: %+v", a)
			}
			c.Beneficiaries[1].To = 0
			s.put(c)
			if want == offline.Revoked {
				s.set(status.Void, cards[0].Place, "2027-02-01")
			}
			r := s.ask(cards[0].CodeText, person(2))
			if a := r.Accord.Answers[0]; a.Reason != string(want) || a.People[1].Covered != (want == offline.OK) || !r.Accord.Changed {
				t.Errorf("now: %+v", a)
			}
		})
	}
}
