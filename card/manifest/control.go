// Control totals: one digest over what a file's cards say, whatever the file's kind, so that a code that was lost, doubled or
// exchanged in a printer's hands is found.

package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"

	"sceau/card"
)

// Control digests the cards of one file, in the order of their sequence numbers. The zero value is ready.
type Control struct {
	h    hash.Hash
	line []byte
	n    int64
}

// Add takes the next card: a line of its sequence number, its card number and the SHA-256 of its code text.
func (c *Control) Add(sequence int64, p card.Place, code string) {
	if c.h == nil {
		c.h = sha256.New()
	}
	sum := sha256.Sum256([]byte(code))
	b := append(strconv.AppendInt(c.line[:0], sequence, 10), '\t')
	b = append(append(b, p.String()...), '\t')
	b = append(hex.AppendEncode(b, sum[:]), '\n')
	c.h.Write(b)
	c.line = b
	c.n++
}

// Cards is how many were added.
func (c *Control) Cards() int64 { return c.n }

// Sum is the digest of what was added so far.
func (c *Control) Sum() (sum [32]byte) {
	if c.h == nil {
		return sha256.Sum256(nil)
	}
	c.h.Sum(sum[:0])
	return sum
}

// ControlOf is the control total of a manifest: over one line a range, of its first and last number, its cards and their digest.
// Files are drawn in any order on any number of machines, and this needs none of them.
func (m *Manifest) ControlOf() [32]byte {
	h := sha256.New()
	var b []byte
	for i := 0; i < len(m.Files); i += len(m.Outputs) {
		f := m.Files[i]
		b = strconv.AppendInt(b[:0], f.First, 10)
		b = strconv.AppendInt(append(b, '\t'), f.Last, 10)
		b = strconv.AppendInt(append(b, '\t'), f.Cards, 10)
		b = append(hex.AppendEncode(append(b, '\t'), f.Control[:]), '\n')
		h.Write(b)
	}
	return [32]byte(h.Sum(nil))
}
