// The second half of a root ceremony: holders sign the draft, and it is put in force.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card/register"
	"sceau/signing/trust"
)

// SignRoot signs a draft with every root key of a medium that the root in force or the new one names; keys that have signed change
// nothing. Holders may come one by one, on different days. Errors: ErrNoHolder, ErrUnknownCeremony, ErrCeremonyOver, and those
// of the key store.
func (s *Issuer) SignRoot(ctx context.Context, id string, k Keys) (*RootCeremony, error) {
	c, err := s.openOne(ctx, id)
	if err != nil {
		return nil, err
	}
	review, err := trust.ReviewRoot(c.Draft)
	if err != nil {
		return nil, fmt.Errorf("%w: draft of ceremony %s: %w", ErrDamaged, id, err)
	}
	h := shelf{keys: k}
	draft, mine := c.Draft, 0
	for _, key := range review.Keys {
		if key.Role != trust.RoleRoot {
			continue
		}
		if _, err := h.find(rootFamily, key.Public); errors.Is(err, ErrNotHeld) {
			continue
		} else if err != nil {
			return nil, err
		}
		mine++
		if key.Signed {
			continue
		}
		signer, name, err := h.open(rootFamily, key.Public)
		if err != nil {
			return nil, err
		}
		if draft, err = trust.SignRoot(draft, signer); err != nil {
			return nil, fmt.Errorf("issuer: key %s: %w", name, err)
		}
	}
	if mine == 0 {
		return nil, fmt.Errorf("%w: ceremony %s", ErrNoHolder, id)
	}
	step := CeremonyStep{What: "signed"}
	if p, ok := k.(interface{ Place() string }); ok {
		step.Where = p.Place()
	}
	return s.addSignatures(ctx, id, draft, step)
}

// openOne is Ceremony for one that can still go on.
func (s *Issuer) openOne(ctx context.Context, id string) (*RootCeremony, error) {
	c, err := s.Ceremony(ctx, id)
	if err == nil && c.State != CeremonyOpen {
		return nil, fmt.Errorf("%w: %s is %s", ErrCeremonyOver, id, c.State)
	}
	return c, err
}

// AddRootSignatures takes the draft back from a holder who signed it elsewhere. Signatures that are there already stay, so that
// copies may travel to several holders at once. ErrDraft when anything but its signatures differs, or one is false.
func (s *Issuer) AddRootSignatures(ctx context.Context, id string, signed []byte) (*RootCeremony, error) {
	return s.addSignatures(ctx, id, signed, CeremonyStep{What: "signature received"})
}

// addSignatures joins signatures to a draft, and notes each as a step.
func (s *Issuer) addSignatures(ctx context.Context, id string, signed []byte, how CeremonyStep) (*RootCeremony, error) {
	var d ceremonyData
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		doc, was, err := readCeremony(tx, id)
		if err != nil {
			return err
		}
		if was.State != CeremonyOpen {
			return fmt.Errorf("%w: %s is %s", ErrCeremonyOver, id, was.State)
		}
		before, err := was.ceremony(id)
		if err != nil {
			return err
		}
		d = was
		if d.Draft, err = trust.JoinDrafts(was.Draft, signed); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDraft, id, err)
		}
		after, err := d.ceremony(id)
		if err != nil {
			return err
		}
		news := slices.DeleteFunc(slices.Clone(after.Signed), func(kid string) bool { return slices.Contains(before.Signed, kid) })
		if len(news) == 0 {
			return nil
		}
		for _, kid := range news {
			step := s.step(how.What, kid)
			step.Where = how.Where
			d.Steps = append(d.Steps, step)
			if err := s.audit(tx, "ceremony.sign", map[string]string{"ceremony": id, "kid": kid}); err != nil {
				return err
			}
		}
		return putCeremony(tx, id, doc.Version+1, d)
	})
	if err != nil {
		return nil, err
	}
	return d.ceremony(id)
}

// FinishRoot puts the new root in force: it publishes it, with all that its new keys must sign. Called again after that it only
// says so. Errors: ErrUnsigned, ErrStale, ErrUnknownCeremony, ErrCeremonyOver for one that was given up, and those of Publish; a
// new key that is not at hand is trust.ErrNoSigner.
func (s *Issuer) FinishRoot(ctx context.Context, id string) (*RootCeremony, error) {
	c, err := s.Ceremony(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case c.State == CeremonyPublished:
		return c, nil
	case c.State != CeremonyOpen:
		return nil, fmt.Errorf("%w: %s is %s", ErrCeremonyOver, id, c.State)
	}
	_, report, err := s.publish(ctx, time.Time{}, func(e *edition, _ time.Time) error {
		old, next, err := e.repo.RootMissing(c.Draft)
		switch {
		case errors.Is(err, trust.ErrStaleDraft):
			return fmt.Errorf("%w: %s: %w", ErrStale, id, err)
		case err != nil:
			return fmt.Errorf("%w: draft of ceremony %s: %w", ErrDamaged, id, err)
		case old > 0 || next > 0:
			return fmt.Errorf("%w: %d of the root in force, %d of the new one", ErrUnsigned, old, next)
		}
		if err := e.repo.InstallRoot(c.Draft); err != nil {
			return fmt.Errorf("issuer: install root %d: %w", c.Number, err)
		}
		e.also = append(e.also, func(tx register.Tx) error {
			doc, d, err := readCeremony(tx, id)
			if err != nil {
				return err
			}
			if d.State != CeremonyOpen {
				return register.ErrConflict
			}
			d.State, d.Version = CeremonyPublished, e.repo.View().Version()
			d.Steps = append(d.Steps, s.step("published", ""))
			return putCeremony(tx, id, doc.Version+1, d)
		})
		return e.note(s, "ceremony.publish", map[string]string{"ceremony": id, "root": fmt.Sprint(c.Number)})
	})
	if err != nil {
		return nil, err
	}
	done, err := s.Ceremony(ctx, id)
	if err != nil {
		return nil, err
	}
	done.Warnings = report.Warnings
	return done, nil
}

// AbandonRoot gives a ceremony up. The keys that it made are never used; nothing that is published changes. Errors:
// ErrUnknownCeremony, ErrCeremonyOver for one that was finished.
func (s *Issuer) AbandonRoot(ctx context.Context, id string) (*RootCeremony, error) {
	var d ceremonyData
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		doc, was, err := readCeremony(tx, id)
		if err != nil {
			return err
		}
		d = was
		switch d.State {
		case CeremonyAbandoned:
			return nil
		case CeremonyPublished:
			return fmt.Errorf("%w: %s is %s", ErrCeremonyOver, id, d.State)
		}
		d.State = CeremonyAbandoned
		d.Steps = append(d.Steps, s.step("abandoned", ""))
		if err := putCeremony(tx, id, doc.Version+1, d); err != nil {
			return err
		}
		return s.audit(tx, "ceremony.abandon", map[string]string{"ceremony": id})
	})
	if err != nil {
		return nil, err
	}
	return d.ceremony(id)
}
