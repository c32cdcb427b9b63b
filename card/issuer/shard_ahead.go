// Drafts made ahead of the transaction that reserves them: while a thousand cards are encoded, other writers go on.

package issuer

import (
	"context"
	"errors"

	"sceau/card"
	"sceau/card/register"
)

// drafts are encoded cards that nothing in the register knows of yet, by the slot that they are for. nil is none.
type drafts map[slotKey]*pending

type slotKey struct {
	contract register.ContractKey
	slot     int
}

func (j job) key() slotKey { return slotKey{j.contract.Key, j.slot} }

// same says whether two jobs make the same card, but for its place.
func (j job) same(o job) bool {
	return j.contract.Key == o.contract.Key && j.contract.Revision == o.contract.Revision && j.contract.Hash == o.contract.Hash &&
		j.person == o.person && j.slot == o.slot && j.replaces == o.replaces && j.replacedFrom == o.replacedFrom
}

// usable returns the draft of a job when it says what one made now would say.
func (d drafts) usable(j job, w *issuing) *pending {
	p := d[j.key()]
	if p == nil || !p.job.same(j) || p.card.KID != w.key.signer.KID() || !p.card.IssuedAt.Equal(w.at) {
		return nil
	}
	p.key = w.key
	return p
}

// checkPlaces takes out of made what can't be at its place any more: somebody took it, or the list was closed. What stays is
// counted as drawn; what goes is added to missing.
func (d drafts) checkPlaces(draw *drawer, made []*pending, missing map[string]int) error {
	var places []card.Place
	for i, p := range made {
		if p == nil {
			continue
		}
		l, err := draw.list(p.card.Contract.Insurer)
		if err != nil {
			return err
		}
		if p.card.Place.List != l.Number {
			missing[p.card.Contract.Insurer]++
			made[i] = nil
			continue
		}
		places = append(places, p.card.Place)
	}
	for part := range batches(places) {
		taken, err := draw.tx.TakenOf(part)
		if err != nil {
			return err
		}
		for i, p := range made {
			switch {
			case p == nil:
			case taken[p.card.Place]:
				missing[p.card.Contract.Insurer]++
				made[i] = nil
			}
		}
	}
	for _, p := range made {
		if p != nil {
			l := draw.lists[p.card.Contract.Insurer]
			l.Used++
			draw.lists[p.card.Contract.Insurer] = l
			draw.drawn[p.card.Place] = true
		}
	}
	return nil
}

// draftAhead encodes jobs at places that are free now. It stores nothing, and what it can't do is left to reserve.
func (r *run) draftAhead(ctx context.Context, jobs []job) (drafts, error) {
	var made []*pending
	err := r.issuer.Store.View(ctx, func(tx register.Tx) error {
		seen := map[string]bool{}
		for _, j := range jobs {
			if seen[j.contract.Key.Insurer] {
				continue
			}
			seen[j.contract.Key.Insurer] = true
			l, err := tx.OpenList(j.contract.Key.Insurer)
			if errors.Is(err, register.ErrNotFound) || err == nil && l.Used >= r.issuer.listFill() {
				return nil // a list has to be opened: reserve does
			}
			if err != nil {
				return err
			}
		}
		var err error
		made, err = r.placed(tx, jobs, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := drafts{}
	for i, fault := range prepareAll(made) {
		if fault == nil {
			out[made[i].job.key()] = made[i]
		}
	}
	return out, nil
}
