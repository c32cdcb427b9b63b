// A simulated scanner: presses keys as one layout asks, and a computer that makes characters of them by another.

package scan

import (
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
)

// randomCode is a code text of a random card: 200 to 500 characters.
func randomCode(r *rand.Rand) string {
	raw := make([]byte, 8+60+r.IntN(160)+64)
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return prefix + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
}

// shift is what happens to the Shift level of a key.
type shift string

const (
	asSent      shift = "as sent"
	capsLetters shift = "Caps Lock on letters"          // Windows on QWERTY, QWERTZ
	capsAll     shift = "Caps Lock on every key"        // Windows on AZERTY: digits come out right, letters small
	capsThird   shift = "Caps Lock, accents in capital" // Linux on AZERTY
	lowered     shift = "lower-cased by a program"
)

// typed is what the computer gets when a scanner that believes in f types text on a computer with layout h.
func typed(t testing.TB, text string, f family, h layout, s shift) string {
	t.Helper()
	plain, shifted, more := []rune(h.plain), []rune(h.shifted), []rune(h.more)
	var b strings.Builder
	for _, c := range text {
		key := strings.IndexRune(f.symbols, c)
		if key < 0 {
			t.Fatalf("the scanner has no key for %q", c)
		}
		up := unicode.IsLetter(c) // AZERTY scanners press Shift for digits
		if f.name == "AZERTY" && unicode.IsDigit(c) {
			up = true
		}
		letter := unicode.IsLetter(plain[key])
		digitRow := key < 10
		if s == capsAll || s == capsLetters && letter && !digitRow {
			up = !up
		}
		if s == capsThird && letter && !digitRow {
			up = !up
		}
		r := plain[key]
		if up {
			r = shifted[key]
		}
		if s == capsThird && !up && len(more) > 0 && more[key] != ' ' {
			r = more[key]
		}
		if s == lowered {
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

func eachPair(f func(f family, h layout)) {
	for _, x := range families {
		for _, h := range hosts {
			f(x, h)
		}
	}
}
