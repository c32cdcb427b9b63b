// A strict reader of the JSON that this project signs: no white space, integers only, one spelling of each string. The
// typed decoders are written on its token methods; scan reads any value, to name what is wrong below the schema.

package card

import (
	"strings"
	"unicode/utf8"
)

// maxInteger is the largest integer that every JSON implementation keeps exactly (RFC 8259, section 6).
const maxInteger = 1<<53 - 1

// jsonReader reads one text. The first refusal stays in err; all methods then return zero values and move no further,
// so that a decoder may check once at its end.
type jsonReader struct {
	s   string
	i   int
	err error
}

func (r *jsonReader) fail(code, detail string) {
	if r.err == nil {
		r.err = malformed(code, detail)
		r.i = len(r.s) // every later read meets the end
	}
}

// peek returns the next byte, or 0 at the end. A NUL in the text is never lawful, so the two can't be confused.
func (r *jsonReader) peek() byte {
	if r.i < len(r.s) {
		return r.s[r.i]
	}
	return 0
}

// accept moves over c when it is next.
func (r *jsonReader) accept(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

// expect moves over c or refuses.
func (r *jsonReader) expect(c byte) {
	if !r.accept(c) {
		r.unexpected()
	}
}

// literal moves over a whole word such as true, or refuses.
func (r *jsonReader) literal(word string) {
	if strings.HasPrefix(r.s[r.i:], word) {
		r.i += len(word)
		return
	}
	r.unexpected()
}

// unexpected refuses what is next. The typed decoders call it too, when a value has another type than the schema's;
// classify then finds the deeper reason, if there is one.
func (r *jsonReader) unexpected() {
	if r.i >= len(r.s) {
		r.fail("json_truncated", "ends too early")
		return
	}
	switch c := r.s[r.i]; c {
	case ' ', '\t', '\n', '\r':
		r.fail("json_space", "white space between tokens")
	default:
		r.fail("json_syntax", "unexpected character")
	}
}

// end refuses anything after the value.
func (r *jsonReader) end() {
	if r.err == nil && r.i < len(r.s) {
		if strings.IndexByte(" \t\r\n", r.s[r.i]) >= 0 {
			r.fail("json_space", "white space after the value")
			return
		}
		r.fail("json_trailing", "bytes after the value")
	}
}

// str reads a string. Only \" and \\ may be escaped: every other character has a shorter spelling or is no part of a
// card. The result shares memory with the input unless it held an escape.
func (r *jsonReader) str() string {
	if !r.accept('"') {
		r.unexpected()
		return ""
	}
	start := r.i
	for i := start; i < len(r.s); {
		c := r.s[i]
		switch {
		case c == '"':
			r.i = i + 1
			return r.s[start:i]
		case c == '\\':
			return r.escaped(start, i)
		case c < 0x20:
			r.i = i
			r.fail("json_control", "control character in a string")
			return ""
		case c < utf8.RuneSelf:
			i++
		default:
			v, n := utf8.DecodeRuneInString(r.s[i:])
			if v == utf8.RuneError && n == 1 {
				r.fail("json_utf8", "invalid UTF-8")
				return ""
			}
			i += n
		}
	}
	r.i = len(r.s)
	r.fail("json_truncated", "string without its end")
	return ""
}

// escaped is the slow path of str, from the first backslash on.
func (r *jsonReader) escaped(start, i int) string {
	var b strings.Builder
	b.WriteString(r.s[start:i])
	for i < len(r.s) {
		c := r.s[i]
		switch {
		case c == '"':
			r.i = i + 1
			return b.String()
		case c == '\\':
			if i+1 < len(r.s) && (r.s[i+1] == '"' || r.s[i+1] == '\\') {
				b.WriteByte(r.s[i+1])
				i += 2
				continue
			}
			r.i = i
			r.badEscape()
			return ""
		case c < 0x20:
			r.fail("json_control", "control character in a string")
			return ""
		default:
			v, n := utf8.DecodeRuneInString(r.s[i:])
			if v == utf8.RuneError && n == 1 {
				r.fail("json_utf8", "invalid UTF-8")
				return ""
			}
			b.WriteString(r.s[i : i+n])
			i += n
		}
	}
	r.fail("json_truncated", "string without its end")
	return ""
}

// badEscape names what is wrong with the escape at r.i.
func (r *jsonReader) badEscape() {
	rest := r.s[r.i+1:]
	switch {
	case rest == "":
		r.fail("json_truncated", "string without its end")
	case rest[0] != 'u':
		if strings.IndexByte("/bfnrt", rest[0]) >= 0 {
			r.fail("json_escape", "escape that a canonical string doesn't have")
			return
		}
		r.fail("json_syntax", "no such escape")
	case len(rest) < 5 || !isHex(rest[1:5]):
		r.fail("json_syntax", "incomplete escape")
	default:
		if loneSurrogate(rest) {
			r.fail("json_surrogate", "lone surrogate")
			return
		}
		r.fail("json_escape", "escape that a canonical string doesn't have")
	}
}

// loneSurrogate tells whether rest, which begins with uXXXX, is half of a pair without its other half.
func loneSurrogate(rest string) bool {
	hi := hex4(rest[1:5])
	if hi < 0xD800 || hi > 0xDFFF {
		return false
	}
	if hi >= 0xDC00 || len(rest) < 11 || rest[5:7] != `\u` || !isHex(rest[7:11]) {
		return true
	}
	lo := hex4(rest[7:11])
	return lo < 0xDC00 || lo > 0xDFFF
}

func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if strings.IndexByte("0123456789abcdefABCDEF", s[i]) < 0 {
			return false
		}
	}
	return true
}

func hex4(s string) int {
	v := 0
	for i := 0; i < 4; i++ {
		v = v<<4 | strings.IndexByte("0123456789abcdef", s[i]|0x20)
	}
	return v
}

// integer reads a whole number from 0 to 2^53-1.
func (r *jsonReader) integer() int64 {
	start := r.i
	if r.peek() == '-' {
		r.number()
		r.fail("json_negative", "negative number")
		return 0
	}
	var v int64
	for r.i < len(r.s) {
		c := r.s[r.i] - '0'
		if c > 9 {
			break
		}
		if v > maxInteger/10 {
			r.number()
			r.fail("json_range", "integer beyond 2^53-1")
			return 0
		}
		v = v*10 + int64(c)
		r.i++
	}
	switch {
	case r.i == start:
		r.unexpected()
		return 0
	case r.s[start] == '0' && r.i > start+1:
		r.fail("json_leading_zero", "number with leading zeros")
		return 0
	case r.i < len(r.s) && (r.s[r.i] == '.' || r.s[r.i]|0x20 == 'e'):
		r.number()
		return 0
	case v > maxInteger:
		r.fail("json_range", "integer beyond 2^53-1")
		return 0
	}
	return v
}

// number names what is wrong with the rest of a number that is no plain integer: it looks for a fraction or an exponent,
// complete as JSON wants them.
func (r *jsonReader) number() {
	if r.i < len(r.s) && r.s[r.i] == '-' {
		r.i++
		start := r.i
		if r.digits() == 0 {
			r.unexpected()
			return
		}
		if r.s[start] == '0' && r.i > start+1 {
			r.fail("json_leading_zero", "number with leading zeros")
			return
		}
	} else {
		r.digits()
	}
	fraction := false
	if r.accept('.') {
		if r.digits() == 0 {
			r.unexpected()
			return
		}
		fraction = true
	}
	if r.accept('e') || r.accept('E') {
		if !r.accept('+') {
			r.accept('-')
		}
		if r.digits() == 0 {
			r.unexpected()
			return
		}
		r.fail("json_exponent", "number with an exponent")
		return
	}
	if fraction {
		r.fail("json_float", "number with a fraction")
	}
}

func (r *jsonReader) digits() int {
	n := 0
	for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
		r.i++
		n++
	}
	return n
}

// appendString writes s as str reads it.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
