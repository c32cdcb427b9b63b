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
	Places  []card.Place // these cards, live
	Changed bool         // every live card that its contract has outgrown
	// Contracts narrows what is done beside Places: Changed looks at these alone, and only what was begun for these is
	// finished. None means every contract.
	Contracts []register.ContractKey
	From      rights.Date // first day on which the old card no longer holds; 0 means today
	At        time.Time   // the claim iat; zero means now
	// Begun is called in the transaction that reserves the new cards of Places, with their places in the order of the jobs:
	// whoever remembers them there finds what was done after a crash, and prints nothing twice.
	Begun func(tx register.Tx, made []card.Place) error
}

// ReprintReport counts cards.
type ReprintReport struct {
	Issued    int
	Resumed   int          // see IssueReport
	Withdrawn []card.Place // made void: the contract has no such person any more, or is over
	Suspended []card.Place // outdated and left alone: restore them, then reprint
	NotIssued []NotIssued  // the old card stands
	Stuck     []Unfinished // see IssueReport
}

// Reprint makes new cards and, in the transaction that makes them live, marks the old ones replaced. Cards named by Places
// are all checked before the first is made: ErrUnknownCard, or ErrState for one that is not the newest of its bearer and
// period, or that is not live: no new card lifts a suspension or a revocation, only SetStatus does. Unlike Issue it is not idempotent for Places: called
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
	r := &run{issuer: s, keys: s.keyCache(), at: at.Truncate(time.Second), fixed: !req.At.IsZero(), emit: emit}
	var resumed IssueReport
	err := r.resume(ctx, IssueRequest{Contracts: req.Contracts}.resumed(), &resumed)
	report.Resumed, report.Stuck = resumed.Resumed, resumed.Stuck
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
		r.begun = req.Begun
		err := step(func(tx register.Tx) ([]job, error) { return planReprint(tx, req.Places, from, rights.DateAt(r.at)) })
		r.begun = nil
		if err != nil {
			return report, err
		}
	}
	if !req.Changed {
		return report, nil
	}
	err = s.eachContract(ctx, len(req.Contracts) == 0, req.Contracts, func(batch func(register.Tx) ([]register.Contract, error)) error {
		var done changes
		err := step(func(tx register.Tx) ([]job, error) {
			contracts, err := batch(tx)
			if err != nil {
				return nil, err
			}
			cards, err := cardsOfContracts(tx, contracts)
			if err != nil {
				return nil, err
			}
			for _, c := range contracts {
				if err := r.planChanged(tx, c, cards[c.Key], from, &done); err != nil {
					return nil, err
				}
			}
			if n := len(done.withdrawn); n > 0 {
				err = s.audit(tx, "reprint.withdraw", map[string]int{"cards": n})
			}
			return done.jobs, err
		})
		if err == nil {
			report.Withdrawn = append(report.Withdrawn, done.withdrawn...)
			report.Suspended = append(report.Suspended, done.suspended...)
		}
		return err
	})
	return report, err
}

func planReprint(tx register.Tx, places []card.Place, from, today rights.Date) ([]job, error) {
	rows, err := cardsAt(tx, places)
	if err != nil {
		return nil, err
	}
	var keys []register.ContractKey
	for _, p := range places {
		if k, ok := rows[p]; ok {
			keys = append(keys, k.Contract)
		}
	}
	keys = unique(keys)
	contracts, err := contractsNamed(tx, keys)
	if err != nil {
		return nil, err
	}
	all, err := cardsOf(tx, keys)
	if err != nil {
		return nil, err
	}
	var jobs []job
	seen := map[card.Place]bool{}
	for _, p := range places {
		if seen[p] {
			continue
		}
		seen[p] = true
		k, ok := rows[p]
		if !ok {
			return nil, unknownCard(p)
		}
		c, ok := contracts[k.Contract]
		if !ok {
			return nil, register.ErrNotFound
		}
		facts, err := c.Rights()
		if err != nil {
			return nil, err
		}
		h, err := hold(all[k.Contract], c, facts)
		if err != nil {
			return nil, err
		}
		current, person, err := h.current(k, facts)
		if err != nil {
			return nil, err
		}
		switch {
		case k.State == register.Replaced:
			return nil, fmt.Errorf("%w: card %s is replaced", ErrState, p)
		case k.State == register.Intent:
			return nil, fmt.Errorf("%w: card %s is not finished", ErrState, p)
		case !overlap(k.From, k.To, c.From, c.To):
			return nil, fmt.Errorf("%w: card %s belongs to a period that is over", ErrState, p)
		case current.State == register.Intent && current.Replaces == p:
			return nil, unfinishedReprint(p)
		case current.Place != p:
			return nil, fmt.Errorf("%w: card %s has a successor, %s", ErrState, p, current.Place)
		case k.State == register.Void:
			return nil, fmt.Errorf("%w: card %s is revoked; restore it first, or it needs a new contract", ErrState, p)
		case k.State == register.Suspended:
			return nil, fmt.Errorf("%w: card %s is suspended; restore it first", ErrState, p)
		case k.Person != register.Household && person < 0:
			return nil, fmt.Errorf("%w: card %s is of a person who left the contract", ErrState, p)
		case lastDay(facts, person) < today:
			return nil, fmt.Errorf("%w: the rights of card %s are over", ErrState, p)
		}
		jobs = append(jobs, job{contract: c, facts: facts, person: person, slot: k.Person, replaces: p, replacedFrom: from})
	}
	return jobs, nil
}

func unfinishedReprint(p card.Place) error {
	return fmt.Errorf("%w: card %s: a reprint of this card is unfinished: run issue first", ErrState, p)
}

// changes is what a Reprint of outdated cards comes to.
type changes struct {
	jobs      []job
	withdrawn []card.Place
	suspended []card.Place
}

// planChanged makes a job of each outdated card, and ends the cards of people who left and of contracts that are over.
func (r *run) planChanged(tx register.Tx, c register.Contract, cards []register.Card, from rights.Date, out *changes) error {
	if len(cards) == 0 {
		return nil
	}
	facts, err := c.Rights()
	if err != nil {
		return err
	}
	h, err := hold(cards, c, facts)
	if err != nil {
		return err
	}
	list, err := outdated(c, facts, h, rights.DateAt(r.at))
	if err != nil {
		return err
	}
	for _, o := range list {
		switch {
		case o.Gone:
			err = r.withdraw(tx, o.Place, from, "left")
			out.withdrawn = append(out.withdrawn, o.Place)
		case o.Over != 0:
			err = r.withdraw(tx, o.Place, o.Over, "ended")
			out.withdrawn = append(out.withdrawn, o.Place)
		case o.Suspended: // a new card would be a way around the suspension
			out.suspended = append(out.suspended, o.Place)
		default:
			out.jobs = append(out.jobs, job{contract: c, facts: facts, person: o.position, slot: o.Person, replaces: o.Place, replacedFrom: from})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// withdraw makes a standing card void.
func (r *run) withdraw(tx register.Tx, p card.Place, from rights.Date, class string) error {
	k, err := tx.Card(p)
	if err != nil {
		return err
	}
	_, err = tx.AddEvent(register.Event{Place: p, Kind: status.Void, From: from, Class: class, Actor: r.issuer.Actor, At: r.issuer.now()})
	if err != nil {
		return err
	}
	return tx.SetCardState(p, k.State, register.Void)
}
