// The part of a publication that speaks of keys: issuer.json with the states of its keys, the lists of stolen ones, service.json.

package issuer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/signing"
	"sceau/signing/trust"
)

// issuedPath is the target path of one file of a stolen key's list.
func issuedPath(insurer, name string) string { return "amc/" + insurer + "/issued/" + name }

// document is an insurer's issuer.json as this edition has it.
func (e *edition) document(key string) []byte {
	if b := e.documents[key]; b != nil {
		return b
	}
	return e.insurers[key].Document
}

// editInsurer publishes an issuer.json that changed, and with it the lists of keys that were stolen: never the one without the
// other. Keys whose window is over are retired on the way, when the insurer's key is at hand.
func (s *Issuer) editInsurer(ctx context.Context, e *edition, key string, now time.Time) error {
	doc, err := card.ParseInsurer(e.document(key))
	if err != nil {
		return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, key, err)
	}
	role := trust.InsurerRole(key)
	changed, err := e.differs(insurerPath(key), e.document(key))
	if err != nil {
		return err
	}
	var unlisted []string
	for _, k := range doc.CardKeys {
		if k.State != signing.StateListed {
			continue
		}
		told, err := e.listed(key, k.KID)
		if err != nil {
			return err
		}
		if !told {
			unlisted = append(unlisted, k.KID)
		}
	}
	over := ended(doc.CardKeys, now) || ended(doc.StatusKeys, now)
	if !changed && len(unlisted) == 0 && !over {
		return nil
	}
	if why := follows(e.told[key], doc); why != "" {
		e.untold = append(e.untold, key)
		e.warnings = append(e.warnings, fmt.Sprintf("issuer.json of %s is not published: %s, which no command does; was the register edited?", key, why))
		return nil
	}
	if stranger := e.stranger(key, doc); stranger != "" {
		e.untold = append(e.untold, key)
		e.warnings = append(e.warnings, fmt.Sprintf("issuer.json of %s is not published: it names a key %s that is not in the online folder; was the register edited?", key, stranger))
		return nil
	}
	if !e.canSign(role) {
		if changed || len(unlisted) > 0 {
			e.untold = append(e.untold, key)
			e.warnings = append(e.warnings, fmt.Sprintf("issuer.json of %s changed and is not published: publish once with the key of %s", key, role))
		}
		return nil
	}
	if over {
		retire(doc.CardKeys, now)
		retire(doc.StatusKeys, now)
		b, err := doc.Bytes()
		if err != nil {
			return fmt.Errorf("issuer: facts of insurer %s: %w", key, err)
		}
		e.documents[key] = b
	}
	for _, kid := range unlisted {
		list := e.stolen[kid]
		if list == nil {
			if list, err = s.stolenCards(ctx, key, kid); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(list.files)) {
			if err := e.repo.SetTarget(role, issuedPath(key, name), list.files[name], nil); err != nil {
				return err
			}
		}
	}
	return setTarget(e, role, insurerPath(key), e.document(key))
}

// readTold reads every published issuer.json that is not what the register has.
func (e *edition) readTold(tx register.Tx) error {
	for key, i := range e.insurers {
		info, err := e.current.Target(insurerPath(key))
		if errors.Is(err, trust.ErrNotFound) || err == nil && info.Check(i.Document) == nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		b, err := tx.File(info.FetchPath())
		if err != nil {
			return err
		}
		if err := info.Check(b); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, info.Path, err)
		}
		if e.told[key], err = card.ParseInsurer(b); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, info.Path, err)
		}
	}
	return nil
}

// trusting orders the states of a key: nothing moves one up again.
var trusting = map[signing.State]int{signing.StateActive: 3, signing.StateRetired: 2, signing.StateListed: 1, signing.StateDead: 0}

// follows says why a document can't come after the published one, "" when it can. A row of the register is not signed by anybody:
// the offline key must not sign whatever was written there.
func follows(told, doc *card.Insurer) string {
	if told == nil {
		return ""
	}
	for _, pair := range [][2][]*signing.PublicKey{{told.CardKeys, doc.CardKeys}, {told.StatusKeys, doc.StatusKeys}} {
		for _, was := range pair[0] {
			is := keyOfKID(pair[1], was.KID)
			switch {
			case is == nil:
				return "the key " + was.KID + " was taken out"
			case trusting[is.State] > trusting[was.State]:
				return fmt.Sprintf("the key %s was %s and is %s", was.KID, was.State, is.State)
			case !is.From.Equal(was.From):
				return "the key " + was.KID + " begins at another time"
			}
		}
	}
	return ""
}

// stranger is the kid of a key that the published document does not have and that is not ours; "" for none.
func (e *edition) stranger(key string, doc *card.Insurer) string {
	told := e.told[key]
	if told == nil {
		return ""
	}
	for _, part := range []struct {
		f        family
		was, now []*signing.PublicKey
	}{{cardFamily(key), told.CardKeys, doc.CardKeys}, {listFamily(key), told.StatusKeys, doc.StatusKeys}} {
		for _, k := range part.now {
			if keyOfKID(part.was, k.KID) != nil {
				continue
			}
			if _, err := e.keys.online.find(part.f, k.ECDSA()); err != nil {
				return k.KID
			}
		}
	}
	return ""
}

// listed says whether the list of a stolen key is published.
func (e *edition) listed(key, kid string) (bool, error) {
	for n := 1; n <= issued.MaxParts; n *= 2 {
		_, err := e.current.Target(issuedPath(key, issued.Name(kid, 0, n)))
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, trust.ErrNotFound) {
			return false, fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
	}
	return false, nil
}

// differs says whether a target is not published as it is.
func (e *edition) differs(path string, data []byte) (bool, error) {
	info, err := e.current.Target(path)
	if errors.Is(err, trust.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	return info.Check(data) != nil, nil
}

// ended says whether a key is active and its window is over.
func ended(keys []*signing.PublicKey, now time.Time) bool {
	return slices.ContainsFunc(keys, func(k *signing.PublicKey) bool {
		return k.State == signing.StateActive && !k.Until.IsZero() && !now.Before(k.Until)
	})
}

func retire(keys []*signing.PublicKey, now time.Time) {
	for _, k := range keys {
		if ended([]*signing.PublicKey{k}, now) {
			k.State = signing.StateRetired
		}
	}
}

// listSigner opens the key with which an insurer signs Token Status Lists now.
func (e *edition) listSigner(key string, now time.Time) (*signing.Signer, error) {
	doc, err := card.ParseInsurer(e.document(key))
	if err != nil {
		return nil, fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, key, err)
	}
	missing := fmt.Errorf("%w: insurer %s", ErrNoListKey, key)
	for _, k := range activeAt(doc.StatusKeys, now) {
		private, _, err := e.keys.online.open(listFamily(key), k.ECDSA())
		if errors.Is(err, ErrNotHeld) {
			missing = err
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("issuer: status list key of %s: %w", key, err)
		}
		signer, err := signing.NewSigner(status.TokenKind, private)
		if err != nil {
			return nil, fmt.Errorf("issuer: status list key of %s: %w", key, err)
		}
		return signer, nil
	}
	return nil, fmt.Errorf("issuer: status list key of %s: %w", key, missing)
}

// editService publishes service.json when this edition changed it, gives one to an operator that was founded before there was
// any, and retires keys whose window is over. It needs the offline keys: without them everything else is published, and a
// warning says what is missing.
func (s *Issuer) editService(e *edition, now time.Time) error {
	if e.service != nil {
		return e.repo.SetTarget(trust.RoleTargets, servicePath, e.service, nil)
	}
	_, err := e.current.Target(servicePath)
	switch {
	case errors.Is(err, trust.ErrNotFound):
		if !e.canSign(trust.RoleTargets) {
			e.warnings = append(e.warnings, "no service.json is published: publish once with the offline keys")
			return nil
		}
		b, err := s.serviceDocument("", now)
		if err != nil {
			return err
		}
		return e.repo.SetTarget(trust.RoleTargets, servicePath, b, nil)
	case err != nil:
		return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	doc := e.published
	if doc == nil || !e.canSign(trust.RoleTargets) {
		return nil
	}
	first := len(doc.ManifestKeys) == 0 // founded before campaigns had a key
	if !first && !ended(doc.AccordKeys, now) && !ended(doc.SettlementKeys, now) && !ended(doc.ManifestKeys, now) {
		return nil
	}
	if first {
		if err := s.firstServiceKey(doc, keyManifest, now); err != nil {
			return err
		}
	}
	retire(doc.AccordKeys, now)
	retire(doc.SettlementKeys, now)
	retire(doc.ManifestKeys, now)
	b, err := doc.Bytes()
	if err != nil {
		return fmt.Errorf("issuer: facts of the service: %w", err)
	}
	return e.repo.SetTarget(trust.RoleTargets, servicePath, b, nil)
}

// keepKeys stores what the edition changed of keys, in its transaction. register.ErrConflict when somebody changed the same
// meanwhile.
func (e *edition) keepKeys(tx register.Tx) error {
	for _, key := range slices.Sorted(maps.Keys(e.documents)) {
		i, err := insurer(tx, key)
		if err != nil {
			return err
		}
		if !bytes.Equal(i.Document, e.insurers[key].Document) {
			return register.ErrConflict
		}
		i.Document = e.documents[key]
		if err := tx.PutInsurer(i); err != nil {
			return err
		}
	}
	for _, fn := range e.also {
		if err := fn(tx); err != nil {
			return err
		}
	}
	return nil
}

// readService reads the published service.json, nil for none.
func readService(tx register.Tx, t *trust.Trusted) (*card.Service, error) {
	info, err := t.Target(servicePath)
	if errors.Is(err, trust.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	b, err := tx.File(info.FetchPath())
	if err != nil {
		return nil, err
	}
	if err := info.Check(b); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, servicePath, err)
	}
	doc, err := card.ParseService(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, servicePath, err)
	}
	return doc, nil
}
