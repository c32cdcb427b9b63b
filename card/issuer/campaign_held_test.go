package issuer

import (
	"errors"
	"testing"
	"time"
)

// TestHeld: work that a worker took and does not end is seen, until when, and since when it does not answer.
func TestHeld(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(9)
	c := w.plan(year2027("Campagne"))
	look := func(except string) CampaignHeld { return must(w.issuer.CampaignHeld(t.Context(), c.ID, except))(t) }
	if h := look(""); !h.Idle() || h.Silent(w.clock.Add(time.Hour), 1) {
		t.Errorf("before the start: %+v", h)
	}
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	began := w.clock
	for n, worker := range []string{"", "a", "b"} {
		if n > 0 {
			must(w.issuer.OpenShard(t.Context(), c.ID, amc, n, Claim{Worker: worker}))(t)
		}
	}
	h := look("")
	if h.Pieces != 2 || !h.Until.Equal(began.Add(DefaultLease)) || h.Length != DefaultLease || h.Cards != 6 {
		t.Errorf("%+v", h)
	}
	if own := look("a"); own.Pieces != 1 {
		t.Errorf("without one's own: %+v", own)
	}
	for after, silent := range map[time.Duration][2]bool{ // at a rate that nobody knows, at 100 a second
		time.Second: {false, false}, 10 * time.Second: {false, false}, 16 * time.Second: {false, true}, 61 * time.Second: {true, true},
	} {
		if h.Silent(began.Add(after), 0) != silent[0] || h.Silent(began.Add(after), 100) != silent[1] {
			t.Errorf("after %s: not %v", after, silent)
		}
	}
	w.clock = began.Add(DefaultLease)
	if h := look(""); !h.Idle() {
		t.Errorf("when the leases are over: %+v", h)
	}
	if _, err := w.issuer.CampaignHeld(t.Context(), "261201-zzzz", ""); !errors.Is(err, ErrUnknownCampaign) {
		t.Errorf("%v", err)
	}
}
