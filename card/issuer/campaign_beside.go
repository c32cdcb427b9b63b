// Two campaigns over the same contracts: neither knows what the other plans, and both would print each card.

package issuer

import (
	"cmp"
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
	if a.spec.Existing {
		return nil
	}
	for _, id := range a.spec.Beside {
		if _, _, err := campaign(tx, id); err != nil {
			return err
		}
	}
	first, last := endless(a.spec.Period())
	return eachCampaign(tx, register.AnyOwner, func(d register.Document, c storedCampaign) error {
		if c.State.Over() || c.Spec.Existing || slices.Contains(a.spec.Beside, d.ID) {
			return nil
		}
		if !slices.ContainsFunc(c.Insurers, func(key string) bool { return slices.Contains(a.insurers, key) }) {
			return nil
		}
		if from, to := endless(c.Spec.Period()); overlap(first, last, from, to) {
			return &CampaignBeside{ID: d.ID, State: c.State}
		}
		return nil
	})
}

// endless makes a period without a last day end on the last day there is.
func endless(first, last rights.Date) (rights.Date, rights.Date) {
	return first, cmp.Or(last, rights.LastDay)
}
