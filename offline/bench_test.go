package offline_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"sceau/card/status"
	"sceau/offline"
)

// BenchmarkVerdict is the whole chain from code text to verdict with the list in memory, in units of one raw P-256
// verification over the same number of bytes, measured turn by turn in the same run.
func BenchmarkVerdict(b *testing.B) {
	w := newWorld(b)
	entries := make([]status.Entry, 31_250)
	for i := range entries {
		entries[i] = status.Entry{Index: uint32(i) * 33, From: day(b, "2027-02-01"), Published: day(b, "2027-02-01"), Kind: status.Void}
	}
	page, err := w.pages[1].Append(entries)
	if err != nil {
		b.Fatal(err)
	}
	w.pages[1] = page
	text := w.issue(b, mutuelle, mutuelle, home, nil)
	private, public := rawKey(b)
	digest := sha256.Sum256([]byte(text))
	sig, err := ecdsa.SignASN1(rand.Reader, private, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}
	var raw, chain time.Duration
	for b.Loop() {
		start := time.Now()
		for range 20 {
			d := sha256.Sum256([]byte(text))
			if !ecdsa.VerifyASN1(public, d[:], sig) {
				b.Fatal("raw verification failed")
			}
		}
		middle := time.Now()
		for range 20 {
			if v := offline.Check(w, q); v.Reason != offline.OK {
				b.Fatal(v.Reason)
			}
		}
		raw += middle.Sub(start)
		chain += time.Since(middle)
	}
	b.ReportMetric(float64(chain)/float64(raw), "x-raw-verify")
	b.ReportMetric(float64(chain.Microseconds())/float64(b.N*20), "us/verdict")
}

func rawKey(b *testing.B) (*ecdsa.PrivateKey, *ecdsa.PublicKey) {
	b.Helper()
	private := newKey(b)
	return private, &private.PublicKey
}
