// The A4 letter: what to do, what the code holds, whom to call, and below it the card to cut out and fold in four.

package pdf

import (
	"fmt"
)

// The card of the letter is 2 × 2 times the small one: open it is read at ease, folded it fits a wallet.
var sheetCard = front{
	box:    box{(a4Width - 2*cardWidth) / 2, a4Height - 2*cardHeight - 13, 2 * cardWidth, 2 * cardHeight},
	margin: 5, band: 13.5, label: 7, valid: 13.5, name: 13.5, value: 12, block: 10.2, cell: 9.5, gap: 1.9,
}

const (
	letterMargin = 20.0
	letterSymbol = 43.0 // white square of the code, quiet zone included: a symbol of 35 mm or more
	letterGutter = 4.5  // between the table and the column of the code
)

// letter lays out the page on r.faces[0] and returns what lies under it.
func (r *Run) letter(s Sheet) ([][]furniture, error) {
	f, cl, c := sheetCard, &s.Claims, r.faces[0]
	f.y = windows[r.set.Window].card
	top, bottom := f.gridTop(), f.y+f.h-5
	sym := box{f.x + f.w - f.margin - letterSymbol, bottom - letterSymbol, letterSymbol, letterSymbol}
	left, width := f.x+f.margin, f.w-2*f.margin-letterSymbol-letterGutter
	t := r.table(cl)

	// The table and what explains it share the left column.
	legend := para{spans: r.legend(t, s.Codes, cl.ValidFrom()), color: quiet, gap: 1.3}
	base := para{spans: []span{{false, phraseBase}}, color: quiet}
	values := para{spans: r.signs(cl, t), color: quiet, gap: 0.5}
	under := append(append([]para{base, values}, noteParas(cl, 1.3)...), legend)
	var shared []furniture
	p, fl, err := r.share(t, under, width, bottom-top-2.2, f.cell)
	if err != nil {
		if p, fl, err = r.share(t, under[:len(under)-1], width, bottom-top-2.2, f.cell); err != nil {
			return nil, fmt.Errorf("%w and %d notes on the letter's card at %d points: issue one card for each person", err, len(cl.Notes), minSize)
		}
		legend.gap = 0
		lf := r.prose([]para{legend}).fit(a4Width-2*letterMargin, 9, 7.5)
		if lf == nil {
			return nil, fmt.Errorf("%w for the legend of %d domains", ErrNoRoom, len(t.domains))
		}
		c.drawFlow(lf, letterMargin, windows[r.set.Window].legend)
	}
	end := r.drawFront(c, f, width, &s, t, p)
	shared = append(shared, r.shared(c, fl, left, max(end+2.2, min(bottom-fl.height, f.y+cardHeight+1)))...)

	aside, err := r.drawAside(c, &s, sym.x, top, sym.y-1.5-top)
	if err != nil {
		return nil, err
	}
	shared = append(shared, aside...)
	c.symbol(s.Symbol, sym.x, sym.y, sym.w)

	r.drawLetter(c, &s)
	logo := box{letterMargin, 14, 47, 16}
	if r.set.Window != WindowNone {
		logo.y = 12.5
		if err := r.drawAddress(c, &s); err != nil {
			return nil, err
		}
	}
	if r.set.Marks {
		r.drawMarks(c, s.Sequence)
	}
	still := furniture{key: r.stillKey(&s), logo: []box{logo, f.logoBox()}, draw: func(c *canvas) {
		c.rect(0, 0, a4Width, 3.2, r.theme.Primary)
		c.rect(0, 3.2, a4Width, 0.7, r.theme.Accent)
		if r.set.Window != WindowNone {
			r.drawWindowStill(c, &s)
		} else {
			r.drawLetterStill(c, &s)
		}
		r.drawCut(c, f)
		r.drawFrontStill(c, f, s.Insurer.Name, cl.Responsable)
		r.drawCutLine(c, f)
		c.roundFrame(sym.x-0.7, sym.y-0.7, sym.w+1.4, sym.h+1.4, 1.8, r.theme.Primary.mix(white, 0.35), 0.4)
	}}
	return [][]furniture{append([]furniture{still}, shared...)}, nil
}

// share divides a column between the table and the small print under it, so that neither starves the other.
func (r *Run) share(t *table, under []para, width, height, largest float64) (*plan, *flow, error) {
	var err error
	small := r.prose(under)
	for size := 8.0; size >= minSize; size -= 0.5 {
		tall := small.at(width, size).height
		if tall > height {
			continue
		}
		var p *plan
		if p, err = t.fit(width, height-tall, largest); err == nil && (p.size >= size || size == minSize) {
			return p, small.set(width, size), nil
		}
	}
	if err == nil {
		err = ErrNoRoom
	}
	return nil, nil, err
}

// drawAside prints the column over the code: what is the card's own, and what many cards say.
func (r *Run) drawAside(c *canvas, s *Sheet, x, top, height float64) ([]furniture, error) {
	const gap = 1.2
	own := r.rep.newProse([]para{
		{spans: []span{{true, phraseNumber + s.Claims.Place.String()}}, color: r.theme.Primary.onWhite(), plus: 3},
		{spans: []span{{false, phraseEdited + edited(s.Claims.IssuedAt)}}, color: quiet},
	})
	check := []para{{spans: []span{{true, phraseCheck + "."}, {false, " " + phraseOffline}, {true, " " + phraseNoLink}}, color: ink}}
	rest := r.prose(append(check, r.phones(s.Insurer, gap)...))
	for size := 8.0; size >= minSize; size -= 0.25 {
		if own.at(letterSymbol, size).height+gap+rest.at(letterSymbol, size).height <= height {
			end := c.drawFlow(own.set(letterSymbol, size), x, top)
			return r.shared(c, rest.set(letterSymbol, size), x, end+gap), nil
		}
	}
	return nil, fmt.Errorf("%w: the insurer's telephone numbers are too long", ErrNoRoom)
}

// drawLetter prints what differs in the letter from card to card.
func (r *Run) drawLetter(c *canvas, s *Sheet) {
	cl := &s.Claims
	right := a4Width - letterMargin
	c.textRight(right, 20.5, style{condBold, 10}, r.theme.Primary.onWhite(), phraseNumber+cl.Place.String())
	c.textRight(right, 25.5, style{cond, 9}, quiet, phraseEdited+edited(cl.IssuedAt))
	valid := "valable du " + cl.ValidFrom().French() + " au " + cl.ValidTo().French()
	if r.set.Window != WindowNone {
		c.text(letterMargin, windows[r.set.Window].title+15.6, style{cond, 11.5}, quiet, valid)
		return
	}
	c.text(letterMargin, 62, style{cond, 12.5}, quiet, valid)
}

// drawSender prints the insurer's mark, unless it has a logo, and returns where its name goes.
func (r *Run) drawSender(c *canvas, top float64, name string) float64 {
	if t := &r.theme; t.logo != nil {
		return letterMargin + t.logo.within(box{0, 0, 47, 16}).w + 5
	}
	c.monogram(box{letterMargin, top, 15, 15}, &r.theme, name)
	return letterMargin + 19
}

// drawLetterStill prints the letter.
func (r *Run) drawLetterStill(c *canvas, s *Sheet) {
	t := &r.theme
	head := t.Primary.onWhite()
	x, right := letterMargin, a4Width-letterMargin

	name, soft := s.Insurer.Name, t.Slogan
	nx := r.drawSender(c, 14, name)
	st := style{condBold, 17}
	avail := right - 45 - nx
	for c.width(st, name) > avail && st.size > 11 {
		st.size -= 0.5
	}
	y := 23.5
	lines := c.rep.wrap(st, name, avail)
	if n := len(lines); n > 1 || soft != "" {
		y -= lead(st.size) * 0.35 * float64(n)
	}
	for _, l := range lines {
		c.text(nx, y, st, head, l)
		y += lead(st.size)
	}
	c.paragraph(nx, y-1, avail, style{cond, 10}, quiet, soft)

	c.text(x, 55, style{condBold, 22}, head, "Votre carte de tiers payant")
	c.rect(x, 66.8, 14, 0.9, t.Accent)

	body := style{cond, 11}
	y = 76.5
	c.text(x, y, body, ink, "Madame, Monsieur,")
	y = c.paragraph(x, y+7, right-x, body, ink, letterWords(name)) + 6
	r.drawColumns(c, y, 9.5)

	y += 46
	c.round(x, y-5, right-x, 8.4, 1.6, t.tint(0.07))
	ask := "Une question, une erreur sur la carte\u00a0?"
	at := c.text(x+4, y+0.3, style{condBold, 9.5}, head, ask) + 2.5
	c.text(at, y+0.3, style{cond, 10}, ink, askWhom(s.Insurer.PhoneMembers))
}

// letterWords is what the letter says.
func letterWords(insurer string) string {
	return "Voici votre carte. Présentez-la avec votre carte Vitale au pharmacien, au laboratoire, à l’hôpital et à tout " +
		"professionnel qui pratique le tiers payant\u00a0: vous n’avancez pas la part que " + insurer + " prend en charge, dans les limites que la carte indique. " +
		"Les franchises et les participations forfaitaires restent à votre charge."
}

func askWhom(phone string) string {
	if phone == "" {
		return "Adressez-vous à votre assureur."
	}
	return "Appelez le " + whole(phone) + "."
}

// drawColumns prints the three explanations.
func (r *Run) drawColumns(c *canvas, top, size float64) {
	t, x := &r.theme, letterMargin
	col := (a4Width - 2*letterMargin - 2*7) / 3
	c.column(x, top, col, size, t, "1", "Découpez, pliez, présentez", "Découpez la carte en suivant les pointillés, puis pliez-la en quatre, le code vers l’extérieur. "+
		"Gardez-la à plat, sans agrafe sur le code. Imprimée chez vous, même en noir et blanc, elle a la même valeur.")
	c.column(x+col+7, top, col, size, t, "2", "Lisez le tableau", "Chaque colonne est un domaine de soins. Les taux sont en\u00a0% de la base de remboursement, Sécurité sociale "+
		"incluse\u00a0: 100\u00a0% ne veut pas dire que tout est remboursé. PEC\u00a0: le professionnel demande une prise en charge avant les soins.")
	c.column(x+2*(col+7), top, col, size, t, "3", "Vos données", "Le code contient exactement ce qui est imprimé sur la carte, rien de plus\u00a0: ni numéro de Sécurité sociale, ni adresse. "+
		"Qui voit la carte peut le lire\u00a0: ne la publiez pas. "+phraseNoLink)
}

// column is one of the three explanations.
func (c *canvas) column(x, y, w, size float64, t *Theme, number, title, words string) {
	c.circle(x+2.9, y+1.2, 2.9, t.Primary)
	c.textMid(x+2.9, y+1.2+11*0.125, style{condBold, 11}, t.OnPrimary, number)
	c.text(x+7.6, y+2.7, style{condBold, size + 2}, t.Primary.onWhite(), title)
	c.paragraph(x, y+9, w, style{cond, size}, ink, words)
}

// drawCut prints the folds and the scissors around the card.
func (r *Run) drawCut(c *canvas, f front) {
	c.rect(f.x, f.y, f.w, f.h, white)
	c.scissors(f.x+0.5, f.y-3, cutGrey)
	c.text(f.x+7.4, f.y-2.1, style{cond, 7.5}, cutGrey, "Découpez en suivant les pointillés, pliez en quatre")

	mx, my := f.x+f.w/2, f.y+f.h/2
	c.setStroke(cutGrey, 0.2)
	for _, l := range [][4]float64{{mx, f.y - 3.2, mx, f.y - 0.8}, {mx, f.y + f.h + 0.8, mx, f.y + f.h + 3.2},
		{f.x - 3.2, my, f.x - 0.8, my}, {f.x + f.w + 0.8, my, f.x + f.w + 3.2, my}} {
		c.line(l[0], l[1], l[2], l[3])
	}
	st := style{cond, 6}
	c.textMid(mx, f.y-4, st, cutGrey, "pli")
	c.text(f.x+f.w+4, my+0.7, st, cutGrey, "pli")
	c.dash(0.4, 0.8) // inside, only the margins show where to fold: a line would cross the values
	c.line(f.x+0.6, my, f.x+f.margin-1, my)
	c.line(f.x+f.w-f.margin+1, my, f.x+f.w-0.6, my)
	c.line(mx, f.y+f.h-f.margin+1, mx, f.y+f.h-0.6)
	c.dash(0, 0)
}

var cutGrey = Color{0x6b, 0x77, 0x80}

// drawCutLine prints the line to cut along, over the band.
func (r *Run) drawCutLine(c *canvas, f front) {
	c.setStroke(cutGrey, 0.25)
	c.dash(1.6, 1.1)
	c.rectPath(f.x, f.y, f.w, f.h)
	c.op("S")
	c.dash(0, 0)
}
