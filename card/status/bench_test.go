// Cost of reading a country's pages and of one look-up, each beside a peer.

package status

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"sceau/rights"
)

// country is 33 million cards: 32 lists with a million events.
const (
	countryPages  = 32
	countryEvents = 31250
)

// BenchmarkDecodeCountry decodes pages of 31,250 events; the peers read the same events from gob and JSON, and the (dateless) Token Status List
// from zlib, interleaved. Every figure is the fastest of its rounds, because machines are shared; ms/country is 32 pages.
func BenchmarkDecodeCountry(b *testing.B) {
	var pages, gobs, jsons, tokens [][]byte
	var bytesWire int64
	for i := range 4 {
		page := mustAppend(b, New(testIssuer, uint32(i+1)), realistic().entries(countryEvents, uint64(i)))
		wire := page.Encode()
		bytesWire += int64(len(wire))
		pages = append(pages, wire)
		var es []Entry
		for e := range page.All() {
			es = append(es, e)
		}
		var g bytes.Buffer
		if err := gob.NewEncoder(&g).Encode(es); err != nil {
			b.Fatal(err)
		}
		j, err := json.Marshal(es)
		if err != nil {
			b.Fatal(err)
		}
		lst, err := compressStatuses(page.statuses(lastDay), zlib.BestCompression)
		if err != nil {
			b.Fatal(err)
		}
		z, _ := base64.RawURLEncoding.DecodeString(lst)
		gobs, jsons, tokens = append(gobs, g.Bytes()), append(jsons, j), append(tokens, z)
	}
	ours, gobTime, jsonTime, zlibTime := slow, slow, slow, slow
	rounds := 0
	for b.Loop() {
		rounds++
		k := rounds % len(pages)
		ours.take(b, func() error { _, err := Decode(pages[k]); return err })
		gobTime.take(b, func() error { var es []Entry; return gob.NewDecoder(bytes.NewReader(gobs[k])).Decode(&es) })
		jsonTime.take(b, func() error { var es []Entry; return json.Unmarshal(jsons[k], &es) })
		zlibTime.take(b, func() error {
			z, err := zlib.NewReader(bytes.NewReader(tokens[k]))
			if err == nil {
				_, err = io.Copy(io.Discard, z)
			}
			return err
		})
	}
	b.ReportMetric(float64(ours)/1e6*countryPages, "ms/country")
	b.ReportMetric(float64(ours)/countryEvents, "ns/event")
	b.ReportMetric(float64(bytesWire)/float64(len(pages)), "bytes/page")
	b.ReportMetric(float64(ours)/float64(gobTime), "x-gob")
	b.ReportMetric(float64(ours)/float64(jsonTime), "x-json")
	b.ReportMetric(float64(ours)/float64(zlibTime), "x-zlib")
}

// fastest is the shortest time that something took.
type fastest time.Duration

const slow = fastest(time.Hour)

func (f *fastest) take(b *testing.B, do func() error) {
	b.Helper()
	start := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	*f = min(*f, fastest(time.Since(start)))
}

var (
	sinkState State
	sinkEntry Entry
)

// BenchmarkAt asks for one card, among those of the list (a tenth) and those that are not (nine tenths); the peer is a map from index to event.
func BenchmarkAt(b *testing.B) {
	es := realistic().entries(countryEvents, 1)
	page := mustAppend(b, New(testIssuer, 1), es)
	table := make(map[uint32]Entry, len(es))
	for _, e := range es {
		table[e.Index] = e
	}
	r := rand.New(rand.NewPCG(1, 1))
	ask := make([]uint32, 1<<14)
	for i := range ask {
		ask[i] = r.Uint32N(MaxIndex + 1)
		if i%10 == 0 {
			ask[i] = es[r.IntN(len(es))].Index
		}
	}
	const care = rights.Date(firstDay + 300)
	ours, peer := slow, slow
	for b.Loop() {
		ours.take(b, func() error {
			for _, i := range ask {
				sinkState = page.At(i, care)
			}
			return nil
		})
		peer.take(b, func() error {
			for _, i := range ask {
				sinkEntry = table[i]
			}
			return nil
		})
	}
	n := float64(len(ask))
	b.ReportMetric(float64(ours)/n, "ns/look-up")
	b.ReportMetric(float64(peer)/n, "ns/map")
	b.ReportMetric(float64(ours)/float64(peer), "x-map")
}

// BenchmarkEncode encodes one page, which Apply needs once more to hash it.
func BenchmarkEncode(b *testing.B) {
	page := mustAppend(b, New(testIssuer, 1), realistic().entries(countryEvents, 1))
	for b.Loop() {
		page.Encode()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/countryEvents, "ns/event")
}

func BenchmarkApply(b *testing.B) {
	old := mustAppend(b, New(testIssuer, 1), realistic().entries(countryEvents, 1))
	es := oneDay().entries(1500, 2)
	for i := range es {
		es[i].Published = lastDay
	}
	c, err := Diff(old, mustAppend(b, old, es))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Apply(old); err != nil {
			b.Fatal(err)
		}
	}
}
