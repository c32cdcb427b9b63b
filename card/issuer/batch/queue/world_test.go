// A queue on a real server, and a register that is a map: what is to do and who has it.

package queue

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/fixtures/pgserver"
)

// open gives a queue with its tables, in a database of its own.
func open(t *testing.T) (*Queue, string) {
	t.Helper()
	dsn := pgserver.Shared(t).Database(t)
	q := connect(t, dsn)
	if err := q.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return q, dsn
}

func connect(t *testing.T, dsn string) *Queue {
	t.Helper()
	q, err := Open(t.Context(), dsn, slog.New(slog.NewTextHandler(&lines{t: t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// lines is a log that ends with its test.
type lines struct {
	t  *testing.T
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// board is the register's side: shards that are to do, with leases.
type board struct {
	mu     sync.Mutex
	todo   map[issuer.ShardRef]bool
	leased map[issuer.ShardRef]bool
	done   map[issuer.ShardRef]int
	failed map[issuer.ShardRef]int
	swept  int
	late   int // shards that came again, done
}

func newBoard(n int) *board {
	b := &board{todo: map[issuer.ShardRef]bool{}, leased: map[issuer.ShardRef]bool{}, done: map[issuer.ShardRef]int{}, failed: map[issuer.ShardRef]int{}}
	for _, r := range refs(n) {
		b.todo[r] = true
	}
	return b
}

func refs(n int) []issuer.ShardRef {
	var all []issuer.ShardRef
	for i := range n {
		all = append(all, issuer.ShardRef{Campaign: "261122-k3fa", Insurer: "775670482", N: i + 1})
	}
	return all
}

// sweep lists what is to do and not leased, the first first.
func (b *board) sweep(_ context.Context, limit int) ([]issuer.ShardRef, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.swept++
	var out []issuer.ShardRef
	for _, r := range refs(1000) {
		if b.todo[r] && !b.leased[r] && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, nil
}

// take gives a shard to who asks, as the register does: one that is done is nobody's work any more (a sweep that looked before it was
// done may bring it again), and one that another has in hand must not come at all.
func (b *board) take(t *testing.T, r issuer.ShardRef) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leased[r] {
		t.Errorf("%v came to two workers at once", r)
	}
	if !b.todo[r] {
		b.late++
		return false
	}
	b.leased[r] = true
	return true
}

func (b *board) do(_ context.Context, r issuer.ShardRef) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[r]++
	delete(b.todo, r)
	delete(b.leased, r)
	return nil
}

func (b *board) idle(context.Context) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.todo) == 0, nil
}

func (b *board) giveUp(_ context.Context, r issuer.ShardRef, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed[r]++
	delete(b.todo, r)
}

// soon is a context that ends a stuck test.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 40*time.Second, errors.New("the test is stuck"))
	t.Cleanup(cancel)
	return ctx
}
