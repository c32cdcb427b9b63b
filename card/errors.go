// Families of refusals. Every refusal carries a stable snake_case code: signing.CodeOf(err).

package card

import (
	"errors"

	"sceau/signing"
)

var (
	// ErrUnreadable: the text was damaged on its way (prefix, alphabet, length, checksum). Scan again; nothing is known
	// about the card, and above all not that it is forged.
	ErrUnreadable = errors.New("code text unreadable")

	// ErrMalformed: the text arrived whole, but what it holds is not a card of this version. The same family as the
	// JOSE layer's, because a counter treats both alike.
	ErrMalformed = signing.ErrMalformed

	// ErrWrongInsurer: signed by a genuine key, in the name of an insurer that doesn't own that key.
	ErrWrongInsurer = errors.New("signed by another insurer's key")

	// ErrKeyWindow: the card says that it was issued when its key could not issue.
	ErrKeyWindow = errors.New("issued outside the key's window")

	// ErrKeyDead: the key is withdrawn, whatever the card says.
	ErrKeyDead = errors.New("key withdrawn")

	// ErrKeyListed: the key was stolen; only the cards of its published list are genuine. Use VerifyListed with it.
	ErrKeyListed = errors.New("key believed only for listed cards")

	// ErrTooLong: the card can't be printed as a code of a reasonable size. The detail says what to shorten.
	ErrTooLong = errors.New("code too long")
)

func unreadable(code, detail string) error {
	return &signing.Refusal{Family: ErrUnreadable, Code: code, Detail: detail}
}

func malformed(code, detail string) error {
	return &signing.Refusal{Family: ErrMalformed, Code: code, Detail: detail}
}

func refused(family error, code, detail string) error {
	return &signing.Refusal{Family: family, Code: code, Detail: detail}
}
