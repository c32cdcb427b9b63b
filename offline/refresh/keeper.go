// The keeper: the lists of an open desk stay fresh by themselves, whatever its mirrors, its clock and its lid do.

package refresh

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Progress is told the step that a sync has reached, StepRoot and the others, and the bytes read so far.
type Progress = func(step string, bytes int64)

// Keeper synchronises each source in its own time. The fields are set before Run and not changed after it; the methods may
// be called from several goroutines, before, during and after Run.
//
// Each source has its own schedule and runs by itself, so one that hangs, fails or lies costs the others nothing. Waiting is
// measured by a clock that nobody sets: the computer's date may jump as it likes. The date is only believed when it says that
// more time has passed than was noticed, which is what a computer that slept looks like.
type Keeper struct {
	// Sync brings one source up to date. It returns once ctx is done. It may be called for several sources at once, never
	// twice at once for one.
	Sync func(ctx context.Context, source string, progress Progress) (Report, error)
	// Sources returns what is followed: addresses, folders, zip files. Asked whenever something is due.
	Sources func(ctx context.Context) ([]string, error)
	// Every is the time between two syncs of a source that answers, about: a quarter more or less. SetEvery changes it later.
	Every time.Duration
	// Limit of one sync; 0 is DefaultLimit.
	Limit time.Duration
	// Now is the counter's clock, for what is shown and to notice sleep; nil is time.Now.
	Now func() time.Time
	// Jitter returns a duration from 0 to limit, at random; nil draws it.
	Jitter func(limit time.Duration) time.Duration
	// Absent says that a source's medium is not there, which is no failure; nil is IsAbsent.
	Absent func(source string, err error) bool

	setup   sync.Once
	kick    chan struct{} // one place: kicks that come together are one
	done    chan finished
	started time.Time // of the monotonic clock

	mu      sync.Mutex // all below
	every   time.Duration
	sources map[string]*source
	order   []string
	listing error         // why Sources failed last
	relist  time.Duration // when to ask Sources at the latest
	ending  bool
	changed chan struct{}
	news    uint64 // counts what happened, to tell the newest error
}

// source is the schedule and the state of one source, under the keeper's mutex.
type source struct {
	due      time.Duration // on the monotonic clock, since the start
	dueDate  time.Time     // the same by the date at that time; zero: not to be believed again
	running  bool
	ahead    time.Duration // how far the date was ahead of that clock when it was started
	cancel   context.CancelFunc
	run      uint64 // number of the run, so that a late word of an older one is not heard
	step     string
	bytes    int64
	failures int
	absent   bool
	lastOK   time.Time
	err      error
	errNews  uint64
	report   Report
	dropped  bool // forgotten while it ran
}

type finished struct {
	source string
	run    uint64
	report Report
	err    error
}

func (k *Keeper) init() {
	k.setup.Do(func() {
		k.kick = make(chan struct{}, 1)
		k.done = make(chan finished)
		k.started = time.Now()
		k.sources = map[string]*source{}
		if k.Now == nil {
			k.Now = time.Now
		}
		if k.Jitter == nil {
			k.Jitter = func(limit time.Duration) time.Duration { return rand.N(limit + 1) }
		}
		if k.Limit <= 0 {
			k.Limit = DefaultLimit
		}
		if k.Absent == nil {
			k.Absent = IsAbsent
		}
		k.every = max(k.Every, MinEvery)
	})
}

// Kick asks for a sync of every source now, and returns at once. Kicks that come together are one; a source that is being
// synchronised is not started again.
func (k *Keeper) Kick() {
	k.init()
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// SetEvery changes the period. What is due later than the new period allows is brought forward, within a minute.
func (k *Keeper) SetEvery(every time.Duration) {
	k.init()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.every = max(every, MinEvery)
	elapsed := time.Since(k.started)
	k.relist = min(k.relist, elapsed+k.every)
	for _, s := range k.sources {
		if latest := k.every - k.every/4 + k.Jitter(k.every/2); !s.running && s.failures == 0 && s.due > elapsed+latest {
			k.schedule(s, elapsed, latest)
		}
	}
	k.tell()
}

// Run keeps the lists fresh until ctx is done; it is called once. It then waits some seconds for what it started: nil means
// that all of it has ended, ErrLeft that some sync has not, because it does not heed its context.
func (k *Keeper) Run(ctx context.Context) error {
	k.init()
	running := map[string]bool{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	kicked := false
	wake := time.Duration(0)
	for {
		k.notice()
		if kicked || time.Since(k.started) >= wake {
			k.list(ctx)
			for _, name := range k.startable(kicked) {
				running[name] = true
				k.start(ctx, name)
			}
			kicked = false
		}
		wake = k.next()
		timer.Reset(min(max(wake-time.Since(k.started), 0), glance))
		select {
		case <-ctx.Done():
			return k.end(running)
		case <-k.kick:
			kicked = true
		case f := <-k.done:
			delete(running, f.source)
			k.finish(f)
		case <-timer.C:
		}
	}
}

// end waits for the syncs that were told to stop.
func (k *Keeper) end(running map[string]bool) error {
	k.mu.Lock()
	k.ending = true
	k.mu.Unlock()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for len(running) > 0 {
		select {
		case f := <-k.done:
			delete(running, f.source)
			k.finish(f)
		case <-timer.C:
			go func(n int) { // takes what they say when they come back, so that they can end
				for range n {
					<-k.done
				}
			}(len(running))
			return fmt.Errorf("%w: %d", ErrLeft, len(running))
		}
	}
	return nil
}

// list asks what is followed. When that can't be said, what was followed goes on.
func (k *Keeper) list(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	var names []string
	err := guarded(func() (err error) {
		names, err = k.Sources(ctx)
		return err
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.tell()
	elapsed := time.Since(k.started)
	k.relist = elapsed + k.every
	if k.listing = err; err != nil {
		k.relist = elapsed + FirstRetry
		return
	}
	kept := map[string]bool{}
	k.order = k.order[:0]
	for _, name := range names {
		if kept[name] {
			continue
		}
		kept[name] = true
		k.order = append(k.order, name)
		if k.sources[name] == nil {
			s := &source{}
			k.schedule(s, elapsed, k.Jitter(StartSpread))
			k.sources[name] = s
		}
	}
	for name, s := range k.sources {
		if kept[name] {
			continue
		}
		if s.running {
			s.dropped = true // it goes once it ended
			s.cancel()
		} else {
			delete(k.sources, name)
		}
	}
}

// notice looks whether the date went on further than the time that was waited: what is due by the date alone is due soon.
func (k *Keeper) notice() {
	k.mu.Lock()
	defer k.mu.Unlock()
	elapsed, now := time.Since(k.started), k.date()
	for _, s := range k.sources {
		if s.running || s.dueDate.IsZero() || now.Before(s.dueDate.Add(glance)) {
			continue
		}
		// Soon, and not at once: the network is not up yet, and the neighbours' computers wake up too. Whatever failed
		// before the sleep says nothing any more.
		s.due, s.dueDate, s.failures = min(s.due, elapsed+k.Jitter(StartSpread)), time.Time{}, 0
	}
}

// startable returns the sources that are due, or all that are not running.
func (k *Keeper) startable(all bool) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	elapsed := time.Since(k.started)
	var names []string
	for _, name := range k.order {
		if s := k.sources[name]; s != nil && !s.running && (all || s.due <= elapsed) {
			names = append(names, name)
		}
	}
	return names
}

// next returns when something is due: the earliest source, or the next time to ask what is followed.
func (k *Keeper) next() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	wake := k.relist
	for _, s := range k.sources {
		if !s.running {
			wake = min(wake, s.due)
		}
	}
	return wake
}

func (k *Keeper) start(ctx context.Context, name string) {
	k.mu.Lock()
	s := k.sources[name]
	ctx, cancel := context.WithTimeoutCause(ctx, k.Limit, ErrTooSlow)
	s.running, s.cancel, s.step, s.bytes = true, cancel, "", 0
	s.run++
	run := s.run
	s.ahead = k.ahead()
	k.tell()
	k.mu.Unlock()

	stop := context.AfterFunc(ctx, func() { k.tooSlow(ctx, name, run) })
	go func() {
		f := finished{source: name, run: run}
		f.err = guarded(func() (err error) {
			f.report, err = k.Sync(ctx, name, func(step string, bytes int64) { k.progress(name, run, step, bytes) })
			return err
		})
		if f.err != nil && context.Cause(ctx) == ErrTooSlow {
			f.err = fmt.Errorf("%w: %w", ErrTooSlow, f.err)
		}
		stop()
		cancel()
		k.done <- f
	}()
}

func (k *Keeper) progress(name string, run uint64, step string, bytes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sources[name]
	if s == nil || !s.running || s.run != run || (s.step == step && s.bytes == bytes) {
		return
	}
	s.step, s.bytes = step, bytes
	k.tell()
}

// tooSlow shows that a sync should have ended, even while it does not heed its context: a share that hangs can't be cancelled.
func (k *Keeper) tooSlow(ctx context.Context, name string, run uint64) {
	if context.Cause(ctx) != ErrTooSlow {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.sources[name]; s != nil && s.running && s.run == run {
		s.err = ErrTooSlow
		k.news++
		s.errNews = k.news
		k.tell()
	}
}

// finish notes how a sync ended and when the next one is due.
func (k *Keeper) finish(f finished) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.tell()
	s := k.sources[f.source]
	dropped := s.dropped
	s.running, s.cancel, s.dropped, s.absent = false, nil, false, false
	if !slices.Contains(k.order, f.source) {
		delete(k.sources, f.source)
		return
	}
	elapsed, every := time.Since(k.started), k.every
	switch {
	case f.err == nil:
		s.failures, s.err, s.lastOK, s.report = 0, nil, k.date(), f.report
		k.schedule(s, elapsed, every-every/4+k.Jitter(every/2))
	case k.ending || dropped: // told to stop, which is no failure; followed again meanwhile, or it would be gone
		s.err = nil
		k.schedule(s, elapsed, k.Jitter(StartSpread))
	case k.Absent(f.source, f.err):
		s.failures, s.err, s.absent = 0, nil, true
		k.schedule(s, elapsed, AbsentRetry-AbsentRetry/4+k.Jitter(AbsentRetry/2))
	default:
		if k.ahead() > s.ahead+glance {
			s.failures = 0 // the computer slept in the middle of it
		}
		s.failures++
		s.err = f.err
		k.news++
		s.errNews = k.news
		wait := LastRetry
		if n := s.failures - 1; n < 10 {
			wait = min(FirstRetry<<n, LastRetry)
		}
		k.schedule(s, elapsed, wait-wait/2+k.Jitter(wait/2))
	}
}

// date is the counter's date alone: a time that carries a reading of the other clock is compared and reckoned by that one.
func (k *Keeper) date() time.Time { return k.Now().Round(0) }

// ahead is how far the date is ahead of the clock that nobody sets.
func (k *Keeper) ahead() time.Duration {
	return k.date().Sub(k.started.Round(0)) - time.Since(k.started)
}

func (k *Keeper) schedule(s *source, elapsed, wait time.Duration) {
	s.due, s.dueDate = elapsed+wait, k.date().Add(wait)
}
