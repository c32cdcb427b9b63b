// Setting a paper: every block becomes slabs, and slabs go on pages without tearing what belongs together.

package pdf

import (
	"fmt"
	"strings"
)

// Places on the page, mm.
const (
	paperLeft   = 20.0
	paperRight  = a4Width - 20.0
	paperWidth  = paperRight - paperLeft
	paperTop    = 22.0 // where the body of a page that is not the first begins
	paperBottom = a4Height - 20.0
)

// slab is what is never torn: a line, a row, a box. Its top is given when it is drawn.
type slab struct {
	gap   float64 // above, dropped at the top of a page
	high  float64
	keep  bool  // the next slab stays on its page
	again *slab // drawn before this one where this one begins a page
	draw  func(c *canvas, y float64)
	y     float64 // where it is drawn
}

// setter lays out one paper at one scale.
type setter struct {
	rep   *repertoire
	p     Paper
	scale float64
	slabs []slab
	steps int // numbered so far
}

func (s *setter) style(f face, pt float64) style { return style{f, pt * s.scale} }
func (s *setter) body() style                    { return s.style(text, 10) }
func (s *setter) mm(v float64) float64           { return v * s.scale }
func (s *setter) tone() Color                    { return tones[s.p.Tone] }

func (s *setter) add(b slab) { s.slabs = append(s.slabs, b) }

// pages sets all blocks and breaks them into pages.
func (s *setter) pages() ([][]slab, error) {
	s.head()
	for _, b := range s.p.Blocks {
		n := len(s.slabs)
		s.block(b)
		if n < len(s.slabs) {
			s.slabs[n].gap = max(s.slabs[n].gap, s.mm(2))
		}
	}
	if n := len(s.slabs); n > 0 {
		s.slabs[n-1].keep = false
	}
	var pages [][]slab
	var page []slab
	y := s.first()
	turn := func() {
		pages = append(pages, page)
		page, y = nil, s.other()
	}
	put := func(b slab) {
		if len(page) == 0 && b.again != nil {
			h := *b.again
			h.y = y
			page = append(page, h)
			y += h.high
		} else if len(page) > 0 {
			y += b.gap
		}
		b.y = y
		y += b.high
		page = append(page, b)
	}
	for rest := s.slabs; len(rest) > 0; {
		n := 1
		for rest[n-1].keep {
			n++
		}
		group := rest[:n]
		rest = rest[n:]
		if y+tall(group, len(page) == 0) > paperBottom && len(page) > 0 && s.other()+tall(group, true) <= paperBottom {
			turn()
		}
		for _, b := range group { // torn only where no page could hold it whole
			if y+tall([]slab{b}, len(page) == 0) > paperBottom && len(page) > 0 {
				turn()
			}
			if y+tall([]slab{b}, len(page) == 0) > paperBottom {
				return nil, fmt.Errorf("%w: a part of the paper is larger than a page", ErrNoRoom)
			}
			put(b)
		}
	}
	return append(pages, page), nil
}

// tall is the height of slabs that follow one another.
func tall(group []slab, top bool) float64 {
	h := 0.0
	for i, b := range group {
		if i > 0 || !top {
			h += b.gap
		} else if b.again != nil {
			h += b.again.high
		}
		h += b.high
	}
	return h
}

func (s *setter) banner() float64 {
	if s.p.Banner == "" {
		return 0
	}
	return 6
}

func (s *setter) first() float64 { return 13 + s.banner() }
func (s *setter) other() float64 { return paperTop + s.banner() }

// head sets title and subtitle.
func (s *setter) head() {
	st := s.style(condBold, 20)
	s.lines(paperLeft, paperWidth, st, s.tone(), s.p.Title, 0, true)
	if s.p.Subtitle != "" {
		s.lines(paperLeft, paperWidth, s.style(text, 11), quiet, s.p.Subtitle, 1, true)
	}
	s.add(slab{high: s.mm(3), keep: true, draw: func(c *canvas, y float64) {
		c.setStroke(s.tone(), 0.5)
		c.line(paperLeft, y+s.mm(1.8), paperRight, y+s.mm(1.8))
	}})
}

// base is where the baseline of a line lies below its top.
func base(st style) float64 { return st.size * mmPerPt * 0.95 }

// lines adds a paragraph. It is torn neither after its first line nor before its last; with keep it is not torn at all and
// stays with what follows.
func (s *setter) lines(x, width float64, st style, k Color, t string, gap float64, keep bool) {
	ls := s.rep.wrap(st, t, width)
	for i, l := range ls {
		b := slab{high: lead(st.size), keep: keep || i < len(ls)-1 && (i == 0 || i == len(ls)-2)}
		if i == 0 {
			b.gap = s.mm(gap)
		}
		b.draw = func(c *canvas, y float64) { c.text(x, y+base(st), st, k, l) }
		s.add(b)
	}
}

// page draws one page.
func (s *setter) page(c *canvas, page []slab, n, of int) {
	c.rect(0, 0, a4Width, 3.2, s.tone())
	top := 3.2
	if s.p.Banner != "" {
		c.rect(0, top, a4Width, s.banner(), tones[ToneReserve])
		c.textMid(a4Width/2, top+4.4, style{condBold, 11}, white, s.p.Banner)
		top += s.banner()
	}
	small := style{cond, 8.5}
	if n > 1 {
		title := s.rep.wrap(small, s.p.Title, paperWidth)
		c.text(paperLeft, top+9, small, quiet, title[0])
		c.setStroke(hair, 0.2)
		c.line(paperLeft, top+11, paperRight, top+11)
	}
	for _, b := range page {
		b.draw(c, b.y)
	}
	y := a4Height - 14.0
	c.setStroke(hair, 0.2)
	c.line(paperLeft, y-4, paperRight, y-4)
	number := fmt.Sprintf("page %d / %d", n, of)
	at := FrenchMoment(s.p.At)
	right := c.width(small, number)
	date := c.width(small, at)
	for i, l := range s.rep.wrap(small, s.p.Reference, paperWidth-right-date-16) {
		c.text(paperLeft, y+float64(i)*lead(small.size), small, quiet, l)
	}
	c.text(paperRight-right-8-date, y, small, quiet, at)
	c.text(paperRight-right, y, small, quiet, number)
}

// hair is the colour of rules.
var hair = Color{0xc9, 0xd0, 0xd6}

// groupCode tells whether a value is a fingerprint, and sets it in groups of four.
func groupCode(s string) (string, bool) {
	if len(s) < 32 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return s, false
	}
	var b strings.Builder
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s[i:min(i+4, len(s))])
	}
	return b.String(), true
}

// isCode tells whether a cell is a name of a key or the like: long, without spaces, letters and digits mixed.
func isCode(s string) bool {
	return len(s) >= 20 && !strings.ContainsAny(s, " \u00a0’") && strings.ContainsAny(s, "0123456789") && strings.Trim(s, codeLetters) == ""
}

const codeLetters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_:/.+="
