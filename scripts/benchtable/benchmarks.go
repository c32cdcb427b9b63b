// Ratios that the packages' own benchmarks measure, each with its peer in the same loop.

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// ratioOf is one metric of one Go benchmark.
type ratioOf struct {
	pkg, name, metric string
	what, peer        string
	limit             float64
}

// take runs a benchmark five times and adds the median of its metric.
func (b *bench) take(r ratioOf) error {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "^"+r.name+"$", "-count", "5", "-benchtime", "1s", "sceau/"+r.pkg).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", r.name, err, out)
	}
	found := regexp.MustCompile(`([0-9.e+-]+) `+regexp.QuoteMeta(r.metric)+`\b`).FindAllStringSubmatch(string(out), -1)
	if len(found) == 0 {
		return fmt.Errorf("%s reports no %s: %s", r.name, r.metric, out)
	}
	var values []float64
	for _, f := range found {
		v, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return err
		}
		values = append(values, v)
	}
	m := median(values)
	b.add(r.what, fmt.Sprintf("%.2f ×", m), r.peer, m, r.limit)
	return nil
}

func (b *bench) verdict() error {
	return b.take(ratioOf{"offline", "BenchmarkVerdict", "x-raw-verify", "verdict, code text to words-ready answer", "one ecdsa.Verify", 1.3})
}
