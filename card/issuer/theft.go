// A stolen key: it stops at once, what it signed for the honest issuer is saved, and the rest dies.

package issuer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
)

// theftSlack is how long before its making the window of a key begins that replaces a stolen one at once: a process whose clock is
// a little behind, or whose run began a little earlier, signs with it too.
const theftSlack = time.Hour

// theftTries is how often the publication of a theft is tried anew when another publisher was faster.
const theftTries = 8

// CompromiseCardKey declares a card key stolen. From the first transaction on no process begins a card with it: a new key signs
// at once, and keys that were published for later are dead, because they lay beside the stolen one. Then every card that the
// stolen key ever signed, or was about to, is put on a list, and published with the key's state "listed" under the insurer's
// offline key: counters believe these cards and no other. No card is reprinted; each is signed with another key at its renewal.
//
// After ErrNoOfflineKeys the key signs no more, and counters do not know yet: attach the offline key and call again, or publish.
// Called again it only does what is missing. Errors: ErrUnknownKey, ErrKeyState for a dead key, ErrTooManyKeys, ErrConcurrent.
func (s *Issuer) CompromiseCardKey(ctx context.Context, kid string) (*Theft, error) {
	t := &Theft{Purpose: PurposeCard, KID: kid, At: s.now().UTC().Truncate(time.Second)}
	if err := s.listKey(ctx, t); err != nil {
		return nil, err
	}
	list, err := s.stolenCards(ctx, t.Insurer, kid)
	if err != nil {
		return nil, err
	}
	t.Cards, t.Intents, t.Standing, t.Parts, t.Bytes = list.cards, list.intents, list.standing, len(list.files), list.bytes()
	untold := func(err error) error {
		return fmt.Errorf("issuer: key %s signs no more, but counters do not know yet: %w", kid, err)
	}
	for try := 1; ; try++ {
		e, report, err := s.publish(ctx, time.Time{}, func(e *edition, _ time.Time) error {
			e.stolen[kid] = list
			return e.note(s, "key.list", keyAct{Purpose: PurposeCard, Insurer: t.Insurer, KID: kid, Cards: list.cards})
		})
		if errors.Is(err, ErrConcurrent) && try < theftTries {
			continue
		}
		if err != nil {
			return nil, untold(err)
		}
		if slices.Contains(e.untold, t.Insurer) {
			return nil, untold(fmt.Errorf("%w: the key of %s", ErrNoOfflineKeys, e.insurers[t.Insurer].Keys.Insurer))
		}
		t.Version, t.Warnings = report.Version, report.Warnings
		return t, nil
	}
}

// listKey makes the key signed with no more, in one transaction of the register.
func (s *Issuer) listKey(ctx context.Context, t *Theft) error {
	var made *madeKey
	for try := 1; ; try++ {
		var was []byte
		need := false
		err := s.Store.View(ctx, func(tx register.Tx) error {
			i, d, err := stolenDocument(tx, t)
			if err != nil {
				return err
			}
			was = bytes.Clone(i.Document)
			need = d.list(t, t.At)
			return nil
		})
		if err != nil {
			return err
		}
		if need && made == nil {
			// Before the transaction: a key on a token may take its time, and everybody would wait.
			d := keyDocument{kind: card.Kind, family: cardFamily(t.Insurer), owner: t.Insurer, keys: new([]*signing.PublicKey)}
			m, err := d.add(s.Online, t.At)
			if err != nil {
				return err
			}
			made = &m
		}
		err = s.Store.Update(ctx, func(tx register.Tx) error {
			i, d, err := stolenDocument(tx, t)
			if err != nil {
				return err
			}
			if !bytes.Equal(was, i.Document) {
				return register.ErrConflict
			}
			before := keyOfKID(*d.keys, t.KID).State
			d.list(t, t.At)
			if made != nil {
				if err := d.put(made, t.At); err != nil {
					return err
				}
				current, _ := d.stand(t.At)
				t.Next, t.Name = current.KID, ""
				if current.KID == made.KID {
					t.Name = made.name
				}
			}
			b, err := d.bytes()
			if err != nil {
				return fmt.Errorf("issuer: keys of %s: %w", t.Insurer, err)
			}
			if before == signing.StateListed && bytes.Equal(b, i.Document) {
				return nil
			}
			i.Document = b
			if err := tx.PutInsurer(i); err != nil {
				return err
			}
			return s.audit(tx, "key.compromise", keyAct{Purpose: PurposeCard, Insurer: t.Insurer, KID: t.KID, Next: t.Next})
		})
		if errors.Is(err, register.ErrConflict) {
			if try < theftTries {
				continue
			}
			return fmt.Errorf("%w: %w", ErrConcurrent, err)
		}
		return err
	}
}

// stolenDocument reads the issuer.json that names a stolen card key.
func stolenDocument(tx register.Tx, t *Theft) (register.Insurer, *keyDocument, error) {
	i, doc, err := ownerOf(tx, t.KID)
	if err != nil {
		return register.Insurer{}, nil, err
	}
	t.Insurer = i.Key
	if keyOfKID(doc.CardKeys, t.KID).State == signing.StateDead {
		return register.Insurer{}, nil, fmt.Errorf("%w: %s is dead", ErrKeyState, t.KID)
	}
	return i, &keyDocument{purpose: PurposeCard, owner: i.Key, kind: card.Kind, family: cardFamily(i.Key), keys: &doc.CardKeys, limit: card.MaxCardKeys, insurer: doc}, nil
}

// list makes a key listed, and with it dead what was published to follow it. It says whether a new key is needed, and fills
// Next with the one that signs when none is.
func (d *keyDocument) list(t *Theft, now time.Time) (need bool) {
	k := keyOfKID(*d.keys, t.KID)
	if k.State != signing.StateListed {
		signs := k.State == signing.StateActive && (k.Until.IsZero() || now.Before(k.Until))
		k.State = signing.StateListed
		if signs {
			for _, c := range *d.keys {
				if c.State == signing.StateActive && c.From.After(now) {
					c.State = signing.StateDead
				}
			}
		}
	}
	if current, _ := d.stand(now); current != nil {
		// It ended where a key was to begin that is dead now.
		t.Next = current.KID
		if !current.Until.IsZero() && !slices.ContainsFunc(*d.keys, func(c *signing.PublicKey) bool {
			return c.State == signing.StateActive && c != current && c.InWindow(current.Until)
		}) {
			current.Until = time.Time{}
		}
		return false
	}
	return true
}

// put names a new key that signs at once.
func (d *keyDocument) put(made *madeKey, now time.Time) error {
	if current, _ := d.stand(now); current != nil {
		return nil // made for nothing: another process was faster
	}
	if len(*d.keys) >= d.limit {
		return fmt.Errorf("%w: %d keys of %s", ErrTooManyKeys, d.limit, d.purpose)
	}
	own := *made.PublicKey
	if err := own.SetWindow(now.Add(-theftSlack), time.Time{}); err != nil {
		return err
	}
	*d.keys = append(*d.keys, &own)
	return nil
}

// CompromiseListKey replaces the stolen key of an insurer's Token Status Lists at once. What it signed is dead; every list is
// signed anew in the same publication. Errors: as RotateListKey.
func (s *Issuer) CompromiseListKey(ctx context.Context, insurer string) (*Theft, error) {
	return s.kill(ctx, insurer, PurposeList)
}

// CompromiseServiceKey replaces the service's stolen key of that purpose, PurposeAccord, PurposeSettlement or PurposeManifest, at once. What it
// signed is dead, before the theft as after: an accord that was given is honoured by its number, which is in the register.
// Errors: as RotateServiceKey.
func (s *Issuer) CompromiseServiceKey(ctx context.Context, which string) (*Theft, error) {
	if _, err := serviceKind(which); err != nil {
		return nil, err
	}
	return s.kill(ctx, "", which)
}

// kill makes the keys of a purpose that sign now or later dead, and another one sign at once.
func (s *Issuer) kill(ctx context.Context, insurer, purpose string) (*Theft, error) {
	t := &Theft{Purpose: purpose, Insurer: insurer}
	_, report, err := s.publish(ctx, time.Time{}, func(e *edition, now time.Time) error {
		d, err := e.keyDocument(insurer, purpose)
		if err != nil {
			return err
		}
		if !e.canSign(d.role) {
			return fmt.Errorf("%w: the key of %s", ErrNoOfflineKeys, d.role)
		}
		if len(*d.keys) >= d.limit {
			return fmt.Errorf("%w: %d keys of %s", ErrTooManyKeys, d.limit, purpose)
		}
		if current, _ := d.stand(now); current != nil {
			t.KID = current.KID
		}
		for _, k := range *d.keys {
			if k.State == signing.StateActive && (k.Until.IsZero() || now.Before(k.Until)) {
				k.State = signing.StateDead
			}
		}
		made, err := d.add(s.Online, now.Add(-theftSlack))
		if err != nil {
			return err
		}
		t.Next, t.Name, t.At = made.KID, made.name, now
		e.keys = s.ring()
		if err := d.store(e); err != nil {
			return err
		}
		return e.note(s, "key.compromise", keyAct{Purpose: purpose, Insurer: insurer, KID: t.KID, Next: t.Next})
	})
	if err != nil {
		return nil, err
	}
	t.Version, t.Warnings = report.Version, report.Warnings
	return t, nil
}

// CompromiseStatusKey replaces the stolen key of an insurer's status pages at once; what it signed is dead, and the pages of the
// register are signed anew. Errors: as RotateStatusKey.
func (s *Issuer) CompromiseStatusKey(ctx context.Context, insurer string) (*Theft, error) {
	return s.stolenRole(ctx, insurer, PurposeStatus)
}

// CompromiseInsurerKey replaces an insurer's stolen offline key at once; what it signed is dead, and issuer.json, the lists of
// stolen keys and the status role of the register are signed anew. Errors: as RotateInsurerKey.
func (s *Issuer) CompromiseInsurerKey(ctx context.Context, insurer string) (*Theft, error) {
	return s.stolenRole(ctx, insurer, PurposeInsurer)
}

func (s *Issuer) stolenRole(ctx context.Context, insurer, purpose string) (*Theft, error) {
	c, err := s.replace(ctx, insurer, purpose, "key.compromise")
	if err != nil {
		return nil, err
	}
	return &Theft{Purpose: purpose, Insurer: insurer, KID: c.Old, Next: c.New, Name: c.Name, At: c.From, Version: c.Version, Warnings: c.Warnings}, nil
}

// CompromiseOnline begins the ceremony that replaces the stolen keys of snapshot and timestamp, or says which one is under way.
// Nothing changes for counters before FinishRoot.
func (s *Issuer) CompromiseOnline(ctx context.Context) (*Theft, error) {
	return s.stolenTop(ctx, PurposeOnline, RootPlan{Why: WhyTheft, Snapshot: true, Timestamp: true})
}

// CompromiseTargets begins the ceremony that replaces the operator's stolen offline key, or says which one is under way. Nothing
// changes for counters before FinishRoot.
func (s *Issuer) CompromiseTargets(ctx context.Context) (*Theft, error) {
	return s.stolenTop(ctx, PurposeTargets, RootPlan{Why: WhyTheft, Targets: true})
}

func (s *Issuer) stolenTop(ctx context.Context, purpose string, plan RootPlan) (*Theft, error) {
	t := &Theft{Purpose: purpose, At: s.now().UTC().Truncate(time.Second)}
	all, err := s.Ceremonies(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.State == CeremonyOpen && c.Why == WhyTheft && c.replaces(plan) {
			t.Ceremony, t.At = c.ID, c.Created
			return t, nil
		}
	}
	c, err := s.BeginRoot(ctx, plan)
	if err != nil {
		return nil, err
	}
	t.Ceremony = c.ID
	return t, nil
}
