// Bytes on the wire against the entropy of what they say, and against other ways to say it.

package status

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"testing"
)

const testIssuer = "775670482"

// sizes is one line of the table: bytes on the wire against the entropy of what they say.
type sizes struct {
	what       string
	n          int
	bound      float64 // entropy of (index, days, kind), bytes
	wire       int
	head       int
	tokens     int // Token Status List: zlib of two bits a place; index and kind alone, no day
	gaps       int // gzip of 4-byte gaps; index alone
	records    int // gzip of the whole event in columns: 4-byte gaps, 2-byte days, kinds
	boundIndex float64
	boundToken float64 // entropy of what the Token Status List says, bytes
}

func (s sizes) ratio() float64 { return float64(s.wire) / s.bound }
func (s sizes) bare() float64  { return float64(s.wire-s.head) / s.bound }

// measure makes a page, or changes to a page of 20,000 events, n events of p.
func measure(t testing.TB, p population, n int, seed uint64, changes bool) sizes {
	t.Helper()
	es := p.entries(n, seed)
	base := New(testIssuer, 3)
	page := mustAppend(t, base, es)
	s := sizes{what: p.name + " page", n: n, bound: p.bound(n), boundIndex: indexEntropy(n) / 8}
	var wire []byte
	if changes {
		s.what = p.name + " changes"
		c, err := Diff(base, page)
		if err != nil {
			t.Fatal(err)
		}
		c.from, c.to = 4711, 4712 // a list that is some years old
		wire = c.Encode()
	} else {
		page.revision = 4712
		wire = page.Encode()
	}
	s.wire = len(wire)
	from, published := page.days()
	body := newEncoder(nil)
	newColumns(n, from, published).encode(body, &page.history)
	s.head = s.wire - len(body.finish())
	lst, err := compressStatuses(page.statuses(lastDay), zlib.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	s.tokens = base64.RawURLEncoding.DecodedLen(len(lst))
	s.boundToken = statusEntropy(page.statuses(lastDay)) / 8
	var gaps, days, kinds []byte
	last := uint32(0)
	for e := range page.All() {
		gaps = binary.LittleEndian.AppendUint32(gaps, e.Index-last)
		last = e.Index
		days = binary.LittleEndian.AppendUint16(days, uint16(e.From-firstDay))
		days = binary.LittleEndian.AppendUint16(days, uint16(e.Published-e.From))
		kinds = append(kinds, byte(e.Kind))
	}
	s.gaps = zipped(t, gaps)
	s.records = zipped(t, slices.Concat(gaps, days, kinds))
	return s
}

// statusEntropy is log2 of the number of lists with as many invalid and suspended places, in bits.
func statusEntropy(b []byte) float64 {
	var n [4]int
	for _, x := range b {
		for range 4 {
			n[x&3]++
			x >>= 2
		}
	}
	h := 0.
	for _, c := range n {
		if c > 0 {
			h += float64(c) * math.Log2(float64(MaxIndex+1)/float64(c))
		}
	}
	return h
}

func zipped(t testing.TB, b []byte) int {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(b)
	z.Close()
	return out.Len()
}

// sizeCases: pages, a day's changes, an hour's. For 60 events the header alone is a tenth of the entropy, so there the bar is on what follows it.
var sizeCases = []struct {
	p       func() population
	n       int
	changes bool
	with    float64
	without float64
}{
	{realistic, 30000, false, 1.10, 1.10},
	{uniform, 30000, false, 1.10, 1.10},
	{oneDay, 1500, true, 1.10, 1.10},
	{realistic, 1500, true, 1.10, 1.10},
	{uniform, 1500, true, 1.10, 1.10},
	{oneDay, 60, true, 1.30, 1.10},
	{realistic, 60, true, 1.30, 1.11},
	{uniform, 60, true, 1.30, 1.10},
}

func TestSizesAgainstEntropy(t *testing.T) {
	const rounds = 5
	t.Logf("%-18s %6s %8s %8s %7s %7s | %8s %6s | %8s %6s | %8s %6s", "", "events", "entropy", "bytes", "ratio", "no head",
		"token", "/own", "gz gaps", "/own", "gz all", "ratio")
	for _, c := range sizeCases {
		var sum sizes
		for seed := range uint64(rounds) {
			s := measure(t, c.p(), c.n, seed, c.changes)
			sum.what, sum.n, sum.boundIndex, sum.boundToken = s.what, s.n, s.boundIndex, s.boundToken
			sum.bound += s.bound / rounds
			sum.wire += s.wire
			sum.head += s.head
			sum.tokens += s.tokens
			sum.gaps += s.gaps
			sum.records += s.records
		}
		s := sum
		s.wire, s.head, s.tokens, s.gaps, s.records = s.wire/rounds, s.head/rounds, s.tokens/rounds, s.gaps/rounds, s.records/rounds
		t.Logf("%-18s %6d %8.0f %8d %7.3f %7.3f | %8d %6.2f | %8d %6.2f | %8d %6.2f", s.what, s.n, s.bound, s.wire, s.ratio(), s.bare(),
			s.tokens, float64(s.tokens)/s.boundToken, s.gaps, float64(s.gaps)/s.boundIndex, s.records, float64(s.records)/s.bound)
		if s.ratio() > c.with || s.bare() > c.without {
			t.Errorf("%s of %d: %.3f of the entropy (%.3f without header), want at most %.2f (%.2f)", s.what, s.n, s.ratio(), s.bare(), c.with, c.without)
		}
	}
}

// BenchmarkSizes gives the same ratios to scripts/bench.
func BenchmarkSizes(b *testing.B) {
	for _, c := range sizeCases {
		p := c.p()
		name := p.name + "/page"
		if c.changes {
			name = p.name + "/changes"
		}
		b.Run(name+"-"+strconv.Itoa(c.n), func(b *testing.B) {
			var s sizes
			for b.Loop() {
				s = measure(b, p, c.n, 1, c.changes)
			}
			b.ReportMetric(float64(s.wire), "bytes")
			b.ReportMetric(s.ratio(), "x-entropy")
			b.ReportMetric(float64(s.tokens)/s.boundToken, "token-x-own-entropy")
			b.ReportMetric(float64(s.gaps)/s.boundIndex, "gzip-gaps-x-own-entropy")
			b.ReportMetric(float64(s.records)/s.bound, "gzip-x-entropy")
		})
	}
}
