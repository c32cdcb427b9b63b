// Group commits under pressure: full queues, callers who give up, stops and panics.

package issuer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCommitterBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: time.Second}
		c := &Committer{Store: m}
		var busy atomic.Int64
		var wg sync.WaitGroup
		const callers = 2*commitBatch + commitQueue + 100
		for n := range callers {
			r, k := handIn(n)
			wg.Go(func() {
				if err := c.Commit(t.Context(), r, k); errors.Is(err, ErrBusy) {
					busy.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := int(busy.Load()); n == 0 || len(m.rows) != callers-n {
			t.Errorf("%d busy, %d rows of %d", n, len(m.rows), callers)
		}
	})
}

// Callers that give up are told so or learn their outcome; whoever leads leaves the lead behind.
func TestCommitterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: 5 * time.Millisecond}
		c := &Committer{Store: m}
		var wg sync.WaitGroup
		var stored atomic.Int64
		for n := range 2000 {
			r, k := handIn(n)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%40)*time.Millisecond)
			wg.Go(func() {
				defer cancel()
				time.Sleep(time.Duration(n/50) * time.Millisecond)
				switch err := c.Commit(ctx, r, k); {
				case err == nil:
					stored.Add(1)
				case !errors.Is(err, context.DeadlineExceeded):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if int(stored.Load()) != len(m.rows) {
			t.Errorf("%d were told that they are stored, %d rows", stored.Load(), len(m.rows))
		}
		r, k := handIn(5000)
		if err := c.Commit(t.Context(), r, k); err != nil {
			t.Error(err)
		}
	})
}

func TestCommitterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: 5 * time.Millisecond}
		c := &Committer{Store: m}
		var wg sync.WaitGroup
		var stored atomic.Int64
		for n := range 600 {
			r, k := handIn(n)
			wg.Go(func() {
				time.Sleep(time.Duration(n/30) * time.Millisecond)
				if err := c.Commit(t.Context(), r, k); err == nil {
					stored.Add(1)
				} else if !errors.Is(err, ErrStopped) {
					t.Error(err)
				}
			})
		}
		time.Sleep(7 * time.Millisecond)
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(m.rows); n == 0 {
			t.Error("nothing was stored before the stop")
		}
		wg.Wait()
		if int(stored.Load()) != len(m.rows) || stored.Load() == 600 {
			t.Errorf("%d told, %d rows", stored.Load(), len(m.rows))
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Error("a second stop:", err)
		}
	})
}

// A store that panics takes its own request down and leaves nobody waiting.
func TestCommitterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: 5 * time.Millisecond, panicked: true}
		c := &Committer{Store: m}
		var wg sync.WaitGroup
		var panics, failed atomic.Int64
		for n := range 10 {
			r, k := handIn(n)
			wg.Go(func() {
				defer func() {
					if recover() != nil {
						panics.Add(1)
					}
				}()
				if err := c.Commit(t.Context(), r, k); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if panics.Load() == 0 || panics.Load()+failed.Load() != 10 {
			t.Errorf("%d panics, %d errors", panics.Load(), failed.Load())
		}
	})
}

// One who was told to lead and gives up at that very moment leaves the lead to the next, or to nobody.
func TestCommitterLeadLeft(t *testing.T) {
	enter := func(c *Committer) *entry {
		e := &entry{done: make(chan error, 1), lead: make(chan struct{}, 1)}
		c.queue = append(c.queue, e)
		return e
	}
	c := &Committer{leading: true}
	first, second := enter(c), enter(c)
	first.lead <- struct{}{}
	if err := c.leave(first, context.Canceled); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(second.lead) != 1 || !c.leading {
		t.Error("nobody leads those who wait")
	}
	if err := c.leave(second, context.Canceled); !errors.Is(err, context.Canceled) || c.leading || len(c.queue) != 0 {
		t.Errorf("an empty queue is led: %v", err)
	}
}
