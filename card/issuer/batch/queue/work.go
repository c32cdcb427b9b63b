// Working shards off: River fetches, retries and rescues; a sweep keeps the queue filled with what the register says is to do.

package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"sceau/card/issuer"
)

// Options of Work. Do and Sweep are required.
type Options struct {
	// Do works one shard off; it may be called again for a shard that is done. What it returns is said by Later, Never, or is
	// an error that is tried again a few times, with pauses.
	Do func(ctx context.Context, r issuer.ShardRef) error
	// Sweep returns up to limit shards that are to do and that nobody works on, the first first.
	Sweep func(ctx context.Context, limit int) ([]issuer.ShardRef, error)
	// Idle says whether there is nothing to do any more, for anybody: Work then returns. Nil for never.
	Idle func(ctx context.Context) (bool, error)
	// Failed is told of a shard that is given up; nil for nobody.
	Failed func(ctx context.Context, r issuer.ShardRef, cause error)

	Name    string        // of this process, unlike any other's; "" means one that River makes
	Workers int           // shards at a time; at least 1
	Every   time.Duration // between two sweeps; 0 means 5 s
	Longest time.Duration // that a shard may take before its context ends; 0 means 10 minutes
	// Stale is how long a job may count as running while the register says that nobody has its shard: it is then handed out
	// again. 0 means 30 s.
	Stale time.Duration
	Cut   <-chan struct{} // closed: shards in hand are broken off as well; nil for never
}

// verdict is an error of Do that says what becomes of its job.
type verdict struct {
	after time.Duration
	never bool
	err   error
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// Later has a shard tried again after a while, however often: the reason lies not in the shard.
func Later(after time.Duration, err error) error { return &verdict{after: after, err: err} }

// Never ends the job of a shard: there is nothing to do. A sweep brings the shard back when that changes.
func Never(err error) error { return &verdict{never: true, err: err} }

// refill is how many shards of each worker a sweep asks for: enough for the time until the next one.
const refill = 32

// Work works shards off until ctx ends or Idle says so, then finishes those in hand. The queue must have been migrated.
func (q *Queue) Work(ctx context.Context, o Options) error {
	if o.Workers < 1 || o.Do == nil || o.Sweep == nil {
		return errors.New("queue: nothing to work with")
	}
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Longest == 0 {
		o.Longest = 10 * time.Minute
	}
	if o.Stale == 0 {
		o.Stale = 30 * time.Second
	}
	w := &worker{q: q, o: o, dry: make(chan struct{}, 1)}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client, err := river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		ID: o.Name, Schema: q.schema, Logger: riverLog(q.log), Workers: workers, RetryPolicy: patience{}, MaxAttempts: Attempts,
		Queues:        map[string]river.QueueConfig{mainQueue: {MaxWorkers: o.Workers}, overQueue: {MaxWorkers: 1}},
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: time.Second,
		// Only a worker that hangs needs River's rescue: what a dead one had in hand, a sweep finds in the register.
		JobTimeout: o.Longest, RescueStuckJobsAfter: o.Longest + time.Minute,
		CompletedJobRetentionPeriod: 10 * time.Minute, CancelledJobRetentionPeriod: 10 * time.Minute,
		ReindexerIndexNames: []string{}, // needs the owner; the tables stay small
	})
	if err != nil {
		return err
	}
	// The signal to stop must not break off what is in hand: River is stopped in order below.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fault(err)
	}
	if o.Cut != nil {
		over := make(chan struct{})
		defer close(over)
		go func() {
			select {
			case <-o.Cut:
				_ = client.StopAndCancel(context.WithoutCancel(ctx))
			case <-over:
			}
		}()
	}
	err = w.keep(ctx)
	if e := client.Stop(context.WithoutCancel(ctx)); e != nil {
		err = errors.Join(err, fault(e))
	}
	<-client.Stopped()
	return err
}

// worker is one process's part.
type worker struct {
	river.WorkerDefaults[shardArgs]
	q *Queue
	o Options

	asked atomic.Int64  // shards that the last sweep found
	dry   chan struct{} // half of what was asked for is done: sweep now
	done  atomic.Int64  // since the last sweep
}

// keep sweeps until ctx ends or nothing is left.
func (w *worker) keep(ctx context.Context) error {
	tick := time.NewTicker(w.o.Every)
	defer tick.Stop()
	for {
		idle, err := w.sweep(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			w.q.log.Warn("no sweep of the register", "error", err.Error())
		}
		if idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-w.dry:
		}
	}
}

// sweep queues what is to do, and says whether nothing is.
func (w *worker) sweep(ctx context.Context) (idle bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w.done.Store(0)
	refs, err := w.o.Sweep(ctx, refill*w.o.Workers)
	if err != nil {
		return false, err
	}
	w.asked.Store(int64(len(refs)))
	standing, err := w.q.add(ctx, refs, mainQueue, 0)
	if err != nil {
		return false, err
	}
	// A job that runs although nobody has its shard: the worker died, and its lease is over.
	var dead []issuer.ShardRef
	for _, job := range standing {
		if job.State != rivertype.JobStateRunning || job.AttemptedAt == nil || time.Since(*job.AttemptedAt) < w.o.Stale {
			continue
		}
		if r, err := refOf(job); err == nil {
			dead = append(dead, r)
		}
	}
	if len(dead) > 0 {
		there, err := w.q.add(ctx, dead, overQueue, max(w.o.Stale, time.Second))
		if err != nil {
			return false, err
		}
		if n := len(dead) - len(there); n > 0 {
			w.q.log.Info("shards of a worker that is gone are handed out again", "shards", n)
		}
	}
	if len(refs) > 0 || w.o.Idle == nil {
		return false, nil
	}
	return w.o.Idle(ctx)
}

// Work implements river.Worker. A panic is told by its type alone: its value would be stored with the job, in clear.
func (w *worker) Work(ctx context.Context, job *river.Job[shardArgs]) (err error) {
	r := issuer.ShardRef{Campaign: job.Args.Campaign, Insurer: job.Args.Insurer, N: job.Args.N}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic of type %T", p)
		}
		if err != nil && job.Attempt >= job.MaxAttempts && w.o.Failed != nil && counts(err) && !errors.Is(ctx.Err(), context.Canceled) {
			w.o.Failed(ctx, r, err)
		}
	}()
	err = w.o.Do(ctx, r)
	if n := w.done.Add(1); n == max(1, w.asked.Load()/2) {
		select {
		case w.dry <- struct{}{}:
		default:
		}
	}
	var v *verdict
	switch {
	case !errors.As(err, &v):
		return err
	case v.never:
		return river.JobCancel(v.err)
	}
	return river.JobSnooze(v.after)
}

// counts says whether an error is the shard's own.
func counts(err error) bool {
	var snooze *river.JobSnoozeError
	var cancel *river.JobCancelError
	return !errors.As(err, &snooze) && !errors.As(err, &cancel)
}

func refOf(job *rivertype.JobRow) (issuer.ShardRef, error) {
	var a shardArgs
	err := json.Unmarshal(job.EncodedArgs, &a)
	return issuer.ShardRef{Campaign: a.Campaign, Insurer: a.Insurer, N: a.N}, err
}

// patience is River's retry policy.
type patience struct{}

// NextRetry implements river.ClientRetryPolicy.
func (patience) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(Pause(len(job.Errors) + 1)) // the present failure is not among them yet
}

// Pause is how long a shard waits that has failed so often: 1 s, doubling to two minutes.
func Pause(failures int) time.Duration {
	return min(time.Second<<min(max(failures-1, 0), 10), 2*time.Minute)
}

var (
	_ river.ClientRetryPolicy = patience{}
	_ river.Worker[shardArgs] = (*worker)(nil)
)
