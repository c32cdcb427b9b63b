package issuer

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// TestPlanningMemory: the heap of planning does not grow with the campaign. SCEAU_CAMPAIGN_SIZES=10000,100000,300000 measures more
// than CI does.
func TestPlanningMemory(t *testing.T) {
	sizes := []int{5_000, 30_000}
	if s := os.Getenv("SCEAU_CAMPAIGN_SIZES"); s != "" {
		sizes = nil
		for _, n := range strings.Split(s, ",") {
			sizes = append(sizes, must(strconv.Atoi(n))(t))
		}
	}
	w := newWorld(t)
	w.issuer.Batch = 500
	if sizes[0] < 10_000 {
		w.issuer.runEntries = 1000 // as many runs as a great campaign has
	}
	have := 0
	var peaks []uint64
	for _, n := range sizes {
		for have < n {
			w.update(func(tx register.Tx) error {
				var batch []register.Contract
				for range min(1000, n-have) {
					c := household(t, fmt.Sprintf("A%07d", (have*7919)%9_999_991), 1+have%4, 0)
					c.Address = &rights.Address{Lines: []string{fmt.Sprintf("%d rue des Essais", have%997)}, PostalCode: fmt.Sprintf("%05d", 1000+(have*31)%97000), City: "Villeneuve"}
					batch = append(batch, must(register.NewContract(c, 1))(t))
					have++
				}
				return tx.PutContracts(batch)
			})
		}
		stop := make(chan struct{})
		var live []uint64
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			var m runtime.MemStats
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				runtime.GC() // garbage says how lazy the collector is on a busy machine, not what planning needs
				runtime.ReadMemStats(&m)
				live = append(live, m.HeapAlloc)
			}
		}()
		spec := CampaignSpec{Name: fmt.Sprint("Campagne ", n), ShardSize: 1000}
		if sizes[0] < 10_000 {
			spec.ShardSize = 100
		}
		began := time.Now()
		c := w.plan(spec)
		took := time.Since(began)
		close(stop)
		<-watched
		if p := c.Total(); p.Cards != int64(n) {
			t.Errorf("%d planned of %d: %v", p.Cards, n, p.LeftOut)
		}
		// The median: the highest of many looks at batches that come and go is a matter of luck.
		slices.Sort(live)
		if len(live) < 5 {
			t.Fatalf("%d looks at the heap", len(live))
		}
		typical, peak := live[len(live)/2], live[len(live)-1]
		peaks = append(peaks, typical)
		t.Logf("%d contracts: %d kB of heap, at most %d, %v, %d a second", n, typical>>10, peak>>10, took.Round(time.Millisecond), int(float64(n)/took.Seconds()))
	}
	first, last := peaks[0], peaks[len(peaks)-1]
	if perCard := (float64(last) - float64(first)) / float64(sizes[len(sizes)-1]-sizes[0]); perCard > 200 { // a contract is 2,000 bytes, an entry of the sort 80: TestSorterSpills watches those
		t.Errorf("%.0f bytes a contract: the heap grows from %d to %d kB", perCard, first>>10, last>>10)
	}
}

// TestSorterSpills: what is sorted is in memory a run at a time.
func TestSorterSpills(t *testing.T) {
	w := newWorld(t)
	w.issuer.runEntries = 100
	s := w.issuer.sorter("261122-aaaa", amc, func(register.Tx) error { return nil })
	for i := range 1050 {
		if err := s.add(t.Context(), sortEntry{Adherent: fmt.Sprintf("A%07d", (i*7919)%99_991), Person: register.Household}); err != nil {
			t.Fatal(err)
		}
		if len(s.buffer) >= 100 || cap(s.buffer) > 200 || len(s.chunks) >= chunksAtOnce {
			t.Fatalf("after %d entries: %d in memory, room for %d, %d chunks", i+1, len(s.buffer), cap(s.buffer), len(s.chunks))
		}
	}
	if len(s.runs) != 10 {
		t.Errorf("%d runs of 1,050 entries", len(s.runs))
	}
}
