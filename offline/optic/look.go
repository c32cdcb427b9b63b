// Looking for codes: every page once, then again with more points or other attempts where nothing was seen.

package optic

import (
	"context"
	"strings"
	"time"

	"sceau/card"
)

// sight is one reading under way.
type sight struct {
	answer *answerer
	start  time.Time
	until  time.Time // no new attempt begins after
	page   int       // at hand, from 0
	seen   int       // cards' codes found in the page at hand
	cards  int       // in all pages
}

func (v *sight) over() bool { return time.Now().After(v.until) }

// take keeps texts.
func (v *sight) take(texts []string) {
	for _, t := range texts {
		v.answer.add(v.page, t)
		if strings.HasPrefix(t, card.Prefix[:2]) { // of any version: the same code on two pages counts on both
			v.seen++
			v.cards++
		}
	}
}

// look reads one file of any kind.
func (s *sandbox) look(ctx context.Context, file []byte, v *sight) error {
	switch kind(file) {
	case "pdf":
		return s.lookPDF(ctx, file, v)
	case "":
		return ErrFormat
	}
	g, err := decode(file)
	if err != nil {
		return err
	}
	forget() // the decoded picture is no longer needed, and the reader needs room
	v.answer.look(1)
	if g.blank() {
		return ErrNothing
	}
	s.glance(ctx, g, v)
	v.answer.wholeLook()
	if v.seen == 0 {
		s.stare(ctx, g, v)
	}
	return nil
}

// lookPDF draws every page at 150 dpi, then at 300 those where no card was seen, and at last tries everything.
func (s *sandbox) lookPDF(ctx context.Context, file []byte, v *sight) error {
	pages, err := s.pdf.open(ctx, file)
	if err != nil {
		return err
	}
	n := min(pages, MaxPages)
	done := make([]bool, n)
	var broken error
	drawn := 0
	for round, dpi := range []float64{150, 300, 300} {
		if v.cards > 0 && round > 0 {
			// Most pages without a card simply have none: some time for them, not all of it.
			v.until = v.start.Add(v.until.Sub(v.start) / 3)
			if round > 1 {
				break
			}
		}
		for i := range n {
			if done[i] {
				continue
			}
			if v.over() {
				return ErrTimeout // unless every page was looked at once
			}
			v.page, v.seen = i, 0
			if round == 0 {
				v.answer.look(pages)
			}
			g, err := s.pdf.drawPage(ctx, i, dpi)
			if err != nil {
				broken = err
				continue
			}
			drawn++
			if g.blank() {
				done[i] = true
				continue
			}
			s.glance(ctx, g, v)
			if round == 2 && v.seen == 0 {
				s.stare(ctx, g, v)
			}
			done[i] = v.seen > 0
		}
		if drawn == 0 {
			return broken
		}
		v.answer.wholeLook()
	}
	return nil
}

// glance is what finds almost every code.
func (s *sandbox) glance(ctx context.Context, g *grey, v *sight) {
	g.stretch()
	v.take(s.qr.read(ctx, g, true, false))
	if v.seen == 0 && !v.over() {
		v.take(s.qr.read(ctx, g, false, false))
	}
}

// stare is for the rest: other sizes against noise, blur and small modules, then each region by its own contrast, other angles,
// and pieces of the picture. It ends with the first card, or with the time.
func (s *sandbox) stare(ctx context.Context, g *grey, v *sight) {
	attempts := []func(yield func(*grey) bool){
		one(g.half), one(g.smooth), one(g.double), one(g.flatten),
		one(func() *grey { return g.half().flatten() }),
		one(func() *grey { return g.turned(45) }), one(func() *grey { return g.turned(22) }), one(func() *grey { return g.turned(67) }),
		g.pieces,
	}
	for _, attempt := range attempts {
		for h := range attempt {
			if v.over() || v.seen > 0 {
				return
			}
			if h != nil && h.w >= minSide && h.h >= minSide {
				v.take(s.qr.read(ctx, h, false, false))
			}
		}
	}
}

func one(f func() *grey) func(func(*grey) bool) { return func(yield func(*grey) bool) { yield(f()) } }
