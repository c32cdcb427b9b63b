// The cost of a repair beside that of judging a clean scan.

package scan

import (
	"testing"
	"time"
)

func BenchmarkUndo(b *testing.B) {
	code := randomCode(newRand(1))
	half := code[:len(code)/2]
	for _, c := range []struct{ name, in string }{
		{"clean", code},
		{"azerty", typed(b, code, families[0], hosts[0], asSent)},
		{"azerty-caps", typed(b, code, families[0], hosts[0], capsAll)},
		{"lower-case", typed(b, code, families[0], hosts[2], capsLetters)},
		{"last-pair", typed(b, code, families[2], hosts[len(hosts)-1], asSent)},
		{"half", half},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			clean, repair := time.Hour, time.Hour // the fastest of the rounds: machines are shared
			for b.Loop() {
				start := time.Now()
				Undo(code)
				mid := time.Now()
				Undo(c.in)
				clean, repair = min(clean, mid.Sub(start)), min(repair, time.Since(mid))
			}
			b.ReportMetric(float64(repair.Nanoseconds()), "ns/scan")
			b.ReportMetric(float64(repair)/float64(clean), "x-clean")
		})
	}
}
