//go:build unix

package pdf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/sha256"
	"io"
	"syscall"
	"testing"
	"time"
)

// cpu is the CPU time that this process has used, collector included: a busy machine does not change it much.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rawSign is the yardstick: one P-256 signature by the standard library, in the same process.
func rawSign(tb testing.TB) time.Duration {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	d := sha256.Sum256([]byte("yardstick"))
	const n = 400
	best := time.Hour
	for range 5 {
		start := cpu()
		for range n {
			if _, err := ecdsa.SignASN1(crand.Reader, key, d[:]); err != nil {
				tb.Fatal(err)
			}
		}
		best = min(best, (cpu()-start)/n)
	}
	return best
}

func benchmarkRun(b *testing.B, l Layout, theme *Theme) {
	sheets := runSheets(b, 1000)
	b.ReportAllocs()
	var size int64
	sign, best := time.Hour, time.Hour
	for b.Loop() {
		sign = min(sign, rawSign(b)) // beside each run, so that a busy machine slows both
		start := cpu()
		r, err := NewRun(l, theme)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range sheets {
			if err := r.Add(s); err != nil {
				b.Fatal(err)
			}
		}
		if size, err = r.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
		best = min(best, cpu()-start)
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "µs/card")
	b.ReportMetric(float64(best)/1000/float64(sign), "signs/card")
	b.ReportMetric(float64(sign.Nanoseconds())/1000, "µs/sign")
	b.ReportMetric(float64(size)/1000, "B/card")
}

func BenchmarkRun1000(b *testing.B)     { benchmarkRun(b, LayoutA4, nil) }
func BenchmarkRun1000Card(b *testing.B) { benchmarkRun(b, LayoutCard, nil) }

func benchmarkOne(b *testing.B, l Layout) {
	s := households(b)["3"]
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := single(&out, l, s, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len()), "B")
}

func BenchmarkA4(b *testing.B)   { benchmarkOne(b, LayoutA4) }
func BenchmarkCard(b *testing.B) { benchmarkOne(b, LayoutCard) }
