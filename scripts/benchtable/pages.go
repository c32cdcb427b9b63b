// How large status pages and their changes are, beside what information theory asks for, and beside a Token Status List.

package main

import (
	"fmt"
	"math"
	mathrand "math/rand/v2"

	"sceau/card"
	"sceau/card/status"
	"sceau/rights"
)

// entropyBytes is the least that any code needs on average for these events: the set of indexes, drawn uniformly, and the
// empirical entropy of days and kinds taken as independent draws, (from, published) together.
func entropyBytes(entries []status.Entry) float64 {
	n := float64(len(entries))
	places := float64(card.MaxIndex + 1)
	lg := func(x float64) float64 { v, _ := math.Lgamma(x + 1); return v / math.Ln2 }
	bits := lg(places) - lg(n) - lg(places-n)
	days, kinds := map[[2]rights.Date]float64{}, map[status.Kind]float64{}
	for _, e := range entries {
		days[[2]rights.Date{e.From, e.Published}]++
		kinds[e.Kind]++
	}
	for _, c := range days {
		bits -= c * math.Log2(c/n)
	}
	for _, c := range kinds {
		bits -= c * math.Log2(c/n)
	}
	return bits / 8
}

func (b *bench) statusPages() error {
	day, err := rights.NewDate(2027, 3, 2)
	if err != nil {
		return err
	}
	random := mathrand.New(mathrand.NewPCG(3, 3))
	entries := endedRights(random, 31_250, day)
	page, err := status.New("775670482", 1).Append(entries)
	if err != nil {
		return err
	}
	size := float64(len(page.Encode()))
	b.add(fmt.Sprintf("status page of %d ended rights", page.Len()), fmt.Sprintf("%.0f bytes", size),
		fmt.Sprintf("entropy %.0f", entropyBytes(entries)), size/entropyBytes(entries), 1.10)

	for _, count := range []int{1500, 60} {
		fresh := unused(page, endedRights(random, count*2, day), count, day)
		next, err := page.Append(fresh)
		if err != nil {
			return err
		}
		changes, err := status.Diff(page, next)
		if err != nil {
			return err
		}
		limit := 1.10
		if count < 100 {
			limit = 0 // the header is a third of it
		}
		size := float64(len(changes.Encode()))
		b.add(fmt.Sprintf("changes of %d ended rights", count), fmt.Sprintf("%.0f bytes", size),
			fmt.Sprintf("entropy %.0f", entropyBytes(fresh)), size/entropyBytes(fresh), limit)
	}
	return nil
}

// unused keeps count events of places that the page doesn't speak of yet, published on one day as a change file's are.
func unused(p *status.Page, entries []status.Entry, count int, day rights.Date) []status.Entry {
	known := map[uint32]bool{}
	for e := range p.All() {
		known[e.Index] = true
	}
	var out []status.Entry
	for _, e := range entries {
		if known[e.Index] || len(out) == count {
			continue
		}
		e.Published = max(e.From, day+30)
		out = append(out, e)
	}
	return out
}
