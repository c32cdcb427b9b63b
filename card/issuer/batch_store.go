// Signed cards made live in the register, and what they replace replaced.

package issuer

import (
	"context"
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/signing"
)

// store makes the cards live, and what they replace replaced. A card that another process finished meanwhile is left out:
// that process emits it.
func (r *run) store(ctx context.Context, cards []*pending) ([]*pending, error) {
	if len(cards) == 0 {
		return nil, nil
	}
	var stored, ended []*pending
	var places []card.Place // of these cards and of those that they take the place of
	for _, p := range cards {
		places = append(places, p.card.Place)
		if p.card.Replaces != (card.Place{}) {
			places = append(places, p.card.Replaces)
		}
	}
	err := r.issuer.Store.Update(ctx, func(tx register.Tx) error {
		rows, err := cardsAt(tx, places)
		if err != nil {
			return err
		}
		var replaced int
		var seals []register.Seal
		ends := map[card.Place]register.Event{}
		for _, p := range cards {
			now, ok := rows[p.card.Place]
			if !ok {
				return register.ErrNotFound
			}
			if now.State != register.Intent {
				continue
			}
			parts, err := signing.SplitCompact(p.jws)
			if err != nil {
				return err
			}
			seals = append(seals, register.Seal{Place: p.card.Place, Signature: parts.Signature[:]})
			if p.card.Replaces == (card.Place{}) {
				stored = append(stored, p)
				continue
			}
			old, ok := rows[p.card.Replaces]
			if !ok {
				return register.ErrNotFound
			}
			end, n, err := r.replace(tx, p.card, old)
			if err != nil {
				return err
			}
			replaced += n
			if end != nil {
				ends[p.card.Place] = *end
				ended = append(ended, p)
				continue
			}
			stored = append(stored, p)
		}
		if err := sealCards(tx, seals); err != nil {
			return err
		}
		for _, p := range ended {
			if err := r.inherit(tx, p.card, ends[p.card.Place]); err != nil {
				return err
			}
		}
		if len(stored)+len(ended) == 0 {
			return nil
		}
		return r.issuer.audit(tx, "issue.live", struct {
			Cards    int `json:"cards"`
			Replaced int `json:"replaced"`
		}{len(stored) + len(ended), replaced})
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// replace ends the old card that a new one takes the place of, and counts it. When that card was revoked or suspended since this
// one was begun, it returns the event: it holds for both.
func (r *run) replace(tx register.Tx, c, old register.Card) (end *register.Event, replaced int, _ error) {
	if old.State == register.Void || old.State == register.Suspended {
		events, err := tx.EventsOf(old.Place)
		if err != nil {
			return nil, 0, err
		}
		if len(events) == 0 {
			return nil, 0, fmt.Errorf("%w: card %s is %s without an event", ErrDamaged, old.Place, old.State)
		}
		end = &events[len(events)-1]
	}
	if !old.State.Standing() {
		return end, 0, nil
	}
	_, err := tx.AddEvent(register.Event{
		Place: old.Place, Kind: status.Replaced, From: c.ReplacedFrom, Class: "reprint", Actor: r.issuer.Actor, At: r.issuer.now(),
	})
	if err != nil {
		return nil, 0, err
	}
	return end, 1, tx.SetCardState(old.Place, old.State, register.Replaced)
}

// inherit gives a new card the end of the one that it replaces. It is not handed to anyone.
func (r *run) inherit(tx register.Tx, c register.Card, end register.Event) error {
	state := register.Void
	if end.Kind == status.Suspended {
		state = register.Suspended
	}
	_, err := tx.AddEvent(register.Event{Place: c.Place, Kind: end.Kind, From: end.From, Class: end.Class, Actor: r.issuer.Actor, At: r.issuer.now()})
	if err != nil {
		return err
	}
	return tx.SetCardState(c.Place, register.Live, state)
}
