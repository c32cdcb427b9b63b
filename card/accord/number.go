// The number of an accord: short enough for an invoice, random enough that nobody counts or guesses accords.

package accord

import (
	"encoding/binary"
	"strings"
)

// Number is "A7QF-XM3T-9ABD": an A and 55 random bits in Crockford's Base32, which has no I, L, O and U. The number of a
// receipt has digits only between its dashes, or another length, so that neither is ever read as the other.
type Number string

const (
	symbols   = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	numberLen = 12 // without dashes
	maxTyped  = 128
	blanks    = " \t\r\n\u00a0\u202f"
	dashes    = "-\u2010\u2011\u2012\u2013\u2014\u2212"
)

var alike = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// NewNumber makes a number of 55 of the 56 bits given, which must be random. The middle group is never all digits: it would
// look like the entry of a receipt; its last character then becomes a letter.
func NewNumber(random [7]byte) Number {
	bits := binary.BigEndian.Uint64(append([]byte{0}, random[:]...)) >> 1
	var d [numberLen]byte
	d[0] = 'A'
	for i := numberLen - 1; i > 0; i-- {
		d[i] = symbols[bits&31]
		bits >>= 5
	}
	if digitsOnly(string(d[4:8])) {
		d[7] = symbols[10+(d[7]-'0')]
	}
	return group(string(d[:]))
}

// ParseNumber reads a number as people type it: any case, blanks and dashes anywhere, O for 0, I and L for 1. The error is
// ErrNumber.
func ParseNumber(s string) (Number, error) {
	t, ok := typed(s)
	if !ok || len(t) != numberLen || t[0] != 'A' || strings.Trim(t, symbols) != "" || digitsOnly(t[4:8]) {
		return "", ErrNumber
	}
	return group(t), nil
}

// Check says whether n is in the one form.
func (n Number) Check() error {
	if p, err := ParseNumber(string(n)); err != nil || p != n {
		return ErrNumber
	}
	return nil
}

func group(s string) Number { return Number(s[:4] + "-" + s[4:8] + "-" + s[8:]) }

func digitsOnly(s string) bool { return strings.Trim(s, "0123456789") == "" }

// typed removes blanks and dashes, and undoes what people misread.
func typed(s string) (string, bool) {
	if len(s) > maxTyped {
		return "", false
	}
	kept := make([]byte, 0, len(s))
	for _, c := range s {
		switch {
		case strings.ContainsRune(blanks, c), strings.ContainsRune(dashes, c):
		case c >= 0x80:
			return "", false // before the change of case, which makes a K of the Kelvin sign
		default:
			kept = append(kept, byte(c))
		}
	}
	return alike.Replace(strings.ToUpper(string(kept))), true
}
