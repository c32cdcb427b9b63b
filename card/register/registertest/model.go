// The reports as they are defined, counted one row after the other: what a store's answers are compared with.

package registertest

import (
	"cmp"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// model is what one insurer's reports are made from.
type model struct {
	receipts []register.Receipt // in the order of arrival, each once
	checks   []register.Check
}

func within(at, from, to time.Time) bool { return !at.Before(from) && at.Before(to) }

func (m model) served(insurer string, from, to time.Time) []register.ServedDay {
	counts := map[register.ServedDay]int64{}
	for _, r := range m.receipts {
		if r.Insurer == insurer && within(r.At, from, to) {
			counts[register.ServedDay{Day: rights.DateAt(r.At), Mode: r.Mode, Answer: r.Answer}]++
		}
	}
	var out []register.ServedDay
	for d, n := range counts {
		d.Count = n
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b register.ServedDay) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Answer, b.Answer))
	})
	return out
}

func (m model) sightings(insurer string, from, to time.Time, counters, limit int) []register.Sighting {
	var out []register.Sighting
	for _, r := range m.receipts {
		if r.Insurer == insurer && within(r.At, from, to) {
			out = append(out, register.Sighting{Place: r.Place, Counter: r.Counter, At: r.At})
		}
	}
	for _, c := range m.checks {
		if c.Insurer != insurer || !within(c.At, from, to) {
			continue
		}
		told := slices.ContainsFunc(m.receipts, func(r register.Receipt) bool {
			return r.Insurer == insurer && within(r.At, from, to) && r.Mode == register.ModeOnline && r.Counter == c.Counter && r.Place == c.Place &&
				r.At.Sub(c.At).Abs() <= register.SameCheck
		})
		if !told {
			out = append(out, register.Sighting{Place: c.Place, Counter: c.Counter, At: c.At})
		}
	}
	at := map[card.Place]map[string]bool{}
	for _, s := range out {
		if at[s.Place] == nil {
			at[s.Place] = map[string]bool{}
		}
		at[s.Place][s.Counter] = true
	}
	out = slices.DeleteFunc(out, func(s register.Sighting) bool { return len(at[s.Place]) < counters })
	slices.SortFunc(out, func(a, b register.Sighting) int {
		return cmp.Or(cmp.Compare(a.Place.List, b.Place.List), cmp.Compare(a.Place.Index, b.Place.Index), a.At.Compare(b.At), cmp.Compare(a.Counter, b.Counter))
	})
	return out[:min(limit, len(out))]
}

func (m model) listAges(insurer string, from, to time.Time, minimum int64, limit int) []register.ListAge {
	by := map[string]register.ListAge{}
	for _, r := range m.receipts {
		if r.Insurer != insurer || !within(r.At, from, to) || r.Mode != register.ModeOffline || r.Age == 0 {
			continue
		}
		a, known := by[r.Counter]
		a.Counter = r.Counter
		a.Checks++
		a.Oldest = max(a.Oldest, r.Age)
		if !known || !r.At.Before(a.At) {
			a.At, a.Last = r.At, r.Age
		}
		by[r.Counter] = a
	}
	var out []register.ListAge
	for _, a := range by {
		if a.Oldest >= minimum {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b register.ListAge) int {
		return cmp.Or(cmp.Compare(b.Oldest, a.Oldest), cmp.Compare(a.Counter, b.Counter))
	})
	return out[:min(limit, len(out))]
}
