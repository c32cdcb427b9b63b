package issuer

import (
	"context"
	"errors"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
)

// TestRosterReordered: a roster that lists the same people in another order changes nothing, and a change of one person's
// rights makes a new card of that person.
func TestRosterReordered(t *testing.T) {
	w := newWorld(t)
	c := household(t, "A1", 3, 0)
	w.put(c)
	_, out := w.issue(IssueRequest{All: true, PerPerson: true})
	c = household(t, "A1", 3, 0)
	b := c.Beneficiaries
	b[0], b[1], b[2] = b[2], b[0], b[1]
	w.put(c)
	if r, _ := w.issue(IssueRequest{All: true, PerPerson: true}); r.Existing != 3 || len(r.Outdated) != 0 || r.Issued != 0 {
		t.Fatalf("reordered: %+v", r)
	}
	if r, _ := w.reprint(ReprintRequest{Changed: true}); r.Issued != 0 || len(r.Withdrawn) != 0 {
		t.Fatalf("reordered: %+v", r)
	}
	_, made := w.reprint(ReprintRequest{Places: []card.Place{out[1].Place}})
	if len(made) != 1 || made[0].Claims.People[0].Prenom != "Éloïse" || made[0].Person != 1 {
		t.Fatalf("reprint of the second person: %+v", made)
	}
	other := household(t, "A1", 3, 50)
	b[1].Guarantees = other.Beneficiaries[0].Guarantees // Camille, now in second place
	w.put(c)
	r, made := w.reprint(ReprintRequest{Changed: true})
	if r.Issued != 1 || made[0].Claims.People[0].Prenom != "Camille" || w.card(out[0].Place).State != register.Replaced || w.card(out[2].Place).State != register.Live {
		t.Fatalf("%+v", r)
	}
	w.sound()
}

// TestPersonLeftAndJoined: whoever stands where another stood is not that person.
func TestPersonLeftAndJoined(t *testing.T) {
	w := newWorld(t)
	w.put(household(t, "A1", 3, 0))
	_, out := w.issue(IssueRequest{All: true, PerPerson: true})
	c := household(t, "A1", 4, 0)
	c.Beneficiaries = c.Beneficiaries[1:] // Camille left, Zoé came
	w.put(c)
	r, made := w.issue(IssueRequest{All: true, PerPerson: true})
	if r.Existing != 2 || r.Issued != 1 || made[0].Claims.People[0].Prenom != "Zoé" || len(r.Outdated) != 1 || !r.Outdated[0].Gone || r.Outdated[0].Place != out[0].Place {
		t.Fatalf("%+v", r)
	}
	if _, err := w.tryReprint(ReprintRequest{Places: []card.Place{out[0].Place}}); !errors.Is(err, ErrState) {
		t.Errorf("reprint for a person who left: %v", err)
	}
	rr, _ := w.reprint(ReprintRequest{Changed: true})
	if rr.Issued != 0 || len(rr.Withdrawn) != 1 || rr.Withdrawn[0] != out[0].Place || w.card(out[1].Place).State != register.Live {
		t.Fatalf("%+v", rr)
	}
	w.sound()
	// Back again: withdrawn is revoked, and restoring it brings the card back in its own place.
	back := household(t, "A1", 4, 0)
	w.put(back)
	if r, _ = w.issue(IssueRequest{All: true, PerPerson: true}); r.Withheld != 1 || r.Existing != 3 || r.Issued != 0 {
		t.Fatalf("%+v", r)
	}
	must(w.set(status.Restored, "2027-01-01", Target{Place: out[0].Place}))(t)
	if r, _ = w.issue(IssueRequest{All: true, PerPerson: true}); r.Existing != 4 {
		t.Fatalf("%+v", r)
	}
	w.sound()
}

// TestManyCameAndWent: numbers in the register are twelve; who left must be withdrawn before they are given again.
func TestManyCameAndWent(t *testing.T) {
	w := newWorld(t)
	names := "ABCDEFGHIJKLMNOPQRSTUVWX"
	people := func(from int) {
		c := household(t, "A1", 12, 0)
		for i := range c.Beneficiaries {
			c.Beneficiaries[i].Prenom = names[from+i : from+i+1]
		}
		w.put(c)
	}
	people(0)
	w.issue(IssueRequest{All: true, PerPerson: true})
	people(12)
	r, _ := w.issue(IssueRequest{All: true, PerPerson: true})
	if r.Issued != 0 || len(r.NotIssued) != 12 || !errors.Is(r.NotIssued[3].Err, ErrState) || len(r.Outdated) != 12 {
		t.Fatalf("%+v", r)
	}
	w.reprint(ReprintRequest{Changed: true})
	if r, _ = w.issue(IssueRequest{All: true, PerPerson: true}); r.Issued != 12 || len(r.Outdated) != 0 {
		t.Fatalf("%+v", r)
	}
	w.sound()
}

// TestOtherFormRevoked: a revoked household gets no cards per person, nor the other way round.
func TestOtherFormRevoked(t *testing.T) {
	for _, perPerson := range []bool{false, true} {
		w := newWorld(t)
		w.put(household(t, "A1", 2, 0))
		_, out := w.issue(IssueRequest{All: true, PerPerson: perPerson})
		for _, o := range out {
			must(w.set(status.Void, "2027-03-01", Target{Place: o.Place}))(t)
		}
		r, _ := w.issue(IssueRequest{All: true, PerPerson: !perPerson})
		if want := 3 - len(out); r.Issued != 0 || r.Withheld != want || r.OtherForm != 0 {
			t.Errorf("per person %v: %+v, want %d withheld", perPerson, r, want)
		}
		w.sound()
	}
}

// TestFsckPeople: two standing cards of one person under two numbers, and cards of both forms.
func TestFsckPeople(t *testing.T) {
	w := newWorld(t)
	w.put(household(t, "A1", 2, 0))
	_, out := w.issue(IssueRequest{All: true, PerPerson: true})
	second := func(slot, person int) {
		k := w.card(out[0].Place)
		c := household(t, "A1", 2, 0)
		r := &run{issuer: w.issuer, keys: w.issuer.keyCache(), at: w.clock.Add(1), emit: func(Issued) error { return nil }}
		cards, _, err := r.begin(context.Background(), func(tx register.Tx) ([]job, error) {
			row, err := tx.Contract(k.Contract)
			return []job{{contract: row, facts: c, person: person, slot: slot}}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		must(r.finish(context.Background(), cards))(t)
	}
	w.sound()
	second(5, 0)
	if got := w.codes(); got[FoundCardTwice] != 1 || len(got) != 1 {
		t.Errorf("one person twice: %v", got)
	}
	second(register.Household, register.Household)
	if got := w.codes(); got[FoundCardForms] == 0 || got[FoundCardTwice] != 1 {
		t.Errorf("both forms: %v", got)
	}
}
