// A campaign from the outside: who sees it, and starting, pausing, resuming and cancelling it.

package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card/register"
)

// eachCampaign reads all campaigns of an owner, AnyOwner for all. There are some hundreds, each of some hundred bytes.
func eachCampaign(tx register.Tx, owner string, fn func(register.Document, storedCampaign) error) error {
	for after := ""; ; {
		next, err := eachDocument(tx, kindCampaign, owner, after, 500, func(d register.Document) error {
			var c storedCampaign
			d, err := readDocument(tx, kindCampaign, "*", d.ID, &c)
			if err != nil {
				return err
			}
			return fn(d, c)
		})
		if err != nil || next == "" {
			return err
		}
		after = next
	}
}

// seen is the campaign as who may see it, or ErrUnknownCampaign.
func (s *Issuer) seen(tx register.Tx, who Staff, id string, c storedCampaign, owner string) (*Campaign, error) {
	out := &Campaign{ID: id, Spec: c.Spec, State: c.State, Owner: owner, Created: c.Created, Started: c.Started, Ended: c.Ended}
	if who.Insurer != "" { // the operator's campaign may stand beside other insurers'
		out.Spec.Beside = nil
		for _, other := range c.Spec.Beside {
			switch err := known(tx, who.Insurer, other); {
			case err == nil:
				out.Spec.Beside = append(out.Spec.Beside, other)
			case !errors.Is(err, ErrUnknownCampaign):
				return nil, err
			}
		}
	}
	for _, key := range c.Insurers {
		if who.Insurer != "" && who.Insurer != key {
			continue
		}
		_, p, err := campaignPart(tx, id, key)
		if err != nil {
			return nil, err
		}
		out.Parts = append(out.Parts, p.CampaignPart)
	}
	if len(out.Parts) == 0 {
		return nil, fmt.Errorf("%w %.40q", ErrUnknownCampaign, id)
	}
	return out, nil
}

// CampaignOf returns a campaign. An insurer sees its own part of the operator's. ErrUnknownCampaign, also for another tenant's.
func (s *Issuer) CampaignOf(ctx context.Context, who Staff, id string) (*Campaign, error) {
	var out *Campaign
	err := s.Store.View(ctx, func(tx register.Tx) error {
		d, c, err := campaign(tx, id)
		if err != nil {
			return err
		}
		if c.State == CampaignEmpty && d.Until.Before(s.second()) { // the next campaign removes it
			return fmt.Errorf("%w %.40q", ErrUnknownCampaign, id)
		}
		out, err = s.seen(tx, who, id, c, d.Owner)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Campaigns returns at most limit campaigns, the newest first, behind that of the id before ("" begins). Those that came to nothing
// are not listed.
func (s *Issuer) Campaigns(ctx context.Context, who Staff, before string, limit int) ([]Campaign, error) {
	var out []Campaign
	err := s.Store.View(ctx, func(tx register.Tx) error {
		type known struct {
			d register.Document
			c storedCampaign
		}
		var all []known
		err := eachCampaign(tx, register.AnyOwner, func(d register.Document, c storedCampaign) error {
			if who.Insurer == "" || slices.Contains(c.Insurers, who.Insurer) {
				all = append(all, known{d, c})
			}
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(all, func(a, b known) int { return cmp.Or(b.c.Created.Compare(a.c.Created), cmp.Compare(b.d.ID, a.d.ID)) })
		if before != "" {
			i := slices.IndexFunc(all, func(k known) bool { return k.d.ID == before })
			if i < 0 {
				return fmt.Errorf("%w %.40q", ErrUnknownCampaign, before)
			}
			all = all[i+1:]
		}
		// Only now: the last of a page may have come to nothing before the next is asked for.
		all = slices.DeleteFunc(all, func(k known) bool { return k.c.State == CampaignEmpty })
		for _, k := range all[:min(len(all), max(limit, 0))] {
			c, err := s.seen(tx, who, k.d.ID, k.c, k.d.Owner)
			if err != nil {
				return err
			}
			out = append(out, *c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Frozen returns what an insurer's outputs are made with. ErrCampaignState for a campaign that came to nothing, which keeps none.
func (s *Issuer) Frozen(ctx context.Context, id, insurer string) (*CampaignFrozen, error) {
	out := new(CampaignFrozen)
	err := s.Store.View(ctx, func(tx register.Tx) error {
		c, _, _, err := campaignAndPart(tx, id, insurer)
		if err != nil {
			return err
		}
		if c.State == CampaignEmpty { // it had nothing to print
			return fmt.Errorf("%w: %s is %s", ErrCampaignState, id, c.State)
		}
		for name, b := range map[string]*[]byte{"issuer": &out.Document, "codes": &out.Codes, "theme": &out.Theme} {
			d, err := tx.Document(kindFrozen, partID(id, insurer)+"/"+name)
			if errors.Is(err, register.ErrNotFound) && name == "theme" {
				continue
			}
			if errors.Is(err, register.ErrNotFound) {
				return fmt.Errorf("%w: campaign %s lacks what it is printed with", ErrDamaged, id)
			}
			if err != nil {
				return err
			}
			*b = d.Data
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// change moves a campaign from one state to the next for who may: an insurer its own alone.
func (s *Issuer) change(ctx context.Context, who Staff, id, act string, to CampaignState, from ...CampaignState) (*Campaign, error) {
	as := s.As(who)
	var out *Campaign
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		d, c, err := campaign(tx, id)
		if err != nil {
			return err
		}
		seen, err := s.seen(tx, who, id, c, d.Owner)
		if err != nil {
			return err
		}
		if who.Insurer != "" && d.Owner != who.Insurer {
			return ErrOperators
		}
		failed := to == CampaignStarted && c.State == CampaignStarted && seen.GivenUp() > 0
		if !slices.Contains(from, c.State) && !failed {
			if c.State == CampaignPlanning {
				return fmt.Errorf("%w: %s", ErrUnplanned, id)
			}
			return fmt.Errorf("%w: %s is %s", ErrCampaignState, id, c.State)
		}
		if act == actStartCampaign {
			if err := as.agreed(tx, who, c, seen); err != nil {
				return err
			}
		}
		if to == CampaignStarted {
			if err := forgive(tx, id, c.Insurers); err != nil {
				return err
			}
		}
		c.State = to
		if to == CampaignStarted && c.Started.IsZero() {
			c.Started = as.second()
		}
		if to == CampaignCancelled {
			c.Ended = as.second()
			d.Until = c.Ended.Add(campaignKept)
		}
		if err := writeDocument(tx, d, c); err != nil {
			return err
		}
		if out, err = s.seen(tx, who, id, c, d.Owner); err != nil {
			return err
		}
		var cards, done int64
		for _, p := range out.Parts {
			cards += p.Cards
			done += p.Done
		}
		if err := as.audit(tx, act, map[string]any{"campaign": id, "cards": cards, "done": done}); err != nil {
			return err
		}
		if to != CampaignStarted {
			return nil
		}
		// A campaign without a card is done as soon as it begins.
		if ended, err := as.endCampaign(tx, id); err != nil || !ended {
			return err
		}
		d, c, err = campaign(tx, id)
		if err != nil {
			return err
		}
		out, err = s.seen(tx, who, id, c, d.Owner)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// agreed spends the cards of an insurer's campaign from the day's limit of whoever starts it. Above it, somebody else must have asked
// for it: then two have agreed. The operator has no such limit.
func (s *Issuer) agreed(tx register.Tx, who Staff, c storedCampaign, seen *Campaign) error {
	if who.Insurer == "" {
		return nil
	}
	err := s.spend(tx, who, actIssue, int(seen.Total().Cards))
	if !errors.Is(err, errOver) {
		return err
	}
	if c.By == digestOf(who.Insurer, who.Person) {
		return ErrSameEyes
	}
	return nil
}

// forgive lets shards that were given up be tried again.
func forgive(tx register.Tx, id string, insurers []string) error {
	for _, key := range insurers {
		d, p, err := campaignPart(tx, id, key)
		if err != nil {
			return err
		}
		if len(p.Failed) == 0 {
			continue
		}
		p.Failed = nil
		if err := writeDocument(tx, d, p); err != nil {
			return err
		}
	}
	return nil
}

const actStartCampaign = "campaign.start"

// StartCampaign lets workers take the shards of a planned campaign. Errors: ErrUnplanned, ErrCampaignState, ErrOperators, and
// ErrSameEyes when an insurer's campaign is above the day's limit of whoever starts it, and the same person asked for it.
func (s *Issuer) StartCampaign(ctx context.Context, who Staff, id string) (*Campaign, error) {
	return s.change(ctx, who, id, actStartCampaign, CampaignStarted, CampaignPlanned)
}

// PauseCampaign lets workers finish the shard in hand and take no more.
func (s *Issuer) PauseCampaign(ctx context.Context, who Staff, id string) (*Campaign, error) {
	return s.change(ctx, who, id, "campaign.pause", CampaignPaused, CampaignStarted)
}

// ResumeCampaign ends a pause, and lets shards that were given up be tried again.
func (s *Issuer) ResumeCampaign(ctx context.Context, who Staff, id string) (*Campaign, error) {
	return s.change(ctx, who, id, "campaign.resume", CampaignStarted, CampaignPaused)
}

// CancelCampaign gives a campaign up for good. Cards that were issued stay issued, and files that were drawn stay where they are; it
// also ends a planning that was cut short, which leaves nothing.
func (s *Issuer) CancelCampaign(ctx context.Context, who Staff, id string) (*Campaign, error) {
	c, err := s.change(ctx, who, id, "campaign.cancel", CampaignCancelled, CampaignPlanning, CampaignPlanned, CampaignStarted, CampaignPaused)
	if err != nil {
		return nil, err
	}
	// A planner that is still at work meets the state at its next step. What it leaves goes with the campaign.
	return c, s.dropBelow(ctx, []string{kindSort, kindLease}, id+"/", nil)
}

// endCampaign ends a started campaign whose parts are all over.
func (s *Issuer) endCampaign(tx register.Tx, id string) (bool, error) {
	d, c, err := campaign(tx, id)
	if err != nil {
		return false, err
	}
	if c.State == CampaignDone {
		return true, nil
	}
	if c.State != CampaignStarted && c.State != CampaignPaused {
		return false, nil
	}
	var cards, made int64
	for _, key := range c.Insurers {
		_, p, err := campaignPart(tx, id, key)
		if err != nil {
			return false, err
		}
		if !p.over() {
			return false, nil
		}
		cards += p.Cards
		made += p.Made
	}
	c.State, c.Ended = CampaignDone, s.second()
	d.Until = c.Ended.Add(campaignKept)
	if err := writeDocument(tx, d, c); err != nil {
		return false, err
	}
	return true, s.audit(tx, "campaign.done", map[string]any{"campaign": id, "insurers": len(c.Insurers), "cards": cards, "made": made})
}

// Rate is how many cards a second were done in the last minutes, 0 when nothing was, and where nobody is to work.
func (c *Campaign) Rate(now time.Time) float64 {
	if c.State != CampaignStarted {
		return 0
	}
	var rate float64
	for _, p := range c.Parts {
		if len(p.Beats) == 0 || now.Sub(p.Beats[len(p.Beats)-1].At) > 10*time.Minute {
			continue
		}
		first := p.Beats[0]
		if d := now.Sub(first.At).Seconds(); d > 0 {
			rate += float64(p.Done-first.Done) / d
		}
	}
	return rate
}

// Total sums the parts up; the Insurer and the manifest of the sum mean nothing.
func (c *Campaign) Total() CampaignPart {
	t := CampaignPart{LeftOut: map[string]int64{}, Rejects: map[string]int64{}}
	for _, p := range c.Parts {
		t.Contracts, t.Cards, t.Shards, t.Files = t.Contracts+p.Contracts, t.Cards+p.Cards, t.Shards+p.Shards, t.Files+p.Files
		t.DoneShards, t.DoneFiles, t.Done, t.Made = t.DoneShards+p.DoneShards, t.DoneFiles+p.DoneFiles, t.Done+p.Done, t.Made+p.Made
		t.Issued, t.Existing, t.Replaced = t.Issued+p.Issued, t.Existing+p.Existing, t.Replaced+p.Replaced
		t.Bytes, t.People, t.Pages = t.Bytes+p.Bytes, t.People+p.People, t.Pages+p.Pages
		for cause, n := range p.LeftOut {
			t.LeftOut[cause] += n
		}
		for cause, n := range p.Rejects {
			t.Rejects[cause] += n
		}
	}
	return t
}
