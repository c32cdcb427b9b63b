// The mask score against an independent reading of the standard, module by module and run by run.

package qr

import (
	"math/rand/v2"
	"testing"
)

type run struct {
	dark   bool
	length int
}

// naive is ISO/IEC 18004 7.8.3.1 as one reads it, over plain booleans.
func naive(m [][]bool) (score int) {
	n, dark := len(m), 0
	line := func(at func(i int) bool) {
		var runs []run
		for i := range n {
			if len(runs) == 0 || runs[len(runs)-1].dark != at(i) {
				runs = append(runs, run{dark: at(i)})
			}
			runs[len(runs)-1].length++
		}
		for _, r := range runs {
			if r.length >= 5 {
				score += 3 + r.length - 5
			}
		}
		quiet := run{false, 4}
		if runs[0].dark {
			runs = append([]run{quiet}, runs...)
		} else {
			runs[0].length += 4
		}
		if runs[len(runs)-1].dark {
			runs = append(runs, quiet)
		} else {
			runs[len(runs)-1].length += 4
		}
		for i := 0; i+6 < len(runs); i++ {
			f := runs[i : i+7]
			if f[1].dark && f[1].length == 1 && f[2].length == 1 && f[3].length == 3 && f[4].length == 1 && f[5].length == 1 &&
				(f[0].length >= 4 || f[6].length >= 4) {
				score += 40
			}
		}
	}
	for k := range n {
		line(func(i int) bool { return m[k][i] })
		line(func(i int) bool { return m[i][k] })
	}
	for y := range n {
		for x := range n {
			if m[y][x] {
				dark++
			}
			if y > 0 && x > 0 && m[y][x] == m[y-1][x] && m[y][x] == m[y][x-1] && m[y][x] == m[y-1][x-1] {
				score += 3
			}
		}
	}
	percent := 100 * float64(dark) / float64(n*n)
	for k := 1; k <= 10; k++ {
		if percent <= float64(50-5*k) || percent >= float64(50+5*k) {
			score += 10
		}
	}
	return score
}

func modules(m *Matrix) [][]bool {
	g := make([][]bool, m.Size())
	for y := range g {
		g[y] = make([]bool, m.Size())
		for x := range g[y] {
			g[y][x] = m.At(x, y)
		}
	}
	return g
}

func packed(m [][]bool) *grid {
	g := new(grid)
	for i := range g {
		g[i] = row{^uint64(0), ^uint64(0)} // what an earlier, larger symbol leaves behind
	}
	for y, line := range m {
		g[y] = row{}
		for x, dark := range line {
			if dark {
				g[y].set(x)
			}
		}
	}
	return g
}

const noLimit = 1 << 40

func TestPenaltyIsTheNaiveOne(t *testing.T) {
	r := rand.New(rand.NewPCG(18004, 1))
	seen := 0
	for version := 1; version <= MaxVersion; version++ {
		n := 17 + 4*version
		for round := range 40 {
			m := make([][]bool, n)
			for y := range m {
				m[y] = make([]bool, n)
				for x := range m[y] {
					m[y][x] = r.IntN(10) < 1+round/4
				}
			}
			// Figures, also on the edges and with the light area on one side only.
			for range 3 * n {
				y, x := r.IntN(n), r.IntN(n-6)
				down := r.IntN(2) == 0
				for i, c := range "..1011101.." {
					if j := x - 2 + i; j >= 0 && j < n {
						if down {
							m[j][y] = c == '1'
						} else {
							m[y][j] = c == '1'
						}
					}
				}
			}
			want, got := naive(m), packed(m).penalty(n, noLimit)
			if got != want {
				t.Fatalf("version %d round %d: score %d, naive %d", version, round, got, want)
			}
			if early := packed(m).penalty(n, want/2); early < want/2 || early > want {
				t.Fatalf("version %d round %d: stopped at %d of %d, limit %d", version, round, early, want, want/2)
			}
			seen++
		}
	}
	if seen != 40*MaxVersion {
		t.Fatalf("%d symbols scored", seen)
	}
}

// TestPenaltyByHand has scores counted on paper, so that both implementations cannot share one mistake.
func TestPenaltyByHand(t *testing.T) {
	flat := func(dark bool) [][]bool {
		m := make([][]bool, 21)
		for y := range m {
			m[y] = make([]bool, 21)
			for x := range m[y] {
				m[y][x] = dark
			}
		}
		return m
	}
	chess := flat(false)
	for y := range chess {
		for x := range chess[y] {
			chess[y][x] = (x+y)%2 == 0
		}
	}
	figure := func(y, x int) [][]bool { // one figure in a chess board whose neighbourhood is light
		m := flat(false)
		for i, c := range "1011101" {
			m[y][x+i] = c == '1'
		}
		return m
	}
	// A run of 21 costs 3+16 = 19; 42 lines; 400 blocks of 3; all dark or all light is 10 steps from the half.
	const uniform = 42*19 + 400*3 + 100
	cases := map[string]struct {
		m    [][]bool
		want int
	}{
		"all light":   {flat(false), uniform},
		"all dark":    {flat(true), uniform},
		"chess board": {chess, 0}, // 221 of 441 dark is 50.1 %
		// Row 10: runs 7 1 1 3 1 1 7, two runs of 7 = 5+5 for 19; columns 7,9,10,11,13: two runs of 10 = 8+8 for 19 each; 5 dark modules
		// spoil 2 + 4 + 2 columns of blocks in 2 rows = 16 blocks; the figure is 40; 1.1 % dark is 9 steps from the half.
		"figure in the middle": {figure(10, 7), uniform - 19 + 10 + 5*(16-19) - 16*3 + 40 - 10},
	}
	for name, c := range cases {
		if got := packed(c.m).penalty(21, noLimit); got != c.want {
			t.Errorf("%s: %d, counted %d", name, got, c.want)
		}
		if got := naive(c.m); got != c.want {
			t.Errorf("%s: naive %d, counted %d", name, got, c.want)
		}
	}
}

// variants draws m's codewords under all eight masks from the standard alone.
func variants(m *Matrix, mask int) (all [8][][]bool) {
	n, fun := m.Size(), function(m.Version())
	for k := range all {
		g := modules(m)
		for y := range g {
			for x := range g[y] {
				if fun[y][x] < 0 && masks[mask](y, x) != masks[k](y, x) {
					g[y][x] = !g[y][x]
				}
			}
		}
		format := bch(uint(k)<<10, 0b10100110111) ^ 0b101010000010010
		for i := range 15 {
			dark := format>>i&1 == 1
			switch {
			case i < 6:
				g[i][8] = dark
			case i < 8:
				g[i+1][8] = dark
			case i == 8:
				g[8][7] = dark
			default:
				g[8][14-i] = dark
			}
			if i < 8 {
				g[8][n-1-i] = dark
			} else {
				g[n-15+i][8] = dark
			}
		}
		all[k] = g
	}
	return all
}

func TestMaskIsTheLowestScore(t *testing.T) {
	p, used := NewPrinter(), [8]int{}
	texts := codeTexts(t, 7, symbols(200))
	for _, text := range texts {
		m, err := p.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := read(m)
		if err != nil {
			t.Fatal(err)
		}
		best, bestScore := -1, noLimit
		for k, v := range variants(m, r.mask) {
			if s := naive(v); s < bestScore {
				best, bestScore = k, s
			}
		}
		if r.mask != best {
			t.Fatalf("version %d: mask %d chosen, %d scores lowest", m.Version(), r.mask, best)
		}
		used[best]++
	}
	for k, n := range used {
		if n == 0 && len(texts) >= 200 {
			t.Errorf("mask %d never chosen in %d symbols: the test sees too little", k, len(texts))
		}
	}
}
