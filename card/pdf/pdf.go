// Package pdf prints cards: the A4 letter with the card to cut out, and the 85.6 × 54 mm card of two faces. It is pure:
// claims, a symbol and a theme come in, bytes go out, and the same input gives the same bytes.
//
// A print run is one document of up to 5,000 cards. For the trade it adds what RunOptions ask for: the address in the window
// of an envelope (window.go has the measures), marks by which an inserting machine tells letters apart (marks.go has their
// meaning and measures), a readable sequence number, and sheets of two or ten small cards with crop marks.
//
// A document holds no link, script, attachment or form, and no person's name outside its pages.
package pdf

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"sceau/card"
	"sceau/card/qr"
	"sceau/rights"
)

// Families of refusals. Nothing is written when one is returned.
var (
	// ErrGlyph: a text holds a character that the embedded faces lack. The error names the character and nothing else.
	ErrGlyph = errors.New("pdf: no glyph")
	// ErrNoRoom: the card cannot be printed legibly in this layout. Issue one card for each person, or the other layout.
	ErrNoRoom = errors.New("pdf: no room")
	// ErrSheet: the sheet is incomplete or contradicts itself.
	ErrSheet = errors.New("pdf: sheet")
)

// Layout is a form of the printed card.
type Layout uint8

const (
	LayoutA4   Layout = iota // a letter of one page, with the card to cut out and fold
	LayoutCard               // two pages of 85.6 × 54 mm
)

// String returns "a4" or "card".
func (l Layout) String() string {
	if l == LayoutA4 {
		return "a4"
	}
	return "card"
}

// minSize is the smallest type on any card, in points.
const minSize = 5

// Sheet is what one card says and shows. The first four are required.
type Sheet struct {
	Claims  card.Claims
	Symbol  *qr.Matrix
	Insurer *card.Insurer
	Codes   *rights.Codes

	Address  []string // where the letter goes, as printed: 1 to 6 lines of at most 38 characters; shown only in a window
	Sequence int64    // the sheet's number in its run, from 1; 0 for none
}

// A4 writes the letter of one card.
func A4(w io.Writer, s Sheet, t *Theme) error { return single(w, LayoutA4, s, t) }

// Card writes the two faces of one card.
func Card(w io.Writer, s Sheet, t *Theme) error { return single(w, LayoutCard, s, t) }

func single(w io.Writer, l Layout, s Sheet, t *Theme) error {
	r, err := NewRun(l, t)
	if err != nil {
		return err
	}
	if err := r.Add(s); err != nil {
		return err
	}
	_, err = r.WriteTo(w)
	return err
}

// check refuses a sheet that would print something other than a whole card.
func (s Sheet) check() error {
	switch {
	case s.Symbol == nil || s.Insurer == nil || s.Codes == nil:
		return fmt.Errorf("%w: symbol, insurer and codes are required", ErrSheet)
	case s.Symbol.Size() < minModules:
		return fmt.Errorf("%w: a symbol of %d modules would be printed under %.0f mm; a card's has %d or more", ErrSheet, s.Symbol.Size(), minSymbol, minModules)
	case s.Claims.Issuer.Key() != s.Insurer.AMC.Key():
		return fmt.Errorf("%w: the card is not of this insurer", ErrSheet)
	case strings.TrimSpace(s.Insurer.Name) == "":
		return fmt.Errorf("%w: the insurer has no name", ErrSheet)
	case len(s.Claims.People) == 0:
		return fmt.Errorf("%w: nobody is on the card", ErrSheet)
	}
	for _, g := range s.Claims.Guarantees {
		for _, p := range g.People {
			if p < 0 || p >= len(s.Claims.People) {
				return fmt.Errorf("%w: a guarantee names person %d of %d", ErrSheet, p+1, len(s.Claims.People))
			}
		}
		for _, v := range g.Values {
			if v.Value.Note > len(s.Claims.Notes) {
				return fmt.Errorf("%w: a guarantee of %s refers to note %d of %d", ErrSheet, v.Domain, v.Value.Note, len(s.Claims.Notes))
			}
		}
	}
	return nil
}
