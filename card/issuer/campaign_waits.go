// Whether anything of a campaign is left to do for anybody.

package issuer

import (
	"context"
	"errors"

	"sceau/card/register"
)

// GivenUp is how many pieces of work wait for ResumeCampaign, because they failed too often.
func (c *Campaign) GivenUp() int {
	n := 0
	for _, p := range c.Parts {
		n += len(p.Failed)
	}
	return n
}

// errWaits ends the walk over campaigns.
var errWaits = errors.New("it waits")

// CampaignWaits says whether a started campaign, or with "" any, has work left that was not given up: work that a worker has in hand
// counts, so that false means nobody will do any more of it until somebody resumes it.
func (s *Issuer) CampaignWaits(ctx context.Context, id string) (bool, error) {
	err := s.Store.View(ctx, func(tx register.Tx) error {
		look := func(d register.Document, c storedCampaign) error {
			if c.State != CampaignStarted {
				return nil
			}
			for _, key := range c.Insurers {
				_, p, err := campaignPart(tx, d.ID, key)
				if err != nil {
					return err
				}
				if len(p.waiting(nil, 1, d.ID, c.Spec, nil)) > 0 {
					return errWaits
				}
			}
			return nil
		}
		if id == "" {
			return eachCampaign(tx, register.AnyOwner, look)
		}
		d, c, err := campaign(tx, id)
		if err != nil {
			return err
		}
		return look(d, c)
	})
	if errors.Is(err, errWaits) {
		return true, nil
	}
	return false, err
}
