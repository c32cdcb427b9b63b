// Benchtable measures what the README claims and prints it as a table: each figure beside a peer or a limit that was measured
// in the same run. Times are CPU time of this machine, medians of interleaved rounds; only the ratios are to be quoted.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is one claim.
type row struct {
	what     string
	measured string
	peer     string
	ratio    float64
	limit    float64 // 0: nothing was promised
}

type bench struct {
	rows []row
	tmp  string
}

func (b *bench) add(what, measured, peer string, ratio, limit float64) {
	b.rows = append(b.rows, row{what, measured, peer, ratio, limit})
	fmt.Fprintf(os.Stderr, "%s: %s (%s), %.2f\n", what, measured, peer, ratio)
}

func main() {
	tmp, err := os.MkdirTemp("", "sceau-bench-")
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(tmp)
	b := &bench{tmp: tmp}
	all := []struct {
		name string
		run  func(*bench) error
	}{
		// First: a child's peak memory counts from its parent's at the fork, so this process must still be small.
		{"nation", (*bench).nation}, {"campaign", (*bench).campaign}, {"import", (*bench).imports}, {"verdict", (*bench).verdict}, {"code", (*bench).codes}, {"status", (*bench).statusPages},
		{"issue", (*bench).issue}, {"peers", (*bench).peers}, {"demo", (*bench).demo}, {"service", (*bench).service}, {"theft", (*bench).theft},
		{"publish", (*bench).publication},
	}
	for _, part := range all {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], part.name) {
			continue
		}
		if err := part.run(b); err != nil {
			os.RemoveAll(tmp)
			fail(fmt.Errorf("%s: %w", part.name, err))
		}
	}
	if !b.print() {
		os.RemoveAll(tmp)
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}

// print writes the table; false when a limit is passed.
func (b *bench) print() bool {
	ok := true
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| what\t| measured\t| beside\t| ratio\t| limit\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range b.rows {
		limit := "–"
		if r.limit > 0 {
			limit = strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", r.limit), "0"), ".")
			if r.ratio > r.limit {
				limit += " PASSED"
				ok = false
			}
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %.2f\t| %s\t|\n", r.what, r.measured, r.peer, r.ratio, limit)
	}
	w.Flush()
	return ok
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
