// The sender under virtual time: a long outage and its end, answers that are lost, a fleet that comes back together.
package liaison_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/liaison"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// book is a backlog in memory, which may crash between any two steps.
type book struct {
	mu      sync.Mutex
	entries []journal.Entry
	next    uint64
	answers map[uint64]string
	crash   func() bool
	largest int
}

var errCrash = errors.New("crash")

func newBook(entries []journal.Entry) *book {
	return &book{entries: entries, next: 1, answers: map[uint64]string{}}
}

func (b *book) Stretches(context.Context) ([]liaison.Stretch, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.entries) == 0 {
		return nil, nil
	}
	return []liaison.Stretch{{Device: device, First: 1, Last: uint64(len(b.entries)), Next: b.next}}, nil
}

func (b *book) Batch(_ context.Context, _ string, from uint64, most int) (receipt.Batch, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.crash != nil && b.crash() {
		return receipt.Batch{}, errCrash
	}
	to := min(int(from)-1+most, len(b.entries))
	b.largest = max(b.largest, to-int(from)+1)
	return receipt.Batch{Device: device, Entries: b.entries[from-1 : to]}, nil
}

func (b *book) Acknowledge(_ context.Context, _ string, next uint64, t *accord.Settlement) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.crash != nil && b.crash() {
		return errCrash
	}
	for _, e := range t.Entries {
		b.answers[e.Seq] = e.Answer
	}
	b.next = max(b.next, next)
	return nil
}

func (b *book) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.entries) - int(b.next) + 1
}

func sender(s *service, c *liaison.Client, b liaison.Backlog) *liaison.Sender {
	return &liaison.Sender{Remote: c, Backlog: b, Service: func(context.Context) (*card.Service, error) { return s.json, nil }, Changed: c.Changed, Idle: c.Idle,
		Speaks: func(_ context.Context, insurer string) (bool, error) { return insurer == "775670482", nil },
		Up:     func() bool { return c.State().Breaker == "closed" }, Now: date}
}

// F32: thirty days without the service and 20,000 checks, then it is back: everything is there once, in its time.
func TestLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := s.client(t)
		b := newBook(nil)
		x := sender(s, c, b)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.Run(ctx)
		go x.Run(ctx)
		s.set(func() { s.down = hang })
		all := chainOf(t, 20_000, "")
		slowest := time.Duration(0)
		for i, e := range all {
			b.mu.Lock()
			b.entries = append(b.entries, e)
			b.mu.Unlock()
			x.Kick()
			if i%500 == 0 {
				start := time.Now()
				if _, _, err := c.Check(ctx, enquiry(s)); err == nil {
					t.Fatal("answered by nobody")
				}
				if i > 0 {
					slowest = max(slowest, time.Since(start))
				}
			}
			time.Sleep(30 * 24 * time.Hour / 20_000)
		}
		if slowest > 5*time.Millisecond {
			t.Errorf("a check waited %v in the outage", slowest)
		}
		if b.waiting() != 20_000 {
			t.Fatalf("%d wait", b.waiting())
		}
		s.set(func() { s.down, s.asked = nil, nil })
		back := time.Now()
		time.Sleep(time.Hour)
		if b.waiting() != 0 {
			t.Fatalf("%d still wait after an hour", b.waiting())
		}
		s.exactlyOnce(t, b)
		var first, last time.Time
		batches := 0
		for _, r := range s.requests() {
			if r.number > 0 {
				batches++
				if first.IsZero() {
					first = r.at
				} else if d := r.at.Sub(last); d < liaison.Pause {
					t.Errorf("two batches within %v", d)
				}
				last = r.at
			}
		}
		t.Logf("first batch after %v, %d batches, all after %v", first.Sub(back), batches, last.Sub(back))
		if batches != 20 || b.largest > receipt.MaxBatchEntries {
			t.Errorf("%d batches, largest %d", batches, b.largest)
		}
		st, _ := x.State()
		if st.Waiting != 0 || st.Sent != 20_000 || st.Code != "" || st.Running {
			t.Errorf("%+v", st)
		}
		// One more goes at once: the service is not away any more.
		last1 := chainOf(t, 20_001, "")[20_000]
		b.mu.Lock()
		b.entries = append(b.entries, last1)
		b.mu.Unlock()
		x.Kick()
		time.Sleep(3 * liaison.Settle)
		if b.waiting() != 0 {
			t.Error("one entry waits although nothing was away")
		}
		stop()
		synctest.Wait()
	})
}

// exactlyOnce compares what the service has with the journal: each entry was stored first once, and has its answer.
func (s *service) exactlyOnce(t *testing.T, b *book) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.journal[device]) != len(b.entries) || len(s.stored) != len(b.entries) {
		t.Fatalf("the service has %d entries (%d stored), the journal %d", len(s.journal[device]), len(s.stored), len(b.entries))
	}
	for i, e := range b.entries {
		if s.journal[device][i] != e.Hash() || s.stored[fmt.Sprintf("%s %d %x", device, e.Seq, e.Hash())] != 1 {
			t.Fatalf("entry %d", e.Seq)
		}
		if b.answers[e.Seq] == "" {
			t.Fatalf("entry %d has no answer", e.Seq)
		}
	}
}

// F15: the journal's program dies and answers are lost at any point; what is sent again counts once.
func TestSendCutAnywhere(t *testing.T) {
	entries := chainOf(t, 3500, "")
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			s := newService(t)
			c := s.client(t)
			b := newBook(entries)
			b.crash = func() bool { return dice.IntN(3) == 0 }
			s.down = func(w http.ResponseWriter, r *http.Request) bool {
				if dice.IntN(4) > 0 {
					return false
				}
				if r.Method == "POST" && dice.IntN(2) == 0 { // taken, and the answer is lost
					s.mu.Lock()
					down := s.down
					s.down = nil
					s.mu.Unlock()
					s.ServeHTTP(&recorder{header: http.Header{}}, r)
					s.mu.Lock()
					s.down = down
					s.mu.Unlock()
				}
				w.(*recorder).err = errors.New("connection reset by peer")
				return true
			}
			tries := 0
			for ; b.waiting() > 0; tries++ {
				if tries > 500 {
					t.Fatal("it never ends")
				}
				// A new program each time: nothing but what is stored is known.
				sender(s, c, b).Send(t.Context(), nil)
			}
			s.exactlyOnce(t, b)
		})
	}
}

// Two computers with one journal, from a copy of the disk: the fork is shown, both branches arrive, nothing is blocked.
func TestFork(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	one, two := newBook(chainOf(t, 100, "")), newBook(chainOf(t, 100, "other"))
	if _, err := sender(s, c, one).Send(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	x := sender(s, c, two)
	sent, err := x.Send(t.Context(), nil)
	st, _ := x.State()
	if err != nil || sent.Entries != 100 || len(sent.Alarms) != 1 || sent.Alarms[0].Code != "FORK" || len(st.Alarms) != 1 || two.waiting() != 0 {
		t.Errorf("%+v %+v %v", sent, st, err)
	}
	if len(s.stored) != 100+49 {
		t.Errorf("%d entries are stored", len(s.stored))
	}
}

// F12: a journal that was put back to an earlier day says so.
func TestPutBack(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	all := chainOf(t, 100, "")
	if _, err := sender(s, c, newBook(all)).Send(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	sent, err := sender(s, c, newBook(all[:60])).Send(t.Context(), nil)
	if err != nil || len(sent.Alarms) != 1 || sent.Alarms[0].Code != liaison.AlarmBehind || sent.Alarms[0].From != 61 || sent.Alarms[0].To != 100 {
		t.Errorf("%+v %v", sent, err)
	}
	// And a service that lost its last days gets them again.
	s.journal[device] = s.journal[device][:30]
	b := newBook(all)
	b.next = 101
	b.entries = append(b.entries, chainOf(t, 101, "")[100])
	if _, err := sender(s, c, b).Send(t.Context(), nil); err != nil || len(s.journal[device]) != 101 {
		t.Errorf("%d entries, %v", len(s.journal[device]), err)
	}
}

// What a service says of cards that its operator does not speak for, and of those of unknown operators, is only heard as "noted".
func TestOtherOperatorsCards(t *testing.T) {
	for name, c := range map[string]struct {
		speaks           func(context.Context, string) (bool, error)
		one, two, failed bool // answers kept for the first insurer, and the second; nothing acknowledged
	}{
		"for the one": {speaks: func(_ context.Context, insurer string) (bool, error) { return insurer == "775670482", nil }, one: true},
		"for both":    {speaks: func(context.Context, string) (bool, error) { return true, nil }, one: true, two: true},
		"the other is unknown": {speaks: func(_ context.Context, insurer string) (bool, error) {
			if insurer == "775670482" {
				return true, nil
			}
			return true, offline.ErrUnknownIssuer
		}, one: true},
		"for nobody":    {speaks: func(context.Context, string) (bool, error) { return false, nil }},
		"nobody to ask": {},
		"damaged lists": {speaks: func(context.Context, string) (bool, error) { return true, errCrash }, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			b := newBook(chainOf(t, 40, "two insurers"))
			x := sender(s, s.client(t), b)
			x.Speaks = c.speaks
			sent, err := x.Send(t.Context(), nil)
			if c.failed {
				if liaison.CodeOf(err) != liaison.CodeSignature || b.waiting() != 40 || len(b.answers) != 0 {
					t.Errorf("%v, %d wait, answers %v", err, b.waiting(), b.answers)
				}
				return
			}
			if err != nil || b.waiting() != 0 || sent.Entries != 40 || sent.Noted != 1 || sent.Honoured+sent.Disputed+sent.Noted != len(b.answers) {
				t.Fatalf("%+v %v, %d wait", sent, err, b.waiting())
			}
			for seq := uint64(1); seq <= 40; seq++ {
				want := accord.Honoured
				switch kept := seq%2 == 1 && c.one || seq%2 == 0 && c.two; {
				case seq == 1:
					want = accord.Noted
				case !kept:
					want = ""
				case seq%10 == 0:
					want = accord.Disputed
				}
				if b.answers[seq] != want {
					t.Errorf("entry %d: %q, want %q", seq, b.answers[seq], want)
				}
			}
		})
	}
}

// A check under way goes before the journal.
func TestChecksGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := s.client(t)
		s.down = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v1/checks" {
				time.Sleep(time.Second)
			}
			return false
		}
		done := make(chan time.Time, 1)
		go func() { c.Check(t.Context(), enquiry(s)); done <- time.Now() }()
		synctest.Wait()
		if _, err := sender(s, c, newBook(chainOf(t, 10, ""))).Send(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		answered := <-done
		for _, r := range s.requests() {
			if r.number > 0 && r.at.Before(answered) {
				t.Errorf("a batch went %v before the check was answered", answered.Sub(r.at))
			}
		}
	})
}
