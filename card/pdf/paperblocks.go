// The blocks of a paper, as slabs.

package pdf

import (
	"strconv"
	"strings"
)

func (s *setter) block(b Block) {
	switch b.Kind {
	case BlockHeading:
		s.lines(paperLeft, paperWidth, s.style(condBold, 13), s.tone(), b.Text, 4.5, true)
		s.add(slab{high: s.mm(0.8), keep: true, draw: func(*canvas, float64) {}})
	case BlockText:
		s.lines(paperLeft, paperWidth, s.body(), ink, b.Text, 2, false)
	case BlockNote:
		s.note(b)
	case BlockCommand:
		s.command(paperLeft, paperWidth, b.Text, 2, false)
	case BlockList:
		for _, t := range b.Items {
			s.bullet(t)
		}
	case BlockSteps:
		for _, t := range b.Steps {
			s.step(t)
		}
	case BlockFacts:
		for _, f := range b.Facts {
			s.fact(f)
		}
	case BlockTable:
		s.table(b)
	case BlockPair:
		s.pair(b.Pair)
	case BlockSignatures:
		for i, who := range b.Items {
			s.signature(who, i < len(b.Items)-1)
		}
	}
}

// note is a paragraph in a tinted box.
func (s *setter) note(b Block) {
	k, st, pad := tones[b.Tone], s.body(), s.mm(3)
	ls := s.rep.wrap(st, b.Text, paperWidth-2*pad-2)
	high := float64(len(ls))*lead(st.size) + 2*pad - 1
	s.add(slab{gap: s.mm(3), high: high, draw: func(c *canvas, y float64) {
		c.round(paperLeft, y, paperWidth, high, 1.5, white.mix(k, 0.08))
		c.round(paperLeft, y, 1.6, high, 0.8, k)
		y += pad - 0.4
		for _, l := range ls {
			c.text(paperLeft+pad+2, y+base(st), st, ink, l)
			y += lead(st.size)
		}
	}})
}

// command is what is typed, in a box. A line that is continued ends with a backslash, as a shell wants it.
func (s *setter) command(x, width float64, t string, gap float64, keep bool) {
	st, pad := s.style(mono, 8.5), s.mm(1.8)
	avail := width - 2*pad
	letter := s.rep.width(st, "m")
	ls := s.rep.wrap(st, t, avail)
	if len(ls) > 1 {
		cut := s.rep.wrap(st, t, avail-4*letter)
		if strings.Join(cut, " ") == strings.Join(strings.Fields(t), " ") { // every break is at a space
			quoted := false
			for i := range cut {
				marks := strings.Count(cut[i], `"`)
				if i > 0 && !quoted { // in quotes an indent would become part of the text
					cut[i] = "\u00a0\u00a0" + cut[i]
				}
				quoted = quoted != (marks%2 == 1)
				if i < len(cut)-1 {
					cut[i] += " \\"
				}
			}
			ls = cut
		}
	}
	high := float64(len(ls))*lead(st.size) + 2*pad - 0.6
	s.add(slab{gap: s.mm(gap), high: high, keep: keep, draw: func(c *canvas, y float64) {
		c.round(x, y, width, high, 1, white.mix(ink, 0.06))
		y += pad - 0.3
		for _, l := range ls {
			c.text(x+pad, y+base(st), st, ink, l)
			y += lead(st.size)
		}
	}})
}

func (s *setter) bullet(t string) {
	const indent = 4.5
	n := len(s.slabs)
	s.lines(paperLeft+indent, paperWidth-indent, s.body(), ink, t, 1.2, false)
	if n == len(s.slabs) {
		return
	}
	first, st := s.slabs[n].draw, s.body()
	s.slabs[n].draw = func(c *canvas, y float64) {
		c.text(paperLeft+1, y+base(st), st, s.tone(), "•")
		first(c, y)
	}
}

// step is a box to tick, a number, what to do, what to type and small print; it is kept together where a page can hold it.
func (s *setter) step(t Step) {
	s.steps++
	number := strconv.Itoa(s.steps) + "."
	const indent = 14.0
	n := len(s.slabs)
	st := s.body()
	s.lines(paperLeft+indent, paperWidth-indent, st, ink, t.Text, 2, true)
	if t.Command != "" {
		s.command(paperLeft+indent, paperWidth-indent, t.Command, 1.2, true)
	}
	if t.Note != "" {
		s.lines(paperLeft+indent, paperWidth-indent, s.style(text, 8.5), quiet, t.Note, 0.8, true)
	}
	s.slabs[len(s.slabs)-1].keep = false
	first, bold := s.slabs[n].draw, s.style(condBold, 10)
	s.slabs[n].draw = func(c *canvas, y float64) {
		side := lead(st.size) * 0.82
		c.setStroke(ink, 0.3)
		c.rectPath(paperLeft+0.2, y+0.2, side, side)
		c.op("S")
		if t.Done {
			c.setStroke(s.tone(), 0.6)
			c.moveTo(paperLeft+0.2+side*0.2, y+0.2+side*0.55)
			c.lineTo(paperLeft+0.2+side*0.42, y+0.2+side*0.8)
			c.lineTo(paperLeft+0.2+side*0.85, y+0.2+side*0.2)
			c.op("S")
		}
		c.textRight(paperLeft+indent-2, y+base(st), bold, s.tone(), number)
		first(c, y)
	}
}

// factLabel is the width of the labels' column.
const factLabel = 52.0

func (s *setter) fact(f Fact) {
	label, value := s.style(cond, 9.5), s.body()
	t, code := groupCode(f.Value)
	if code || f.Code || isCode(t) {
		value = s.style(mono, 8.5)
	}
	names := s.rep.wrap(label, f.Label, factLabel-4)
	values := s.rep.wrap(value, t, paperWidth-factLabel)
	s.row([]setCell{{paperLeft, label, quiet, names}, {paperLeft + factLabel, value, ink, values}}, 1, nil, true)
}

// setCell is the lines of one cell and where they stand.
type setCell struct {
	x     float64
	style style
	color Color
	lines []string
}

// row adds a row of cells as one slab a line, kept together where a page can hold them, with a rule below.
func (s *setter) row(cells []setCell, pad float64, again *slab, rule bool) {
	count, step := 1, 0.0
	for _, c := range cells {
		count = max(count, len(c.lines))
		step = max(step, lead(c.style.size))
	}
	deep := 0.0
	for _, c := range cells {
		deep = max(deep, base(c.style))
	}
	pad = s.mm(pad)
	for i := range count {
		b := slab{high: step, keep: i < count-1, again: again}
		top := 0.0
		if i == 0 {
			b.high += pad
			top = pad
		}
		last := i == count-1
		if last {
			b.high += pad
		}
		b.draw = func(c *canvas, y float64) {
			for _, l := range cells {
				if i < len(l.lines) {
					c.text(l.x, y+top+deep, l.style, l.color, l.lines[i])
				}
			}
			if last && rule {
				c.setStroke(hair, 0.2)
				c.line(paperLeft, y+b.high, paperRight, y+b.high)
			}
		}
		s.add(b)
	}
}

// signature is a place to sign.
func (s *setter) signature(who string, keep bool) {
	label := s.style(condBold, 10)
	small := s.style(cond, 8)
	names := s.rep.wrap(label, who, paperWidth)
	high := float64(len(names))*lead(label.size) + 17
	s.add(slab{gap: s.mm(3), high: high, keep: keep, draw: func(c *canvas, y float64) {
		for _, l := range names {
			c.text(paperLeft, y+base(label), label, ink, l)
			y += lead(label.size)
		}
		y += 12
		c.setStroke(ink, 0.25)
		for _, f := range []struct {
			x, w float64
			name string
		}{{0, 64, "Nom et qualité"}, {70, 32, "Date et heure"}, {108, 62, "Signature"}} {
			c.line(paperLeft+f.x, y, paperLeft+f.x+f.w, y)
			c.text(paperLeft+f.x, y+3.4, small, quiet, f.name)
		}
	}})
}

// pair is two lists side by side, whole.
func (s *setter) pair(cols [2]Column) {
	const gutter = 5.0
	wide := (paperWidth - gutter) / 2
	head, st, pad := s.style(condBold, 10.5), s.style(text, 9.5), s.mm(2.6)
	type set struct {
		head  []string
		items [][]string
	}
	var sets [2]set
	high := 0.0
	for i, c := range cols {
		sets[i].head = s.rep.wrap(head, c.Title, wide-2*pad)
		h := 2*pad + float64(len(sets[i].head))*lead(head.size)
		for _, t := range c.Items {
			ls := s.rep.wrap(st, t, wide-2*pad-3.5)
			sets[i].items = append(sets[i].items, ls)
			h += float64(len(ls))*lead(st.size) + s.mm(0.8)
		}
		high = max(high, h)
	}
	s.add(slab{gap: s.mm(3), high: high, draw: func(c *canvas, top float64) {
		for i, col := range cols {
			x, y, k := paperLeft+float64(i)*(wide+gutter), top, tones[col.Tone]
			c.round(x, y, wide, high, 1.5, white.mix(k, 0.07))
			c.rect(x+1.5, y, wide-3, 0.7, k)
			y += pad
			for _, l := range sets[i].head {
				c.text(x+pad, y+base(head), head, k, l)
				y += lead(head.size)
			}
			for _, ls := range sets[i].items {
				y += s.mm(0.8)
				c.text(x+pad, y+base(st), st, k, "•")
				for _, l := range ls {
					c.text(x+pad+3.5, y+base(st), st, ink, l)
					y += lead(st.size)
				}
			}
		}
	}})
}
