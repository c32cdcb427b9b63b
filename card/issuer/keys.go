// Which key signs what, and when it may.

package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/trust"
)

// Names of the keys that an operator has once. Those of an insurer stand in register.KeyNames.
const (
	keyTargets   = "targets"
	keySnapshot  = "snapshot"
	keyTimestamp = "timestamp"
)

func rootKey(n int) string { return fmt.Sprintf("root-%d", n) }

// keyNames are the names of the first keys of an insurer; key stores take lower case only.
func keyNames(key string) register.KeyNames {
	low := strings.ToLower(key)
	return register.KeyNames{
		Card:    "card-" + low + "-1",
		List:    "list-" + low + "-1",
		Status:  roleKey(trust.StatusRole(key)),
		Insurer: roleKey(trust.InsurerRole(key)),
	}
}

// roleKey is the name of the key of an insurer's role.
func roleKey(role string) string { return strings.ToLower(role) }

func isStatusRole(role string) bool { return strings.HasSuffix(role, "-status") }

// ensureKey returns the key of that name, making it when there is none. A key that is already there was made by an init
// that was cut short before anything was signed with it.
func ensureKey(k Keys, name string) (crypto.Signer, error) {
	made, err := k.Generate(name)
	if err == nil {
		return made, nil
	}
	old, err2 := k.Signer(name)
	if err2 != nil {
		return nil, fmt.Errorf("issuer: make the key %s: %w", name, errors.Join(err, err2))
	}
	return old, nil
}

// cardKey is an insurer's card key, ready to sign, with what is published of it.
type cardKey struct {
	signer *signing.Signer
	public *signing.PublicKey
}

// keyCache opens each insurer's card key once for a run: a key file costs a decryption.
type keyCache struct {
	issuer *Issuer
	byName map[string]cardKey
}

func (s *Issuer) keyCache() *keyCache { return &keyCache{issuer: s, byName: map[string]cardKey{}} }

// forIssuing is of for an insurer of that name.
func (c *keyCache) forIssuing(tx register.Tx, insurerKey string, at time.Time) (cardKey, error) {
	i, err := insurer(tx, insurerKey)
	if err != nil {
		return cardKey{}, err
	}
	return c.of(i, at)
}

// of returns the key with which the insurer may issue at that time, else ErrNoCardKey.
func (c *keyCache) of(i register.Insurer, at time.Time) (cardKey, error) {
	k, ok := c.byName[i.Keys.Card]
	if !ok {
		var err error
		if k, err = c.open(i); err != nil {
			return cardKey{}, err
		}
		c.byName[i.Keys.Card] = k
	}
	if k.public.State != signing.StateActive || !k.public.InWindow(at) {
		return cardKey{}, fmt.Errorf("%w: insurer %s", ErrNoCardKey, i.Key)
	}
	return k, nil
}

func (c *keyCache) open(i register.Insurer) (cardKey, error) {
	doc, err := card.ParseInsurer(i.Document)
	if err != nil {
		return cardKey{}, fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
	}
	private, err := c.issuer.Online.Signer(i.Keys.Card)
	if err != nil {
		return cardKey{}, fmt.Errorf("issuer: card key %s: %w", i.Keys.Card, err)
	}
	signer, err := signing.NewSigner(card.Kind, private)
	if err != nil {
		return cardKey{}, fmt.Errorf("issuer: card key %s: %w", i.Keys.Card, err)
	}
	for _, k := range doc.CardKeys {
		if k.KID == signer.KID() {
			return cardKey{signer: signer, public: k}, nil
		}
	}
	return cardKey{}, fmt.Errorf("%w: issuer.json of %s does not name the key %s", ErrDamaged, i.Key, i.Keys.Card)
}

// cardKeys are the published card keys of every insurer, by kid: with these an issuer verifies its own cards.
func (s *Issuer) cardKeys(ctx context.Context) (map[string]*signing.PublicKey, error) {
	keys := map[string]*signing.PublicKey{}
	err := s.Store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		if err != nil {
			return err
		}
		for _, i := range all {
			doc, err := card.ParseInsurer(i.Document)
			if err != nil {
				return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
			}
			for _, k := range doc.CardKeys {
				keys[k.KID] = k
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}
