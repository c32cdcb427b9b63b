// Package batch works campaigns off: it issues shards, draws files, seals manifests, makes spoiled sheets again and checks what was
// delivered. What is to be done, and what is done, stands in the register alone; doing it twice gives the same bytes.
package batch

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/qr"
	"sceau/card/register"
)

// Worker works shards off. Issuer and Open are required. Several goroutines may use one.
type Worker struct {
	Issuer   *issuer.Issuer
	Open     func(ctx context.Context, target string) (depot.Depot, error) // a campaign's destination
	Parallel int                                                           // shards at a time in Run; 0: as many as processors
	Now      func() time.Time                                              // the clock; nil means time.Now
	Log      *slog.Logger                                                  // nil for nowhere
	Name     string                                                        // of this worker in leases, unique to it; "": drawn at random
	// Lease is how long a piece of work is ours, and must exceed the longest one; 0: issuer.DefaultLease, and what the signatures of a
	// shard take at the campaign's rate. Who overtakes a worker that is only slow wastes work and harms nothing.
	Lease    time.Duration
	Progress func(Progress) // told after each Do that ends well, one at a time; nil for nobody

	pause   time.Duration // tests: wait
	mu      sync.Mutex
	telling sync.Mutex
	begun   bool
	symbols *qr.Printer
	rated   map[int]*issuer.Issuer
	frozen  memo[*look]
	depots  memo[depot.Depot]
	fresh   fresh
}

// Progress says what a Do did.
type Progress struct {
	Campaign, Insurer string
	Shard             int
	Cards             int64 // of this shard; 0 when it was done before
	Took              time.Duration
}

// ShardError says which shard it was that Do, or Run, failed at.
type ShardError struct {
	Campaign, Insurer string
	Shard             int
	Err               error
}

func (e *ShardError) Error() string {
	return fmt.Sprintf("batch: campaign %s, insurer %s, shard %d: %v", e.Campaign, e.Insurer, e.Shard, e.Err)
}

func (e *ShardError) Unwrap() error { return e.Err }

// ErrGivenUp says that of a campaign only shards are left that failed too often. Issuer.ResumeCampaign lets them be tried again.
var ErrGivenUp = errors.New("batch: what is left of the campaign was given up")

// begin makes what the zero value lacks.
func (w *Worker) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		return
	}
	w.begun = true
	if w.Name == "" {
		w.Name = "worker-" + rand.Text()[:12]
	}
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	w.symbols = qr.NewPrinter()
	w.rated = map[int]*issuer.Issuer{}
	w.fresh.most = w.parallel() + 1
}

func (w *Worker) parallel() int {
	if w.Parallel > 0 {
		return w.Parallel
	}
	return runtime.GOMAXPROCS(0)
}

func (w *Worker) now() time.Time {
	if w.Now == nil {
		return time.Now()
	}
	return w.Now()
}

// issuerAt is the issuer that signs at a campaign's rate.
func (w *Worker) issuerAt(rate int) *issuer.Issuer {
	if rate <= 0 || w.Issuer.SignRate > 0 && w.Issuer.SignRate <= rate {
		return w.Issuer
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rated[rate] == nil {
		own := w.Issuer.As(issuer.Staff{Actor: w.Issuer.Actor})
		own.SignRate = rate
		w.rated[rate] = own
	}
	return w.rated[rate]
}

// claim asks for a piece of work in which so many cards are signed at a campaign's rate, 0 for as fast as can be.
func (w *Worker) claim(cards, rate int) issuer.Claim {
	c := issuer.Claim{Worker: w.Name, For: w.Lease}
	if c.For == 0 {
		c.For = issuer.DefaultLease
		if rate = w.issuerAt(rate).SignRate; rate > 0 { // which all shards in hand share
			c.For += time.Duration(2*cards*w.parallel()) * time.Second / time.Duration(rate)
		}
	}
	return c
}

// Do works off one shard, the file that it completes and the manifest when that was the last file. What was done before is not
// done again, so that a shard which NextShards names is finished by it wherever a crash left it.
//
// Errors: issuer.ErrPaused, ErrCancelled, ErrLeased, ErrUnknownCampaign, ErrNoServiceKey (publish once with the offline keys), those
// of Issuer.Shard and of the destination.
func (w *Worker) Do(ctx context.Context, campaign, insurer string, shard int) error {
	p, err := w.do(ctx, campaign, insurer, shard)
	if err == nil && w.Progress != nil {
		w.telling.Lock()
		defer w.telling.Unlock()
		w.Progress(p)
	}
	return err
}

func (w *Worker) do(ctx context.Context, campaign, insurer string, shard int) (Progress, error) {
	w.begin()
	p := Progress{Campaign: campaign, Insurer: insurer, Shard: shard}
	began := w.now()
	fail := func(err error) (Progress, error) { return p, &ShardError{campaign, insurer, shard, err} }
	// Before a card is made: what could not be sealed must not be begun.
	if _, err := w.Issuer.ManifestSigner(); err != nil {
		return fail(err)
	}
	look, err := w.lookOf(ctx, campaign, insurer)
	if err != nil {
		return fail(err)
	}
	sh, err := w.Issuer.OpenShard(ctx, campaign, insurer, shard, w.claim(look.spec.ShardSize, look.spec.SignRate))
	if err != nil {
		return fail(err)
	}
	n := (shard-1)*sh.Spec.ShardSize/sh.Spec.FileSize + 1
	if !sh.Done {
		if n, err = w.shard(ctx, sh, &p); err != nil {
			return fail(err)
		}
		p.Took = w.now().Sub(began)
		w.Log.Info("shard done", "campaign", campaign, "insurer", insurer, "shard", shard, "cards", p.Cards, "ms", p.Took.Milliseconds())
		if n == 0 {
			return p, nil
		}
	}
	sealable, err := w.file(ctx, campaign, insurer, n)
	if errors.Is(err, issuer.ErrIncomplete) {
		return p, nil // its last shard draws it
	}
	if err != nil {
		return fail(err)
	}
	if sealable {
		if err := w.seal(ctx, campaign, insurer); err != nil {
			return fail(err)
		}
	}
	return p, nil
}

// shard issues what a shard lacks and returns the number of the file that this completes, 0 for none.
func (w *Worker) shard(ctx context.Context, sh *issuer.CampaignShard, p *Progress) (int, error) {
	give := func(err error) (int, error) {
		back := w.Issuer.ReleaseShard(context.WithoutCancel(ctx), sh)
		return 0, errors.Join(err, back)
	}
	result, err := w.issuerAt(sh.Spec.SignRate).Shard(ctx, sh.Request(time.Time{}))
	if err != nil {
		return give(err)
	}
	file, err := w.Issuer.EndShard(ctx, sh, result)
	if err != nil {
		return give(err)
	}
	n := (sh.N-1)*sh.Spec.ShardSize/sh.Spec.FileSize + 1
	for _, c := range result.Cards {
		if c.Place != (issuer.Issued{}).Place {
			p.Cards++
		}
	}
	w.fresh.keep(fileKey{sh.Campaign, sh.Insurer, n}, result.Cards, w.now())
	if file == nil {
		return 0, nil
	}
	return file.N, nil
}

// Run works until nothing of a campaign is left ("" takes from every started one until nothing waits). When ctx ends, the shards in
// hand are finished first and its error is returned; so it is with ErrPaused and ErrCancelled, and with ErrGivenUp when nothing else
// is left. Several processes may run one campaign: leases keep them off one another's shards.
func (w *Worker) Run(ctx context.Context, campaign string) error {
	w.begin()
	aside := newAside()
	busy := 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		taken := 0
		refs, err := aside.next(ctx, w.Issuer, campaign, 8*w.parallel())
		if err == nil {
			taken, err = w.some(ctx, refs, aside)
		}
		if taken > 0 {
			busy = 0
		}
		if (errors.Is(err, register.ErrBusy) || errors.Is(err, register.ErrOutcomeUnknown)) && busy < mostBusy {
			busy++
			w.Log.Warn("the register is busy", "error", err.Error())
			if err := w.rest(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if taken > 0 {
			continue
		}
		// Nothing to take: it is over, or others have the rest.
		over, err := w.over(ctx, campaign)
		if err != nil || over && campaign != "" {
			return err
		}
		if err := aside.err(); err != nil || over {
			return err
		}
		if err := w.rest(ctx); err != nil {
			return err
		}
	}
}

// wait is how long a worker leaves the rest to others before it looks again; mostBusy how often it does so for a register that is
// busy, in a row.
const (
	wait     = time.Second
	mostBusy = 60
)

func (w *Worker) rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(cmp.Or(w.pause, wait)):
		return nil
	}
}

// some works off what it can of refs, in parallel. It counts what was not another worker's, also what was set aside.
func (w *Worker) some(ctx context.Context, refs []issuer.ShardRef, aside *aside) (int, error) {
	var mu sync.Mutex
	var failed error
	taken := 0
	stop := func() bool { mu.Lock(); defer mu.Unlock(); return failed != nil || ctx.Err() != nil }
	jobs := make(chan issuer.ShardRef)
	var wg sync.WaitGroup
	for range min(w.parallel(), len(refs)) {
		wg.Go(func() {
			for ref := range jobs {
				if stop() {
					continue
				}
				// What is begun is finished: a card that is signed and not stored would be looked for at the next start.
				err := w.Do(context.WithoutCancel(ctx), ref.Campaign, ref.Insurer, ref.N)
				mu.Lock()
				switch {
				case err == nil:
					taken++
				case errors.Is(err, issuer.ErrLeased):
				case aside.failed(ref, err):
					taken++
					w.Log.Warn("set aside", "campaign", ref.Campaign, "insurer", ref.Insurer, "shard", ref.N, "error", err.Error())
				case failed == nil:
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for _, ref := range refs {
		if stop() {
			break
		}
		jobs <- ref
	}
	close(jobs)
	wg.Wait()
	return taken, failed
}

// over says whether a campaign needs this worker no more.
func (w *Worker) over(ctx context.Context, campaign string) (bool, error) {
	if campaign == "" {
		return true, nil
	}
	waits, err := w.Issuer.CampaignWaits(ctx, campaign) // before its state is read: it may end between
	if err != nil {
		return false, err
	}
	c, err := w.Issuer.CampaignOf(ctx, issuer.Staff{Actor: w.Issuer.Actor}, campaign)
	if err != nil {
		return false, err
	}
	switch c.State {
	case issuer.CampaignDone, issuer.CampaignEmpty:
		return true, nil
	case issuer.CampaignCancelled:
		return true, fmt.Errorf("batch: campaign %s: %w", campaign, issuer.ErrCancelled)
	case issuer.CampaignStarted:
		if !waits && c.GivenUp() > 0 {
			return true, fmt.Errorf("%w: %s", ErrGivenUp, campaign)
		}
		return false, nil
	}
	return true, fmt.Errorf("batch: campaign %s: %w", campaign, issuer.ErrPaused)
}
