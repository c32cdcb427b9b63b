// Huffman codes as DEFLATE has them: canonical, of bounded length, sent as their lengths (RFC 1951, sections 3.2.2, 3.2.7).

package card

import (
	"math/bits"
	"slices"
)

const (
	maxCode       = 15 // bits of a literal or distance code
	maxLengthCode = 7  // bits of a code for code lengths
)

// huffmanScratch is the memory of one computation of codes.
type huffmanScratch struct {
	counts [literals]int
	order  [literals]uint32 // count<<9 | symbol: its order is that of the counts, then of the symbols
	nodes  [2 * literals]huffmanNode
	depth  [2 * literals]uint8
}

type huffmanNode struct{ count, parent int32 }

// codeLengths returns the lengths of an optimal code for counts, none longer than limit; symbols that don't occur have
// none. At least two symbols get a code, for inflaters that take no incomplete one.
func codeLengths(counts []int, limit int) []uint8 {
	lengths := make([]uint8, len(counts))
	new(huffmanScratch).codeLengths(lengths, counts, limit)
	return lengths
}

// codeLengths writes the lengths of codeLengths into lengths.
func (h *huffmanScratch) codeLengths(lengths []uint8, of []int, limit int) {
	counts := h.counts[:len(of)]
	copy(counts, of)
	for i, missing := 0, 2-used(counts); missing > 0; i++ {
		if counts[i] == 0 {
			counts[i] = 1
			missing--
		}
	}
	for h.huffman(lengths, counts) > limit {
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

// huffman merges the two rarest nodes until one is left; a symbol's length is its depth. It returns the longest.
func (h *huffmanScratch) huffman(lengths []uint8, counts []int) int {
	leaves := 0
	for s, c := range counts {
		lengths[s] = 0
		if c > 0 {
			h.order[leaves] = uint32(c)<<9 | uint32(s)
			leaves++
		}
	}
	order := h.order[:leaves]
	slices.Sort(order)
	nodes := h.nodes[:leaves]
	for i, o := range order {
		nodes[i] = huffmanNode{count: int32(o >> 9)}
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
		nodes = append(nodes, huffmanNode{count: nodes[a].count + nodes[b].count})
		nodes[a].parent, nodes[b].parent = int32(len(nodes)-1), int32(len(nodes)-1)
	}
	h.depth[len(nodes)-1] = 0
	longest := uint8(0)
	for i := len(nodes) - 2; i >= 0; i-- {
		d := h.depth[nodes[i].parent] + 1
		h.depth[i] = d
		if i < leaves {
			lengths[order[i]&(1<<9-1)] = d
			longest = max(longest, d)
		}
	}
	return int(longest)
}

// canonical writes the codes of the given lengths, bit-reversed as they are sent.
func canonical(codes []uint16, lengths []uint8) {
	var count, next [maxCode + 2]int
	for _, l := range lengths {
		if l > 0 {
			count[l]++
		}
	}
	for l := 1; l <= maxCode; l++ {
		next[l+1] = (next[l] + count[l]) << 1
	}
	for s, l := range lengths {
		codes[s] = 0
		if l > 0 {
			codes[s] = bits.Reverse16(uint16(next[l])) >> (16 - l)
			next[l]++
		}
	}
}

// lengthOrder is the order in which the lengths of the code for code lengths stand in a block's header.
var lengthOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// packed is one symbol of the run-length code for code lengths.
type packed struct{ symbol, extra, value uint8 }

// pack writes code lengths with runs: 16 repeats the last one 3 to 6 times, 17 and 18 stand for 3 to 138 zeros. It returns how
// many symbols that takes, at most one for each length.
func pack(out []packed, lengths []uint8) int {
	used := 0
	put := func(p packed) {
		out[used] = p
		used++
	}
	for i := 0; i < len(lengths); {
		l, n := lengths[i], 1
		for i+n < len(lengths) && lengths[i+n] == l {
			n++
		}
		i += n
		if l != 0 {
			put(packed{symbol: l})
			n--
		}
		for n >= 3 {
			switch {
			case l != 0:
				r := min(n, 6)
				put(packed{16, 2, uint8(r - 3)})
				n -= r
			case n < 11:
				put(packed{17, 3, uint8(n - 3)})
				n = 0
			default:
				r := min(n, 138)
				put(packed{18, 7, uint8(r - 11)})
				n -= r
			}
		}
		for range n {
			put(packed{symbol: l})
		}
	}
	return used
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
