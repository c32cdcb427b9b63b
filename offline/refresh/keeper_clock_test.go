package refresh_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sceau/offline/refresh"
	"sceau/signing/trust"
)

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
}

// The date is put back two hours, in the middle of a wait and of a back-off: neither a hot loop nor two hours of silence.
func TestKeeperClockPutBack(t *testing.T) {
	for name, failure := range map[string]error{"period": nil, "back-off": trust.ErrUnreachable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKept(t, 30*time.Minute, good)
				k.fail(good, failure)
				k.run()
				for range 24 {
					pass(61 * time.Minute)
					k.jump(-2 * time.Hour)
				}
				slowest, longest := 22*time.Minute, 38*time.Minute
				if failure != nil {
					slowest, longest = 30*time.Second, refresh.LastRetry
				}
				for _, gap := range k.gaps(good) {
					if gap < slowest || gap > longest {
						t.Errorf("%v between two tries", gap)
					}
				}
				st := k.State()
				if wait := st.Next.Sub(k.now()); wait < 0 || wait > time.Hour || st.LastOK.After(k.now()) {
					t.Errorf("next in %v, last %v ago", wait, k.now().Sub(st.LastOK))
				}
				k.end()
			})
		})
	}
}

// The computer slept: what is due by the date alone is done soon after it wakes, whatever had failed before.
func TestKeeperWakes(t *testing.T) {
	for name, failure := range map[string]error{"after a success": nil, "after failures": trust.ErrUnreachable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKept(t, 2*time.Hour, good)
				k.fail(good, failure)
				k.run()
				pass(10 * time.Hour)
				var last time.Duration
				for range 20 { // the wait until the next one is never known in advance
					before := k.count(good)
					k.jump(8 * time.Hour)
					pass(time.Minute + refresh.StartSpread + time.Second)
					if n := k.count(good) - before; n < 1 || n > 3 {
						t.Fatalf("%d tries in the first minutes after the sleep", n)
					}
					if failure != nil { // the network was not up yet: it is tried again within minutes, not within the hour
						pass(3 * time.Minute)
						if n := k.count(good) - before; n < 2 {
							t.Errorf("%d tries in four minutes", n)
						}
					}
					pass(17 * time.Minute)
					last += 8 * time.Hour
				}
				if failure == nil && k.count(good) > 40 {
					t.Errorf("%d syncs", k.count(good))
				}
				k.end()
			})
		})
	}
}

// It slept in the middle of a sync, which fails for it: tried again within a minute, whatever had failed before.
func TestKeeperWakesInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 2*time.Hour, good)
		k.fail(good, trust.ErrUnreachable)
		k.run()
		pass(10 * time.Hour)
		woken := make(chan struct{})
		k.act(good, func(context.Context, refresh.Progress) error { <-woken; return trust.ErrInterrupted })
		pass(refresh.LastRetry)
		k.jump(8 * time.Hour)
		before := k.count(good)
		k.fail(good, nil)
		close(woken)
		pass(refresh.FirstRetry)
		if k.count(good) != before+1 || k.State().LastError != nil {
			t.Errorf("%d tries, %v", k.count(good)-before, k.State().LastError)
		}
		k.end()
	})
}

// A date that swings costs at most one sync for each time it runs ahead of everything seen before.
func TestKeeperClockSwings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 30*time.Minute, good)
		k.run()
		pass(time.Minute)
		for i := range 600 {
			k.jump([]time.Duration{2 * time.Hour, -2 * time.Hour}[i%2])
			pass(time.Minute)
		}
		if n := k.count(good); n > 45 {
			t.Errorf("%d syncs in ten hours", n)
		}
		longest := slices.Max(k.gaps(good))
		if longest > 40*time.Minute {
			t.Errorf("%v of silence", longest)
		}
		k.end()
	})
}

// An idle keeper looks at the clock once a minute and does nothing else.
func TestKeeperIdles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 24*time.Hour, good)
		k.run()
		pass(time.Hour)
		k.mu.Lock()
		before := k.looks
		k.mu.Unlock()
		pass(10 * time.Hour)
		k.mu.Lock()
		looks := k.looks - before
		k.mu.Unlock()
		if looks > 610 {
			t.Errorf("%d looks at the date in ten hours", looks)
		}
		k.end()
	})
}

func TestKeeperKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour, good, bad)
		k.fail(bad, trust.ErrTLS)
		k.run()
		pass(3 * time.Minute)
		before := k.count(good)
		k.act(good, func(context.Context, refresh.Progress) error { time.Sleep(20 * time.Second); return nil })
		for range 100 {
			k.Kick()
		}
		synctest.Wait()
		if st := k.State(); !st.Running || st.Source != good || k.count(good) != before+1 {
			t.Errorf("at once: %+v", st)
		}
		k.Kick() // while it runs
		pass(time.Minute)
		if n := k.count(good) - before; n != 1 {
			t.Errorf("one wish, %d syncs", n)
		}
		// What is followed anew is met by a kick without waiting.
		k.follow(good, bad, "https://c.example")
		k.Kick()
		synctest.Wait()
		if k.count("https://c.example") != 1 {
			t.Error("a new source had to wait")
		}
		pass(time.Minute)
		k.end()
	})
}

func TestKeeperSetEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 24*time.Hour, good, bad)
		k.fail(bad, trust.ErrUnreachable)
		k.run()
		pass(6 * time.Hour)
		good0, bad0, due := k.count(good), k.count(bad), k.State().Sources[1].Next
		k.SetEvery(10 * time.Minute)
		if st := k.State(); st.Sources[0].Next.Sub(k.now()) > 13*time.Minute || !st.Sources[1].Next.Equal(due) {
			t.Errorf("%+v", st.Sources)
		}
		pass(time.Hour)
		if n := k.count(good) - good0; n < 4 || n > 9 {
			t.Errorf("%d syncs in an hour", n)
		}
		if n := k.count(bad) - bad0; n > 3 {
			t.Errorf("%d tries in an hour", n)
		}
		k.SetEvery(0) // not to be meant: once a minute at most
		pass(30 * time.Minute)
		if n := k.count(good) - good0; n > 9+42 {
			t.Errorf("%d syncs", n)
		}
		k.end()
	})
}

func TestKeeperForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour, good, bad)
		var told error
		k.act(bad, func(ctx context.Context, _ refresh.Progress) error { <-ctx.Done(); told = ctx.Err(); return told })
		k.run()
		pass(time.Minute)
		k.follow(good)
		k.Kick()
		synctest.Wait()
		if st := k.State(); told == nil || len(st.Sources) != 1 || st.LastError != nil || st.Running {
			t.Errorf("told %v, %+v", told, st)
		}
		// Followed again while the old sync still runs: it starts anew, and soon.
		release := make(chan struct{})
		k.act(bad, func(context.Context, refresh.Progress) error { <-release; return context.Canceled })
		k.follow(good, bad)
		k.Kick()
		synctest.Wait()
		k.follow(good)
		k.Kick()
		synctest.Wait()
		k.follow(good, bad)
		k.Kick()
		synctest.Wait()
		before := k.count(bad)
		k.act(bad, nil)
		close(release)
		pass(refresh.StartSpread)
		if st := k.State(); k.count(bad) != before+1 || st.LastError != nil || len(st.Sources) != 2 {
			t.Errorf("%d, %+v", k.count(bad)-before, st)
		}
		// Nothing followed: nothing due, and a source that comes is found without a kick.
		k.follow()
		k.Kick()
		synctest.Wait()
		if st := k.State(); len(st.Sources) != 0 || !st.Next.IsZero() {
			t.Errorf("%+v", st)
		}
		before = k.count(good)
		k.follow(good)
		pass(time.Hour + 2*time.Minute)
		if k.count(good) == before {
			t.Error("never asked again what is followed")
		}
		k.end()
	})
}

// When it can't be said what is followed, what was followed goes on, and the page knows.
func TestKeeperCannotList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, 30*time.Minute, good)
		k.run()
		pass(time.Minute)
		k.mu.Lock()
		k.listing = errors.New("database locked")
		k.mu.Unlock()
		before := k.count(good)
		pass(3 * time.Hour)
		if st := k.State(); st.LastError == nil || k.count(good) < before+4 {
			t.Errorf("%d syncs, %v", k.count(good)-before, st.LastError)
		}
		k.mu.Lock()
		k.listing = nil
		k.mu.Unlock()
		pass(2 * time.Minute)
		if st := k.State(); st.LastError != nil {
			t.Errorf("still %v", st.LastError)
		}
		k.end()
	})
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour)
		k.Sources = func(context.Context) ([]string, error) { panic("x") }
		k.run()
		pass(time.Hour)
		if st := k.State(); !errors.Is(st.LastError, refresh.ErrPanicked) {
			t.Errorf("%+v", st)
		}
		k.end()
	})
}

func TestKeeperEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour, good)
		k.act(good, func(ctx context.Context, _ refresh.Progress) error { <-ctx.Done(); return ctx.Err() })
		k.run()
		pass(time.Minute)
		if !k.State().Running {
			t.Fatal("not running")
		}
		began := time.Now()
		k.end()
		if st := k.State(); st.Running || st.LastError != nil || time.Since(began) > time.Second {
			t.Errorf("after %v: %+v", time.Since(began), st)
		}
		k.Kick() // nobody is there any more
	})
	synctest.Test(t, func(t *testing.T) { // before Run
		k := newKept(t, time.Hour, good)
		if st, _ := k.Watch(); st.Running || len(st.Sources) != 0 {
			t.Errorf("%+v", st)
		}
		k.Kick()
		k.run()
		synctest.Wait()
		if k.count(good) != 1 {
			t.Error("a kick before the start is lost")
		}
		k.end()
	})
}

func TestKeeperProgressAndWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour, good)
		var late refresh.Progress
		steps := make(chan struct{})
		k.act(good, func(_ context.Context, progress refresh.Progress) error {
			late = progress
			for i, step := range []string{refresh.StepRoot, refresh.StepMetadata, refresh.StepLists} {
				progress(step, int64(i+1)*1000)
				<-steps
			}
			return nil
		})
		k.run()
		pass(refresh.StartSpread)
		for i, want := range []string{refresh.StepRoot, refresh.StepMetadata, refresh.StepLists} {
			st, changed := k.Watch()
			if st.Step != want || st.Bytes != int64(i+1)*1000 || !st.Running {
				t.Fatalf("%+v, want %s", st, want)
			}
			select {
			case <-changed:
				t.Fatal("changed, and nothing did")
			default:
			}
			steps <- struct{}{}
			<-changed
			synctest.Wait()
		}
		st, changed := k.Watch()
		if st.Running || st.Step != "" || st.Bytes != 0 {
			t.Fatalf("ended: %+v", st)
		}
		late("late", 1<<30)
		select {
		case <-changed:
			t.Error("a word of a sync that ended was heard")
		default:
		}
		old := late
		k.Kick()
		synctest.Wait()
		old("late", 1<<30)
		if st := k.State(); st.Step != refresh.StepRoot || st.Bytes != 1000 {
			t.Errorf("a word of the sync before was heard: %+v", st)
		}
		close(steps)
		synctest.Wait()
		k.end()
	})
}

// Everything at once, for the race detector.
func TestKeeperConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Minute, good, bad)
		k.fail(bad, trust.ErrUnreachable)
		k.act(good, func(_ context.Context, progress refresh.Progress) error {
			for i := range 50 {
				progress(refresh.StepLists, int64(i))
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		k.run()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					k.State()
					_, changed := k.Watch()
					k.Kick()
					select {
					case <-changed:
					case <-time.After(time.Second):
					}
				}
			})
		}
		all.Wait()
		k.end()
	})
}
