// What a campaign costs: CPU a card beside a raw signature, memory, bytes.

//go:build unix

package batch

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/manifest"
)

// cpu is the CPU time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rawSign is the yardstick: one P-256 signature by the standard library.
func rawSign(tb testing.TB) time.Duration {
	tb.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(tb)
	d := sha256.Sum256([]byte("yardstick"))
	best := time.Hour
	for range 5 {
		start := cpu()
		for range 400 {
			must(ecdsa.SignASN1(rand.Reader, key, d[:]))(tb)
		}
		best = min(best, (cpu()-start)/400)
	}
	return best
}

// peakRSS is the most memory that this process had, since it was last reset.
func peakRSS() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}

func resetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// BenchmarkCampaign is one campaign from its shards to its manifest, in memory and CPU. BATCH_CARDS says how many cards, BATCH_OUTPUTS
// what is made, BATCH_PARALLEL how many shards at a time.
func BenchmarkCampaign(b *testing.B) {
	n, _ := strconv.Atoi(os.Getenv("BATCH_CARDS"))
	outputs := manifest.FileKinds()
	if text := os.Getenv("BATCH_OUTPUTS"); text != "" {
		outputs = strings.Split(text, ",")
	}
	parallel, _ := strconv.Atoi(os.Getenv("BATCH_PARALLEL"))
	if n == 0 {
		n = 1000
	}
	for b.Loop() {
		w := newWorld(b, n)
		c := w.campaign(func(s *issuer.CampaignSpec) { s.ShardSize, s.FileSize, s.Outputs = 1000, 5000, outputs })
		sign := rawSign(b)
		runtime.GC()
		resetPeak()
		k := w.worker()
		k.Parallel = parallel
		began, wall := cpu(), time.Now()
		if err := k.Run(b.Context(), c.ID); err != nil {
			b.Fatal(err)
		}
		used, took := cpu()-began, time.Since(wall)
		r := w.whole(c)
		b.ReportMetric(float64(used.Microseconds())/float64(n), "µs-cpu/card")
		b.ReportMetric(float64(used)/float64(n)/float64(sign), "signs/card")
		b.ReportMetric(float64(used)/float64(took), "cores")
		b.ReportMetric(float64(r.Bytes)/float64(n), "B/card")
		b.ReportMetric(float64(peakRSS())/1e6, "MB-peak")
	}
}
