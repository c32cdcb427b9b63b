// The modules' own memories, taken from the system before anything else is.

package optic

import "github.com/tetratelabs/wazero/experimental"

// plots are the memories of both modules. They are made first: Go's allocator hands over pages that nobody has touched as they are,
// and one that lies where something was freed it fills with zeros, so that all of it would count, used or not.
type plots struct{ pdf, qr plot }

func newPlots() *plots {
	const page = 64 << 10
	const pdf = pdfiumPages * page
	b := make([]byte, pdf+rxingPages*page) // in one piece: the first could make the collector free something beside the second
	return &plots{plot{b[:0:pdf], 0}, plot{b[pdf:pdf], 0}}
}

// plot is a memory for one module at a time. It grows in place: the address never changes.
type plot struct {
	b    []byte
	used int // bytes that a module before may have written to
}

// Allocate hands the memory to a module that starts: all zeros.
func (p *plot) Allocate(_, _ uint64) experimental.LinearMemory {
	clear(p.b[:p.used])
	p.b, p.used = p.b[:0], 0
	return p
}

// Reallocate grows the memory, nil where it ends.
func (p *plot) Reallocate(size uint64) []byte {
	if size > uint64(cap(p.b)) {
		return nil
	}
	p.b = p.b[:size]
	p.used = max(p.used, len(p.b))
	return p.b
}

// Free leaves the memory to the module that starts next.
func (p *plot) Free() {}
