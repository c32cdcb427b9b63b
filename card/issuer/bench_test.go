//go:build !windows

package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"sceau/card/status"
)

// BenchmarkIssue issues households of 1 to 4 people: reserve, log, sign, verify, store, emit. It reports the processor time
// of a card (all processors, kernel included) as a ratio to one raw ecdsa.Sign, and to one sign and verify, of the same run:
// on a machine that others use too, the clock on the wall says nothing.
func BenchmarkIssue(b *testing.B) {
	const cards = 2000
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("card"))
	var sig []byte
	var sign, verify, issue time.Duration
	n := 0
	for b.Loop() {
		w := newWorld(b)
		w.seed(cards)
		sign += processor(func() {
			for range cards {
				if sig, err = ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
		verify += processor(func() {
			for range cards {
				if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
					b.Fatal("verify")
				}
			}
		})
		issue += processor(func() {
			r, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return nil })
			if err != nil || r.Issued != cards {
				b.Fatal(r, err)
			}
		})
		n += cards
	}
	b.ReportMetric(float64(issue.Microseconds())/float64(n), "µs/card")
	b.ReportMetric(float64(issue)/float64(sign), "×sign")
	b.ReportMetric(float64(issue)/float64(sign+verify), "×sign+verify")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkIssueAgain walks contracts that all have their card.
func BenchmarkIssueAgain(b *testing.B) {
	w := newWorld(b)
	w.seed(2000)
	w.issue(IssueRequest{All: true})
	for b.Loop() {
		if r, _ := w.issue(IssueRequest{All: true}); r.Existing != 2000 {
			b.Fatal(r)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/2000, "µs/contract")
}

// BenchmarkImport takes a roster of 2,000 contracts, new and again.
func BenchmarkImport(b *testing.B) {
	file := header
	for i := range 2000 {
		file += line(fmt.Sprintf("A%06d", i), "Éloïse", "100%") + line(fmt.Sprintf("A%06d", i), "Noé", "100%")
	}
	for _, again := range []bool{false, true} {
		b.Run(map[bool]string{false: "new", true: "again"}[again], func(b *testing.B) {
			var took time.Duration
			for b.Loop() {
				b.StopTimer()
				w := newWorld(b)
				if again {
					must1(w.take(file, ImportOptions{}))(b)
				}
				b.StartTimer()
				began := time.Now()
				must1(w.take(file, ImportOptions{}))(b)
				took += time.Since(began)
			}
			b.ReportMetric(float64(took.Microseconds())/float64(b.N)/2000, "µs/contract")
		})
	}
}

func must1[A, B any](a A, _ B, err error) func(testing.TB) A {
	return func(t testing.TB) A {
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// BenchmarkPublish publishes 1,000 events.
func BenchmarkPublish(b *testing.B) {
	w := newWorld(b)
	keys := w.seed(1000)
	w.issue(IssueRequest{All: true})
	w.publish()
	round := 0
	for b.Loop() {
		b.StopTimer()
		var targets []Target
		for _, k := range keys {
			targets = append(targets, Target{Contract: k})
		}
		kind := []status.Kind{status.Void, status.Restored}[round%2]
		round++
		_, err := w.issuer.SetStatus(context.Background(), StatusRequest{Kind: kind, Targets: targets, From: household(b, "A", 1, 0).From})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		w.publish()
	}
}
