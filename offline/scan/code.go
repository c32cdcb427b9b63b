// The judge: does a text of the alphabet carry the checksum of a code text (card/FORMAT.md, "Code text")?

package scan

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	prefix = "TP1"
	// shortest is a key id of 8 bytes, one byte of payload, a signature of 64 and a checksum of 4, in Base32.
	shortest = (8 + 1 + 64 + 4) * 8 / 5
	// longest is the alphanumeric capacity of the largest QR symbol; no code is longer.
	longest = 4296
	// maxTyped bounds one line: fifty of the longest codes printed, scanned in a row without a terminator.
	maxTyped = 64 << 10
)

var prefixBytes = []byte(prefix)

// value maps a symbol to its five bits, 0xff for none (RFC 4648 section 6).
var value = func() (v [256]byte) {
	for i := range v {
		v[i] = 0xff
	}
	for i := range 26 {
		v['A'+i] = byte(i)
	}
	for i := range 6 {
		v['2'+i] = byte(26 + i)
	}
	return v
}()

// whole says that body, the symbols behind the prefix, arrived as they were printed.
func whole[T string | []byte](body T) bool {
	return len(body) >= shortest && len(body) <= longest && summed(body)
}

// summed says that a body is Base32 and ends with the checksum of what stands before it.
func summed[T string | []byte](body T) bool {
	if len(body) < 8 {
		return false
	}
	raw := make([]byte, 0, len(body)*5/8)
	var acc uint32
	bits := 0
	for i := range len(body) {
		v := value[body[i]]
		if v == 0xff {
			return false
		}
		acc = acc<<5 | uint32(v)
		bits += 5
		if bits >= 8 {
			bits -= 8
			raw = append(raw, byte(acc>>bits))
		}
	}
	if bits >= 5 || acc&(1<<bits-1) != 0 {
		return false // a length, or last bits, that Base32 does not give
	}
	n := len(raw) - 4
	return crc32.ChecksumIEEE(raw[:n]) == binary.BigEndian.Uint32(raw[n:])
}

// run returns how many symbols of the Base32 alphabet b begins with.
func run(b []byte) int {
	for i, c := range b {
		if value[c] == 0xff {
			return i
		}
	}
	return len(b)
}
