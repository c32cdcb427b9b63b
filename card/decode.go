// The strict decoder of claims. It accepts exactly what MarshalCanonical writes.

package card

import (
	"strings"

	"sceau/rights"
)

// members is the one order in which claims stand.
var members = []string{"iss", "iat", "nbf", "exp", "st", "adh", "conv", "csr", "resp", "ben", "gar", "notes"}

// required says which of members may not be left out.
var required = []string{"iss", "iat", "nbf", "exp", "st", "adh", "ben", "gar"}

// DecodeClaims reads canonical claims: whatever it accepts, MarshalCanonical writes again byte for byte. Refusals are of
// the family ErrMalformed; those whose code begins with json_ lie below the schema.
func DecodeClaims(b []byte) (Claims, error) { return decodeClaims(string(b)) }

func decodeClaims(s string) (Claims, error) {
	if len(s) > MaxInflated {
		return Claims{}, malformed("inflated_size", "claims larger than the format's bound")
	}
	r := jsonReader{s: s}
	c := r.claims()
	r.end()
	if r.err != nil {
		return Claims{}, classify(s, r.err)
	}
	if err := c.check(); err != nil {
		return Claims{}, err
	}
	return c, nil
}

// memberCursor walks the members of an object whose order is fixed.
type memberCursor struct {
	names []string
	next  int    // first name that may still come
	seen  uint32 // bit i: names[i] was read
	begun bool
}

// member moves to the next member and returns its place in names, or -1 at the end of the object.
func (r *jsonReader) member(c *memberCursor) int {
	if r.err != nil || r.accept('}') {
		return -1
	}
	if c.begun {
		r.expect(',')
	}
	c.begun = true
	name := r.str()
	r.expect(':')
	if r.err != nil {
		return -1
	}
	for i := c.next; i < len(c.names); i++ {
		if c.names[i] == name {
			c.next = i + 1
			c.seen |= 1 << i
			return i
		}
	}
	for i, known := range c.names {
		switch {
		case known == name && c.seen&(1<<i) != 0:
			r.fail("json_duplicate", "member name twice")
		case known == name:
			r.fail("member_order", "member out of order")
		case strings.EqualFold(known, name):
			r.fail("member_case", "member name in another case")
		}
	}
	r.fail("member_unknown", "unknown member")
	return -1
}

// require refuses an object that lacks a member; the code is "<name>_missing".
func (r *jsonReader) require(c *memberCursor, names []string) {
	for _, want := range names {
		for i, name := range c.names {
			if name == want && c.seen&(1<<i) == 0 {
				r.fail(want+"_missing", "required member missing")
			}
		}
	}
}

func (r *jsonReader) claims() Claims {
	var c Claims
	cur := memberCursor{names: members}
	r.expect('{')
	for r.err == nil {
		i := r.member(&cur)
		if i < 0 {
			break
		}
		switch members[i] {
		case "iss":
			c.Issuer = rights.AMC(r.str())
		case "iat":
			c.IssuedAt = r.integer()
		case "nbf":
			c.NotBefore = r.integer()
		case "exp":
			c.Expires = r.integer()
		case "st":
			c.Place = r.place()
		case "adh":
			c.Adherent = r.str()
		case "conv":
			c.Conventions = r.strings(MaxConventions, "conv_count")
		case "csr":
			if c.CSR = r.str(); c.CSR == "" {
				r.fail("csr_empty", "empty instead of left out")
			}
		case "resp":
			if r.peek() == 'f' {
				r.fail("resp_false", "false instead of left out")
			}
			r.literal("true")
			c.Responsable = true
		case "ben":
			c.People = r.people()
		case "gar":
			c.Guarantees = r.groups()
		case "notes":
			c.Notes = r.strings(MaxNotes, "notes_count")
		}
	}
	r.require(&cur, required)
	return c
}

func (r *jsonReader) place() Place {
	r.expect('[')
	list := r.integer()
	r.expect(',')
	index := r.integer()
	r.expect(']')
	if r.err == nil && list > MaxList {
		r.fail("place_list", "list number out of range")
	}
	if r.err == nil && index > MaxIndex {
		r.fail("place_index", "index out of range")
	}
	return Place{List: uint32(list), Index: uint32(index)}
}

// strings reads 1 to limit strings; code names what an empty or longer list is refused with.
func (r *jsonReader) strings(limit int, code string) []string {
	var out []string
	r.expect('[')
	for r.err == nil && r.peek() != ']' {
		if len(out) > 0 {
			r.expect(',')
		}
		out = append(out, r.str())
		if len(out) > limit {
			r.fail(code, "too many entries")
		}
	}
	r.expect(']')
	if r.err == nil && len(out) == 0 {
		r.fail(code, "empty instead of left out")
	}
	return out
}

func (r *jsonReader) people() []Person {
	out := make([]Person, 0, 4)
	r.expect('[')
	for r.err == nil && r.peek() != ']' {
		if len(out) > 0 {
			r.expect(',')
		}
		out = append(out, r.person())
		if len(out) > MaxPeople {
			r.fail("ben_count", "more than 12 people")
		}
	}
	r.expect(']')
	return out
}

func (r *jsonReader) person() Person {
	var p Person
	r.expect('[')
	p.Nom = r.str()
	r.expect(',')
	p.Prenom = r.str()
	r.expect(',')
	p.Birth = rights.BirthDate(r.str())
	r.expect(',')
	rang := r.integer()
	if rang > 9 {
		r.fail("rang_range", "rang out of range")
	}
	p.Rang = int(rang)
	if r.accept(',') {
		from := r.str()
		p.From = r.ownDate(from, true)
		if r.accept(',') {
			p.To = r.ownDate(r.str(), false)
		} else if from == "" {
			r.fail("own_date_empty", "empty instead of left out")
		}
	}
	r.expect(']')
	return p
}

func (r *jsonReader) ownDate(s string, mayBeEmpty bool) rights.Date {
	if r.err != nil || s == "" && mayBeEmpty {
		return 0
	}
	d, err := rights.ParseCompact(s)
	if err != nil {
		r.fail("own_date_form", "own date is no date AAAAMMJJ")
		return 0
	}
	return d
}

func (r *jsonReader) groups() []Group {
	out := make([]Group, 0, 2)
	r.expect('[')
	for r.err == nil && r.peek() != ']' {
		if len(out) > 0 {
			r.expect(',')
		}
		out = append(out, r.group())
		if len(out) > MaxGroups {
			r.fail("gar_count", "too many groups")
		}
	}
	r.expect(']')
	return out
}

func (r *jsonReader) group() Group {
	g := Group{People: make([]int, 0, 4)}
	r.expect('[')
	r.expect('[')
	for r.err == nil && r.peek() != ']' {
		if len(g.People) > 0 {
			r.expect(',')
		}
		i := r.integer()
		if i >= MaxPeople || len(g.People) == MaxPeople {
			r.fail("gar_people_range", "no such beneficiary")
		}
		g.People = append(g.People, int(i))
	}
	r.expect(']')
	r.expect(',')
	r.expect('{')
	if n := strings.IndexByte(r.s[r.i:], '}'); n >= 0 {
		g.Values = make([]DomainValue, 0, min(strings.Count(r.s[r.i:r.i+n], ":"), MaxDomains+1))
	}
	for r.err == nil && r.peek() != '}' {
		if len(g.Values) > 0 {
			r.expect(',')
		}
		v := DomainValue{Domain: r.str()}
		r.expect(':')
		text := r.str()
		if r.err != nil {
			break
		}
		value, err := rights.ParseGuarantee(text)
		if err != nil {
			r.fail("value_form", "guarantee value outside the grammar")
			break
		}
		v.Value = value
		g.Values = append(g.Values, v)
		if len(g.Values) > MaxDomains {
			r.fail("gar_domain_count", "too many domains")
		}
	}
	r.expect('}')
	r.expect(']')
	return g
}
