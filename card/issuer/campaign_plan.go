// Planning: the contracts of each insurer are walked and sorted, and what comes out is numbered and cut into shards.

package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sceau/card/register"
)

// plannedAtOnce are stored in one transaction while planning.
const plannedAtOnce = 8

// planning is the work of one CreateCampaign.
type planning struct {
	issuer   *Issuer
	asked    *asked
	id       string
	worker   string
	renewed  time.Time
	looked   int64
	progress func(int64)
}

// guard is called in every transaction: the campaign is still being planned, and by this planner.
func (p *planning) guard(tx register.Tx) error {
	_, c, err := campaign(tx, p.id)
	if err != nil {
		return err
	}
	if err := notPlanning(c.State); err != nil {
		return err
	}
	p.renewed = p.issuer.now()
	return p.issuer.lease(tx, p.id, p.asked.owner, Claim{Worker: p.worker})
}

func (p *planning) update(ctx context.Context, fn func(register.Tx) error) error {
	return p.issuer.Store.Update(ctx, func(tx register.Tx) error {
		if err := p.guard(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

func (p *planning) run(ctx context.Context) error {
	var planned Campaign
	for _, key := range p.asked.insurers {
		done, err := p.part(ctx, key)
		if err != nil {
			return err
		}
		planned.Parts = append(planned.Parts, *done)
	}
	total := planned.Total()
	if total.Cards == 0 {
		return p.empty(ctx, nothingToMake(&planned))
	}
	if err := p.issuer.dropBelow(ctx, []string{kindSort}, p.id+"/", p.guard); err != nil {
		return err
	}
	return p.update(ctx, func(tx register.Tx) error {
		d, c, err := campaign(tx, p.id)
		if err != nil {
			return err
		}
		c.State = CampaignPlanned
		if err := writeDocument(tx, d, c); err != nil {
			return err
		}
		if err := release(tx, p.id, p.worker); err != nil {
			return err
		}
		return p.issuer.audit(tx, "campaign.create", map[string]any{"campaign": p.id, "insurers": len(p.asked.insurers), "contracts": total.Contracts,
			"cards": total.Cards, "shards": total.Shards, "asked": p.asked.digest})
	})
}

// NothingToMake is ErrCampaignSpec for a campaign that selects no card to make: its counts alone are kept for a day, and its name is
// free.
type NothingToMake struct {
	Contracts int64
	LeftOut   map[string]int64 // by cause
}

func (e *NothingToMake) Error() string {
	text := fmt.Sprintf("issuer: there is no card to make: %d contracts were looked at", e.Contracts)
	for _, cause := range slices.Sorted(maps.Keys(e.LeftOut)) {
		text += fmt.Sprintf(", %d %s", e.LeftOut[cause], cause)
	}
	return text
}

func (e *NothingToMake) Unwrap() error { return ErrCampaignSpec }

func nothingToMake(c *Campaign) error {
	t := c.Total()
	return &NothingToMake{t.Contracts, t.LeftOut}
}

// empty ends a campaign that came to nothing, and returns why. Whoever was told its id before that was known can ask what it came to:
// the counts of its parts stay for a day. The rest goes now, or with a later campaign after a crash.
func (p *planning) empty(ctx context.Context, why error) error {
	err := p.update(ctx, func(tx register.Tx) error {
		d, c, err := campaign(tx, p.id)
		if err != nil {
			return err
		}
		c.State, c.Ended = CampaignEmpty, p.issuer.second()
		d.Until = c.Ended.Add(emptyKept)
		return errors.Join(writeDocument(tx, d, c), release(tx, p.id, p.worker))
	})
	if err == nil {
		rest := slices.DeleteFunc(slices.Clone(campaignKinds), func(kind string) bool { return kind == kindPart })
		err = p.issuer.dropBelow(ctx, rest, p.id+"/", nil)
	}
	return cmp.Or(err, why)
}

// part plans the part of one insurer, from its beginning unless it was planned to its end.
func (p *planning) part(ctx context.Context, key string) (*CampaignPart, error) {
	var was storedPart
	err := p.update(ctx, func(tx register.Tx) (err error) { _, was, err = campaignPart(tx, p.id, key); return err })
	if err != nil {
		return nil, err
	}
	if was.Planned {
		p.looked += was.Contracts
		return &was.CampaignPart, nil
	}
	if err := p.issuer.dropBelow(ctx, []string{kindSort, kindShard, kindLeft}, partID(p.id, key)+"/", p.guard); err != nil {
		return nil, err
	}
	w, err := p.issuer.selection(ctx, p.asked, key)
	if err != nil {
		return nil, err
	}
	out := &partPlan{planning: p, part: CampaignPart{Insurer: key, LeftOut: map[string]int64{}}, sort: p.issuer.sorter(p.id, key, p.guard)}
	if err := w.walk(ctx, key, func(c *choice) error { return out.take(ctx, c) }, func() error { return p.told(ctx) }); err != nil {
		return nil, err
	}
	if err := out.storeLeft(ctx, true); err != nil {
		return nil, err
	}
	if err := out.sort.sorted(ctx, func(e sortEntry) error { return out.number(ctx, e) }); err != nil {
		return nil, err
	}
	return &out.part, out.end(ctx)
}

// told says how far planning is, and keeps the lease while nothing is stored.
func (p *planning) told(ctx context.Context) error {
	if p.progress != nil {
		p.progress(p.looked)
	}
	if p.issuer.now().Sub(p.renewed) < DefaultLease/4 {
		return nil
	}
	return p.update(ctx, func(register.Tx) error { return nil })
}

// partPlan is the plan of one insurer's part while it is made.
type partPlan struct {
	*planning
	part   CampaignPart
	sort   *sorter
	left   []leftItem
	lefts  int
	items  []storedItem
	shards []storedShard // full, not stored yet
}

// shown are the causes whose cards are kept one by one, for whoever looks after them. The others are counted.
var shown = []string{CauseOutdated, CauseWithheld, CauseSuspended, CauseOtherForm, CauseTooLong, CauseNoRoom, CauseNoAddress, CauseGone, CauseDamaged}

// leftChunk is how many of them stand in one document.
const leftChunk = 5_000

func (o *partPlan) take(ctx context.Context, c *choice) error {
	o.looked++
	o.part.Contracts++
	for _, l := range c.left {
		o.part.LeftOut[l.cause]++
		if slices.Contains(shown, l.cause) {
			o.left = append(o.left, leftItem{c.key.Adherent, l.person, l.cause})
		}
	}
	for _, person := range c.make {
		e := sortEntry{Adherent: c.key.Adherent, Person: person}
		if person != register.Household {
			e.Who = personDigest(c.facts.Beneficiaries[person])
		}
		if o.asked.spec.Order == OrderPostal {
			e.Key = "~" // behind every address: byte order has nothing of an address after it
			if c.facts.Address != nil {
				e.Key = c.facts.Address.SortKey()
			}
		}
		if err := o.sort.add(ctx, e); err != nil {
			return err
		}
	}
	return o.storeLeft(ctx, false)
}

func (o *partPlan) storeLeft(ctx context.Context, all bool) error {
	for len(o.left) >= leftChunk || all && len(o.left) > 0 {
		n := min(len(o.left), leftChunk)
		err := o.update(ctx, func(tx register.Tx) error {
			return putPacked(tx, register.Document{Kind: kindLeft, ID: numberedID(o.id, o.part.Insurer, o.lefts+1), Owner: o.part.Insurer}, o.left[:n])
		})
		if err != nil {
			return err
		}
		o.lefts++
		o.left = slices.Delete(o.left, 0, n)
	}
	return nil
}

// number gives the next sequence number.
func (o *partPlan) number(ctx context.Context, e sortEntry) error {
	if err := o.asked.spec.holds(o.part.Insurer, o.part.Cards+1); err != nil {
		return err
	}
	if o.items == nil {
		o.items = make([]storedItem, 0, o.asked.spec.ShardSize)
	}
	o.part.Cards++
	o.items = append(o.items, storedItem{Adherent: e.Adherent, Person: e.Person, Who: e.Who})
	if len(o.items) < o.asked.spec.ShardSize {
		return nil
	}
	return o.shard(ctx)
}

// shard ends a shard; some are stored together.
func (o *partPlan) shard(ctx context.Context) error {
	if len(o.items) > 0 {
		o.shards = append(o.shards, storedShard{First: o.part.Cards - int64(len(o.items)) + 1, Items: o.items})
		o.items = nil
	}
	if len(o.shards) < plannedAtOnce {
		return nil
	}
	return o.storeShards(ctx)
}

func (o *partPlan) storeShards(ctx context.Context) error {
	if len(o.shards) == 0 {
		return nil
	}
	err := o.update(ctx, func(tx register.Tx) error {
		for i, sh := range o.shards {
			d := register.Document{Kind: kindShard, ID: numberedID(o.id, o.part.Insurer, o.part.Shards+1+i), Owner: o.part.Insurer}
			if err := putPacked(tx, d, sh); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.part.Shards += len(o.shards)
	o.shards = o.shards[:0]
	return nil
}

// end stores the last shards and that the part is planned.
func (o *partPlan) end(ctx context.Context) error {
	if err := o.shard(ctx); err != nil {
		return err
	}
	if err := o.storeShards(ctx); err != nil {
		return err
	}
	per := o.asked.spec.FileSize / o.asked.spec.ShardSize
	o.part.Files = (o.part.Shards + per - 1) / per
	o.part.Planned = true
	return o.update(ctx, func(tx register.Tx) error {
		d, _, err := campaignPart(tx, o.id, o.part.Insurer)
		if err != nil {
			return err
		}
		return writeDocument(tx, d, storedPart{CampaignPart: o.part})
	})
}
