// This file holds a public key with what it is for, and the opening of tokens under it.

package signing

import (
	"crypto/ecdsa"
	"time"
)

// State says how far a key's tokens are believed. The trust repository sets it;
// [PublicKey.Open] does not look at it, because what follows from a state
// depends on the object: ask [PublicKey.State] yourself.
type State string

const (
	StateActive  State = "active"  // signs today
	StateRetired State = "retired" // signs no more; what it signed in its window stands
	StateListed  State = "listed"  // stolen: only the tokens on a published list stand
	StateDead    State = "dead"    // nothing that it signed stands
)

// ParseState reads a state, and refuses every other text with [ErrBadKey].
func ParseState(s string) (State, error) {
	switch st := State(s); st {
	case StateActive, StateRetired, StateListed, StateDead:
		return st, nil
	}
	return "", refuse(codeKeyState)
}

// PublicKey is a P-256 key with its purpose. The fields say what trust data
// said of it; the caller fills those that a JWK does not hold. The zero value
// opens nothing. Treat it as read-only once it is in a [Keyring].
type PublicKey struct {
	KID   string // set by NewPublicKey and ParseJWK
	Kind  Kind   // the only kind of token that it opens; a key without a kind opens none
	Owner string // whose key it is, in the caller's terms; "" if that does not matter
	From  time.Time
	Until time.Time // issue window [From, Until); the zero time leaves that side open
	State State

	pub *ecdsa.PublicKey
}

// NewPublicKey takes a P-256 key as an active key of kind k, without owner and
// with an open window. It refuses other curves and kinds with [ErrBadKey].
func NewPublicKey(k Kind, pub *ecdsa.PublicKey) (*PublicKey, error) {
	if pub == nil {
		return nil, refuse(codeKeyEmpty)
	}
	if !k.Valid() {
		return nil, refuse(codeKeyKind)
	}
	own := clonePoint(pub)
	if own == nil {
		return nil, refuse(codeKeyCurve)
	}
	return &PublicKey{KID: KID(own), Kind: k, State: StateActive, pub: own}, nil
}

// ECDSA gives a copy of the key itself, nil for the zero PublicKey.
func (k *PublicKey) ECDSA() *ecdsa.PublicKey {
	if k == nil {
		return nil
	}
	return clonePoint(k.pub)
}

// clonePoint copies a key down to its numbers, nil if it is no point of P-256.
func clonePoint(pub *ecdsa.PublicKey) *ecdsa.PublicKey {
	if !onP256(pub) {
		return nil
	}
	point, err := pub.Bytes()
	if err != nil {
		return nil
	}
	own, err := ecdsa.ParseUncompressedPublicKey(pub.Curve, point)
	if err != nil {
		return nil
	}
	return own
}

// InWindow reports whether a token issued at the given time falls into the
// key's issue window [From, Until).
func (k *PublicKey) InWindow(issued time.Time) bool {
	return (k.From.IsZero() || !issued.Before(k.From)) && (k.Until.IsZero() || issued.Before(k.Until))
}

// SetWindow sets the issue window [from, until), the zero time leaving a side
// open. It refuses a window that ends before it begins, or is empty.
func (k *PublicKey) SetWindow(from, until time.Time) error {
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		return refuse(codeKeyWindow)
	}
	k.From, k.Until = from, until
	return nil
}

// Open verifies a token of at most [MaxToken] bytes and gives its payload. kind
// is what the caller is about to read; the key must be for it, and the token
// too. Window, state and owner are the caller's to judge, with the time that
// the payload states. Errors are a [*Refusal] of any family.
func (k *PublicKey) Open(kind Kind, compact string) ([]byte, error) {
	return k.OpenUpTo(kind, compact, MaxToken)
}

// OpenUpTo is [PublicKey.Open] for kinds whose tokens are larger, most bytes of
// compact text, itself at most [MaxLargeToken]. Cards go through Open.
func (k *PublicKey) OpenUpTo(kind Kind, compact string, most int) ([]byte, error) {
	if k == nil || k.pub == nil {
		return nil, refuse(codeKeyEmpty)
	}
	if k.Kind != kind || !kind.Valid() {
		return nil, refuse(codeKeyOtherKind)
	}
	p, err := split(compact, min(most, MaxLargeToken))
	if err != nil {
		return nil, err
	}
	if p.Kind != kind {
		return nil, refuse(codeTypOtherKind)
	}
	if p.KID != k.KID {
		return nil, refuse(codeKIDOtherKey)
	}
	if !verifies(k.pub, p.Input, &p.Signature) {
		return nil, refuse(codeSignatureMismatch)
	}
	return p.Payload, nil
}
