package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sceau/offline/refresh"
	"sceau/signing/trust"
)

// kept is a keeper whose sources do as they are told, in virtual time.
type kept struct {
	*refresh.Keeper
	t *testing.T

	mu      sync.Mutex
	offset  time.Duration // of the date from the clock that nobody sets
	looks   int           // at the date
	sources []string
	listing error
	acts    map[string]func(ctx context.Context, progress refresh.Progress) error
	starts  map[string][]time.Time
	at      map[string]int // running now
	stop    context.CancelFunc
	ended   chan error
}

func newKept(t *testing.T, every time.Duration, sources ...string) *kept {
	k := &kept{t: t, sources: sources, acts: map[string]func(context.Context, refresh.Progress) error{}, starts: map[string][]time.Time{},
		at: map[string]int{}, ended: make(chan error, 1)}
	k.Keeper = &refresh.Keeper{Every: every, Sync: k.sync, Sources: k.list, Now: k.now}
	return k
}

func (k *kept) now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looks++
	return time.Now().Add(k.offset)
}

func (k *kept) list(context.Context) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.sources), k.listing
}

func (k *kept) sync(ctx context.Context, name string, progress refresh.Progress) (refresh.Report, error) {
	k.mu.Lock()
	k.starts[name] = append(k.starts[name], time.Now())
	if k.at[name]++; k.at[name] > 1 {
		k.t.Errorf("%s runs twice at once", name)
	}
	act := k.acts[name]
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.at[name]--
		k.mu.Unlock()
	}()
	if act != nil {
		if err := act(ctx, progress); err != nil {
			return refresh.Report{}, err
		}
	}
	return refresh.Report{Fingerprint: "of " + name}, nil
}

func (k *kept) act(name string, fn func(ctx context.Context, progress refresh.Progress) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acts[name] = fn
}

func (k *kept) fail(name string, err error) {
	k.act(name, func(context.Context, refresh.Progress) error { return err })
}

func (k *kept) follow(sources ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sources = sources
}

func (k *kept) jump(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.offset += d
}

func (k *kept) count(name string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.starts[name])
}

// gaps are the times between two starts.
func (k *kept) gaps(name string) []time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []time.Duration
	for i, at := range k.starts[name][1:] {
		out = append(out, at.Sub(k.starts[name][i]))
	}
	return out
}

func (k *kept) run() {
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	go func() { k.ended <- k.Run(ctx) }()
}

func (k *kept) end() {
	k.t.Helper()
	k.stop()
	if err := <-k.ended; err != nil {
		k.t.Errorf("end: %v", err)
	}
}

// pass lets virtual time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

const good, bad = "https://a.example/listes", "https://b.example/listes"

func TestKeeperPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 30*time.Minute, good)
		k.run()
		pass(refresh.StartSpread)
		if n := k.count(good); n != 1 {
			t.Fatalf("%d syncs in the first %v", n, refresh.StartSpread)
		}
		st := k.State()
		if wait := time.Until(st.Next); st.Running || st.LastError != nil || st.LastOK.IsZero() || wait < 22*time.Minute || wait > 38*time.Minute {
			t.Errorf("%+v", st)
		}
		if len(st.Sources) != 1 || st.Sources[0].Report.Fingerprint != "of "+good {
			t.Errorf("%+v", st.Sources)
		}
		pass(24 * time.Hour)
		differ := map[time.Duration]bool{}
		for _, gap := range k.gaps(good) {
			if gap < 22*time.Minute || gap > 38*time.Minute {
				t.Errorf("%v between two syncs", gap)
			}
			differ[gap] = true
		}
		if n := k.count(good); n < 40 || n > 64 || len(differ) < n/2 {
			t.Errorf("%d syncs in a day, %d different gaps", n, len(differ))
		}
		k.end()
	})
}

// A time that also carries the reading of the clock that nobody sets, as time.Now's does outside of tests, is compared by that
// one, and would hide that the date jumped.
func TestKeeperReadsTheDateAlone(t *testing.T) {
	base := time.Now()
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 30*time.Minute, good)
		began := time.Now()
		k.Now = func() time.Time { return base.Add(time.Since(began)) }
		if !strings.Contains(k.Now().String(), " m=") {
			t.Fatal("the test's own clock carries no such reading")
		}
		k.run()
		pass(time.Hour)
		if st := k.State(); st.LastOK.IsZero() || strings.Contains(st.Next.String()+st.LastOK.String(), " m=") {
			t.Errorf("next %s, last %s", st.Next, st.LastOK)
		}
		k.end()
	})
}

func TestKeeperBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 30*time.Minute, bad)
		k.fail(bad, trust.ErrUnreachable)
		k.run()
		pass(48 * time.Hour)
		for i, gap := range k.gaps(bad) {
			want := refresh.LastRetry
			if i < 6 {
				want = min(refresh.FirstRetry<<i, refresh.LastRetry)
			}
			if gap < want/2 || gap > want {
				t.Errorf("failure %d: %v until the next try, want %v to %v", i+1, gap, want/2, want)
			}
		}
		if n := k.count(bad); n < 48 || n > 110 {
			t.Errorf("%d tries in two days", n)
		}
		if st := k.State(); !errors.Is(st.LastError, trust.ErrUnreachable) || st.Failing != bad || st.Sources[0].Failures < 40 || !st.LastOK.IsZero() {
			t.Errorf("%+v", st)
		}
		// It comes back: found within the hour, and then the period is the usual one.
		k.act(bad, nil)
		before := k.count(bad)
		pass(refresh.LastRetry)
		if st := k.State(); k.count(bad) == before || st.LastError != nil || st.Failing != "" || st.LastOK.IsZero() || st.Sources[0].Failures != 0 {
			t.Errorf("back, and yet %+v", st)
		}
		k.end()
	})
}

// A mirror that was away for half a day is not flattened by those who waited for it.
func TestKeepersDoNotComeBackTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const counters = 1000
		var mu sync.Mutex
		back := false
		minutes := map[int]int{}
		began := time.Now()
		ctx, stop := context.WithCancel(context.Background())
		var all sync.WaitGroup
		for range counters {
			k := &refresh.Keeper{Every: 30 * time.Minute,
				Sources: func(context.Context) ([]string, error) { return []string{good}, nil },
				Sync: func(context.Context, string, refresh.Progress) (refresh.Report, error) {
					mu.Lock()
					defer mu.Unlock()
					if !back {
						return refresh.Report{}, trust.ErrUnreachable
					}
					minutes[int(time.Since(began)/time.Minute)]++
					return refresh.Report{}, nil
				}}
			all.Go(func() {
				if err := k.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		pass(12 * time.Hour)
		mu.Lock()
		back = true
		mu.Unlock()
		pass(4 * time.Hour)
		stop()
		all.Wait()
		most, sum := 0, 0
		for _, n := range minutes {
			most, sum = max(most, n), sum+n
		}
		t.Logf("count: %d counters come back to a mirror: at most %d in one minute, mean %.0f", counters, most, float64(sum)/240)
		if most > counters/12 || sum < counters*4 {
			t.Errorf("%d of %d counters in one minute, %d syncs", most, counters, sum)
		}
	})
}

// Whatever one source does, another one goes on as if it were alone.
func TestKeeperBadMirrorsBlockNobody(t *testing.T) {
	for name, act := range map[string]struct {
		do   func(ctx context.Context, progress refresh.Progress) error
		want error
	}{
		"failing":       {func(context.Context, refresh.Progress) error { return trust.ErrInterrupted }, trust.ErrInterrupted},
		"lying":         {func(context.Context, refresh.Progress) error { return fmt.Errorf("x: %w", trust.ErrSignature) }, trust.ErrSignature},
		"rolled back":   {func(context.Context, refresh.Progress) error { return trust.ErrRollback }, trust.ErrRollback},
		"another one":   {func(context.Context, refresh.Progress) error { return refresh.ErrOtherRoot }, refresh.ErrOtherRoot},
		"panicking":     {func(context.Context, refresh.Progress) error { panic("LEFÈVRE Anne") }, refresh.ErrPanicked},
		"nil":           {func(context.Context, refresh.Progress) error { var none []error; return none[len(bad)] }, refresh.ErrPanicked},
		"cancelled":     {func(context.Context, refresh.Progress) error { return context.Canceled }, context.Canceled},
		"hanging":       {func(ctx context.Context, _ refresh.Progress) error { <-ctx.Done(); return ctx.Err() }, refresh.ErrTooSlow},
		"never ending":  {nil, refresh.ErrTooSlow},
		"slow and good": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKept(t, 30*time.Minute, bad, good)
				do := act.do
				if name == "never ending" { // it does not heed its context
					end := make(chan struct{})
					do = func(context.Context, refresh.Progress) error { <-end; return nil }
					defer close(end)
				}
				if name == "slow and good" {
					do = func(ctx context.Context, _ refresh.Progress) error {
						select {
						case <-ctx.Done():
						case <-time.After(9 * time.Minute):
						}
						return ctx.Err()
					}
				}
				k.act(bad, do)
				k.run()
				pass(24 * time.Hour)
				if n := k.count(good); n < 38 || n > 64 {
					t.Errorf("the good one was synchronised %d times in a day", n)
				}
				st := k.State()
				if !errors.Is(st.LastError, act.want) || (act.want != nil && st.Failing != bad) {
					t.Errorf("%v of %q, want %v", st.LastError, st.Failing, act.want)
				}
				if st.LastError != nil && strings.Contains(st.LastError.Error(), "LEFÈVRE") {
					t.Errorf("a panic's value is shown: %v", st.LastError)
				}
				if time.Since(st.LastOK) > 40*time.Minute {
					t.Errorf("last success %v ago", time.Since(st.LastOK))
				}
				if n := k.count(bad); n > 120 {
					t.Errorf("the bad one was tried %d times", n)
				}
				if name == "never ending" {
					if n := k.count(bad); n != 1 || !st.Running || st.Source != bad {
						t.Errorf("started %d times, %+v", n, st)
					}
					k.stop()
					if err := <-k.ended; !errors.Is(err, refresh.ErrLeft) {
						t.Errorf("ended with %v", err)
					}
					return
				}
				k.end()
			})
		})
	}
}

func TestKeeperPanicKeepsItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour, bad)
		k.act(bad, func(context.Context, refresh.Progress) error { panic("x") })
		k.run()
		pass(time.Minute)
		var p *refresh.Panic
		if !errors.As(k.State().LastError, &p) || !strings.Contains(string(p.Stack), "keeper_test.go") || p.Value != "x" {
			t.Errorf("%v", k.State().LastError)
		}
		k.end()
	})
}

// A stick in a drawer is no alarm; put in, it is found.
func TestKeeperAbsentStick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stick := filepath.Join(t.TempDir(), "stick")
		k := newKept(t, 30*time.Minute, stick)
		k.act(stick, func(context.Context, refresh.Progress) error {
			src, err := trust.NewSource(stick)
			if err == nil {
				err = trust.CloseSource(src)
			}
			return err
		})
		k.run()
		pass(24 * time.Hour)
		st := k.State()
		if st.LastError != nil || st.Failing != "" || !st.Sources[0].Absent || st.Sources[0].Failures != 0 || !st.LastOK.IsZero() {
			t.Fatalf("%+v", st)
		}
		for _, gap := range k.gaps(stick) {
			if gap < refresh.AbsentRetry*3/4 || gap > refresh.AbsentRetry*5/4 {
				t.Errorf("looked for again after %v", gap)
			}
		}
		mkdir(t, stick)
		pass(refresh.AbsentRetry * 5 / 4)
		if st := k.State(); st.Sources[0].Absent || st.LastOK.IsZero() || st.LastError != nil {
			t.Errorf("put in: %+v", st)
		}
		// There, and unreadable: that is a failure.
		k.fail(stick, trust.ErrUnreachable)
		pass(40 * time.Minute)
		if st := k.State(); st.Sources[0].Absent || st.LastError == nil {
			t.Errorf("broken: %+v", st)
		}
		k.end()
	})
}

func TestIsAbsent(t *testing.T) {
	here, gone := t.TempDir(), filepath.Join(t.TempDir(), "x")
	for _, c := range []struct {
		source string
		err    error
		want   bool
	}{
		{gone, trust.ErrUnreachable, true}, {gone + ".zip", fmt.Errorf("%w: x", trust.ErrUnreachable), true},
		{here, trust.ErrUnreachable, false}, {gone, trust.ErrSignature, false}, {gone, nil, false}, {gone, trust.ErrForbidden, false},
		{"https://mirror.example/x", trust.ErrUnreachable, false}, {"HTTP://x", trust.ErrUnreachable, false},
	} {
		if refresh.IsAbsent(c.source, c.err) != c.want {
			t.Errorf("%s, %v: want %v", filepath.Base(c.source), c.err, c.want)
		}
	}
}
