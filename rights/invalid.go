// What every refusal of this package looks like: a stable code, English for programs, French for people, never the value.

package rights

import "errors"

// Invalid is a value that a check or parser of this package refused. Neither text holds the value, because a value in
// the wrong column may be a name or a NIR.
type Invalid struct {
	Code   string // stable, snake_case, e.g. "nir_key_missing"
	French string // the cause and what to do, without capital initial and final period
	text   string // English
}

// Error returns the English text.
func (e *Invalid) Error() string { return "rights: " + e.text }

// Is reports whether target is an Invalid of the same code.
func (e *Invalid) Is(target error) bool {
	t, ok := target.(*Invalid)
	return ok && t.Code == e.Code
}

// CodeOf returns the stable code of an error of this package, or "" for another error.
func CodeOf(err error) string {
	var e *Invalid
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// FrenchOf returns the French text of an error of this package, or "" for another error.
func FrenchOf(err error) string {
	var e *Invalid
	if errors.As(err, &e) {
		return e.French
	}
	return ""
}
