// Accords that were kept and are given again.
package liaison_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/offline/liaison"
	"sceau/signing/assertion"
)

// An accord that answered one request is a replay for any other, also of the same question, whatever the counter has forgotten.
func TestReplayedAccord(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	var first map[string]any
	s.body = func(b map[string]any) { first = maps.Clone(b) }
	if _, _, err := c.Check(t.Context(), enquiry(s)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*liaison.Client{"again": c, "after a restart": s.client(t)} {
		s.body = func(b map[string]any) { maps.Copy(b, first) }
		if a, _, err := c.Check(t.Context(), enquiry(s)); a != nil || liaison.CodeOf(err) != liaison.CodeReplayed {
			t.Errorf("%s: %v", name, err)
		}
		s.body = nil
		if _, _, err := c.Check(t.Context(), enquiry(s)); err != nil {
			t.Errorf("%s, the next one: %v", name, err)
		}
	}
}

// Who stands between turns the counter's clock back to the time of an accord that he kept, and gives it again after a restart.
func TestReplayUnderALyingClock(t *testing.T) {
	s := newService(t)
	var kept map[string]any
	s.body = func(b map[string]any) { kept = maps.Clone(b) }
	if _, _, err := s.client(t).Check(t.Context(), enquiry(s)); err != nil {
		t.Fatal(err)
	}
	then := date()
	s.body = nil
	c := s.client(t, func(o *liaison.Options) { o.Now = func() time.Time { return date().Add(20 * time.Hour) } })
	asked := 0
	s.down = func(w http.ResponseWriter, _ *http.Request) bool {
		asked++
		w.Header().Set("Date", then.UTC().Format(http.TimeFormat))
		if asked == 1 {
			s.problem(w, 401, "clock")
		} else {
			s.answer(w, 200, maps.Clone(kept))
		}
		return true
	}
	if a, _, err := c.Check(t.Context(), enquiry(s)); a != nil || liaison.CodeOf(err) != liaison.CodeReplayed || asked != 2 {
		t.Errorf("%v %v after %d requests", a, err, asked)
	}
}

// The second request after a wrong clock is another one: what answers the first is a replay, what answers the second is believed.
func TestRetryIsAnotherRequest(t *testing.T) {
	for name, replay := range map[string]bool{"the first's answer": true, "the second's answer": false} {
		s := newService(t)
		c := s.client(t)
		var ids []string
		s.down = func(w http.ResponseWriter, r *http.Request) bool {
			token, _ := assertion.FromHeader(r.Header.Get("Authorization"))
			got, err := assertion.Open(s.counter.Public(), token)
			if err != nil {
				t.Error(err)
			}
			if ids = append(ids, got.ID); len(ids) > 1 {
				return false
			}
			w.Header().Set("Date", date().UTC().Format(http.TimeFormat))
			s.problem(w, 401, "clock")
			return true
		}
		want := ""
		if replay {
			want = liaison.CodeReplayed
			s.change = func(a *accord.Accord) { a.Request = ids[0] }
		}
		a, _, err := c.Check(t.Context(), enquiry(s))
		if liaison.CodeOf(err) != want || (a == nil) != replay || len(ids) != 2 || ids[0] == ids[1] {
			t.Errorf("%s: %v %v %q", name, a, err, ids)
		}
	}
}
