// A fleet of counters that comes back together after an outage, under virtual time.
package liaison_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline/liaison"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// A fleet comes back together after hours: what it sends stays below what it asks on a usual day, so that both together are under
// twice that (F32). Breakers find the service again by themselves, spread over minutes.
func TestFleetReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fleet, batches, whole, steady = 1000, 100, 20_000, 2000 // counters here, batches each; counters and checks a second in truth
		m := &meter{start: time.Now()}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var all []*gauge
		back := time.Now().Add(5 * time.Hour)
		for range fleet {
			g := &gauge{meter: m, left: batches * receipt.MaxBatchEntries, changed: make(chan struct{})}
			all = append(all, g)
			x := &liaison.Sender{Remote: g, Backlog: g, Service: func(context.Context) (*card.Service, error) { return nil, nil }, Up: g.answers, Changed: g.watch}
			go x.Run(ctx)
			go func() {
				time.Sleep(time.Until(back) + liaison.FirstProbe + rand.N(liaison.LastProbe-liaison.FirstProbe))
				g.mu.Lock()
				defer g.mu.Unlock()
				g.up = true
				close(g.changed)
				g.changed = nil
			}()
		}
		time.Sleep(time.Until(back) + 90*time.Minute)
		stop()
		synctest.Wait() // nobody counts any more
		for _, g := range all {
			if g.left > 0 {
				t.Fatalf("%d entries still wait", g.left)
			}
		}
		most := 0
		for _, n := range m.perMinute {
			most = max(most, n)
		}
		perSecond := float64(most) / 60 * whole / fleet
		t.Logf("at most %.0f requests a second of %d counters: %.2f of the steady state", perSecond, whole, perSecond/steady)
		if perSecond > steady {
			t.Errorf("%.0f requests a second beside %d checks: over twice the steady state", perSecond, steady)
		}
		// Nor do all begin together: breakers close over four minutes, and each then waits for its turn of ten.
		begun := map[int]int{}
		for _, g := range all {
			begun[int(g.begun.Sub(back)/time.Minute)]++
		}
		for minute, n := range begun {
			if n > fleet/6 {
				t.Errorf("%d of %d begin in minute %d", n, fleet, minute)
			}
		}
	})
}

// meter counts the requests of a fleet, minute by minute.
type meter struct {
	mu        sync.Mutex
	start     time.Time
	perMinute map[int]int
}

func (m *meter) count() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.perMinute == nil {
		m.perMinute = map[int]int{}
	}
	m.perMinute[int(time.Since(m.start)/time.Minute)]++
}

// gauge is one counter of a fleet and its service, without any cryptography.
type gauge struct {
	*meter
	left  int
	begun time.Time

	mu      sync.Mutex
	up      bool
	changed chan struct{}
}

func (g *gauge) watch() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

func (g *gauge) answers() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.up
}

func (g *gauge) Stretches(context.Context) ([]liaison.Stretch, error) {
	return []liaison.Stretch{{Device: device, First: 1, Last: uint64(max(g.left, 0)), Next: 1}}, nil
}

func (g *gauge) Batch(_ context.Context, _ string, from uint64, most int) (receipt.Batch, error) {
	return receipt.Batch{Device: device, Entries: []journal.Entry{{Seq: from + uint64(most) - 1}}}, nil
}

func (g *gauge) Acknowledge(context.Context, string, uint64, *accord.Settlement) error {
	g.left -= receipt.MaxBatchEntries
	return nil
}

func (g *gauge) UploadState(context.Context, string) (liaison.UploadState, error) {
	g.count()
	if g.begun.IsZero() {
		g.begun = time.Now()
	}
	return liaison.UploadState{Next: 1}, nil
}

func (g *gauge) Upload(context.Context, receipt.Batch, *card.Service) (liaison.Uploaded, error) {
	g.count()
	return liaison.Uploaded{}, nil
}
