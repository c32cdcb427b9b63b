package comptoir

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/desk"
	"sceau/offline/mirror"
	"sceau/offline/receipt"
	"sceau/offline/scan"
)

// The desk's way through an enrolment: proposed, looked at, accepted; then asked first, switched off, silent, and disputed.
func TestDeskServices(t *testing.T) {
	o := newOperator(t)
	s := newShop(filepath.Join(t.TempDir(), "poste"), silent)
	defer s.close()
	must[string](t)(s.prepare())
	ctx := t.Context()
	standing := func(what, mode, code string) desk.Standing {
		t.Helper()
		st := must[desk.Standing](t)(s.services.standing(ctx))
		if st.Mode != mode || st.Code != code {
			t.Errorf("%s: %s %q", what, st.Mode, st.Code)
		}
		return st
	}
	standing("at first", "rescue", counter.RescueNone)
	wrong := desk.Invitation{Address: o.server.URL, Code: [10]byte{9}}
	if _, err := s.services.Propose(ctx, wrong); err == nil || troubleOf(err).code != "online_invitation" {
		t.Errorf("a wrong code: %v", err)
	}
	i := desk.Invitation{Address: o.server.URL, Code: o.code}
	p := must[desk.Proposal](t)(s.services.Propose(ctx, i))
	if p.FINESS != "290000017" || p.Known || p.Root == "" {
		t.Fatalf("%+v", p)
	}
	standing("proposed, and nothing more", "rescue", counter.RescueNone)
	// Somebody closed the window on it: the same code, though used up, is proposed here again.
	p = must[desk.Proposal](t)(s.services.Propose(ctx, i))
	if got := must[desk.Accepted](t)(s.services.Accept(ctx, p)); got.Lists != nil {
		t.Fatalf("lists: %v", got.Lists)
	}
	if _, err := s.services.Accept(ctx, p); !errors.Is(err, mirror.ErrNotEnrolled) && !errors.Is(err, mirror.ErrEnrolled) {
		t.Errorf("accepted twice: %v", err)
	}
	if st := standing("enrolled", "online", ""); len(st.Services) != 1 || st.Services[0].Operator != "Mutuelle Exemple" || st.Services[0].Name != "Pharmacie du Port" {
		t.Errorf("%+v", st)
	}
	ask := func() counter.Answer {
		return s.counter.Ask(ctx, counter.Question{Scan: scan.Typed{Text: o.text}, Domain: "PHAR"})
	}
	if a := ask(); a.Mode != counter.ModeOnline {
		t.Errorf("enrolled: %s %s", a.Mode, a.Rescue)
	}
	save := func(off time.Time) {
		t.Helper()
		w := counter.DefaultSettings()
		w.OfflineSince = off
		if err := s.memory.SaveSettings(ctx, must[[]byte](t)(w.Bytes())); err != nil {
			t.Fatal(err)
		}
		s.settingsChanged()
	}
	off := time.Now().UTC().Truncate(time.Second)
	save(off)
	if a := ask(); a.Mode != counter.ModeOffline || a.Rescue != counter.RescueOff {
		t.Errorf("switched off: %s %s", a.Mode, a.Rescue)
	}
	if st := standing("switched off", "rescue", counter.RescueOff); !st.Since.Equal(off) || st.Services[0].Waiting != 3 {
		t.Errorf("%+v", st)
	}
	save(time.Time{})
	o.mu.Lock()
	o.disputed, o.down = 2, false
	o.mu.Unlock()
	for _, c := range []struct {
		root, insurer string
		want          bool
		err           error
	}{{s.services.open[0].Root, amc, true, nil}, {strings.Repeat("0", 64), amc, false, nil}, {s.services.open[0].Root, "302976568", false, offline.ErrUnknownIssuer}} {
		if got, err := s.services.speaks(ctx, c.root, c.insurer); got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s for %s: %v %v", c.root, c.insurer, got, err)
		}
	}
	if _, err := s.services.open[0].sender.Send(ctx, nil); err != nil {
		t.Fatal(err)
	}
	d := must[desk.Disputes](t)(s.services.disputes(ctx, time.Time{}))
	if d.All != 1 || d.New != 1 || d.Newest.IsZero() {
		t.Errorf("%+v", d)
	}
	if d = must[desk.Disputes](t)(s.services.disputes(ctx, d.Newest)); d.All != 1 || d.New != 0 {
		t.Errorf("after a look: %+v", d)
	}
	found := must[[]receipt.Record](t)(chronicle{s.memory}.Find(ctx, desk.Search{Answer: receipt.Disputed, Limit: 5}))
	if len(found) != 1 || found[0].Settled.Reason != accord.ReasonEnded {
		t.Errorf("%+v", found)
	}
	o.mu.Lock()
	o.down = true
	o.mu.Unlock()
	if a := ask(); a.Mode != counter.ModeOffline || a.Rescue == "" {
		t.Errorf("silent: %s %q", a.Mode, a.Rescue)
	}
	standing("silent", "rescue", "busy")
	if err := s.services.Remove(ctx, p.Root); err != nil {
		t.Fatal(err)
	}
	standing("removed", "rescue", counter.RescueNone)
}
