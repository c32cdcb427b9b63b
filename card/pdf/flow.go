// Small print in paragraphs with bold parts, set as large as its place allows.

package pdf

import (
	"encoding/binary"
	"math"
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
	id     string // among the flows of a run; "" for one that is not remembered
}

// prose is a text measured once, and how it was set before.
type prose struct {
	rep   *repertoire
	paras []para
	words [][]word
	id    string
	tried []setting
}

// setting is what a text came to in a column at a size.
type setting struct {
	width, size, height float64
	flow                *flow // nil until it was wanted
}

func (r *repertoire) newProse(paras []para) *prose {
	p := &prose{rep: r, paras: paras, words: make([][]word, len(paras))}
	for i := range paras {
		p.words[i] = r.words(paras[i].spans)
	}
	return p
}

// at returns what p comes to in a column of width mm at a size: only the height is sure to be known.
func (p *prose) at(width, size float64) *setting {
	for i := range p.tried {
		if s := &p.tried[i]; s.size == size && s.width == width {
			return s
		}
	}
	f := flow{size: size}
	for i := range p.paras {
		f.setPara(p.rep, i, &p.paras[i], p.words[i], width, false)
	}
	p.tried = append(p.tried, setting{width: width, size: size, height: f.height})
	return &p.tried[len(p.tried)-1]
}

// set returns p set in a column of width mm at a size.
func (p *prose) set(width, size float64) *flow {
	s := p.at(width, size)
	if s.flow == nil {
		f := &flow{paras: p.paras, size: size}
		for i := range p.paras {
			f.setPara(p.rep, i, &p.paras[i], p.words[i], width, true)
		}
		if p.id != "" {
			f.id = string(strconv.AppendFloat(append(strconv.AppendFloat([]byte(p.id), width, 'f', 2, 64), ' '), size, 'f', 2, 64))
		}
		s.flow = f
	}
	return s.flow
}

// fit sets p in a column of width mm, at the largest size from largest down to minSize whose height is at most height, or
// returns nil.
func (p *prose) fit(width, height, largest float64) *flow {
	for size := largest; size >= minSize; size -= 0.25 {
		if p.at(width, size).height <= height {
			return p.set(width, size)
		}
	}
	return nil
}

func (r *repertoire) words(spans []span) []word {
	n := 0
	for i := range spans {
		n += strings.Count(spans[i].s, " ") + 1
	}
	out := make([]word, 0, n)
	for _, s := range spans {
		f := faceOf(s.bold)
		first := true
		for w := range strings.FieldsFuncSeq(s.s, isBreak) {
			glued := first && s.s[0] != ' '
			first = false
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
func (f *flow) setPara(r *repertoire, n int, p *para, words []word, width float64, keep bool) {
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

// appendKey appends all that paragraphs look like.
func appendKey(b []byte, paras []para) []byte {
	for i := range paras {
		p := &paras[i]
		b = append(b, '\x00', p.color.R, p.color.G, p.color.B)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.plus))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.gap))
		for _, s := range p.spans {
			if s.bold {
				b = append(b, '\x01')
			}
			b = append(append(b, s.s...), '\x02')
		}
	}
	return b
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
		run := c.words[:0]
		for i, w := range l.words {
			if i > 0 && w.bold != l.words[i-1].bold {
				c.show(style{faceOf(l.words[i-1].bold), size}, string(run))
				run = run[:0]
			}
			if i > 0 && !w.glued {
				run = append(run, ' ')
			}
			run = append(run, w.s...)
			if i == len(l.words)-1 {
				c.show(style{faceOf(w.bold), size}, string(run))
			}
		}
		c.words = run
		y += lead(size)
	}
	return y
}
