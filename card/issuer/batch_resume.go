// The intents that an earlier run left, finished by this one.

package issuer

import (
	"context"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// resume finishes the intents that a crash, or another process at this very moment, left: those of the contracts named, all
// of them when only is nil. What another process finishes first is left to it: it emits. An intent that can't be finished
// (its key was retired, it is damaged) is reported and stops no other.
func (r *run) resume(ctx context.Context, only []register.ContractKey, report *IssueReport) error {
	if only == nil {
		return r.resumeOf(ctx, report, func(tx register.Tx, stuck int) ([]register.Card, error) {
			return tx.Intents(r.issuer.batch() + stuck)
		})
	}
	for part := range slices.Chunk(unique(only), r.issuer.batch()) {
		of := func(tx register.Tx, _ int) ([]register.Card, error) { return intentsOf(tx, part) }
		var some []register.Card
		// As a rule there are none: seen without keeping other writers waiting.
		err := r.issuer.Store.View(ctx, func(tx register.Tx) (err error) { some, err = of(tx, 0); return err })
		if err != nil {
			return err
		}
		if len(some) == 0 {
			continue
		}
		if err := r.resumeOf(ctx, report, of); err != nil {
			return err
		}
	}
	return nil
}

// contractOf says whose card this is.
func (s *Issuer) contractOf(ctx context.Context, p card.Place) (register.ContractKey, error) {
	var k register.Card
	err := s.Store.View(ctx, func(tx register.Tx) (err error) { k, err = knownCard(tx, p); return err })
	if err != nil {
		return register.ContractKey{}, err
	}
	return k.Contract, nil
}

// finishBegun finishes what was begun for the contract of this card, and issues nothing else.
func (s *Issuer) finishBegun(ctx context.Context, p card.Place) error {
	key, err := s.contractOf(ctx, p)
	if err != nil {
		return err
	}
	r := &run{issuer: s, keys: s.keyCache(), at: s.now().Truncate(time.Second), emit: func(Issued) error { return nil }}
	return r.resume(ctx, []register.ContractKey{key}, new(IssueReport))
}

// intentsOf returns the unfinished cards of these contracts, in their order.
func intentsOf(tx register.Tx, contracts []register.ContractKey) ([]register.Card, error) {
	cards, err := cardsOf(tx, contracts)
	if err != nil {
		return nil, err
	}
	var out []register.Card
	for _, key := range contracts {
		for _, k := range cards[key] {
			if k.State == register.Intent {
				out = append(out, k)
			}
		}
	}
	return out, nil
}

// resumeOf is resume for the intents that a reader of the register finds, which is told how many of them are stuck.
func (r *run) resumeOf(ctx context.Context, report *IssueReport, find func(register.Tx, int) ([]register.Card, error)) error {
	stuck := map[card.Place]bool{}
	for {
		var cards []*pending
		looked := 0
		err := r.issuer.Store.Update(ctx, func(tx register.Tx) error {
			intents, err := find(tx, len(stuck))
			if err != nil {
				return err
			}
			for _, c := range intents {
				if t := r.issuer.tenant; t != "" && c.Contract.Insurer != t {
					stuck[c.Place] = true // another insurer's: neither theirs to finish nor for their part of the audit chain
				}
				if stuck[c.Place] {
					continue
				}
				looked++
				i, err := insurer(tx, c.Contract.Insurer)
				if err != nil {
					return err
				}
				key, err := r.keyOf(i, c)
				if err != nil {
					stuck[c.Place] = true
					report.Stuck = append(report.Stuck, Unfinished{c.Place, err})
					continue
				}
				cards = append(cards, &pending{card: c, key: key})
			}
			if len(cards) == 0 {
				return nil
			}
			return r.log(tx, "issue.resume", cards)
		})
		if err != nil || looked == 0 {
			return err
		}
		n, err := r.finish(ctx, cards)
		report.Resumed += n
		if err != nil {
			return err
		}
		for _, p := range cards {
			if p.fault != nil {
				stuck[p.card.Place] = true
				report.Stuck = append(report.Stuck, Unfinished{p.card.Place, p.fault})
			}
		}
	}
}
