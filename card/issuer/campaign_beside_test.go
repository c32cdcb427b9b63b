package issuer

import (
	"errors"
	"testing"

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

// TestNothingToMake: a campaign without a card is refused, with the causes, and leaves nothing, also its name.
func TestNothingToMake(t *testing.T) {
	w := newWorld(t)
	var nothing *NothingToMake
	if _, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Rien"), nil, nil); !errors.As(err, &nothing) || !errors.Is(err, ErrCampaignSpec) {
		t.Fatalf("%v", err)
	}
	w.seedAddressed(4)
	later := year2027("Rien")
	later.First, later.Last = calendarDay("2028-01-01"), calendarDay("2028-12-31")
	_, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, later, nil, nil)
	if !errors.As(err, &nothing) || nothing.LeftOut[CauseOther] != 4 || nothing.Contracts != 4 {
		t.Fatalf("%v", err)
	}
	noPerson(t, "the error", err.Error())
	if n := w.documents(kindCampaign) + w.documents(kindPart) + w.documents(kindLease) + w.documents(kindFrozen) + w.documents(kindSort) + w.documents(kindLeft); n != 0 {
		t.Errorf("%d documents are stored", n)
	}
	w.plan(year2027("Rien"))
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
