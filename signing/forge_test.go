// This file builds tokens of any shape for the tests, signed by the right key, so that only the rule under test can refuse them.

package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const testKind Kind = "tp-card-1"

// forger holds a key that is trusted, and makes anything with it.
type forger struct {
	key     *ecdsa.PrivateKey
	public  *PublicKey
	kid     string
	payload []byte
}

func newForger(t testing.TB) *forger {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := NewPublicKey(testKind, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	// 14 bytes, so that the payload's last character has spare bits.
	return &forger{key: key, public: public, kid: public.KID, payload: []byte(`{"iss":"7756"}`)}
}

// header is the lawful one.
func (f *forger) header() string { return Header(testKind, f.kid) }

// sign gives the low-s signature of a text, r ‖ s.
func (f *forger) sign(input string) []byte {
	digest := sha256.Sum256([]byte(input))
	der, err := f.key.Sign(rand.Reader, digest[:], nil)
	if err != nil {
		panic(err)
	}
	sig, ok := lowS(der)
	if !ok {
		panic("a signature of our own cannot be read")
	}
	return sig
}

// token makes a token with that header and a signature that is right for it.
func (f *forger) token(header string) string {
	return f.close(b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(f.payload))
}

// close appends the right signature to the text of header and payload.
func (f *forger) close(input string) string {
	return input + "." + b64.EncodeToString(f.sign(input))
}

// parts cuts a token at its dots.
func parts(compact string) (header, payload, signature string) {
	p := strings.Split(compact, ".")
	return p[0], p[1], p[2]
}

// big256 gives 32 bytes.
func big256(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

// nonCanonical gives another text for the same bytes: the last character's
// spare bits set.
func nonCanonical(s string) string {
	spare := map[int]int{2: 15, 3: 3}[len(s)%4]
	if spare == 0 {
		panic("this text has no spare bits")
	}
	v := alphabetValue(s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[v|1&spare])
}

// joseTakes reports whether go-jose accepts the token under the key, and what
// it reads.
func joseTakes(pub *ecdsa.PublicKey, compact string) ([]byte, bool) {
	jws, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, false
	}
	payload, err := jws.Verify(pub)
	return payload, err == nil
}
