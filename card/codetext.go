// The code text: what a QR holds and a keyboard-wedge scanner types. FORMAT.md, "Code text".

package card

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// Prefix opens every code text of this version; its digit is the version.
const Prefix = "TP1"

const (
	kidSize  = 8
	sigSize  = 64
	crcSize  = 4
	overhead = kidSize + sigSize + crcSize
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // RFC 4648, section 6
)

// base32Value maps a character to its five bits, or to 0xff.
var base32Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

// codeLength returns the length in characters of the code text of a payload of n bytes.
func codeLength(n int) int { return len(Prefix) + ((overhead+n)*8+4)/5 }

// encodeCode writes the code text of a card.
func encodeCode(kid [kidSize]byte, payload string, sig [sigSize]byte) string {
	raw := make([]byte, 0, overhead+len(payload))
	raw = append(append(append(raw, kid[:]...), payload...), sig[:]...)
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return Prefix + string(appendBase32(make([]byte, 0, codeLength(len(payload))), raw))
}

// decodeCode reads a code text of this version. Everything it refuses is unreadable: the checksum covers what follows.
func decodeCode(text string) (kid [kidSize]byte, payload string, sig [sigSize]byte, err error) {
	if err = transported(text); err != nil {
		return
	}
	body := text[len(Prefix):]
	raw := make([]byte, 0, len(body)*5/8)
	if raw, err = decodeBase32(raw, body); err != nil {
		return
	}
	covered := raw[:len(raw)-crcSize]
	if crc32.ChecksumIEEE(covered) != binary.BigEndian.Uint32(raw[len(covered):]) {
		err = unreadable("code_checksum", "checksum doesn't match")
		return
	}
	end := len(covered) - sigSize
	copy(kid[:], covered)
	copy(sig[:], covered[end:])
	return kid, string(covered[kidSize:end]), sig, nil
}

// transported refuses a text whose prefix or length no code text has.
func transported(text string) error {
	switch {
	case text == "":
		return unreadable("code_empty", "nothing there")
	case strings.EqualFold(text[:min(len(Prefix), len(text))], Prefix) && !strings.HasPrefix(text, Prefix):
		return unreadable("code_case", "lower case")
	case !strings.HasPrefix(text, Prefix[:2]):
		return unreadable("code_prefix", "doesn't begin as a card's code")
	case !strings.HasPrefix(text, Prefix):
		return unreadable("code_version", "version of code text that this program doesn't know")
	case len(text) > MaxToken:
		return unreadable("code_too_long", "longer than any code")
	case len(text) < codeLength(1):
		return unreadable("code_too_short", "shorter than any code")
	}
	switch (len(text) - len(Prefix)) % 8 {
	case 1, 3, 6:
		return unreadable("code_length", "a length that no code has")
	}
	return nil
}

// decodeBase32 appends the bytes of s, whose length is one that Base32 without padding can have.
func decodeBase32(dst []byte, s string) ([]byte, error) {
	var acc uint64
	for len(s) >= 8 {
		var bad byte
		acc = 0
		for i := range 8 {
			v := base32Value[s[i]]
			bad |= v
			acc = acc<<5 | uint64(v&31)
		}
		if bad > 31 {
			return nil, foreign(s)
		}
		dst = append(dst, byte(acc>>32), byte(acc>>24), byte(acc>>16), byte(acc>>8), byte(acc))
		s = s[8:]
	}
	acc = 0
	for i := range len(s) {
		v := base32Value[s[i]]
		if v > 31 {
			return nil, foreign(s)
		}
		acc = acc<<5 | uint64(v)
	}
	spare := len(s) * 5 % 8
	if acc&(1<<spare-1) != 0 {
		return nil, unreadable("code_trailing_bits", "last character has bits that no code has")
	}
	acc >>= spare
	for n := len(s) * 5 / 8; n > 0; n-- {
		dst = append(dst, byte(acc>>(8*(n-1))))
	}
	return dst, nil
}

// foreign names the first character of s that is outside the alphabet.
func foreign(s string) error {
	for i := range len(s) {
		switch c := s[i]; {
		case base32Value[c] <= 31:
		case c >= 'a' && c <= 'z':
			return unreadable("code_case", "lower case")
		case c == '=':
			return unreadable("code_padding", "padding")
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			return unreadable("code_space", "white space")
		case c >= 0x80 || c < 0x20 || c == 0x7f:
			return unreadable("code_not_ascii", "character that no scanner of this code types")
		default:
			return unreadable("code_alphabet", "character outside the alphabet")
		}
	}
	return nil
}

func appendBase32(dst, raw []byte) []byte {
	for len(raw) >= 5 {
		acc := uint64(raw[0])<<32 | uint64(binary.BigEndian.Uint32(raw[1:]))
		for shift := 35; shift >= 0; shift -= 5 {
			dst = append(dst, alphabet[acc>>shift&31])
		}
		raw = raw[5:]
	}
	var acc uint64
	for _, b := range raw {
		acc = acc<<8 | uint64(b)
	}
	left := len(raw) * 8
	for left > 0 {
		if left >= 5 {
			dst = append(dst, alphabet[acc>>(left-5)&31])
		} else {
			dst = append(dst, alphabet[acc<<(5-left)&31])
		}
		left -= 5
	}
	return dst
}
