// Small print in paragraphs with bold parts, set as large as its place allows.

package pdf

import (
	"strconv"
	"strings"
)

// span is a piece of a paragraph.
type span struct {
	bold bool
	s    string
}

// para is one paragraph of a flow.
type para struct {
	spans []span
	color Color
	plus  float64 // points above the flow's size
	gap   float64 // mm before it, dropped at the top
}

// word is a span between two spaces, with its width in thousandths of the size.
type word struct {
	span
	units int
	glued bool // no space before it
}

// line is a row of words and its paragraph.
type flowLine struct {
	words []word
	para  int
}

// flow is a set text, ready to draw.
type flow struct {
	paras  []para
	lines  []flowLine
	size   float64
	height float64
}

// setFlow sets paras in a column of width mm, at the largest size from largest down to minSize whose height is at most
// height, or returns nil.
func (r *repertoire) setFlow(paras []para, width, height, largest float64) *flow {
	words := make([][]word, len(paras))
	for i, p := range paras {
		words[i] = r.words(p.spans)
	}
	for size := largest; size >= minSize; size -= 0.25 {
		f := flow{paras: paras, size: size}
		for i, p := range paras { // heights first: most sizes do not fit
			f.setPara(r, i, p, words[i], width, false)
		}
		if f.height <= height {
			set := &flow{paras: paras, size: size}
			for i, p := range paras {
				set.setPara(r, i, p, words[i], width, true)
			}
			return set
		}
	}
	return nil
}

func (r *repertoire) words(spans []span) []word {
	var out []word
	for _, s := range spans {
		f := faceOf(s.bold)
		for i, w := range strings.FieldsFunc(s.s, isBreak) {
			glued := i == 0 && !strings.HasPrefix(s.s, " ")
			out = append(out, word{span{s.bold, w}, r.units(f, w), glued && len(out) > 0})
		}
	}
	return out
}

func faceOf(bold bool) face {
	if bold {
		return condBold
	}
	return cond
}

// setPara breaks one paragraph into lines, and keeps them when keep is set.
func (f *flow) setPara(r *repertoire, n int, p para, words []word, width float64, keep bool) {
	size := f.size + p.plus
	limit := int(width * 1000 * ptPerMM / size)
	if f.height > 0 {
		f.height += p.gap
	}
	var row []word
	used, count := 0, 0
	flush := func() {
		if count > 0 {
			if keep {
				f.lines = append(f.lines, flowLine{row, n})
				row = nil
			}
			f.height += lead(size)
			used, count = 0, 0
		}
	}
	push := func(w word, wide int) {
		if keep {
			row = append(row, w)
		}
		used += wide
		count++
	}
	for _, w := range words {
		sp := 0
		if !w.glued && count > 0 {
			sp = r.space[faceOf(w.bold)]
		}
		if count > 0 && used+sp+w.units > limit {
			flush()
			sp = 0
		}
		for w.units > limit {
			head, tail := r.split(faceOf(w.bold), w.s, limit)
			if tail == "" {
				break
			}
			push(word{span{w.bold, head}, limit, true}, limit)
			flush()
			w.s, w.units = tail, r.units(faceOf(w.bold), tail)
		}
		push(w, sp+w.units)
	}
	flush()
}

// key says all that f looks like when drawn at x.
func (f *flow) key(x float64) string {
	b := strconv.AppendFloat([]byte("flow "), f.size, 'f', 2, 64)
	b = strconv.AppendFloat(append(b, ' '), x, 'f', 2, 64)
	b = strconv.AppendInt(append(b, ' '), int64(len(f.lines)), 10)
	b = strconv.AppendFloat(append(b, ' '), f.height, 'f', 3, 64)
	for _, p := range f.paras {
		b = append(b, '\x00', p.color.R, p.color.G, p.color.B)
		for _, s := range p.spans {
			if s.bold {
				b = append(b, '\x01')
			}
			b = append(append(b, s.s...), '\x02')
		}
	}
	return string(b)
}

// drawFlow prints f with its top at y and returns its bottom.
func (c *canvas) drawFlow(f *flow, x, y float64) float64 {
	last := -1
	for _, l := range f.lines {
		p := f.paras[l.para]
		size := f.size + p.plus
		if l.para != last {
			if last >= 0 {
				y += p.gap
			}
			last = l.para
		}
		c.beginText(x, y+lead(size)*0.78, p.color)
		var run strings.Builder
		for i, w := range l.words {
			if i > 0 && w.bold != l.words[i-1].bold {
				c.show(style{faceOf(l.words[i-1].bold), size}, run.String())
				run.Reset()
			}
			if i > 0 && !w.glued {
				run.WriteByte(' ')
			}
			run.WriteString(w.s)
			if i == len(l.words)-1 {
				c.show(style{faceOf(w.bold), size}, run.String())
			}
		}
		c.op("ET")
		y += lead(size)
	}
	return y
}
