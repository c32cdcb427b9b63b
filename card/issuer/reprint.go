// Reprint: a new card for the same person and period; the old one is replaced from a day on.

package issuer

import (
	"context"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// ReprintRequest says which cards to make anew.
type ReprintRequest struct {
	Places  []card.Place // these cards, live, suspended or void
	Changed bool         // every live card that its contract has outgrown
	From    rights.Date  // first day on which the old card no longer holds; 0 means today
	At      time.Time    // the claim iat; zero means now
}

// ReprintReport counts cards.
type ReprintReport struct {
	Issued    int
	Resumed   int          // see IssueReport
	Withdrawn []card.Place // made void: the contract has no such person any more
	NotIssued []NotIssued  // the old card stands
}

// Reprint makes new cards and, in the transaction that makes them live, marks the old ones replaced. Cards named by Places
// are all checked before the first is made: ErrUnknownCard, or ErrState for one that is not the newest of its slot. A void
// card may be reprinted: the new one holds, the old one stays void. Unlike Issue it is not idempotent for Places: called
// twice it prints twice.
func (s *Issuer) Reprint(ctx context.Context, req ReprintRequest, emit func(Issued) error) (*ReprintReport, error) {
	report := new(ReprintReport)
	at := req.At
	if at.IsZero() {
		at = s.now()
	}
	from := req.From
	if from == 0 {
		from = rights.DateAt(s.now())
	}
	r := &run{issuer: s, keys: s.keyCache(), at: at.Truncate(time.Second), emit: emit}
	var resumed IssueReport
	err := r.resume(ctx, &resumed)
	report.Resumed = resumed.Resumed
	if err != nil {
		return report, err
	}
	step := func(plan func(register.Tx) ([]job, error)) error {
		cards, refused, err := r.begin(ctx, plan)
		if err != nil {
			return err
		}
		report.NotIssued = append(report.NotIssued, refused...)
		n, err := r.finish(ctx, cards)
		report.Issued += n
		return err
	}
	if len(req.Places) > 0 {
		// One transaction for all that were named: either all are fit to be reprinted or none is begun.
		err := step(func(tx register.Tx) ([]job, error) { return planReprint(tx, req.Places, from) })
		if err != nil {
			return report, err
		}
	}
	if !req.Changed {
		return report, nil
	}
	err = s.eachContract(ctx, true, nil, func(batch func(register.Tx) ([]register.Contract, error)) error {
		var gone []card.Place
		err := step(func(tx register.Tx) ([]job, error) {
			contracts, err := batch(tx)
			if err != nil {
				return nil, err
			}
			var jobs []job
			for _, c := range contracts {
				more, left, err := r.planChanged(tx, c, from)
				if err != nil {
					return nil, err
				}
				jobs, gone = append(jobs, more...), append(gone, left...)
			}
			if len(gone) > 0 {
				err = s.audit(tx, "reprint.withdraw", map[string]int{"cards": len(gone)})
			}
			return jobs, err
		})
		if err == nil {
			report.Withdrawn = append(report.Withdrawn, gone...)
		}
		return err
	})
	return report, err
}

func planReprint(tx register.Tx, places []card.Place, from rights.Date) ([]job, error) {
	var jobs []job
	seen := map[card.Place]bool{}
	for _, p := range places {
		if seen[p] {
			continue
		}
		seen[p] = true
		k, err := knownCard(tx, p)
		if err != nil {
			return nil, err
		}
		c, err := tx.Contract(k.Contract)
		if err != nil {
			return nil, err
		}
		facts, err := c.Rights()
		if err != nil {
			return nil, err
		}
		cards, err := tx.CardsOf(k.Contract)
		if err != nil {
			return nil, err
		}
		current, ok := newest(cards, c)[k.Person]
		switch {
		case k.State == register.Replaced:
			return nil, fmt.Errorf("%w: card %s is replaced", ErrState, p)
		case !ok:
			return nil, fmt.Errorf("%w: card %s belongs to a period that is over", ErrState, p)
		case current.Place != p:
			return nil, fmt.Errorf("%w: card %s has a successor, %s", ErrState, p, current.Place)
		case k.State == register.Intent:
			return nil, fmt.Errorf("%w: card %s is not finished", ErrState, p)
		case k.Person >= len(facts.Beneficiaries):
			return nil, fmt.Errorf("%w: card %s is of a person who left the contract", ErrState, p)
		}
		jobs = append(jobs, job{contract: c, facts: facts, person: k.Person, replaces: p, replacedFrom: from})
	}
	return jobs, nil
}

// planChanged makes a job of each outdated card, and ends the cards of people who left.
func (r *run) planChanged(tx register.Tx, c register.Contract, from rights.Date) ([]job, []card.Place, error) {
	cards, err := tx.CardsOf(c.Key)
	if err != nil || len(cards) == 0 {
		return nil, nil, err
	}
	facts, err := c.Rights()
	if err != nil {
		return nil, nil, err
	}
	list, err := outdated(c, facts, newest(cards, c))
	if err != nil {
		return nil, nil, err
	}
	var jobs []job
	var left []card.Place
	for _, o := range list {
		if !o.Gone {
			jobs = append(jobs, job{contract: c, facts: facts, person: o.Person, replaces: o.Place, replacedFrom: from})
			continue
		}
		k, err := tx.Card(o.Place)
		if err != nil {
			return nil, nil, err
		}
		_, err = tx.AddEvent(register.Event{Place: o.Place, Kind: status.Void, From: from, Class: "left", Actor: r.issuer.Actor, At: r.issuer.now()})
		if err != nil {
			return nil, nil, err
		}
		if err := tx.SetCardState(o.Place, k.State, register.Void); err != nil {
			return nil, nil, err
		}
		left = append(left, o.Place)
	}
	return jobs, left, nil
}
