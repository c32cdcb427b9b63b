// Group commits: every caller learns the truth about its own row.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sceau/card/register"
	"sceau/signing/assertion"
)

// traceStore is a register of requests and checks alone, slow and failing at will.
type traceStore struct {
	register.Store
	mu       sync.Mutex
	taken    map[register.Request]bool
	rows     []register.Check
	updates  int
	delay    time.Duration
	err      func(update int) error // before anything is done
	lost     func(update int) bool  // stored, and the answer lost
	panicked bool
}

type traceTx struct {
	register.Tx
	m     *traceStore
	taken []register.Request
	rows  []register.Check
}

func (m *traceStore) Update(_ context.Context, fn func(register.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.updates++
	if m.delay > 0 {
		time.Sleep(m.delay)
	}
	if m.panicked {
		panic("store")
	}
	if m.err != nil {
		if err := m.err(m.updates); err != nil {
			return err
		}
	}
	tx := &traceTx{m: m}
	if err := fn(tx); err != nil {
		return err
	}
	if m.taken == nil {
		m.taken = map[register.Request]bool{}
	}
	for _, r := range tx.taken {
		m.taken[r] = true
	}
	m.rows = append(m.rows, tx.rows...)
	if m.lost != nil && m.lost(m.updates) {
		return register.ErrOutcomeUnknown
	}
	return nil
}

func (t *traceTx) TakeRequests(all []register.Request) ([]bool, error) {
	out := make([]bool, len(all))
	mine := map[register.Request]bool{}
	for i, r := range all {
		if !t.m.taken[r] && !mine[r] {
			out[i], mine[r] = true, true
			t.taken = append(t.taken, r)
		}
	}
	return out, nil
}

func (t *traceTx) AddChecks(rows []register.Check) (int64, error) {
	for _, r := range rows {
		for _, old := range append(t.m.rows, t.rows...) {
			if r.Number != "" && r.Number == old.Number {
				return 0, register.ErrConflict
			}
		}
		t.rows = append(t.rows, r)
	}
	return 1, nil
}

func (t *traceTx) CheckByNumber(n string) (register.Check, error) {
	for _, r := range t.m.rows {
		if r.Number == n {
			return r, nil
		}
	}
	return register.Check{}, register.ErrNotFound
}

func handIn(n int) (register.Request, register.Check) {
	var b [16]byte
	copy(b[:], fmt.Sprint(n))
	return register.Request{Counter: "c", ID: assertion.NewID(b)}, register.Check{Counter: "c", Number: fmt.Sprint("N", n)}
}

func TestCommitterGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: 10 * time.Millisecond}
		c := &Committer{Store: m}
		var wg sync.WaitGroup
		for n := range 1000 {
			wg.Go(func() {
				if err := c.Commit(t.Context(), func() register.Request { r, _ := handIn(n); return r }(), func() register.Check { _, k := handIn(n); return k }()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(m.rows) != 1000 || m.updates > 6 {
			t.Errorf("%d rows in %d transactions", len(m.rows), m.updates)
		}
		if c.leading || len(c.queue) != 0 {
			t.Error("somebody still leads")
		}
	})
}

// One caller alone waits for its own transaction and nothing else.
func TestCommitterAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: time.Millisecond}
		c := &Committer{Store: m}
		began := time.Now()
		for n := range 10 {
			r, k := handIn(n)
			if err := c.Commit(t.Context(), r, k); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took != 10*time.Millisecond {
			t.Errorf("ten commits of a millisecond took %s", took)
		}
	})
}

func TestCommitterReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: time.Millisecond}
		c := &Committer{Store: m}
		var stored, replayed atomic.Int64
		var wg sync.WaitGroup
		for n := range 300 {
			r, k := handIn(n % 100)
			k.Number = fmt.Sprint("X", n)
			wg.Go(func() {
				switch err := c.Commit(t.Context(), r, k); {
				case err == nil:
					stored.Add(1)
				case errors.Is(err, ErrReplayed):
					replayed.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if stored.Load() != 100 || replayed.Load() != 200 || len(m.rows) != 100 {
			t.Errorf("%d stored, %d replayed, %d rows", stored.Load(), replayed.Load(), len(m.rows))
		}
	})
}

// A number that is taken spoils no other row of its batch.
func TestCommitterConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &traceStore{delay: time.Millisecond, rows: []register.Check{{Number: "N7"}}}
		c := &Committer{Store: m}
		var wg sync.WaitGroup
		for n := range 50 {
			r, k := handIn(n)
			wg.Go(func() {
				if err := c.Commit(t.Context(), r, k); (n == 7) != errors.Is(err, register.ErrConflict) || n != 7 && err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
		}
		wg.Wait()
		if len(m.rows) != 50 {
			t.Errorf("%d rows", len(m.rows))
		}
		r, k := handIn(7)
		k.Number = "N7-again"
		if err := c.Commit(t.Context(), r, k); err != nil {
			t.Errorf("with another number: %v", err)
		}
	})
}

func TestCommitterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk full")
		m := &traceStore{delay: time.Millisecond, err: func(n int) error {
			if n == 1 {
				return broken
			}
			return nil
		}}
		c := &Committer{Store: m}
		var wg sync.WaitGroup
		var failed atomic.Int64
		for n := range 20 {
			r, k := handIn(n)
			wg.Go(func() {
				if err := c.Commit(t.Context(), r, k); errors.Is(err, broken) {
					failed.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := int(failed.Load()); n == 0 || len(m.rows) != 20-n {
			t.Errorf("%d failed, %d rows", n, len(m.rows))
		}
	})
}

// A lost connection: what was stored is not stored twice, what was not is stored, and nobody is told the wrong thing.
func TestCommitterOutcomeUnknown(t *testing.T) {
	for _, c := range []struct {
		stored bool
		until  int // the transactions up to this one are lost
	}{{true, 1}, {true, 2}, {false, 1}, {false, 2}} {
		stored := c.stored
		synctest.Test(t, func(t *testing.T) {
			m := &traceStore{delay: time.Millisecond}
			if stored {
				m.lost = func(n int) bool { return n <= c.until }
			} else {
				m.err = func(n int) error {
					if n <= c.until {
						return register.ErrOutcomeUnknown
					}
					return nil
				}
			}
			committer := &Committer{Store: m}
			var wg sync.WaitGroup
			for n := range 20 {
				r, k := handIn(n)
				if n%2 == 0 {
					k.Number = ""
				}
				wg.Go(func() {
					if err := committer.Commit(t.Context(), r, k); err != nil {
						t.Errorf("%d: %v", n, err)
					}
				})
			}
			wg.Wait()
			if len(m.rows) != 20 {
				t.Errorf("stored %v: %d rows", stored, len(m.rows))
			}
		})
	}
}
