// A module that declares more memory than we grant is given a smaller declaration.

package optic

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errModule = errors.New("optic: not the expected module")

// withMaxMemory returns a copy of a module whose memory ends at so many pages of 64 KiB: wazero refuses a module that declares
// more than its runtime's limit. The number keeps its length in bytes, so nothing else moves.
func withMaxMemory(wasm []byte, pages uint32) ([]byte, error) {
	out := bytes.Clone(wasm)
	at := 8 // behind magic and version
	for at < len(out) {
		const memories = 5
		id := out[at]
		size, n := binary.Uvarint(out[at+1:])
		if n <= 0 || size > uint64(len(out)-at-1-n) {
			return nil, errModule
		}
		at += 1 + n
		if id != memories {
			at += int(size)
			continue
		}
		s := out[at : at+int(size)]
		if len(s) < 4 || s[0] != 1 || s[1] != 1 { // one memory, with a maximum
			return nil, errModule
		}
		least, n := binary.Uvarint(s[2:])
		if n <= 0 || least > uint64(pages) {
			return nil, errModule
		}
		most := s[2+n:]
		for i := range most {
			most[i] = byte(pages) & 0x7f
			if pages >>= 7; i < len(most)-1 {
				most[i] |= 0x80
			}
		}
		if pages != 0 {
			return nil, errModule
		}
		return out, nil
	}
	return nil, errModule
}
