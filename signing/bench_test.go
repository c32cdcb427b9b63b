// This file measures sealing and opening against the bare ECDSA operations, in interleaved rounds of one run.

package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// benchPayload has the size of the compressed claims of a household of three.
func benchPayload() []byte {
	p := make([]byte, 130)
	rand.Read(p)
	return p
}

// ratios runs the contenders in turn, a batch each, for b.N rounds, and reports
// the median of each one's batch against the first one's in the same round: on
// a shared machine only such a ratio means something.
func ratios(b *testing.B, batch int, names []string, run ...func()) {
	b.Helper()
	rounds := make([][]float64, len(run))
	for b.Loop() {
		first := 0.0
		for i, f := range run {
			start := time.Now()
			for range batch {
				f()
			}
			took := float64(time.Since(start))
			if i == 0 {
				first = took
				rounds[0] = append(rounds[0], took/float64(batch))
				continue
			}
			rounds[i] = append(rounds[i], took/first)
		}
	}
	for i, r := range rounds {
		slices.Sort(r)
		median := r[len(r)/2]
		if i == 0 {
			b.ReportMetric(median/1e3, names[0]+"-µs")
		} else {
			b.ReportMetric(median, names[i]+"-x-raw")
		}
	}
	b.ReportMetric(0, "ns/op") // a round of all contenders means nothing
}

// BenchmarkOpen: bar 1.05 × raw (PERFORMANCE, "verify+kid"). Raw is SHA-256 of
// the signed text and ecdsa.Verify with r and s already parsed.
func BenchmarkOpen(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := NewSigner("tp-card-1", key)
	if err != nil {
		b.Fatal(err)
	}
	compact, err := signer.Seal(benchPayload())
	if err != nil {
		b.Fatal(err)
	}
	var ring Keyring
	if err := ring.Add(signer.Public()); err != nil {
		b.Fatal(err)
	}
	parts, err := SplitCompact(compact)
	if err != nil {
		b.Fatal(err)
	}
	input := []byte(parts.Input)
	r, s := new(big.Int).SetBytes(parts.Signature[:32]), new(big.Int).SetBytes(parts.Signature[32:])
	ratios(b, 20, []string{"raw", "open", "split", "jose"},
		func() {
			digest := sha256.Sum256(input)
			if !ecdsa.Verify(&key.PublicKey, digest[:], r, s) {
				b.Fatal("raw")
			}
		},
		func() {
			k, err := ring.Lookup(parts.KID)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := k.Open("tp-card-1", compact); err != nil {
				b.Fatal(err)
			}
		},
		func() {
			if _, err := SplitCompact(compact); err != nil {
				b.Fatal(err)
			}
		},
		func() {
			jws, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
			if err != nil {
				b.Fatal(err)
			}
			k, err := ring.Lookup(jws.Signatures[0].Header.KeyID)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := jws.Verify(k.pub); err != nil {
				b.Fatal(err)
			}
		})
}

// BenchmarkSeal: raw is SHA-256 and SignASN1. "sealed" is what Seal makes before
// it checks itself; "checked" is the whole of Seal.
func BenchmarkSeal(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := NewSigner("tp-card-1", key)
	if err != nil {
		b.Fatal(err)
	}
	payload := benchPayload()
	input := []byte(SigningInput("tp-card-1", signer.KID(), payload))
	ratios(b, 20, []string{"raw", "sealed", "checked"},
		func() {
			digest := sha256.Sum256(input)
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
				b.Fatal(err)
			}
		},
		func() {
			if _, err := signer.sign(payload); err != nil {
				b.Fatal(err)
			}
		},
		func() {
			if _, err := signer.Seal(payload); err != nil {
				b.Fatal(err)
			}
		})
}
