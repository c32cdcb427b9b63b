package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"sceau/card/issuer"
	"sceau/fixtures/pgserver"
)

const often = 100 * time.Millisecond

// Two processes share what is to do; a sweep brings all of it though each asks for a part only.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	q, dsn := open(t)
	b := newBoard(300)
	var by [2]atomic.Int64
	var all sync.WaitGroup
	for i, q := range []*Queue{q, connect(t, dsn)} {
		all.Go(func() {
			err := q.Work(soon(t), Options{Sweep: b.sweep, Idle: b.idle, Workers: 2, Every: often, Do: func(ctx context.Context, r issuer.ShardRef) error {
				by[i].Add(1)
				if !b.take(t, r) {
					return nil
				}
				time.Sleep(time.Millisecond) // a shard takes its time
				return b.do(ctx, r)
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(b.done) != 300 || len(b.todo) != 0 {
		t.Errorf("%d done, %d left", len(b.done), len(b.todo))
	}
	for r, n := range b.done {
		if n != 1 {
			t.Errorf("%v was done %d times", r, n)
		}
	}
	if b.late > 30 {
		t.Errorf("%d of 300 shards came again after they were done", b.late)
	}
	if by[0].Load() < 30 || by[1].Load() < 30 {
		t.Errorf("one worker did nearly all: %d and %d", by[0].Load(), by[1].Load())
	}
}

// What becomes of a shard by what Do says: again later, never, again a few times and then given up; a panic is one failure and
// its value is stored nowhere.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	q, dsn := open(t)
	b := newBoard(5)
	var tries sync.Map
	again := func(r issuer.ShardRef) int64 {
		n, _ := tries.LoadOrStore(r.N, new(atomic.Int64))
		return n.(*atomic.Int64).Add(1)
	}
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	err := q.Work(ctx, Options{Sweep: b.sweep, Idle: b.idle, Failed: b.giveUp, Workers: 5, Every: often, Do: func(ctx context.Context, r issuer.ShardRef) error {
		n := again(r)
		switch {
		case r.N == 1 && n < 5:
			return Later(0, errors.New("busy"))
		case r.N == 2 && n < 3:
			return Never(errors.New("paused"))
		case r.N == 3 && n == 1:
			panic("Aurélie MOREAU")
		case r.N == 4 && n == 1:
			return errors.New("the disk is full")
		}
		return b.do(ctx, r)
	}})
	if err != nil || len(b.done) != 5 {
		t.Fatalf("%v, %d done", err, len(b.done))
	}
	for n, want := range map[int]int64{1: 5, 2: 3, 3: 2, 4: 2, 5: 1} {
		if got, _ := tries.Load(n); got.(*atomic.Int64).Load() != want {
			t.Errorf("shard %d was tried %d times, want %d", n, got.(*atomic.Int64).Load(), want)
		}
	}
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var stored string
	if err := c.QueryRow(t.Context(), "SELECT string_agg(j::text, ' ') FROM sceau_queue.river_job j").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stored, "MOREAU") || !strings.Contains(stored, "panic of type string") || !strings.Contains(stored, `{\"shard\": 3`) && !strings.Contains(stored, `""shard"": 3`) {
		t.Errorf("stored: %s", stored)
	}
}

// A shard that fails each time is given up after its attempts, and told once.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	q, dsn := open(t)
	b := newBoard(2)
	if err := q.Enqueue(t.Context(), refs(1)); err != nil {
		t.Fatal(err)
	}
	pgserver.Exec(t, dsn, "UPDATE sceau_queue.river_job SET attempt = max_attempts - 2")
	var tries atomic.Int64
	err := q.Work(soon(t), Options{Sweep: b.sweep, Idle: b.idle, Failed: b.giveUp, Workers: 1, Every: often, Do: func(ctx context.Context, r issuer.ShardRef) error {
		if r.N == 1 {
			tries.Add(1)
			return errors.New("no")
		}
		return b.do(ctx, r)
	}})
	if err != nil || tries.Load() != 2 || b.failed[refs(1)[0]] != 1 || len(b.done) != 1 {
		t.Errorf("%v, %d attempts, given up: %v", err, tries.Load(), b.failed)
	}
	if n, err := q.Counts(t.Context()); err != nil || n.Failed != 1 {
		t.Errorf("%+v %v", n, err)
	}
}

// A worker died with a shard in hand: its job counts as running, but the register says that nobody has it. It is handed out
// again without River's rescue, and not while the lease holds.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	q, dsn := open(t)
	b := newBoard(3)
	if err := q.Enqueue(t.Context(), refs(2)); err != nil {
		t.Fatal(err)
	}
	// As a worker that was killed leaves it.
	pgserver.Exec(t, dsn, "UPDATE sceau_queue.river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '3 minutes', attempted_by = '{gone}'")
	leased := refs(2)[1]
	b.leased[leased] = true
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var order []int
	err := q.Work(ctx, Options{Sweep: b.sweep, Idle: b.idle, Workers: 1, Every: often, Do: func(ctx context.Context, r issuer.ShardRef) error {
		err := b.do(ctx, r)
		b.mu.Lock()
		defer b.mu.Unlock()
		order = append(order, r.N)
		if len(order) == 2 {
			delete(b.leased, leased) // it has run out
		}
		return err
	}})
	if len(order) == 3 {
		slices.Sort(order[:2])
	}
	if err != nil || !slices.Equal(order, []int{1, 3, 2}) {
		t.Errorf("%v, in the order %v", err, order)
	}
}

// Who took over died as well, and the next one: each time the shard is handed out again.
func TestTakenOverAgain(t *testing.T) {
	t.Parallel()
	q, dsn := open(t)
	b := newBoard(1)
	for deaths := range 3 {
		ctx, die := context.WithCancel(soon(t))
		err := q.Work(ctx, Options{Sweep: b.sweep, Workers: 1, Every: often, Stale: time.Second, Do: func(context.Context, issuer.ShardRef) error {
			die()
			return Later(time.Hour, errors.New("dead"))
		}})
		die()
		if err != nil {
			t.Fatal(err)
		}
		// As a worker that was killed leaves it.
		pgserver.Exec(t, dsn, "UPDATE sceau_queue.river_job SET state = 'running', attempted_at = now() - interval '3 minutes'")
		if n, err := q.Counts(t.Context()); err != nil || n.Running != deaths+1 {
			t.Fatalf("%+v %v", n, err)
		}
	}
	if err := q.Work(soon(t), Options{Sweep: b.sweep, Idle: b.idle, Workers: 1, Every: often, Stale: time.Second, Do: b.do}); err != nil || len(b.done) != 1 {
		t.Errorf("%v, %d done", err, len(b.done))
	}
}

// A signal ends the work after what is in hand; a second one breaks that off as well.
func TestStops(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	for _, cut := range []bool{false, true} {
		b := newBoard(40)
		ctx, stop := context.WithCancel(soon(t))
		broken := make(chan struct{})
		var ended atomic.Int64
		began := make(chan struct{}, 40)
		release := make(chan struct{})
		go func() {
			<-began
			<-began
			stop()
			if cut {
				close(broken)
			} else {
				close(release)
			}
		}()
		err := q.Work(ctx, Options{Sweep: b.sweep, Workers: 2, Every: often, Cut: broken, Do: func(ctx context.Context, r issuer.ShardRef) error {
			began <- struct{}{}
			select {
			case <-release:
				ended.Add(1)
				return b.do(ctx, r)
			case <-ctx.Done():
				return Later(0, ctx.Err())
			}
		}})
		stop()
		if err != nil {
			t.Error(err)
		}
		if n := ended.Load(); cut && n != 0 || !cut && (n < 2 || n > 6) {
			t.Errorf("cut %v: %d shards were finished", cut, n)
		}
		if err := q.Cancel(t.Context(), "261122-k3fa", true); err != nil {
			t.Error(err)
		}
	}
}

// A campaign is cancelled: the shard in hand is told to stop, the others never begin.
func TestCancelRunning(t *testing.T) {
	t.Parallel()
	q, dsn := open(t)
	b := newBoard(10)
	ctx, stop := context.WithCancel(soon(t))
	defer stop()
	var begun atomic.Int64
	var cancelled atomic.Bool
	other := connect(t, dsn)
	err := q.Work(ctx, Options{Workers: 1, Every: often, Sweep: func(ctx context.Context, n int) ([]issuer.ShardRef, error) {
		if cancelled.Load() {
			return nil, nil
		}
		return b.sweep(ctx, n)
	}, Idle: func(context.Context) (bool, error) { return cancelled.Load() && begun.Load() < 0, nil }, Do: func(ctx context.Context, r issuer.ShardRef) error {
		begun.Add(1)
		cancelled.Store(true)
		if err := other.Cancel(context.WithoutCancel(ctx), r.Campaign, true); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		defer stop()
		return ctx.Err()
	}})
	if err != nil || begun.Load() != 1 {
		t.Errorf("%v, %d began", err, begun.Load())
	}
	if n, err := q.Counts(t.Context()); err != nil || n != (Counts{}) {
		t.Errorf("%+v %v", n, err)
	}
}

func TestPause(t *testing.T) {
	for failures, want := range map[int]time.Duration{-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 8: 2 * time.Minute, 1 << 40: 2 * time.Minute} {
		if got := Pause(failures); got != want {
			t.Errorf("after %d failures: %v, want %v", failures, got, want)
		}
	}
	for _, o := range []Options{{}, {Workers: 1}, {Workers: 1, Do: func(context.Context, issuer.ShardRef) error { return nil }}} {
		if err := new(Queue).Work(t.Context(), o); err == nil {
			t.Error("works with nothing")
		}
	}
	if slices.Contains(unfinished, rivertype.JobStateCompleted) {
		t.Error("a shard that was done could not come again")
	}
}
