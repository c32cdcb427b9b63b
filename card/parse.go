// The best parse of a text into DEFLATE's literals and matches, for given prices: a shortest path over all of them.

package card

import "math/bits"

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

// matches holds, for each position of a text, what can be copied there: the nearest distance for each length that some
// earlier place offers, as runs of lengths with one distance.
type matches struct {
	runs  []step // length is the run's longest
	start []int  // position i has runs[start[i]:start[i+1]]
}

// findMatches looks for everything in data that stands before in dict or data. Together they stay far below the window
// of 32 KiB.
func findMatches(dict, data []byte) matches {
	text := make([]byte, 0, len(dict)+len(data))
	text = append(append(text, dict...), data...)
	previous := chains(text)
	m := matches{runs: make([]step, 0, 2*len(data)), start: make([]int, 1, len(data)+1)}
	for i := range data {
		at, limit, longest := len(dict)+i, min(len(data)-i, maxMatch), minMatch-1
		for from := int(previous[at]); from >= 0 && longest < limit; from = int(previous[from]) {
			if text[from+longest] != text[at+longest] {
				continue // can't be longer than a nearer match
			}
			length := 0
			for length < limit && text[from+length] == text[at+length] {
				length++
			}
			if length > longest {
				longest = length
				m.runs = append(m.runs, step{uint16(length), uint16(at - from)})
			}
		}
		m.start = append(m.start, len(m.runs))
	}
	return m
}

// chains links each position to the nearest earlier one with the same hash of three bytes, or to -1.
func chains(text []byte) []int32 {
	previous := make([]int32, len(text))
	var head [1 << hashBits]int32
	for i := range head {
		head[i] = -1
	}
	for i := range text {
		previous[i] = -1
		if i+minMatch <= len(text) {
			h := (uint32(text[i])<<16 | uint32(text[i+1])<<8 | uint32(text[i+2])) * 2654435761 >> (32 - hashBits)
			previous[i], head[h] = head[h], int32(i)
		}
	}
	return previous
}

// cheapest writes into steps, one for each byte of data, the path of the lowest price.
func (m *matches) cheapest(data []byte, p *prices, steps []step) {
	var lengthPrice [maxMatch + 1]int32
	for l := minMatch; l <= maxMatch; l++ {
		symbol, extra, _ := lengthCode(l)
		lengthPrice[l] = int32(p.literal[symbol]) + int32(extra)
	}
	n := len(data)
	cost := make([]int32, n+1) // of everything from a position on
	for i := n - 1; i >= 0; i-- {
		best := cost[i+1] + int32(p.literal[data[i]])
		var choice step
		l := minMatch
		for _, run := range m.runs[m.start[i]:m.start[i+1]] {
			symbol, extra, _ := distanceCode(int(run.distance))
			price := int32(p.distance[symbol]) + int32(extra)
			for ; l <= int(run.length); l++ {
				if c := cost[i+l] + lengthPrice[l] + price; c < best {
					best, choice = c, step{uint16(l), run.distance}
				}
			}
		}
		cost[i], steps[i] = best, choice
	}
}

// walk calls f for each step of a path, with its first byte.
func walk(data []byte, steps []step, f func(c byte, s step)) {
	for i := 0; i < len(data); {
		s := steps[i]
		f(data[i], s)
		i += max(1, int(s.length))
	}
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
