// An invitation to enrol, scanned in the field for cards: another code of the same symbols, told apart and never taken for a card.

package scan

import (
	"bytes"
	"errors"
)

// ErrInvitation: what was read is an invitation to enrol with an insurer's service, and no card.
var ErrInvitation = errors.New("scan: an invitation to enrol")

const (
	invitationPrefix = "TPE1"
	// The code, the fingerprint, an address of 8 to 200 bytes and the checksum, in Base32.
	shortestInvitation = (10 + 32 + 8 + 4) * 8 / 5
	longestInvitation  = ((10+32+200+4)*8 + 4) / 5
)

// Invitation returns the text of an invitation from what one burst gave, with the repairs that cards have. The text is a secret
// until it was used. The error is ErrNotCode for anything that did not arrive whole, or is none.
func Invitation(t Typed, learnt *Map) (text string, how Repair, err error) {
	if len(t.Presses) > MaxPresses || len(t.Text) > maxTyped {
		return "", Repair{}, ErrNotCode
	}
	for _, r := range routes(t, learnt) {
		c := clean(r.line)
		symbols := make([]byte, len(c.runes))
		for _, by := range r.by {
			by.decode(symbols, c.runes)
			if text, how, ok := c.invitation(by, symbols); ok {
				r.mark(&how)
				return text, how, nil
			}
		}
	}
	return "", Repair{}, ErrNotCode
}

// invitation finds one near the beginning of a line.
func (c *cleaned) invitation(t *table, symbols []byte) (string, Repair, bool) {
	from := bytes.Index(symbols[:min(len(symbols), lead+len(invitationPrefix))], []byte(invitationPrefix))
	if from < 0 {
		return "", Repair{}, false
	}
	body := symbols[from+len(invitationPrefix):]
	n := run(body)
	if n < shortestInvitation || n > longestInvitation || !summed(body[:n]) {
		return "", Repair{}, false
	}
	end := from + len(invitationPrefix) + n
	how := c.repair(t, from, end)
	how.Around = c.around || from > 0 || end < len(symbols)
	return string(symbols[from:end]), how, true
}
