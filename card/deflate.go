// The payload's compression: raw DEFLATE (RFC 1951) against the dictionary of this version. Any inflater that takes a
// preset dictionary reads it; how it is written is the issuer's affair, and bytes are dear in a QR. compress/flate parses
// greedily and ends with an empty stored block of 5 bytes; here each payload is one block with the best parse for its
// codes, fixed or its own, whichever is shorter.

package card

import _ "embed"

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

// deflate returns the shortest payload known for the claims' JSON.
func deflate(json []byte) []byte {
	m := findMatches(dictionary, json)
	steps := make([]step, len(json))
	m.cheapest(json, fixedPrices, steps)
	best := writeFixed(json, steps)
	if len(best) < dynamicFrom {
		return best
	}
	for range rounds {
		codes := fit(json, steps)
		if b := codes.write(json, steps); len(b) < len(best) {
			best = b
		}
		m.cheapest(json, codes.prices(), steps)
	}
	return best
}

var fixedLiterals, fixedDistances = func() ([]uint16, []uint16) {
	lengths := make([]uint8, literals+2) // 286 and 287 have codes and never occur
	copy(lengths, fixedPrices.literal[:])
	lengths[literals], lengths[literals+1] = 8, 8
	return canonical(lengths), canonical(fixedPrices.distance[:])
}()

// writeFixed writes a path as one last block with fixed codes.
func writeFixed(data []byte, steps []step) []byte {
	w := &bitWriter{b: make([]byte, 0, len(data)/2+16)}
	w.write(1|1<<1, 3) // last block, type 01
	w.body(data, steps, fixedPrices, fixedLiterals, fixedDistances)
	return w.bytes()
}

// body writes a path and the end of the block.
func (w *bitWriter) body(data []byte, steps []step, p *prices, literal, distance []uint16) {
	walk(data, steps, func(c byte, s step) {
		if s.length == 0 {
			w.write(int(literal[c]), int(p.literal[c]))
			return
		}
		symbol, extra, value := lengthCode(int(s.length))
		w.write(int(literal[symbol]), int(p.literal[symbol]))
		w.write(value, extra)
		symbol, extra, value = distanceCode(int(s.distance))
		w.write(int(distance[symbol]), int(p.distance[symbol]))
		w.write(value, extra)
	})
	w.write(int(literal[endBlock]), int(p.literal[endBlock]))
}

// ownCodes are the codes that a block brings along.
type ownCodes struct{ literal, distance []uint8 } // lengths by symbol

// fit makes the best codes for a path.
func fit(data []byte, steps []step) ownCodes {
	literal, distance := make([]int, literals), make([]int, distances)
	literal[endBlock] = 1
	walk(data, steps, func(c byte, s step) {
		if s.length == 0 {
			literal[c]++
			return
		}
		symbol, _, _ := lengthCode(int(s.length))
		literal[symbol]++
		symbol, _, _ = distanceCode(int(s.distance))
		distance[symbol]++
	})
	return ownCodes{codeLengths(literal, maxCode), codeLengths(distance, maxCode)}
}

// prices are the codes' lengths; a symbol without a code costs what bringing it in would: a long code and its place in
// the header.
func (c ownCodes) prices() *prices {
	const newcomer = 13
	p := new(prices)
	for s := range p.literal {
		p.literal[s] = newcomer
		if l := c.literal[s]; l > 0 {
			p.literal[s] = l
		}
	}
	for s := range p.distance {
		p.distance[s] = newcomer
		if l := c.distance[s]; l > 0 {
			p.distance[s] = l
		}
	}
	return p
}

// write writes a path, which has symbols of these codes only, as one last block with its codes before it.
func (c ownCodes) write(data []byte, steps []step) []byte {
	nLiteral, nDistance := trimmed(c.literal, 257), trimmed(c.distance, 1)
	header := pack(append(append([]uint8{}, c.literal[:nLiteral]...), c.distance[:nDistance]...))
	counts := make([]int, len(lengthOrder))
	for _, h := range header {
		counts[h.symbol]++
	}
	lengths := codeLengths(counts, maxLengthCode)
	codes := canonical(lengths)
	sent := len(lengthOrder)
	for sent > 4 && lengths[lengthOrder[sent-1]] == 0 {
		sent--
	}

	w := &bitWriter{b: make([]byte, 0, len(data)/2+64)}
	w.write(1|2<<1, 3) // last block, type 10
	w.write(nLiteral-257, 5)
	w.write(nDistance-1, 5)
	w.write(sent-4, 4)
	for _, s := range lengthOrder[:sent] {
		w.write(int(lengths[s]), 3)
	}
	for _, h := range header {
		w.write(int(codes[h.symbol]), int(lengths[h.symbol]))
		w.write(h.value, h.extra)
	}
	w.body(data, steps, c.prices(), canonical(c.literal), canonical(c.distance))
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
