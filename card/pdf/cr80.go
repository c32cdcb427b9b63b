// The card of 85.6 × 54 mm: guarantees on the first face, code and small print on the second.

package pdf

import (
	"fmt"
	"time"

	"sceau/rights"
)

var cr80 = front{box: box{0, 0, cardWidth, cardHeight}, margin: 3, band: 9, label: 5, valid: 8.4, name: 9, value: 8.2, block: 6.8, cell: 7.5, gap: 1.1}

const (
	backPanel  = 42.0 // width of the coloured side of the second face
	backSymbol = 37.0 // white square of the code, quiet zone included
)

// faceCard lays out both faces on r.faces and returns what lies under them.
func (r *Run) faceCard(s Sheet) ([][]furniture, error) {
	f, cl := cr80, &s.Claims
	t := r.table(cl)
	width := f.w - 2*f.margin
	p, err := t.fit(width, f.h-4-f.gridTop(), f.cell)
	if err != nil {
		return nil, fmt.Errorf("%w on one face of 85.6 × 54 mm at %d points: issue one card for each person, or the letter", err, minSize)
	}
	c := r.faces[0]
	end := r.drawFront(c, f, width, &s, t, p)
	// The key of the domains goes under the table when it has room there, else on the second face.
	key := para{spans: r.legend(t, s.Codes, cl.ValidFrom()), color: quiet}
	var keys []para
	var under []furniture
	if fl := r.prose([]para{key}).fit(width, f.h-4.2-end-1, 6); fl != nil {
		under = r.shared(c, fl, f.margin, end+1)
	} else {
		keys = append(keys, key)
	}
	c.textRight(f.w-f.margin, f.h-1.7, style{condBold, 6}, ink, phraseNumber+cl.Place.String())

	small, err := r.drawBack(r.faces[1], &s, t, keys)
	if err != nil {
		return nil, err
	}
	insurer := s.Insurer.Name
	still := furniture{key: r.stillKey(&s), logo: []box{f.logoBox()}, draw: func(c *canvas) {
		c.rect(0, 0, f.w, f.h, white)
		r.drawFrontStill(c, f, insurer, cl.Responsable)
		c.text(f.margin, f.h-1.7, style{cond, 5.25}, quiet, phraseBase)
	}}
	return [][]furniture{append([]furniture{still}, under...), append([]furniture{{key: "back", draw: r.drawBackStill}}, small...)}, nil
}

func (r *Run) drawBackStill(c *canvas) {
	t := &r.theme
	c.rect(0, 0, cardWidth, cardHeight, white)
	c.save()
	c.rectPath(0, 0, backPanel, cardHeight)
	c.op("W n")
	c.band(box{0, 0, backPanel, cardHeight}, cardHeight, t)
	c.restore()
	c.rect(backPanel, 0, 0.55, cardHeight, t.Accent)
	c.round((backPanel-backSymbol-1.6)/2, 2.6, backSymbol+1.6, backSymbol+1.6, 1.6, white)
	mid := backPanel / 2
	c.textMid(mid, 45.2, style{condBold, 8.5}, t.OnPrimary, phraseCheck)
	y := 48.4
	for _, l := range c.rep.wrap(style{cond, 5.75}, phraseOffline, backPanel-5) {
		c.textMid(mid, y, style{cond, 5.75}, t.OnPrimary, l)
		y += lead(5.75)
	}
}

// drawBack prints a card's own part of the second face: its code, its number, what it must say, and of the keys as much as
// has room.
func (r *Run) drawBack(c *canvas, s *Sheet, t *table, keys []para) ([]furniture, error) {
	cl := &s.Claims
	c.symbol(s.Symbol, (backPanel-backSymbol)/2, 3.4, backSymbol)
	x := backPanel + 0.55 + 3
	width, top, bottom := cardWidth-3-x, 3.4, cardHeight-2.4

	head := r.theme.Primary.onWhite()
	c.text(x, top+2.9, style{condBold, 9}, head, phraseNumber+cl.Place.String())
	c.text(x, top+5.7, style{cond, 5.5}, quiet, phraseEdited+edited(cl.IssuedAt))
	top += 7.4

	const gap = 1.1
	need := noteParas(cl, gap)
	need = append(need, para{spans: []span{{true, s.Insurer.Name}}, color: ink, gap: gap})
	need = append(need, r.phones(s.Insurer, gap*0.3)...)
	need = append(need, para{spans: []span{{true, phraseNoLink}, {false, " " + phraseHolds}}, color: ink, gap: gap})
	values := para{spans: r.signs(cl, t), color: quiet, gap: gap}
	for i := range keys {
		keys[i].gap = gap
	}
	for _, optional := range [][]para{append([]para{values}, keys...), {values}, nil} {
		if fl := r.prose(append(need[:len(need):len(need)], optional...)).fit(width, bottom-top, 7); fl != nil {
			return r.shared(c, fl, x, top), nil
		}
	}
	return nil, fmt.Errorf("%w: the %d notes are too long for the second face at %d points: shorten them, or take the letter",
		ErrNoRoom, len(cl.Notes), minSize)
}

// edited is the day of issue as printed.
func edited(iat int64) string { return rights.DateAt(time.Unix(iat, 0)).French() }
