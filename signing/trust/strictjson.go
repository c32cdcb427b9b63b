// A strict reader of JSON: one value has one spelling, so that no byte of a
// file can change without being seen.
package trust

import (
	"bytes"
	"fmt"
)

// node is one JSON value. raw is its spelling and aliases the input.
type node struct {
	kind  byte // one of { [ " 0 t f
	raw   []byte
	names [][]byte // members' names of an object, ascending
	kids  []node   // members' or elements' values
	num   int64
}

type jsonReader struct {
	in    []byte
	pos   int
	depth int
}

// parseStrict reads a whole document. Refused: white space, duplicate or
// unsorted names, null, floats, negative numbers, numbers over 2^53-1, bytes
// outside printable ASCII, < > &, and every escape except \n (which PEM keys
// need), since a writer never produces them.
func parseStrict(in []byte) (node, error) {
	r := &jsonReader{in: in}
	n, err := r.value()
	if err != nil {
		return node{}, err
	}
	if r.pos != len(in) {
		return node{}, r.fail("bytes after the end")
	}
	return n, nil
}

func (r *jsonReader) fail(why string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrMalformed, why, r.pos)
}

func (r *jsonReader) peek() byte {
	if r.pos < len(r.in) {
		return r.in[r.pos]
	}
	return 0
}

func (r *jsonReader) value() (node, error) {
	start := r.pos
	var n node
	var err error
	switch c := r.peek(); {
	case c == '{':
		n, err = r.object()
	case c == '[':
		n, err = r.array()
	case c == '"':
		_, err = r.str()
		n.kind = '"'
	case c >= '0' && c <= '9':
		n, err = r.number()
	case bytes.HasPrefix(r.in[r.pos:], []byte("true")):
		r.pos += 4
		n.kind = 't'
	case bytes.HasPrefix(r.in[r.pos:], []byte("false")):
		r.pos += 5
		n.kind = 'f'
	default:
		err = r.fail("unexpected byte or end")
	}
	if err != nil {
		return node{}, err
	}
	n.raw = r.in[start:r.pos:r.pos]
	return n, nil
}

func (r *jsonReader) object() (node, error) {
	n := node{kind: '{'}
	if r.depth++; r.depth > maxDepth {
		return node{}, r.fail("nested too deep")
	}
	r.pos++
	if r.peek() == '}' {
		r.pos++
		r.depth--
		return n, nil
	}
	for {
		if r.peek() != '"' {
			return node{}, r.fail("name expected")
		}
		name, err := r.str()
		if err != nil {
			return node{}, err
		}
		if bytes.IndexByte(name, '\\') >= 0 {
			return node{}, r.fail("escape in a name")
		}
		if k := len(n.names); k > 0 && bytes.Compare(n.names[k-1], name) >= 0 {
			return node{}, r.fail("names not ascending")
		}
		if r.peek() != ':' {
			return node{}, r.fail("colon expected")
		}
		r.pos++
		v, err := r.value()
		if err != nil {
			return node{}, err
		}
		n.names, n.kids = append(n.names, name), append(n.kids, v)
		switch r.peek() {
		case ',':
			r.pos++
		case '}':
			r.pos++
			r.depth--
			return n, nil
		default:
			return node{}, r.fail("comma or end of object expected")
		}
	}
}

func (r *jsonReader) array() (node, error) {
	n := node{kind: '['}
	if r.depth++; r.depth > maxDepth {
		return node{}, r.fail("nested too deep")
	}
	r.pos++
	if r.peek() == ']' {
		r.pos++
		r.depth--
		return n, nil
	}
	for {
		v, err := r.value()
		if err != nil {
			return node{}, err
		}
		n.kids = append(n.kids, v)
		switch r.peek() {
		case ',':
			r.pos++
		case ']':
			r.pos++
			r.depth--
			return n, nil
		default:
			return node{}, r.fail("comma or end of array expected")
		}
	}
}

// str reads a string and returns its spelling between the quotes.
func (r *jsonReader) str() ([]byte, error) {
	r.pos++
	start := r.pos
	for r.pos < len(r.in) {
		switch c := r.in[r.pos]; {
		case c == '"':
			s := r.in[start:r.pos:r.pos]
			r.pos++
			return s, nil
		case c == '\\':
			if r.pos+1 >= len(r.in) || r.in[r.pos+1] != 'n' {
				return nil, r.fail("escape")
			}
			r.pos += 2
		case c < 0x20 || c > 0x7e || c == '<' || c == '>' || c == '&':
			return nil, r.fail("character not allowed in a string")
		default:
			r.pos++
		}
	}
	return nil, r.fail("string without end")
}

func (r *jsonReader) number() (node, error) {
	n := node{kind: '0'}
	start := r.pos
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		n.num = n.num*10 + int64(c-'0')
		r.pos++
		if n.num > maxVersion {
			return node{}, r.fail("number too large")
		}
	}
	if r.in[start] == '0' && r.pos-start > 1 {
		return node{}, r.fail("leading zero")
	}
	return n, nil
}

// canonical is the canonical JSON over which signatures and key identifiers
// are computed. In this spelling it differs from the file in one thing: a line
// feed stands for itself.
func (n node) canonical() []byte {
	return bytes.ReplaceAll(n.raw, []byte(`\n`), []byte("\n"))
}

// text is the value of a string.
func (n node) text() string {
	s := n.raw[1 : len(n.raw)-1]
	if bytes.IndexByte(s, '\\') >= 0 {
		s = bytes.ReplaceAll(s, []byte(`\n`), []byte("\n"))
	}
	return string(s)
}

// get returns the member of an object, or a node of kind 0.
func (n node) get(name string) node {
	for i := range n.names {
		if string(n.names[i]) == name {
			return n.kids[i]
		}
	}
	return node{}
}
