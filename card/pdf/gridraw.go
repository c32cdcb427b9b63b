// Drawing a planned table.

package pdf

// gridLook is the dress of a table.
type gridLook struct {
	head, headText Color // header strip and its codes
	rule, hair     Color // between blocks, between columns and people
}

// drawGrid prints t as p has it, its top left corner at x, y.
func (c *canvas) drawGrid(t *table, p *plan, x, y, width float64, look gridLook) {
	right := x + width
	if !p.inner() {
		h := p.headHeight()
		c.rect(x, y, width, h, look.head)
		st := style{cond, max(minSize, p.size-1)}
		base := y + h/2 + p.size*0.125
		c.text(x+p.padX(), base, st, look.headText, "Bénéficiaires")
		c.text(x+p.name+p.padX(), base, st, look.headText, "Né(e) le")
		c.codes(t, p, p.bands, x+p.name+p.date, y, look)
		y += h
	}
	for bi := range t.blocks {
		b := &t.blocks[bi]
		h := p.blocks[bi]
		vx, vy := x+p.name+p.date, y
		air := h // beyond what the bands need, shared among them
		for _, run := range p.bands {
			air -= p.bandHeight(b, run)
		}
		for _, run := range p.bands {
			top, bh := vy, p.bandHeight(b, run)+air/float64(len(p.bands))
			if p.inner() {
				c.rect(vx, vy, right-vx, p.headHeight(), look.head)
				c.codes(t, p, []band{run}, vx, vy, look)
				top += p.headHeight()
			}
			c.values(b, p, run, vx, top, vy+bh-top)
			c.setStroke(look.hair, 0.12)
			c.columnRules(p, run, vx, vy, bh)
			vy += bh
		}
		c.setStroke(look.hair, 0.12)
		shared := len(b.people) > 1
		py := y
		for i, who := range b.people {
			if i > 0 {
				c.line(x, py, x+p.name, py) // short of the bracket, so that no band seems to belong to one of them
			}
			c.person(t.people[who], p, p.names[who], x, py, p.rows[who])
			py += p.rows[who]
		}
		if shared {
			c.setStroke(look.rule, 0.45)
			c.bracket(vx-0.75, y+0.7, y+h-0.7)
		}
		y += h
		c.setStroke(look.rule, 0.2)
		c.line(x, y, right, y)
	}
}

// bracket says that everything at its left has everything at its right.
func (c *canvas) bracket(x, top, bottom float64) {
	const arm = 0.9
	c.moveTo(x-arm, top)
	c.lineTo(x, top)
	c.lineTo(x, bottom)
	c.lineTo(x-arm, bottom)
	c.op("S")
}

func (c *canvas) columnRules(p *plan, run band, x, y, h float64) {
	for i := run.lo; i < run.hi; i++ {
		c.moveTo(x, y)
		c.lineTo(x, y+h)
		x += p.cols[i]
	}
	c.op("S")
}

func (c *canvas) codes(t *table, p *plan, bands []band, x, y float64, look gridLook) {
	st := style{condBold, p.size}
	for _, run := range bands {
		cx := x
		for i := run.lo; i < run.hi; i++ {
			c.textMid(cx+p.cols[i]/2, y+p.headHeight()/2+p.size*0.125, st, look.headText, t.domains[i])
			cx += p.cols[i]
		}
	}
}

// values prints one block's cells in a strip of height h: circuits first, then values, so that the font changes once.
func (c *canvas) values(b *block, p *plan, run band, x, y, h float64) {
	mid := y + h/2 + p.size*0.125 // baseline that centres capitals and figures
	half := lead(p.size) / 2
	cx := x
	for i := run.lo; i < run.hi; i++ {
		if cell := b.cells[i]; p.stacked && cell.circuits != "" {
			c.textMid(cx+p.cols[i]/2, mid-half, style{cond, p.size}, ink, cell.circuits)
		}
		cx += p.cols[i]
	}
	for i := run.lo; i < run.hi; i++ {
		cell, at, s := b.cells[i], mid, b.cells[i].all
		if p.stacked && cell.circuits != "" {
			at, s = mid+half, cell.value
		}
		c.textMid(x+p.cols[i]/2, at, style{condBold, p.size}, ink, s)
		x += p.cols[i]
	}
}

// person prints one row's names and dates.
func (c *canvas) person(who person, p *plan, lines []nameLine, x, y, h float64) {
	step := lead(p.size)
	n := max(1, len(lines))
	tall := float64(n) * step
	if who.own != "" {
		tall += lead(p.ownSize())
	}
	base := y + (h-tall)/2 + step/2 + p.size*0.125
	c.text(x+p.name+p.padX(), base, style{cond, p.size}, ink, who.birth)
	if lines == nil {
		end := c.text(x+p.padX(), base, style{condBold, p.size}, ink, who.nom)
		c.text(end, base, style{cond, p.size}, ink, " "+who.prenom)
		base += step
	}
	for _, l := range lines {
		c.text(x+p.padX(), base, style{l.face, p.size}, ink, l.s)
		base += step
	}
	if who.own != "" {
		c.text(x+p.padX(), base-(step-lead(p.ownSize()))*0.7, style{cond, p.ownSize()}, quiet, who.own)
	}
}
