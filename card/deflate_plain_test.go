package card

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"sync"
	"testing"
)

// TestDeflatePlain: the encoder that issues gives the bytes of the plain one, also when many use it at once.
func TestDeflatePlain(t *testing.T) {
	p := newPopulation(31)
	var texts [][]byte
	for n := range 600 {
		j, err := p.claims(t, 1+n%12).MarshalCanonical()
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, j)
		b := make([]byte, p.r.IntN(700)) // no claims: few symbols, many, long runs
		for i := range b {
			b[i] = byte(p.r.Uint32N(1 + p.r.Uint32N(256)))
		}
		texts = append(texts, b, bytes.Repeat(b[:len(b)/16], 1+p.r.IntN(40)))
	}
	texts = append(texts, nil, []byte("a"), dictionary, bytes.Repeat(dictionary, 3), bytes.Repeat([]byte{0}, MaxInflated))
	var wg sync.WaitGroup
	for half := range 2 {
		wg.Go(func() {
			for i := half; i < len(texts); i += 2 {
				if got, want := deflate(texts[i]), plainDeflate(texts[i]); !bytes.Equal(got, want) {
					t.Errorf("text %d of %d bytes: %d bytes, want %d", i, len(texts[i]), len(got), len(want))
				}
			}
		})
	}
	wg.Wait()
}

func FuzzDeflate(f *testing.F) {
	f.Add([]byte(testJSON))
	f.Add(dictionary[:300])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		if got, want := deflate(b), plainDeflate(b); !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

// What follows is the encoder as it was first written, plainly: the oracle of the one that issues. Both must give the same bytes.

// plainMatches holds, for each position of a text, what can be copied there: the nearest distance for each length that some
// earlier place offers, as runs of lengths with one distance.
type plainMatches struct {
	runs  []step // length is the run's longest
	start []int  // position i has runs[start[i]:start[i+1]]
}

// plainFindMatches looks for everything in data that stands before in dict or data. Together they stay far below the window
// of 32 KiB.
func plainFindMatches(dict, data []byte) plainMatches {
	text := make([]byte, 0, len(dict)+len(data))
	text = append(append(text, dict...), data...)
	previous := plainChains(text)
	m := plainMatches{runs: make([]step, 0, 2*len(data)), start: make([]int, 1, len(data)+1)}
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

// plainChains links each position to the nearest earlier one with the same hash of three bytes, or to -1.
func plainChains(text []byte) []int32 {
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
func (m *plainMatches) cheapest(data []byte, p *prices, steps []step) {
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

// plainWalk calls f for each step of a path, with its first byte.
func plainWalk(data []byte, steps []step, f func(c byte, s step)) {
	for i := 0; i < len(data); {
		s := steps[i]
		f(data[i], s)
		i += max(1, int(s.length))
	}
}

// plainDeflate returns the shortest payload known for the claims' JSON.
func plainDeflate(json []byte) []byte {
	m := plainFindMatches(dictionary, json)
	steps := make([]step, len(json))
	m.cheapest(json, fixedPrices, steps)
	best := plainWriteFixed(json, steps)
	if len(best) < dynamicFrom {
		return best
	}
	for range rounds {
		codes := plainFit(json, steps)
		if b := codes.write(json, steps); len(b) < len(best) {
			best = b
		}
		m.cheapest(json, codes.prices(), steps)
	}
	return best
}

// plainWriteFixed writes a path as one last block with fixed codes.
func plainWriteFixed(data []byte, steps []step) []byte {
	w := &bitWriter{b: make([]byte, 0, len(data)/2+16)}
	w.write(1|1<<1, 3) // last block, type 01
	w.plainBody(data, steps, fixedPrices, fixedLiterals[:], fixedDistances[:])
	return w.bytes()
}

// body writes a path and the end of the block.
func (w *bitWriter) plainBody(data []byte, steps []step, p *prices, literal, distance []uint16) {
	plainWalk(data, steps, func(c byte, s step) {
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

// plainOwnCodes are the codes that a block brings along.
type plainOwnCodes struct{ literal, distance []uint8 } // lengths by symbol

// plainFit makes the best codes for a path.
func plainFit(data []byte, steps []step) plainOwnCodes {
	literal, distance := make([]int, literals), make([]int, distances)
	literal[endBlock] = 1
	plainWalk(data, steps, func(c byte, s step) {
		if s.length == 0 {
			literal[c]++
			return
		}
		symbol, _, _ := lengthCode(int(s.length))
		literal[symbol]++
		symbol, _, _ = distanceCode(int(s.distance))
		distance[symbol]++
	})
	return plainOwnCodes{plainCodeLengths(literal, maxCode), plainCodeLengths(distance, maxCode)}
}

// prices are the codes' lengths; a symbol without a code costs what bringing it in would: a long code and its place in
// the header.
func (c plainOwnCodes) prices() *prices {
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
func (c plainOwnCodes) write(data []byte, steps []step) []byte {
	nLiteral, nDistance := plainTrimmed(c.literal, 257), plainTrimmed(c.distance, 1)
	header := plainPack(append(append([]uint8{}, c.literal[:nLiteral]...), c.distance[:nDistance]...))
	counts := make([]int, len(lengthOrder))
	for _, h := range header {
		counts[h.symbol]++
	}
	lengths := plainCodeLengths(counts, maxLengthCode)
	codes := plainCanonical(lengths)
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
	w.plainBody(data, steps, c.prices(), plainCanonical(c.literal), plainCanonical(c.distance))
	return w.bytes()
}

// plainTrimmed returns how many lengths are left when the zeros at the end are dropped, at least atLeast.
func plainTrimmed(lengths []uint8, atLeast int) int {
	n := len(lengths)
	for n > atLeast && lengths[n-1] == 0 {
		n--
	}
	return n
}

// plainCodeLengths returns the lengths of an optimal code for counts, none longer than limit; symbols that don't occur have
// none. At least two symbols get a code, for inflaters that take no incomplete one.
func plainCodeLengths(counts []int, limit int) []uint8 {
	counts = slices.Clone(counts)
	for i, missing := 0, 2-plainUsed(counts); missing > 0; i++ {
		if counts[i] == 0 {
			counts[i] = 1
			missing--
		}
	}
	for {
		lengths := plainHuffman(counts)
		if int(slices.Max(lengths)) <= limit {
			return lengths
		}
		for i, c := range counts { // flatter counts give shorter codes
			if c > 0 {
				counts[i] = c/2 + 1
			}
		}
	}
}

func plainUsed(counts []int) int {
	n := 0
	for _, c := range counts {
		if c > 0 {
			n++
		}
	}
	return n
}

// plainHuffman merges the two rarest nodes until one is left; a symbol's length is its depth.
func plainHuffman(counts []int) []uint8 {
	type node struct{ count, parent int }
	var order []int
	for s, c := range counts {
		if c > 0 {
			order = append(order, s)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[a], counts[b]) })
	leaves := len(order)
	nodes := make([]node, leaves, 2*leaves)
	for i, s := range order {
		nodes[i].count = counts[s]
	}
	leaf, inner := 0, leaves // both queues ascend
	rarest := func() int {
		if leaf < leaves && (inner >= len(nodes) || nodes[leaf].count <= nodes[inner].count) {
			leaf++
			return leaf - 1
		}
		inner++
		return inner - 1
	}
	for range leaves - 1 {
		a, b := rarest(), rarest()
		nodes = append(nodes, node{count: nodes[a].count + nodes[b].count})
		nodes[a].parent, nodes[b].parent = len(nodes)-1, len(nodes)-1
	}
	depth := make([]uint8, len(nodes))
	lengths := make([]uint8, len(counts))
	for i := len(nodes) - 2; i >= 0; i-- {
		depth[i] = depth[nodes[i].parent] + 1
		if i < leaves {
			lengths[order[i]] = depth[i]
		}
	}
	return lengths
}

// plainCanonical returns the codes of the given lengths, bit-reversed as they are written.
func plainCanonical(lengths []uint8) []uint16 {
	var count, next [maxCode + 2]int
	for _, l := range lengths {
		if l > 0 {
			count[l]++
		}
	}
	for l := 1; l <= maxCode; l++ {
		next[l+1] = (next[l] + count[l]) << 1
	}
	codes := make([]uint16, len(lengths))
	for s, l := range lengths {
		if l > 0 {
			codes[s] = bits.Reverse16(uint16(next[l])) >> (16 - l)
			next[l]++
		}
	}
	return codes
}

// plainPacked is one symbol of the run-length code for code lengths.
type plainPacked struct{ symbol, extra, value int }

// plainPack writes code lengths with runs: 16 repeats the last one 3 to 6 times, 17 and 18 stand for 3 to 138 zeros.
func plainPack(lengths []uint8) []plainPacked {
	var out []plainPacked
	for i := 0; i < len(lengths); {
		l, n := lengths[i], 1
		for i+n < len(lengths) && lengths[i+n] == l {
			n++
		}
		i += n
		if l != 0 {
			out = append(out, plainPacked{symbol: int(l)})
			n--
		}
		for n >= 3 {
			switch {
			case l != 0:
				r := min(n, 6)
				out = append(out, plainPacked{16, 2, r - 3})
				n -= r
			case n < 11:
				out = append(out, plainPacked{17, 3, n - 3})
				n = 0
			default:
				r := min(n, 138)
				out = append(out, plainPacked{18, 7, r - 11})
				n -= r
			}
		}
		for range n {
			out = append(out, plainPacked{symbol: int(l)})
		}
	}
	return out
}
