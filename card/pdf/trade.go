// What a print run adds to its cards for the trade: an address in a window, marks for machines, several cards a sheet.

package pdf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Imposition is how many cards share a sheet of A4.
type Imposition uint8

// Impositions of LayoutCard. Each sheet has two pages: the fronts, then the backs in mirrored columns, for printers that turn
// the sheet over its long edge.
const (
	ImposeNone Imposition = iota // each face on its own page of 85.6 × 54 mm
	Impose2Up                    // two cards side by side
	Impose10Up                   // two columns of five
)

// RunOptions are what a print run adds to its cards. The zero value adds nothing.
type RunOptions struct {
	Window Window     // LayoutA4: each letter shows its address there
	Marks  bool       // marks for inserting machines on letters, and the readable sequence on letters and beside imposed cards
	Total  int64      // of the readable sequence: 000123/100000; 0 leaves the total out
	Sheet  Imposition // LayoutCard: cards on A4 with crop marks
}

// check refuses options that the layout cannot have.
func (o RunOptions) check(l Layout) error {
	switch {
	case l > LayoutCard:
		return fmt.Errorf("%w: unknown layout %d", ErrSheet, l)
	case o.Window > WindowC5 || o.Sheet > Impose10Up:
		return fmt.Errorf("%w: unknown window %d or imposition %d", ErrSheet, o.Window, o.Sheet)
	case o.Window != WindowNone && l != LayoutA4:
		return fmt.Errorf("%w: an address window needs the letter", ErrSheet)
	case o.Sheet != ImposeNone && l != LayoutCard:
		return fmt.Errorf("%w: several cards a sheet need the card's layout", ErrSheet)
	case o.Marks && l == LayoutCard && o.Sheet == ImposeNone:
		return fmt.Errorf("%w: a page of 85.6 × 54 mm has no room for marks: take a sheet of several cards, or the letter", ErrSheet)
	case o.Total < 0:
		return fmt.Errorf("%w: a total of %d cards", ErrSheet, o.Total)
	}
	return nil
}

// Bounds of an address block (NF Z 10-011): lines, and characters in each.
const (
	MaxAddressLines = 6
	MaxAddressLine  = 38
)

// checkTrade refuses a sheet that lacks what the options print of it. It names the sheet by its sequence number only.
func (s *Sheet) checkTrade(o RunOptions) error {
	switch {
	case s.Sequence < 0 || o.Total > 0 && s.Sequence > o.Total:
		return fmt.Errorf("%w: sequence number %d of %d", ErrSheet, s.Sequence, o.Total)
	case o.Marks && s.Sequence == 0:
		return fmt.Errorf("%w: marks need a sequence number", ErrSheet)
	case o.Window == WindowNone:
		return nil
	case len(s.Address) == 0:
		return fmt.Errorf("%w: sheet %d has no address for the window", ErrSheet, s.Sequence)
	case len(s.Address) > MaxAddressLines:
		return fmt.Errorf("%w: sheet %d has an address of %d lines, at most %d", ErrSheet, s.Sequence, len(s.Address), MaxAddressLines)
	}
	for i, l := range s.Address {
		if n := utf8.RuneCountInString(l); n > MaxAddressLine || strings.TrimSpace(l) == "" {
			return fmt.Errorf("%w: sheet %d: line %d of the address has %d characters, 1 to %d", ErrSheet, s.Sequence, i+1, n, MaxAddressLine)
		}
	}
	return nil
}

// sequence is the readable number of a sheet in its run: 000123/100000.
func (o RunOptions) sequence(n int64) string {
	if o.Total == 0 {
		return o.digits(n)
	}
	return o.digits(n) + "/" + o.digits(o.Total)
}

// digits writes n as long as the numbers of the whole run.
func (o RunOptions) digits(n int64) string {
	return fmt.Sprintf("%0*d", max(6, len(strconv.FormatInt(o.Total, 10))), n)
}
