// The columns of FORMAT.md section 4: how events become symbols of the range coder.

package status

import (
	"fmt"
	"math/bits"

	"sceau/rights"
)

// days is the span of a column, written before the events: exactly the lowest day and the distance to the highest.
type days struct {
	first rights.Date
	span  rights.Date
}

func (d days) last() rights.Date { return d.first + d.span }

func (h *history) days() (from, published days) {
	lowF, highF := h.events[0].from(), h.events[0].from()
	lowP, highP := h.events[0].published, h.events[0].published
	for _, e := range h.events {
		lowF, highF = min(lowF, e.from()), max(highF, e.from())
		lowP, highP = min(lowP, e.published), max(highP, e.published)
	}
	return days{lowF, highF - lowF}, days{lowP, highP - lowP}
}

const unaryModels = 16

// columns are the models of one page: what the encoder and the decoder both know before and after each event.
// They follow from the header alone, so there is nothing that an encoder could choose.
type columns struct {
	from, published days

	gapBits  int                // low bits of a gap, written raw
	fromBits int                // bits of a From column
	fromRaw  int                // how many of them are written raw
	few      bool               // published days as they are
	pubBits  int                // their bits, when few
	sizeBits int                // bits of a distance's length, when not few
	unary    [unaryModels]model // one more high step of the gap?
	kind     [4]model
	days     []model // From, highest bits first
	pubs     []model // Published, when few
	sizes    []model // length in bits of |Published - From|
	signs    [32]model
	mantissa [32 * 2 * 4]model // by length, sign: the two bits behind the leading one
}

func newColumns(count int, from, published days) *columns {
	c := &columns{from: from, published: published, few: published.span < fewDays}
	// The mean gap of random indexes is 2^20/count; below one bit nothing would bound what a byte can unfold to.
	c.gapBits = max(1, bits.Len32(uint32(1<<indexBits/count))-1)
	c.fromBits = bits.Len32(uint32(from.span))
	c.fromRaw = max(0, c.fromBits-treeBits)
	c.days = newModels(1 << (c.fromBits - c.fromRaw))
	if c.few {
		c.pubBits = bits.Len32(uint32(published.span))
		c.pubs = newModels(1 << c.pubBits)
	} else {
		farthest := max(published.last()-from.first, from.last()-published.first)
		c.sizeBits = bits.Len32(uint32(bits.Len32(uint32(farthest))))
		c.sizes = newModels(1 << c.sizeBits)
	}
	for _, m := range [][]model{c.unary[:], c.kind[:], c.signs[:], c.mantissa[:]} {
		for i := range m {
			m[i].p = modelStart
		}
	}
	return c
}

// after returns the models of the two bits behind the leading one of a distance with n bits.
func (c *columns) after(n int, sign uint32) []model {
	i := (n*2 + int(sign)) * 4
	return c.mantissa[i : i+4]
}

// encode writes the events of h.
func (c *columns) encode(e *encoder, h *history) {
	last := uint32(0)
	for i, ev := range h.events {
		gap := h.index[i] - last
		last = h.index[i]
		high := gap >> c.gapBits
		for j := range high {
			e.bit(&c.unary[min(j, unaryModels-1)], 1)
		}
		e.bit(&c.unary[min(high, unaryModels-1)], 0)
		e.raw(gap, c.gapBits)

		day := uint32(ev.from() - c.from.first)
		e.tree(c.days, day>>c.fromRaw, c.fromBits-c.fromRaw)
		e.raw(day, c.fromRaw)
		if c.few {
			e.tree(c.pubs, uint32(ev.published-c.published.first), c.pubBits)
		} else {
			c.encodeDistance(e, int32(ev.published-ev.from()))
		}
		e.tree(c.kind[:], uint32(ev.kind()-1), 2)
	}
}

func (c *columns) encodeDistance(e *encoder, d int32) {
	var sign uint32
	if d < 0 {
		sign, d = 1, -d
	}
	n := bits.Len32(uint32(d))
	e.tree(c.sizes, uint32(n), c.sizeBits)
	if n == 0 {
		return
	}
	e.bit(&c.signs[n], sign)
	rest := n - 1
	v := uint32(d) & (1<<rest - 1)
	modelled := min(rest, 2)
	e.tree(c.after(n, sign), v>>(rest-modelled), modelled)
	e.raw(v, rest-modelled)
}

// decode reads count events and refuses every other spelling of them than encode's.
func (c *columns) decode(d *decoder, count int) (history, error) {
	h := newHistory(count)
	var last uint32
	minFrom, maxFrom := c.from.last(), c.from.first
	minPub, maxPub := c.published.last(), c.published.first
	for i := range count {
		var step uint32
		for d.bit(&c.unary[min(step, unaryModels-1)]) == 1 {
			step++
			if step > MaxIndex>>c.gapBits {
				return history{}, malformedAt(i, "index out of range")
			}
		}
		index := last + step<<c.gapBits + d.raw(c.gapBits)
		if index > MaxIndex {
			return history{}, malformedAt(i, "index out of range")
		}
		day := d.tree(c.days, c.fromBits-c.fromRaw)
		day = day<<c.fromRaw | d.raw(c.fromRaw)
		from := c.from.first + rights.Date(day)
		var published rights.Date
		if c.few {
			published = c.published.first + rights.Date(d.tree(c.pubs, c.pubBits))
		} else {
			published = from + rights.Date(c.decodeDistance(d))
		}
		kind := Kind(d.tree(c.kind[:], 2)) + 1
		if from > c.from.last() || published < c.published.first || published > c.published.last() {
			return history{}, malformedAt(i, "day outside the span of its column")
		}
		if i > 0 && index == last && published < h.events[i-1].published {
			return history{}, malformedAt(i, "published before the event it follows")
		}
		minFrom, maxFrom = min(minFrom, from), max(maxFrom, from)
		minPub, maxPub = min(minPub, published), max(maxPub, published)
		h.add(index, newEvent(from, published, kind))
		last = index
	}
	if minFrom != c.from.first || maxFrom != c.from.last() || minPub != c.published.first || maxPub != c.published.last() {
		return history{}, fmt.Errorf("%w: a span is wider than its days", ErrMalformed)
	}
	if !d.exact() {
		return history{}, fmt.Errorf("%w: not the one encoding of these events", ErrMalformed)
	}
	return h, nil
}

func (c *columns) decodeDistance(d *decoder) int32 {
	n := int(d.tree(c.sizes, c.sizeBits))
	if n == 0 {
		return 0
	}
	sign := d.bit(&c.signs[n])
	rest := n - 1
	modelled := min(rest, 2)
	v := uint32(1)<<modelled | d.tree(c.after(n, sign), modelled)
	more := rest - modelled
	v = v<<more | d.raw(more)
	if sign == 1 {
		return -int32(v)
	}
	return int32(v)
}

func malformedAt(i int, what string) error {
	return fmt.Errorf("%w: event %d: %s", ErrMalformed, i, what)
}
