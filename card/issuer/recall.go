// Recall: cards of the register as they were issued, whatever became of them since, to print them again.

package issuer

import (
	"context"
	"fmt"

	"sceau/card"
	"sceau/card/register"
)

// Recalled is a card that was issued, with its present state.
type Recalled struct {
	Issued
	State register.State
}

// Recall returns cards as they were issued, each verified under its published key, in the order of places. Nothing is signed and
// nothing changes. ErrUnknownCard; ErrDamaged for one that was never signed.
func (s *Issuer) Recall(ctx context.Context, places []card.Place) ([]Recalled, error) {
	keys, err := s.cardKeys(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Recalled, len(places))
	for from := 0; from < len(places); from += register.MaxBatch {
		some := places[from:min(from+register.MaxBatch, len(places))]
		var found map[card.Place]register.Card
		err := s.Store.View(ctx, func(tx register.Tx) (err error) { found, err = tx.CardsAt(some); return err })
		if err != nil {
			return nil, err
		}
		err = parallel(len(some), func(i int) error {
			k, known := found[some[i]]
			if !known {
				return fmt.Errorf("%w: %s", ErrUnknownCard, some[i])
			}
			c, err := reopen(k, keys)
			if err != nil {
				return err
			}
			out[from+i] = Recalled{c, k.State}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rerunAct is what the audit chain says of spoiled sheets that were made again. It names no person.
type rerunAct struct {
	Campaign string `json:"campaign"`
	Insurer  string `json:"insurer"`
	Numbers  string `json:"numbers"` // sequence numbers, as they were asked for
	Cards    int64  `json:"cards"`
	Reason   string `json:"reason"`
	Ended    bool   `json:"ended,omitempty"` // cards that ended since are printed too
}

// NoteRerun writes into the audit chain that pages of a campaign are made again, before they are.
func (s *Issuer) NoteRerun(ctx context.Context, campaign, insurer, numbers string, cards int64, reason string, ended bool) error {
	return s.Store.Update(ctx, func(tx register.Tx) error {
		return s.audit(tx, "campaign.rerun", rerunAct{campaign, insurer, numbers, cards, reason, ended})
	})
}
