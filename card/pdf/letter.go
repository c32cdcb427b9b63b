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
	top, bottom := f.gridTop(), f.y+f.h-5
	sym := box{f.x + f.w - f.margin - letterSymbol, bottom - letterSymbol, letterSymbol, letterSymbol}
	left, width := f.x+f.margin, f.w-2*f.margin-letterSymbol-letterGutter
	t := newTable(cl, r.rep)

	// The table and what explains it share the left column.
	legend := para{spans: domainKey(t, s.Codes, cl.ValidFrom()), color: quiet, gap: 1.3}
	base := para{spans: []span{{false, phraseBase}}, color: quiet}
	values := para{spans: valueKey(cl), color: quiet, gap: 0.5}
	under := append(append([]para{base, values}, noteParas(cl, 1.3)...), legend)
	var shared []furniture
	p, fl, err := r.share(t, under, width, bottom-top-2.2, f.cell)
	if err != nil {
		if p, fl, err = r.share(t, under[:len(under)-1], width, bottom-top-2.2, f.cell); err != nil {
			return nil, fmt.Errorf("%w and %d notes on the letter's card at %d points: issue one card for each person", err, len(cl.Notes), minSize)
		}
		legend.gap = 0
		lf := r.rep.setFlow([]para{legend}, a4Width-2*letterMargin, 9, 7.5)
		if lf == nil {
			return nil, fmt.Errorf("%w for the legend of %d domains", ErrNoRoom, len(t.domains))
		}
		c.drawFlow(lf, letterMargin, f.y-18)
	}
	end := r.drawFront(c, f, width, &s, t, p)
	shared = append(shared, r.shared(c, fl, left, max(end+2.2, min(bottom-fl.height, f.y+cardHeight+1)))...)

	words := []para{
		{spans: []span{{true, phraseNumber + cl.Place.String()}}, color: r.theme.Primary.onWhite(), plus: 3},
		{spans: []span{{false, phraseEdited + edited(cl.IssuedAt)}}, color: quiet},
		{spans: []span{{true, phraseCheck + "."}, {false, " " + phraseOffline}, {true, " " + phraseNoLink}}, color: ink, gap: 1.2},
	}
	words = append(words, phoneParas(s.Insurer, 1.2)...)
	if fl = r.rep.setFlow(words, letterSymbol, sym.y-1.5-top, 8); fl == nil {
		return nil, fmt.Errorf("%w: the insurer's telephone numbers are too long", ErrNoRoom)
	}
	c.drawFlow(fl, sym.x, top)
	c.symbol(s.Symbol, sym.x, sym.y, sym.w)

	r.drawLetter(c, &s)
	key := fmt.Sprintf("letter %t %q %q %q", cl.Responsable, s.Insurer.Name, s.Insurer.PhoneMembers, s.Insurer.PhoneProfessionals)
	still := furniture{key: key, logo: []box{{letterMargin, 14, 47, 16}, f.logoBox()}, draw: func(c *canvas) {
		r.drawLetterStill(c, &s)
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
	for size := 8.0; size >= minSize; size -= 0.5 {
		fl := r.rep.setFlow(under, width, height, size)
		if fl == nil || fl.size != size {
			continue
		}
		var p *plan
		if p, err = t.fit(r.rep, width, height-fl.height, largest); err == nil && (p.size >= size || size == minSize) {
			return p, fl, nil
		}
	}
	if err == nil {
		err = ErrNoRoom
	}
	return nil, nil, err
}

// drawLetter prints what differs in the letter from card to card.
func (r *Run) drawLetter(c *canvas, s *Sheet) {
	cl := &s.Claims
	right := a4Width - letterMargin
	c.textRight(right, 20.5, style{condBold, 10}, r.theme.Primary.onWhite(), phraseNumber+cl.Place.String())
	c.textRight(right, 25.5, style{cond, 9}, quiet, phraseEdited+edited(cl.IssuedAt))
	c.text(letterMargin, 62, style{cond, 12.5}, quiet, "valable du "+cl.ValidFrom().French()+" au "+cl.ValidTo().French())
}

// drawLetterStill prints the letter.
func (r *Run) drawLetterStill(c *canvas, s *Sheet) {
	t := &r.theme
	head := t.Primary.onWhite()
	x, right := letterMargin, a4Width-letterMargin
	c.rect(0, 0, a4Width, 3.2, t.Primary)
	c.rect(0, 3.2, a4Width, 0.7, t.Accent)

	name, soft := s.Insurer.Name, t.Slogan
	nx := x
	if t.logo == nil {
		c.monogram(box{x, 14, 15, 15}, t, name)
		nx += 19
	} else {
		nx += t.logo.within(box{0, 0, 47, 16}).w + 5
	}
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
	y = c.paragraph(x, y+7, right-x, body, ink, "Voici votre carte. Présentez-la avec votre carte Vitale au pharmacien, au laboratoire, à l’hôpital et à tout "+
		"professionnel qui pratique le tiers payant : vous n’avancez pas la part que "+name+" prend en charge, dans les limites que la carte indique. "+
		"Les franchises et les participations forfaitaires restent à votre charge.")

	col := (right - x - 2*7) / 3
	top := y + 6
	c.column(x, top, col, t, "1", "Découpez, pliez, présentez", "Découpez la carte en suivant les pointillés, puis pliez-la en quatre, le code vers l’extérieur. "+
		"Gardez-la à plat, sans agrafe sur le code. Imprimée chez vous, même en noir et blanc, elle a la même valeur.")
	c.column(x+col+7, top, col, t, "2", "Lisez le tableau", "Chaque colonne est un domaine de soins. Les taux sont en % de la base de remboursement, Sécurité sociale "+
		"incluse : 100 % ne veut pas dire que tout est remboursé. PEC : le professionnel demande une prise en charge avant les soins.")
	c.column(x+2*(col+7), top, col, t, "3", "Vos données", "Le code contient exactement ce qui est imprimé sur la carte, rien de plus : ni numéro de Sécurité sociale, ni adresse. "+
		"Qui voit la carte peut le lire : ne la publiez pas. "+phraseNoLink)

	y = top + 46
	c.round(x, y-5, right-x, 8.4, 1.6, t.tint(0.07))
	ask := "Une question, une erreur sur la carte ?"
	at := c.text(x+4, y+0.3, style{condBold, 9.5}, head, ask) + 2.5
	switch {
	case s.Insurer.PhoneMembers != "":
		c.text(at, y+0.3, style{cond, 10}, ink, "Appelez le "+s.Insurer.PhoneMembers+".")
	default:
		c.text(at, y+0.3, style{cond, 10}, ink, "Adressez-vous à votre assureur.")
	}
}

// column is one of the three explanations.
func (c *canvas) column(x, y, w float64, t *Theme, number, title, words string) {
	c.circle(x+2.9, y+1.2, 2.9, t.Primary)
	c.textMid(x+2.9, y+1.2+11*0.125, style{condBold, 11}, t.OnPrimary, number)
	c.text(x+7.6, y+2.7, style{condBold, 11.5}, t.Primary.onWhite(), title)
	c.paragraph(x, y+9, w, style{cond, 9.5}, ink, words)
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
