// What a symbol costs: the print run against skip2, against the qrencode program and against the signature it carries.

package qr

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// ofVersion is a code text that needs exactly this version.
func ofVersion(tb testing.TB, version int) string {
	r := mrand.New(mrand.NewPCG(uint64(version), 3))
	for n := 20; n < 620; n++ {
		if text := codeText(r, n); smallest(text) == version {
			return text
		}
	}
	tb.Fatalf("no text for version %d", version)
	return ""
}

// fastest is the least time of rounds calls of f, the figure that neighbours on a shared machine disturb least.
func fastest(rounds int, f func()) time.Duration {
	best := time.Duration(1 << 62)
	for range rounds {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

// BenchmarkPrinter reports the ratios to its peers, measured in turn with it in this same run.
func BenchmarkPrinter(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("a card"))
	for _, version := range []int{8, 10, 11, 12, 13, 14, 15, 20} {
		b.Run(fmt.Sprintf("v%d", version), func(b *testing.B) {
			text, p := ofVersion(b, version), NewPrinter()
			if _, err := p.Encode(text); err != nil {
				b.Fatal(err)
			}
			var own, skip2, sign time.Duration = 1 << 62, 1 << 62, 1 << 62
			for range 10 {
				own = min(own, fastest(20, func() { p.Encode(text) }))
				skip2 = min(skip2, fastest(1, func() { Encode(text) }))
				sign = min(sign, fastest(20, func() { ecdsa.SignASN1(rand.Reader, key, digest[:]) }))
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Encode(text); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(skip2)/float64(own), "x-faster-than-skip2")
			b.ReportMetric(float64(own)/float64(sign), "of-one-sign")
			if program, err := exec.LookPath("qrencode"); err == nil {
				process := fastest(5, func() {
					c := exec.Command(program, "-l", "M", "-8", "-o", "-", "-t", "PNG")
					c.Stdin = strings.NewReader(text)
					c.Run()
				})
				b.ReportMetric(float64(process)/float64(own), "x-faster-than-qrencode-process")
			}
		})
	}
}

func BenchmarkPrinterParallel(b *testing.B) {
	text, p := ofVersion(b, 12), NewPrinter()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Encode(text)
		}
	})
}

func BenchmarkSingle(b *testing.B) {
	text := ofVersion(b, 12)
	b.ReportAllocs()
	for b.Loop() {
		Encode(text)
	}
}

func BenchmarkPNG(b *testing.B) {
	m, err := Encode(ofVersion(b, 12))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.PNG(io.Discard, 8)
	}
}

// A print run must not allocate what one symbol costs with skip2.
func TestPrinterHardlyAllocates(t *testing.T) {
	text, p := ofVersion(t, 12), NewPrinter()
	p.Encode(text)
	if n := testing.AllocsPerRun(50, func() { p.Encode(text) }); n > 2 && !raceDetector {
		t.Errorf("%v allocations a symbol", n)
	}
}
