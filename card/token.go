// From claims to a sealed token, with the pause in which the issuer logs what it is about to sign.

package card

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"sceau/signing"
)

// Draft is a card ready to be signed. Its SigningInput goes to the register before Seal is called, so that every
// signature that ever existed has a row there.
type Draft struct {
	kid     string
	payload []byte
	input   string
}

// Prepare checks claims and encodes them for the key kid. It refuses claims that Parse would refuse (ErrMalformed) and
// claims that don't fit into QR version MaxVersion (ErrTooLong, whose text says what to shorten).
func Prepare(c Claims, kid string) (*Draft, error) {
	if _, err := signing.KIDBytes(kid); err != nil {
		return nil, err
	}
	json, err := c.MarshalCanonical()
	if err != nil {
		return nil, err
	}
	payload := deflate(json)
	if n := codeLength(len(payload)); n > MaxCodeText {
		return nil, refused(ErrTooLong, "code_version_limit", fmt.Sprintf(
			"code of %d characters, at most %d: fewer people on one card, fewer or shorter footnotes, or fewer different values", n, MaxCodeText))
	}
	// What a reader will see, before anything is signed.
	text, err := inflate(string(payload))
	if err != nil || text != string(json) {
		return nil, refused(ErrMalformed, "payload_self_check", "compressed claims don't inflate to themselves")
	}
	if _, err := decodeClaims(text); err != nil {
		return nil, err
	}
	return &Draft{kid: kid, payload: payload, input: signing.SigningInput(Kind, kid, payload)}, nil
}

// KID names the key that the draft was prepared for.
func (d *Draft) KID() string { return d.kid }

// SigningInput returns "base64url(header).base64url(payload)", the exact text that is signed.
func (d *Draft) SigningInput() string { return d.input }

// Digest returns the SHA-256 of SigningInput: what a list of genuine cards is made of.
func (d *Draft) Digest() [32]byte { return sha256.Sum256([]byte(d.input)) }

// Payload returns a copy of what the signing input carries: the compressed claims.
func (d *Draft) Payload() []byte { return bytes.Clone(d.payload) }

// CodeLength returns the number of characters that the code text will have.
func (d *Draft) CodeLength() int { return codeLength(len(d.payload)) }

// Seal signs the draft with s, which must hold the key that the draft was prepared for (else signing.ErrUnknownKey, or
// signing.ErrWrongKind). The signature was verified, and the token read back as text, before it is returned.
func (d *Draft) Seal(s *signing.Signer) (*Token, error) {
	if s.Kind() != Kind {
		return nil, refused(signing.ErrWrongKind, "signer_other_kind", "signer is not for cards")
	}
	if s.KID() != d.kid {
		return nil, refused(signing.ErrUnknownKey, "signer_other_key", "draft was prepared for another key")
	}
	compact, err := s.Seal(d.payload)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(compact, d.input+".") {
		return nil, refused(signing.ErrSignerFault, "signer_other_text", "signer signed something else")
	}
	parts, err := signing.SplitCompact(compact)
	if err != nil {
		return nil, err
	}
	kid, err := signing.KIDBytes(d.kid)
	if err != nil {
		return nil, err
	}
	code := encodeCode(kid, string(d.payload), parts.Signature)
	// The text that will be printed is read back as a counter reads it: checksum, kid, payload, signature, and the signing input
	// that follows from them. It must give the very token that was verified above. What the payload inflates to and what that
	// means was judged by Prepare, by the same two readers, of these same bytes: they are compared, not judged again.
	u := new(Unverified)
	if err := u.readCode(code); err != nil {
		return nil, err
	}
	if u.compact != compact || u.payload != string(d.payload) {
		return nil, refused(signing.ErrSignerFault, "code_self_check", "code text doesn't give the token back")
	}
	return &Token{kid: d.kid, compact: compact, code: code}, nil
}

// Token is a signed card as it leaves the issuer.
type Token struct{ kid, compact, code string }

// KID names the key that signed.
func (t *Token) KID() string { return t.kid }

// JWS returns the compact JWS.
func (t *Token) JWS() string { return t.compact }

// CodeText returns what the QR holds.
func (t *Token) CodeText() string { return t.code }

// Digest returns the SHA-256 of the signed part, without the signature: the same as the draft's.
func (t *Token) Digest() [32]byte { return digest(t.compact) }

// digest hashes the signed part of a compact JWS.
func digest(compact string) [32]byte {
	return sha256.Sum256([]byte(compact[:strings.LastIndexByte(compact, '.')]))
}
