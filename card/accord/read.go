// A strict reader of what this package signs: members in one order, no white space, so that texts between values are
// literals, and whatever was read is written again and compared.

package accord

import (
	"strings"
	"time"

	"sceau/card"
)

// maxInteger is the largest integer that every JSON implementation keeps exactly.
const maxInteger = 1<<53 - 1

// reader reads one text; the first refusal stays in err, and later reads give zero values.
type reader struct {
	s   string
	i   int
	err error
}

func (r *reader) ok() bool { return r.err == nil }

func (r *reader) fail(code, detail string) {
	if r.err == nil {
		r.err = malformed(code, detail)
		r.i = len(r.s)
	}
}

// accept moves over a literal when it is next.
func (r *reader) accept(text string) bool {
	if r.err == nil && strings.HasPrefix(r.s[r.i:], text) {
		r.i += len(text)
		return true
	}
	return false
}

// lit moves over a literal or refuses.
func (r *reader) lit(text string) {
	if !r.accept(text) {
		r.fail("member_expected", "another member, order or spelling than the one form")
	}
}

// until reads the rest of a string up to its closing quote and moves over it. No string of this package has a character
// that needs an escape.
func (r *reader) until(end byte) string {
	n := strings.IndexByte(r.s[r.i:], end)
	if n < 0 {
		r.fail("truncated", "ends too early")
		return ""
	}
	s := r.s[r.i : r.i+n]
	r.i += n + 1
	return s
}

// integer reads a whole number from 0 to 2^53-1 in its shortest form.
func (r *reader) integer() int64 {
	start := r.i
	var v int64
	for r.i < len(r.s) && r.s[r.i]-'0' <= 9 {
		if v = v*10 + int64(r.s[r.i]-'0'); v > maxInteger {
			r.fail("integer_range", "integer beyond 2^53-1")
			return 0
		}
		r.i++
	}
	if r.i == start || r.s[start] == '0' && r.i > start+1 {
		r.fail("integer_form", "not a whole number in its shortest form")
		return 0
	}
	return v
}

// small is integer for a value that is an int everywhere.
func (r *reader) small() int { return int(min(r.integer(), 1<<30)) }

func (r *reader) boolean() bool {
	if r.accept("true") {
		return true
	}
	if !r.accept("false") {
		r.fail("boolean_form", "neither true nor false")
	}
	return false
}

func (r *reader) time() time.Time {
	v := r.integer()
	if r.err != nil {
		return time.Time{}
	}
	return time.Unix(v, 0).UTC()
}

// payload is what has one encoding.
type payload interface{ Payload() ([]byte, error) }

// sameAgain ends a reading: nothing may follow, and the value must be written as it was read.
func sameAgain[T payload](r *reader, v T, b []byte) (T, error) {
	var none T
	if r.err == nil && r.i < len(r.s) {
		r.fail("trailing", "bytes after the value")
	}
	if r.err != nil {
		return none, r.err
	}
	again, err := v.Payload()
	if err != nil {
		return none, err
	}
	if string(again) != string(b) {
		return none, malformed("not_canonical", "spelled in another way")
	}
	return v, nil
}

func checkTime(t time.Time) error {
	if t.Nanosecond() != 0 || t.Unix() < card.MinTime || t.Unix() > card.MaxTime {
		return malformed("time_range", "time is no whole second of the years 2020 to 2099")
	}
	return nil
}

func hexadecimal(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// code says whether s is a stable code of a reason: 1 to 32 of A-Z, 0-9 and "_", the first a letter.
func code(s string) bool {
	if s == "" || len(s) > 32 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
