// The print run's path: plans of rsc.io/qr/coding, cached as bit planes, and the mask of ISO/IEC 18004 chosen by its full score.

package qr

import (
	"fmt"
	"math/bits"
	"sync"

	"rsc.io/qr/coding"
	"rsc.io/qr/gf256"
)

// Printer draws many code texts. What a version needs is made at its first use and kept. Safe for concurrent use.
type Printer struct {
	plans   [MaxVersion + 1]cachedPlan
	scratch sync.Pool // *scratch
}

type cachedPlan struct {
	once sync.Once
	plan *plan
	err  error
}

// NewPrinter makes a Printer with nothing cached.
func NewPrinter() *Printer {
	return &Printer{scratch: sync.Pool{New: func() any { return new(scratch) }}}
}

// scratch is what one Encode works with; an RS encoder keeps a buffer of its own and so belongs to one goroutine at a time.
type scratch struct {
	bits  coding.Bits
	check [32]byte
	rs    [32]*gf256.RSEncoder // by number of check bytes
	data  grid
	try   [2]grid
}

func (s *scratch) encoder(check int) *gf256.RSEncoder {
	if s.rs[check] == nil {
		s.rs[check] = gf256.NewRSEncoder(coding.Field, check)
	}
	return s.rs[check]
}

// Encode draws text as one alphanumeric segment in the smallest version that holds it, under the mask with the lowest penalty
// (the lowest number among equals). Errors: ErrEmpty, ErrAlphabet, ErrTooLong.
func (p *Printer) Encode(text string) (*Matrix, error) {
	if text == "" {
		return nil, ErrEmpty
	}
	for i := range len(text) {
		if !alphanumeric[text[i]] {
			return nil, fmt.Errorf("%w (at byte %d of %d)", ErrAlphabet, i+1, len(text))
		}
	}
	version := smallest(text)
	if version == 0 {
		return nil, fmt.Errorf("%w (%d characters)", ErrTooLong, len(text))
	}
	c := &p.plans[version]
	c.once.Do(func() { c.plan, c.err = newPlan(version) })
	if c.err != nil {
		return nil, c.err
	}
	s := p.scratch.Get().(*scratch)
	defer p.scratch.Put(s)
	return c.plan.draw(s, text), nil
}

// alphanumeric marks the 45 characters of the QR alphanumeric mode (ISO/IEC 18004, table 5).
var alphanumeric = func() (set [256]bool) {
	for _, c := range []byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:") {
		set[c] = true
	}
	return set
}()

// smallest returns the lowest version whose level M holds text in alphanumeric mode, 0 when none does.
func smallest(text string) int {
	for v := coding.Version(1); v <= MaxVersion; v++ {
		if coding.Alpha(text).Bits(v) <= v.DataBytes(coding.M)*8 {
			return int(v)
		}
	}
	return 0
}

// plan is what all symbols of one version share.
type plan struct {
	version, size int
	dataBytes     int
	blocks        int
	checkBytes    int      // of one block
	place         []uint16 // bit of the codewords, data blocks then check blocks → y<<7 | x
	planes        [8]grid  // by mask: the whole symbol when every codeword bit is 0
}

// newPlan asks the library for the version's plan under each mask. The planes differ from each other in the masked area and in
// the format modules; a codeword bit of 1 turns its module over under every mask, so the placement is made once.
func newPlan(version int) (*plan, error) {
	p := &plan{version: version, size: 17 + 4*version}
	for mask := range p.planes {
		lib, err := coding.NewPlan(coding.Version(version), coding.M, coding.Mask(mask))
		if err != nil {
			return nil, fmt.Errorf("qr: plan of version %d: %w", version, err)
		}
		if mask == 0 {
			p.dataBytes, p.blocks, p.checkBytes = lib.DataBytes, lib.Blocks, lib.CheckBytes/lib.Blocks
			p.place = make([]uint16, 8*(lib.DataBytes+lib.CheckBytes))
		}
		for y, line := range lib.Pixel {
			for x, px := range line {
				if px&coding.Black != 0 {
					p.planes[mask][y].set(x)
				}
				if r := px.Role(); mask == 0 && (r == coding.Data || r == coding.Check) {
					p.place[px.Offset()] = uint16(y<<7 | x)
				}
			}
		}
	}
	return p, nil
}

// draw makes the symbol of a text that fits.
func (p *plan) draw(s *scratch, text string) *Matrix {
	p.spread(s, text)
	best, bestScore := -1, int(^uint(0)>>1)
	cur := 0
	for mask := range p.planes {
		g := &s.try[cur]
		for y := range p.size {
			g[y] = s.data[y].xor(p.planes[mask][y])
		}
		if score := g.penalty(p.size, bestScore); score < bestScore {
			best, bestScore = cur, score
			cur ^= 1
		}
	}
	m := newMatrix(p.version)
	s.try[best].pack(m)
	return m
}

// spread encodes text and sets the 1 bits of its codewords, unmasked, in s.data.
func (p *plan) spread(s *scratch, text string) {
	b := &s.bits
	b.Reset()
	coding.Alpha(text).Encode(b, coding.Version(p.version))
	b.Pad(8*p.dataBytes - b.Bits())
	rest, n, long := b.Bytes(), p.dataBytes/p.blocks, p.blocks-p.dataBytes%p.blocks
	rs, check := s.encoder(p.checkBytes), s.check[:p.checkBytes]
	for i := range p.blocks { // the last blocks hold one byte more (ISO/IEC 18004, 7.5.1)
		if i == long {
			n++
		}
		rs.ECC(rest[:n], check)
		b.Append(check)
		rest = rest[n:]
	}
	s.data = grid{}
	place := p.place
	for _, v := range b.Bytes() {
		for w := uint32(v) << 24; w != 0; {
			i := bits.LeadingZeros32(w)
			at := place[i]
			s.data[at>>7].set(int(at & 127))
			w &^= 1 << (31 - i)
		}
		place = place[8:]
	}
}
