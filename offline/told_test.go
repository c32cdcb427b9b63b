package offline_test

import (
	"testing"
	"time"

	"sceau/offline"
	"sceau/rights"
)

// An answer remembered only ever takes away, only from an authentic card that the list calls open, and only where it has a say.
func TestRecall(t *testing.T) {
	w := newWorld(t)
	q := offline.Query{Text: w.issue(t, mutuelle, mutuelle, home, nil), Domain: "PHAR", Person: 1, Now: w.now}
	open := offline.Check(w, q)
	today := rights.DateAt(w.now)
	told := offline.Told{Accord: "A7QF-XM3T-9ABD", At: w.now.Add(-time.Minute), Reason: offline.Suspended, Since: today}
	v := open.Recall(told)
	if open.Reason != offline.OK || v.Reason != offline.Suspended || v.Status != offline.Refused || v.Since != today || v.Pay != nil || v.Told == nil || *v.Told != told || v.People[0].Covered {
		t.Fatalf("%+v", v)
	}
	if open.Pay == nil || !open.People[0].Covered {
		t.Error("the list's own verdict was changed")
	}
	for _, r := range offline.Reasons() {
		ended := r == offline.Revoked || r == offline.Replaced || r == offline.Suspended || r == offline.RightsEnded || r == offline.NotIssued
		told.Reason = r
		if v := open.Recall(told); ended != (v.Told != nil) || r.Ended() != ended || ended && (r.Alive() || v.Status != offline.Refused) {
			t.Errorf("%s: %+v", r, v.Told)
		}
		if offline.StatusOf(r) == offline.Unknown && r.Alive() {
			t.Errorf("%s is taken for an open card", r)
		}
	}
	told.Reason = offline.Revoked
	for name, change := range map[string]func(v *offline.Verdict, t *offline.Told){
		"refused":       func(v *offline.Verdict, _ *offline.Told) { v.Status, v.Reason = offline.Refused, offline.ListTooOld },
		"unknown":       func(v *offline.Verdict, _ *offline.Told) { v.Status, v.Reason = offline.Unknown, offline.ClockWrong },
		"not authentic": func(v *offline.Verdict, _ *offline.Told) { v.Card = nil },
		"online":        func(v *offline.Verdict, _ *offline.Told) { v.Online = &offline.Online{} },
		"from tomorrow": func(_ *offline.Verdict, t *offline.Told) { t.Since = today + 1 },
	} {
		before, what := open, told
		change(&before, &what)
		if v := before.Recall(what); v.Told != nil || v.Reason != before.Reason || v.Status != before.Status {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
