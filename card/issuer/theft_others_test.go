package issuer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/register"
	"sceau/offline"
	"sceau/signing"
	"sceau/signing/trust"
)

// The service answers for cards of a listed key by the register: those that are in it as ever, the others not issued, with an
// alarm.
func TestTheftOnline(t *testing.T) {
	s := newShop(t)
	genuine, _ := s.one(2)
	stolen := s.steal("card-" + amc + "-1")
	before := s.ask(genuine.CodeText)
	must(s.issuer.CompromiseCardKey(context.Background(), stolen.kid))(t)
	after := s.ask(genuine.CodeText)
	if after.Accord == nil || after.Accord.Answers[0].Status != before.Accord.Answers[0].Status || after.Accord.Answers[0].Reason != before.Accord.Answers[0].Reason {
		t.Errorf("a genuine card: %+v, before %+v", after.Accord, before.Accord)
	}
	for name, change := range map[string]func(c *card.Claims){
		"a free place":   func(c *card.Claims) { c.Place.Index ^= 1 },
		"another list":   func(c *card.Claims) { c.Place.List += 7 },
		"another name":   func(c *card.Claims) { c.People[0].Nom = "FAUSSAIRE" },
		"a second later": func(c *card.Claims) { c.IssuedAt++ },
	} {
		c := genuine.Claims
		c.People = slices.Clone(c.People)
		change(&c)
		r := s.ask(stolen.forge(t, c))
		if r.Accord == nil || r.Accord.Answers[0].Status != string(offline.Refused) || r.Accord.Answers[0].Reason != string(offline.NotIssued) {
			t.Errorf("%s: %+v", name, r)
			continue
		}
		id := "not-issued-" + amc + "-" + c.Place.String()
		if alarms := must(s.issuer.Alarms(context.Background(), register.AnyOwner, "", 100))(t); !slices.ContainsFunc(alarms, func(a Alarm) bool { return a.ID == id && a.Rule == RuleNotIssued }) {
			t.Errorf("%s: no alarm", name)
		}
	}
}

// Other keys: replaced at once, and what the old ones sign is believed no more.
func TestTheftOfOtherKeys(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.seed(3)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	for _, role := range []struct {
		name string
		do   func() (*Theft, error)
	}{{trust.StatusRole(amc), func() (*Theft, error) { return w.issuer.CompromiseStatusKey(ctx, amc) }},
		{trust.InsurerRole(amc), func() (*Theft, error) { return w.issuer.CompromiseInsurerKey(ctx, amc) }}} {
		before := w.refreshed()
		was, _, err := before.trusted.Authority(role.name)
		if err != nil {
			t.Fatal(err)
		}
		w.clock = w.clock.Add(time.Hour)
		theft := must(role.do())(t)
		after := w.refreshed()
		is, _, err := after.trusted.Authority(role.name)
		if err != nil || len(is) != 1 || is[0].Equal(was[0]) || theft.KID != signing.KID(was[0]) || theft.Next != signing.KID(is[0]) || theft.Version != after.trusted.Version() {
			t.Errorf("%s: %+v %v", role.name, theft, err)
		}
		if !accepted(after.check(out[0].CodeText)) {
			t.Errorf("%s: a genuine card is refused", role.name)
		}
		w.sound()
	}
	for _, which := range []string{PurposeAccord, PurposeSettlement} {
		w.clock = w.clock.Add(time.Hour)
		old := w.serviceKID(which)
		theft := must(w.issuer.CompromiseServiceKey(ctx, which))(t)
		if doc := w.service(); keyOfKID(serviceKeysOf(doc, which), old).State != signing.StateDead || w.serviceKID(which) != theft.Next || theft.KID != old {
			t.Errorf("%s: %+v", which, theft)
		}
	}
	w.clock = w.clock.Add(time.Hour)
	theft := must(w.issuer.CompromiseListKey(ctx, amc))(t)
	v := w.refreshed()
	token := string(v.files[tokenListPath(amc, 1)])
	parts := must(signing.SplitCompact(token))(t)
	if parts.KID != theft.Next || keyOfKID(v.issuers[amc].Insurer.StatusKeys, theft.KID).State != signing.StateDead {
		t.Errorf("%+v, list signed by %s", theft, parts.KID)
	}
	w.publish() // every day's work goes on
	w.sound()
}

// serviceKID is the key with which a process signs now that has looked before.
func (w *world) serviceKID(which string) string {
	w.t.Helper()
	known := must(w.issuer.factsNow(context.Background(), w.clock))(w.t)
	return must(w.issuer.serviceSigner(known, which, w.clock))(w.t).KID()
}

// The list of an insurer never holds another insurer's cards, nor those of another key.
func TestTheftOfOneInsurer(t *testing.T) {
	w := newWorld(t)
	if err := w.issuer.AddInsurer(context.Background(), facts("999")); err != nil {
		t.Fatal(err)
	}
	w.seed(4)
	other := household(t, "B1", 1, 0)
	other.Insurer = "999"
	w.put(other)
	_, out := w.issue(IssueRequest{All: true})
	old := w.signingKID()
	theft := must(w.issuer.CompromiseCardKey(context.Background(), old))(t)
	if theft.Cards != 4 {
		t.Errorf("%+v", theft)
	}
	w.clock = w.clock.Add(time.Hour)
	w.publish()
	v := w.refreshed()
	for _, c := range out {
		if got := v.check(c.CodeText); !accepted(got) {
			t.Errorf("%s: %s", c.Contract.Insurer, got.Reason)
		}
		d := must(card.Parse(c.CodeText))(t).Digest()
		if v.parts[old][0].Has([issued.DigestSize]byte(d[:])) != (c.Contract.Insurer == amc) {
			t.Errorf("card %s of %s", c.Place, c.Contract.Insurer)
		}
	}
	if i := must(documentIn(w, "999"))(t); i.CardKeys[0].State != signing.StateActive {
		t.Error("another insurer's key changed")
	}
}

func documentIn(w *world, key string) (doc *card.Insurer, err error) {
	w.view(func(tx register.Tx) error { doc, err = documentOf(tx, key); return nil })
	return doc, err
}

// Who stole online keys may have begun a ceremony that puts a share of his own into the root: the theft's ceremony does not go on
// with it.
func TestTheftGoesOnWithNoOtherRoot(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	planted := must(w.issuer.BeginRoot(ctx, RootPlan{Why: WhyTheft, Snapshot: true, Timestamp: true, Holders: []Keys{w.offline}, Leave: []string{}}))(t)
	if theft, err := w.issuer.CompromiseOnline(ctx); !errors.Is(err, ErrCeremonyOpen) {
		t.Fatalf("it goes on with a root of other holders: %+v %v", theft, err)
	}
	must(w.issuer.AbandonRoot(ctx, planted.ID))(t)
	first := must(w.issuer.CompromiseOnline(ctx))(t)
	if again := must(w.issuer.CompromiseOnline(ctx))(t); again.Ceremony != first.Ceremony {
		t.Errorf("%s, then %s", first.Ceremony, again.Ceremony)
	}
}
