package httpapi

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	now := begin
	b := newBudget(Budget{2, 3}, 100)
	for i := range 3 {
		if wait := b.take("a", now); wait != 0 {
			t.Errorf("%d: %s", i, wait)
		}
	}
	if wait := b.take("a", now); wait != time.Second {
		t.Errorf("empty: %s", wait)
	}
	if b.take("b", now) != 0 {
		t.Error("one empties another's bucket")
	}
	for i, free := range []bool{true, true, false} {
		if (b.take("a", now.Add(time.Second)) == 0) != free {
			t.Errorf("two a second are not two: %d", i)
		}
	}
	// F23: the clock goes back two hours. Nobody waits for two hours, and the bucket is no larger than before.
	back := now.Add(-2 * time.Hour)
	if wait := b.take("a", back); wait == 0 || wait > 2*time.Second {
		t.Errorf("after the clock went back: %s", wait)
	}
	if b.take("a", back.Add(time.Second)) != 0 {
		t.Error("after the clock went back the bucket doesn't fill")
	}
	if wait := b.empty("nobody", now); wait != 0 || len(b.by) != 2 {
		t.Errorf("looking makes a bucket: %s, %d", wait, len(b.by))
	}
}

// Memory is bounded, the least recently used goes first, and what is idle goes by itself.
func TestBudgetMemory(t *testing.T) {
	b := newBudget(Budget{1, 1}, 100)
	b.take("first", begin)
	for i := range 10_000 {
		if i%50 == 0 {
			b.take("kept", begin)
		}
		b.take(strconv.Itoa(i), begin)
		if len(b.by) > 100 || b.used.Len() != len(b.by) {
			t.Fatalf("%d buckets", len(b.by))
		}
	}
	if b.take("kept", begin) == 0 {
		t.Error("an attacker's many keys gave a used-up bucket back")
	}
	b.take("late", begin.Add(idleBucket))
	if len(b.by) != 1 {
		t.Errorf("%d idle buckets are kept", len(b.by))
	}
}

func (w *world) from(address string, credential string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/v1/counter", nil)
	r.RemoteAddr = address
	if credential != "" {
		r.Header.Set("Authorization", credential)
	}
	return w.do(r)
}

// Whoever guesses is stopped, and locks out neither others nor, at its own source, those who were known there (T38).
func TestGuessing(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Staff = somebody{Principal{Kind: KindKey, ID: "k", Insurer: amc, Roles: []Role{RoleRead}}}
		o.Budgets.Failure = Budget{0.5, 10}
	})
	d := w.counter()
	known := func(address string) int {
		r := d.signed("GET", "/v1/counter", "", nil)
		r.RemoteAddr = address
		return w.do(r).Code
	}
	if code := known("192.0.2.1:7"); code != 200 {
		t.Fatal(code)
	}
	refused, stopped := 0, 0
	for i := range 1000 {
		switch a := w.from("192.0.2.1:7", fmt.Sprintf("Bearer sk_guess%d", i)); a.Code {
		case 401:
			refused++
		case 429:
			stopped++
			if n, err := strconv.Atoi(a.Header().Get("Retry-After")); err != nil || n < 1 || n > 60 {
				t.Fatalf("Retry-After %q", a.Header().Get("Retry-After"))
			}
		default:
			t.Fatalf("%d", a.Code)
		}
	}
	if refused != 10 || stopped != 990 {
		t.Errorf("%d refused, %d stopped", refused, stopped)
	}
	if code := known("192.0.2.1:8"); code != 200 {
		t.Errorf("a counter known at that source: %d", code)
	}
	w.problem(w.from("192.0.2.1:9", "Bearer sk_good"), 429, "budget") // never seen at that source: it waits for seconds
	w.problem(w.from("192.0.2.2:9", "Bearer sk_good"), 403, "role")   // elsewhere it is believed
	w.pass(2 * time.Second)
	w.problem(w.from("192.0.2.1:9", "Bearer sk_good"), 403, "role")
	// IPv6: a subscriber's whole network is one source.
	stopped = 0
	for i := range 100 {
		if w.from(fmt.Sprintf("[2001:db8::%x]:7", i), "Bearer sk_x").Code == 429 {
			stopped++
		}
	}
	if stopped != 90 {
		t.Errorf("%d stopped of one network", stopped)
	}
}

// 10^5 attempts from many sources open nothing, and the real user is let in all the while.
func TestGuessingFromEverywhere(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Staff = somebody{Principal{Kind: KindKey, ID: "k", Insurer: amc, Roles: []Role{RoleRead}}}
		o.Log = nil
		o.Budgets.Staff = generous.Staff
	})
	attempts := 100_000
	if testing.Short() {
		attempts = 5_000
	}
	for i := range attempts {
		if a := w.from(fmt.Sprintf("10.%d.%d.%d:7", i>>16, i>>8&255, i&255), "Bearer sk_wrong"); a.Code != 401 {
			t.Fatalf("attempt %d: %d", i, a.Code)
		}
		if i%1000 == 0 {
			w.problem(w.from("203.0.113.5:7", "Bearer sk_good"), 403, "role") // believed; the route is another role's
		}
	}
	if n := len(w.server.failures.by); n > maxBuckets {
		t.Errorf("%d buckets", n)
	}
}

func TestCounterBudget(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets.Counter = Budget{1, 5} })
	d, other := w.counter(), w.counter()
	for range 5 {
		if a := d.send("GET", "/v1/counter", ""); a.Code != 200 {
			t.Fatal(a.Body)
		}
	}
	a := d.send("GET", "/v1/counter", "")
	w.problem(a, 429, "budget")
	if a.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	if a := other.send("GET", "/v1/counter", ""); a.Code != 200 {
		t.Errorf("another counter: %d", a.Code)
	}
	w.pass(time.Second)
	if a := d.send("GET", "/v1/counter", ""); a.Code != 200 {
		t.Errorf("a second later: %d", a.Code)
	}
}

func TestPublicBudgets(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets.Public, o.Budgets.Guess = Budget{1, 20}, Budget{1, 3} })
	w.refresh()
	codes := map[int]int{}
	for range 30 {
		codes[w.do(httptest.NewRequest("GET", "/docs", nil)).Code]++
		codes[1000+w.file("timestamp.json").Code]++
		codes[2000+w.do(httptest.NewRequest("GET", "/healthz", nil)).Code]++
	}
	if codes[200] != 20 || codes[429] != 10 || codes[1200] != 30 || codes[2200] != 30 {
		t.Errorf("%v", codes)
	}
	w.pass(time.Hour)
	d := w.device()
	tries := map[int]int{}
	for range 10 {
		tries[d.send("POST", "/v1/enrolments", `{"code":"AAAA-AAAA-AAAA-AAAA","jwk":`+d.jwk+`}`).Code]++
	}
	if tries[403] != 3 || tries[429] != 7 {
		t.Errorf("%v", tries)
	}
}

func TestSource(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	})
	for _, c := range []struct {
		remote  string
		forward []string
		want    string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"192.0.2.1:1", []string{"203.0.113.9"}, "192.0.2.1"}, // nobody asked it to say so
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:1", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"}, // what the client wrote itself counts for nothing
		{"10.0.0.1:1", []string{"198.51.100.1", "203.0.113.9, 10.2.3.4"}, "203.0.113.9"},
		{"10.0.0.1:1", []string{"junk"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"203.0.113.9, junk"}, "10.0.0.1"},
		{"[2001:db8:1::1]:1", []string{"2001:db8:2:3::99"}, "2001:db8:2:3::/64"},
		{"[::ffff:192.0.2.1]:1", nil, "192.0.2.1"},
		{"@", nil, "unknown"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forward
		if got := w.server.sourceOf(r); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.remote, c.forward, got, c.want)
		}
	}
}
