// worker: works campaigns off, beside any number of others, until it is told to stop.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/batch"
	"sceau/card/issuer/batch/queue"
	"sceau/card/issuer/depot"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

const workerLong = `Works off the shards of campaigns that are started: issues their cards, writes their files and signs their manifests.

With a register in PostgreSQL any number of workers share the work, on any number of machines; each needs the operator's folder
(keys, settings) and sees the campaigns' destination. A worker that dies is replaced by the others within three minutes, and
nothing is made twice. With a register in a file, one worker works several shards at a time.

    $ sceau worker ./operator
    $ sceau worker ./operator --workers 8 --card-keys /run/sceau/token --sign-rate 2000
    $ sceau worker ./operator --until-idle

SIGTERM and Ctrl-C stop it after the shards in hand; a second signal breaks these off: the next worker finishes them.`

// workerFlags are those of the command, and what the environment sets for tests.
type workerFlags struct {
	workers, rate int
	idle          bool
	campaign      string
	lease, every  time.Duration
}

func newWorker(p *place) *cobra.Command {
	var f workerFlags
	c := &cobra.Command{
		Use:   "worker DIR",
		Short: "Work campaigns off",
		Long:  workerLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if f.workers < 0 || f.rate < 0 || f.lease < 0 || f.every < 0 {
				return ui.Usage("numbers below zero mean nothing here")
			}
			w, err := p.newWork(c, args[0], f)
			if err != nil {
				return err
			}
			ctx, cut, stop := drained(c.Context(), func() {
				notify("STOPPING=1")
				w.log.Info("stopping after what is in hand; a second signal breaks it off")
			})
			defer stop()
			notify("READY=1")
			err = w.run(ctx, cut)
			return errors.Join(err, w.op.Close())
		},
	}
	c.Flags().IntVar(&f.workers, "workers", 0, "shards at a time; 0 means as many as processors")
	c.Flags().IntVar(&f.rate, "sign-rate", 0, "signatures a second with each card key, at most, in this process; 0 means as many as it can")
	c.Flags().BoolVar(&f.idle, "until-idle", false, "end when no started campaign has anything left to do")
	c.Flags().StringVar(&f.campaign, "campaign", "", "work for this campaign; with a register in PostgreSQL it only says which one --until-idle waits for")
	c.Flags().DurationVar(&f.lease, "lease", 0, "how long a shard in hand is left to a worker that says nothing any more; 0 means two minutes and what a sign rate needs")
	c.Flags().DurationVar(&f.every, "look-every", 0, "how often the register is looked through for work; 0 means 5s")
	return c
}

// drained is a context that ends with the first signal, and a channel that closes with the second.
func drained(parent context.Context, said func()) (ctx context.Context, cut <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	over, broken := make(chan struct{}), make(chan struct{})
	go func() {
		for n := 0; ; {
			select {
			case <-over:
				return
			case <-signals:
			}
			if n++; n == 1 {
				said()
				cancel()
				continue
			}
			close(broken)
			return
		}
	}()
	return ctx, broken, func() { signal.Stop(signals); close(over); cancel() }
}

// work is a running worker.
type work struct {
	op       *operator
	f        workerFlags
	batch    *batch.Worker
	database string // "" for a register in a file
	log      *slog.Logger
	again    func(failures int) time.Duration // the pause after a shard failed as often

	shards, cards atomic.Int64 // since the start
}

// workMemory is what the heap of a worker tries not to exceed. What lives is a fraction of it, whatever a campaign's size; without a limit
// the collector would let garbage grow to several times that. SQLite's own memory comes on top: all in all less than 400 MB.
const workMemory = 192 << 20

// limitMemory bounds the heap of who works campaigns off, unless the environment already does.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(workMemory)
	}
}

func (p *place) newWork(c *cobra.Command, dir string, f workerFlags) (*work, error) {
	config, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	level, err := config.level()
	if err != nil {
		return nil, err
	}
	if config.MemoryLimitMB > 0 {
		debug.SetMemoryLimit(int64(config.MemoryLimitMB) << 20)
	} else {
		limitMemory()
	}
	op, err := p.openContext(c.Context(), dir)
	if err != nil {
		return nil, err
	}
	op.Offline = nil // what needs them is done by a person, with their medium attached
	op.Actor = "worker"
	op.SignRate = f.rate
	return newWork(op, f, config.Database, slog.New(slog.NewJSONHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))), nil
}

func newWork(op *operator, f workerFlags, database string, log *slog.Logger) *work {
	if f.workers == 0 {
		f.workers = runtime.GOMAXPROCS(0)
	}
	if f.every == 0 {
		f.every = 5 * time.Second
	}
	w := &work{op: op, f: f, database: database, log: log, again: queue.Pause}
	w.batch = &batch.Worker{Issuer: op.Issuer, Open: openOutput, Parallel: f.workers, Now: clock.Now, Log: log, Name: workerName(), Lease: f.lease,
		Progress: func(p batch.Progress) { w.shards.Add(1); w.cards.Add(p.Cards) }}
	return w
}

// workerName is unlike any other's, and says to an administrator where to look.
func workerName() string {
	host, err := os.Hostname()
	if err != nil || len(host) > 40 {
		host = "worker"
	}
	return fmt.Sprintf("%s-%d-%x", host, os.Getpid(), time.Now().UnixNano())
}

// openOutput opens a campaign's destination: files with names and addresses of people.
func openOutput(ctx context.Context, target string) (depot.Depot, error) {
	return depot.Open(ctx, target, depot.Options{Mode: 0o600})
}

// run works until ctx ends, or until nothing is left.
func (w *work) run(ctx context.Context, cut <-chan struct{}) error {
	w.log.Info("worker open", "name", w.batch.Name, "workers", w.f.workers, "version", ui.Version())
	over := make(chan struct{})
	told := make(chan struct{})
	go func() { defer close(told); w.tell(over) }()
	var err error
	if w.database == "" {
		err = w.byItself(ctx, cut)
	} else {
		err = w.byQueue(ctx, cut)
	}
	close(over)
	<-told
	w.log.Info("worker closed", "shards", w.shards.Load(), "cards", w.cards.Load())
	if err == nil && w.f.idle && ctx.Err() == nil {
		return w.leftover(ctx)
	}
	return err
}

// leftover is the error of a worker that ends because nothing is left but what was given up, by it or another.
func (w *work) leftover(ctx context.Context) error {
	return w.eachCampaign(ctx, func(c *issuer.Campaign) error {
		if n := c.GivenUp(); n > 0 && c.State == issuer.CampaignStarted {
			return ui.WithHint(fmt.Errorf("campaign %s is not done: %s given up", c.ID, howMany(int64(n), "shard")),
				"sceau campaign status %s %s says why; sceau campaign resume %s %s has them tried again", shellWord(w.op.dir), c.ID, shellWord(w.op.dir), c.ID)
		}
		return nil
	})
}

// tellEvery is how often a worker says what it did.
const tellEvery = 10 * time.Second

// tell logs the pace while there is any.
func (w *work) tell(over <-chan struct{}) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	var cards int64
	last := time.Now()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		now, all := time.Now(), w.cards.Load()
		if all != cards {
			w.log.Info("working", "cards", all, "shards", w.shards.Load(), "cards_per_second", int64(float64(all-cards)/now.Sub(last).Seconds()))
		}
		cards, last = all, now
	}
}

// byItself works several shards at a time in this process: the register in a file has no other.
func (w *work) byItself(ctx context.Context, cut <-chan struct{}) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- w.embedded(work) }()
	select {
	case err := <-done:
		return err
	case <-cut:
		// Nothing is lost: what is half done is finished by whoever opens it next.
		w.log.Warn("broken off")
		return nil
	}
}

// embedded works off what is started, looks again for more, and ends with ctx or, when asked to, with the work.
func (w *work) embedded(ctx context.Context) error {
	pause := w.f.every
	failures := map[issuer.ShardRef]int{}
	for {
		err := w.batch.Run(ctx, w.f.campaign)
		if ctx.Err() != nil {
			return nil
		}
		var failed *batch.ShardError
		switch {
		case err == nil && w.f.idle:
			if idle, e := w.idle(ctx); e != nil || idle {
				return e
			}
			pause = min(w.f.every, time.Second)
		case w.f.campaign != "" && errors.Is(err, issuer.ErrUnknownCampaign):
			return err
		case w.f.idle && (nothingToDo(err) || errors.Is(err, batch.ErrGivenUp)):
			return nil
		case err == nil, nothingToDo(err), errors.Is(err, batch.ErrGivenUp):
			pause = w.f.every
		case passing(err):
			w.log.Warn("tried again soon", "error", err.Error())
			pause = w.f.every
		case errors.As(err, &failed) && !outside(err):
			r := issuer.ShardRef{Campaign: failed.Campaign, Insurer: failed.Insurer, N: failed.Shard}
			if failures[r]++; failures[r] < queue.Attempts {
				pause = w.again(failures[r])
				w.log.Error("a shard failed and will be tried again", "campaign", r.Campaign, "insurer", r.Insurer, "shard", r.N, "error", failed.Err.Error(), "again_in", pause.String())
				break
			}
			delete(failures, r)
			w.giveUp(ctx, r, err)
			pause = 0
		case w.f.idle:
			return err
		default:
			pause = min(2*max(pause, time.Second), 2*time.Minute)
			w.log.Error("campaigns can't be worked on and will be tried again", "error", err.Error(), "again_in", pause.String())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// idle says whether nothing is left to do for anybody, in all started campaigns or the one that is waited for.
func (w *work) idle(ctx context.Context) (bool, error) {
	waits, err := w.op.CampaignWaits(ctx, w.f.campaign)
	return err == nil && !waits, err
}

// eachCampaign hands out all campaigns, or the one that is waited for.
func (w *work) eachCampaign(ctx context.Context, each func(*issuer.Campaign) error) error {
	who := w.op.staff()
	if w.f.campaign != "" {
		c, err := w.op.CampaignOf(ctx, who, w.f.campaign)
		if err != nil {
			return err
		}
		return each(c)
	}
	const page = 100
	for before := ""; ; {
		all, err := w.op.Campaigns(ctx, who, before, page)
		if err != nil {
			return err
		}
		for i := range all {
			if err := each(&all[i]); err != nil {
				return err
			}
			before = all[i].ID
		}
		if len(all) < page {
			return nil
		}
	}
}
