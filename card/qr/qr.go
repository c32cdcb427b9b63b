// Package qr draws the QR symbols of cards, and is the one door of the QR libraries; it is pure and holds no policy of the card.
//
// Every symbol is ISO/IEC 18004 at error level M. Two paths lead to one: [Encode] draws any text with skip2/go-qrcode and serves
// the single card; a [Printer] draws code texts with the plans of rsc.io/qr/coding and serves a print run, where it costs about a
// fiftieth. A reader gets the same text from both, though the mask and with it the picture may differ.
package qr

import (
	"errors"
	"fmt"

	qrcode "github.com/skip2/go-qrcode"
)

// MaxVersion is the largest symbol made: 97 modules a side. In 30 mm a module would then measure 0.29 mm with its quiet zone,
// which office printers and counter readers no longer carry (FORMATS.md section 2: "refuse to issue above version 20").
const MaxVersion = 20

// Quiet is the light margin, in modules, that a symbol needs on each side (ISO/IEC 18004, 6.3.8).
const Quiet = 4

var (
	// ErrText is the family of a text that cannot be drawn at all.
	ErrText = errors.New("qr: text cannot be drawn")
	// ErrEmpty: there is nothing to draw.
	ErrEmpty = fmt.Errorf("%w: it is empty", ErrText)
	// ErrTooLong: the text needs a symbol above MaxVersion. The caller shortens the card and signs again.
	ErrTooLong = fmt.Errorf("%w: it needs a symbol above version %d; shorten the footnotes, group equal guarantees, or issue one card a person", ErrText, MaxVersion)
	// ErrAlphabet: a Printer takes only 0-9 A-Z space $ % * + - . / and the colon. A code text in lower case was damaged.
	ErrAlphabet = fmt.Errorf("%w: it has a character outside the QR alphanumeric set", ErrText)
)

// Encode draws text, of any characters, in the smallest symbol that skip2/go-qrcode finds for it. It costs milliseconds.
// Errors: ErrEmpty, ErrTooLong.
func Encode(text string) (*Matrix, error) {
	if text == "" {
		return nil, ErrEmpty
	}
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil || q.VersionNumber > MaxVersion {
		return nil, fmt.Errorf("%w (%d bytes)", ErrTooLong, len(text))
	}
	q.DisableBorder = true
	m := newMatrix(q.VersionNumber)
	for y, line := range q.Bitmap() {
		for x, dark := range line {
			if dark {
				m.bits[y*m.Stride()+x/8] |= 0x80 >> (x & 7)
			}
		}
	}
	return m, nil
}
