// This file is the strict reader of compact tokens: the one place where a text is or is not a token.

package signing

import "strings"

// Parts is a token that has the exact form of this profile. Nothing in it has
// been verified: the kid may be anyone's and the payload anything.
type Parts struct {
	KID       string // 11 characters of canonical base64url
	Kind      Kind
	Payload   []byte // decoded, at least one byte
	Signature [64]byte
	Input     string // the signed text: the token up to its last dot
}

// alphabet is base64url, RFC 4648 section 5.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

var inAlphabet = func() (in [256]bool) {
	for i := 0; i < len(alphabet); i++ {
		in[alphabet[i]] = true
	}
	return in
}()

func alphabetValue(c byte) int { return strings.IndexByte(alphabet, c) }

// SplitCompact reads a compact token of any kind, at most [MaxToken] bytes, and
// refuses every text that is not the one text of its header, payload and
// signature. It looks at no key. All its errors are a [*Refusal], of family
// [ErrMalformed] or, for a signature value that no key of this profile makes,
// [ErrBadSignature].
func SplitCompact(compact string) (Parts, error) { return split(compact, MaxToken) }

func split(compact string, most int) (Parts, error) {
	if len(compact) > most {
		return Parts{}, refuse(codeTokenTooLong)
	}
	dot1, dot2, code := frame(compact)
	if code != "" {
		return Parts{}, refuse(code)
	}
	header, code := decodePart(compact[:dot1], partHeader)
	if code != "" {
		return Parts{}, refuse(code)
	}
	kid, kind, code := readHeader(header)
	if code != "" {
		return Parts{}, refuse(code)
	}
	payload, code := decodePart(compact[dot1+1:dot2], partPayload)
	if code != "" {
		return Parts{}, refuse(code)
	}
	sig, code := decodePart(compact[dot2+1:], partSignature)
	if code != "" {
		return Parts{}, refuse(code)
	}
	if code := signatureFault(sig); code != "" {
		return Parts{}, refuse(code)
	}
	return Parts{KID: kid, Kind: kind, Payload: payload, Signature: [64]byte(sig), Input: compact[:dot2]}, nil
}

// frame finds the two dots, or says why the text has not three parts of the
// base64url alphabet.
func frame(s string) (dot1, dot2 int, code string) {
	if s == "" {
		return 0, 0, codeTokenEmpty
	}
	if s[0] == '{' {
		return 0, 0, codeTokenJSON
	}
	dot1, dot2 = -1, -1
	for i := 0; i < len(s); i++ {
		c := s[i]
		if inAlphabet[c] {
			continue
		}
		switch {
		case c != '.':
			at := partHeader
			if dot2 >= 0 {
				at = partSignature
			} else if dot1 >= 0 {
				at = partPayload
			}
			return 0, 0, at.code(byteFault(c))
		case dot1 < 0:
			dot1 = i
		case dot2 < 0:
			dot2 = i
		default:
			return 0, 0, codePartsTooMany
		}
	}
	if dot2 < 0 {
		return 0, 0, codePartsTooFew
	}
	return dot1, dot2, ""
}

// byteFault names a byte outside the alphabet.
func byteFault(c byte) string {
	switch c {
	case '\r', '\n':
		return inLineBreak
	case ' ', '\t':
		return inBlank
	case '=':
		return inPadding
	case '+', '/':
		return inStandard
	}
	return inForeign
}

// decodePart decodes one part, whose bytes are all of the alphabet.
func decodePart(s string, p part) ([]byte, string) {
	switch {
	case s == "":
		return nil, p.code(inEmpty)
	case len(s)%4 == 1:
		return nil, p.code(inLength)
	}
	out, err := b64.DecodeString(s)
	if err != nil {
		return nil, p.code(inLastChar)
	}
	// One value, one text. The strict decoder has seen to it already; this holds
	// even if a later release of it were more lenient.
	if !encodesTo(out, s) {
		return nil, p.code(inLastChar)
	}
	return out, ""
}

// encodesTo reports whether s is the base64url text of b. Only the last group
// can differ once the decoder took s: it is compared with a fresh encoding.
func encodesTo(b []byte, s string) bool {
	if b64.EncodedLen(len(b)) != len(s) {
		return false
	}
	tail := len(b) % 3
	if tail == 0 {
		return true
	}
	var group [4]byte
	b64.Encode(group[:], b[len(b)-tail:])
	return string(group[:tail+1]) == s[len(s)-tail-1:]
}
