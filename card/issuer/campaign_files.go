// Files and parts at work: what is drawn of shards that are done, and the manifest that ends an insurer's part.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sceau/card/register"
)

// OpenFile takes a file for a worker and reads its items. One that is done is read without being taken, whatever the campaign's state.
// Errors: ErrUnknownCampaign, ErrIncomplete while a shard of it is not done, ErrUnplanned, ErrPaused, ErrCancelled, ErrLeased.
func (s *Issuer) OpenFile(ctx context.Context, id, insurer string, n int, c Claim) (*CampaignFile, error) {
	var f CampaignFile
	var docs []register.Document
	var drawn storedFile
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		of, _, p, err := campaignAndPart(tx, id, insurer)
		if err != nil {
			return err
		}
		if n < 1 || n > p.Files {
			return fmt.Errorf("%w: file %d of %s in %s, which has %d", ErrUnknownCampaign, n, insurer, id, p.Files)
		}
		f = p.file(id, of.Spec, n)
		f.Claim, f.Done = c, p.FileBits.has(n)
		if f.Done {
			if _, err := packed(tx, kindFile, numberedID(id, insurer, n), &drawn); err != nil {
				return err
			}
			f.Outputs = drawn.Outputs
		} else {
			if err := mayWork(id, of.State); err != nil {
				return err
			}
			if !p.drawable(of.Spec, n) {
				return fmt.Errorf("%w: file %d of %s in %s", ErrIncomplete, n, insurer, id)
			}
			if err := s.lease(tx, leaseID(id, insurer, leaseFile, n), insurer, c); err != nil {
				return err
			}
		}
		docs, err = shardDocuments(tx, id, insurer, f.FirstShard, f.LastShard)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		items, err := shardItems(d, insurer)
		if err != nil {
			return nil, err
		}
		f.Items = append(f.Items, items...)
	}
	drawn.mark(f.Items)
	return &f, nil
}

func shardDocuments(tx register.Tx, id, insurer string, first, last int) ([]register.Document, error) {
	var docs []register.Document
	for n := first; n <= last; n++ {
		d, err := shardDocument(tx, id, insurer, n)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// mark says of items that have a card why their page is not in the file.
func (f storedFile) mark(items []CampaignItem) {
	for i, it := range items {
		if cause := f.Undrawn[it.Sequence]; cause != "" {
			items[i].Cause = cause
		}
	}
}

// ReleaseFile gives a file back without an end.
func (s *Issuer) ReleaseFile(ctx context.Context, f *CampaignFile) error {
	return s.Store.Update(ctx, func(tx register.Tx) error {
		return release(tx, leaseID(f.Campaign, f.Insurer, leaseFile, f.N), f.Worker)
	})
}

// EndFile stores what was written of a file and gives it back. undrawn gives a cause to the numbers whose card is live and whose page
// can't be drawn. partDone says that the part lacks nothing but its manifest, which now is the worker's to make. Ended twice
// it counts once; ErrDamaged when other bytes were written than the first time. A campaign that was cancelled keeps the facts.
func (s *Issuer) EndFile(ctx context.Context, f *CampaignFile, outputs []OutputFact, undrawn map[int64]string) (partDone bool, err error) {
	for seq, cause := range undrawn {
		if seq < f.First || seq > f.Last || cause == "" {
			return false, fmt.Errorf("issuer: number %d is not of file %d, or has no cause", seq, f.N)
		}
	}
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		of, d, p, err := campaignAndPart(tx, f.Campaign, f.Insurer)
		if err != nil {
			return err
		}
		if err := release(tx, leaseID(f.Campaign, f.Insurer, leaseFile, f.N), f.Worker); err != nil {
			return err
		}
		id := numberedID(f.Campaign, f.Insurer, f.N)
		if p.FileBits.has(f.N) {
			var was storedFile
			if _, err := packed(tx, kindFile, id, &was); err != nil {
				return err
			}
			if !slices.Equal(was.Outputs, outputs) || !maps.Equal(was.Undrawn, undrawn) {
				return fmt.Errorf("%w: file %d of %s in %s was drawn again and is not the same", ErrDamaged, f.N, f.Insurer, f.Campaign)
			}
		} else {
			if !p.drawable(of.Spec, f.N) {
				return fmt.Errorf("%w: file %d of %s in %s", ErrIncomplete, f.N, f.Insurer, f.Campaign)
			}
			if err := putPacked(tx, register.Document{Kind: kindFile, ID: id, Owner: f.Insurer}, storedFile{outputs, undrawn}); err != nil {
				return err
			}
			p.drawn(f.N, outputs, undrawn)
			delete(p.Failed, f.LastShard)
			if p.DoneFiles == p.Files {
				p.Drawn = s.second()
			}
			if err := writeDocument(tx, d, p); err != nil {
				return err
			}
		}
		partDone = of.State == CampaignStarted && p.DoneFiles == p.Files && p.Manifest == nil
		if !partDone {
			return nil
		}
		err = s.lease(tx, leaseID(f.Campaign, f.Insurer, leasePart, 0), f.Insurer, f.Claim)
		if errors.Is(err, ErrLeased) {
			partDone, err = false, nil
		}
		return err
	})
	if err != nil {
		return false, err
	}
	return partDone, nil
}

// drawn counts a file. People are those of one kind of output: the others show the same ones.
func (p *storedPart) drawn(n int, outputs []OutputFact, undrawn map[int64]string) {
	p.FileBits.set(n)
	p.DoneFiles++
	var people int64
	for _, o := range outputs {
		p.Bytes += o.Size
		p.Pages += o.Pages
		people = max(people, o.People)
	}
	p.People += people
	for _, cause := range undrawn {
		p.reject(cause, 1)
	}
}

// OpenPart takes the manifest of a part whose files are all drawn. done says that it is signed already: then nothing is taken.
// Errors: ErrIncomplete, ErrUnplanned, ErrPaused, ErrCancelled, ErrLeased.
func (s *Issuer) OpenPart(ctx context.Context, id, insurer string, c Claim) (_ *CampaignPart, spec CampaignSpec, done bool, err error) {
	var p storedPart
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		_, of, err := campaign(tx, id)
		if err != nil {
			return err
		}
		if _, p, err = campaignPart(tx, id, insurer); err != nil {
			return err
		}
		spec = of.Spec
		if done = p.over() && p.Planned; done {
			return nil
		}
		if err := mayWork(id, of.State); err != nil {
			return err
		}
		if p.DoneFiles < p.Files {
			return fmt.Errorf("%w: %d of %d files of %s in %s are drawn", ErrIncomplete, p.DoneFiles, p.Files, insurer, id)
		}
		return s.lease(tx, leaseID(id, insurer, leasePart, 0), insurer, c)
	})
	if err != nil {
		return nil, CampaignSpec{}, false, err
	}
	return &p.CampaignPart, spec, done, nil
}

// EndPart stores the manifest of a part; the last one ends the campaign, and done says so. A later manifest takes the place of the
// one before: after a theft of its key it is signed anew.
func (s *Issuer) EndPart(ctx context.Context, id, insurer string, m ManifestFact) (done bool, err error) {
	m.Made = m.Made.UTC()
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		d, p, err := campaignPart(tx, id, insurer)
		if err != nil {
			return err
		}
		switch {
		case p.DoneFiles < p.Files || p.Cards == 0:
			return fmt.Errorf("%w: %d of %d files of %s in %s are drawn", ErrIncomplete, p.DoneFiles, p.Files, insurer, id)
		case p.Manifest == nil || *p.Manifest != m:
			p.Manifest, p.Failed = &m, nil
			if err := writeDocument(tx, d, p); err != nil {
				return err
			}
			detail := map[string]any{"campaign": id, "insurer": insurer, "cards": p.Cards, "made": p.Made, "files": p.Files, "sha256": m.SHA256, "kid": m.KID}
			if err := s.audit(tx, "campaign.manifest", detail); err != nil {
				return err
			}
		}
		if err := tx.DropDocument(kindLease, leaseID(id, insurer, leasePart, 0)); err != nil {
			return err
		}
		done, err = s.endCampaign(tx, id)
		return err
	})
	if err != nil {
		return false, err
	}
	return done, nil
}

// CampaignFiles hands out the files of a part that are drawn, in order, without their items.
func (s *Issuer) CampaignFiles(ctx context.Context, id, insurer string, each func(CampaignFile) error) error {
	of, p, err := s.partOf(ctx, id, insurer)
	if err != nil {
		return err
	}
	n := 0
	return s.eachBelow(ctx, kindFile, partID(id, insurer)+"/", 100, func(d register.Document) error {
		var v storedFile
		if err := unpack(d, &v); err != nil {
			return err
		}
		for n++; n <= p.Files && d.ID != numberedID(id, insurer, n); n++ {
		}
		f := p.file(id, of.Spec, n)
		f.Done, f.Outputs = true, v.Outputs
		return each(f)
	})
}

func (s *Issuer) partOf(ctx context.Context, id, insurer string) (storedCampaign, storedPart, error) {
	var c storedCampaign
	var p storedPart
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		if _, c, err = campaign(tx, id); err != nil {
			return err
		}
		_, p, err = campaignPart(tx, id, insurer)
		return err
	})
	if err != nil {
		return storedCampaign{}, storedPart{}, err
	}
	return c, p, nil
}

// CampaignItems hands out the numbers first to last of a part, in order; a last of 0 is the part's last. Of shards that are not done
// they have neither a card nor a cause.
func (s *Issuer) CampaignItems(ctx context.Context, id, insurer string, first, last int64, each func(CampaignItem) error) error {
	of, p, err := s.partOf(ctx, id, insurer)
	if err != nil {
		return err
	}
	if last == 0 {
		last = p.Cards
	}
	first = max(first, 1)
	if p.Cards == 0 && first == 1 {
		return nil
	}
	if first > last || last > p.Cards {
		return fmt.Errorf("%w: numbers %d to %d of %s in %s, which has 1 to %d", ErrUnknownCampaign, first, last, insurer, id, p.Cards)
	}
	size := int64(of.Spec.ShardSize)
	var drawn storedFile
	file := 0
	for n := int((first-1)/size) + 1; int64(n-1)*size < last; n++ {
		var d register.Document
		err := s.Store.View(ctx, func(tx register.Tx) (err error) {
			if f := (n-1)/p.shardsOfFile(of.Spec) + 1; f != file {
				file, drawn = f, storedFile{}
				if _, err := packed(tx, kindFile, numberedID(id, insurer, f), &drawn); err != nil && !errors.Is(err, ErrUnknownCampaign) {
					return err
				}
			}
			d, err = shardDocument(tx, id, insurer, n)
			return err
		})
		if err != nil {
			return err
		}
		items, err := shardItems(d, insurer)
		if err != nil {
			return err
		}
		drawn.mark(items)
		for _, it := range items {
			if it.Sequence < first || it.Sequence > last {
				continue
			}
			if err := each(it); err != nil {
				return err
			}
		}
	}
	return nil
}

// CampaignLeft hands out what planning left out of a part and somebody should look at, in the order of the contracts. Their Sequence
// is 0. What is plain from the counts (existing, ended, other-period) is not among them.
func (s *Issuer) CampaignLeft(ctx context.Context, id, insurer string, each func(CampaignItem) error) error {
	if _, _, err := s.partOf(ctx, id, insurer); err != nil {
		return err
	}
	return s.eachBelow(ctx, kindLeft, partID(id, insurer)+"/", 20, func(d register.Document) error {
		var all []leftItem
		if err := unpack(d, &all); err != nil {
			return err
		}
		for _, l := range all {
			err := each(CampaignItem{Contract: register.ContractKey{Insurer: insurer, Adherent: l.Adherent}, Person: l.Person, Cause: strings.Clone(l.Cause)})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
