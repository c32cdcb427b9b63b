// The service's own publications: at their hour, and again soon when one failed.

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/issuer/static"
	"sceau/card/register"
)

// Patience of the publisher.
const (
	publishFirst    = 5 * time.Second // after the start: a service that is started again and again must not publish each time
	publishRetry    = time.Minute
	publishPatience = 10 * time.Minute
	carryEvery      = time.Minute // a service that doesn't publish itself looks so often whether somebody did
)

// publisher publishes at most once in every: it looks at the register's last publication, so that several services on one
// register do it in turn.
type publisher struct {
	every time.Duration
	now   func() time.Time
	last  func(context.Context) (register.Publication, error)
	make  func(context.Context) (*issuer.PublishReport, error)
	to    []string                                              // folders and buckets that get each publication
	carry func(context.Context, string) (*static.Report, error) // brings one of them up to date
	log   *slog.Logger
	after func(time.Duration) <-chan time.Time
	done  *prometheus.CounterVec
}

func newPublisher(op *operator, every time.Duration, to []string, log *slog.Logger, registry prometheus.Registerer) *publisher {
	p := &publisher{every: every, to: to, carry: op.carry, now: op.Now, log: log, after: time.After,
		done: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sceau_publications_total", Help: "Publications that this process tried."}, []string{"result"}),
		make: func(ctx context.Context) (*issuer.PublishReport, error) { return op.Publish(ctx, time.Time{}) },
		last: func(ctx context.Context) (p register.Publication, err error) {
			err = op.Store.View(ctx, func(tx register.Tx) error { p, err = tx.LastPublication(); return err })
			return p, err
		}}
	registry.MustRegister(p.done)
	return p
}

// run publishes until ctx ends. It waits by the monotonic clock: a wall clock that is set back delays nothing by more than one
// retry, and each refusal for its sake is said.
func (p *publisher) run(ctx context.Context) error {
	wait := publishFirst
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.after(wait):
		}
		if p.every == 0 && len(p.to) == 0 {
			wait = 24 * time.Hour
			continue
		}
		wait = p.once(ctx)
	}
}

// once publishes if it is time, and returns when to look again.
func (p *publisher) once(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	last, err := p.last(ctx)
	if err != nil {
		return p.failed(ctx, err)
	}
	if p.every == 0 { // others publish: what they did is carried
		return p.carryAll(ctx, carryEvery)
	}
	// A publication of the future is no reason to wait for it: Publish refuses, and that is said.
	if age := p.now().Sub(last.At); age >= 0 && age < p.every {
		return p.carryAll(ctx, min(p.every-age, p.every))
	}
	report, err := p.make(ctx)
	if errors.Is(err, issuer.ErrConcurrent) {
		p.done.WithLabelValues("concurrent").Inc()
		return publishRetry // another service did it: look at when
	}
	if err != nil {
		return p.failed(ctx, err)
	}
	p.done.WithLabelValues("ok").Inc()
	for _, w := range report.Warnings {
		p.log.Warn("publication", "warning", w)
	}
	p.log.Info("published", "version", report.Version, "events", report.Events, "lists", len(report.Lists), "files", len(report.Files), "bytes", report.Bytes)
	return p.carryAll(ctx, p.every)
}

// carryAll brings every destination up to date, each for itself, and returns when to look again: wait, or soon when one is not. Where
// nothing is new that costs a listing.
func (p *publisher) carryAll(ctx context.Context, wait time.Duration) time.Duration {
	for _, target := range p.to {
		r, err := p.carry(ctx, target)
		if errors.Is(ctx.Err(), context.Canceled) {
			return publishRetry
		}
		if err != nil {
			p.done.WithLabelValues("not_carried").Inc()
			p.log.Error("the publication is not there", "to", target, "error", err.Error(), "again_in", publishRetry.String())
			wait = min(wait, publishRetry)
			continue
		}
		if r.Written > 0 {
			p.log.Info("publication carried", "to", target, "version", r.Version, "files", r.Written, "bytes", r.Bytes)
		}
	}
	return wait
}

// carry brings one destination to the register's publication.
func (o *operator) carry(ctx context.Context, target string) (*static.Report, error) {
	d, err := openPublic(ctx, target)
	if err != nil {
		return nil, err
	}
	defer depot.Close(d)
	r, err := static.Publish(ctx, o.Issuer, d, static.Options{})
	if err != nil {
		return nil, publicTrouble(target, err)
	}
	return r, nil
}

func (p *publisher) failed(ctx context.Context, err error) time.Duration {
	if errors.Is(ctx.Err(), context.Canceled) {
		return publishRetry
	}
	p.done.WithLabelValues("failed").Inc()
	said := []any{"error", err.Error(), "again_in", publishRetry.String()}
	if errors.Is(err, issuer.ErrAuditBroken) {
		said = append(said, "hint", "sceau audit verify names what is wrong")
	}
	p.log.Error("nothing was published", said...)
	return publishRetry
}
