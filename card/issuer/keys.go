// Which key signs what, and when it may.

package issuer

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/trust"
)

// Names of the first keys that an operator has once. Those of an insurer stand in register.KeyNames. A later key has the name
// with a number: see family.
const (
	keyTargets   = "targets"
	keySnapshot  = "snapshot"
	keyTimestamp = "timestamp"
)

func rootKey(n int) string { return rootFamily.name(n) }

// keyNames are the names of the first keys of an insurer; key stores take lower case only.
func keyNames(key string) register.KeyNames {
	return register.KeyNames{
		Card:    cardFamily(key).name(1),
		List:    listFamily(key).name(1),
		Status:  roleKey(trust.StatusRole(key)),
		Insurer: roleKey(trust.InsurerRole(key)),
	}
}

// roleKey is the name of the first key of an insurer's role.
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

// newestFirst orders the keys of a document by the beginning of their windows. Of two that begin together the one with the
// greater kid is first: an order, so that two processes sign with the same.
func newestFirst(keys []*signing.PublicKey) []*signing.PublicKey {
	return slices.SortedFunc(slices.Values(keys), func(a, b *signing.PublicKey) int {
		return cmp.Or(b.From.Compare(a.From), strings.Compare(b.KID, a.KID))
	})
}

// signing keys of a document at a time: active and in their window, newest first.
func activeAt(keys []*signing.PublicKey, at time.Time) []*signing.PublicKey {
	return slices.DeleteFunc(newestFirst(keys), func(k *signing.PublicKey) bool {
		return k.State != signing.StateActive || !k.InWindow(at)
	})
}

// cardKey is an insurer's card key, ready to sign, with what is published of it.
type cardKey struct {
	signer *signing.Signer
	public *signing.PublicKey
}

// keyCache opens each card key once for a run: a key file costs a decryption. What the register says of a key is never
// remembered: it is read in the transaction that asks.
type keyCache struct {
	issuer  *Issuer
	shelf   shelf
	signers map[string]*signing.Signer // by kid
	docs    map[string]parsedInsurer   // by insurer
}

type parsedInsurer struct {
	bytes []byte
	doc   *card.Insurer
}

func (s *Issuer) keyCache() *keyCache {
	return &keyCache{issuer: s, shelf: shelf{keys: s.Online}, signers: map[string]*signing.Signer{}, docs: map[string]parsedInsurer{}}
}

// forIssuing is of for an insurer of that name.
func (c *keyCache) forIssuing(tx register.Tx, insurerKey string, at time.Time) (cardKey, error) {
	i, err := insurer(tx, insurerKey)
	if err != nil {
		return cardKey{}, err
	}
	return c.of(i, at)
}

// of returns the key with which the insurer may issue at that time, else ErrNoCardKey: the newest that is active, in its window
// and held here.
func (c *keyCache) of(i register.Insurer, at time.Time) (cardKey, error) {
	doc, err := c.document(i)
	if err != nil {
		return cardKey{}, err
	}
	var missing error
	for _, k := range activeAt(doc.CardKeys, at) {
		key, err := c.held(i, k)
		if errors.Is(err, ErrNotHeld) {
			missing = err
			continue
		}
		return key, err
	}
	if missing != nil {
		return cardKey{}, missing
	}
	return cardKey{}, fmt.Errorf("%w: insurer %s", ErrNoCardKey, i.Key)
}

// begun returns the key that an intent was begun with, whatever became of it since: the intent was in the register when that
// happened, so it is in its window, or on its list.
func (c *keyCache) begun(i register.Insurer, kid string) (cardKey, error) {
	doc, err := c.document(i)
	if err != nil {
		return cardKey{}, err
	}
	for _, k := range doc.CardKeys {
		if k.KID == kid {
			return c.held(i, k)
		}
	}
	return cardKey{}, fmt.Errorf("%w: issuer.json of %s does not name the key %s", ErrDamaged, i.Key, kid)
}

func (c *keyCache) document(i register.Insurer) (*card.Insurer, error) {
	if p, ok := c.docs[i.Key]; ok && bytes.Equal(p.bytes, i.Document) {
		return p.doc, nil
	}
	doc, err := card.ParseInsurer(i.Document)
	if err != nil {
		return nil, fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
	}
	c.docs[i.Key] = parsedInsurer{bytes.Clone(i.Document), doc}
	return doc, nil
}

// held opens the private half of a key; ErrNotHeld when it is not in the store.
func (c *keyCache) held(i register.Insurer, k *signing.PublicKey) (cardKey, error) {
	if signer := c.signers[k.KID]; signer != nil {
		return cardKey{signer, k}, nil
	}
	private, _, err := c.shelf.open(cardFamily(i.Key), k.ECDSA())
	if errors.Is(err, ErrNotHeld) {
		// Made since the store was looked at, by another process.
		c.shelf.read = false
		private, _, err = c.shelf.open(cardFamily(i.Key), k.ECDSA())
	}
	if err != nil {
		return cardKey{}, fmt.Errorf("issuer: card key %s of %s: %w", k.KID, i.Key, err)
	}
	signer, err := signing.NewSigner(card.Kind, private)
	if err != nil {
		return cardKey{}, fmt.Errorf("issuer: card key %s of %s: %w", k.KID, i.Key, err)
	}
	c.signers[k.KID] = signer
	return cardKey{signer, k}, nil
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
