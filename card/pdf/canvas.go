// Drawing in millimetres from the top left corner, as PDF operators.

package pdf

import (
	"fmt"
	"math"
	"strconv"
	"unicode"
)

const (
	mmPerPt = 25.4 / 72
	ptPerMM = 72 / 25.4
)

// canvas collects one content stream. It keeps the graphics state it has set, so that a page of small texts stays small.
// Its first error sticks.
type canvas struct {
	b      []byte
	height float64 // of the page, mm
	rep    *repertoire
	used   planeSet // the fonts that the stream uses

	res          string // current font resource
	size         float64
	fill         Color
	set          bool  // fill is known
	open         bool  // in a text object, which began its line at lineX, lineY
	lineX, lineY int64 // tenths of a point
	err          error
	words        []byte // scratch of drawFlow
}

func newCanvas(height float64, rep *repertoire) *canvas {
	return &canvas{height: height, rep: rep}
}

// reset empties c for the next page.
func (c *canvas) reset() { *c = canvas{b: c.b[:0], height: c.height, rep: c.rep, words: c.words} }

// bytes returns the stream.
func (c *canvas) bytes() []byte {
	c.endText()
	return c.b
}

// num appends v points with two decimals, a space after it.
func (c *canvas) num(v float64) { c.hundredths(int64(math.Round(v * 100))) }

func (c *canvas) hundredths(n int64) {
	if n < 0 {
		c.b = append(c.b, '-')
		n = -n
	}
	c.b = appendInt(c.b, n/100)
	if f := n % 100; f != 0 {
		c.b = append(c.b, '.', byte('0'+f/10))
		if f%10 != 0 {
			c.b = append(c.b, byte('0'+f%10))
		}
	}
	c.b = append(c.b, ' ')
}

// appendInt appends the digits of n, which are few: a place on a page.
func appendInt(b []byte, n int64) []byte {
	if n < 0 || n > 9999 {
		return strconv.AppendInt(b, n, 10)
	}
	if n > 999 {
		b = append(b, byte('0'+n/1000))
	}
	if n > 99 {
		b = append(b, byte('0'+n/100%10))
	}
	if n > 9 {
		b = append(b, byte('0'+n/10%10))
	}
	return append(b, byte('0'+n%10))
}

// tenths is a place with one decimal: a tenth of a point is finer than a printer's dot and packs well.
func tenths(mm float64) int64 { return int64(math.Round(mm * ptPerMM * 10)) }

// x and y append a place.
func (c *canvas) x(mm float64)    { c.hundredths(tenths(mm) * 10) }
func (c *canvas) y(mm float64)    { c.x(c.height - mm) }
func (c *canvas) xy(x, y float64) { c.x(x); c.y(y) }
func (c *canvas) op(s string)     { c.b = append(append(c.b, s...), '\n') }

// shares holds each channel as PDF has it, 0 to 1 in thousandths, a space after it.
var shares = func() (out [256]string) {
	for v := range out {
		out[v] = strconv.FormatFloat(float64((v*1000+127)/255)/1000, 'f', -1, 64) + " "
	}
	return out
}()

func (c *canvas) channels(k Color) {
	c.b = append(append(append(c.b, shares[k.R]...), shares[k.G]...), shares[k.B]...)
}

func (c *canvas) setFill(k Color) {
	if !c.set || c.fill != k {
		c.channels(k)
		c.op("rg")
		c.fill = k
	}
	c.set = true
}

func (c *canvas) setStroke(k Color, width float64) {
	c.channels(k)
	c.b = append(c.b, "RG "...)
	c.num(width * ptPerMM)
	c.op("w")
}

// save and restore bracket a clip.
func (c *canvas) save() {
	c.endText()
	c.op("q")
}
func (c *canvas) restore() {
	c.endText()
	c.op("Q")
	c.res, c.set = "", false
}

func (c *canvas) rect(x, y, w, h float64, k Color) {
	c.setFill(k)
	c.rectPath(x, y, w, h)
	c.op("f")
}

func (c *canvas) rectPath(x, y, w, h float64) {
	c.endText()
	c.xy(x, y+h)
	c.x(w)
	c.x(h)
	c.b = append(c.b, "re "...)
}

func (c *canvas) moveTo(x, y float64) {
	c.endText()
	c.xy(x, y)
	c.b = append(c.b, "m "...)
}
func (c *canvas) lineTo(x, y float64) { c.xy(x, y); c.b = append(c.b, "l "...) }
func (c *canvas) curveTo(x1, y1, x2, y2, x, y float64) {
	c.xy(x1, y1)
	c.xy(x2, y2)
	c.xy(x, y)
	c.b = append(c.b, "c "...)
}

// roundPath outlines a box with rounded corners.
func (c *canvas) roundPath(x, y, w, h, r float64) {
	k := r * 0.4477 // distance of a control point from the corner
	c.moveTo(x+r, y)
	c.lineTo(x+w-r, y)
	c.curveTo(x+w-k, y, x+w, y+k, x+w, y+r)
	c.lineTo(x+w, y+h-r)
	c.curveTo(x+w, y+h-k, x+w-k, y+h, x+w-r, y+h)
	c.lineTo(x+r, y+h)
	c.curveTo(x+k, y+h, x, y+h-k, x, y+h-r)
	c.lineTo(x, y+r)
	c.curveTo(x, y+k, x+k, y, x+r, y)
	c.b = append(c.b, "h "...)
}

func (c *canvas) round(x, y, w, h, r float64, k Color) {
	c.setFill(k)
	c.roundPath(x, y, w, h, r)
	c.op("f")
}

func (c *canvas) roundFrame(x, y, w, h, r float64, k Color, width float64) {
	c.setStroke(k, width)
	c.roundPath(x, y, w, h, r)
	c.op("S")
}

func (c *canvas) circle(x, y, r float64, k Color) { c.round(x-r, y-r, 2*r, 2*r, r, k) }

// line draws from one point to another; call setStroke first.
func (c *canvas) line(x1, y1, x2, y2 float64) {
	c.moveTo(x1, y1)
	c.lineTo(x2, y2)
	c.op("S")
}

// dash sets a dash pattern in millimetres; dash(0, 0) ends it.
func (c *canvas) dash(on, off float64) {
	if on == 0 {
		c.op("[] 0 d")
		return
	}
	c.b = append(c.b, '[')
	c.x(on)
	c.x(off)
	c.op("] 0 d")
}

func (c *canvas) width(st style, s string) float64 { return c.rep.width(st, s) }

// text prints s with its baseline at y, starting at x, and returns where it ends.
func (c *canvas) text(x, y float64, st style, k Color, s string) float64 {
	if s == "" || c.err != nil {
		return x
	}
	c.beginText(x, y, k)
	units := c.show(st, s)
	return x + float64(units)*st.size*mmPerPt/1000
}

// beginText puts the pen at a place; show prints there, one piece after the other. Texts in a row share one text object: each
// says how far its beginning is from the one before, in the tenths that both were rounded to, so that nothing adds up.
func (c *canvas) beginText(x, y float64, k Color) {
	c.setFill(k)
	tx, ty := tenths(x), tenths(c.height-y)
	dx, dy := tx-c.lineX, ty-c.lineY
	if !c.open {
		c.b = append(c.b, "BT "...)
		dx, dy, c.open = tx, ty, true
	}
	c.lineX, c.lineY = tx, ty
	c.hundredths(dx * 10)
	c.hundredths(dy * 10)
	c.b = append(c.b, "Td "...)
}

// endText closes the text object, in which no path may be drawn and no state saved.
func (c *canvas) endText() {
	if c.open {
		c.op("ET")
		c.open = false
	}
}

// show prints s at the pen and returns its width in thousandths of the size.
func (c *canvas) show(st style, s string) int {
	open, base, units := false, 0, 0
	for i, r := range s {
		g, ok := c.rep.find(r)
		if !ok || int(g.plane) >= len(c.rep.planes[st.face]) {
			if c.err == nil {
				c.err = fmt.Errorf("%w: U+%04X", ErrGlyph, r)
			}
			continue
		}
		pl := &c.rep.planes[st.face][g.plane]
		if r >= 0x300 && r < 0x370 {
			if m, ok := c.rep.marks[st.face][r]; ok {
				open = c.closeString(open)
				c.font(st, g.plane, pl.res)
				c.markOver(m, base, st.size, s[:i], g.code)
				continue
			}
		}
		if pl.res != c.res || st.size != c.size {
			open = c.closeString(open)
			c.font(st, g.plane, pl.res)
		}
		if !open {
			c.b, open = append(c.b, '('), true
		}
		c.char(g.code)
		base = int(pl.width[g.code])
		units += base
	}
	c.closeString(open)
	return units
}

func (c *canvas) closeString(open bool) bool {
	if open {
		c.b = append(c.b, ")Tj "...)
	}
	return false
}

// char appends one byte of a literal string; what could end the string or the line is escaped.
func (c *canvas) char(b byte) {
	switch b {
	case '(', ')', '\\':
		c.b = append(c.b, '\\', b)
	case '\n':
		c.b = append(c.b, `\n`...)
	case '\r':
		c.b = append(c.b, `\r`...)
	default:
		c.b = append(c.b, b)
	}
}

// markOver prints a combining mark over the middle of the base before it, and brings the pen back.
func (c *canvas) markOver(m mark, base int, size float64, before string, code byte) {
	shift := -base/2 - m.middle // thousandths to the right
	rise := 0.0
	if m.above && upperBefore(before) {
		rise = 0.18 * size // marks are drawn for small letters; a capital is that much taller
	}
	if rise != 0 {
		c.num(rise)
		c.b = append(c.b, "Ts "...)
	}
	c.b = append(c.b, '[')
	c.b = strconv.AppendInt(c.b, int64(-shift), 10)
	c.b = append(c.b, '(')
	c.char(code)
	c.b = append(c.b, ')')
	c.b = strconv.AppendInt(c.b, int64(shift), 10)
	c.b = append(c.b, "]TJ "...)
	if rise != 0 {
		c.b = append(c.b, "0 Ts "...)
	}
}

// upperBefore tells whether the letter that a mark belongs to is a capital.
func upperBefore(s string) bool {
	rs := []rune(s)
	for i := len(rs) - 1; i >= 0; i-- {
		if !unicode.Is(unicode.Mn, rs[i]) {
			return unicode.IsUpper(rs[i])
		}
	}
	return false
}

func (c *canvas) font(st style, plane uint8, res string) {
	if res == c.res && st.size == c.size {
		return
	}
	c.used[st.face] |= 1 << plane
	c.b = append(append(append(c.b, '/'), res...), ' ')
	c.num(st.size)
	c.b = append(c.b, "Tf "...)
	c.res, c.size = res, st.size
}

// textUp prints s upwards in the middle of the height y, its baseline at x.
func (c *canvas) textUp(x, y float64, st style, k Color, s string) {
	c.endText()
	c.setFill(k)
	c.b = append(c.b, "BT 0 1 -1 0 "...)
	c.xy(x, y+c.width(st, s)/2)
	c.b = append(c.b, "Tm "...)
	c.show(st, s)
	c.op("ET")
}

func (c *canvas) textRight(x, y float64, st style, k Color, s string) {
	c.text(x-c.width(st, s), y, st, k, s)
}

func (c *canvas) textMid(x, y float64, st style, k Color, s string) {
	c.text(x-c.width(st, s)/2, y, st, k, s)
}
