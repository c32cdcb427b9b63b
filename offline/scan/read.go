// Reading one line: every known pair of layouts is tried, the checksum judges.

package scan

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// piece is one scan within a line. text is "" when it did not arrive whole.
type piece struct {
	from, to int // its bytes in the line
	text     string
	how      Repair
}

const (
	// lead is how far into a line the first prefix is looked for at first: scanners put symbology identifiers (]Q1) and site prefixes before it.
	lead = 24
	// likeness is how many symbols in a row, without a prefix, are taken for a part of a code: half of the shortest one.
	likeness = shortest / 2
)

// read takes a line apart. Its error is ErrEmpty, ErrIncomplete or ErrNotCode; otherwise there is at least one piece, and one piece has its text.
func read(line string) ([]piece, error) {
	if len(line) > maxTyped {
		return nil, ErrNotCode
	}
	if jws := strings.TrimFunc(line, ignorable); compactJWS(jws) {
		return []piece{{to: len(line), text: jws, how: Repair{Around: jws != line}}}, nil
	}
	return judge(line, tables)
}

// judge reads a line of at most maxTyped bytes by the tables it is given.
func judge(line string, by []*table) ([]piece, error) {
	c := clean(line)
	if len(c.runes) == 0 {
		return nil, ErrEmpty
	}
	symbols := make([]byte, len(c.runes))
	if pieces := c.best(by, symbols, lead); pieces != nil {
		return pieces, nil
	}
	if len(c.runes) > lead {
		if pieces := c.best(by, symbols, len(c.runes)); pieces != nil {
			return pieces, nil
		}
	}
	return nil, c.fault(by, symbols)
}

// best returns the pieces of the pair under which most codes arrived whole, nil when none did under any. Only pairs that put a prefix among the first
// characters are looked at.
func (c *cleaned) best(by []*table, symbols []byte, first int) []piece {
	var best []piece
	good := 0
	for _, t := range by {
		head := symbols[:min(first, len(symbols))]
		t.decode(head, c.runes[:len(head)])
		if !bytes.Contains(head, prefixBytes) {
			continue
		}
		t.decode(symbols, c.runes)
		pieces, n := c.cut(t, symbols)
		if n > good {
			best, good = pieces, n
		}
		if n == len(pieces) && n > 0 {
			break
		}
	}
	return best
}

// cut splits a line before each prefix (its 1 is no symbol of a body, so no body is cut) and judges each part. What stands before the first prefix
// belongs to the first part when it is short; otherwise it is the end of a scan whose beginning is missing.
func (c *cleaned) cut(t *table, symbols []byte) (pieces []piece, good int) {
	var starts []int
	for i := 0; ; {
		j := bytes.Index(symbols[i:], prefixBytes)
		if j < 0 {
			break
		}
		starts = append(starts, i+j)
		i += j + len(prefix)
	}
	if starts[0] > lead {
		pieces = append(pieces, piece{from: 0, to: c.byteAt(starts[0])})
	}
	for k, from := range starts {
		to, begin := len(symbols), from
		if k+1 < len(starts) {
			to = starts[k+1]
		}
		if k == 0 && from <= lead {
			begin = 0
		}
		body := symbols[from+len(prefix) : to]
		n := run(body)
		p := piece{from: c.byteAt(begin), to: c.byteAt(to)}
		if whole(body[:n]) {
			end := from + len(prefix) + n
			p.text = string(symbols[from:end])
			p.how = c.repair(t, from, end)
			p.how.Around = c.around || begin < from || end < to
			good++
		}
		pieces = append(pieces, p)
	}
	return pieces, good
}

// repair says what the pair t undid between two runes.
func (c *cleaned) repair(t *table, from, to int) Repair {
	var r Repair
	lower, upper := 0, 0
	same := true
	for _, x := range c.runes[from:to] {
		s := t.symbol(x)
		if unicode.IsLetter(x) && s >= 'A' {
			if unicode.IsLower(x) {
				lower++
			} else {
				upper++
			}
		}
		same = same && byte(unicode.ToUpper(x)) == s && x < utf8.RuneSelf
	}
	r.CapsLock = lower > upper
	switch {
	case same:
	case t.sameFamily():
		r.CapsLock = true // the digits alone are turned round
	default:
		r.Scanner, r.Host = t.scanner, t.host
		r.Layout = t.scanner + " sur " + t.host
	}
	return r
}

// fault says why nothing could be repaired.
func (c *cleaned) fault(by []*table, symbols []byte) error {
	for _, t := range by {
		t.decode(symbols, c.runes)
		if bytes.Contains(symbols, prefixBytes) {
			return ErrIncomplete
		}
		for i := 0; i < len(symbols); {
			n := run(symbols[i:])
			if n >= likeness {
				return ErrIncomplete
			}
			i += n + 1
		}
	}
	return ErrNotCode
}

// cleaned is a line without what no code holds: blanks, controls, marks of direction.
type cleaned struct {
	line   string
	runes  []rune
	at     []int // where in line each rune began
	around bool  // something was dropped
}

// byteAt is where in the line a rune began, or the line's end.
func (c *cleaned) byteAt(i int) int {
	if i < len(c.at) {
		return c.at[i]
	}
	return len(c.line)
}

func clean(line string) *cleaned {
	c := &cleaned{line: line, runes: make([]rune, 0, len(line)), at: make([]int, 0, len(line))}
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRuneInString(line[i:])
		if r == utf8.RuneError && n == 1 {
			if known, ok := single[line[i]]; ok {
				r = known
			}
		}
		switch {
		case ignorable(r):
			c.around = true
		case len(c.runes) > 0 && composed[[2]rune{c.runes[len(c.runes)-1], r}] != 0:
			c.runes[len(c.runes)-1] = composed[[2]rune{c.runes[len(c.runes)-1], r}]
		default:
			c.runes = append(c.runes, r)
			c.at = append(c.at, i)
		}
		i += n
	}
	return c
}

// ignorable: blanks of every width, controls, and marks that have no width.
func ignorable(r rune) bool {
	return r <= ' ' || r == 0x7f || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}

func blank(s string) bool { return strings.TrimFunc(s, ignorable) == "" }

// compactJWS says that a text has the form of a compact JWS: three parts of base64url, of which the first opens a JSON object.
func compactJWS(s string) bool {
	if !strings.HasPrefix(s, "ey") || strings.Count(s, ".") != 2 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}
