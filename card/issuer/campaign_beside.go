// Two campaigns over the same contracts: neither knows what the other plans, and both would print each card.

package issuer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"sceau/card/register"
	"sceau/rights"
)

// CampaignBeside is ErrBeside with the campaign that is there.
type CampaignBeside struct {
	ID    string
	State CampaignState
}

func (e *CampaignBeside) Error() string { return fmt.Sprintf("%v: %s, %s", ErrBeside, e.ID, e.State) }
func (e *CampaignBeside) Unwrap() error { return ErrBeside }

// noneBeside refuses a campaign that would print what another, which is not over, prints too. Those that print live cards again do so
// on purpose, and whoever names the other knows of it. The contracts that a campaign was given one by one are not kept: only
// periods can be compared.
func noneBeside(tx register.Tx, a *asked) error {
	there, err := besides(tx, a)
	if err != nil || len(there) == 0 {
		return err
	}
	return &there[0]
}

// besides are all campaigns for which noneBeside refuses. Each has a part of an insurer that is asked for, so the asker may know it.
func besides(tx register.Tx, a *asked) ([]CampaignBeside, error) {
	for _, id := range a.spec.Beside {
		if err := known(tx, a.tenant, id); err != nil {
			return nil, err
		}
	}
	if a.spec.Existing {
		return nil, nil
	}
	var there []CampaignBeside
	first, last := endless(a.spec.Period())
	err := eachCampaign(tx, register.AnyOwner, func(d register.Document, c storedCampaign) error {
		if c.State.Over() || c.Spec.Existing || slices.Contains(a.spec.Beside, d.ID) {
			return nil
		}
		if !slices.ContainsFunc(c.Insurers, func(key string) bool { return slices.Contains(a.insurers, key) }) {
			return nil
		}
		if from, to := endless(c.Spec.Period()); overlap(first, last, from, to) {
			there = append(there, CampaignBeside{ID: d.ID, State: c.State})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return there, nil
}

// known refuses a campaign that a tenant ("" for the operator) has no part in as it refuses one that is not there: nobody finds out
// by asking which campaigns others have.
func known(tx register.Tx, tenant, id string) error {
	_, c, err := campaign(tx, id)
	if errors.Is(err, ErrUnknownCampaign) || err == nil && tenant != "" && !slices.Contains(c.Insurers, tenant) {
		return fmt.Errorf("%w: %.40q", ErrUnknownBeside, id)
	}
	return err
}

// endless makes a period without a last day end on the last day there is.
func endless(first, last rights.Date) (rights.Date, rights.Date) {
	return first, cmp.Or(last, rights.LastDay)
}
