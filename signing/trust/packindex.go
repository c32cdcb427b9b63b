// The list of packs of changes that a publication offers. Nobody signs it and
// nobody believes it.

package trust

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// PackIndexPath is the file of a metadata pack that lists the packs of changes.
const PackIndexPath = "changes/index"

// PackInfo is a pack of changes: what the lists of version To have more than
// those of version From, in as many bytes, 0 for nothing.
type PackInfo struct {
	From, To, Bytes int64
}

// PackIndex are the packs of changes that are kept.
type PackIndex []PackInfo

// maxPackIndex bounds an index in bytes.
const maxPackIndex = 64 << 10

// Encode writes a line for each pack: from, to, bytes.
func (x PackIndex) Encode() []byte {
	var b []byte
	for _, p := range x {
		b = fmt.Appendf(b, "%d %d %d\n", p.From, p.To, p.Bytes)
	}
	return b
}

// ParsePackIndex reads what Encode wrote; ErrMalformed for anything else, for
// a way that leads nowhere, and for a pack longer than MaxPack. A way may be
// named twice.
func ParsePackIndex(data []byte) (PackIndex, error) {
	var x PackIndex
	if len(data) > maxPackIndex {
		return nil, fmt.Errorf("%w: list of packs of %d bytes", ErrMalformed, len(data))
	}
	for line := range bytes.Lines(data) {
		var n [3]int64
		fields := strings.Split(strings.TrimSuffix(string(line), "\n"), " ")
		if len(fields) != len(n) {
			return nil, fmt.Errorf("%w: list of packs: line %d", ErrMalformed, len(x)+1)
		}
		for i, f := range fields {
			v, err := strconv.ParseUint(f, 10, 62)
			if err != nil {
				return nil, fmt.Errorf("%w: list of packs: line %d", ErrMalformed, len(x)+1)
			}
			n[i] = int64(v)
		}
		p := PackInfo{n[0], n[1], n[2]}
		if p.From >= p.To || p.Bytes > MaxPack {
			return nil, fmt.Errorf("%w: list of packs: line %d", ErrMalformed, len(x)+1)
		}
		x = append(x, p)
	}
	if !bytes.Equal(x.Encode(), data) {
		return nil, fmt.Errorf("%w: list of packs: a number or the end of a line", ErrMalformed)
	}
	return x, nil
}
