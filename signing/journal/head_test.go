// This file tests the signed head.

package journal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

func headSigner(t testing.TB, k signing.Kind) *signing.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.NewSigner(k, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignedHead(t *testing.T) {
	s := headSigner(t, HeadKind)
	first := start(t, "register-1")
	for _, head := range []Head{first, chain(t, "register-1", 5)[4].Head(), {Seq: ^uint64(0), Hash: [32]byte{1}}} {
		token, err := SealHead(s, "register-1", head, day.Add(900*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		st, err := OpenHead(s.Public(), token)
		if err != nil || st.Name != "register-1" || st.Head != head || !st.At.Equal(day) {
			t.Errorf("%+v %v", st, err)
		}
		// As known head it is what stops a shortened journal.
		if head.Seq == 5 {
			_, err := Verify(first, seq(chain(t, "register-1", 4)), st.Head)
			want(t, err, 5, ErrTruncated)
		}
	}
}

func TestSignedHeadRefuses(t *testing.T) {
	s, other := headSigner(t, HeadKind), headSigner(t, "tp-card-1")
	first := start(t, "a")
	head := chain(t, "a", 1)[0].Head()
	for name, err := range map[string]error{
		"another kind":          second(SealHead(other, "a", head, day)),
		"a bad name":            second(SealHead(s, "a b", head, day)),
		"empty, of other chain": second(SealHead(s, "b", first, day)),
		"year 20000":            second(SealHead(s, "a", head, time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC))),
	} {
		if err == nil || !errors.Is(err, ErrEntry) && !errors.Is(err, signing.ErrWrongKind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	hash := hex.EncodeToString(head.Hash[:])
	good := fmt.Sprintf(`{"chain":"a","seq":1,"hash":"%s","at":1803888000}`, hash)
	if token, err := s.Seal([]byte(good)); err != nil {
		t.Fatal(err)
	} else if _, err := OpenHead(s.Public(), token); err != nil {
		t.Fatalf("the twin: %v", err)
	}
	for _, payload := range []string{
		"x", "null", "[]", "{}", good + " ", " " + good, good + good,
		strings.Replace(good, `"a"`, `"a b"`, 1), strings.Replace(good, `"a"`, `""`, 1),
		strings.Replace(good, `"seq":1`, `"seq":0`, 1), strings.Replace(good, `"seq":1`, `"seq":-1`, 1),
		strings.Replace(good, `"seq":1`, `"seq":1.0`, 1), strings.Replace(good, `"seq":1`, `"seq":18446744073709551616`, 1),
		strings.Replace(good, `"seq":1`, `"seq":1,"seq":2`, 1), strings.Replace(good, `"seq"`, `"Seq"`, 1),
		strings.Replace(good, hash, hash[:62], 1), strings.Replace(good, hash, strings.ToUpper(hash), 1), strings.Replace(good, hash, hash+"00", 1),
		strings.Replace(good, "1803888000", "1e9", 1), strings.Replace(good, "1803888000", "9223372036854775807", 1),
		strings.Replace(good, "}", `,"x":1}`, 1),
	} {
		token, err := s.Seal([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		if st, err := OpenHead(s.Public(), token); !errors.Is(err, ErrHead) || st != (Statement{}) {
			t.Errorf("%s: %+v %v", payload, st, err)
		}
	}
	token, err := SealHead(s, "a", head, day)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHead(headSigner(t, HeadKind).Public(), token); !errors.Is(err, signing.ErrUnknownKey) {
		t.Error(err)
	}
	card, err := other.Seal([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHead(other.Public(), card); !errors.Is(err, signing.ErrWrongKind) {
		t.Error(err)
	}
}
