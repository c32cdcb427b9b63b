// After a backup was restored: what counters were told of keys since then stands.

package issuer

import (
	"context"
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
)

// AdoptKeyStates takes from a published issuer.json the states of keys that the register trusts more, because it was restored
// from a backup of an earlier day: a key that was declared stolen since then must not sign again. It says which keys changed.
// The document must have been verified as a counter does. Nothing is published; the next Publish with the insurer's key makes the
// list of a stolen key anew, from the cards that the register has. Error: ErrUnknownInsurer.
func (s *Issuer) AdoptKeyStates(ctx context.Context, published *card.Insurer) ([]*signing.PublicKey, error) {
	var changed []*signing.PublicKey
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		changed = nil
		i, err := insurer(tx, published.AMC.Key())
		if err != nil {
			return err
		}
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
		}
		for _, pair := range [][2][]*signing.PublicKey{{doc.CardKeys, published.CardKeys}, {doc.StatusKeys, published.StatusKeys}} {
			for _, k := range pair[0] {
				if told := keyOfKID(pair[1], k.KID); told != nil && trusting[told.State] < trusting[k.State] {
					k.State = told.State
					changed = append(changed, k)
				}
			}
		}
		if len(changed) == 0 {
			return nil
		}
		if i.Document, err = doc.Bytes(); err != nil {
			return fmt.Errorf("issuer: keys of %s: %w", i.Key, err)
		}
		if err := tx.PutInsurer(i); err != nil {
			return err
		}
		for _, k := range changed {
			if err := s.audit(tx, "key.adopt", map[string]string{"insurer": i.Key, "kid": k.KID, "state": string(k.State)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}
