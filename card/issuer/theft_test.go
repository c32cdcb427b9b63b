package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/offline"
	"sceau/signing"
)

// T04: a card key is copied. After one refresh every genuine card passes and every forged one fails, whatever the thief changes:
// the place, the name, the date of issue. No card is reprinted.
func TestTheft(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 5000
	w.seed(theftCards)
	_, genuine := w.issue(IssueRequest{All: true})
	stolen := w.steal("card-" + amc + "-1")
	w.publish()
	w.clock = w.clock.Add(24 * time.Hour)

	forged := make([]string, theftCards)
	inParallel(theftCards, func(i int) {
		c := genuine[i].Claims
		switch c.People = slices.Clone(c.People); i % 5 {
		case 0: // another holder in the place of a genuine card
			c.People[0].Nom = "FAUSSAIRE"
		case 1: // a free place, probably
			c.Place.Index ^= uint32(1 + i)
		case 2: // backdated, otherwise the genuine card
			c.IssuedAt -= int64(i + 1)
		case 3: // a new list, with yesterday's date
			c.Place.List += uint32(1 + i)
		case 4: // one more guarantee of a genuine card
			c.Adherent = fmt.Sprintf("F%06d", i)
		}
		forged[i] = stolen.forge(t, c)
	})
	before := w.refreshed()
	fooled := 0
	for i := range 50 {
		if u := must(card.Parse(forged[i]))(t); u != nil {
			key := must(before.issuers[amc].Keys.Lookup(u.KID()))(t)
			if _, err := u.Verify(key); err == nil {
				fooled++
			}
		}
	}
	if fooled < 30 { // backdated before the key's window fail anyway
		t.Fatalf("only %d of 50 forged cards are good forgeries: the test shows nothing", fooled)
	}

	theft := must(w.issuer.CompromiseCardKey(context.Background(), stolen.kid))(t)
	if theft.Cards != theftCards || theft.Standing != theftCards || theft.Intents != 0 || theft.Parts != 1 || theft.Insurer != amc || theft.Next == "" || theft.Version == 0 {
		t.Errorf("%+v", theft)
	}
	after := w.refreshed()
	var good, bad, unlisted atomic.Int64
	inParallel(theftCards, func(i int) {
		if v := after.check(genuine[i].CodeText); accepted(v) {
			good.Add(1)
		}
		if v := after.check(forged[i]); v.Status == offline.Refused && v.Card == nil {
			bad.Add(1)
			if v.Reason == offline.NotIssued {
				unlisted.Add(1)
			}
		}
	})
	if good.Load() != theftCards || bad.Load() != theftCards || unlisted.Load() != theftCards {
		t.Errorf("%d genuine accepted, %d forged refused (%d as never issued), of %d each", good.Load(), bad.Load(), unlisted.Load(), theftCards)
	}
	// Another signature over a genuine card's own bytes says nothing that is not true.
	again := must(stolen.signer.Seal(w.card(genuine[0].Place).Payload))(t)
	if v := after.check(again); !accepted(v) {
		t.Errorf("a genuine card signed once more: %s", v.Reason)
	}
	w.sound()
}

// What was stolen signs nothing new; cards made afterwards carry the new key, and a renewal takes an old one's place.
func TestTheftGoesOn(t *testing.T) {
	w := newWorld(t)
	w.seed(6)
	_, out := w.issue(IssueRequest{All: true})
	kid := w.signingKID()
	w.clock = w.clock.Add(time.Hour)
	theft := must(w.issuer.CompromiseCardKey(context.Background(), kid))(t)
	if w.keyState(kid).State != signing.StateListed || w.signingKID() != theft.Next || theft.Next == kid || theft.Name != "card-"+amc+"-2" {
		t.Fatalf("%+v, signing with %s", theft, w.signingKID())
	}
	w.put(household(t, "B1", 1, 0))
	_, more := w.issue(IssueRequest{All: true})
	if len(more) != 1 || w.card(more[0].Place).KID != theft.Next {
		t.Fatalf("%+v", more)
	}
	// Each still hands out the cards of a listed key, and a reprint of one carries the new key.
	if n := must(w.issuer.Each(context.Background(), EachRequest{All: true}, func(Issued) error { return nil }))(t); n != 7 {
		t.Errorf("%d cards handed out again", n)
	}
	_, anew := w.reprint(ReprintRequest{Places: []card.Place{out[0].Place}})
	if len(anew) != 1 || w.card(anew[0].Place).KID != theft.Next {
		t.Fatalf("%+v", anew)
	}
	must(w.issuer.SetStatus(context.Background(), StatusRequest{Kind: status.Void, From: midYear - 10, Targets: []Target{{Place: out[1].Place}}}))(t)
	w.clock = w.clock.Add(time.Hour)
	w.publish()
	v := w.refreshed()
	for i, want := range []offline.Reason{offline.Replaced, offline.Revoked, offline.OK} {
		if got := v.check(out[i].CodeText); got.Reason != want {
			t.Errorf("card %d of the stolen key: %s, want %s", i, got.Reason, want)
		}
	}
	for _, c := range append(more, anew...) {
		if got := v.check(c.CodeText); !accepted(got) {
			t.Errorf("card of the new key: %s", got.Reason)
		}
	}
	// Declared again, nothing is done twice.
	again := must(w.issuer.CompromiseCardKey(context.Background(), kid))(t)
	if again.Next != theft.Next || again.Cards != 6 || w.signingKID() != theft.Next {
		t.Errorf("%+v", again)
	}
	// The key that took its place is stolen as well: the first list stays.
	second := must(w.issuer.CompromiseCardKey(context.Background(), theft.Next))(t)
	if second.Cards != 2 || second.Next == theft.Next {
		t.Errorf("%+v", second)
	}
	v = w.refreshed()
	if got := v.check(out[3].CodeText); !accepted(got) || len(v.parts) != 2 {
		t.Errorf("%s, %d lists", got.Reason, len(v.parts))
	}
	if got := v.check(more[0].CodeText); !accepted(got) {
		t.Errorf("%s", got.Reason)
	}
	w.sound()
}

func TestTheftRefuses(t *testing.T) {
	w := newWorld(t)
	kid := w.signingKID()
	ctx := context.Background()
	for _, wrong := range []string{"", "AAAAAAAAAAA", strings.ToLower(kid), kid + "x"} {
		if _, err := w.issuer.CompromiseCardKey(ctx, wrong); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	w.setKey(amc, signing.StateDead)
	if _, err := w.issuer.CompromiseCardKey(ctx, kid); !errors.Is(err, ErrKeyState) {
		t.Errorf("a dead key: %v", err)
	}
	for name, fn := range map[string]func() error{
		"status":  func() error { _, err := w.issuer.CompromiseStatusKey(ctx, "333"); return err },
		"insurer": func() error { _, err := w.issuer.CompromiseInsurerKey(ctx, "333"); return err },
		"list":    func() error { _, err := w.issuer.CompromiseListKey(ctx, "333"); return err },
	} {
		if err := fn(); !errors.Is(err, ErrUnknownInsurer) {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
	if _, err := w.issuer.CompromiseServiceKey(ctx, "timestamp"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("timestamp is no key of the service: %v", err)
	}
}

// The offline key is in a vault: the stolen key stops at once, revocations go on being published, and the list follows.
func TestTheftWithoutOfflineKeys(t *testing.T) {
	w := newWorld(t)
	w.seed(4)
	_, out := w.issue(IssueRequest{All: true})
	kid := w.signingKID()
	stolen := w.steal("card-" + amc + "-1")
	forged := stolen.forge(t, func() card.Claims { c := out[0].Claims; c.Place.Index ^= 5; return c }())
	w.issuer.Offline = nil
	if _, err := w.issuer.CompromiseCardKey(context.Background(), kid); !errors.Is(err, ErrNoOfflineKeys) {
		t.Fatal(err)
	}
	if w.signingKID() == kid {
		t.Error("the stolen key still signs")
	}
	must(w.issuer.SetStatus(context.Background(), StatusRequest{Kind: status.Void, From: midYear - 10, Targets: []Target{{Place: out[3].Place}}}))(t)
	w.clock = w.clock.Add(time.Hour)
	r := w.publish()
	if r.Events != 1 || len(r.Warnings) == 0 || !strings.Contains(strings.Join(r.Warnings, "\n"), "issuer.json of "+amc) {
		t.Errorf("%+v", r)
	}
	if v := w.refreshed(); !accepted(v.check(out[0].CodeText)) || len(v.parts) != 0 || v.check(out[3].CodeText).Reason != offline.Revoked {
		t.Error("a revocation waited for the offline key")
	}
	// Any publication with the key tells counters, whole.
	w.issuer.Offline = w.offline
	w.clock = w.clock.Add(time.Hour)
	if r := w.publish(); len(r.Warnings) != 0 {
		t.Errorf("%q", r.Warnings)
	}
	v := w.refreshed()
	if got := v.check(out[0].CodeText); !accepted(got) {
		t.Errorf("genuine: %s", got.Reason)
	}
	if got := v.check(forged); got.Reason != offline.NotIssued {
		t.Errorf("forged: %s", got.Reason)
	}
	w.sound()
}

// A key that is published for later lay beside the stolen one; a retired key is listed without touching the one that signs.
func TestTheftBesideRotation(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	first := w.signingKID()
	next := must(w.issuer.RotateCardKey(ctx, amc, time.Time{}))(t)
	theft := must(w.issuer.CompromiseCardKey(ctx, first))(t)
	if w.keyState(next.New).State != signing.StateDead || theft.Next == next.New || w.signingKID() != theft.Next {
		t.Errorf("%+v, %+v", w.keyState(next.New), theft)
	}
	w.clock = next.From.Add(time.Hour)
	if w.signingKID() != theft.Next {
		t.Error("the key of the rotation came back")
	}
	// The coming key alone is stolen: the present one goes on, without an end.
	w = newWorld(t)
	first = w.signingKID()
	next = must(w.issuer.RotateCardKey(ctx, amc, time.Time{}))(t)
	theft = must(w.issuer.CompromiseCardKey(ctx, next.New))(t)
	if theft.Cards != 0 || theft.Next != first || !w.keyState(first).Until.IsZero() {
		t.Errorf("%+v, %+v", theft, w.keyState(first))
	}
	w.clock = next.From.Add(time.Hour)
	if w.signingKID() != first {
		t.Error("nobody signs")
	}
	// A retired key.
	w = newWorld(t)
	w.seed(3)
	_, out := w.issue(IssueRequest{All: true})
	first = w.signingKID()
	next = must(w.issuer.RotateCardKey(ctx, amc, w.clock.Add(time.Hour)))(t)
	w.clock = w.clock.Add(2 * time.Hour)
	w.publish()
	theft = must(w.issuer.CompromiseCardKey(ctx, first))(t)
	if theft.Cards != 3 || theft.Next != next.New || w.signingKID() != next.New || w.keyState(next.New).State != signing.StateActive {
		t.Errorf("%+v", theft)
	}
	if v := w.refreshed(); !accepted(v.check(out[0].CodeText)) {
		t.Error("a card of a retired key that was stolen")
	}
	w.sound()
}
