// Ornaments drawn once in a document: the waves of the band, the monogram, the scissors.

package pdf

import (
	"strings"
	"unicode"
)

// band fills the top of b with the primary colour and three slow waves.
func (c *canvas) band(b box, h float64, t *Theme) {
	c.save()
	c.rectPath(b.x, b.y, b.w, h)
	c.op("W n")
	c.rect(b.x, b.y, b.w, h, t.Primary)
	away := black // the waves go away from the text's colour, so that its contrast only grows
	if t.OnPrimary.luminance() < 0.5 {
		away = white
	}
	for i, share := range []float64{0.10, 0.20, 0.30} {
		k := float64(i)
		y := b.y + h*(0.55+0.18*k)
		c.setFill(t.Primary.mix(away, share))
		c.moveTo(b.x+b.w*(0.25+0.07*k), b.y+h)
		c.curveTo(b.x+b.w*(0.45+0.05*k), b.y+h, b.x+b.w*(0.50+0.04*k), y-h*0.9, b.x+b.w*(0.72+0.03*k), y-h*0.35)
		c.curveTo(b.x+b.w*0.86, y, b.x+b.w*0.93, y-h*0.1, b.x+b.w, y-h*0.5)
		c.lineTo(b.x+b.w, b.y+h)
		c.op("h f")
	}
	c.restore()
	c.rect(b.x, b.y+h, b.w, h*0.055, t.Accent)
}

// monogram is the mark of an insurer without a logo: up to two initials.
func (c *canvas) monogram(b box, t *Theme, name string) {
	c.round(b.x, b.y, b.w, b.h, b.h*0.24, t.Primary)
	c.rect(b.x+b.w*0.24, b.y+b.h*0.78, b.w*0.52, b.h*0.05, t.Accent)
	size := b.h * 1.45
	c.textMid(b.x+b.w/2, b.y+b.h*0.47+size*0.125, style{condBold, size}, t.OnPrimary, initials(name))
}

func initials(name string) string {
	var out []rune
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		r := []rune(w)
		if len(r) < 3 && len(out) == 0 || len(r) > 2 || unicode.IsUpper(r[0]) && len(r) == 1 {
			out = append(out, unicode.ToUpper(r[0]))
		}
		if len(out) == 2 {
			break
		}
	}
	return string(out)
}

// scissors draws a pair of scissors of about 5 mm, cutting to the right from x, y.
func (c *canvas) scissors(x, y float64, k Color) {
	c.setStroke(k, 0.28)
	for _, s := range []float64{-1, 1} {
		c.roundPath(x-0.2, y+s*1.05-0.75, 1.7, 1.5, 0.74)
		c.op("S")
		c.setFill(k)
		c.moveTo(x+1.35, y+s*0.75)
		c.lineTo(x+5.2, y-s*0.95)
		c.curveTo(x+4.4, y-s*1.05, x+3.6, y-s*0.7, x+2.6, y-s*0.1)
		c.lineTo(x+1.5, y+s*1.05)
		c.op("h f")
	}
	c.circle(x+2.75, y, 0.2, white)
}
