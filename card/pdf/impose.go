// Sheets of several cards: A4, fronts on one page and backs on the next, with crop marks.

package pdf

import (
	"bytes"
	"strconv"
)

// Cards on a sheet stand apart by white gaps, so that none needs a bleed: a knife that goes 1 mm wrong cuts white.
const (
	sheetGapX = 6.0
	sheetGapY = 2.0
	cropAway  = 1.0 // between a card and its crop marks
	cropLong  = 3.5
)

// grid returns how many columns and rows a sheet has.
func (i Imposition) grid() (cols, rows int) {
	switch i {
	case Impose2Up:
		return 2, 1
	case Impose10Up:
		return 2, 5
	}
	return 0, 0
}

// corner returns the top left corner of a sheet's n-th card, from 0, by rows.
func (i Imposition) corner(n int) (x, y float64) {
	cols, rows := i.grid()
	left := (a4Width - float64(cols)*cardWidth - float64(cols-1)*sheetGapX) / 2
	top := (a4Height - float64(rows)*cardHeight - float64(rows-1)*sheetGapY) / 2
	return left + float64(n%cols)*(cardWidth+sheetGapX), top + float64(n/cols)*(cardHeight+sheetGapY)
}

// back returns the top left corner of the n-th card's back: the sheet is turned over its long edge.
func (i Imposition) back(n int) (x, y float64) {
	x, y = i.corner(n)
	return a4Width - x - cardWidth, y
}

// pressSheet is a sheet of several cards being filled.
type pressSheet struct {
	cards int
	pages [2][]byte  // fronts and backs
	marks [2]*canvas // what is printed beside them
	first int64      // sequence numbers
	last  int64
}

// impose puts a card that is laid out on the sheet.
func (r *Run) impose(s *Sheet, under [][]furniture) error {
	p, set := &r.press, r.set.Sheet
	for i, pieces := range under {
		x, y := set.corner(p.cards)
		if i == 1 {
			x, y = set.back(p.cards)
		}
		b := append(p.pages[i], "q 1 0 0 1 "...)
		b = append(strconv.AppendFloat(b, x*ptPerMM, 'f', 2, 64), ' ')
		b = strconv.AppendFloat(b, (a4Height-y-cardHeight)*ptPerMM, 'f', 2, 64)
		b = r.face(append(b, " cm\n"...), r.faces[i], pieces)
		p.pages[i] = append(b, "Q\n"...)
		if r.set.Marks {
			if p.marks[i] == nil {
				p.marks[i] = newCanvas(a4Height, r.rep)
			}
			at := x - 3.2 // outside, away from the crop marks at the corners
			if x > a4Width/2 {
				at = x + cardWidth + 4.6
			}
			p.marks[i].textUp(at, y+cardHeight/2, style{cond, 6.5}, ink, r.set.sequence(s.Sequence))
		}
	}
	if p.cards == 0 {
		p.first = s.Sequence
	}
	p.last = s.Sequence
	p.cards++
	if cols, rows := set.grid(); p.cards == cols*rows {
		return r.endSheet()
	}
	return nil
}

// endSheet makes the two pages of the sheet, full or not.
func (r *Run) endSheet() error {
	p := &r.press
	if p.cards == 0 {
		return nil
	}
	for i, side := range [2]string{"recto", "verso"} {
		c := p.marks[i]
		if c == nil {
			c = newCanvas(a4Height, r.rep)
		}
		r.drawCrop(c)
		if r.set.Marks {
			words := side + " · " + r.set.sequence(p.first)
			if p.last != p.first {
				words = side + " · " + r.set.digits(p.first) + "–" + r.set.sequence(p.last)
			}
			x, y := r.set.Sheet.corner(0)
			c.textMid(x+cardWidth/2, y-cropAway-1.4, style{cond, 6.5}, ink, words)
		}
		if c.err != nil {
			return c.err
		}
		r.need(c.used)
		if err := r.keep(append(p.pages[i], c.bytes()...)); err != nil {
			return err
		}
		p.pages[i] = p.pages[i][:0]
		c.reset()
	}
	p.cards = 0
	return nil
}

// drawCrop prints where to cut: at the edges of the sheet, and between the columns.
func (r *Run) drawCrop(c *canvas) {
	cols, rows := r.set.Sheet.grid()
	c.setStroke(black, 0.1)
	mark := func(x, y, dx, dy float64) {
		c.moveTo(x+dx*cropAway, y+dy*cropAway)
		c.lineTo(x+dx*(cropAway+cropLong), y+dy*(cropAway+cropLong))
	}
	_, top := r.set.Sheet.corner(0)
	_, bottom := r.set.Sheet.corner((rows - 1) * cols)
	bottom += cardHeight
	for i := range cols {
		x, _ := r.set.Sheet.corner(i)
		for _, edge := range [2]float64{x, x + cardWidth} {
			mark(edge, top, 0, -1)
			mark(edge, bottom, 0, 1)
		}
	}
	for row := range rows {
		left, y := r.set.Sheet.corner(row * cols)
		right, _ := r.set.Sheet.corner(row*cols + cols - 1)
		right += cardWidth
		for _, edge := range [2]float64{y, y + cardHeight} {
			mark(left, edge, -1, 0)
			mark(right, edge, 1, 0)
			for i := 1; i < cols; i++ {
				x, _ := r.set.Sheet.corner(row*cols + i)
				c.moveTo(x-sheetGapX+cropAway, edge)
				c.lineTo(x-cropAway, edge)
			}
		}
	}
	c.op("S")
}

// keep holds a finished page, deflated: a run of thousands is a few megabytes until it is written.
func (r *Run) keep(page []byte) error {
	var b bytes.Buffer
	b.Grow(len(page) / 2)
	if err := deflate(&b, page); err != nil {
		return err
	}
	r.pages = append(r.pages, bytes.Clone(b.Bytes()))
	return nil
}
