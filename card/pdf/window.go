// The letter for window envelopes: the address where the window shows it, nothing else there, the card away from the code's
// folds.

package pdf

import "fmt"

// Window is the envelope in whose window a letter shows its address.
type Window uint8

// Windows of the French trade, each 100 mm wide and 20 mm from the right edge of the envelope. La Poste's machines read the
// address in them; envelopes are sold with either height.
//
// Where a window is on the letter depends on how the letter slides in the envelope. What any position may show holds nothing
// but the address, and the address is inside what every position shows:
//
//   - WindowDL: envelope of 110 × 220 mm, window of 35 or 45 mm, 20 mm from the bottom; the letter, folded in three at 99 and
//     198 mm, slides 11 mm down and 10 mm across. It may show 90 to 200 mm from the left and 34 to 90 mm from the top; it
//     shows 100 to 190 and 55 to 79 always, under the lower of the two windows.
//   - WindowC5: envelope of 162 × 229 mm, window of 45 mm, 60 mm from the bottom; the letter, folded in half at 148.5 mm,
//     slides 13.5 mm down and 19 mm across. It may show 90 to 209 mm and 43.5 to 102 mm; it shows 109 to 190 and 57 to 88.5
//     always.
//
// Both agree with the frame that mailing houses ask for on A4: 85 × 33 mm, 110 mm from the left and 55 mm from the top.
const (
	WindowNone Window = iota // no address
	WindowDL
	WindowC5
)

// String returns "none", "dl" or "c5".
func (w Window) String() string {
	if int(w) >= len(windows) {
		return fmt.Sprintf("window %d", w)
	}
	return [...]string{"none", "dl", "c5"}[w]
}

// windowPlace is how a letter is arranged for a window, mm from the top left corner.
type windowPlace struct {
	seen  box       // what the window may show
	sight box       // what it always shows
	folds []float64 // from the top
	base  float64   // of the address's first line
	last  float64   // of its last one, at most

	title, body, columns, legend float64
	card                         float64 // top of the card
}

var windows = [...]windowPlace{
	WindowNone: {legend: sheetCard.y - 18, card: sheetCard.y},
	// The letter's second fold is the card's own: 54 mm below its top.
	WindowDL: {seen: box{90, 34, 110, 56}, sight: box{100, 55, 90, 24}, folds: []float64{99, 198}, base: 58.6, last: 78.2,
		title: 45, body: 98, columns: 257, legend: 129, card: 198 - cardHeight},
	WindowC5: {seen: box{90, 43.5, 119, 58.5}, sight: box{109, 57, 81, 31.5}, folds: []float64{148.5}, base: 62, last: 84,
		title: 51, body: 105.4, columns: 129, legend: 161, card: sheetCard.y},
}

// addressInset keeps the address from the sides of what the window always shows.
const addressInset = 2.0

// addressStyles are tried for the widest line of an address. La Poste reads 9 to 12 points best; a narrow face at 9 takes 38
// letters of almost any kind, and smaller type is for those that are all M and W.
var addressStyles = []style{{text, 10}, {text, 9.5}, {text, 9}, {cond, 10}, {cond, 9.5}, {cond, 9}, {cond, 8.5}, {cond, 8}, {cond, 7.5}, {cond, 7}}

// drawAddress prints the address of a letter.
func (r *Run) drawAddress(c *canvas, s *Sheet) error {
	w := &windows[r.set.Window]
	room := w.sight.w - 2*addressInset
	for _, st := range addressStyles {
		wide := 0.0
		for _, l := range s.Address {
			wide = max(wide, c.width(st, l))
		}
		if wide > room {
			continue
		}
		pitch := min(4.4, (w.last-w.base)/float64(max(1, len(s.Address)-1)))
		for i, l := range s.Address {
			c.text(w.sight.x+addressInset, w.base+float64(i)*pitch, st, black, l)
		}
		return nil
	}
	return fmt.Errorf("%w: the address of sheet %d is too wide for the window", ErrNoRoom, s.Sequence)
}

// windowColumn is the room at the left of the window.
const windowColumn = 66.0

// drawWindowStill prints the letter around its window.
func (r *Run) drawWindowStill(c *canvas, s *Sheet) {
	t, w := &r.theme, &windows[r.set.Window]
	head := t.Primary.onWhite()
	x, right := letterMargin, a4Width-letterMargin
	r.drawWindowHead(c, s.Insurer.Name, w.seen.y-1.5)

	c.text(x, w.title, style{condBold, 21}, head, "Votre carte")
	c.text(x, w.title+8.6, style{condBold, 21}, head, "de tiers payant")
	c.rect(x, w.title+19.4, 14, 0.9, t.Accent)
	y := w.title + 28
	c.text(x, y, style{condBold, 9.5}, head, "Une question, une erreur sur la carte\u00a0?")
	c.paragraph(x, y+5, windowColumn, style{cond, 10}, ink, askWhom(s.Insurer.PhoneMembers))

	body := style{cond, 10.5}
	c.text(x, w.body, body, ink, "Madame, Monsieur,")
	end := c.paragraph(x, w.body+6, right-x, body, ink, letterWords(s.Insurer.Name))
	r.drawColumns(c, max(w.columns, end+2), 8.5)

	c.setStroke(cutGrey, 0.2)
	for _, f := range w.folds {
		c.line(a4Width-8, f, a4Width-4.5, f)
	}
}

// drawWindowHead prints the sender above what the window may show.
func (r *Run) drawWindowHead(c *canvas, name string, bottom float64) {
	const top = 12.5
	t := &r.theme
	nx := r.drawSender(c, top, name)
	avail := a4Width - letterMargin - 45 - nx
	slogan := style{cond, 9.5}
	soft := c.rep.wrap(slogan, t.Slogan, avail)
	for size := 17.0; ; size -= 0.5 {
		st := style{condBold, size}
		lines := c.rep.wrap(st, name, avail)
		tall := float64(len(lines))*lead(size) + float64(len(soft))*lead(slogan.size)
		if tall > bottom-top && size > 9 {
			continue
		}
		if tall > bottom-top {
			soft = nil
		}
		y := top + max(0, (15-tall)/2) + lead(size)*0.78
		for _, l := range lines {
			c.text(nx, y, st, t.Primary.onWhite(), l)
			y += lead(size)
		}
		for i, l := range soft {
			c.text(nx, y-lead(size)*0.78+lead(slogan.size)*(0.85+float64(i)), slogan, quiet, l)
		}
		return
	}
}
