// The inverse of each pair (what the scanner believes, what the computer makes of it): from the character that arrived to the symbol that was meant.

package scan

import "strings"

// table undoes one pair. Whether Shift or Caps Lock was on does not matter: every symbol of a code has a key of its own, so each character that the
// key can give leads back to the symbol.
type table struct {
	scanner, host string
	latin         [256]byte // 0: no symbol
	beyond        map[rune]byte
}

func (t *table) symbol(r rune) byte {
	if r >= 0 && int(r) < len(t.latin) {
		return t.latin[r]
	}
	return t.beyond[r]
}

// tables are tried in this order: scanners leave the factory as US keyboards, so QWERTY on every host first.
var tables = makeTables()

func makeTables() []*table {
	var ts []*table
	for _, f := range families {
		for _, h := range hosts {
			ts = append(ts, makeTable(f, h))
		}
	}
	return ts
}

func makeTable(f family, h layout) *table {
	t := &table{scanner: f.name, host: h.name, beyond: map[rune]byte{}}
	for _, level := range []string{h.plain, h.shifted, h.more} {
		for i, r := range []rune(level) {
			s := f.symbols[i]
			if r == ' ' || s == ' ' {
				continue
			}
			if int(r) < len(t.latin) {
				t.latin[r] = s
			} else {
				t.beyond[r] = s
			}
		}
	}
	return t
}

// sameFamily says that scanner and computer agree, so that at most Shift or Caps Lock is to be undone.
func (t *table) sameFamily() bool { return strings.HasPrefix(t.host, t.scanner) }

// decode writes the symbols of rs into out, 0 where a character has none.
func (t *table) decode(out []byte, rs []rune) {
	for i, r := range rs {
		out[i] = t.symbol(r)
	}
}
