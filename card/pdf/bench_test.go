//go:build unix

package pdf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/sha256"
	"io"
	"runtime"
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

// writeRun makes one document and returns its size.
func writeRun(tb testing.TB, l Layout, o RunOptions, sheets []Sheet) int64 {
	r, err := NewRunWith(l, nil, o)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range sheets {
		if err := r.Add(s); err != nil {
			tb.Fatal(err)
		}
	}
	size, err := r.WriteTo(io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	return size
}

func benchmarkRun(b *testing.B, l Layout, o RunOptions) {
	sheets := numbered(runSheets(b, 1000))
	b.ReportAllocs()
	var size int64
	sign, best := time.Hour, time.Hour
	for b.Loop() {
		sign = min(sign, rawSign(b)) // beside each run, so that a busy machine slows both
		start := cpu()
		size = writeRun(b, l, o, sheets)
		best = min(best, cpu()-start)
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "µs/card")
	b.ReportMetric(float64(best)/1000/float64(sign), "signs/card")
	b.ReportMetric(float64(sign.Nanoseconds())/1000, "µs/sign")
	b.ReportMetric(float64(size)/1000, "B/card")
}

func BenchmarkRun1000(b *testing.B)     { benchmarkRun(b, LayoutA4, RunOptions{}) }
func BenchmarkRun1000Card(b *testing.B) { benchmarkRun(b, LayoutCard, RunOptions{}) }
func BenchmarkRun1000Window(b *testing.B) {
	benchmarkRun(b, LayoutA4, RunOptions{Window: WindowDL, Marks: true, Total: 100000})
}
func BenchmarkRun1000TenUp(b *testing.B) {
	benchmarkRun(b, LayoutCard, RunOptions{Sheet: Impose10Up, Marks: true, Total: 100000})
}

// BenchmarkRuns makes runs on as many goroutines as there are processors. With -cpu 1,2 the cards a second should double; on
// a busy machine the CPU time of a card says it: what runs wait for each other, or clear each other's caches, is added there.
func BenchmarkRuns(b *testing.B) {
	sheets := runSheets(b, 500)
	start := cpu()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			writeRun(b, LayoutA4, RunOptions{}, sheets)
		}
	})
	b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "cards/s")
	b.ReportMetric(float64((cpu()-start).Microseconds())/500/float64(b.N), "µs-cpu/card")
}

// BenchmarkRunMemory says how much memory a whole run of 5,000 letters needs at its worst.
func BenchmarkRunMemory(b *testing.B) {
	sheets := runSheets(b, 50)
	for b.Loop() {
		b.ReportMetric(float64(runMemory(b, sheets, MaxRun))/(1<<20), "MB")
	}
}

// runMemory returns the largest heap of a run of n cards beyond what there was before, garbage included.
func runMemory(tb testing.TB, sheets []Sheet, n int) (peak int64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := int64(m.HeapAlloc)
	look := func() {
		runtime.ReadMemStats(&m)
		peak = max(peak, int64(m.HeapAlloc)-before)
	}
	r, err := NewRun(LayoutA4, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		s := sheets[i%len(sheets)]
		s.Claims.Place.Index = uint32(i)
		if err := r.Add(s); err != nil {
			tb.Fatal(err)
		}
		if i%100 == 0 {
			look()
		}
	}
	look()
	if _, err := r.WriteTo(watched{look}); err != nil {
		tb.Fatal(err)
	}
	look()
	return peak
}

// A run holds its pages deflated and nothing else that grows: 5,000 letters stay well under 60 MB.
func TestRunMemory(t *testing.T) {
	if peak := runMemory(t, runSheets(t, 20), MaxRun); peak > 45<<20 {
		t.Errorf("%d MB of heap for %d letters", peak>>20, MaxRun)
	}
}

// watched calls a function at each write.
type watched struct{ look func() }

func (w watched) Write(b []byte) (int, error) {
	w.look()
	return len(b), nil
}

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
