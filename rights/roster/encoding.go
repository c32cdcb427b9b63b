// The two encodings of rosters: UTF-8 and Windows-1252, told apart by their bytes.

package roster

import (
	"bytes"
	"unicode/utf8"
)

// Encoding is how a roster's text is coded.
type Encoding uint8

// The encodings. A file of ASCII alone counts as UTF8.
const (
	UTF8        Encoding = iota
	UTF8BOM              // UTF-8 with a byte order mark
	Windows1252          // Western Windows
)

// String returns the name shown to people.
func (e Encoding) String() string {
	switch e {
	case UTF8BOM:
		return "UTF-8 avec BOM"
	case Windows1252:
		return "Windows-1252"
	}
	return "UTF-8"
}

// windows1252 maps the bytes 0x80 to 0x9F; 0 stands for the five undefined ones. Other bytes are their own code point.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// appendDecoded appends Windows-1252 text as UTF-8; false when a byte is undefined.
func appendDecoded(dst, text []byte) ([]byte, bool) {
	for _, c := range text {
		switch {
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		case c >= 0xA0:
			dst = utf8.AppendRune(dst, rune(c))
		case windows1252[c-0x80] == 0:
			return dst, false
		default:
			dst = utf8.AppendRune(dst, windows1252[c-0x80])
		}
	}
	return dst, true
}

// encode1252 returns UTF-8 text as Windows-1252; false when it holds a character outside.
func encode1252(text string) ([]byte, bool) {
	out := make([]byte, 0, len(text))
next:
	for _, r := range text {
		if r < utf8.RuneSelf || (r >= 0xA0 && r <= 0xFF) {
			out = append(out, byte(r))
			continue
		}
		for i, w := range windows1252 {
			if w == r && w != 0 {
				out = append(out, byte(0x80+i))
				continue next
			}
		}
		return nil, false
	}
	return out, true
}

// decide tells the encoding from a window that begins with the first line holding a byte above 0x7F. Windows-1252 text
// is next to never valid UTF-8 by chance, so each such line is a vote; one damaged line does not turn a UTF-8 file.
func decide(window []byte) Encoding {
	valid, invalid := 0, 0
	for len(window) > 0 {
		line, rest, whole := bytes.Cut(window, []byte("\n"))
		if !isASCII(line) && (whole || valid+invalid == 0) { // the last line of the window may be cut inside a character
			if utf8.Valid(line) {
				valid++
			} else {
				invalid++
			}
		}
		window = rest
	}
	if valid > invalid {
		return UTF8
	}
	return Windows1252
}

// isTwice reports whether most lines of a window of UTF-8 that are not ASCII were UTF-8 already before they were encoded: read as
// Windows-1252 (or Latin-1), they are UTF-8 again, which French text next to never is.
func isTwice(window []byte) bool {
	twice, once := 0, 0
	for len(window) > 0 {
		line, rest, whole := bytes.Cut(window, []byte("\n"))
		if !isASCII(line) && (whole || twice+once == 0) {
			if b, ok := encodeC1(string(line)); ok && utf8.Valid(b) {
				twice++
			} else {
				once++
			}
		}
		window = rest
	}
	return twice > once
}

// encodeC1 is encode1252 with control characters for the bytes that Windows-1252 leaves undefined, as converters write them.
func encodeC1(text string) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r >= 0x80 && r < 0xA0 {
			out = append(out, byte(r))
		} else if b, ok := encode1252(string(r)); ok {
			out = append(out, b...)
		} else {
			return nil, false
		}
	}
	return out, true
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
