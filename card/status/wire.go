// The bytes of a page and of changes, FORMAT.md sections 3 and 4: one value, one encoding.

package status

import (
	"encoding/binary"
	"fmt"

	"sceau/rights"
)

const (
	pageMagic    = "TPS\x01" // tiers payant status, version 1
	changesMagic = "TPD\x01" // its difference
)

// Encode returns the one encoding of the page. Its SHA-256 is what the trust repository signs.
func (p *Page) Encode() []byte {
	b := appendHead(nil, pageMagic, p.issuer, p.list)
	b = binary.AppendUvarint(b, p.revision)
	return appendEvents(b, &p.history)
}

// Decode reads what Encode wrote and refuses everything else: ErrVersion, else ErrMalformed.
func Decode(b []byte) (*Page, error) {
	r, issuer, list, err := readHead(b, pageMagic)
	if err != nil {
		return nil, err
	}
	revision := r.number(maxRevision)
	h, err := r.events()
	if err != nil {
		return nil, err
	}
	return newPage(issuer, list, revision, h), nil
}

// Encode returns the one encoding of the changes.
func (c *Changes) Encode() []byte {
	b := appendHead(nil, changesMagic, c.issuer, c.list)
	b = binary.AppendUvarint(b, c.from)
	b = binary.AppendUvarint(b, c.to-c.from-1)
	return appendEvents(b, &c.added)
}

// DecodeChanges reads what Changes.Encode wrote and refuses everything else: ErrVersion, else ErrMalformed.
func DecodeChanges(b []byte) (*Changes, error) {
	r, issuer, list, err := readHead(b, changesMagic)
	if err != nil {
		return nil, err
	}
	from := r.number(maxRevision)
	more := r.number(maxRevision)
	h, err := r.events()
	if err != nil {
		return nil, err
	}
	if more >= maxRevision-from {
		return nil, fmt.Errorf("%w: revision out of range", ErrMalformed)
	}
	return &Changes{issuer: issuer, list: list, from: from, to: from + 1 + more, added: h}, nil
}

func appendHead(b []byte, magic, issuer string, list uint32) []byte {
	b = append(b, magic...)
	b = append(b, byte(len(issuer)))
	b = append(b, issuer...)
	return binary.AppendUvarint(b, uint64(list))
}

func appendEvents(b []byte, h *history) []byte {
	b = binary.AppendUvarint(b, uint64(h.len()))
	if h.len() == 0 {
		return b
	}
	from, published := h.days()
	for _, d := range []rights.Date{from.first, from.span, published.first, published.span} {
		b = binary.AppendUvarint(b, uint64(d))
	}
	e := newEncoder(b)
	newColumns(h.len(), from, published).encode(e, h)
	return e.finish()
}

// reader walks the header. The first fault sticks; events reports it.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
}

// number reads an unsigned LEB128 number of at most limit in its shortest form.
func (r *reader) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	switch {
	case r.err != nil:
		return 0
	case n <= 0:
		r.fail("header cut short")
		return 0
	case n > 1 && r.rest[n-1] == 0:
		r.fail("number not in its shortest form")
		return 0
	case v > limit:
		r.fail("number out of range")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func readHead(b []byte, magic string) (r *reader, issuer string, list uint32, err error) {
	if len(b) > MaxBytes {
		return nil, "", 0, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxBytes)
	}
	if len(b) < len(magic)+1 || string(b[:3]) != magic[:3] {
		return nil, "", 0, fmt.Errorf("%w: not %s", ErrMalformed, map[string]string{pageMagic: "a status page", changesMagic: "status changes"}[magic])
	}
	if b[3] != magic[3] {
		return nil, "", 0, fmt.Errorf("%w: %d", ErrVersion, b[3])
	}
	n := int(b[4])
	if n > maxIssuer || len(b) < 5+n {
		return nil, "", 0, fmt.Errorf("%w: issuer", ErrMalformed)
	}
	issuer = string(b[5 : 5+n])
	r = &reader{rest: b[5+n:]}
	list = uint32(r.number(maxList))
	if r.err != nil {
		return nil, "", 0, r.err
	}
	if err := checkPlace(issuer, list); err != nil {
		return nil, "", 0, err
	}
	return r, issuer, list, nil
}

// checkPlace refuses an issuer that is no N° AMC key and a list number out of range.
func checkPlace(issuer string, list uint32) error {
	ok := len(issuer) >= 1 && len(issuer) <= maxIssuer && issuer[0] != '0'
	for i := range len(issuer) {
		c := issuer[i]
		ok = ok && (c >= '0' && c <= '9' || c >= 'A' && c <= 'Z')
	}
	if !ok {
		return fmt.Errorf("%w: issuer is not the key of a N° AMC", ErrMalformed)
	}
	if list < 1 || list > maxList {
		return fmt.Errorf("%w: list number out of range", ErrMalformed)
	}
	return nil
}

func (r *reader) events() (history, error) {
	count := int(r.number(MaxEntries))
	if r.err != nil {
		return history{}, r.err
	}
	if count == 0 {
		if len(r.rest) != 0 {
			return history{}, fmt.Errorf("%w: bytes behind an empty list", ErrMalformed)
		}
		return history{}, nil
	}
	from, published := r.days(), r.days()
	if r.err != nil {
		return history{}, r.err
	}
	if count > len(r.rest)*entriesPerByte {
		return history{}, fmt.Errorf("%w: %d events in %d bytes", ErrMalformed, count, len(r.rest))
	}
	return newColumns(count, from, published).decode(newDecoder(r.rest), count)
}

func (r *reader) days() days {
	d := days{rights.Date(r.number(uint64(lastDay))), rights.Date(r.number(uint64(lastDay)))}
	if r.err == nil && (d.first < 1 || d.last() > lastDay) {
		r.fail("day out of range")
	}
	return d
}
