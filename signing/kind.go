// This file says what a key is for (Kind), how a key is named (kid), and the one header that follows from both.

package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/go-jose/go-jose/v4"
)

// Kind is the purpose of a token and of the key that signs it: the "typ" of
// the header, such as "tp-card-1". The version of a format is part of its kind.
// 1 to [MaxKind] characters of a-z, 0-9, "-" and "+", the first one a letter.
type Kind string

// Valid reports whether k is spelled as a kind must be.
func (k Kind) Valid() bool {
	if len(k) == 0 || len(k) > MaxKind {
		return false
	}
	for i := 0; i < len(k); i++ {
		c := k[i]
		switch {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '+'):
		default:
			return false
		}
	}
	return true
}

// b64 is base64url without padding that refuses non-zero trailing bits. It
// still skips CR and LF, so it is only used after the alphabet was checked.
var b64 = base64.RawURLEncoding.Strict()

// KID names a public key: the first 8 bytes of its RFC 7638 thumbprint, in
// base64url, 11 characters. It is "" for nil and for a key that is no point of P-256.
func KID(pub *ecdsa.PublicKey) string {
	if !onP256(pub) {
		return ""
	}
	jwk := jose.JSONWebKey{Key: pub}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return b64.EncodeToString(sum[:kidBytes])
}

func onP256(pub *ecdsa.PublicKey) bool {
	//lint:ignore SA1019 only to see whether they are there: Bytes panics without them
	if pub == nil || pub.Curve != elliptic.P256() || pub.X == nil || pub.Y == nil {
		return false
	}
	_, err := pub.Bytes() // refuses what is not a point of the curve
	return err == nil
}

// KIDText gives the text of a kid's 8 bytes.
func KIDText(b [8]byte) string { return b64.EncodeToString(b[:]) }

// KIDBytes gives the 8 bytes of a kid's text, and a [*Refusal] of family
// [ErrMalformed] for any text that [KIDText] does not make.
func KIDBytes(kid string) ([8]byte, error) {
	var b [8]byte
	if code := kidFault(kid); code != "" {
		return b, refuse(code)
	}
	n, err := b64.Decode(b[:], []byte(kid))
	if err != nil || n != kidBytes {
		return [8]byte{}, refuse(codeKIDLastChar)
	}
	return b, nil
}

// kidFault names what is wrong with the spelling of a kid, "" if nothing is.
func kidFault(kid string) string {
	switch {
	case kid == "":
		return codeKIDEmpty
	case len(kid) > 4*kidChars:
		return codeKIDTooLong
	}
	for i := 0; i < len(kid); i++ {
		switch c := kid[i]; {
		case inAlphabet[c]:
		case strings.ContainsFunc(kid, unicode.IsControl):
			return codeKIDControl
		case strings.ContainsAny(kid, `/\`):
			return codeKIDPath
		default:
			return codeKIDAlphabet
		}
	}
	if len(kid) != kidChars {
		return codeKIDLength
	}
	// 11 characters carry 66 bits; the last two must be zero.
	if alphabetValue(kid[kidChars-1])&3 != 0 {
		return codeKIDLastChar
	}
	return ""
}

const (
	headA = `{"alg":"ES256","kid":"`
	headB = `","typ":"`
	headC = `"}`
)

// Header is the exact protected header, as JSON, of a token of kind k under kid.
func Header(k Kind, kid string) string {
	return headA + kid + headB + string(k) + headC
}

// SigningInput is the text that gets signed, base64url(header) "."
// base64url(payload): what an issuer logs before it signs.
func SigningInput(k Kind, kid string, payload []byte) string {
	h := Header(k, kid)
	n := b64.EncodedLen(len(h))
	out := make([]byte, n+1+b64.EncodedLen(len(payload)))
	b64.Encode(out, []byte(h))
	out[n] = '.'
	b64.Encode(out[n+1:], payload)
	return string(out)
}
