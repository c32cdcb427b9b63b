// Synthetic lists with a known distribution, so that their entropy is known too and not estimated from the sample.

package status

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sceau/rights"
)

// choice is a distribution over numbers: days, or distances between days.
type choice map[int]float64

func (c choice) add(v int, p float64) { c[v] += p }

func (c choice) entropy() (h float64) {
	var total float64
	for _, p := range c {
		total += p
	}
	for _, p := range c {
		h -= p / total * math.Log2(p/total)
	}
	return h
}

// sampler draws from a choice.
type sampler struct {
	values []int
	upTo   []float64
}

func (c choice) sampler() sampler {
	var s sampler
	for v := range c {
		s.values = append(s.values, v)
	}
	slices.Sort(s.values)
	var sum float64
	for _, v := range s.values {
		sum += c[v]
		s.upTo = append(s.upTo, sum)
	}
	return s
}

func (s sampler) draw(r *rand.Rand) int {
	i, _ := slices.BinarySearch(s.upTo, r.Float64()*s.upTo[len(s.upTo)-1])
	return s.values[min(i, len(s.values)-1)]
}

func day(t testing.TB, s string) rights.Date {
	t.Helper()
	d, err := rights.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const firstDay = 20819 // 2027-01-01

func monthStart(i int) int {
	return int(time.Date(2027, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// population is a kind of list. entropy is in bits an event, without the indexes.
type population struct {
	name    string
	draw    func(r *rand.Rand) Entry
	entropy float64
}

// realistic: rights end on the first of a month (6 of 10) or on any day of two years; most ends are published in the days before, others are
// retroactive; 70 % void, 25 % replaced, 4 % suspended, 1 % restored.
func realistic() population {
	from, lag := choice{}, lags()
	for i := range 24 {
		from.add(monthStart(i), .6/24)
	}
	for i := range 731 {
		from.add(firstDay+i, .4/731)
	}
	kind := choice{int(Void): .70, int(Replaced): .25, int(Suspended): .04, int(Restored): .01}
	f, l, k := from.sampler(), lag.sampler(), kind.sampler()
	return population{"realistic", func(r *rand.Rand) Entry {
		d := f.draw(r)
		return Entry{From: rights.Date(d), Published: rights.Date(d + l.draw(r)), Kind: Kind(k.draw(r))}
	}, from.entropy() + lag.entropy() + kind.entropy()}
}

// lags is how long after its first day an event is published: planned ends before it (10 days on average), retroactive ones after it (16 days).
func lags() choice {
	c := choice{}
	for i := range 120 {
		c.add(-i, .7/11*math.Pow(10./11, float64(i)))
		c.add(i+1, .3/16*math.Pow(15./16, float64(i)))
	}
	return c
}

// oneDay is what a counter fetches in the evening: everything published on the same day, effective near it or on one of three months.
func oneDay() population {
	const today = firstDay + 200
	from := choice{}
	for v, p := range lags() {
		from.add(today-v, p/2)
	}
	var total float64
	for _, p := range from {
		total += p
	}
	for i := range 3 {
		from.add(monthStart(6+i), total/3)
	}
	kind := choice{int(Void): .70, int(Replaced): .25, int(Suspended): .04, int(Restored): .01}
	f, k := from.sampler(), kind.sampler()
	return population{"one day", func(r *rand.Rand) Entry {
		return Entry{From: rights.Date(f.draw(r)), Published: today, Kind: Kind(k.draw(r))}
	}, from.entropy() + kind.entropy()}
}

// uniform: nothing to be learnt, every day of two years and every kind alike.
func uniform() population {
	return population{"uniform", func(r *rand.Rand) Entry {
		return Entry{From: rights.Date(firstDay + r.IntN(731)), Published: rights.Date(firstDay + r.IntN(731)), Kind: Kind(1 + r.IntN(4))}
	}, 2*math.Log2(731) + 2}
}

// entries draws n events at n different indexes of a whole list.
func (p population) entries(n int, seed uint64) []Entry {
	r := rand.New(rand.NewPCG(seed, 2027))
	seen := make(map[uint32]bool, n)
	es := make([]Entry, 0, n)
	for len(es) < n {
		i := r.Uint32N(MaxIndex + 1)
		if seen[i] {
			continue
		}
		seen[i] = true
		e := p.draw(r)
		e.Index = i
		es = append(es, e)
	}
	return es
}

// bound returns the entropy in bytes of n events: the set of indexes, their days and kinds.
func (p population) bound(n int) float64 { return (indexEntropy(n) + float64(n)*p.entropy) / 8 }

// indexEntropy is log2 of the number of sets of n indexes.
func indexEntropy(n int) float64 {
	lg := func(x float64) float64 { v, _ := math.Lgamma(x + 1); return v / math.Ln2 }
	const all = MaxIndex + 1
	return lg(all) - lg(float64(n)) - lg(float64(all-n))
}

func mustAppend(t testing.TB, p *Page, es []Entry) *Page {
	t.Helper()
	next, err := p.Append(es)
	if err != nil {
		t.Fatal(err)
	}
	return next
}
