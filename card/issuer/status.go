// SetStatus: revoke, suspend or restore cards from a day on.

package issuer

import (
	"context"
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// StatusRequest says what becomes of which cards.
type StatusRequest struct {
	Kind    status.Kind // Void (revoke), Suspended or Restored
	Targets []Target
	From    rights.Date // first day on which it holds, past or future; 0 means today
	Class   string      // class of reason, at most 32 of a-z and "-"; stays in the register
	Insurer string      // when set, cards of other insurers are unknown
}

// Target is one card, or all cards of one contract that are not replaced.
type Target struct {
	Place    card.Place           // the card, or
	Contract register.ContractKey // the contract
	Line     int                  // of the file it came from, from 1; 0 when it came from elsewhere
}

// StatusChange is what was done about one card.
type StatusChange struct {
	Place    card.Place
	Before   register.State
	After    register.State
	Since    rights.Date // when nothing was done: the day since which the card is in this state already
	Recorded bool        // an event was recorded; false when it would have changed nothing
}

// StatusReport lists the cards in the order of the targets.
type StatusReport struct {
	From    rights.Date
	Changes []StatusChange
}

// Recorded counts the events that were recorded.
func (r *StatusReport) Recorded() int {
	n := 0
	for _, c := range r.Changes {
		if c.Recorded {
			n++
		}
	}
	return n
}

// SetStatus records one event for each card, in one transaction, for the next Publish. Nothing is done unless all can be:
// *TargetsError (ErrTargets) lists every target that cannot, with its cause (ErrUnknownCard, ErrUnknownContract, ErrState).
// Doing the same again records nothing. What is refused: suspending or restoring a replaced card, suspending a void card,
// restoring a card whose place in the contract another card has taken, and whatever concerns a card whose reprint is
// unfinished: the new card would not know of it. Only a reprint that can't be finished stands in no revocation's way; the
// new card inherits that, should it ever be finished.
func (s *Issuer) SetStatus(ctx context.Context, req StatusRequest) (*StatusReport, error) {
	var report *StatusReport
	err := s.Store.Update(ctx, func(tx register.Tx) (err error) {
		report, err = s.changeStatus(tx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// changeStatus is SetStatus inside a transaction, which the caller must give up when it fails.
func (s *Issuer) changeStatus(tx register.Tx, req StatusRequest) (*StatusReport, error) {
	if req.Kind != status.Void && req.Kind != status.Suspended && req.Kind != status.Restored {
		return nil, fmt.Errorf("issuer: cards can't be made %s by hand", req.Kind)
	}
	if err := checkClass(req.Class); err != nil {
		return nil, err
	}
	report := &StatusReport{From: req.From}
	if report.From == 0 {
		report.From = rights.DateAt(s.now())
	}
	var faults TargetsError
	done := map[card.Place]bool{}
	for _, t := range req.Targets {
		cards, err := targetCards(tx, t, req.Kind, report.From)
		for _, k := range cards {
			if err != nil || done[k.Place] {
				continue
			}
			done[k.Place] = true
			if req.Insurer != "" && k.Contract.Insurer != req.Insurer {
				err = fmt.Errorf("%w: %s", ErrUnknownCard, k.Place) // another insurer's: as if it were not there
				continue
			}
			var c StatusChange
			if c, err = s.setStatus(tx, k, req.Kind, report.From, req.Class); err == nil {
				report.Changes = append(report.Changes, c)
			}
		}
		if err != nil && !faults.add(t, err) {
			return nil, err
		}
	}
	if len(faults.Faults) > 0 {
		return nil, &faults
	}
	if report.Recorded() == 0 {
		return report, nil
	}
	return report, s.audit(tx, "status", map[string]any{"kind": req.Kind.String(), "from": report.From, "events": report.Recorded()})
}

func checkClass(class string) error {
	ok := len(class) <= 32
	for _, c := range class {
		ok = ok && (c >= 'a' && c <= 'z' || c == '-')
	}
	if !ok {
		return errors.New("issuer: a class of reason has at most 32 letters a-z and hyphens")
	}
	return nil
}

// targetCards reads the cards that a target means.
func targetCards(tx register.Tx, t Target, kind status.Kind, from rights.Date) ([]register.Card, error) {
	if t.Contract == (register.ContractKey{}) {
		k, err := knownCard(tx, t.Place)
		if err != nil {
			return nil, err
		}
		return []register.Card{k}, nil
	}
	if _, err := tx.Contract(t.Contract); errors.Is(err, register.ErrNotFound) {
		return nil, ErrUnknownContract
	} else if err != nil {
		return nil, err
	}
	all, err := tx.CardsOf(t.Contract)
	if err != nil {
		return nil, err
	}
	// Of each person and period the newest card: an older void one has been succeeded, and stays void.
	type period struct {
		who  string // "" for the household
		from rights.Date
	}
	last := map[period]register.Card{}
	var order []period
	for _, k := range all {
		if k.State == register.Replaced {
			continue
		}
		if k.State == register.Intent && kind == status.Void {
			if dead, err := deadIntent(tx, k); err != nil {
				return nil, err
			} else if dead {
				continue
			}
		}
		who, err := bearer(k)
		if err != nil {
			return nil, err
		}
		p := period{who, k.From}
		if _, ok := last[p]; !ok {
			order = append(order, p)
		}
		last[p] = k
	}
	var cards []register.Card
	for _, p := range order {
		if k := last[p]; k.To >= from && (k.State != register.Void || kind != status.Suspended) {
			cards = append(cards, k)
		}
	}
	if len(cards) == 0 {
		return nil, fmt.Errorf("%w: no card of this contract for that day", ErrUnknownCard)
	}
	return cards, nil
}

// setStatus moves one card. The state after it is always what its last event says.
func (s *Issuer) setStatus(tx register.Tx, k register.Card, kind status.Kind, from rights.Date, class string) (StatusChange, error) {
	c := StatusChange{Place: k.Place, Before: k.State, After: k.State}
	if k.State == register.Intent {
		return c, fmt.Errorf("%w: card %s is not finished: issue first", ErrState, k.Place)
	}
	if err := reprinted(tx, k, kind); err != nil {
		return c, err
	}
	events, err := tx.EventsOf(k.Place)
	if err != nil {
		return c, err
	}
	since, wasReplaced := rights.Date(0), false
	for _, e := range events {
		since = e.From
		wasReplaced = wasReplaced || e.Kind == status.Replaced
	}
	c.Since = since
	next := register.Live
	switch kind {
	case status.Void:
		next = register.Void
		if (k.State == register.Void || k.State == register.Replaced) && since <= from {
			return c, nil // already ended by then; an earlier day is an event of its own
		}
	case status.Suspended:
		next = register.Suspended
		if k.State == register.Void || k.State == register.Replaced {
			return c, fmt.Errorf("%w: card %s is %s", ErrState, k.Place, k.State)
		}
		if k.State == register.Suspended && since <= from {
			return c, nil
		}
	case status.Restored:
		if k.State == register.Live {
			return c, nil
		}
		if wasReplaced {
			return c, fmt.Errorf("%w: card %s was replaced", ErrState, k.Place)
		}
		if err := slotFree(tx, k); err != nil {
			return c, err
		}
	}
	_, err = tx.AddEvent(register.Event{Place: k.Place, Kind: kind, From: from, Class: class, Actor: s.Actor, At: s.now()})
	if err != nil {
		return c, err
	}
	if next != k.State {
		if err := tx.SetCardState(k.Place, k.State, next); err != nil {
			return c, err
		}
	}
	c.After, c.Since, c.Recorded = next, from, true
	return c, nil
}

// reprinted refuses a change while a reprint of the card is unfinished.
func reprinted(tx register.Tx, k register.Card, kind status.Kind) error {
	cards, err := tx.CardsOf(k.Contract)
	if err != nil {
		return err
	}
	for _, o := range cards {
		if o.State != register.Intent || o.Replaces != k.Place {
			continue
		}
		if dead, err := deadIntent(tx, o); err != nil {
			return err
		} else if !dead || kind != status.Void {
			return unfinishedReprint(k.Place)
		}
	}
	return nil
}

// deadIntent says whether an intent can't be finished.
func deadIntent(tx register.Tx, k register.Card) (bool, error) {
	i, err := insurer(tx, k.Contract.Insurer)
	if err != nil {
		return false, err
	}
	return unfinishable(i, k) != nil, nil
}

// slotFree refuses when another card of the same person and days, or of the other form, stands or is about to.
func slotFree(tx register.Tx, k register.Card) error {
	cards, err := tx.CardsOf(k.Contract)
	if err != nil {
		return err
	}
	mine, err := bearer(k)
	if err != nil {
		return err
	}
	for _, o := range cards {
		if o.Place == k.Place || !alive(o.State) || !overlap(o.From, o.To, k.From, k.To) {
			continue
		}
		theirs, err := bearer(o)
		if err != nil {
			return err
		}
		switch {
		case mine == theirs:
			return fmt.Errorf("%w: card %s has a successor, %s", ErrState, k.Place, o.Place)
		case o.Person == k.Person:
			return fmt.Errorf("%w: the place of card %s in its contract was given to card %s", ErrState, k.Place, o.Place)
		case mine == "" || theirs == "":
			return fmt.Errorf("%w: card %s stands for the same contract as card %s, which would be of the other form", ErrState, o.Place, k.Place)
		}
	}
	return nil
}
