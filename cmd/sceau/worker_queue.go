// A worker's shards by River, where the register is in PostgreSQL; and what starting and cancelling a campaign tell it.

package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"syscall"
	"time"

	"sceau/card/issuer"
	"sceau/card/issuer/batch"
	"sceau/card/issuer/batch/queue"
	"sceau/card/issuer/depot"
	"sceau/card/register"
	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

// passing says that an error lies not in the shard: the same is right again in a while, however long that takes.
func passing(err error) bool {
	for _, e := range []error{issuer.ErrLeased, register.ErrBusy, register.ErrOutcomeUnknown, context.Canceled, queue.ErrUnavailable} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// nothingToDo says that a shard is not to be worked on, now or ever.
func nothingToDo(err error) bool {
	return errors.Is(err, issuer.ErrPaused) || errors.Is(err, issuer.ErrCancelled) || errors.Is(err, issuer.ErrUnknownCampaign)
}

// outside says that a person has to mend something beside the campaign: keys, a token, a bucket, a disk. Every shard fails alike until
// then, and none is given up for it.
func outside(err error) bool {
	for _, e := range []error{issuer.ErrNoServiceKey, issuer.ErrNotHeld, keystore.ErrUnreachable, keystore.ErrToken, keystore.ErrNoStore, keystore.ErrNoKey,
		depot.ErrUnreachable, depot.ErrCredentials, depot.ErrBucket, syscall.ENOSPC} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Pauses of a shard that another has, or that met a busy register; and of one that waits for a person.
const (
	laterPause   = 2 * time.Second
	outsidePause = 30 * time.Second
)

// byQueue works shards off that the queue hands out.
func (w *work) byQueue(ctx context.Context, cut <-chan struct{}) error {
	q, err := openQueue(ctx, w.database, w.log)
	if err != nil {
		return err
	}
	defer q.Close()
	o := queue.Options{Name: w.batch.Name, Workers: w.f.workers, Every: w.f.every, Cut: cut,
		Sweep: func(ctx context.Context, limit int) ([]issuer.ShardRef, error) {
			return w.op.NextShards(ctx, "", limit)
		},
		Failed: w.giveUp,
		Do: func(ctx context.Context, r issuer.ShardRef) error {
			err := w.batch.Do(ctx, r.Campaign, r.Insurer, r.N)
			switch {
			case err == nil:
			case nothingToDo(err):
				return queue.Never(err)
			case passing(err):
				return queue.Later(laterPause, err)
			case outside(err):
				w.log.Error("a shard waits for something beside it to be mended", "campaign", r.Campaign, "insurer", r.Insurer, "shard", r.N, "error", err.Error())
				return queue.Later(outsidePause, err)
			default:
				w.log.Error("a shard failed", "campaign", r.Campaign, "insurer", r.Insurer, "shard", r.N, "error", err.Error())
			}
			return err
		}}
	if w.f.lease > 0 {
		o.Stale = w.f.lease
	}
	if w.f.idle {
		o.Idle = w.idle
	}
	return queueHint(q.Work(ctx, o), "")
}

// giveUp says what became of a shard that failed each time: in the log, and in the register, so that nobody is handed it again until
// the campaign is resumed.
func (w *work) giveUp(ctx context.Context, r issuer.ShardRef, cause error) {
	word := givenUpFor(cause)
	w.log.Error("a shard is given up", "campaign", r.Campaign, "insurer", r.Insurer, "shard", r.N, "cause", word, "error", cause.Error())
	if err := w.op.FailShard(context.WithoutCancel(ctx), r, word); err != nil {
		w.log.Warn("it is tried again: the register does not know that it was given up", "campaign", r.Campaign, "insurer", r.Insurer, "shard", r.N, "error", err.Error())
	}
}

// givenUpFor is the word for why a shard failed, for people who can mend it; the error itself stays in the log.
func givenUpFor(err error) string {
	for _, c := range []struct {
		word string
		of   []error
	}{
		{"damaged", []error{issuer.ErrDamaged, batch.ErrNotTheSame}},
		{"destination", []error{depot.ErrTarget, depot.ErrName, depot.ErrReadOnly, fs.ErrPermission, fs.ErrNotExist, syscall.ENOTDIR}},
		{"too slow", []error{context.DeadlineExceeded}},
	} {
		for _, e := range c.of {
			if errors.Is(err, e) {
				return c.word
			}
		}
	}
	return "failed"
}

// openQueue connects to the queue of a register, and makes its tables where they are missing.
func openQueue(ctx context.Context, database string, log *slog.Logger) (*queue.Queue, error) {
	q, err := queue.Open(ctx, database, log)
	if err != nil {
		return nil, queueHint(err, "")
	}
	if err := q.Migrate(ctx); err != nil {
		return nil, errors.Join(queueHint(err, q.Schema()), q.Close())
	}
	return q, nil
}

// queueHint says what to do about a queue that can't be used.
func queueHint(err error, schema string) error {
	switch {
	case errors.Is(err, queue.ErrRole) && schema != "":
		return ui.WithHint(err, "run sceau worker once as the owner of the register, who may make the schema %s, then give the service's role its rights: card/issuer/batch/queue/role.sql", schema)
	case errors.Is(err, queue.ErrRole), errors.Is(err, queue.ErrMissing):
		return ui.WithHint(err, "run sceau worker once as the owner of the register, then give the service's role its rights: card/issuer/batch/queue/role.sql")
	case errors.Is(err, queue.ErrUnavailable):
		return ui.WithHint(err, "check the database setting: SCEAU_DATABASE, or database in %s", configName)
	}
	return err
}

// dispatchAtOnce is how many shards are queued when a campaign starts: workers fetch the rest by themselves.
const dispatchAtOnce = 256

// dispatchCampaign tells workers of a campaign that was started or resumed. Without it they find it at their next look. With a
// register in a file there is nothing to tell.
func dispatchCampaign(ctx context.Context, op *operator, id string) error {
	return withQueue(ctx, op, func(q *queue.Queue) error {
		refs, err := op.NextShards(ctx, id, dispatchAtOnce)
		if err != nil {
			return err
		}
		return q.Enqueue(ctx, refs)
	})
}

// withdrawCampaign takes a campaign's shards out of the queue; with running, those in hand are told to stop.
func withdrawCampaign(ctx context.Context, op *operator, id string, running bool) error {
	return withQueue(ctx, op, func(q *queue.Queue) error { return q.Cancel(ctx, id, running) })
}

func withQueue(ctx context.Context, op *operator, fn func(*queue.Queue) error) error {
	database, err := databaseAddress(op.dir)
	if err != nil || database == "" {
		return err
	}
	q, err := openQueue(ctx, database, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer q.Close()
	return queueHint(fn(q), q.Schema())
}
