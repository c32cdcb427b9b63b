// Tables of a paper: columns as wide as their cells need, heads repeated on every page.

package pdf

import "strings"

const (
	cellGap = 3.0  // between two columns, mm
	minCell = 12.0 // narrowest column, mm
)

func (s *setter) table(b Block) {
	wide := s.widths(b)
	head, st, code := s.style(condBold, 9), s.style(text, 9), s.style(mono, 8)
	x := make([]float64, len(wide))
	at := paperLeft
	for i, w := range wide {
		x[i] = at
		at += w + cellGap
	}
	var names []setCell
	for i, t := range b.Head {
		names = append(names, setCell{x[i], head, s.tone(), s.rep.wrap(head, t, wide[i])})
	}
	before := len(s.slabs)
	s.row(names, 1, nil, false)
	title := s.merge(before, true)
	s.slabs[before].gap = s.mm(2.5)
	for _, r := range b.Rows {
		var cells []setCell
		for i, t := range r {
			t, grouped := groupCode(t)
			f := st
			if grouped || isCode(t) {
				f = code
			}
			cells = append(cells, setCell{x[i], f, ink, s.rep.wrap(f, t, wide[i])})
		}
		s.row(cells, 0.9, title, true)
	}
}

// merge makes one slab of those from n on, for a head that is drawn again, and leaves it in their place.
func (s *setter) merge(n int, keep bool) *slab {
	parts := append([]slab(nil), s.slabs[n:]...)
	one := slab{keep: keep}
	for _, p := range parts {
		one.high += p.high
	}
	one.draw = func(c *canvas, y float64) {
		c.rect(paperLeft-1, y, paperWidth+2, one.high, white.mix(s.tone(), 0.08))
		for _, p := range parts {
			p.draw(c, y)
			y += p.high
		}
	}
	s.slabs = append(s.slabs[:n], one)
	return &one
}

// widths shares the width between the columns: by Shares, or so that what needs little has it and the rest is shared by need.
func (s *setter) widths(b Block) []float64 {
	n := len(b.Head)
	avail := paperWidth - float64(n-1)*cellGap
	out := make([]float64, n)
	if b.Shares != nil {
		sum := 0.0
		for _, v := range b.Shares {
			sum += v
		}
		for i, v := range b.Shares {
			out[i] = avail * v / sum
		}
		return out
	}
	need, least := make([]float64, n), make([]float64, n)
	measure := func(i int, st style, t string) {
		need[i] = max(need[i], s.rep.width(st, t)+0.1)
		for _, w := range strings.Fields(t) {
			least[i] = max(least[i], min(s.rep.width(st, w)+0.1, avail/float64(n)))
		}
	}
	for i, t := range b.Head {
		measure(i, s.style(condBold, 9), t)
	}
	for _, r := range b.Rows {
		for i, t := range r {
			if t, grouped := groupCode(t); grouped || isCode(t) {
				measure(i, s.style(mono, 8), t)
			} else {
				measure(i, s.style(text, 9), t)
			}
		}
	}
	sumNeed, sumLeast := 0.0, 0.0
	for i := range n {
		least[i] = max(least[i], min(minCell, avail/float64(n)))
		need[i] = max(need[i], least[i])
		sumNeed += need[i]
		sumLeast += least[i]
	}
	for i := range n {
		switch {
		case sumNeed <= avail: // all on one line each; the rest of the width goes by need
			out[i] = need[i] + (avail-sumNeed)*need[i]/sumNeed
		case sumLeast >= avail:
			out[i] = avail * least[i] / sumLeast
		default:
			out[i] = least[i] + (avail-sumLeast)*(need[i]-least[i])/(sumNeed-sumLeast)
		}
	}
	return out
}
