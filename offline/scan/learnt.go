// A keyboard that one calibration scan taught: which character, and which physical key, arrives for each symbol. Stored as JSON, read strictly.

package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"
)

// alphabet is the order of a Map: every symbol of a code text, and the digits that no code has.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// ErrMap: the JSON is not that of a Map. Forget it and calibrate again.
var ErrMap = errors.New("scan: not a learnt keyboard")

// Map is a learnt keyboard. It is what Learn or Unmarshal gave and doesn't change; the zero value knows nothing.
type Map struct {
	arrives []rune   // for each symbol of the alphabet; nil where the characters taught nothing
	codes   []string // likewise, KeyboardEvent.code

	chars *table
	keys  map[string]byte
}

// printed reads symbols that stand there as they were printed.
var printed = func() *table {
	t := &table{}
	for i := range len(alphabet) {
		t.latin[alphabet[i]] = alphabet[i]
	}
	return t
}()

// key is the symbol of a press, 0 for a key that writes nothing. A key that writes, but no symbol, is a '.', which no code has.
func (m *Map) key(p Press) byte {
	if s, ok := m.keys[p.Code]; ok {
		return s
	}
	switch p.Code {
	case "Enter", "NumpadEnter", "Tab":
		return '\n'
	}
	if _, ok := usKeys[p.Code]; ok {
		return '.'
	}
	return 0
}

// newMap checks what a Map is made of and makes the ways back.
func newMap(arrives []rune, codes []string) (*Map, error) {
	m := &Map{arrives: arrives, codes: codes}
	if arrives == nil && codes == nil {
		return nil, ErrMap
	}
	if arrives != nil {
		if len(arrives) != len(alphabet) {
			return nil, ErrMap
		}
		m.chars = &table{beyond: map[rune]byte{}}
		for i, r := range arrives {
			if r == utf8.RuneError || !utf8.ValidRune(r) || ignorable(r) || m.chars.symbol(r) != 0 {
				return nil, ErrMap
			}
			m.chars.set(r, alphabet[i])
		}
		// Caps Lock may be on in one scan and off in the next: a letter's other case is the same key, unless it is another one's.
		for i, r := range arrives {
			for _, other := range []rune{unicode.ToUpper(r), unicode.ToLower(r)} {
				if m.chars.symbol(other) == 0 {
					m.chars.set(other, alphabet[i])
				}
			}
		}
	}
	if codes != nil {
		if len(codes) != len(alphabet) {
			return nil, ErrMap
		}
		m.keys = map[string]byte{}
		for i, c := range codes {
			if _, writes := usKeys[c]; !writes || m.keys[c] != 0 || c == "Enter" || c == "NumpadEnter" || c == "Tab" || c == "Space" {
				return nil, ErrMap
			}
			m.keys[c] = alphabet[i]
		}
	}
	return m, nil
}

func (t *table) set(r rune, symbol byte) {
	if int(r) < len(t.latin) {
		t.latin[r] = symbol
	} else {
		t.beyond[r] = symbol
	}
}

// document is a Map as JSON: both members in the order of "ABC…Z0123456789", at least one of them there.
type document struct {
	Chars string   `json:"chars,omitempty"`
	Keys  []string `json:"keys,omitempty"`
}

// MarshalJSON writes {"chars":"…","keys":[…]}. A Map that knows nothing can't be written: ErrMap.
func (m *Map) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	if m.chars == nil && m.keys == nil {
		return nil, ErrMap
	}
	return json.Marshal(document{Chars: string(m.arrives), Keys: m.codes})
}

// UnmarshalJSON accepts what MarshalJSON writes, however a JSON library spells it, and nothing else: no unknown, repeated or misspelt member, no
// character or key twice. Its error is ErrMap, and m is then as it was.
func (m *Map) UnmarshalJSON(b []byte) error {
	if len(b) > 16<<10 || !utf8.Valid(b) {
		return ErrMap
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ErrMap
	}
	var doc document
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return ErrMap
		}
		switch {
		case name == "chars" && doc.Chars == "":
			err = d.Decode(&doc.Chars)
		case name == "keys" && doc.Keys == nil:
			err = d.Decode(&doc.Keys)
		default:
			return ErrMap
		}
		if err != nil || name == "chars" && doc.Chars == "" || name == "keys" && doc.Keys == nil {
			return ErrMap
		}
	}
	if _, err := d.Token(); err != nil {
		return ErrMap
	}
	if _, err := d.Token(); err != io.EOF {
		return ErrMap
	}
	var arrives []rune
	if doc.Chars != "" {
		arrives = []rune(doc.Chars)
	}
	learnt, err := newMap(arrives, doc.Keys)
	if err != nil {
		return ErrMap
	}
	*m = *learnt
	return nil
}
