// Families of refusals; each refusal has a stable code, signing.CodeOf.

package accord

import (
	"errors"

	"sceau/signing"
)

var (
	// ErrMalformed: not what this package writes.
	ErrMalformed = signing.ErrMalformed
	// ErrKey: signed by a key that is withdrawn, or outside its window.
	ErrKey = errors.New("accord: key not believed")
	// ErrNumber: not the number of an accord. The text never quotes what was typed.
	ErrNumber = errors.New("accord: not an accord number")
	// ErrInvitation: not an invitation, or one that was damaged on its way. The text never quotes it: it holds a secret.
	ErrInvitation = errors.New("accord: not an invitation")
)

func malformed(code, detail string) error {
	return &signing.Refusal{Family: ErrMalformed, Code: code, Detail: detail}
}

func refused(family error, code, detail string) error {
	return &signing.Refusal{Family: family, Code: code, Detail: detail}
}
