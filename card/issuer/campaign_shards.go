// Shards at work: who has which, what each came to, and what waits. The register alone knows; a queue only hands out.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// Leases are named by what they are of.
const (
	leaseShard = "s"
	leaseFile  = "f"
	leasePart  = "m" // of the manifest; always number 0
)

// Work that waits: ShardRef.Why.
const (
	WhyShard    = "shard"
	WhyFile     = "file"
	WhyManifest = "manifest"
)

// beatEvery and beatsKept bound what a part remembers of its speed.
const (
	beatEvery = 30 * time.Second
	beatsKept = 5
)

// mayWork says why nothing of a campaign may be taken now.
func mayWork(id string, state CampaignState) error {
	switch state {
	case CampaignStarted, CampaignDone:
		return nil
	case CampaignCancelled, CampaignEmpty:
		return fmt.Errorf("%w: %s", ErrCancelled, id)
	case CampaignPlanning:
		return fmt.Errorf("%w: %s", ErrUnplanned, id)
	}
	return fmt.Errorf("%w: %s", ErrPaused, id)
}

// OpenShard takes a shard for a worker and reads it; the same worker may take its own again. One that is done is read without being
// taken, whatever the campaign's state. Errors: ErrUnknownCampaign, ErrUnplanned, ErrPaused, ErrCancelled, ErrLeased.
func (s *Issuer) OpenShard(ctx context.Context, id, insurer string, n int, c Claim) (*CampaignShard, error) {
	var d register.Document
	sh := &CampaignShard{Campaign: id, Insurer: insurer, N: n, Claim: c}
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		of, _, p, err := campaignAndPart(tx, id, insurer)
		if err != nil {
			return err
		}
		if n < 1 || n > p.Shards {
			return fmt.Errorf("%w: shard %d of %s in %s, which has %d", ErrUnknownCampaign, n, insurer, id, p.Shards)
		}
		sh.Spec, sh.Total, sh.Done = of.Spec, p.Cards, p.ShardBits.has(n)
		if !sh.Done {
			if err := mayWork(id, of.State); err != nil {
				return err
			}
			if err := s.lease(tx, leaseID(id, insurer, leaseShard, n), insurer, c); err != nil {
				return err
			}
		}
		d, err = shardDocument(tx, id, insurer, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if sh.Items, err = shardItems(d, insurer); err != nil {
		return nil, err
	}
	return sh, nil
}

func shardDocument(tx register.Tx, id, insurer string, n int) (register.Document, error) {
	d, err := tx.Document(kindShard, numberedID(id, insurer, n))
	if errors.Is(err, register.ErrNotFound) {
		err = fmt.Errorf("%w: shard %d of %s in campaign %s is missing", ErrDamaged, n, insurer, id)
	}
	return d, err
}

func shardItems(d register.Document, insurer string) ([]CampaignItem, error) {
	var v storedShard
	if err := unpack(d, &v); err != nil {
		return nil, err
	}
	out := make([]CampaignItem, len(v.Items))
	for i, it := range v.Items {
		out[i] = CampaignItem{
			Sequence: v.First + int64(i), Contract: register.ContractKey{Insurer: insurer, Adherent: it.Adherent}, Person: it.Person, Who: it.Who,
			Place: it.Place, Cause: it.Cause, Address: it.Address,
		}
	}
	return out, nil
}

// ReleaseShard gives a shard back without an end: the next worker needn't wait for the lease.
func (s *Issuer) ReleaseShard(ctx context.Context, sh *CampaignShard) error {
	return s.Store.Update(ctx, func(tx register.Tx) error {
		return release(tx, leaseID(sh.Campaign, sh.Insurer, leaseShard, sh.N), sh.Worker)
	})
}

// EndShard stores what a shard came to and gives it back. It returns the file that this completes, which now is the worker's: OpenFile
// has its items. Ended twice, also by a worker whose lease ran out, it counts once, as the first said. A campaign that was paused
// or cancelled meanwhile keeps what was done, and completes no file.
func (s *Issuer) EndShard(ctx context.Context, sh *CampaignShard, r *ShardResult) (*CampaignFile, error) {
	if len(r.Cards) != len(sh.Items) || len(r.Facts) != len(sh.Items) || len(r.Causes) != len(sh.Items) {
		return nil, fmt.Errorf("issuer: a result of %d, %d and %d for a shard of %d cards", len(r.Cards), len(r.Facts), len(r.Causes), len(sh.Items))
	}
	items, rejects, err := settled(sh, r)
	if err != nil {
		return nil, err
	}
	var complete *CampaignFile
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		of, d, p, err := campaignAndPart(tx, sh.Campaign, sh.Insurer)
		if err != nil {
			return err
		}
		if err := release(tx, leaseID(sh.Campaign, sh.Insurer, leaseShard, sh.N), sh.Worker); err != nil {
			return err
		}
		if p.ShardBits.has(sh.N) {
			return nil
		}
		doc, err := shardDocument(tx, sh.Campaign, sh.Insurer, sh.N)
		if err != nil {
			return err
		}
		if err := putPacked(tx, doc, storedShard{First: sh.Items[0].Sequence, Items: items, Done: true}); err != nil {
			return err
		}
		p.ended(s.second(), sh.N, int64(len(items)), r, rejects)
		if err := writeDocument(tx, d, p); err != nil {
			return err
		}
		n := (sh.N-1)/p.shardsOfFile(of.Spec) + 1
		if of.State != CampaignStarted || !p.drawable(of.Spec, n) {
			return nil
		}
		f := p.file(sh.Campaign, of.Spec, n)
		f.Claim = sh.Claim
		err = s.lease(tx, leaseID(sh.Campaign, sh.Insurer, leaseFile, n), sh.Insurer, f.Claim)
		if errors.Is(err, ErrLeased) {
			return nil // somebody found it a moment after the last shard but one
		}
		complete = &f
		return err
	})
	if err != nil {
		return nil, err
	}
	return complete, nil
}

// settled is what is stored of a result: where each card is, what its letter says, or why there is none.
func settled(sh *CampaignShard, r *ShardResult) ([]storedItem, map[string]int64, error) {
	items := make([]storedItem, len(sh.Items))
	rejects := map[string]int64{}
	for i, it := range sh.Items {
		items[i] = storedItem{Adherent: it.Contract.Adherent, Person: it.Person, Who: it.Who, Place: r.Cards[i].Place, Cause: r.Causes[i]}
		switch made := r.Cards[i].Place != (card.Place{}); {
		case made == (r.Causes[i] != ""):
			return nil, nil, fmt.Errorf("issuer: number %d has a card and a cause, or neither", it.Sequence)
		case !made:
			rejects[r.Causes[i]]++
		case r.Facts[i].Address != nil:
			items[i].Address = r.Facts[i].Address.Envelope(r.Facts[i])
		}
	}
	return items, rejects, nil
}

// ended counts a shard.
func (p *storedPart) ended(now time.Time, n int, cards int64, r *ShardResult, rejects map[string]int64) {
	if len(p.Beats) == 0 || now.Sub(p.Beats[len(p.Beats)-1].At) >= beatEvery {
		p.Beats = append(p.Beats, CampaignBeat{now, p.Done})
		p.Beats = p.Beats[max(0, len(p.Beats)-beatsKept):]
	}
	p.ShardBits.set(n)
	delete(p.Failed, n)
	p.DoneShards++
	p.Done += cards
	p.Made += cards
	p.Issued += int64(r.Issued + r.Resumed)
	p.Existing += int64(r.Existing)
	p.Replaced += int64(r.Replaced)
	for cause, count := range rejects {
		p.Made -= count
		p.reject(cause, count)
	}
}

func (p *storedPart) reject(cause string, count int64) {
	if p.Rejects == nil {
		p.Rejects = map[string]int64{}
	}
	p.Rejects[cause] += count
}

// NextShards returns at most limit pieces of work that wait and that nobody has: of one started campaign, or with "" of all, the oldest
// first. Files and manifests come before shards, so that what is done leaves. It reads no shard: its cost is that of the parts.
func (s *Issuer) NextShards(ctx context.Context, id string, limit int) ([]ShardRef, error) {
	var out []ShardRef
	err := s.Store.View(ctx, func(tx register.Tx) error {
		var started []storedCampaign
		var ids []string
		add := func(d register.Document, c storedCampaign) error {
			if c.State == CampaignStarted {
				started, ids = append(started, c), append(ids, d.ID)
			}
			return nil
		}
		if id != "" {
			d, c, err := campaign(tx, id)
			if err != nil {
				return err
			}
			add(d, c)
		} else if err := eachCampaign(tx, register.AnyOwner, add); err != nil {
			return err
		}
		for i, c := range started {
			taken, err := s.taken(tx, ids[i])
			if err != nil {
				return err
			}
			for _, key := range c.Insurers {
				if len(out) >= limit {
					return nil
				}
				_, p, err := campaignPart(tx, ids[i], key)
				if err != nil {
					return err
				}
				out = p.waiting(out, limit, ids[i], c.Spec, taken)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// taken are the ids of the leases of a campaign that still hold.
func (s *Issuer) taken(tx register.Tx, id string) (map[string]bool, error) {
	now := s.now()
	held := map[string]bool{}
	if err := eachLease(tx, id, func(name string, l storedLease) { held[name] = now.Before(l.Until) }); err != nil {
		return nil, err
	}
	return held, nil
}

// waiting appends the work of a part that waits.
func (p *storedPart) waiting(out []ShardRef, limit int, id string, spec CampaignSpec, taken map[string]bool) []ShardRef {
	if p.over() {
		return out
	}
	add := func(n int, why string) { out = append(out, ShardRef{Campaign: id, Insurer: p.Insurer, N: n, Why: why}) }
	if p.DoneFiles == p.Files {
		if p.Failed[p.Shards] == "" && !taken[leaseID(id, p.Insurer, leasePart, 0)] {
			add(p.Shards, WhyManifest)
		}
		return out
	}
	for n := 1; n <= p.Files && len(out) < limit; n++ {
		if last := p.file(id, spec, n).LastShard; p.Failed[last] == "" && p.drawable(spec, n) && !taken[leaseID(id, p.Insurer, leaseFile, n)] {
			add(last, WhyFile)
		}
	}
	for n := 1; n <= p.Shards && len(out) < limit; n++ {
		if p.Failed[n] == "" && !p.ShardBits.has(n) && !taken[leaseID(id, p.Insurer, leaseShard, n)] {
			add(n, WhyShard)
		}
	}
	return out
}

// FailShard gives work up that failed too often: the shard, or the file or the manifest that it was for. NextShards leaves it out
// until the campaign is resumed. cause is a word for people and never says who is insured.
func (s *Issuer) FailShard(ctx context.Context, r ShardRef, cause string) error {
	if checkName(cause) != nil {
		return ErrName
	}
	return s.Store.Update(ctx, func(tx register.Tx) error {
		of, d, p, err := campaignAndPart(tx, r.Campaign, r.Insurer)
		if err != nil {
			return err
		}
		n := r.N
		if n < 1 || n > p.Shards {
			return fmt.Errorf("%w: shard %d of %s in %s, which has %d", ErrUnknownCampaign, n, r.Insurer, r.Campaign, p.Shards)
		}
		if p.over() || of.State.Over() {
			return nil
		}
		if p.ShardBits.has(n) {
			file := (n-1)/p.shardsOfFile(of.Spec) + 1
			n = p.file("", of.Spec, file).LastShard
			switch {
			case p.drawable(of.Spec, file):
			case p.DoneFiles == p.Files:
				n = p.Shards
			default:
				return nil // somebody else has done it since
			}
		}
		if p.Failed == nil {
			p.Failed = map[int]string{}
		}
		p.Failed[n] = cause
		if err := writeDocument(tx, d, p); err != nil {
			return err
		}
		return s.audit(tx, "campaign.fail", map[string]any{"campaign": r.Campaign, "insurer": r.Insurer, "shard": n, "cause": cause})
	})
}
