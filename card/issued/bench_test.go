package issued

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
)

// Look-ups in the list of an average insurer, half of them of cards that are not on it; beside them the signature that every
// card's verification costs anyway.
func BenchmarkHas(b *testing.B) {
	p, err := Decode(one(b, digests(average)))
	if err != nil {
		b.Fatal(err)
	}
	asked := digests(2 * average)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		i := (n * 7919) % len(asked)
		if p.Has(asked[i]) != (i < average) {
			b.Fatal(i)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256([]byte("a card"))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !ecdsa.VerifyASN1(&key.PublicKey, sum[:], sig) {
			b.Fatal("not verified")
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	file := one(b, digests(average))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := Decode(file); err != nil {
			b.Fatal(err)
		}
	}
}
