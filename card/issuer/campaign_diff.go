// DiffCampaigns: what became of the contracts between two campaigns, such as last year's and this one's.

package issuer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"sceau/card"
	"sceau/card/register"
)

// What a contract is between two periods.
const (
	DiffRenewed = "renewed" // cards in both
	DiffNew     = "new"     // in the second alone
	DiffLeft    = "left"    // in the first alone
)

// ContractDiff is one contract that has cards in either period.
type ContractDiff struct {
	Contract   register.ContractKey
	Kind       string // DiffRenewed, DiffNew or DiffLeft
	Form       bool   // of a renewed one: a card a person instead of one a household, or the other way
	People     bool   // of a renewed one: other people are on the cards
	Guarantees bool   // of a renewed one: somebody who stays has other guarantees
	Old, New   int    // cards
}

// CampaignDiff counts contracts.
type CampaignDiff struct {
	Old, New string           // campaigns
	States   [2]CampaignState // of these: one that is not done has cards to come, or never will
	Parts    []DiffPart
}

// DiffPart counts the contracts of one insurer.
type DiffPart struct {
	Insurer    string
	Renewed    int64
	New        int64
	Left       int64
	Form       int64 // of Renewed; one contract may count in several
	People     int64
	Guarantees int64
}

// Total sums the parts up.
func (d *CampaignDiff) Total() DiffPart {
	var t DiffPart
	for _, p := range d.Parts {
		t.Renewed, t.New, t.Left = t.Renewed+p.Renewed, t.New+p.New, t.Left+p.Left
		t.Form, t.People, t.Guarantees = t.Form+p.Form, t.People+p.People, t.Guarantees+p.Guarantees
	}
	return t
}

// DiffCampaigns compares the periods of two campaigns: for each contract of the insurers of either, the cards whose first day lies in
// the one and in the other. What counts is the newest card of each person that is neither void nor unfinished, whichever campaign
// or command made it. each may be nil; it is called in the order of the register. ErrNotComparable when a campaign has no
// period, or one without both ends, or when the periods overlap.
func (s *Issuer) DiffCampaigns(ctx context.Context, who Staff, old, new string, each func(ContractDiff) error) (*CampaignDiff, error) {
	out := &CampaignDiff{Old: old, New: new}
	var specs [2]CampaignSpec
	var insurers []string
	for i, id := range []string{old, new} {
		c, err := s.CampaignOf(ctx, who, id)
		if err != nil {
			return nil, err
		}
		out.States[i] = c.State
		c.Spec.First, c.Spec.Last = c.Spec.Period()
		switch {
		case c.Spec.First == 0 && c.Spec.Last == 0:
			return nil, fmt.Errorf("%w: %s has no period", ErrNotComparable, id)
		case c.Spec.First == 0:
			return nil, fmt.Errorf("%w: the period of %s has no first day, only the last day %s", ErrNotComparable, id, c.Spec.Last)
		case c.Spec.Last == 0:
			return nil, fmt.Errorf("%w: the period of %s has no last day, only the first day %s", ErrNotComparable, id, c.Spec.First)
		}
		specs[i] = c.Spec
		for _, p := range c.Parts {
			insurers = append(insurers, p.Insurer)
		}
	}
	if overlap(specs[0].First, specs[0].Last, specs[1].First, specs[1].Last) {
		return nil, fmt.Errorf("%w: the periods of %s, %s to %s, and of %s, %s to %s, overlap", ErrNotComparable,
			old, specs[0].First, specs[0].Last, new, specs[1].First, specs[1].Last)
	}
	slices.Sort(insurers)
	for _, key := range slices.Compact(insurers) {
		p := DiffPart{Insurer: key}
		for after, more := "", true; more; {
			var contracts []register.Contract
			var cards map[string][]register.Card
			err := s.Store.View(ctx, func(tx register.Tx) (err error) {
				if contracts, err = tx.ContractsAfter(key, after, min(s.batch(), register.MaxBatch)); err != nil || len(contracts) == 0 {
					return err
				}
				var names []string
				for _, c := range contracts {
					names = append(names, c.Key.Adherent)
				}
				cards, err = tx.CardsOfContracts(key, names)
				return err
			})
			if err != nil {
				return nil, err
			}
			if more = len(contracts) > 0; more {
				after = contracts[len(contracts)-1].Key.Adherent
			}
			diffs := make([]ContractDiff, len(contracts))
			err = parallel(len(contracts), func(i int) (err error) {
				diffs[i], err = diffContract(contracts[i].Key, cards[contracts[i].Key.Adherent], specs)
				return err
			})
			if err != nil {
				return nil, err
			}
			for _, d := range diffs {
				if d.Kind == "" {
					continue
				}
				p.count(d)
				if each == nil {
					continue
				}
				if err := each(d); err != nil {
					return nil, err
				}
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		out.Parts = append(out.Parts, p)
	}
	return out, nil
}

func (p *DiffPart) count(d ContractDiff) {
	switch d.Kind {
	case DiffRenewed:
		p.Renewed++
	case DiffNew:
		p.New++
	case DiffLeft:
		p.Left++
	}
	for _, c := range []struct {
		is bool
		n  *int64
	}{{d.Form, &p.Form}, {d.People, &p.People}, {d.Guarantees, &p.Guarantees}} {
		if c.is {
			*c.n++
		}
	}
}

// shownPeople is what the cards of one period say: the values of each person, and in which form.
type shownPeople struct {
	cards     int
	household bool
	values    map[string]map[string]string // by identity, by domain
}

func diffContract(key register.ContractKey, cards []register.Card, specs [2]CampaignSpec) (ContractDiff, error) {
	var shown [2]shownPeople
	for i, spec := range specs {
		newest := map[int]register.Card{}
		for _, k := range cards {
			if k.State != register.Intent && k.State != register.Void && k.From >= spec.First && k.From <= spec.Last {
				newest[k.Person] = k
			}
		}
		shown[i] = shownPeople{cards: len(newest), values: map[string]map[string]string{}}
		for _, person := range slices.Sorted(maps.Keys(newest)) {
			claims, err := storedClaims(newest[person])
			if err != nil {
				return ContractDiff{}, err
			}
			shown[i].household = shown[i].household || person == register.Household
			for j, p := range claims.People {
				shown[i].values[identity(p.Nom, p.Prenom, p.Birth, p.Rang)] = valuesOf(claims, j)
			}
		}
	}
	old, new := shown[0], shown[1]
	d := ContractDiff{Contract: key, Old: old.cards, New: new.cards}
	switch {
	case old.cards == 0 && new.cards == 0:
		return ContractDiff{}, nil
	case old.cards == 0:
		d.Kind = DiffNew
		return d, nil
	case new.cards == 0:
		d.Kind = DiffLeft
		return d, nil
	}
	d.Kind, d.Form = DiffRenewed, old.household != new.household
	d.People = !slices.Equal(slices.Sorted(maps.Keys(old.values)), slices.Sorted(maps.Keys(new.values)))
	for who, was := range old.values {
		if is, ok := new.values[who]; ok && !maps.Equal(was, is) {
			d.Guarantees = true
		}
	}
	return d, nil
}

// valuesOf are the guarantees of one person as text, with the words of a footnote in place of its number.
func valuesOf(c card.Claims, person int) map[string]string {
	out := map[string]string{}
	for _, domain := range c.Domains() {
		g, ok := c.Value(person, domain)
		if !ok {
			continue
		}
		note := ""
		if g.Note >= 1 && g.Note <= len(c.Notes) {
			note = c.Notes[g.Note-1]
		}
		g.Note = 0
		out[domain] = g.String() + " " + note
	}
	return out
}

// String is one line for a log: no person.
func (d *CampaignDiff) String() string {
	t := d.Total()
	return fmt.Sprintf("%d renewed, %d new, %d left", t.Renewed, t.New, t.Left)
}
