// The mask's penalty score of ISO/IEC 18004 section 7.8.3, computed on whole rows of bits.

package qr

import (
	"encoding/binary"
	"math/bits"
)

// Penalties of table 11.
const (
	n1 = 3  // a run of five equal modules in a row or column, and 1 for each module more
	n2 = 3  // each 2 × 2 block of one colour, blocks overlapping
	n3 = 40 // each 1:1:3:1:1 figure, a light area of four modules before or after it
	n4 = 10 // each full step of 5 % that the share of dark modules is away from 50 %
)

// row is one line of modules, column 0 in the lowest bit of lo; all beyond the symbol is 0, light as the quiet zone is.
type row struct{ lo, hi uint64 }

func (r *row) set(x int) {
	if x < 64 {
		r.lo |= 1 << x
	} else {
		r.hi |= 1 << (x - 64)
	}
}

func (r row) xor(o row) row { return row{r.lo ^ o.lo, r.hi ^ o.hi} }
func (r row) and(o row) row { return row{r.lo & o.lo, r.hi & o.hi} }
func (r row) or(o row) row  { return row{r.lo | o.lo, r.hi | o.hi} }
func (r row) not(o row) row { return row{r.lo &^ o.lo, r.hi &^ o.hi} } // r without o
func (r row) count() int    { return bits.OnesCount64(r.lo) + bits.OnesCount64(r.hi) }

// right moves column x+k to column x; 1 <= k <= 63.
func (r row) right(k uint) row { return row{r.lo>>k | r.hi<<(64-k), r.hi >> k} }

// left moves column x to column x+k; 1 <= k <= 63.
func (r row) left(k uint) row { return row{r.lo << k, r.hi<<k | r.lo>>(64-k)} }

// columns has the first n columns set.
func columns(n int) row {
	if n <= 64 {
		return row{lo: ^uint64(0) >> (64 - n)}
	}
	return row{^uint64(0), ^uint64(0) >> (128 - n)}
}

// grid is a symbol's rows from the top.
type grid [maxSize]row

// penalty scores a symbol of n modules a side; it may stop early with any value that is at least limit.
//
// Readings of the standard where its text leaves room: the figure of N3 has exact runs of 1, 1, 3, 1 and 1 modules, the quiet zone
// counts as light, and a figure with light areas on both sides counts once.
func (g *grid) penalty(n, limit int) int {
	sum := g.balance(n)
	if sum >= limit {
		return sum
	}
	var (
		full  = columns(n)
		pairs = columns(n - 1) // columns that have a right neighbour
		same  [3]row           // same[k]: row y-1-k equals the row above it, module by module
		flat  row              // in the row above: equal to the right neighbour
		run4  row              // in the row above: the last five rows were equal
	)
	for y := range n {
		r := g[y]

		// A run of L >= 4 equal pairs is a run of L+1 modules and costs L-1: its L-3 fours, and 2 for the one that begins it.
		e := pairs.not(r.xor(r.right(1)))
		e2 := e.and(e.right(1))
		e4 := e2.and(e2.right(2))
		sum += e4.count() + (n1-1)*e4.not(e4.left(1)).count()
		sum += n3 * alongFigures(r).count()

		if y > 0 {
			d := full.not(r.xor(g[y-1]))
			sum += n2 * d.and(e).and(flat).count()
			d4 := d.and(same[0]).and(same[1]).and(same[2])
			sum += d4.count() + (n1-1)*d4.not(run4).count()
			same[2], same[1], same[0] = same[1], same[0], d
			run4 = d4
		}
		flat = e
		if y+7 <= n {
			sum += n3 * g.downFigures(n, y).count()
		}
		if sum >= limit {
			return sum
		}
	}
	return sum
}

// balance is N4.
func (g *grid) balance(n int) int {
	dark := 0
	for y := range n {
		dark += g[y].count()
	}
	off := 20*dark - 10*n*n // twentieths of all modules away from one half
	if off < 0 {
		off = -off
	}
	return n4 * (off / (n * n))
}

// alongFigures marks each column where a figure 1011101 begins in r.
func alongFigures(r row) row {
	before, after := r.left(1), r.right(7)
	exact := r.and(r.right(2)).and(r.right(3)).and(r.right(4)).and(r.right(6)).
		not(r.right(1)).not(r.right(5)).not(before).not(after)
	if exact == (row{}) {
		return row{}
	}
	before = r.left(2).or(r.left(3)).or(r.left(4))
	after = r.right(8).or(r.right(9)).or(r.right(10))
	return exact.not(before.and(after))
}

// downFigures marks each column where a figure begins in row y and ends in row y+6, the last row being n-1.
func (g *grid) downFigures(n, y int) row {
	f := (*[7]row)(g[y : y+7])
	exact := f[0].and(f[2]).and(f[3]).and(f[4]).and(f[6]).not(f[1]).not(f[5])
	if exact == (row{}) {
		return row{}
	}
	return exact.not(g.dark(n, y-1, y-1)).not(g.dark(n, y+7, y+7)).
		not(g.dark(n, y-4, y-2).and(g.dark(n, y+8, y+10)))
}

// dark marks the columns with a dark module in rows from to to; rows outside the symbol are light.
func (g *grid) dark(n, from, to int) row {
	var r row
	for y := max(from, 0); y <= min(to, n-1); y++ {
		r = r.or(g[y])
	}
	return r
}

// pack writes the rows into m's bits, column 0 first.
func (g *grid) pack(m *Matrix) {
	n, stride := m.Size(), m.Stride()
	var line [16]byte
	for y := range n {
		binary.BigEndian.PutUint64(line[:8], bits.Reverse64(g[y].lo))
		binary.BigEndian.PutUint64(line[8:], bits.Reverse64(g[y].hi))
		copy(m.bits[y*stride:(y+1)*stride], line[:stride])
	}
}
