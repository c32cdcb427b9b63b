// Work in hand: how much of a campaign workers have, and whether they still answer.

package issuer

import (
	"context"
	"strings"
	"time"

	"sceau/card/register"
)

// CampaignHeld is the work of a campaign that workers have in hand: shards, files and manifests.
type CampaignHeld struct {
	Pieces int       // that hold at the time of the look
	Until  time.Time // when the last of them may be taken over by another worker, unless it is done before
	Since  time.Time // when the youngest of them was taken
	Length time.Duration
	Cards  int64 // at most, of all pieces
}

// Idle says that nobody has anything in hand.
func (h CampaignHeld) Idle() bool { return h.Pieces == 0 }

// leastAnswer is how long a worker is waited for before it is said not to answer, however fast the campaign is.
const leastAnswer = 15 * time.Second

// Silent says that whoever has the work in hand does not answer: the youngest piece was taken thrice as long ago as all of them need
// at this rate (cards a second; 0: unknown, and half of its time is gone). It is said to people alone: the lease decides.
func (h CampaignHeld) Silent(now time.Time, rate float64) bool {
	if h.Pieces == 0 || h.Since.IsZero() {
		return false
	}
	patience := h.Length / 2
	if rate > 0 {
		patience = min(patience, time.Duration(3*float64(h.Cards)/rate*float64(time.Second)))
	}
	return now.Sub(h.Since) > max(patience, leastAnswer)
}

// CampaignHeld looks at the work in hand of a campaign that the caller may see; a worker's own, of that name, is left out.
func (s *Issuer) CampaignHeld(ctx context.Context, id, except string) (CampaignHeld, error) {
	var out CampaignHeld
	err := s.Store.View(ctx, func(tx register.Tx) error {
		out = CampaignHeld{}
		_, c, err := campaign(tx, id)
		if err != nil {
			return err
		}
		now := s.now()
		return eachLease(tx, id, func(name string, l storedLease) {
			if l.Worker == except || !now.Before(l.Until) {
				return
			}
			out.Pieces++
			if l.Until.After(out.Until) {
				out.Until = l.Until
			}
			if !l.Since.Before(out.Since) {
				out.Since, out.Length = l.Since, l.Until.Sub(l.Since)
			}
			if size := c.Spec.ShardSize; strings.HasPrefix(name[strings.LastIndexByte(name, '/')+1:], leaseShard) {
				out.Cards += int64(size)
			} else {
				out.Cards += int64(c.Spec.FileSize)
			}
		})
	})
	if err != nil {
		return CampaignHeld{}, err
	}
	return out, nil
}

// eachLease reads the leases of a campaign's work, those too that have run out.
func eachLease(tx register.Tx, id string, fn func(name string, l storedLease)) error {
	for after := id + "/"; ; {
		docs, err := tx.DocumentsAfter(kindLease, register.AnyOwner, after, 500)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if !strings.HasPrefix(d.ID, id+"/") {
				return nil
			}
			var l storedLease
			if _, err := readDocument(tx, kindLease, "*", d.ID, &l); err != nil {
				return err
			}
			fn(d.ID, l)
			after = d.ID
		}
		if len(docs) < 500 {
			return nil
		}
	}
}
