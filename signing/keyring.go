// This file holds the set of keys that a verifier believes, by kid.

package signing

import "maps"

// Keyring is a set of public keys, at most one for each kid: one key has one
// purpose and one owner. The zero value is empty and ready. Add while no one
// looks up; looking up is safe from many goroutines.
type Keyring struct {
	keys map[string]*PublicKey
}

// Add takes a copy of k. It refuses a kid that is already held, even with the
// same key, and a key that opens nothing; both with [ErrBadKey].
func (r *Keyring) Add(k *PublicKey) error {
	switch {
	case k == nil || k.pub == nil:
		return refuse(codeKeyEmpty)
	case !k.Kind.Valid():
		return refuse(codeKeyKind)
	case k.KID != KID(k.pub):
		return refuse(codeJWKKID)
	case r.keys[k.KID] != nil:
		return refuse(codeKeyDuplicate)
	}
	if r.keys == nil {
		r.keys = map[string]*PublicKey{}
	}
	own := *k
	r.keys[k.KID] = &own
	return nil
}

// Lookup finds the key of a kid; [ErrUnknownKey] if it is not held.
func (r *Keyring) Lookup(kid string) (*PublicKey, error) {
	if k := r.keys[kid]; k != nil {
		return k, nil
	}
	return nil, refuse(codeKIDUnknown)
}

// Len is the number of keys held.
func (r *Keyring) Len() int { return len(r.keys) }

// Clone gives a keyring of the same keys, to add to while the first is in use.
func (r *Keyring) Clone() *Keyring { return &Keyring{keys: maps.Clone(r.keys)} }
