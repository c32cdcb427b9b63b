package reconcile_test

import (
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/offline"
)

func TestUpload(t *testing.T) {
	w := newWorld(t)
	facts := w.sync()
	d := newDevice(t, w.clock)
	now := w.clock.Add(time.Hour)
	r, _ := d.check(facts, w.cards[0], offline.Query{Domain: "PHAR", Now: now})
	if r.PayUntil.IsZero() {
		t.Fatalf("no promise: %+v", r)
	}
	d.check(facts, w.cards[0], offline.Query{Now: now.Add(time.Minute)})
	w.clock = now.Add(24 * time.Hour)
	res := w.upload(d, d.all())
	if res.Stored != 3 || res.Next != 4 || len(res.Alarms) != 0 {
		t.Fatalf("%+v %s", res, codes(res.Alarms))
	}
	got := w.settled(res.Settlement)
	if len(got) != 3 || got[0].Answer != accord.Noted || got[1].Answer != accord.Honoured || got[2].Reason != accord.ReasonNoPromise {
		t.Fatalf("%+v", got)
	}
	again := w.upload(d, d.all())
	if again.Stored != 0 || again.Next != 4 || len(w.rows(d.id)) != 3 {
		t.Fatalf("%+v", again)
	}
}
