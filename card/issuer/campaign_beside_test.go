package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
)

// TestBeside: two campaigns that would print the same cards, and those that don't.
func TestBeside(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(4)
	first := w.plan(year2027("première"))
	with := func(edit func(s *CampaignSpec)) CampaignSpec { s := year2027("seconde"); edit(&s); return s }
	for name, c := range map[string]struct {
		spec   CampaignSpec
		beside bool
	}{
		"same days":   {with(func(*CampaignSpec) {}), true},
		"any day":     {with(func(s *CampaignSpec) { s.First, s.Last = 0, 0 }), true},
		"open end":    {with(func(s *CampaignSpec) { s.First, s.Last = calendarDay("2027-12-31"), 0 }), true},
		"open begin":  {with(func(s *CampaignSpec) { s.First, s.Last = 0, calendarDay("2027-01-01") }), true},
		"renewal":     {with(func(s *CampaignSpec) { s.Renewal = calendarDay("2027-01-01") }), true},
		"per person":  {with(func(s *CampaignSpec) { s.PerPerson = true }), true},
		"another day": {with(func(s *CampaignSpec) { s.First, s.Last = calendarDay("2026-01-01"), calendarDay("2026-12-31") }), false},
		"existing":    {with(func(s *CampaignSpec) { s.Existing = true }), false},
		"named":       {with(func(s *CampaignSpec) { s.Beside = []string{first.ID} }), false},
	} {
		c.spec.Name = name
		_, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, c.spec, nil, nil)
		var there *CampaignBeside
		if errors.As(err, &there) != c.beside || c.beside && (!errors.Is(err, ErrBeside) || there.ID != first.ID || there.State != CampaignPlanned) {
			t.Errorf("%s: %v", name, err)
		}
		if c.beside {
			continue
		}
		if err != nil && !errors.As(err, new(*NothingToMake)) {
			t.Errorf("%s: %v", name, err)
		}
		for _, id := range w.besides() {
			if id != first.ID {
				must(w.issuer.CancelCampaign(t.Context(), operatorStaff, id))(t)
			}
		}
	}
	unknown := with(func(s *CampaignSpec) { s.Beside = []string{"261201-zzzz"} })
	if _, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, unknown, nil, nil); !errors.Is(err, ErrUnknownCampaign) {
		t.Errorf("beside none: %v", err)
	}
	for _, state := range []CampaignState{CampaignPlanning, CampaignStarted, CampaignPaused, CampaignCancelled, CampaignDone} {
		w.update(func(tx register.Tx) error {
			d, v, err := campaign(tx, first.ID)
			v.State = state
			return errors.Join(err, writeDocument(tx, d, v))
		})
		c, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, with(func(s *CampaignSpec) { s.Name = string(state) }), nil, nil)
		if err == nil {
			must(w.issuer.CancelCampaign(t.Context(), operatorStaff, c.ID))(t)
		}
		if errors.Is(err, ErrBeside) == state.Over() {
			t.Errorf("beside one that is %s: %v", state, err)
		}
	}
}

// TestBesideOfAnother: an insurer learns of no other's campaign: not by its refusals, not by naming one, and not from what the operator's
// stands beside.
func TestBesideOfAnother(t *testing.T) {
	w := newWorld(t)
	if err := w.issuer.AddInsurer(t.Context(), facts(amc2)); err != nil {
		t.Fatal(err)
	}
	w.seedAddressed(3)
	theirs := household(t, "B1", 1, 0)
	theirs.Insurer = amc2
	w.put(theirs)
	a, b := Staff{Actor: "a", Insurer: amc}, Staff{Actor: "b", Insurer: amc2}
	ofB := must(w.issuer.CreateCampaign(t.Context(), b, year2027("de B"), nil, nil))(t)
	ofA := must(w.issuer.CreateCampaign(t.Context(), a, year2027("de A"), nil, nil))(t) // nothing is in its way
	ask := func(who Staff, beside ...string) (created, dry error) {
		spec := year2027("seconde")
		spec.Beside = beside
		c, err := w.issuer.CreateCampaign(t.Context(), who, spec, nil, nil)
		if err == nil {
			must(w.issuer.CancelCampaign(t.Context(), who, c.ID))(t)
		}
		return err, errOf(w.issuer.EstimateCampaign(t.Context(), who, spec, nil))
	}
	for _, id := range []string{ofB.ID, "261201-zzzz", ofB.ID + "/" + amc2, "", "../x"} {
		for _, beside := range [][]string{{id}, {ofA.ID, id}, {id, ofA.ID}} {
			created, dry := ask(a, beside...)
			for _, err := range []error{created, dry} {
				if !errors.Is(err, ErrUnknownCampaign) || err.Error() != fmt.Sprintf("%v: %q", ErrUnknownBeside, id) {
					t.Errorf("A beside %q: %v", beside, err)
				}
			}
		}
	}
	// Who prints live cards again needs no leave of others, and learns of none all the same.
	again := year2027("encore")
	again.Existing, again.Beside = true, []string{ofB.ID}
	if _, err := w.issuer.CreateCampaign(t.Context(), a, again, nil, nil); !errors.Is(err, ErrUnknownBeside) {
		t.Errorf("%v", err)
	}
	if created, dry := ask(a, ofA.ID); created != nil || dry != nil {
		t.Errorf("beside its own: %v, %v", created, dry)
	}
	if created, dry := ask(operatorStaff, ofA.ID, ofB.ID); created != nil || dry != nil {
		t.Errorf("the operator: %v, %v", created, dry)
	}
	w.clock = w.clock.Add(time.Second) // the newest is the first of a list
	all := year2027("Toutes")
	all.Beside = []string{ofA.ID, ofB.ID}
	of := must(w.issuer.CreateCampaign(t.Context(), operatorStaff, all, nil, nil))(t)
	for who, want := range map[string][]string{"": {ofA.ID, ofB.ID}, amc: {ofA.ID}, amc2: {ofB.ID}} {
		seen := must(w.issuer.CampaignOf(t.Context(), Staff{Insurer: who}, of.ID))(t)
		listed := must(w.issuer.Campaigns(t.Context(), Staff{Insurer: who}, "", 1))(t)
		if !slices.Equal(seen.Spec.Beside, want) || listed[0].ID != of.ID || !slices.Equal(listed[0].Spec.Beside, want) {
			t.Errorf("%q sees that it stands beside %v, not %v", who, seen.Spec.Beside, want)
		}
	}
}

// TestEstimateRefusals: a dry run says what create says, of every campaign that is in the way, and writes nothing.
func TestEstimateRefusals(t *testing.T) {
	w := newWorld(t)
	if err := w.issuer.AddInsurer(t.Context(), facts(amc2)); err != nil {
		t.Fatal(err)
	}
	w.seedAddressed(4)
	theirs := household(t, "B1", 1, 0)
	theirs.Insurer = amc2
	w.put(theirs)
	a, b := Staff{Actor: "a", Insurer: amc}, Staff{Actor: "b", Insurer: amc2}
	first := must(w.issuer.CreateCampaign(t.Context(), a, year2027("première"), nil, nil))(t)
	both := year2027("les deux")
	both.Beside = []string{first.ID}
	second := must(w.issuer.CreateCampaign(t.Context(), operatorStaff, both, nil, nil))(t)
	ofB := must(w.issuer.CreateCampaign(t.Context(), b, func() CampaignSpec { s := year2027("de B"); s.Beside = []string{second.ID}; return s }(), nil, nil))(t)
	with := func(edit func(s *CampaignSpec)) CampaignSpec { s := year2027("autre"); edit(&s); return s }
	for name, c := range map[string]struct {
		who  Staff
		spec CampaignSpec
		want []string
	}{
		"two":        {a, year2027("autre"), []string{first.ID, second.ID}},
		"of B":       {b, year2027("autre"), []string{second.ID, ofB.ID}},
		"operator's": {operatorStaff, year2027("autre"), []string{first.ID, second.ID, ofB.ID}},
		"one named":  {a, with(func(s *CampaignSpec) { s.Beside = []string{second.ID} }), []string{first.ID}},
		"both named": {a, with(func(s *CampaignSpec) { s.Beside = []string{second.ID, first.ID} }), nil},
		"existing":   {a, with(func(s *CampaignSpec) { s.Existing = true }), nil},
		"name":       {a, with(func(s *CampaignSpec) { s.Name, s.PerPerson = "première", true }), []string{first.ID, first.ID, second.ID}},
		"same words": {a, year2027("première"), nil},
		"empty":      {a, with(func(s *CampaignSpec) { s.First, s.Last = calendarDay("2028-01-01"), calendarDay("2028-12-31") }), []string{"nothing"}},
	} {
		store := &brokenStore{Store: w.issuer.Store, at: -1}
		before := *w.issuer
		before.Store = store
		e := must(before.EstimateCampaign(t.Context(), c.who, c.spec, nil))(t)
		if store.seen != 0 {
			t.Errorf("%s: a dry run wrote %d times", name, store.seen)
		}
		var got []string
		for _, err := range e.Refusals {
			var there *CampaignExists
			var beside *CampaignBeside
			switch {
			case errors.As(err, &there):
				got = append(got, there.ID)
			case errors.As(err, &beside) && beside.State == CampaignPlanned:
				got = append(got, beside.ID)
			case errors.As(err, new(*NothingToMake)):
				got = append(got, "nothing")
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, e.Refusals, c.want)
		}
		// And create agrees.
		made, err := w.issuer.CreateCampaign(t.Context(), c.who, c.spec, nil, nil)
		if err == nil {
			must(w.issuer.CancelCampaign(t.Context(), c.who, made.ID))(t)
		}
		var there *CampaignExists
		if same := errors.As(err, &there) && there.Same; len(c.want) > 0 && (same || err == nil || err.Error() != e.Refusals[0].Error()) || len(c.want) == 0 && err != nil && !same {
			t.Errorf("%s: the dry run said %v, create says %v", name, e.Refusals, err)
		}
	}
}

// TestNothingToMake: a campaign without a card is refused, with the causes. Its counts alone stay, for a day, for whoever was told its id.
func TestNothingToMake(t *testing.T) {
	w := newWorld(t)
	var nothing *NothingToMake
	if _, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Rien"), nil, nil); !errors.As(err, &nothing) || !errors.Is(err, ErrCampaignSpec) {
		t.Fatalf("%v", err)
	}
	w.clock = w.clock.Add(emptyKept + time.Second)
	w.seedAddressed(4)
	later := year2027("Rien")
	later.First, later.Last, later.PerPerson = calendarDay("2028-01-01"), calendarDay("2028-12-31"), true
	told := must(w.issuer.BeginCampaign(t.Context(), operatorStaff, later, nil))(t)
	_, err := w.issuer.PlanCampaign(t.Context(), operatorStaff, told.ID, later, nil)
	if !errors.As(err, &nothing) || nothing.LeftOut[CauseOther] != 4 || nothing.Contracts != 4 {
		t.Fatalf("%v", err)
	}
	noPerson(t, "the error", err.Error())
	// The first is forgotten by now, and of the second its counts are there.
	if n, parts := w.documents(kindCampaign), w.documents(kindPart); n != 1 || parts != 1 {
		t.Errorf("%d campaigns and %d parts are stored", n, parts)
	}
	if n := w.documents(kindLease) + w.documents(kindFrozen) + w.documents(kindSort) + w.documents(kindLeft) + w.documents(kindShard); n != 0 {
		t.Errorf("%d other documents are stored", n)
	}
	c := must(w.issuer.CampaignOf(t.Context(), operatorStaff, told.ID))(t)
	if c.State != CampaignEmpty || !c.State.Over() || c.Total().LeftOut[CauseOther] != 4 || c.Total().Contracts != 4 || c.Total().Cards != 0 {
		t.Errorf("%+v", c)
	}
	if all := must(w.issuer.Campaigns(t.Context(), operatorStaff, "", 10))(t); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	if again, err := w.issuer.PlanCampaign(t.Context(), operatorStaff, told.ID, later, nil); !errors.As(err, &nothing) || nothing.LeftOut[CauseOther] != 4 {
		t.Errorf("planned again: %+v, %v", again, err)
	}
	for name, act := range map[string]func(context.Context, Staff, string) (*Campaign, error){"start": w.issuer.StartCampaign, "pause": w.issuer.PauseCampaign, "resume": w.issuer.ResumeCampaign, "cancel": w.issuer.CancelCampaign} {
		if _, err := act(t.Context(), operatorStaff, told.ID); !errors.Is(err, ErrCampaignState) || !strings.Contains(err.Error(), told.ID+" is empty") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.issuer.OpenShard(t.Context(), told.ID, amc, 1, Claim{Worker: "w"}); err == nil {
		t.Error("it has a shard")
	}
	if _, err := w.issuer.CampaignOf(t.Context(), Staff{Insurer: amc2}, told.ID); !errors.Is(err, ErrUnknownCampaign) {
		t.Errorf("another tenant: %v", err)
	}
	// Nor is it in anybody's way: its name is free, and so are its days.
	must(w.issuer.CancelCampaign(t.Context(), operatorStaff, w.plan(year2027("Rien")).ID))(t)
	if must(w.issuer.CampaignOf(t.Context(), operatorStaff, told.ID))(t); w.documents(kindCampaign) != 2 {
		t.Error("its counts are gone before their day is over")
	}
	// Pages need not agree with the state: what the one before ended with may have come to nothing since.
	if _, err := w.issuer.Campaigns(t.Context(), operatorStaff, told.ID, 10); err != nil {
		t.Errorf("listed behind it: %v", err)
	}
	if _, err := w.issuer.Campaigns(t.Context(), Staff{Insurer: amc2}, told.ID, 10); !errors.Is(err, ErrUnknownCampaign) {
		t.Errorf("another tenant lists behind it: %v", err)
	}
	if _, err := w.issuer.Frozen(t.Context(), told.ID, amc); !errors.Is(err, ErrCampaignState) {
		t.Errorf("what it is printed with: %v", err)
	}
	w.clock = w.clock.Add(emptyKept + time.Second)
	if _, err := w.issuer.CampaignOf(t.Context(), operatorStaff, told.ID); !errors.Is(err, ErrUnknownCampaign) {
		t.Errorf("a day later, before any other campaign: %v", err)
	}
	w.plan(year2027("Suivante"))
	if n := w.documents(kindCampaign); n != 2 {
		t.Errorf("a day later %d campaigns are stored", n)
	}
}

// TestEstimateMade: a dry run in the words of a campaign that has made its cards is told nothing: create would return that one.
func TestEstimateMade(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(3)
	c := w.plan(year2027("Campagne"))
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	sh := must(w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: "w"}))(t)
	must(w.issuer.EndShard(t.Context(), sh, must(w.issuer.Shard(t.Context(), sh.Request(w.clock)))(t)))(t)
	e := must(w.issuer.EstimateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil))(t)
	if e.Total().LeftOut[CauseExisting] != 3 || len(e.Refusals) != 0 {
		t.Errorf("%+v, %v", e.Total(), e.Refusals)
	}
	_, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil, nil)
	if there := new(CampaignExists); !errors.As(err, &there) || !there.Same {
		t.Errorf("%v", err)
	}
}

// TestOtherPeriod: a contract that moved to the next year between the plan and its shard gets no card, and the part says why.
func TestOtherPeriod(t *testing.T) {
	w := newWorld(t)
	keys := w.seedAddressed(3)
	spec := year2027("Campagne")
	c := w.plan(spec)
	moved := must(w.contract(keys[0]).Rights())(t)
	moved.From, moved.To = calendarDay("2028-01-01"), calendarDay("2028-12-31")
	w.put(moved)
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	sh := must(w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: "w"}))(t)
	r := must(w.issuer.Shard(t.Context(), sh.Request(w.clock)))(t)
	for i, it := range sh.Items {
		if want := it.Contract == keys[0]; (r.Causes[i] == CauseOther) != want || (r.Cards[i].CodeText == "") != want {
			t.Errorf("number %d: cause %q", it.Sequence, r.Causes[i])
		}
	}
	must(w.issuer.EndShard(t.Context(), sh, r))(t)
	if p := must(w.issuer.CampaignOf(t.Context(), operatorStaff, c.ID))(t).Parts[0]; p.Made != 2 || p.Issued != 2 || p.Rejects[CauseOther] != 1 {
		t.Errorf("%+v", p)
	}
	w.update(func(tx register.Tx) error {
		cards, err := cardsOf(tx, keys[:1])
		if n := len(cards[keys[0]]); n != 0 {
			t.Errorf("%d cards were issued for another year", n)
		}
		return err
	})
}
