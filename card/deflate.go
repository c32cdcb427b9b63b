// The payload's compression: raw DEFLATE (RFC 1951) against the dictionary of this version. Any inflater that takes a
// preset dictionary reads it; how it is written is the issuer's affair, and bytes are dear in a QR. compress/flate parses
// greedily and ends with an empty stored block of 5 bytes; here each payload is one block with the best parse for its
// codes, fixed or its own, whichever is shorter.

package card

import (
	_ "embed"
	"slices"
	"sync"
)

// dictionary is the preset dictionary of tp-card-1. Its bytes never change: FORMAT.md has their SHA-256.
//
//go:generate go run ./internal/dictionary -out dictionary-1.bin
//go:embed dictionary-1.bin
var dictionary []byte

const (
	// dynamicFrom is the length in bytes from which own codes are tried: a block's header costs about 40 bytes.
	dynamicFrom = 100
	// rounds bounds how often parse and codes are fitted to each other; later rounds gain nothing that shows.
	rounds = 4
)

// encoder is what one payload needs while it is written; all of it is reused.
type encoder struct {
	finder
	cost        []int
	steps, best []step
	codes       [2]ownCodes // of this round and of the one that is best
	price       prices
	scratch     huffmanScratch
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// deflate returns the shortest payload known for the claims' JSON.
func deflate(json []byte) []byte {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	return e.deflate(json)
}

// deflate compares lengths only, and writes the one block that turns out shortest; deflate_plain_test.go has the same in the
// plain way, and must give the same bytes.
func (e *encoder) deflate(json []byte) []byte {
	e.find(json)
	n := len(json)
	e.cost = slices.Grow(e.cost[:0], n+1)[:n+1]
	e.steps = slices.Grow(e.steps[:0], n)[:n]
	price := e.cheapest(json, fixedPrices, e.steps, e.cost)
	size := bytesOf(3 + price + int(fixedPrices.literal[endBlock]))
	if size < dynamicFrom {
		return writeFixed(json, e.steps, size)
	}
	e.best = append(e.best[:0], e.steps...)
	own := false
	now, best := &e.codes[0], &e.codes[1]
	for round := range rounds {
		before := now.lengths
		now.fit(json, e.steps, &e.scratch)
		if b := now.size(); b < size {
			size, own = b, true
			e.best = append(e.best[:0], e.steps...)
			*best = *now
		}
		if round > 0 && now.lengths == before {
			break // the same codes find the same path again
		}
		if round < rounds-1 {
			now.prices(&e.price)
			e.cheapest(json, &e.price, e.steps, e.cost)
		}
	}
	if !own {
		return writeFixed(json, e.best, size)
	}
	return best.write(json, e.best, size)
}

func bytesOf(bits int) int { return (bits + 7) / 8 }

var fixedLiterals, fixedDistances = func() (literal [literals]uint16, distance [distances]uint16) {
	lengths := make([]uint8, literals+2) // 286 and 287 have codes and never occur
	copy(lengths, fixedPrices.literal[:])
	lengths[literals], lengths[literals+1] = 8, 8
	all := make([]uint16, len(lengths))
	canonical(all, lengths)
	copy(literal[:], all)
	canonical(distance[:], fixedPrices.distance[:])
	return literal, distance
}()

// writeFixed writes a path as one last block with fixed codes.
func writeFixed(data []byte, steps []step, size int) []byte {
	w := &bitWriter{b: make([]byte, 0, size)}
	w.write(1|1<<1, 3) // last block, type 01
	w.body(data, steps, fixedPrices, &fixedLiterals, &fixedDistances)
	return w.bytes()
}

// body writes a path and the end of the block.
func (w *bitWriter) body(data []byte, steps []step, p *prices, literal *[literals]uint16, distance *[distances]uint16) {
	for i := 0; i < len(data); {
		s := steps[i]
		if s.length == 0 {
			c := data[i]
			w.write(int(literal[c]), int(p.literal[c]))
			i++
			continue
		}
		symbol, extra, value := lengthCode(int(s.length))
		w.write(int(literal[symbol])|value<<p.literal[symbol], int(p.literal[symbol])+extra)
		symbol, extra, value = distanceCode(int(s.distance))
		w.write(int(distance[symbol])|value<<p.distance[symbol], int(p.distance[symbol])+extra)
		i += int(s.length)
	}
	w.write(int(literal[endBlock]), int(p.literal[endBlock]))
}

// ownCodes are the codes that a block brings along, and what it costs to bring them.
type ownCodes struct {
	lengths  prices // by symbol; 0 for none
	body     int    // bits of the path and the end of the block
	header   [literals + distances]packed
	packed   int // symbols of header
	literal  int // lengths that are sent of either alphabet
	distance int
	meta     [len(lengthOrder)]uint8 // lengths of the code for code lengths
	sent     int                     // of them
	overhead int                     // bits before the body
}

// fit makes the best codes for a path.
func (c *ownCodes) fit(data []byte, steps []step, scratch *huffmanScratch) {
	var literal [literals]int
	var distance [distances]int
	literal[endBlock] = 1
	c.body = 0
	for i := 0; i < len(data); {
		s := steps[i]
		if s.length == 0 {
			literal[data[i]]++
			i++
			continue
		}
		literal[lengthSymbols[s.length]]++
		d := distanceSymbol(int(s.distance))
		distance[d]++
		c.body += int(lengthExtras[s.length]) + distanceExtra(d)
		i += int(s.length)
	}
	scratch.codeLengths(c.lengths.literal[:], literal[:], maxCode)
	scratch.codeLengths(c.lengths.distance[:], distance[:], maxCode)
	for s, n := range literal {
		c.body += n * int(c.lengths.literal[s])
	}
	for s, n := range distance {
		c.body += n * int(c.lengths.distance[s])
	}
	c.bring(scratch)
}

// bring plans the block's header.
func (c *ownCodes) bring(scratch *huffmanScratch) {
	c.literal, c.distance = trimmed(c.lengths.literal[:], 257), trimmed(c.lengths.distance[:], 1)
	var all [literals + distances]uint8
	n := copy(all[:], c.lengths.literal[:c.literal])
	n += copy(all[n:], c.lengths.distance[:c.distance])
	c.packed = pack(c.header[:], all[:n])
	var counts [len(lengthOrder)]int
	for _, h := range c.header[:c.packed] {
		counts[h.symbol]++
	}
	scratch.codeLengths(c.meta[:], counts[:], maxLengthCode)
	c.sent = len(lengthOrder)
	for c.sent > 4 && c.meta[lengthOrder[c.sent-1]] == 0 {
		c.sent--
	}
	c.overhead = 3 + 5 + 5 + 4 + 3*c.sent
	for _, h := range c.header[:c.packed] {
		c.overhead += int(c.meta[h.symbol]) + int(h.extra)
	}
}

// size is how many bytes write gives.
func (c *ownCodes) size() int { return bytesOf(c.overhead + c.body) }

// prices are the codes' lengths; a symbol without a code costs what bringing it in would: a long code and its place in
// the header.
func (c *ownCodes) prices(p *prices) {
	const newcomer = 13
	*p = c.lengths
	for s, l := range p.literal {
		if l == 0 {
			p.literal[s] = newcomer
		}
	}
	for s, l := range p.distance {
		if l == 0 {
			p.distance[s] = newcomer
		}
	}
}

// write writes a path, which has symbols of these codes only, as one last block with its codes before it.
func (c *ownCodes) write(data []byte, steps []step, size int) []byte {
	var meta [len(lengthOrder)]uint16
	canonical(meta[:], c.meta[:])
	w := &bitWriter{b: make([]byte, 0, size)}
	w.write(1|2<<1, 3) // last block, type 10
	w.write(c.literal-257, 5)
	w.write(c.distance-1, 5)
	w.write(c.sent-4, 4)
	for _, s := range lengthOrder[:c.sent] {
		w.write(int(c.meta[s]), 3)
	}
	for _, h := range c.header[:c.packed] {
		w.write(int(meta[h.symbol]), int(c.meta[h.symbol]))
		w.write(int(h.value), int(h.extra))
	}
	var literal [literals]uint16
	var distance [distances]uint16
	canonical(literal[:], c.lengths.literal[:])
	canonical(distance[:], c.lengths.distance[:])
	w.body(data, steps, &c.lengths, &literal, &distance)
	return w.bytes()
}

// trimmed returns how many lengths are left when the zeros at the end are dropped, at least atLeast.
func trimmed(lengths []uint8, atLeast int) int {
	n := len(lengths)
	for n > atLeast && lengths[n-1] == 0 {
		n--
	}
	return n
}
