// What each item of a shard lacks: one look at the register.

package issuer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
	"sceau/signing"
)

// plan is what one look found. Items are numbers in ShardRequest.Items.
type plan struct {
	open    []int
	done    map[int]bool
	causes  map[int]string
	live    []liveItem
	jobs    []job
	item    map[slotKey]int               // of each job
	intents []register.Card               // to be finished, of all contracts that were looked at
	waiting map[card.Place]int            // of the intents: the item that waits for it, when one does
	keys    map[string]*signing.PublicKey // published card keys, by kid
}

// liveItem is an item that has its card.
type liveItem struct {
	item  int
	card  register.Card
	facts rights.Contract
}

// left are the items that are not done.
func (p *plan) left() []int {
	return slices.DeleteFunc(slices.Clone(p.open), func(i int) bool { return p.done[i] })
}

// contractCards is a contract with its cards, as one look found them.
type contractCards struct {
	row   register.Contract
	facts rights.Contract
	holds *holding
	old   map[int]Outdated // by position
	err   error            // what the register holds is damaged
}

// decoded is a contract that was read: decoding is dear, and one that is the same says the same.
type decoded struct {
	row   register.Contract
	facts rights.Contract
}

func (d decoded) of(row register.Contract) bool {
	return d.row.Hash == row.Hash && d.row.From == row.From && d.row.To == row.To && bytes.Equal(d.row.Canonical, row.Canonical)
}

// plan looks at items and changes nothing.
func (h *shard) plan(tx register.Tx, open []int) (*plan, error) {
	p := &plan{open: open, done: map[int]bool{}, causes: map[int]string{}, item: map[slotKey]int{}, waiting: map[card.Place]int{}}
	var names []register.ContractKey
	for _, i := range open {
		names = append(names, h.req.Items[i].Contract)
	}
	names = unique(names)
	contracts, err := contractsNamed(tx, names)
	if err != nil {
		return nil, err
	}
	cards, err := cardsOf(tx, names)
	if err != nil {
		return nil, err
	}
	if p.keys, err = h.run.cardKeysOf(tx, names); err != nil {
		return nil, err
	}
	found := make([]*contractCards, len(names))
	// Reading the contracts is most of the work of a look, and touches nothing shared.
	err = parallel(len(names), func(n int) error {
		row, ok := contracts[names[n]]
		if !ok {
			return nil
		}
		var err error
		found[n], err = h.read(row, cards[row.Key])
		return err
	})
	if err != nil {
		return nil, err
	}
	byKey := make(map[register.ContractKey]*contractCards, len(names))
	for n, f := range found {
		byKey[names[n]] = f
		if f == nil {
			continue
		}
		if f.err == nil {
			h.known[names[n]] = decoded{f.row, f.facts}
		}
		if !h.req.speaksOf(f.row) {
			continue // what was begun for it is of another period too, or of one that is over: not this shard's to finish
		}
		for _, k := range cards[names[n]] {
			if k.State == register.Intent && !h.stuck[k.Place] {
				p.intents = append(p.intents, k)
			}
		}
	}
	for _, i := range open {
		h.decide(p, i, byKey[h.req.Items[i].Contract])
	}
	return p, nil
}

// read reads a contract. What is damaged stops no other contract.
func (h *shard) read(row register.Contract, cards []register.Card) (*contractCards, error) {
	f := &contractCards{row: row, old: map[int]Outdated{}}
	damaged := func(err error) (*contractCards, error) {
		if errors.Is(err, register.ErrCorrupt) || errors.Is(err, ErrDamaged) {
			f.err = err
			return f, nil
		}
		return nil, err
	}
	var err error
	if known, ok := h.known[row.Key]; ok && known.of(row) {
		f.facts = known.facts
	} else if f.facts, err = row.Rights(); err != nil {
		return damaged(err)
	}
	if f.holds, err = hold(cards, row, f.facts); err != nil {
		return damaged(err)
	}
	old, err := outdated(row, f.facts, f.holds, rights.DateAt(h.run.at))
	if err != nil {
		return damaged(err)
	}
	for _, o := range old {
		if !o.Gone {
			f.old[o.position] = o
		}
	}
	return f, nil
}

// speaksOf says whether a contract begins, as it is now, in the period that is asked for.
func (r ShardRequest) speaksOf(c register.Contract) bool { return begins(c, r.First, r.Last) }

// decide says what one item lacks.
func (h *shard) decide(p *plan, i int, f *contractCards) {
	item := h.req.Items[i]
	refuse := func(cause string) { p.causes[i] = cause }
	if f != nil && !h.req.speaksOf(f.row) {
		refuse(CauseOther) // it was of the period when it was planned
		return
	}
	if f != nil && f.err == nil && item.Who != "" {
		if item.Person = positionOf(f.facts, item.Who); item.Person < 0 {
			refuse(CauseGone)
			return
		}
	}
	if f == nil || f.err == nil && item.Person >= len(f.facts.Beneficiaries) {
		refuse(CauseGone)
		return
	}
	if f.err != nil {
		refuse(CauseDamaged)
		return
	}
	ended := lastDay(f.facts, item.Person) < rights.DateAt(h.run.at)
	if k, ok := f.holds.of[item.Person]; ok {
		old, changed := f.old[item.Person]
		switch {
		case k.State == register.Intent && h.stuck[k.Place]:
			refuse(CauseDamaged)
		case k.State == register.Intent:
			p.waiting[k.Place] = i
		case k.State == register.Void:
			refuse(CauseWithheld)
		case k.State == register.Suspended:
			refuse(CauseSuspended) // a new card would be a way around the suspension
		case ended:
			refuse(CauseEnded)
		case !changed:
			p.live = append(p.live, liveItem{i, k, f.facts})
		case !h.req.Outdated:
			refuse(CauseOutdated)
		default:
			p.add(i, job{contract: f.row, facts: f.facts, person: item.Person, slot: k.Person, replaces: old.Place, replacedFrom: h.from})
		}
		return
	}
	covered, withheld := f.holds.otherForm(h.req.PerPerson)
	switch {
	case covered:
		refuse(CauseOtherForm)
	case withheld:
		refuse(CauseWithheld)
	case ended:
		refuse(CauseEnded)
	default:
		slot, err := f.holds.slot(item.Person)
		if err != nil {
			refuse(CauseNoRoom)
			return
		}
		p.add(i, job{contract: f.row, facts: f.facts, person: item.Person, slot: slot})
	}
}

func (p *plan) add(i int, j job) {
	p.jobs = append(p.jobs, j)
	p.item[j.key()] = i
}

// refuse gives the cards that could not be made their cause.
func (p *plan) refuse(refused []NotIssued) error {
	for _, n := range refused {
		cause := CauseDamaged
		switch {
		case errors.Is(n.Err, card.ErrTooLong):
			cause = CauseTooLong
		case !errors.Is(n.Err, card.ErrMalformed):
			return n.Err
		}
		for _, j := range p.jobs {
			if j.contract.Key == n.Contract && j.person == n.Person {
				p.causes[p.item[j.key()]] = cause
			}
		}
	}
	return nil
}

// resumable are the intents that can be finished. A key that is not here may be on another machine: that is an error, and
// another worker's work.
func (h *shard) resumable(tx register.Tx, p *plan) ([]*pending, error) {
	var out []*pending
	for _, k := range p.intents {
		i, err := insurer(tx, k.Contract.Insurer)
		if err != nil {
			return nil, err
		}
		key, err := h.run.keyOf(i, k)
		if err == nil {
			out = append(out, &pending{card: k, key: key})
			continue
		}
		if errors.Is(err, ErrNotHeld) || !errors.Is(err, ErrNoCardKey) && !errors.Is(err, ErrDamaged) {
			return nil, err
		}
		h.stick(k.Place, err)
		if i, ok := p.waiting[k.Place]; ok {
			p.causes[i] = CauseDamaged
		}
	}
	return out, nil
}

// cardKeysOf are the published card keys of the insurers of these contracts.
func (r *run) cardKeysOf(tx register.Tx, contracts []register.ContractKey) (map[string]*signing.PublicKey, error) {
	keys := map[string]*signing.PublicKey{}
	insurers, _ := byInsurer(contracts)
	for _, key := range insurers {
		i, err := insurer(tx, key)
		if err != nil {
			return nil, err
		}
		doc, err := r.keys.document(i)
		if err != nil {
			return nil, fmt.Errorf("issuer: the card keys of %s: %w", key, err)
		}
		for _, k := range doc.CardKeys {
			keys[k.KID] = k
		}
	}
	return keys, nil
}
