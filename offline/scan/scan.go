// Package scan turns what a keyboard-wedge scanner typed back into the text that the code holds.
//
// Such a scanner plays a keyboard. When it and the computer disagree on the layout, or Caps Lock is on, other characters arrive. They lead back to
// keys, the keys to symbols, and the code's own checksum says whether the result is what was printed. A scan that cannot be repaired is a bad scan:
// this package never says more, least of all that a card is forged; only a signature can.
//
// The package is pure: no file, no network, no clock.
package scan

import (
	"errors"
	"strings"
)

var (
	// ErrEmpty: nothing was typed but blanks.
	ErrEmpty = errors.New("scan: nothing there")
	// ErrIncomplete: the beginning, or a long part, of a card's code is there, but it did not arrive whole. Scan again.
	ErrIncomplete = errors.New("scan: incomplete")
	// ErrNotCode: nothing that looks like a card's code in any known keyboard layout. Scan the card's code; check the scanner's settings.
	ErrNotCode = errors.New("scan: not a card's code")
	// ErrMerged: several different codes in one text. Split takes them apart.
	ErrMerged = errors.New("scan: several codes in one")
)

// Repair says what was undone. The zero value means nothing: the text arrived as it was printed.
type Repair struct {
	Layout   string // "QWERTY sur AZERTY (France, Windows ou Linux)": the scanner's layout, then the computer's; "" when they agree
	Scanner  string // the scanner's layout alone, "" when they agree
	Host     string // the computer's
	CapsLock bool   // letters arrived in lower case, or digits with Shift turned round: Caps Lock, or a program that changes case
	Around   bool   // characters before, after or between the symbols were dropped: scanner prefixes and suffixes, blanks
	Repeated bool   // the same code came twice in one text
	Keys     bool   // read from the physical keys, because the characters led nowhere: the computer's layout is not one that is known here
	Learnt   bool   // read by the map that one calibration scan taught
	Joined   bool   // put together from bursts that were incomplete each (Joiner)
}

// Undo returns the code text that was printed, from what one scan typed. A bare compact JWS comes back as it is, blanks around it dropped.
// The text carries the prefix and the checksum of a code text; that it is a card is card.Parse's business. Errors: ErrEmpty, ErrIncomplete,
// ErrNotCode, ErrMerged; none of them says anything about the card.
func Undo(typed string) (text string, how Repair, err error) {
	if verbatim(typed) {
		return typed, Repair{}, nil
	}
	pieces, err := read(typed)
	if err != nil {
		return "", Repair{}, err
	}
	return agreed(pieces)
}

// agreed returns the one code that all the pieces are.
func agreed(pieces []piece) (text string, how Repair, err error) {
	first := pieces[0]
	for _, p := range pieces[1:] {
		if p.text != first.text || p.text == "" {
			return "", Repair{}, ErrMerged
		}
		first.how.Repeated = true
	}
	if first.text == "" {
		return "", Repair{}, ErrIncomplete
	}
	return first.text, first.how, nil
}

// Split returns the scans in an input, each for Undo: one a line, and several where scans ran into one another without a terminator.
// A code that follows itself within one line is one scan. Lines end with CR, LF, a tab or ETX; blank ones are nothing.
func Split(input string) []string {
	var scans []string
	for _, s := range split(input, read) {
		scans = append(scans, input[s.from:s.to])
	}
	return scans
}

// span is a part of an input, in bytes.
type span struct{ from, to int }

func split(input string, read func(line string) ([]piece, error)) (scans []span) {
	for from := 0; from < len(input); {
		to := len(input)
		if i := strings.IndexFunc(input[from:], terminator); i >= 0 {
			to = from + i
		}
		line := input[from:to]
		if verbatim(line) {
			scans = append(scans, span{from, to})
		} else if !blank(line) {
			if pieces, err := read(line); err == nil && len(pieces) > 1 {
				for i, p := range pieces {
					if i == 0 || p.text == "" || p.text != pieces[i-1].text {
						scans = append(scans, span{from + p.from, from + p.to})
					}
				}
			} else {
				scans = append(scans, span{from, to})
			}
		}
		from = to + 1 // terminators are one byte each
	}
	return scans
}

// terminator says that a character ends a scan: scanners are set to send Enter, Tab or ETX.
func terminator(r rune) bool { return r == '\n' || r == '\r' || r == '\t' || r == '\x03' }

// verbatim says that a text is a code as it was printed, which is nearly every scan.
func verbatim(s string) bool {
	return len(s) <= len(prefix)+longest && strings.HasPrefix(s, prefix) && whole(s[len(prefix):])
}
