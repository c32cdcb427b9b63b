// This file seals payloads: go-jose builds the token, the key signs it, and nothing leaves that does not verify.

package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Signer seals tokens of one kind with one key. It is safe for use by many
// goroutines if the key is. It prints as its kind and kid, never as its key.
type Signer struct {
	kind Kind
	pub  *PublicKey
	jws  jose.Signer
}

// NewSigner takes a P-256 key for tokens of kind k. The key may live elsewhere:
// it is only ever asked for the signature of a SHA-256 digest, in DER, as
// *ecdsa.PrivateKey gives it. Refusals are of family [ErrBadKey].
func NewSigner(k Kind, key crypto.Signer) (*Signer, error) {
	if key == nil {
		return nil, refuse(codeKeyEmpty)
	}
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, refuse(codeKeyCurve)
	}
	own, err := NewPublicKey(k, pub)
	if err != nil {
		return nil, err
	}
	door := &es256{key: key, public: &jose.JSONWebKey{Key: own.pub, KeyID: own.KID}}
	jws, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: door},
		(&jose.SignerOptions{}).WithType(jose.ContentType(k)))
	if err != nil {
		return nil, refuse(codeKeyCurve)
	}
	return &Signer{kind: k, pub: own, jws: jws}, nil
}

// KID names the signing key.
func (s *Signer) KID() string { return s.pub.KID }

// Kind is the only kind of token that this signer makes.
func (s *Signer) Kind() Kind { return s.kind }

// Public gives a copy of the key that opens what this signer seals.
func (s *Signer) Public() *PublicKey {
	own := *s.pub
	return &own
}

// Seal signs a payload of at least one byte and gives the compact token. The
// token has been opened again, under the public key and by the strict reader,
// and held what was asked for: a flipped bit in the key, in the signature or in
// a buffer stops it here with [ErrSignerFault]. The text may be as long as
// [MaxLargeToken]; whoever seals for Open keeps to [MaxToken].
func (s *Signer) Seal(payload []byte) (string, error) {
	if len(payload) == 0 {
		return "", refuse(codePayloadEmpty)
	}
	if len(payload) > MaxLargeToken*3/4-1<<10 {
		return "", refuse(codePayloadTooLong)
	}
	// What must come out, fixed before anything is handed over.
	input := SigningInput(s.kind, s.pub.KID, payload)
	compact, err := s.sign(payload)
	if err != nil {
		return "", err
	}
	if err := s.selfCheck(input, compact); err != nil {
		return "", err
	}
	return compact, nil
}

// sign is Seal without the check.
func (s *Signer) sign(payload []byte) (string, error) {
	jws, err := s.jws.Sign(payload)
	if err != nil {
		// The signer's own words: a token or a socket that is gone must be named.
		return "", fmt.Errorf("%w: %w", refuse(codeSignerFailed), err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		return "", refuse(codeSignerFailed)
	}
	return compact, nil
}

// selfCheck opens a token just made: it must be the input, a dot and a
// signature that verifies.
func (s *Signer) selfCheck(input, compact string) error {
	rest, ok := strings.CutPrefix(compact, input)
	if !ok || !strings.HasPrefix(rest, ".") {
		return refuse(codeSignerOtherInput)
	}
	if _, err := s.pub.OpenUpTo(s.kind, compact, MaxLargeToken); err != nil {
		return refuse(codeSignerSelfCheck)
	}
	return nil
}

// Format prints kind and kid for every verb, so that no log holds the key.
func (s *Signer) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

func (s *Signer) String() string {
	if s == nil || s.pub == nil {
		return "signer without a key"
	}
	return "signer of " + string(s.kind) + " with key " + s.pub.KID
}

// LogValue prints what String does.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives what String does.
func (s *Signer) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// es256 is the door through which go-jose reaches a crypto.Signer.
type es256 struct {
	key    crypto.Signer
	public *jose.JSONWebKey
}

var _ jose.OpaqueSigner = (*es256)(nil)

func (d *es256) Public() *jose.JSONWebKey { return d.public }

func (d *es256) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.ES256} }

var errSignature = errors.New("signing: not an ES256 signature")

// SignPayload signs the digest of the signing input and gives r ‖ s with a low s.
func (d *es256) SignPayload(input []byte, alg jose.SignatureAlgorithm) ([]byte, error) {
	if alg != jose.ES256 {
		return nil, errSignature
	}
	digest := sha256.Sum256(input)
	der, err := d.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	sig, ok := lowS(der)
	if !ok {
		return nil, errSignature
	}
	return sig, nil
}
