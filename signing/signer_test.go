// This file tests sealing: exact bytes, low s, and signers that do wrong.

package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func sha256Sum(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func newSigner(t testing.TB, k Kind) (*Signer, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(k, key)
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}

// TestSeal: the exact header, the signing input as logged, a low s each time,
// and the library agrees.
func TestSeal(t *testing.T) {
	s, key := newSigner(t, testKind)
	for n := 1; n <= 300; n++ {
		payload := bytes.Repeat([]byte{byte(n)}, n)
		compact, err := s.Seal(payload)
		if err != nil {
			t.Fatal(err)
		}
		h, _, sig := parts(compact)
		header, _ := b64.DecodeString(h)
		if want := `{"alg":"ES256","kid":"` + KID(&key.PublicKey) + `","typ":"tp-card-1"}`; string(header) != want {
			t.Fatalf("header %s, want %s", header, want)
		}
		raw, _ := b64.DecodeString(sig)
		if new(big.Int).SetBytes(raw[32:]).Cmp(halfOrder) > 0 {
			t.Fatal("high s")
		}
		if compact[:strings.LastIndex(compact, ".")] != SigningInput(testKind, s.KID(), payload) {
			t.Fatal("not the signing input")
		}
		got, err := s.Public().Open(testKind, compact)
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatal(err)
		}
		if theirs, ok := joseTakes(&key.PublicKey, compact); !ok || !bytes.Equal(theirs, payload) {
			t.Fatal("go-jose refuses it")
		}
	}
	if s.Kind() != testKind || s.KID() != s.Public().KID {
		t.Error(s.Kind(), s.KID())
	}
}

func TestSealBounds(t *testing.T) {
	s, _ := newSigner(t, "statuslist+jwt")
	if _, err := s.Seal(nil); CodeOf(err) != codePayloadEmpty {
		t.Error(err)
	}
	if _, err := s.Seal(make([]byte, MaxLargeToken)); CodeOf(err) != codePayloadTooLong {
		t.Error(err)
	}
	// A large token leaves, and only who asks for large ones reads it.
	compact, err := s.Seal(make([]byte, 600<<10))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Public().Open("statuslist+jwt", compact); CodeOf(err) != codeTokenTooLong {
		t.Error(err)
	}
	if _, err := s.Public().OpenUpTo("statuslist+jwt", compact, MaxLargeToken); err != nil {
		t.Error(err)
	}
	if _, err := s.Seal(make([]byte, MaxLargeToken*3/4-1<<10)); err != nil {
		t.Errorf("the largest payload: %v", err)
	}
}

func TestNewSignerRefuses(t *testing.T) {
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for name, c := range map[string]struct {
		kind Kind
		key  crypto.Signer
		code string
	}{
		"no key": {testKind, nil, codeKeyEmpty}, "P-384": {testKind, p384, codeKeyCurve}, "Ed25519": {testKind, ed, codeKeyCurve},
		"no kind": {"", p256, codeKeyKind}, "kind with a quote": {`a"b`, p256, codeKeyKind}, "upper case": {"TP", p256, codeKeyKind},
	} {
		if s, err := NewSigner(c.kind, c.key); s != nil || CodeOf(err) != c.code || !errors.Is(err, ErrBadKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPublicKey(testKind, nil); CodeOf(err) != codeKeyEmpty {
		t.Error(err)
	}
}

// faulty is a signer that misbehaves after its key has signed.
type faulty struct {
	crypto.Signer
	spoil func(digest, der []byte) ([]byte, error)
}

func (f faulty) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	der, err := f.Signer.Sign(r, digest, o)
	if err != nil {
		return nil, err
	}
	return f.spoil(digest, der)
}

// spoiledJWS changes the payload on its way to the library.
type spoiledJWS struct {
	jose.Signer
	spoil func(payload []byte) []byte
}

func (s spoiledJWS) Sign(payload []byte) (*jose.JSONWebSignature, error) {
	return s.Signer.Sign(s.spoil(bytes.Clone(payload)))
}

// TestSignFaults: whatever the signer does, no bad token leaves.
func TestSignFaults(t *testing.T) {
	_, key := newSigner(t, testKind)
	_, other := newSigner(t, testKind)
	gone := errors.New("token removed")
	cases := map[string]struct {
		code  string
		spoil func(digest, der []byte) ([]byte, error)
	}{
		"error":         {codeSignerFailed, func(_, _ []byte) ([]byte, error) { return nil, gone }},
		"nothing":       {codeSignerFailed, func(_, _ []byte) ([]byte, error) { return nil, nil }},
		"no DER":        {codeSignerFailed, func(_, der []byte) ([]byte, error) { return der[1:], nil }},
		"trailing byte": {codeSignerFailed, func(_, der []byte) ([]byte, error) { return append(der, 0), nil }},
		"r = 0":         {codeSignerFailed, func(_, _ []byte) ([]byte, error) { return asn1.Marshal(derSignature{new(big.Int), big.NewInt(1)}) }},
		"s = n":         {codeSignerFailed, func(_, _ []byte) ([]byte, error) { return asn1.Marshal(derSignature{big.NewInt(1), order}) }},
		"negative s":    {codeSignerFailed, func(_, _ []byte) ([]byte, error) { return asn1.Marshal(derSignature{big.NewInt(1), big.NewInt(-1)}) }},
		"another key":   {codeSignerSelfCheck, func(digest, _ []byte) ([]byte, error) { return other.Sign(rand.Reader, digest, crypto.SHA256) }},
		"another digest": {codeSignerSelfCheck, func(digest, _ []byte) ([]byte, error) {
			wrong := bytes.Clone(digest)
			wrong[3] ^= 4
			return key.Sign(rand.Reader, wrong, crypto.SHA256)
		}},
	}
	for bit := range 512 {
		cases[fmt.Sprintf("bit %d of the signature", bit)] = struct {
			code  string
			spoil func(digest, der []byte) ([]byte, error)
		}{"", func(_, der []byte) ([]byte, error) {
			sig, ok := lowS(der)
			if !ok {
				return nil, errors.New("own signature")
			}
			sig[bit/8] ^= 1 << (bit % 8)
			return asn1.Marshal(derSignature{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
		}}
	}
	for name, c := range cases {
		s, err := NewSigner(testKind, faulty{key, c.spoil})
		if err != nil {
			t.Fatal(err)
		}
		compact, err := s.Seal([]byte("payload"))
		if compact != "" || !errors.Is(err, ErrSignerFault) || c.code != "" && CodeOf(err) != c.code {
			t.Errorf("%s: %q %v", name, compact, err)
		}
		if name == "error" && !errors.Is(err, gone) {
			t.Errorf("the signer's own words are lost: %v", err)
		}
	}
	honest, err := NewSigner(testKind, faulty{key, func(_, der []byte) ([]byte, error) { return der, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := honest.Seal([]byte("payload")); err != nil {
		t.Errorf("the honest twin: %v", err)
	}
	library := honest.jws
	for name, spoil := range map[string]func(payload []byte) []byte{
		"a bit":           func(p []byte) []byte { p[0] ^= 1; return p },
		"cut":             func(p []byte) []byte { return p[:6] },
		"three more":      func(p []byte) []byte { return append(p, "xyz"...) }, // the old text is a prefix of the new
		"another payload": func(p []byte) []byte { return []byte("other") },
	} {
		honest.jws = spoiledJWS{library, spoil}
		if compact, err := honest.Seal([]byte("payload-9")); compact != "" || CodeOf(err) != codeSignerOtherInput {
			t.Errorf("a buffer that changed (%s): %q %v", name, compact, err)
		}
	}
}

// TestSignerIsSilent: no way of printing a signer shows its key.
func TestSignerIsSilent(t *testing.T) {
	s, key := newSigner(t, testKind)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		fmt.Fprintf(&out, verb+"\n", s)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "signer", s)
	text, err := json.Marshal(map[string]any{"signer": s})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	secret, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]string{"decimal": new(big.Int).SetBytes(secret).String(), "hex": fmt.Sprintf("%x", secret),
		"hex upper": fmt.Sprintf("%X", secret), "base64": b64.EncodeToString(secret)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the key shows in %s", name)
		}
	}
	if !strings.Contains(out.String(), s.KID()) {
		t.Error("the kid does not show")
	}
	_ = (*Signer)(nil).String()
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	s, _ := newSigner(t, testKind)
	var ring Keyring
	if err := ring.Add(s.Public()); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 20 {
				payload := fmt.Appendf(nil, "%d-%d", g, i)
				compact, err := s.Seal(payload)
				if err != nil {
					t.Error(err)
					return
				}
				k, err := ring.Lookup(s.KID())
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := k.Open(testKind, compact); err != nil || !bytes.Equal(got, payload) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// TestKindsMatrix: 5 kinds, 5 verifiers, only the diagonal passes: with a key
// for each kind, and even with one key given to all five.
func TestKindsMatrix(t *testing.T) {
	kinds := []Kind{testKind, "sceau-journal-head-1", "statuslist+jwt", "sceau-device-1", "sceau-answer-1"}
	_, shared := newSigner(t, testKind)
	for _, one := range []bool{false, true} {
		var signers []*Signer
		for _, k := range kinds {
			_, key := newSigner(t, k)
			if one {
				key = shared
			}
			s, err := NewSigner(k, key)
			if err != nil {
				t.Fatal(err)
			}
			signers = append(signers, s)
		}
		passed := 0
		for i, from := range signers {
			compact, err := from.Seal([]byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			for j, to := range signers {
				_, err := to.Public().Open(kinds[j], compact)
				if (err == nil) != (i == j) {
					t.Errorf("shared %v: %s read as %s: %v", one, kinds[i], kinds[j], err)
				}
				if i != j && CodeOf(err) != codeTypOtherKind {
					t.Errorf("shared %v: %s read as %s: %v", one, kinds[i], kinds[j], err)
				}
				if err == nil {
					passed++
				}
				// The key is right and the caller asks for another kind.
				if _, err := from.Public().Open(kinds[j], compact); (err == nil) != (i == j) || i != j && !errors.Is(err, ErrWrongKind) {
					t.Errorf("shared %v: key of %s asked for %s: %v", one, kinds[i], kinds[j], err)
				}
			}
		}
		if passed != len(kinds) {
			t.Errorf("%d of 25 passed", passed)
		}
	}
}

// TestEveryCode: each code of the table is reached by a case, and no case
// reaches a code outside it.
func TestEveryCode(t *testing.T) {
	reached := map[string]bool{
		// Reached by TestSealBounds, TestSignFaults, TestKeyring, TestWindowAndState, TestNewSignerRefuses.
		codePayloadEmpty: true, codePayloadTooLong: true, codeSignerFailed: true, codeSignerSelfCheck: true, codeSignerOtherInput: true,
		codeKeyOtherKind: true, codeKeyEmpty: true, codeKeyCurve: true, codeKeyKind: true, codeKeyState: true, codeKeyWindow: true,
		codeKeyDuplicate: true, codeKIDUnknown: true,
	}
	for _, c := range allClasses() {
		reached[c.code] = true
	}
	for _, c := range jwkClasses() {
		reached[c.code] = true
	}
	for _, code := range Codes() {
		if !reached[code] {
			t.Errorf("no test reaches %s", code)
		}
		delete(reached, code)
	}
	for code := range reached {
		t.Errorf("%s is in no table", code)
	}
	if r := refuse("no_such_code"); r.Family == nil || r.Detail == "" || CodeOf(fmt.Errorf("wrapped: %w", r)) != "no_such_code" || CodeOf(io.EOF) != "" {
		t.Error("a code outside the table")
	}
}
