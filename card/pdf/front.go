// The face that the counter reads: validity, harmonised block and guarantees, the same on both layouts but for its size.

package pdf

import "strings"

// front is the geometry of that face, mm and points.
type front struct {
	box
	margin float64
	band   float64 // height of the coloured band
	label  float64 // pt
	valid  float64 // pt, the validity period
	name   float64 // pt, the insurer's name
	value  float64 // pt, the values of the block
	block  float64 // height of the harmonised block
	cell   float64 // pt, the largest type of the grid
	gap    float64
}

// labels of the harmonised block, in order, with each cell's share of the width. The fifth, the validity, is in the band.
var blockLabels = [4]struct {
	label string
	share float64
}{{"N° AMC", 0.25}, {"Type conv.", 0.20}, {"CSR", 0.20}, {"N° adhérent", 0.35}}

const validityLabel = "Période de validité"

// gridTop is where the grid begins.
func (f front) gridTop() float64 { return f.y + f.band + f.block + 2*f.gap }

// blockWidth leaves room for the R of a contrat responsable.
func (f front) blockWidth(responsable bool) float64 {
	w := f.w - 2*f.margin
	if responsable {
		w -= f.block + f.gap*0.8
	}
	return w
}

// look is the theme's dress of the grid.
func (t *Theme) look() gridLook {
	return gridLook{head: t.tint(stripShare), headText: t.Primary.onWhite(), rule: t.Primary.mix(white, 0.45), hair: t.Primary.mix(white, 0.78)}
}

// tint is the primary colour at a small share, light enough for dark text.
func (t *Theme) tint(share float64) Color { return white.mix(t.Primary, share) }

// drawFrontStill prints what is the same on every card of an insurer.
func (r *Run) drawFrontStill(c *canvas, f front, insurer string, responsable bool) {
	t := &r.theme
	c.band(f.box, f.band, t)
	quietOn := t.OnPrimary.mix(t.Primary, 0.12)
	if Contrast(quietOn, t.Primary) < MinContrast {
		quietOn = t.OnPrimary
	}
	c.text(f.x+f.margin, f.y+f.band*0.36, style{cond, f.label + 0.5}, quietOn, validityLabel)

	right, avail := f.x+f.w-f.margin, f.w-2*f.margin-f.validWidth(c.rep)-f.margin
	if t.logo != nil {
		p := f.logoBox()
		c.round(p.x-1, p.y-0.8, p.w+2, p.h+1.6, 1, white)
		right -= p.w + f.margin
		avail -= p.w + f.margin
	}
	c.nameOf(right, f.y, f.band, avail, f.name, f.label+0.5, t.OnPrimary, quietOn, insurer, t.logo != nil)

	y, w := f.y+f.band+f.gap, f.blockWidth(responsable)
	c.round(f.x+f.margin, y, w, f.block, 1.1, t.tint(0.07))
	c.roundFrame(f.x+f.margin, y, w, f.block, 1.1, t.Primary.mix(white, 0.45), 0.22)
	x := f.x + f.margin
	for i, l := range blockLabels {
		c.text(x+1.5, y+f.block*0.36, style{cond, f.label}, quiet, l.label)
		x += w * l.share
		if i < len(blockLabels)-1 {
			c.setStroke(t.Primary.mix(white, 0.65), 0.18)
			c.line(x, y+f.block*0.18, x, y+f.block*0.82)
		}
	}
	if responsable {
		rx := f.x + f.w - f.margin - f.block
		c.round(rx, y, f.block, f.block, 1.1, t.Primary)
		size := f.block * 1.9
		c.textMid(rx+f.block/2, y+f.block/2+size*0.125, style{condBold, size}, t.OnPrimary, "R")
	}
}

// nameOf prints the insurer's name at the right of a band, in one line or more, and what the card is.
func (c *canvas) nameOf(right, y, band, avail, size, small float64, k, soft Color, insurer string, logo bool) {
	if logo && avail < 24 {
		return // the logo stands for the name, which the other face or the letter spells out
	}
	st := style{condBold, size}
	for c.width(st, insurer) > avail && st.size > size*0.75 {
		st.size -= 0.25
	}
	lines := c.rep.wrap(st, insurer, avail)
	for len(lines) > 2 && st.size > minSize {
		st.size -= 0.25
		lines = c.rep.wrap(st, insurer, avail)
	}
	tall := float64(len(lines))*lead(st.size) + lead(small)
	base := y + (band-tall)/2 + lead(st.size)*0.8
	for _, l := range lines {
		c.textRight(right, base, st, k, l)
		base += lead(st.size)
	}
	c.textRight(right, base-lead(st.size)+lead(small)+0.2, style{cond, small}, soft, "Carte de tiers payant")
}

// validWidth is the room that the validity period takes, whatever the dates.
func (f front) validWidth(r *repertoire) float64 {
	return r.width(style{condBold, f.valid}, "du 00/00/0000 au 00/00/0000")
}

func (f front) logoBox() box {
	h := f.band - 3.4
	w := min(h*3.2, f.w*0.24)
	return box{f.x + f.w - f.margin - w, f.y + 1.7, w, h}
}

// drawFront prints a card's own values and its grid, gw mm wide, and returns the grid's bottom.
func (r *Run) drawFront(c *canvas, f front, gw float64, s *Sheet, t *table, p *plan) float64 {
	cl := &s.Claims
	c.text(f.x+f.margin, f.y+f.band*0.36+lead(f.valid)*0.95, style{condBold, f.valid}, r.theme.OnPrimary,
		"du "+cl.ValidFrom().French()+" au "+cl.ValidTo().French())

	w := f.blockWidth(cl.Responsable)
	x, y := f.x+f.margin, f.y+f.band+f.gap
	for i, v := range [4]string{string(cl.Issuer), strings.Join(cl.Conventions, " "), cl.CSR, cl.Adherent} {
		room := w*blockLabels[i].share - 2.2
		st := style{condBold, f.value}
		for c.width(st, v) > room && st.size > minSize {
			st.size -= 0.25
		}
		c.text(x+1.5, y+f.block*0.82, st, ink, v)
		x += w * blockLabels[i].share
	}
	top := f.gridTop()
	c.drawGrid(t, p, f.x+f.margin, top, gw, r.theme.look())
	return top + p.height
}
