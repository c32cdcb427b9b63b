// This file says how a refusal is reported: a family for the caller, a stable code for everyone.

package signing

import (
	"errors"
	"sort"
)

// The families. Compare with errors.Is; the code says precisely what was wrong.
var (
	// ErrMalformed: the text is no token of this profile; no key was looked at.
	ErrMalformed = errors.New("not a token of this profile")
	// ErrUnknownKey: the token names a key that the caller does not hold. Newer
	// trust data may know it.
	ErrUnknownKey = errors.New("unknown key")
	// ErrBadSignature: the token names the right key, and that key did not sign it.
	ErrBadSignature = errors.New("bad signature")
	// ErrWrongKind: token or key is meant for another purpose.
	ErrWrongKind = errors.New("meant for another purpose")
	// ErrBadKey: a JWK or a key that this profile does not take.
	ErrBadKey = errors.New("not a key of this profile")
	// ErrSignerFault: the signer gave back something that does not verify, or
	// nothing. No token left; stop using this signer until it is understood.
	ErrSignerFault = errors.New("signer fault")
)

// Refusal is the error of everything that this package refuses. It never
// quotes what was refused: a token's text can hold personal data.
type Refusal struct {
	Family error  // one of the families above
	Code   string // stable, snake_case, one of [Codes]
	Detail string // English, for logs
}

func (r *Refusal) Error() string {
	return "signing: " + r.Family.Error() + ": " + r.Detail + " (" + r.Code + ")"
}

// Unwrap gives the family.
func (r *Refusal) Unwrap() error { return r.Family }

// CodeOf gives the code of the [*Refusal] in err's chain, "" if there is none.
func CodeOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// Codes lists every code that a [Refusal] of this package can carry, sorted.
func Codes() []string {
	out := make([]string, 0, len(refusals))
	for code := range refusals {
		out = append(out, code)
	}
	sort.Strings(out)
	return out
}

// refuse makes the refusal of a code. A code that is not in the table is a
// mistake of this package, and still a refusal.
func refuse(code string) *Refusal {
	r, ok := refusals[code]
	if !ok {
		return &Refusal{Family: ErrMalformed, Code: code, Detail: "refused"}
	}
	return &Refusal{Family: r.family, Code: code, Detail: r.detail}
}
