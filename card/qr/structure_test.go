// An independent reader of symbols for the tests: written from ISO/IEC 18004, sharing nothing with the libraries under test.

package qr

import (
	"fmt"
	"math/bits"
	"strings"
)

// levelM is table 9 of the standard for level M, by version: check words of a block, then {blocks, data words} twice.
var levelM = [MaxVersion + 1][5]int{
	1: {10, 1, 16}, 2: {16, 1, 28}, 3: {26, 1, 44}, 4: {18, 2, 32}, 5: {24, 2, 43}, 6: {16, 4, 27}, 7: {18, 4, 31},
	8: {22, 2, 38, 2, 39}, 9: {22, 3, 36, 2, 37}, 10: {26, 4, 43, 1, 44}, 11: {30, 1, 50, 4, 51}, 12: {22, 6, 36, 2, 37},
	13: {22, 8, 37, 1, 38}, 14: {24, 4, 40, 5, 41}, 15: {24, 5, 41, 5, 42}, 16: {28, 7, 45, 3, 46}, 17: {28, 10, 46, 1, 47},
	18: {26, 9, 43, 4, 44}, 19: {26, 3, 44, 11, 45}, 20: {26, 3, 41, 13, 42},
}

// centres is annex E: rows and columns of the alignment patterns.
var centres = [MaxVersion + 1][]int{
	2: {6, 18}, 3: {6, 22}, 4: {6, 26}, 5: {6, 30}, 6: {6, 34}, 7: {6, 22, 38}, 8: {6, 24, 42}, 9: {6, 26, 46}, 10: {6, 28, 50},
	11: {6, 30, 54}, 12: {6, 32, 58}, 13: {6, 34, 62}, 14: {6, 26, 46, 66}, 15: {6, 26, 48, 70}, 16: {6, 26, 50, 74},
	17: {6, 30, 54, 78}, 18: {6, 30, 56, 82}, 19: {6, 30, 58, 86}, 20: {6, 34, 62, 90},
}

// masks is table 10: i is the row, j the column.
var masks = [8]func(i, j int) bool{
	func(i, j int) bool { return (i+j)%2 == 0 },
	func(i, _ int) bool { return i%2 == 0 },
	func(_, j int) bool { return j%3 == 0 },
	func(i, j int) bool { return (i+j)%3 == 0 },
	func(i, j int) bool { return (i/2+j/3)%2 == 0 },
	func(i, j int) bool { return (i*j)%2+(i*j)%3 == 0 },
	func(i, j int) bool { return ((i*j)%2+(i*j)%3)%2 == 0 },
	func(i, j int) bool { return ((i+j)%2+(i*j)%3)%2 == 0 },
}

// function draws the function patterns of a version: -1 data, 0 light, 1 dark, 2 format or version information.
func function(version int) [][]int {
	n := 17 + 4*version
	g := make([][]int, n)
	for y := range g {
		g[y] = make([]int, n)
		for x := range g[y] {
			g[y][x] = -1
		}
	}
	square := func(cy, cx, r int) { // concentric squares around a centre, the outermost light when r is 4
		for y := max(cy-r, 0); y <= min(cy+r, n-1); y++ {
			for x := max(cx-r, 0); x <= min(cx+r, n-1); x++ {
				d := max(abs(y-cy), abs(x-cx))
				g[y][x] = 1
				if d == 4 || d == 2 && r == 4 || d == 1 && r == 2 {
					g[y][x] = 0
				}
			}
		}
	}
	for i := range n {
		g[6][i], g[i][6] = 1-i%2, 1-i%2
	}
	square(3, 3, 4)
	square(3, n-4, 4)
	square(n-4, 3, 4)
	for _, cy := range centres[version] {
		for _, cx := range centres[version] {
			if !(cy == 6 && cx == 6 || cy == 6 && cx == n-7 || cy == n-7 && cx == 6) {
				square(cy, cx, 2)
			}
		}
	}
	for i := range 9 {
		if i != 6 {
			g[8][i], g[i][8] = 2, 2
		}
	}
	for i := range 8 {
		g[8][n-1-i], g[n-1-i][8] = 2, 2
	}
	g[n-8][8] = 1
	if version >= 7 {
		for i := range 6 {
			for j := range 3 {
				g[i][n-11+j], g[n-11+j][i] = 2, 2
			}
		}
	}
	return g
}

// bch divides data, already shifted left by the generator's degree, and returns data with its remainder.
func bch(data, generator uint) uint {
	rem := data
	for bits.Len(rem) >= bits.Len(generator) {
		rem ^= generator << (bits.Len(rem) - bits.Len(generator))
	}
	return data | rem
}

// reading is what a symbol says when it is read by the standard.
type reading struct {
	text     string
	mask     int
	segments string // modes in order: N, A, B
}

// read checks every module of m and decodes it. Any departure from the standard is an error.
func read(m *Matrix) (reading, error) {
	var r reading
	n, version := m.Size(), m.Version()
	bit := func(y, x int) uint {
		if m.At(x, y) {
			return 1
		}
		return 0
	}
	if len(m.Bits()) != n*((n+7)/8) {
		return r, fmt.Errorf("%d packed bytes", len(m.Bits()))
	}

	var one, two uint // the two copies of the format information, bit 14 first
	for i := 14; i >= 0; i-- {
		switch {
		case i < 6:
			one = one<<1 | bit(i, 8)
		case i < 8:
			one = one<<1 | bit(i+1, 8)
		case i == 8:
			one = one<<1 | bit(8, 7)
		default:
			one = one<<1 | bit(8, 14-i)
		}
		if i < 8 {
			two = two<<1 | bit(8, n-1-i)
		} else {
			two = two<<1 | bit(n-15+i, 8)
		}
	}
	format := one ^ 0b101010000010010
	if one != two || bch(format>>10<<10, 0b10100110111) != format {
		return r, fmt.Errorf("format information %015b and %015b", one, two)
	}
	if level := format >> 13; level != 0b00 {
		return r, fmt.Errorf("level %02b is not M", level)
	}
	r.mask = int(format >> 10 & 7)

	if version >= 7 {
		var low, right uint
		for i := 17; i >= 0; i-- {
			low, right = low<<1|bit(n-11+i%3, i/3), right<<1|bit(i/3, n-11+i%3)
		}
		if low != right || low != bch(uint(version)<<12, 0b1111100100101) {
			return r, fmt.Errorf("version information %018b and %018b", low, right)
		}
	}

	var words []byte
	var have int
	fun := function(version)
	for y := range fun {
		for x, want := range fun[y] {
			if want >= 0 && want < 2 && int(bit(y, x)) != want {
				return r, fmt.Errorf("function pattern at row %d column %d", y, x)
			}
		}
	}
	for pair, up := n-1, true; pair > 0; pair, up = pair-2, !up {
		if pair == 6 {
			pair--
		}
		for i := range n {
			y := i
			if up {
				y = n - 1 - i
			}
			for _, x := range []int{pair, pair - 1} {
				if fun[y][x] >= 0 {
					continue
				}
				v := bit(y, x)
				if masks[r.mask](y, x) {
					v ^= 1
				}
				if have%8 == 0 {
					words = append(words, 0)
				}
				words[have/8] |= byte(v << (7 - have%8))
				have++
			}
		}
	}
	data, err := deinterleave(words, have, levelM[version])
	if err != nil {
		return r, err
	}
	r.text, r.segments, err = segments(data, version)
	return r, err
}

// deinterleave checks the remainder bits and every block's syndromes, and returns the data words in order.
func deinterleave(words []byte, have int, t [5]int) ([]byte, error) {
	check, blocks := t[0], t[1]+t[3]
	total := t[1]*t[2] + t[3]*t[4] + blocks*check
	if have/8 != total {
		return nil, fmt.Errorf("%d codewords, want %d", have/8, total)
	}
	if have%8 != 0 && words[total] != 0 {
		return nil, fmt.Errorf("remainder bits %08b", words[total])
	}
	length := func(b int) int {
		if b < t[1] {
			return t[2]
		}
		return t[4]
	}
	block := make([][]byte, blocks)
	next := 0
	for i := range max(t[2], t[4]) {
		for b := range block {
			if i < length(b) {
				block[b] = append(block[b], words[next])
				next++
			}
		}
	}
	for range check {
		for b := range block {
			block[b] = append(block[b], words[next])
			next++
		}
	}
	var data []byte
	for b, w := range block {
		for root, i := byte(1), 0; i < check; i++ {
			var s byte
			for _, c := range w {
				s = times(s, root) ^ c
			}
			if s != 0 {
				return nil, fmt.Errorf("block %d: syndrome %d is %d", b, i, s)
			}
			root = times(root, 2)
		}
		data = append(data, w[:length(b)]...)
	}
	return data, nil
}

// times multiplies in GF(256) modulo x^8+x^4+x^3+x^2+1.
func times(a, b byte) byte {
	var p byte
	for ; b != 0; b >>= 1 {
		if b&1 != 0 {
			p ^= a
		}
		carry := a >> 7
		a = a<<1 ^ carry*0x1d
	}
	return p
}

// segments decodes the data words and checks the terminator and the padding.
func segments(data []byte, version int) (text, modes string, err error) {
	at := 0
	left := func() int { return 8*len(data) - at }
	take := func(n int) (v int) {
		for range n {
			v = v<<1 | int(data[at/8]>>(7-at%8)&1)
			at++
		}
		return v
	}
	const set = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	var b strings.Builder
	big := version > 9
	pick := func(small, large int) int {
		if big {
			return large
		}
		return small
	}
	for left() >= 4 {
		mode := take(4)
		if mode == 0 {
			break
		}
		switch mode {
		case 1:
			modes += "N"
			for k := take(pick(10, 12)); k > 0; k -= 3 {
				d := min(k, 3)
				fmt.Fprintf(&b, "%0*d", d, take([]int{0, 4, 7, 10}[d]))
			}
		case 2:
			modes += "A"
			k := take(pick(9, 11))
			for ; k > 1; k -= 2 {
				v := take(11)
				if v >= 45*45 {
					return "", "", fmt.Errorf("alphanumeric pair %d", v)
				}
				b.WriteByte(set[v/45])
				b.WriteByte(set[v%45])
			}
			if k == 1 {
				b.WriteByte(set[take(6)])
			}
		case 4:
			modes += "B"
			for range take(pick(8, 16)) {
				b.WriteByte(byte(take(8)))
			}
		default:
			return "", "", fmt.Errorf("mode %04b", mode)
		}
	}
	if left()%8 != 0 && take(left()%8) != 0 {
		return "", "", fmt.Errorf("the terminator is not followed by zeros")
	}
	for i := 0; left() > 0; i++ {
		if got, want := take(8), []int{0b11101100, 0b00010001}[i%2]; got != want {
			return "", "", fmt.Errorf("pad word %d is %08b", i, got)
		}
	}
	return b.String(), modes, nil
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
