// The range coder of FORMAT.md section 4: the columns of a page as one number, every symbol priced by what was seen before it.

package status

// model is the coder's estimate for one binary decision: how often it was 0 so far.
type model struct {
	p uint32 // probability of 0, in units of 2^-32
	n uint32 // decisions seen, at most countLimit
}

const (
	modelStart = 1 << 31 // one half
	// countLimit bounds how slowly a model still learns. Indexes are random, so the order of the entries says nothing and counting without
	// forgetting is right; the limit only keeps the step table short.
	countLimit = 1022

	rangeTop = 1 << 24 // below it one more byte is written or read
	flushLow = rangeTop - 1
)

// step[n] is how far a model moves at its n-th decision: 2^16/(n+2), the rule of Krichevsky and Trofimov.
var step = func() (t [1024]uint32) {
	for n := range countLimit + 1 {
		t[n] = 1 << 16 / uint32(n+2)
	}
	return t
}()

func newModels(n int) []model {
	m := make([]model, n)
	for i := range m {
		m[i].p = modelStart
	}
	return m
}

// share is the part of the range that stands for 0, as a 12-bit number that is never 0 nor 4096.
func (m *model) share() uint32 { return m.p>>20 | 1 }

func (m *model) saw0() {
	m.p += (^m.p >> 16) * step[m.n]
	if m.n < countLimit {
		m.n++
	}
}

func (m *model) saw1() {
	m.p -= (m.p >> 16) * step[m.n]
	if m.n < countLimit {
		m.n++
	}
}

// encoder writes the number. low and size are the interval that is left; a carry runs back through out.
type encoder struct {
	out  []byte
	low  uint32
	size uint32
}

func newEncoder(out []byte) *encoder { return &encoder{out: out, size: 1<<32 - 1} }

func (e *encoder) add(v uint32) {
	low := e.low + v
	if low < e.low {
		for i := len(e.out) - 1; ; i-- {
			e.out[i]++
			if e.out[i] != 0 {
				break
			}
		}
	}
	e.low = low
}

func (e *encoder) normalise() {
	for e.size < rangeTop {
		e.out = append(e.out, byte(e.low>>24))
		e.low <<= 8
		e.size <<= 8
	}
}

func (e *encoder) bit(m *model, b uint32) {
	bound := (e.size >> 12) * m.share()
	if b == 0 {
		e.size = bound
		m.saw0()
	} else {
		e.add(bound)
		e.size -= bound
		m.saw1()
	}
	e.normalise()
}

// raw writes the low n bits of v at their full price, at most 16 in one step so that the interval stays wide enough.
func (e *encoder) raw(v uint32, n int) {
	if n > 16 {
		e.raw(v>>16, n-16)
		n = 16
	}
	if n == 0 {
		return
	}
	e.size >>= n
	e.add(e.size * (v & (1<<n - 1)))
	e.normalise()
}

// tree writes an n-bit number, highest bit first, each bit under the bits before it. models has 2^n entries.
func (e *encoder) tree(models []model, v uint32, n int) {
	at := uint32(1)
	for i := n - 1; i >= 0; i-- {
		b := v >> i & 1
		e.bit(&models[at], b)
		at = at<<1 | b
	}
}

// finish writes the one byte that ends the number: the smallest multiple of 2^24 that is not below low. The three zero bytes after it are left out.
func (e *encoder) finish() []byte {
	e.add(flushLow)
	return append(e.out, byte(e.low>>24))
}

// decoder reads the number back. Past its end it reads zero bytes, at most the three that finish leaves out.
type decoder struct {
	in   []byte
	at   int // bytes read, counted on past the end
	code uint32
	size uint32
	// outside: the number lies in the sliver above the last symbol that integer division leaves over. No encoder writes it. Everywhere else
	// code stays below size, so that nothing is lost when both are shifted.
	outside bool
}

func newDecoder(in []byte) *decoder {
	d := &decoder{in: in, size: 1<<32 - 1}
	for range 4 {
		d.next()
	}
	d.outside = d.code >= d.size
	return d
}

func (d *decoder) next() {
	var b byte
	if d.at < len(d.in) {
		b = d.in[d.at]
	}
	d.at++
	d.code = d.code<<8 | uint32(b)
}

func (d *decoder) bit(m *model) uint32 {
	bound := (d.size >> 12) * m.share()
	var b uint32
	if d.code < bound {
		d.size = bound
		m.saw0()
	} else {
		d.code -= bound
		d.size -= bound
		m.saw1()
		b = 1
	}
	for d.size < rangeTop {
		d.next()
		d.size <<= 8
	}
	return b
}

func (d *decoder) raw(n int) uint32 {
	if n == 0 {
		return 0
	}
	var high uint32
	if n > 16 {
		high = d.raw(n-16) << 16
		n = 16
	}
	d.size >>= n
	v := d.code / d.size
	if v >= 1<<n {
		d.outside, v, d.code = true, 0, 0
	}
	d.code -= v * d.size
	for d.size < rangeTop {
		d.next()
		d.size <<= 8
	}
	return high | v
}

// tree reads an n-bit number. It is bit without a branch on the bit, which for days and indexes nobody can guess: twice as fast.
func (d *decoder) tree(models []model, n int) uint32 {
	code, size, at := d.code, d.size, uint32(1)
	for range n {
		m := &models[at]
		bound := (size >> 12) * (m.p>>20 | 1)
		zero := uint32(int64(uint64(code)-uint64(bound)) >> 63) // all ones for a 0, else nothing
		code -= bound &^ zero
		size = bound&zero | (size-bound)&^zero
		move := ((m.p ^ zero) >> 16) * step[m.n&1023]
		m.p += (move ^ ^zero) + (^zero & 1) // move up for a 0, down for a 1
		m.n = min(m.n+1, countLimit)
		at = at<<1 | ^zero&1
		for size < rangeTop {
			var b byte
			if d.at < len(d.in) {
				b = d.in[d.at]
			}
			d.at++
			code = code<<8 | uint32(b)
			size <<= 8
		}
	}
	d.code, d.size = code, size
	return at - 1<<n
}

// exact says that the bytes are those that the encoder writes for the symbols read, and no others: code is the distance from low to the number;
// finish leaves less than 2^24 there, and the next multiple of 2^24 would be another byte string.
func (d *decoder) exact() bool { return !d.outside && d.at == len(d.in)+3 && d.code <= flushLow }
