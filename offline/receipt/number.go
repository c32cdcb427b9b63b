// The number of a receipt: short enough for an invoice, and enough to find the entry and to see that it was not changed.

package receipt

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"sceau/signing/journal"
)

// Number is "K7QF-1042-M3TZ": 20 bits of the device's id, number of the entry, 20 bits of the entry's hash.
type Number string

// Parts of a number.
type Parts struct {
	Device string // 4 characters
	Seq    uint64 // 1 or more
	Check  string // 4 characters
}

// ErrNumber: not the number of a receipt. The text never quotes what was typed.
var ErrNumber = errors.New("receipt: not a receipt number")

// DeviceDigits is the length of a device's id: 128 random bits in hexadecimal digits.
const DeviceDigits = 32

// symbols of Crockford's Base32: no I, L, O and U, which are misread.
const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	partSize  = 4  // characters of device and check
	maxDigits = 20 // of the largest entry number
	maxTyped  = 128
)

// twenty writes the first 20 bits of b.
func twenty(b [3]byte) string {
	bits := binary.BigEndian.Uint32([]byte{0, b[0], b[1], b[2]}) >> 4
	var out [partSize]byte
	for i := range out {
		out[i] = symbols[bits>>(15-5*i)&31]
	}
	return string(out[:])
}

// Short is how a device's id begins in numbers; "" for what is no id.
func Short(device string) string {
	if !isDevice(device) {
		return ""
	}
	b, err := hex.DecodeString(device[:6])
	if err != nil {
		return ""
	}
	return twenty([3]byte(b))
}

// NumberOf is the number of an entry of a device's journal; "" when device is no id of 32 hexadecimal digits.
func NumberOf(device string, e journal.Entry) Number { return numberOf(device, e.Seq, e.Hash()) }

func numberOf(device string, seq uint64, hash [32]byte) Number {
	short := Short(device)
	if short == "" {
		return ""
	}
	return Parts{short, seq, twenty([3]byte(hash[:3]))}.Number()
}

// Number writes the parts in the one form.
func (p Parts) Number() Number {
	return Number(p.Device + "-" + strconv.FormatUint(p.Seq, 10) + "-" + p.Check)
}

// Matches says whether this is the number of the device's entry with that number and hash.
func (p Parts) Matches(device string, seq uint64, hash [32]byte) bool {
	return p.Number() == numberOf(device, seq, hash)
}

// blanks and dashes that people and word processors put into numbers.
const (
	blanks = " \t\r\n\u00a0\u202f"
	dashes = "-\u2010\u2011\u2012\u2013\u2014\u2212"
)

// alike are the letters that the alphabet lacks because they are read as digits.
var alike = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// ParseNumber reads a number as people type it: any case, blanks anywhere, the dashes or not, O for 0, I and L for 1. Device
// and check have four characters each and what is between them is the entry, so nothing is left to guess. A dash in another
// place says that a character was forgotten. The error is ErrNumber.
func ParseNumber(s string) (Parts, error) {
	if len(s) > maxTyped {
		return Parts{}, ErrNumber
	}
	var kept []byte
	var cuts []int
	for _, c := range s {
		switch {
		case strings.ContainsRune(blanks, c):
		case strings.ContainsRune(dashes, c):
			cuts = append(cuts, len(kept))
		case c >= 0x80:
			return Parts{}, ErrNumber // before the change of case, which makes a K of the Kelvin sign
		default:
			kept = append(kept, byte(c))
		}
	}
	t := string(kept)
	for _, at := range cuts {
		if at != partSize && at != len(t)-partSize {
			return Parts{}, ErrNumber
		}
	}
	t = alike.Replace(strings.ToUpper(t))
	if n := len(t) - 2*partSize; n < 1 || n > maxDigits {
		return Parts{}, ErrNumber
	}
	p := Parts{Device: t[:partSize], Check: t[len(t)-partSize:]}
	digits := t[partSize : len(t)-partSize]
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || seq == 0 || strconv.FormatUint(seq, 10) != digits {
		return Parts{}, ErrNumber
	}
	if strings.Trim(p.Device+p.Check, symbols) != "" {
		return Parts{}, ErrNumber
	}
	p.Seq = seq
	return p, nil
}
