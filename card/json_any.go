// Values of any shape, read by the same tokens: to pass over one, and to name what is wrong below a schema.

package card

import (
	"strings"

	"sceau/signing"
)

// raw returns the text of the next value, whatever it is.
func (r *jsonReader) raw(depth int) string {
	start := r.i
	r.value(depth)
	if r.err != nil {
		return ""
	}
	return r.s[start:r.i]
}

// value moves over any value that this profile of JSON allows; depth counts the containers it stands in.
func (r *jsonReader) value(depth int) {
	switch c := r.peek(); {
	case c == '{' || c == '[':
		if depth >= MaxDepth {
			r.fail("json_depth", "nested too deep")
			return
		}
		if c == '{' {
			r.object(depth + 1)
		} else {
			r.array(depth + 1)
		}
	case c == '"':
		r.str()
	case c == 't':
		r.literal("true")
	case c == 'f':
		r.literal("false")
	case c == 'n':
		r.literal("null")
	default:
		r.integer()
	}
}

func (r *jsonReader) array(depth int) {
	r.expect('[')
	if r.accept(']') {
		return
	}
	for {
		r.value(depth)
		if r.err != nil || r.accept(']') {
			return
		}
		r.expect(',')
	}
}

func (r *jsonReader) object(depth int) {
	r.expect('{')
	if r.accept('}') {
		return
	}
	seen := make(map[string]bool)
	for {
		name := r.str()
		if r.err == nil && seen[name] {
			r.fail("json_duplicate", "member name twice")
		}
		seen[name] = true
		r.expect(':')
		r.value(depth)
		if r.err != nil || r.accept('}') {
			return
		}
		r.expect(',')
	}
}

// scan reads s as one value of this profile.
func scan(s string) error {
	if s == "" {
		return malformed("json_empty", "nothing there")
	}
	if strings.HasPrefix(s, "\ufeff") {
		return malformed("json_bom", "byte order mark")
	}
	r := jsonReader{s: s}
	r.value(0)
	r.end()
	return r.err
}

// classify turns the refusal of a typed decoder into the deepest reason: what is no JSON of this profile is refused as
// such, whatever the schema would say; what is such JSON, and stopped the decoder's tokens, has another type or shape
// than the schema's.
func classify(s string, err error) error {
	if low := scan(s); low != nil {
		return low
	}
	if strings.HasPrefix(signing.CodeOf(err), "json_") {
		return malformed("value_type", "a value has another type or shape than this format's")
	}
	return err
}
