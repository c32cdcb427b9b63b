//go:build linux

package sealed_test

import (
	"bytes"
	"context"
	"syscall"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/fixtures/gen"
)

// processor is the time that fn took of all processors, the kernel's included: on a machine that others use too, the clock on
// the wall says nothing.
func processor(b *testing.B, fn func()) time.Duration {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	fn()
	return used() - before
}

// BenchmarkSealing imports and issues 1,000 households in a plain and in a sealed register, and reports the ratios of processor
// time of the same run.
func BenchmarkSealing(b *testing.B) {
	const households = 1000
	people, err := gen.New(3, gen.Options{Households: households, Insurers: 1})
	if err != nil {
		b.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := people.WriteRoster(&file); err != nil {
		b.Fatal(err)
	}
	var imported, again, issued [2]time.Duration
	ctx := context.Background()
	for b.Loop() {
		for i, encrypted := range []bool{false, true} {
			s := serve(b, nil, encrypted)
			take := func() {
				if _, err := s.is.Import(ctx, bytes.NewReader(file.Bytes()), issuer.ImportOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			imported[i] += processor(b, take)
			again[i] += processor(b, take)
			issued[i] += processor(b, func() {
				r, err := s.is.Issue(ctx, issuer.IssueRequest{All: true}, func(issuer.Issued) error { return nil })
				if err != nil || r.Issued != households {
					b.Fatal(r, err)
				}
			})
			if err := s.inner.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	n := float64(b.N * households)
	b.ReportMetric(float64(issued[0].Microseconds())/n, "µs/card-plain")
	b.ReportMetric(float64(issued[1].Microseconds())/n, "µs/card-sealed")
	b.ReportMetric(float64(issued[1])/float64(issued[0]), "×issue")
	b.ReportMetric(float64(imported[1])/float64(imported[0]), "×import")
	b.ReportMetric(float64(again[1])/float64(again[0]), "×import-again")
	b.ReportMetric(0, "ns/op")
}
