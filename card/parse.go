// The best parse of a text into DEFLATE's literals and matches, for given prices: a shortest path over all of them.

package card

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	minMatch  = 3
	maxMatch  = 258
	endBlock  = 256 // the symbol that ends a block
	literals  = 286 // symbols of the literal and length alphabet
	distances = 30  // symbols of the distance alphabet
	hashBits  = 12
)

// step is what a path does at one position: a literal when length is 0.
type step struct{ length, distance uint16 }

// prices are the bits that each symbol's code has.
type prices struct {
	literal  [literals]uint8
	distance [distances]uint8
}

// fixedPrices are those of RFC 1951, section 3.2.6.
var fixedPrices = func() *prices {
	p := new(prices)
	for s := range p.literal {
		switch {
		case s < 144, s >= 280:
			p.literal[s] = 8
		case s < 256:
			p.literal[s] = 9
		default:
			p.literal[s] = 7
		}
	}
	for s := range p.distance {
		p.distance[s] = 5
	}
	return p
}()

// lengthSymbols and distanceSymbols are lengthCode and distanceCode by table, the latter for distances below 1<<distanceBits.
const distanceBits = 12

var (
	lengthSymbols   [maxMatch + 1]uint16
	lengthExtras    [maxMatch + 1]uint8
	distanceSymbols [1 << distanceBits]uint8
)

func init() {
	for l := minMatch; l <= maxMatch; l++ {
		symbol, extra, _ := lengthCode(l)
		lengthSymbols[l], lengthExtras[l] = uint16(symbol), uint8(extra)
	}
	for d := 1; d < 1<<distanceBits; d++ {
		symbol, _, _ := distanceCode(d)
		distanceSymbols[d] = uint8(symbol)
	}
}

// distanceSymbol is the symbol of a distance.
func distanceSymbol(distance int) int {
	if distance < 1<<distanceBits {
		return int(distanceSymbols[distance])
	}
	symbol, _, _ := distanceCode(distance)
	return symbol
}

// distanceExtra is how many extra bits a distance symbol has.
func distanceExtra(symbol int) int { return max(0, symbol/2-1) }

// finder looks for what can be copied at each position of a text: the nearest distance for each length that some earlier
// place offers. Its memory is reused.
type finder struct {
	text  []byte // the dictionary, then the data
	chain chains
	// Position i of the data can copy lengths from minMatch on, one for each of [start[i], start[i+1]).
	start   []int32
	nearest []uint16 // distance of each
	symbol  []uint8  // of that distance
}

// chains link each position to the nearest earlier one with the same hash of three bytes. Positions count from 1; 0 is none.
type chains struct {
	previous []uint16
	head     [1 << hashBits]uint16
}

// link puts the first n positions of a text that have no chain yet into theirs. The text goes on for a byte more after them,
// whatever it is: a chain may hold places that share nothing.
func (c *chains) link(text []byte, n int) {
	for i := len(c.previous); i < n; i++ {
		h := binary.LittleEndian.Uint32(text[i:]) << 8 * 2654435761 >> (32 - hashBits)
		c.previous = append(c.previous, c.head[h])
		c.head[h] = uint16(i + 1)
	}
}

// padding is what link may read after a text.
var padding [4]byte

// chained has the dictionary's chains, of which every text begins with a copy. The last positions of the dictionary go on in
// the text.
var chained = func() (c chains) {
	c.link(dictionary, len(dictionary)-len(padding))
	return c
}()

// find looks for everything in data that stands before in the dictionary or the data. Together they stay below the window of
// 32 KiB.
func (f *finder) find(data []byte) {
	f.text = append(append(append(f.text[:0], dictionary...), data...), padding[:]...)
	f.chain.previous = append(f.chain.previous[:0], chained.previous...)
	f.chain.head = chained.head
	f.chain.link(f.text, len(dictionary)+len(data))
	f.nearest, f.symbol, f.start = f.nearest[:0], f.symbol[:0], append(f.start[:0], 0)
	for i := range data {
		f.matches(len(dictionary)+i, min(len(data)-i, maxMatch))
		f.start = append(f.start, int32(len(f.nearest)))
	}
}

// matches appends the lengths of one position: of the places, from the nearest on, each gives those that it shares and no
// nearer one does.
func (f *finder) matches(at, limit int) {
	text := f.text
	here := text[at : at+limit]
	previous := f.chain.previous
	longest := minMatch - 1
	for place := int(previous[at]) - 1; place >= 0 && longest < limit; place = int(previous[place]) - 1 {
		if text[place+longest] != here[longest] {
			continue // can't be longer than a nearer match
		}
		if length := common(text[place:place+limit], here); length > longest {
			f.offer(length-longest, at-place)
			longest = length
		}
	}
}

// offer appends n more lengths of one distance.
func (f *finder) offer(n, distance int) {
	old := len(f.nearest)
	f.nearest = slices.Grow(f.nearest, n)[:old+n]
	f.symbol = slices.Grow(f.symbol, n)[:old+n]
	symbol := uint8(distanceSymbol(distance))
	nearest, symbols := f.nearest[old:], f.symbol[old:]
	for i := range nearest {
		nearest[i] = uint16(distance)
	}
	for i := range symbols {
		symbols[i] = symbol
	}
}

// common is how many first bytes two texts of one length share.
func common(a, b []byte) int {
	n := 0
	for ; len(a)-n >= 8; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return n
}

// lengthBits is room for a match length beside a price, in one number: the least of such numbers is the lowest price, and of
// equal prices the shortest step.
const lengthBits = 9

// cheapest writes into steps, one for each byte of data, the path of the lowest price, and returns that price. cost is memory
// for one number more than data has bytes.
func (f *finder) cheapest(data []byte, p *prices, steps []step, cost []int) int {
	var lengthPrice [maxMatch + 1]int
	for l := minMatch; l <= maxMatch; l++ {
		lengthPrice[l] = (int(p.literal[lengthSymbols[l]])+int(lengthExtras[l]))<<lengthBits | l
	}
	var distancePrice [32]int
	for s := range distances {
		distancePrice[s] = (int(p.distance[s]) + distanceExtra(s)) << lengthBits
	}
	n := len(data)
	cost[n] = 0 // of everything from a position on
	for i := n - 1; i >= 0; i-- {
		best := cost[i+1] + int(p.literal[data[i]])<<lengthBits // a length of 0: a literal
		symbols := f.symbol[f.start[i]:f.start[i+1]]
		if len(symbols) > 0 {
			after := cost[i+minMatch:][:len(symbols)]
			here := lengthPrice[minMatch:][:len(symbols)]
			for k, symbol := range symbols {
				best = min(best, after[k]+here[k]+distancePrice[symbol&31])
			}
		}
		length := best & (1<<lengthBits - 1)
		cost[i] = best - length
		if length == 0 {
			steps[i] = step{}
		} else {
			steps[i] = step{uint16(length), f.nearest[int(f.start[i])+length-minMatch]}
		}
	}
	return cost[0] >> lengthBits
}

// lengthCode returns the symbol of a match length of 3 to 258, with the number and the value of its extra bits.
func lengthCode(length int) (symbol, extra, value int) {
	if length == maxMatch {
		return 285, 0, 0
	}
	v := length - minMatch
	if v < 8 {
		return 257 + v, 0, 0
	}
	extra = bits.Len(uint(v)) - 3
	return 257 + 4*extra + v>>extra, extra, v & (1<<extra - 1)
}

// distanceCode returns the symbol of a distance of 1 to 32768, with the number and the value of its extra bits.
func distanceCode(distance int) (symbol, extra, value int) {
	v := distance - 1
	if v < 4 {
		return v, 0, 0
	}
	extra = bits.Len(uint(v)) - 2
	return 2*extra + v>>extra, extra, v & (1<<extra - 1)
}
