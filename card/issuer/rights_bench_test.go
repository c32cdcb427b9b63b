// What an online check costs beside what nobody can save: verifying the card and signing and verifying the answer.

package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"sync/atomic"
	"testing"
	"time"

	"sceau/signing/assertion"
)

// BenchmarkCheckRights asks from 64 goroutines, as a server does. ratio is the time of a check over that of a raw ECDSA P-256
// signature and two verifications (card, and answer after signing), measured in the same run.
func BenchmarkCheckRights(b *testing.B) {
	s := newShop(b)
	s.seed(200)
	_, cards := s.issue(IssueRequest{All: true, At: time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	const rounds = 500
	began := time.Now()
	for range rounds {
		sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) || !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
			b.Fatal(err)
		}
	}
	raw := time.Since(began) / rounds
	for _, c := range []struct {
		name    string
		workers int
	}{{"one", 1}, {"many", 32}} {
		b.Run(c.name, func(b *testing.B) {
			var n atomic.Uint64
			ask := func() {
				i := n.Add(1)
				var id [16]byte
				rand.Read(id[:])
				_, err := s.issuer.CheckRights(context.Background(), CheckRequest{Counter: s.counter, RequestID: assertion.NewID(id),
					Card: cards[i%uint64(len(cards))].CodeText, Domains: []string{"PHAR"}})
				if err != nil {
					b.Error(err)
				}
			}
			b.ReportAllocs()
			if c.workers == 1 {
				for b.Loop() {
					ask()
				}
			} else {
				b.SetParallelism(c.workers)
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						ask()
					}
				})
			}
			each := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(float64(each)/float64(raw), "ratio")
			b.ReportMetric(float64(time.Second)/float64(each), "checks/s")
		})
	}
}
