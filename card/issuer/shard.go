// Shard: one live card for each item of a part of a campaign, however often it is asked for and by however many processes.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// Causes: why an item of a campaign has no card, or needs none. They are stored and printed: a word never changes.
const (
	CauseExisting  = "existing"     // it has a live card already
	CauseOutdated  = "outdated"     // its contract has changed since its card was made, and no new one was asked for
	CauseWithheld  = "withheld"     // its card was revoked, in this form or the other
	CauseSuspended = "suspended"    // its card is suspended
	CauseEnded     = "ended"        // its last day is over
	CauseOtherForm = "other-form"   // its contract has live cards of the other form
	CauseTooLong   = "too-long"     // the card would not fit into its symbol
	CauseNoRoom    = "no-room"      // the page has no room for it, or the contract has as many cards as it can
	CauseGlyph     = "glyph"        // a character that the page can't print
	CauseGone      = "gone"         // the contract has no such person, or there is no such contract
	CauseOther     = "other-period" // its contract is for another period than the campaign
	CauseDamaged   = "damaged"      // what the register holds is no card and can't become one: Stuck says of which card
)

// ShardItem is one card to make: of a contract, for the household or for one person of it.
type ShardItem struct {
	Contract register.ContractKey
	Person   int    // register.Household, or the position in the contract
	Who      string // whom it was planned for, wherever the contract has them now; "" goes by the position alone
}

// ShardRequest says which cards to make. No item stands twice.
type ShardRequest struct {
	Items     []ShardItem
	PerPerson bool        // the form that is asked for: see IssueRequest
	Outdated  bool        // a card whose contract has changed since is replaced by a new one
	First     rights.Date // a contract that begins before, as it is now, gets no card; 0: any
	Last      rights.Date // nor one that begins after; 0: any
	At        time.Time   // the claim iat; zero means now
}

// ShardResult has the cards in the order of the items.
type ShardResult struct {
	Cards  []Issued          // live; Place{} where there is none
	Facts  []rights.Contract // the contract that the card agrees with, as it is now; zero where there is no card
	Causes []string          // why there is no card; "" where there is one

	Issued   int          // made and signed by this call
	Resumed  int          // begun by a call that was cut short, and signed by this one
	Existing int          // live before, or finished by another process meanwhile
	Replaced int          // of Issued and Resumed: those that took the place of an outdated card
	Stuck    []Unfinished // cards behind some of the causes "damaged", and why they are
}

// maxLooks bounds how often a Shard looks again at what others changed meanwhile. One look is enough when nobody does, two
// after a crash or beside a process at the same items.
const maxLooks = 8

// Shard makes sure that each item has one live card, and returns these, all of them verified. However often and by however
// many processes it is called for the same items, each has one live card then, and each call returns it. It finishes what was
// begun for the contracts of its items and touches nothing else that is unfinished. An item without a card has a cause, and
// stops no other; an error means that the call must be made again: what was done until then is found and not done twice.
func (s *Issuer) Shard(ctx context.Context, req ShardRequest) (*ShardResult, error) {
	if err := req.check(s.tenant); err != nil {
		return nil, err
	}
	at := req.At
	if at.IsZero() {
		at = s.now()
	}
	n := len(req.Items)
	h := &shard{
		run: &run{issuer: s, keys: s.keyCache(), at: at.Truncate(time.Second), fixed: !req.At.IsZero()},
		req: req, from: rights.DateAt(s.now()), mine: map[card.Place]bool{}, stuck: map[card.Place]bool{},
		known: map[register.ContractKey]decoded{},
		out:   &ShardResult{Cards: make([]Issued, n), Facts: make([]rights.Contract, n), Causes: make([]string, n)},
	}
	for first := 0; first < n; first += s.batch() {
		if err := h.part(ctx, first, min(first+s.batch(), n)); err != nil {
			return nil, err
		}
	}
	return h.out, nil
}

// check refuses a request that no campaign makes.
func (r ShardRequest) check(tenant string) error {
	seen := make(map[ShardItem]bool, len(r.Items))
	for _, i := range r.Items {
		switch {
		case tenant != "" && i.Contract.Insurer != tenant:
			return fmt.Errorf("%w of insurer %.10q", ErrUnknownContract, i.Contract.Insurer)
		case (i.Person != register.Household) != r.PerPerson || i.Person < register.Household:
			return errors.New("issuer: a shard's items are of one form")
		case seen[i]:
			return errors.New("issuer: an item stands twice in a shard")
		}
		seen[i] = true
	}
	return nil
}

// shard is one call of Shard.
type shard struct {
	run   *run
	req   ShardRequest
	from  rights.Date // first day on which a replaced card no longer holds
	out   *ShardResult
	mine  map[card.Place]bool // made live by this call
	stuck map[card.Place]bool
	known map[register.ContractKey]decoded // what was read in an earlier look
}

// part brings some of the items to a card or a cause.
func (h *shard) part(ctx context.Context, first, end int) error {
	var open []int
	for i := first; i < end; i++ {
		open = append(open, i)
	}
	for range maxLooks {
		// What has its card is seen without keeping other writers waiting, and what has none is encoded before it is reserved.
		var seen *plan
		err := h.run.issuer.Store.View(ctx, func(tx register.Tx) (err error) { seen, err = h.plan(tx, open); return err })
		if err != nil {
			return err
		}
		if err := h.take(ctx, seen); err != nil {
			return err
		}
		if open = seen.left(); len(open) == 0 {
			return nil
		}
		ahead, err := h.run.draftAhead(ctx, seen.jobs)
		if err != nil {
			return err
		}
		if open, err = h.make(ctx, open, ahead); err != nil || len(open) == 0 {
			return err
		}
	}
	return fmt.Errorf("%w: the cards of a shard are being changed by others all the time", ErrState)
}

// make reserves, signs and stores what the items lack, and returns those that must be looked at again.
func (h *shard) make(ctx context.Context, open []int, ahead drafts) ([]int, error) {
	var now *plan
	var cards, resumed []*pending
	err := h.run.issuer.Store.Update(ctx, func(tx register.Tx) error {
		var err error
		if now, err = h.plan(tx, open); err != nil {
			return err
		}
		if resumed, err = h.resumable(tx, now); err != nil {
			return err
		}
		if len(resumed) > 0 {
			if err := h.run.log(tx, "issue.resume", resumed); err != nil {
				return err
			}
		}
		if len(now.jobs) == 0 {
			return nil
		}
		var refused []NotIssued
		if cards, refused, err = h.run.reserve(tx, now.jobs, ahead); err != nil {
			return err
		}
		return now.refuse(refused)
	})
	if err != nil {
		return nil, err
	}
	if err := h.take(ctx, now); err != nil {
		return nil, err
	}
	stored, signErr, err := h.run.complete(ctx, append(cards, resumed...))
	if err = errors.Join(signErr, err); err != nil {
		return nil, err
	}
	for _, p := range stored {
		h.mine[p.card.Place] = true
		if p.card.Replaces != (card.Place{}) {
			h.out.Replaced++
		}
		if p.draft == nil {
			h.out.Resumed++ // looked at again: its contract may have changed since it was begun
			continue
		}
		h.out.Issued++
		i := now.item[p.job.key()]
		h.out.Cards[i], h.out.Facts[i] = p.issued(), p.job.facts
		delete(now.item, p.job.key())
		now.done[i] = true
	}
	for _, p := range resumed {
		if p.fault != nil {
			h.stick(p.card.Place, p.fault)
		}
	}
	return now.left(), nil
}

func (h *shard) stick(p card.Place, err error) {
	if !h.stuck[p] {
		h.stuck[p] = true
		h.out.Stuck = append(h.out.Stuck, Unfinished{p, err})
	}
}

// take notes what a plan settles without a new card: causes, and live cards, which are verified.
func (h *shard) take(ctx context.Context, p *plan) error {
	for i, cause := range p.causes {
		h.out.Causes[i] = cause
		p.done[i] = true
	}
	opened := make([]Issued, len(p.live))
	faults := make([]error, len(p.live))
	_ = parallel(len(p.live), func(n int) error { // never fails: a damaged card stops no other
		opened[n], faults[n] = reopen(p.live[n].card, p.keys)
		return nil
	})
	for n, l := range p.live {
		p.done[l.item] = true
		if faults[n] != nil {
			h.stick(l.card.Place, faults[n])
			h.out.Causes[l.item] = CauseDamaged
			continue
		}
		h.out.Cards[l.item], h.out.Facts[l.item] = opened[n], l.facts
		if !h.mine[l.card.Place] {
			h.out.Existing++
		}
	}
	return ctx.Err()
}
