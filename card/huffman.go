// Huffman codes as DEFLATE has them: canonical, of bounded length, sent as their lengths (RFC 1951, sections 3.2.2, 3.2.7).

package card

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	maxCode       = 15 // bits of a literal or distance code
	maxLengthCode = 7  // bits of a code for code lengths
)

// codeLengths returns the lengths of an optimal code for counts, none longer than limit; symbols that don't occur have
// none. At least two symbols get a code, for inflaters that take no incomplete one.
func codeLengths(counts []int, limit int) []uint8 {
	counts = slices.Clone(counts)
	for i, missing := 0, 2-used(counts); missing > 0; i++ {
		if counts[i] == 0 {
			counts[i] = 1
			missing--
		}
	}
	for {
		lengths := huffman(counts)
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

func used(counts []int) int {
	n := 0
	for _, c := range counts {
		if c > 0 {
			n++
		}
	}
	return n
}

// huffman merges the two rarest nodes until one is left; a symbol's length is its depth.
func huffman(counts []int) []uint8 {
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

// canonical returns the codes of the given lengths, bit-reversed as they are written.
func canonical(lengths []uint8) []uint16 {
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

// lengthOrder is the order in which the lengths of the code for code lengths stand in a block's header.
var lengthOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// packed is one symbol of the run-length code for code lengths.
type packed struct{ symbol, extra, value int }

// pack writes code lengths with runs: 16 repeats the last one 3 to 6 times, 17 and 18 stand for 3 to 138 zeros.
func pack(lengths []uint8) []packed {
	var out []packed
	for i := 0; i < len(lengths); {
		l, n := lengths[i], 1
		for i+n < len(lengths) && lengths[i+n] == l {
			n++
		}
		i += n
		if l != 0 {
			out = append(out, packed{symbol: int(l)})
			n--
		}
		for n >= 3 {
			switch {
			case l != 0:
				r := min(n, 6)
				out = append(out, packed{16, 2, r - 3})
				n -= r
			case n < 11:
				out = append(out, packed{17, 3, n - 3})
				n = 0
			default:
				r := min(n, 138)
				out = append(out, packed{18, 7, r - 11})
				n -= r
			}
		}
		for range n {
			out = append(out, packed{symbol: int(l)})
		}
	}
	return out
}

// bitWriter packs bits from the least significant one up.
type bitWriter struct {
	b   []byte
	acc uint64
	n   int
}

func (w *bitWriter) write(v, n int) {
	w.acc |= uint64(v) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.b = append(w.b, byte(w.acc))
		w.acc >>= 8
	}
}

// bytes ends the stream with zero bits up to a whole byte.
func (w *bitWriter) bytes() []byte {
	if w.n > 0 {
		w.write(0, 8-w.n)
	}
	return w.b
}
