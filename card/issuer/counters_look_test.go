package issuer

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card/register"
)

// viewed counts the documents of counters that are read.
type viewed struct {
	register.Store
	counters atomic.Int64
}

func (v *viewed) View(ctx context.Context, fn func(register.Tx) error) error {
	return v.Store.View(ctx, func(tx register.Tx) error { return fn(viewedTx{tx, v}) })
}

type viewedTx struct {
	register.Tx
	v *viewed
}

func (t viewedTx) Document(kind, id string) (register.Document, error) {
	if kind == counterKind {
		t.v.counters.Add(1)
	}
	return t.Tx.Document(kind, id)
}

// A counter is read again when the chain speaks of a change of any counter, and once a minute; not for other acts.
func TestCounterLook(t *testing.T) {
	s := newShop(t)
	ctx, id := context.Background(), s.counter.ID
	store := &viewed{Store: s.store}
	replica := &Issuer{Store: store, Online: s.online, Now: s.issuer.Now, Actor: "other"}
	ask := func(want CounterState, reads int64) {
		t.Helper()
		before := store.counters.Load()
		if c := must(replica.Counter(ctx, id))(t); c.State != want {
			t.Errorf("%s, want %s", c.State, want)
		}
		if n := store.counters.Load() - before; n != reads {
			t.Errorf("%d reads, want %d", n, reads)
		}
	}
	ask(CounterActive, 1)
	for range 10 {
		s.clock = s.clock.Add(cacheLife)
		ask(CounterActive, 0)
		ask(CounterActive, 0)
	}
	s.update(func(tx register.Tx) error { return s.issuer.audit(tx, "import", map[string]int{"contracts": 1}) })
	s.clock = s.clock.Add(cacheLife)
	ask(CounterActive, 0)
	s.clock = s.clock.Add(maxCounterLife)
	ask(CounterActive, 1)

	s.clock = s.clock.Add(cacheLife)
	must(s.issuer.SuspendCounter(ctx, id, "inquiry"))(t)
	ask(CounterSuspended, 1) // nobody had looked in this second
	must(s.issuer.RestoreCounter(ctx, id))(t)
	ask(CounterSuspended, 0) // somebody had
	s.clock = s.clock.Add(cacheLife)
	ask(CounterActive, 1)

	// More acts than one look reads: nothing that is remembered is believed.
	s.update(func(tx register.Tx) error {
		for range maxLookEntries {
			if err := s.issuer.audit(tx, "import", map[string]int{"contracts": 1}); err != nil {
				return err
			}
		}
		return nil
	})
	s.clock = s.clock.Add(cacheLife)
	ask(CounterActive, 1)

	// A clock that was set back makes nothing young.
	s.clock = s.clock.Add(-time.Hour)
	ask(CounterActive, 1)
}

// A row that was read before a look that found a change is not kept after it.
func TestCounterLookRace(t *testing.T) {
	s := newShop(t)
	ctx, id := context.Background(), s.counter.ID
	replica := &Issuer{Store: s.store, Online: s.online, Now: s.issuer.Now, Actor: "other"}
	old := must(replica.Counter(ctx, id))(t)
	l := replica.living()
	read := s.clock
	_, generation, _ := l.counter(id, read)
	must(s.issuer.RevokeCounter(ctx, id, "stolen"))(t)
	s.clock = s.clock.Add(cacheLife)
	if err := replica.look(ctx, l, s.clock); err != nil {
		t.Fatal(err)
	}
	l.keepCounter(old, generation, read)
	if c := must(replica.Counter(ctx, id))(t); c.State != CounterRevoked {
		t.Errorf("%s a second after its revocation", c.State)
	}
}
