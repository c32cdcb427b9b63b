// Rotation: a new key is published first and signs later; what the old one signed in its time stands.

package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/signing"
	"sceau/signing/trust"
)

// RotateCardKey gives an insurer its next card key, which signs from that second on; zero means DefaultLead from now, so that
// counters know the key before they meet its first card. The old key signs until then, is retired by the first publication
// after it, and its cards stand. It publishes with the insurer's offline key, and is done whole or not at all. Asked again for
// the same, it says what was done before.
//
// Errors: ErrNoOfflineKeys, ErrConcurrent (nothing was done: ask again), ErrClock, ErrRotating, ErrRotationDate,
// ErrUnknownInsurer, ErrTooManyKeys.
func (s *Issuer) RotateCardKey(ctx context.Context, insurer string, from time.Time) (*KeyChange, error) {
	return s.rotate(ctx, insurer, PurposeCard, from)
}

// RotateListKey is RotateCardKey for the key of an insurer's Token Status Lists.
func (s *Issuer) RotateListKey(ctx context.Context, insurer string, from time.Time) (*KeyChange, error) {
	return s.rotate(ctx, insurer, PurposeList, from)
}

// RotateServiceKey is RotateCardKey for the service's key of that purpose, PurposeAccord, PurposeSettlement or PurposeManifest; it
// publishes with the operator's offline key. What the old key sealed stays believed.
func (s *Issuer) RotateServiceKey(ctx context.Context, which string, from time.Time) (*KeyChange, error) {
	if _, err := serviceKind(which); err != nil {
		return nil, err
	}
	return s.rotate(ctx, "", which, from)
}

// rotate is one rotation of a key that a document names.
func (s *Issuer) rotate(ctx context.Context, insurer, purpose string, from time.Time) (*KeyChange, error) {
	change := &KeyChange{Purpose: purpose, Insurer: insurer}
	_, report, err := s.publish(ctx, time.Time{}, func(e *edition, now time.Time) error {
		asked := !from.IsZero()
		begins := from.UTC().Truncate(time.Second)
		if !asked {
			begins = now.Add(DefaultLead)
		}
		d, err := e.keyDocument(insurer, purpose)
		if err != nil {
			return err
		}
		current, coming := d.stand(now)
		if coming != nil {
			if asked && !coming.From.Equal(begins) {
				return fmt.Errorf("%w: %s begins at %s", ErrRotating, coming.KID, coming.From.UTC().Format(time.RFC3339))
			}
			change.New, change.From = coming.KID, coming.From
			if current != nil {
				change.Old = current.KID
			}
			change.Name, err = e.keys.online.find(d.family, coming.ECDSA())
			return errors.Join(err, errDone)
		}
		if begins.Before(now) {
			return fmt.Errorf("%w: %s is past", ErrRotationDate, begins.Format(time.RFC3339))
		}
		if len(*d.keys) >= d.limit {
			return fmt.Errorf("%w: %d keys of %s", ErrTooManyKeys, d.limit, purpose)
		}
		if !e.canSign(d.role) {
			return fmt.Errorf("%w: the key of %s", ErrNoOfflineKeys, d.role)
		}
		if current != nil {
			if err := current.SetWindow(current.From, begins); err != nil {
				return fmt.Errorf("%w: the present key begins at that time itself", ErrRotationDate)
			}
			change.Old = current.KID
		}
		made, err := d.add(s.Online, begins)
		if err != nil {
			return err
		}
		change.Name, change.New, change.From = made.name, made.KID, begins
		e.keys = s.ring() // it has a key that was not there
		if err := d.store(e); err != nil {
			return err
		}
		return e.note(s, "key.rotate", keyAct{Purpose: purpose, Insurer: insurer, KID: change.Old, Next: change.New, From: begins.Format(time.RFC3339)})
	})
	if errors.Is(err, errDone) {
		return change, nil
	}
	if err != nil {
		return nil, err
	}
	change.Version, change.Warnings = report.Version, report.Warnings
	return change, nil
}

// errDone ends a change that was made before.
var errDone = errors.New("issuer: done before")

// keyAct is what the audit chain says of a key.
type keyAct struct {
	Purpose string `json:"purpose"`
	Insurer string `json:"insurer,omitempty"`
	KID     string `json:"kid,omitempty"`
	Next    string `json:"next,omitempty"`
	From    string `json:"from,omitempty"`
	Cards   int64  `json:"cards,omitempty"`
}

// note writes an act into the audit chain in the transaction that stores the edition.
func (e *edition) note(s *Issuer, act string, detail any) error {
	e.also = append(e.also, func(tx register.Tx) error { return s.audit(tx, act, detail) })
	return nil
}

// keyDocument is the document that names the keys of a purpose, ready to be changed.
type keyDocument struct {
	purpose string
	owner   string // insurer's key, "" for service.json
	role    string // that signs the document
	kind    signing.Kind
	family  family
	keys    *[]*signing.PublicKey
	limit   int
	insurer *card.Insurer
	service *card.Service
}

func (e *edition) keyDocument(insurer, purpose string) (*keyDocument, error) {
	d := &keyDocument{purpose: purpose, owner: insurer, role: trust.RoleTargets, limit: card.MaxServiceKeys, family: family(purpose)}
	if insurer == "" {
		if e.published == nil {
			return nil, fmt.Errorf("%w: no service.json is published yet", ErrUnknownKey)
		}
		own := *e.published
		own.AccordKeys, own.SettlementKeys, own.ManifestKeys = copies(own.AccordKeys), copies(own.SettlementKeys), copies(own.ManifestKeys)
		d.service, d.keys = &own, keysIn(&own, purpose)
		var err error
		d.kind, err = serviceKind(purpose)
		return d, err
	}
	if _, known := e.insurers[insurer]; !known {
		return nil, fmt.Errorf("%w: %.10q", ErrUnknownInsurer, insurer)
	}
	var err error
	if d.insurer, err = card.ParseInsurer(e.document(insurer)); err != nil {
		return nil, fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, insurer, err)
	}
	d.role = trust.InsurerRole(insurer)
	switch purpose {
	case PurposeCard:
		d.kind, d.family, d.keys, d.limit = card.Kind, cardFamily(insurer), &d.insurer.CardKeys, card.MaxCardKeys
	case PurposeList:
		d.kind, d.family, d.keys, d.limit = status.TokenKind, listFamily(insurer), &d.insurer.StatusKeys, card.MaxStatusKeys
	default:
		return nil, fmt.Errorf("%w: an insurer has no key %.20q", ErrUnknownKey, purpose)
	}
	return d, nil
}

func copies(keys []*signing.PublicKey) []*signing.PublicKey {
	out := make([]*signing.PublicKey, len(keys))
	for i, k := range keys {
		own := *k
		out[i] = &own
	}
	return out
}

// stand is the key that signs now and the one that is published and begins later; nil for none.
func (d *keyDocument) stand(now time.Time) (current, coming *signing.PublicKey) {
	if now := activeAt(*d.keys, now); len(now) > 0 {
		current = now[0]
	}
	for _, k := range *d.keys {
		if k.State == signing.StateActive && k.From.After(now) && (coming == nil || k.From.Before(coming.From)) {
			coming = k
		}
	}
	return current, coming
}

// madeKey is a new key with its name in the store.
type madeKey struct {
	*signing.PublicKey
	name string
}

// add makes the next key of the purpose and names it in the document.
func (d *keyDocument) add(k Keys, from time.Time) (madeKey, error) {
	signer, name, err := nextKey(k, d.family)
	if err != nil {
		return madeKey{}, err
	}
	pub, err := public(d.kind, signer, d.owner, from)
	if err != nil {
		return madeKey{}, err
	}
	*d.keys = append(*d.keys, pub)
	return madeKey{pub, name}, nil
}

func (d *keyDocument) bytes() ([]byte, error) {
	if d.service != nil {
		return d.service.Bytes()
	}
	return d.insurer.Bytes()
}

// store makes the document this edition's.
func (d *keyDocument) store(e *edition) error {
	b, err := d.bytes()
	switch {
	case err != nil:
		return fmt.Errorf("issuer: keys of %s: %w", d.role, err)
	case d.service != nil:
		e.service = b
	default:
		e.documents[d.owner] = b
	}
	return nil
}

// RotateStatusKey gives the role that signs an insurer's status pages another key, at once: nobody but the repository names it.
// It publishes with the insurer's offline key. Errors: as RotateCardKey.
func (s *Issuer) RotateStatusKey(ctx context.Context, insurer string) (*KeyChange, error) {
	return s.replace(ctx, insurer, PurposeStatus, "key.rotate")
}

// RotateInsurerKey gives an insurer another offline key, at once. It publishes with the operator's offline key, and signs what
// the old key had signed with the new one. Errors: as RotateCardKey.
func (s *Issuer) RotateInsurerKey(ctx context.Context, insurer string) (*KeyChange, error) {
	return s.replace(ctx, insurer, PurposeInsurer, "key.rotate")
}

// replace gives a role of an insurer another key.
func (s *Issuer) replace(ctx context.Context, insurer, purpose, act string) (*KeyChange, error) {
	change := &KeyChange{Purpose: purpose, Insurer: insurer}
	_, report, err := s.publish(ctx, time.Time{}, func(e *edition, now time.Time) error {
		if _, known := e.insurers[insurer]; !known {
			return fmt.Errorf("%w: %.10q", ErrUnknownInsurer, insurer)
		}
		role, by, keys := trust.StatusRole(insurer), trust.InsurerRole(insurer), s.Online
		if purpose == PurposeInsurer {
			role, by, keys = trust.InsurerRole(insurer), trust.RoleTargets, s.Offline
		}
		if !e.canSign(by) {
			return fmt.Errorf("%w: the key of %s", ErrNoOfflineKeys, by)
		}
		was, _, err := e.repo.Authority(role)
		if err != nil {
			return fmt.Errorf("%w: role %s: %w", ErrDamaged, role, err)
		}
		f, _ := familyOf(role)
		signer, name, err := nextKey(keys, f)
		if err != nil {
			return err
		}
		pub, kid, err := kidOf(signer)
		if err != nil {
			return err
		}
		change.Name, change.New, change.From = name, kid, now
		if len(was) > 0 {
			change.Old = signing.KID(was[0])
		}
		offline, status := crypto.PublicKey(nil), pub
		if purpose == PurposeInsurer {
			offline, status = pub, nil
		}
		if err := e.repo.ReplaceInsurerKeys(insurer, offline, status); err != nil {
			return fmt.Errorf("issuer: keys of %s: %w", insurer, err)
		}
		e.keys = s.ring() // it has a key that was not there
		return e.note(s, act, keyAct{Purpose: purpose, Insurer: insurer, KID: change.Old, Next: change.New})
	})
	if err != nil {
		return nil, err
	}
	change.Version, change.Warnings = report.Version, report.Warnings
	return change, nil
}
