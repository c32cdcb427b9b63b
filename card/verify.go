// From a text to a card that may be believed; nothing else makes a Card.

package card

import (
	"encoding/base64"
	"strings"
	"time"

	"sceau/rights"
	"sceau/signing"
)

// Unverified is a well-formed card whose signature was not looked at. Nothing in it may be shown as a fact.
type Unverified struct {
	kid     string
	payload string
	sig     [sigSize]byte
	compact string
	claims  Claims
}

// Parse reads a code text ("TP1…") or a bare compact JWS, strictly: no white space around it, no other case. A text that
// was damaged on its way is ErrUnreadable; one that arrived whole and is no card of this version is ErrMalformed or
// another family of signing's. A bare JWS has no checksum, so damage to it can't be told from forgery.
func Parse(text string) (*Unverified, error) {
	u := new(Unverified)
	var err error
	if strings.HasPrefix(text, "eyJ") { // base64url of {"
		err = u.readCompact(text)
	} else {
		err = u.readCode(text)
	}
	if err != nil {
		return nil, err
	}
	json, err := inflate(u.payload)
	if err != nil {
		return nil, err
	}
	if u.claims, err = decodeClaims(json); err != nil {
		return nil, err
	}
	return u, nil
}

func (u *Unverified) readCode(text string) error {
	kid, payload, sig, err := decodeCode(text)
	if err != nil {
		return err
	}
	u.kid, u.payload, u.sig = signing.KIDText(kid), payload, sig
	input := signing.SigningInput(Kind, u.kid, []byte(payload))
	var b [86]byte // base64url of 64 bytes
	base64.RawURLEncoding.Encode(b[:], sig[:])
	u.compact = input + "." + string(b[:])
	return nil
}

func (u *Unverified) readCompact(text string) error {
	parts, err := signing.SplitCompact(text)
	if err != nil {
		return err
	}
	if parts.Kind != Kind {
		return refused(signing.ErrWrongKind, "typ_other_kind", "the token is no card")
	}
	u.kid, u.payload, u.sig, u.compact = parts.KID, string(parts.Payload), parts.Signature, text
	return nil
}

// KID names the key that claims to have signed.
func (u *Unverified) KID() string { return u.kid }

// JWS returns the compact JWS, rebuilt byte for byte when the text was a code.
func (u *Unverified) JWS() string { return u.compact }

// CodeText returns the code text, rebuilt byte for byte when the text was a JWS.
func (u *Unverified) CodeText() string {
	kid, err := signing.KIDBytes(u.kid)
	if err != nil {
		panic("card: kid that was read can't be read again: " + err.Error())
	}
	return encodeCode(kid, u.payload, u.sig)
}

// Digest returns the SHA-256 of the signed part.
func (u *Unverified) Digest() [32]byte { return digest(u.compact) }

// IssuerUnsafe names the insurer as the card does, only to choose where to look for the key.
func (u *Unverified) IssuerUnsafe() rights.AMC { return u.claims.Issuer }

// PlaceUnsafe returns the place that the card claims.
func (u *Unverified) PlaceUnsafe() Place { return u.claims.Place }

// PeekUnsafe returns claims that nobody vouches for. It is lawful for inspection tools and for the issuer's own tokens.
func (u *Unverified) PeekUnsafe() Claims { return u.claims.clone() }

// Verify makes a Card when key signed it, key's Owner is the AMC key of the insurer that the card names, the card was
// issued in key's window, and key is active or retired. Errors: signing.ErrUnknownKey (another kid), ErrBadSignature,
// ErrWrongKind, ErrBadKey; ErrWrongInsurer, ErrKeyDead, ErrKeyListed, ErrKeyWindow, in this order.
func (u *Unverified) Verify(key *signing.PublicKey) (*Card, error) { return u.VerifyListed(key, nil) }

// VerifyListed is Verify for an insurer that had a key stolen: a card signed by a key in state listed is believed when
// issued says that the first 16 bytes of its Digest stand on the published list of that key. With another key it is
// Verify, and issued isn't called.
func (u *Unverified) VerifyListed(key *signing.PublicKey, issued func(digest [16]byte) bool) (*Card, error) {
	payload, err := key.Open(Kind, u.compact)
	if err != nil {
		return nil, err
	}
	if string(payload) != u.payload {
		return nil, malformed("payload_mismatch", "signed payload isn't the one that was read")
	}
	if key.Owner == "" || key.Owner != u.claims.Issuer.Key() {
		return nil, refused(ErrWrongInsurer, "wrong_insurer", "the key belongs to another insurer")
	}
	switch key.State {
	case signing.StateActive, signing.StateRetired:
	case signing.StateListed:
		d := u.Digest()
		if issued == nil || !issued([16]byte(d[:16])) {
			return nil, refused(ErrKeyListed, "key_listed", "the key was stolen and the card is not on its list")
		}
	default:
		return nil, refused(ErrKeyDead, "key_dead", "the key is withdrawn")
	}
	if !key.InWindow(time.Unix(u.claims.IssuedAt, 0)) {
		return nil, refused(ErrKeyWindow, "key_window", "issued outside the key's window")
	}
	return &Card{u: u}, nil
}

// Card is a card whose signature, owner and key state were checked. Dates, status and domain are the verdict's business.
type Card struct{ u *Unverified }

// Claims returns the facts of the card; the caller owns them.
func (c *Card) Claims() Claims { return c.u.claims.clone() }

// Issuer returns the insurer, as printed.
func (c *Card) Issuer() rights.AMC { return c.u.claims.Issuer }

// Place returns the card's place: with the issuer, its identity.
func (c *Card) Place() Place { return c.u.claims.Place }

// KID names the key that signed.
func (c *Card) KID() string { return c.u.kid }

// Digest returns the SHA-256 of the signed part.
func (c *Card) Digest() [32]byte { return c.u.Digest() }
