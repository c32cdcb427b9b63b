// EstimateCampaign: what a campaign would come to. It stores nothing and signs nothing.

package issuer

import (
	"context"
	"errors"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// sampled is how many contracts an estimate keeps for whoever wants to draw some.
const sampled = 64

// Estimate is what a campaign would come to if it were created now.
type Estimate struct {
	Spec    CampaignSpec // with its defaults, without Contracts
	Parts   []EstimatePart
	Lengths map[int]int64     // code texts by their number of characters
	People  int64             // on the cards to make
	Sample  []rights.Contract // of those to make, spread over the selection; for a drawing that is thrown away
	Looked  int64             // contracts
	Encoded int64             // cards that were encoded to know whether they fit
	Took    time.Duration     // looking and encoding

	// Refusals are what CreateCampaign would be refused for now: *CampaignExists, a *CampaignBeside for each campaign that would print
	// the same cards, *NothingToMake.
	Refusals []error
}

// EstimatePart is one insurer's part.
type EstimatePart struct {
	Insurer   string
	Contracts int64
	Cards     int64
	LeftOut   map[string]int64 // by cause
	Shards    int64
	Files     int64 // ranges: each output has one file for each
}

// Total sums the parts up.
func (e *Estimate) Total() EstimatePart {
	t := EstimatePart{LeftOut: map[string]int64{}}
	for _, p := range e.Parts {
		t.Contracts, t.Cards, t.Shards, t.Files = t.Contracts+p.Contracts, t.Cards+p.Cards, t.Shards+p.Shards, t.Files+p.Files
		for cause, n := range p.LeftOut {
			t.LeftOut[cause] += n
		}
	}
	return t
}

// EstimateCampaign counts what CreateCampaign would plan: exactly, as long as nothing changes. Memory does not depend on the size of
// the campaign. Errors: as CreateCampaign's about the spec; what other campaigns and contracts forbid is in Refusals.
func (s *Issuer) EstimateCampaign(ctx context.Context, who Staff, spec CampaignSpec, progress func(done int64)) (*Estimate, error) {
	a, err := s.checkSpec(ctx, who, spec)
	if err != nil {
		return nil, err
	}
	e := &Estimate{Spec: a.spec, Lengths: map[int]int64{}}
	e.Spec.Contracts = nil
	made := false
	if err := s.Store.View(ctx, func(tx register.Tx) (err error) { e.Refusals, made, err = s.refusals(tx, a); return err }); err != nil {
		return nil, err
	}
	sample := sampler{keep: &e.Sample, step: 1}
	began := s.now()
	for _, key := range a.insurers {
		w, err := s.selection(ctx, a, key)
		if err != nil {
			return nil, err
		}
		p := EstimatePart{Insurer: key, LeftOut: map[string]int64{}}
		err = w.walk(ctx, key, func(c *choice) error {
			e.Looked++
			p.Contracts++
			for _, l := range c.left {
				p.LeftOut[l.cause]++
			}
			for i, person := range c.make {
				p.Cards++
				e.Encoded++
				e.Lengths[c.lengths[i]]++
				e.People++
				if person < 0 {
					e.People += int64(len(c.facts.Beneficiaries)) - 1
				}
			}
			if len(c.make) > 0 {
				sample.see(c.facts)
			}
			return nil
		}, func() error {
			if progress != nil {
				progress(e.Looked)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if err := e.Spec.holds(key, p.Cards); err != nil {
			return nil, err
		}
		size, file := int64(e.Spec.ShardSize), int64(e.Spec.FileSize)
		p.Shards, p.Files = (p.Cards+size-1)/size, (p.Cards+file-1)/file
		e.Parts = append(e.Parts, p)
	}
	e.Took = s.now().Sub(began)
	if t := e.Total(); t.Cards == 0 && !made {
		e.Refusals = append(e.Refusals, &NothingToMake{t.Contracts, t.LeftOut})
	}
	return e, nil
}

// refusals are those that other campaigns are the reason for. One that was asked for in the very same words is none: it is the campaign
// that CreateCampaign would return (made) or go on with.
func (s *Issuer) refusals(tx register.Tx, a *asked) (out []error, made bool, err error) {
	var named *CampaignExists
	switch err := s.nameIsFree(tx, a); {
	case errors.As(err, &named) && named.Same:
		return nil, named.State != CampaignPlanning, nil
	case errors.As(err, &named):
		out = append(out, named)
	case err != nil:
		return nil, false, err
	}
	there, err := besides(tx, a)
	if err != nil {
		return nil, false, err
	}
	for i := range there {
		out = append(out, &there[i])
	}
	return out, false, nil
}

// sampler keeps some of what it sees, spread evenly, without knowing how many will come.
type sampler struct {
	keep *[]rights.Contract
	step int64
	seen int64
}

func (s *sampler) see(c rights.Contract) {
	s.seen++
	if (s.seen-1)%s.step != 0 {
		return
	}
	if len(*s.keep) == sampled {
		for i := range sampled / 2 {
			(*s.keep)[i] = (*s.keep)[2*i]
		}
		clear((*s.keep)[sampled/2:])
		*s.keep = (*s.keep)[:sampled/2]
		s.step *= 2
		if (s.seen-1)%s.step != 0 {
			return
		}
	}
	*s.keep = append(*s.keep, c)
}
