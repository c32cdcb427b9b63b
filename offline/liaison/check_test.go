// The online check: what is believed, and all that is not.
package liaison_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sceau/card/accord"
	"sceau/offline/liaison"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
)

func TestCheck(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	a, now, err := c.Check(t.Context(), enquiry(s))
	if err != nil || a.Number == "" || a.Answers[0].Reason != "OK" || now.Sub(a.At).Abs() > 3*time.Second {
		t.Fatalf("%+v %v %v", a, now, err)
	}
	if st := c.State(); st.Breaker != "closed" || st.Contact.IsZero() {
		t.Errorf("%+v", st)
	}
	e := enquiry(s)
	e.Domain = ""
	s.change = func(a *accord.Accord) {
		a.Answers[0].Domain, a.Answers[0].PayUntil, a.Answers[0].PayEuros = "", time.Time{}, 0
		a.Answers[0].People[0].Value = rights.Guarantee{}
	}
	if a, _, err := c.Check(t.Context(), e); err != nil || a.Answers[0].Domain != "" {
		t.Fatalf("the card alone: %v", err)
	}
}

// Whatever a service, or who stands in its place, answers beside the accord of this question: it is not believed.
func TestNotBelieved(t *testing.T) {
	other := newService(t)
	withdrawn := newSigner(t, accord.Kind)
	for name, c := range map[string]struct {
		change func(s *service, a *accord.Accord)
		before func(s *service)
		code   string
	}{
		"another card":     {change: func(_ *service, a *accord.Accord) { a.Place.Index++ }, code: liaison.CodeMismatch},
		"another list":     {change: func(_ *service, a *accord.Accord) { a.Place.List++ }, code: liaison.CodeMismatch},
		"another card key": {change: func(_ *service, a *accord.Accord) { a.KID = "AAECAwQFBgg" }, code: liaison.CodeMismatch},
		"another insurer":  {change: func(_ *service, a *accord.Accord) { a.Insurer = "302976568" }, code: liaison.CodeMismatch},
		"another counter":  {change: func(_ *service, a *accord.Accord) { a.Counter = "AAECAwQFBgg" }, code: liaison.CodeMismatch},
		"another domain":   {change: func(_ *service, a *accord.Accord) { a.Answers[0].Domain = "OPTI" }, code: liaison.CodeMismatch},
		"another day":      {change: func(_ *service, a *accord.Accord) { a.Care++ }, code: liaison.CodeMismatch},
		"another person":   {change: func(_ *service, a *accord.Accord) { a.Person = 2 }, code: liaison.CodeMismatch},
		"the household":    {change: func(_ *service, a *accord.Accord) { a.Person = 0 }, code: liaison.CodeMismatch},
		"one answer more": {change: func(_ *service, a *accord.Accord) {
			b := a.Answers[0]
			b.Domain = "OPTI"
			a.Answers = append(a.Answers, b)
		}, code: liaison.CodeMismatch},
		"another request":      {change: func(_ *service, a *accord.Accord) { a.Request = assertion.NewID([16]byte{1}) }, code: liaison.CodeReplayed},
		"of three minutes ago": {change: func(_ *service, a *accord.Accord) { a.At = a.At.Add(-3 * time.Minute) }, code: liaison.CodeMismatch},
		"of yesterday":         {change: func(_ *service, a *accord.Accord) { a.At = a.At.Add(-24 * time.Hour) }, code: liaison.CodeMismatch},
		"of in three minutes":  {change: func(_ *service, a *accord.Accord) { a.At = a.At.Add(3 * time.Minute) }, code: liaison.CodeMismatch},
		"over":                 {change: func(_ *service, a *accord.Accord) { a.At = a.At.Add(-time.Minute); a.Until = a.At.Add(time.Second) }, code: liaison.CodeMismatch},
		"under an unknown key": {before: func(s *service) { s.seal = other.accord }, code: liaison.CodeSignature},
		"under a withdrawn key": {before: func(s *service) {
			s.seal = withdrawn
			k := public(withdrawn)
			k.State = signing.StateDead
			s.json.AccordKeys = append(s.json.AccordKeys, k)
		}, code: liaison.CodeSignature},
		"before the key's time": {before: func(s *service) { s.json.AccordKeys[0].From = time.Now().Add(time.Hour) }, code: liaison.CodeSignature},
		"no key at all":         {before: func(s *service) { s.json.AccordKeys = nil }, code: liaison.CodeSignature},
		"another number":        {before: func(s *service) { s.body = func(b map[string]any) { b["number"] = "A7QF-XM3T-9ABD" } }, code: liaison.CodeMismatch},
		"no accord":             {before: func(s *service) { s.body = func(b map[string]any) { delete(b, "accord") } }, code: liaison.CodeNotService},
		"a refusal, unsigned": {before: func(s *service) {
			s.body = func(b map[string]any) { delete(b, "accord"); b["refused"] = "BAD_SIGNATURE" }
		}, code: liaison.CodeRefused},
		"an accord that is none": {before: func(s *service) { s.body = func(b map[string]any) { b["accord"] = "eyJ.eyJ.AAAA" } }, code: liaison.CodeSignature},
		"a number for an accord": {before: func(s *service) { s.body = func(b map[string]any) { b["accord"] = 7 } }, code: liaison.CodeNotService},
		"suspended":              {before: func(s *service) { s.down = refuse(s, 403, "suspended") }, code: liaison.CodeSuspended},
		"revoked":                {before: func(s *service) { s.down = refuse(s, 403, "revoked") }, code: liaison.CodeRevoked},
		"not known":              {before: func(s *service) { s.down = refuse(s, 401, "credential") }, code: liaison.CodeCredential},
		"too much asked":         {before: func(s *service) { s.down = refuse(s, 429, "budget") }, code: liaison.CodeBusy},
		"maintenance":            {before: func(s *service) { s.down = refuse(s, 503, "unavailable") }, code: liaison.CodeBusy},
		"a refusal of its own":   {before: func(s *service) { s.down = refuse(s, 422, "field") }, code: "service_field"},
		"a code that is none":    {before: func(s *service) { s.down = refuse(s, 422, "Karte <b>gefälscht</b>") }, code: liaison.CodeNotService},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			if c.before != nil {
				c.before(s)
			}
			if c.change != nil {
				s.change = func(a *accord.Accord) { c.change(s, a) }
			}
			a, _, err := s.client(t).Check(t.Context(), enquiry(s))
			if a != nil || liaison.CodeOf(err) != c.code {
				t.Errorf("%+v, %v; want %s", a, err, c.code)
			}
			if text := strings.ToLower(err.Error()); strings.Contains(text, "card") || strings.Contains(text, "carte") {
				t.Errorf("the error speaks of the card: %s", text)
			}
		})
	}
}

func refuse(s *service, status int, code string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		s.problem(w, status, code)
		return true
	}
}

// A clock that is wrong by hours is corrected by the answer's date and asked once more; by more than a day it is not.
func TestClock(t *testing.T) {
	for off, code := range map[time.Duration]string{-3 * time.Hour: "", 90 * time.Minute: "", 90 * time.Second: "", -25 * time.Hour: liaison.CodeClock, 30 * 24 * time.Hour: liaison.CodeClock} {
		s := newService(t)
		c := s.client(t, func(o *liaison.Options) { o.Now = func() time.Time { return time.Now().Add(off) } })
		a, now, err := c.Check(t.Context(), enquiry(s))
		if liaison.CodeOf(err) != code {
			t.Errorf("%v: %v", off, err)
		}
		if err == nil && now.Sub(a.At).Abs() > 3*time.Second {
			t.Errorf("%v: the corrected time is %v off", off, now.Sub(a.At))
		}
		if n := len(s.requests()); n > 2 {
			t.Errorf("%v: asked %d times", off, n)
		}
		if _, _, err := c.Check(t.Context(), enquiry(s)); err == nil && len(s.requests()) != 2 && len(s.requests()) != 3 {
			t.Errorf("%v: the correction is not kept: %d requests", off, len(s.requests()))
		}
	}
}

// A service that lies about the time can't make an old accord fresh: the date beside an answer that was believed counts for two minutes.
func TestLyingDate(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	old := time.Now().Add(-time.Hour)
	s.change = func(a *accord.Accord) {
		a.At, a.Until = old.UTC().Truncate(time.Second), old.Add(2*time.Hour).UTC().Truncate(time.Second)
	}
	s.down = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Date", old.UTC().Format(http.TimeFormat))
		return false
	}
	if a, _, err := c.Check(t.Context(), enquiry(s)); a != nil || liaison.CodeOf(err) != liaison.CodeMismatch {
		t.Errorf("%v %v", a, err)
	}
}

// hang answers nothing until the caller gives up.
func hang(w http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	if rec, ok := w.(*recorder); ok {
		rec.err = r.Context().Err()
	}
	return true
}

// The first check falls back within the limit, the next ones at once; the service is found again by one probe at a time.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := s.client(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.Run(ctx)
		s.set(func() { s.down = hang })
		start := time.Now()
		_, _, err := c.Check(ctx, enquiry(s))
		if took := time.Since(start); liaison.CodeOf(err) != liaison.CodeTimeout || took > liaison.Limit {
			t.Fatalf("%v after %v", err, took)
		}
		for range 100 {
			start := time.Now()
			_, _, err := c.Check(ctx, enquiry(s))
			if took := time.Since(start); liaison.CodeOf(err) != liaison.CodeOpen || took > 5*time.Millisecond {
				t.Fatalf("%v after %v", err, took)
			}
		}
		if st := c.State(); st.Breaker != "open" || st.Code != liaison.CodeTimeout || st.Next.Before(date().Add(liaison.FirstProbe)) {
			t.Fatalf("%+v", st)
		}
		time.Sleep(30 * time.Minute)
		var probes []time.Time
		for _, r := range s.requests()[1:] {
			if r.path != "/v1/counter" {
				t.Fatalf("asked %s while it was open", r.path)
			}
			probes = append(probes, r.at)
		}
		if len(probes) < 5 || len(probes) > 100 {
			t.Errorf("%d probes in half an hour", len(probes))
		}
		for i := 1; i < len(probes); i++ {
			if d := probes[i].Sub(probes[i-1]); d < liaison.FirstProbe {
				t.Errorf("two probes within %v", d)
			}
		}
		s.set(func() { s.down = nil })
		time.Sleep(liaison.LastProbe + 10*time.Second)
		if st := c.State(); st.Breaker != "closed" || st.Code != "" {
			t.Fatalf("%+v", st)
		}
		if _, _, err := c.Check(ctx, enquiry(s)); err != nil {
			t.Fatal(err)
		}
		stop()
		synctest.Wait()
	})
}

// Quick failures open it after a few; a kick probes at once; a question that the service refuses opens nothing.
func TestBreakerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := s.client(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.Run(ctx)
		s.set(func() { s.down = refuse(s, 422, "field") })
		for range 20 {
			c.Check(ctx, enquiry(s))
		}
		if st := c.State(); st.Breaker != "closed" {
			t.Fatalf("refused questions: %+v", st)
		}
		s.set(func() { s.down = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true } })
		for i := range 3 {
			if st := c.State(); st.Breaker != "closed" {
				t.Fatalf("open after %d failures", i)
			}
			c.Check(ctx, enquiry(s))
		}
		if st := c.State(); st.Breaker != "open" || st.Code != liaison.CodeNotService {
			t.Fatalf("%+v", st)
		}
		s.set(func() { s.down = nil })
		synctest.Wait()
		c.Kick()
		synctest.Wait()
		if st := c.State(); st.Breaker != "closed" {
			t.Fatalf("after a kick: %+v", st)
		}
		stop()
		synctest.Wait()
	})
}

// A service that cannot be connected to opens it at once; a connection that is cut is one failure of several.
func TestBreakerRefusedConnection(t *testing.T) {
	s := newService(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := over(t, s, gone.URL, nil)
	if _, _, err := c.Check(t.Context(), enquiry(s)); liaison.CodeOf(err) != liaison.CodeUnreachable {
		t.Fatal(err)
	}
	if st := c.State(); st.Breaker != "open" || st.Code != liaison.CodeUnreachable {
		t.Errorf("refused: %+v", st)
	}
	if _, _, err := c.Check(t.Context(), enquiry(s)); liaison.CodeOf(err) != liaison.CodeOpen {
		t.Errorf("the next check: %v", err)
	}
	cut := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	cut.Config.ErrorLog = quiet
	cut.Start()
	defer cut.Close()
	c = over(t, s, cut.URL, nil)
	if _, _, err := c.Check(t.Context(), enquiry(s)); liaison.CodeOf(err) != liaison.CodeUnreachable {
		t.Fatal(err)
	}
	if st := c.State(); st.Breaker != "closed" {
		t.Errorf("cut once: %+v", st)
	}
}

// Where nothing probes, no check does either, however long it is open: somebody stands at the counter.
func TestChecksAreNoProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := s.client(t)
		s.set(func() { s.down = hang })
		c.Check(t.Context(), enquiry(s))
		time.Sleep(2 * liaison.LastProbe)
		start := time.Now()
		if _, _, err := c.Check(t.Context(), enquiry(s)); liaison.CodeOf(err) != liaison.CodeOpen || time.Since(start) > 5*time.Millisecond || len(s.requests()) != 1 {
			t.Errorf("%v after %v, %d requests", err, time.Since(start), len(s.requests()))
		}
	})
}

// A suspended counter asks no more, and finds out by itself when it is restored.
func TestSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := s.client(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.Run(ctx)
		s.set(func() { s.down = refuse(s, 403, "suspended") })
		c.Check(ctx, enquiry(s))
		time.Sleep(time.Hour)
		if st := c.State(); st.Breaker == "closed" || st.Code != liaison.CodeSuspended {
			t.Fatalf("%+v", st)
		}
		s.set(func() { s.down = nil })
		time.Sleep(liaison.LastProbe + 10*time.Second)
		if st := c.State(); st.Breaker != "closed" {
			t.Fatalf("%+v", st)
		}
		stop()
		synctest.Wait()
	})
}

// The probes of many counters whose breakers opened together come spread over minutes.
func TestFleetProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fleet = 400
		s := newService(t)
		s.down = hang
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		start := time.Now()
		for range fleet {
			c := s.client(t)
			go c.Run(ctx)
			go c.Check(ctx, enquiry(s))
		}
		time.Sleep(liaison.Limit)
		s.set(func() { s.down, s.asked = nil, nil })
		time.Sleep(liaison.LastProbe + time.Minute)
		buckets := map[int]int{}
		for _, r := range s.requests() {
			buckets[int(r.at.Sub(start)/(10*time.Second))]++
		}
		total, most := 0, 0
		for _, n := range buckets {
			total += n
			most = max(most, n)
		}
		if total != fleet {
			t.Errorf("%d probes of %d counters", total, fleet)
		}
		// Evenly it would be one in 22 of them in ten seconds.
		if most > fleet/10 {
			t.Errorf("%d of %d in ten seconds", most, fleet)
		}
		stop()
		synctest.Wait()
	})
}
