package issuer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
)

func (w *world) tryReprint(req ReprintRequest) (*ReprintReport, error) {
	w.t.Helper()
	return w.issuer.Reprint(context.Background(), req, func(Issued) error { w.t.Error("a card left"); return nil })
}

// reprint returns what was handed out.
func (w *world) reprint(req ReprintRequest) (*ReprintReport, []Issued) {
	w.t.Helper()
	var out []Issued
	return must(w.issuer.Reprint(context.Background(), req, func(i Issued) error { out = append(out, i); return nil }))(w.t), out
}

// refusedReprint is the error of a reprint that must do nothing.
func (w *world) refusedReprint(p card.Place, words string) {
	w.t.Helper()
	before := w.sound().Cards
	_, err := w.tryReprint(ReprintRequest{Places: []card.Place{p}})
	if !errors.Is(err, ErrState) || !strings.Contains(err.Error(), words) {
		w.t.Errorf("got %v, want %q", err, words)
	}
	if now := w.sound().Cards; now != before {
		w.t.Errorf("%d cards, %d before", now, before)
	}
}

// TestReprintKeepsSuspension: only a restoration lifts a suspension.
func TestReprintKeepsSuspension(t *testing.T) {
	w := newWorld(t)
	w.put(household(t, "A1", 2, 0))
	_, out := w.issue(IssueRequest{All: true})
	p := out[0].Place
	must(w.set(status.Suspended, "2027-03-01", Target{Place: p}))(t)
	w.refusedReprint(p, "restore it first")
	w.put(household(t, "A1", 2, 50))
	if r, _ := w.issue(IssueRequest{All: true}); len(r.Outdated) != 1 || !r.Outdated[0].Suspended {
		t.Errorf("%+v", r)
	}
	r, err := w.tryReprint(ReprintRequest{Changed: true})
	if err != nil || r.Issued != 0 || len(r.Suspended) != 1 || r.Suspended[0] != p || w.card(p).State != register.Suspended {
		t.Fatalf("%+v %v", r, err)
	}
	must(w.set(status.Restored, "2027-04-01", Target{Place: p}))(t)
	if r, made := w.reprint(ReprintRequest{Changed: true}); r.Issued != 1 || len(r.Suspended) != 0 || len(made) != 1 || w.card(p).State != register.Replaced {
		t.Fatalf("%+v", r)
	}
	w.sound()
}

// TestReprintKeepsRevocation: a card revoked from a day to come gets no successor that outlives that day.
func TestReprintKeepsRevocation(t *testing.T) {
	w := newWorld(t)
	w.put(household(t, "A1", 2, 0))
	_, out := w.issue(IssueRequest{All: true})
	p := out[0].Place
	must(w.set(status.Void, "2027-03-01", Target{Place: p}))(t)
	w.refusedReprint(p, "revoked; restore it first, or it needs a new contract")
	w.put(household(t, "A1", 2, 50))
	if r, err := w.tryReprint(ReprintRequest{Changed: true}); err != nil || r.Issued != 0 || len(r.Withdrawn) != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	must(w.set(status.Restored, "2027-03-01", Target{Place: p}))(t)
	if _, made := w.reprint(ReprintRequest{Places: []card.Place{p}}); len(made) != 1 {
		t.Error("restored and not reprinted")
	}
	w.sound()
}

// half begins a reprint and dies before the signature.
func (w *world) half(p card.Place) {
	w.t.Helper()
	keys := &counting{Keys: w.online, failAt: 1, fail: func([]byte) ([]byte, error) { return nil, errCrash }}
	w.issuer.Online = keys
	if _, err := w.tryReprint(ReprintRequest{Places: []card.Place{p}}); !errors.Is(err, errCrash) {
		w.t.Fatal(err)
	}
	w.issuer.Online = w.online
}

// TestRevokeDuringReprint: a change of a card whose successor is begun would be lost.
func TestRevokeDuringReprint(t *testing.T) {
	w := newWorld(t)
	key := w.put(household(t, "A1", 1, 0))
	_, out := w.issue(IssueRequest{All: true})
	p := out[0].Place
	w.half(p)
	for _, kind := range []status.Kind{status.Void, status.Suspended} {
		for _, target := range []Target{{Place: p}, {Contract: key}} {
			if _, err := w.set(kind, "2027-02-01", target); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "issue first") {
				t.Errorf("%v of %+v: %v", kind, target, err)
			}
		}
	}
	if w.card(p).State != register.Live {
		t.Fatal("the old card was touched")
	}
	r, made := w.issue(IssueRequest{All: true})
	if r.Resumed != 1 || w.card(p).State != register.Replaced {
		t.Fatalf("%+v", r)
	}
	if r, err := w.set(status.Void, "2027-02-01", Target{Contract: key}); err != nil || r.Recorded() != 1 || w.card(made[0].Place).State != register.Void {
		t.Errorf("%+v %v", r, err)
	}
	w.sound()
}

// setKey gives the insurer's card key another state.
func (w *world) setKey(insurer string, state signing.State) {
	w.t.Helper()
	w.update(func(tx register.Tx) error {
		i, err := tx.Insurer(insurer)
		if err != nil {
			return err
		}
		doc := must(card.ParseInsurer(i.Document))(w.t)
		doc.CardKeys[0].State = state
		i.Document = must(doc.Bytes())(w.t)
		return tx.PutInsurer(i)
	})
}

// TestStuckReprint: an intent that its key can't finish any more keeps no card from being revoked, and the revocation holds
// for the new card too, should the key come back.
func TestStuckReprint(t *testing.T) {
	for _, perContract := range []bool{false, true} {
		w := newWorld(t)
		key := w.put(household(t, "A1", 1, 0))
		_, out := w.issue(IssueRequest{All: true})
		p := out[0].Place
		w.half(p)
		w.setKey(amc, signing.StateDead)
		if r, _ := w.issue(IssueRequest{All: true}); len(r.Stuck) != 1 || !errors.Is(r.Stuck[0].Err, ErrNoCardKey) || r.Resumed != 0 {
			t.Fatalf("%+v", r)
		}
		if _, err := w.set(status.Suspended, "2027-02-01", Target{Place: p}); !errors.Is(err, ErrState) {
			t.Errorf("suspended: %v", err)
		}
		target := Target{Place: p}
		if perContract {
			target = Target{Contract: key}
		}
		if r, err := w.set(status.Void, "2027-02-01", target); err != nil || r.Recorded() != 1 || w.card(p).State != register.Void {
			t.Fatalf("%+v %v", r, err)
		}
		w.setKey(amc, signing.StateActive)
		r, made := w.issue(IssueRequest{All: true})
		if len(made) != 0 || len(r.Stuck) != 0 || r.Withheld != 1 {
			t.Errorf("%+v", r)
		}
		w.view(func(tx register.Tx) error {
			all, err := tx.CardsOf(key)
			if err != nil || len(all) != 2 || all[1].State != register.Void {
				t.Errorf("%+v %v", all, err)
			}
			ev, err := tx.EventsOf(all[1].Place)
			if err != nil || len(ev) != 1 || ev[0].From.String() != "2027-02-01" {
				t.Errorf("%+v %v", ev, err)
			}
			return nil
		})
		w.sound()
	}
}

// TestContractEndedInThePast: no card is printed that is over already; the old one ends with the contract.
func TestContractEndedInThePast(t *testing.T) {
	w := newWorld(t)
	day := func(text string) rights.Date { return must(rights.ParseDate(text))(t) }
	c := household(t, "A1", 2, 0)
	c.From = day("2026-01-01")
	w.put(c)
	_, out := w.issue(IssueRequest{All: true})
	c.To = day("2026-06-30")
	w.put(c)
	r, _ := w.issue(IssueRequest{All: true})
	if r.Ended != 1 || len(r.Outdated) != 1 || r.Outdated[0].Place != out[0].Place || r.Outdated[0].Over != day("2026-07-01") {
		t.Fatalf("%+v", r)
	}
	w.refusedReprint(out[0].Place, "are over")
	rr, err := w.tryReprint(ReprintRequest{Changed: true})
	if err != nil || rr.Issued != 0 || len(rr.Withdrawn) != 1 || rr.Withdrawn[0] != out[0].Place {
		t.Fatalf("%+v %v", rr, err)
	}
	w.view(func(tx register.Tx) error {
		ev, err := tx.EventsOf(out[0].Place)
		if err != nil || len(ev) != 1 || ev[0].Kind != status.Void || ev[0].From != day("2026-07-01") {
			t.Errorf("%+v %v", ev, err)
		}
		return nil
	})
	if rr, err = w.tryReprint(ReprintRequest{Changed: true}); err != nil || len(rr.Withdrawn) != 0 {
		t.Errorf("again: %+v %v", rr, err)
	}
	w.sound()

	// A card that ends with its contract is not outdated by a late correction.
	w = newWorld(t)
	c = household(t, "A1", 1, 0)
	w.put(c)
	w.issue(IssueRequest{All: true})
	w.clock = w.clock.AddDate(1, 6, 0)
	w.put(household(t, "A1", 1, 50))
	if r, _ = w.issue(IssueRequest{All: true}); r.Ended != 1 || len(r.Outdated) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestPersonEndedInThePast: the same for one person of a contract that goes on.
func TestPersonEndedInThePast(t *testing.T) {
	w := newWorld(t)
	start := must(rights.ParseDate("2026-01-01"))(t)
	c := household(t, "A1", 3, 0)
	c.From = start
	c.Beneficiaries[2].To = start + 30
	w.put(c)
	r, out := w.issue(IssueRequest{All: true, PerPerson: true})
	if r.Issued != 2 || r.Ended != 1 {
		t.Fatalf("%+v", r)
	}
	c.Beneficiaries[1].To = start + 200
	w.put(c)
	rr, err := w.tryReprint(ReprintRequest{Changed: true})
	if err != nil || rr.Issued != 0 || len(rr.Withdrawn) != 1 || rr.Withdrawn[0] != out[1].Place {
		t.Fatalf("%+v %v", rr, err)
	}
	w.sound()
}

// TestStuckIntents: what can't be finished is reported, and stops nobody else: of two insurers, one retired its key.
func TestStuckIntents(t *testing.T) {
	w := newWorld(t)
	if err := w.issuer.AddInsurer(context.Background(), facts("999")); err != nil {
		t.Fatal(err)
	}
	w.clock = w.clock.Add(time.Hour)
	w.seed(5)
	other := household(t, "B1", 1, 0)
	other.Insurer = "999"
	w.put(other)
	w.issuer.Batch = 2
	for n := range 3 { // five intents of the first insurer, one of the second
		r := &run{issuer: w.issuer, keys: w.issuer.keyCache(), at: w.clock}
		_, _, err := r.begin(context.Background(), func(tx register.Tx) ([]job, error) {
			var jobs []job
			for i, key := range []string{"A000000", "A000001", "A000002", "A000003", "A000004", "B1"} {
				if i/2 != n {
					continue
				}
				k := register.ContractKey{Insurer: amc, Adherent: key}
				if key == "B1" {
					k.Insurer = "999"
				}
				c, err := tx.Contract(k)
				if err != nil {
					return nil, err
				}
				jobs = append(jobs, job{contract: c, facts: must(c.Rights())(t), person: register.Household, slot: register.Household})
			}
			return jobs, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.setKey(amc, signing.StateDead)
	var places []card.Place
	r, out := w.issue(IssueRequest{All: true})
	for _, s := range r.Stuck {
		places = append(places, s.Place)
		if !errors.Is(s.Err, ErrNoCardKey) {
			t.Error(s.Err)
		}
	}
	if r.Resumed != 1 || len(out) != 1 || out[0].Contract.Adherent != "B1" || len(places) != 5 {
		t.Fatalf("%+v", r)
	}
	if rr, _ := w.reprint(ReprintRequest{Places: []card.Place{out[0].Place}}); rr.Issued != 1 || len(rr.Stuck) != 5 {
		t.Errorf("%+v", rr)
	}
	w.setKey(amc, signing.StateActive)
	w.tamper("UPDATE card SET payload = x'00' WHERE id = 2")
	w.issuer.Batch = 1
	if r, out = w.issue(IssueRequest{All: true}); r.Resumed != 4 || len(out) != 4 || len(r.Stuck) != 1 || !errors.Is(r.Stuck[0].Err, ErrDamaged) {
		t.Errorf("%+v", r)
	}
}
