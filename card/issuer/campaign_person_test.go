package issuer

import (
	"context"
	"slices"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// TestPlannedPeople: an import moves the people of a contract about, adds one and takes one away between the plan and the work. Each card
// is the one of whom it was planned for; who left has a cause; who came is nobody's number.
func TestPlannedPeople(t *testing.T) {
	w := newWorld(t)
	c := household(t, "A000001", 3, 0)
	w.put(c)
	spec := year2027("each")
	spec.PerPerson = true
	done := w.plan(spec)
	planned := map[string]int64{}
	for _, it := range w.items(done.ID) {
		planned[it.Who] = it.Sequence
	}
	if len(planned) != 3 {
		t.Fatalf("%d people planned", len(planned))
	}
	left, newcomer := c.Beneficiaries[1], household(t, "A000002", 5, 0).Beneficiaries[4]
	c.Beneficiaries = []rights.Beneficiary{newcomer, c.Beneficiaries[2], c.Beneficiaries[0]}
	w.put(c)
	ctx := context.Background()
	if _, err := w.issuer.StartCampaign(ctx, operatorStaff, done.ID); err != nil {
		t.Fatal(err)
	}
	sh := must(w.issuer.OpenShard(ctx, done.ID, amc, 1, Claim{Worker: "one"}))(t)
	r := must(w.issuer.Shard(ctx, sh.Request(w.issuer.now())))(t)
	for i, it := range sh.Items {
		if it.Who == personDigest(left) {
			if r.Causes[i] != CauseGone || r.Cards[i].Place != (card.Place{}) {
				t.Errorf("number %d is of somebody who left: %q, card %s", it.Sequence, r.Causes[i], r.Cards[i].Place)
			}
			continue
		}
		if r.Causes[i] != "" {
			t.Errorf("number %d: %s", it.Sequence, r.Causes[i])
			continue
		}
		p := r.Cards[i].Claims.People[0]
		if who := personDigest(rights.Beneficiary{Nom: p.Nom, Prenom: p.Prenom, Birth: p.Birth, Rang: p.Rang}); who != it.Who {
			t.Errorf("number %d is somebody else's card", it.Sequence)
		}
	}
	if _, err := w.issuer.EndShard(ctx, sh, r); err != nil {
		t.Fatal(err)
	}
	for _, it := range w.items(done.ID) {
		if planned[it.Who] != it.Sequence {
			t.Errorf("number %d forgot whom it was planned for", it.Sequence)
		}
	}
	w.view(func(tx register.Tx) error {
		cards, err := tx.CardsOf(register.ContractKey{Insurer: amc, Adherent: "A000001"})
		if len(cards) != 2 {
			t.Errorf("%d cards", len(cards))
		}
		if slices.ContainsFunc(cards, func(k register.Card) bool {
			who, _ := bearer(k)
			return who == identity(newcomer.Nom, newcomer.Prenom, newcomer.Birth, newcomer.Rang)
		}) {
			t.Error("a card of somebody who was not planned")
		}
		return err
	})
}
