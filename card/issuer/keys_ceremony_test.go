package issuer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sceau/signing"
	"sceau/signing/keystore"
	"sceau/signing/trust"
)

// medium makes a key folder of its own, as a holder has one.
func (w *world) medium() Keys {
	w.t.Helper()
	return must(keystore.Create(filepath.Join(w.t.TempDir(), "medium"), keystore.NewPassphrase(), keystore.Options{ScryptLogN: 10}))(w.t)
}

// shares is a medium with some of the keys of a folder.
type shares struct {
	Keys
	only []string
}

func (s *shares) Names() ([]string, error) { return s.only, nil }

func (w *world) holders() []Keys {
	var out []Keys
	for n := range 3 {
		out = append(out, &shares{w.offline, []string{rootKey(n + 1)}})
	}
	return out
}

func (w *world) root() []string {
	w.t.Helper()
	keys, _, err := w.refreshed().trusted.Authority(trust.RoleRoot)
	if err != nil {
		w.t.Fatal(err)
	}
	return kids(keys)
}

// A new root with other holders: each comes on another day, and the last one finishes it.
func TestRootCeremony(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.seed(2)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	old, media := w.holders(), []Keys{w.medium(), w.medium(), w.medium()}
	before := w.root()
	c := must(w.issuer.BeginRoot(ctx, RootPlan{Holders: media}))(t)
	if c.ID != "root-2" || c.State != CeremonyOpen || c.Number != 2 || c.MissingOld != 2 || c.MissingNew != 2 || c.ThresholdAfter != 2 || c.Why != WhyRotation ||
		!slices.Equal(c.Before[trust.RoleRoot], before) || len(c.After[trust.RoleRoot]) != 3 || len(c.Steps) != 1 || c.Ready() || !slices.Equal(c.Before[trust.RoleTargets], c.After[trust.RoleTargets]) {
		t.Fatalf("%+v", c)
	}
	if _, err := w.issuer.BeginRoot(ctx, RootPlan{}); !errors.Is(err, ErrCeremonyOpen) {
		t.Errorf("two at once: %v", err)
	}
	if _, err := w.issuer.FinishRoot(ctx, c.ID); !errors.Is(err, ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	for n, k := range []Keys{old[0], media[2], old[2], media[0]} {
		w.clock = w.clock.Add(24 * time.Hour)
		w.reopen() // everything is in the register
		w.publish()
		var err error
		if c, err = w.issuer.SignRoot(ctx, c.ID, k); err != nil || len(c.Signed) != n+1 || len(c.Steps) != n+2 {
			t.Fatalf("holder %d: %+v %v", n, c, err)
		}
		if c.Ready() != (n == 3) {
			t.Errorf("after %d signatures: %d and %d missing", n+1, c.MissingOld, c.MissingNew)
		}
		if again := must(w.issuer.SignRoot(ctx, c.ID, k))(t); len(again.Signed) != n+1 || len(again.Steps) != n+2 {
			t.Errorf("a holder who came twice: %+v", again)
		}
	}
	if _, err := w.issuer.SignRoot(ctx, c.ID, w.medium()); !errors.Is(err, ErrNoHolder) {
		t.Errorf("a stranger's medium: %v", err)
	}
	c = must(w.issuer.FinishRoot(ctx, c.ID))(t)
	if c.State != CeremonyPublished || c.Version == 0 || c.Steps[len(c.Steps)-1].What != "published" {
		t.Errorf("%+v", c)
	}
	if after := w.root(); !slices.Equal(after, c.After[trust.RoleRoot]) || slices.Equal(after, before) {
		t.Errorf("%v", after)
	}
	if again := must(w.issuer.FinishRoot(ctx, c.ID))(t); again.Version != c.Version {
		t.Errorf("%+v", again)
	}
	for name, fn := range map[string]func() error{
		"sign":    func() error { _, err := w.issuer.SignRoot(ctx, c.ID, old[1]); return err },
		"abandon": func() error { _, err := w.issuer.AbandonRoot(ctx, c.ID); return err },
		"add":     func() error { _, err := w.issuer.AddRootSignatures(ctx, c.ID, c.Draft); return err },
	} {
		if err := fn(); !errors.Is(err, ErrCeremonyOver) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
	if v := w.refreshed(); !accepted(v.check(out[0].CodeText)) {
		t.Error("a card is refused after the change of root")
	}
	w.clock = w.clock.Add(time.Hour)
	w.publish()
	w.sound()
}

// Ten rotations of everything that a root names; the repository is followed from its first root each time.
func TestRootTenTimes(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.seed(1)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	holders := w.holders()
	seen := map[string]bool{}
	for n := range 10 {
		w.clock = w.clock.Add(time.Hour)
		media := []Keys{w.medium(), w.medium()}
		c := must(w.issuer.BeginRoot(ctx, RootPlan{Holders: media, Threshold: 2, Targets: n%2 == 0, Snapshot: n%3 == 0, Timestamp: true}))(t)
		for _, k := range append(holders, media...) {
			must(w.issuer.SignRoot(ctx, c.ID, k))(t)
		}
		must(w.issuer.FinishRoot(ctx, c.ID))(t)
		holders = media
		v := w.refreshed()
		if v.trusted.RootVersion() != int64(n+2) || !accepted(v.check(out[0].CodeText)) {
			t.Fatalf("rotation %d: root %d", n, v.trusted.RootVersion())
		}
		stamp, _, err := v.trusted.Authority(trust.RoleTimestamp)
		if err != nil || seen[signing.KID(stamp[0])] {
			t.Fatalf("rotation %d: a timestamp key came back, %v", n, err)
		}
		seen[signing.KID(stamp[0])] = true
		w.clock = w.clock.Add(time.Hour)
		w.publish()
	}
	if all := must(w.issuer.Ceremonies(ctx))(t); len(all) != 10 || all[0].ID != "root-2" || all[9].ID != "root-11" {
		t.Errorf("%d ceremonies", len(all))
	}
	w.sound()
}

// One of three shares is lost: the two others and a new medium make the next root.
func TestLostShare(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	old := w.holders()
	lost := must(publicHalf(w.offline, rootKey(2)))(t)
	fresh := w.medium()
	c := must(w.issuer.BeginRoot(ctx, RootPlan{Why: WhyLoss, Holders: []Keys{fresh}, Leave: []string{signing.KID(lost)}}))(t)
	if len(c.After[trust.RoleRoot]) != 3 || slices.Contains(c.After[trust.RoleRoot], signing.KID(lost)) {
		t.Fatalf("%+v", c)
	}
	for _, k := range []Keys{old[0], old[2]} {
		c = must(w.issuer.SignRoot(ctx, c.ID, k))(t)
	}
	if !c.Ready() {
		t.Errorf("%d and %d missing", c.MissingOld, c.MissingNew)
	}
	must(w.issuer.FinishRoot(ctx, c.ID))(t)
	if slices.Contains(w.root(), signing.KID(lost)) {
		t.Error("the lost key is still there")
	}
	// Only the expiry is moved: nobody new.
	w.clock = w.clock.Add(time.Hour)
	c = must(w.issuer.BeginRoot(ctx, RootPlan{Why: WhyRenewal}))(t)
	for _, k := range []Keys{fresh, old[2]} {
		c = must(w.issuer.SignRoot(ctx, c.ID, k))(t)
	}
	must(w.issuer.FinishRoot(ctx, c.ID))(t)
	w.sound()
}

func TestPlansRefused(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	one := must(publicHalf(w.offline, rootKey(1)))(t)
	two := must(publicHalf(w.offline, rootKey(2)))(t)
	for name, c := range map[string]struct {
		plan RootPlan
		want error
	}{
		"why":                  {RootPlan{Why: "because"}, ErrPlan},
		"four of three":        {RootPlan{Threshold: 4}, ErrPlan},
		"two of one":           {RootPlan{Leave: []string{signing.KID(one), signing.KID(two)}}, ErrPlan},
		"one holder for two":   {RootPlan{Holders: []Keys{w.medium()}}, ErrPlan},
		"a stranger leaves":    {RootPlan{Leave: []string{"AAAAAAAAAAA"}}, ErrUnknownKey},
		"more than its holder": {RootPlan{Holders: []Keys{w.medium(), w.medium()}, Threshold: 3}, ErrPlan},
	} {
		if _, err := w.issuer.BeginRoot(ctx, c.plan); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.issuer.Offline = nil
	if _, err := w.issuer.BeginRoot(ctx, RootPlan{Targets: true}); !errors.Is(err, ErrNoOfflineKeys) {
		t.Error(err)
	}
	if all := must(w.issuer.Ceremonies(ctx))(t); len(all) != 0 {
		t.Errorf("%d ceremonies of refused plans", len(all))
	}
	for _, id := range []string{"", "root-2", "../x"} {
		for name, fn := range map[string]func() error{
			"sign":    func() error { _, err := w.issuer.SignRoot(ctx, id, w.offline); return err },
			"add":     func() error { _, err := w.issuer.AddRootSignatures(ctx, id, nil); return err },
			"finish":  func() error { _, err := w.issuer.FinishRoot(ctx, id); return err },
			"abandon": func() error { _, err := w.issuer.AbandonRoot(ctx, id); return err },
			"show":    func() error { _, err := w.issuer.Ceremony(ctx, id); return err },
		} {
			if err := fn(); !errors.Is(err, ErrUnknownCeremony) {
				t.Errorf("%s %q: %v", name, id, err)
			}
		}
	}
}

// What comes back from a holder's own machine is the draft with more signatures, or it is refused.
func TestAddRootSignatures(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	c := must(w.issuer.BeginRoot(ctx, RootPlan{Snapshot: true}))(t)
	sign := func(draft []byte, n int) []byte {
		return must(trust.SignRoot(draft, must(w.offline.Signer(rootKey(n)))(t)))(t)
	}
	// Two copies travel at once.
	a, b := sign(c.Draft, 1), sign(c.Draft, 3)
	if c = must(w.issuer.AddRootSignatures(ctx, c.ID, a))(t); len(c.Signed) != 1 {
		t.Fatalf("%+v", c)
	}
	other := newWorld(t)
	theirs := must(other.issuer.BeginRoot(ctx, RootPlan{Timestamp: true}))(t)
	for name, draft := range map[string][]byte{
		"nothing": nil, "text": []byte("{}"), "cut": b[:len(b)-2], "another draft": sign(theirs.Draft, 1),
		"another snapshot": bytes.Replace(b, []byte(`"threshold":2`), []byte(`"threshold":1`), 1),
		"a false signature": func() []byte {
			i := bytes.Index(b, []byte(`"sig":"`)) + 20
			out := bytes.Clone(b)
			out[i] ^= 1
			return out
		}(),
	} {
		if _, err := w.issuer.AddRootSignatures(ctx, c.ID, draft); !errors.Is(err, ErrDraft) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c = must(w.issuer.AddRootSignatures(ctx, c.ID, b))(t); !c.Ready() || len(c.Signed) != 2 {
		t.Errorf("%+v", c)
	}
	if again := must(w.issuer.AddRootSignatures(ctx, c.ID, a))(t); len(again.Steps) != len(c.Steps) {
		t.Error("a copy that came twice left a step")
	}
	must(w.issuer.FinishRoot(ctx, c.ID))(t)
	w.sound()
}

// A ceremony is given up, and another one is begun; one that another root overtook says so.
func TestCeremonyEnds(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	c := must(w.issuer.BeginRoot(ctx, RootPlan{Timestamp: true}))(t)
	if a := must(w.issuer.AbandonRoot(ctx, c.ID))(t); a.State != CeremonyAbandoned {
		t.Errorf("%+v", a)
	}
	if a := must(w.issuer.AbandonRoot(ctx, c.ID))(t); a.State != CeremonyAbandoned || len(a.Steps) != 2 {
		t.Errorf("%+v", a)
	}
	if _, err := w.issuer.FinishRoot(ctx, c.ID); !errors.Is(err, ErrCeremonyOver) {
		t.Error(err)
	}
	w.clock = w.clock.Add(time.Hour)
	w.publish() // the stray timestamp key is not used
	second := must(w.issuer.BeginRoot(ctx, RootPlan{Timestamp: true}))(t)
	if second.ID != "root-2.2" {
		t.Errorf("%s", second.ID)
	}
	must(w.issuer.SignRoot(ctx, second.ID, w.offline))(t)
	// The root expires soon: a publication with all root keys at hand renews it, and the draft is late.
	w.clock = w.clock.Add(800 * 24 * time.Hour)
	w.issuer.Online = w.online
	if r, err := w.issuer.Publish(ctx, time.Time{}); err != nil || w.refreshed().trusted.RootVersion() != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := w.issuer.FinishRoot(ctx, second.ID); !errors.Is(err, ErrStale) {
		t.Errorf("a draft that was overtaken: %v", err)
	}
	must(w.issuer.AbandonRoot(ctx, second.ID))(t)
	must(w.issuer.BeginRoot(ctx, RootPlan{}))(t)
}

// F19: every step of a ceremony dies before each of its commits, and is done again.
func TestCeremonyCrashes(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.seed(1)
	w.issue(IssueRequest{All: true})
	var id string
	media := []Keys{w.medium(), w.medium(), w.medium()}
	steps := []func() error{
		func() error {
			c, err := w.issuer.BeginRoot(ctx, RootPlan{Holders: media, Targets: true, Snapshot: true, Timestamp: true})
			if err == nil {
				id = c.ID
			}
			return err
		},
	}
	for _, k := range append(w.holders(), media...) {
		steps = append(steps, func() error { _, err := w.issuer.SignRoot(ctx, id, k); return err })
	}
	steps = append(steps, func() error { _, err := w.issuer.FinishRoot(ctx, id); return err })
	for n, step := range steps {
		w.clock = w.clock.Add(time.Minute)
		before := must(w.issuer.Ceremonies(ctx))(t)
		version := w.refreshed().trusted.Version()
		w.issuer.Store = &losing{Store: w.store, at: 1}
		if err := step(); !errors.Is(err, errCrash) {
			t.Fatalf("step %d: %v", n, err)
		}
		w.reopen()
		after := must(w.issuer.Ceremonies(ctx))(t)
		if fmt.Sprint(len(before), before) != fmt.Sprint(len(after), after) || w.refreshed().trusted.Version() != version {
			t.Errorf("step %d left something half done", n)
		}
		if err := step(); err != nil {
			t.Fatalf("step %d again: %v", n, err)
		}
		w.sound()
	}
	w.clock = w.clock.Add(time.Hour)
	w.publish()
	if v := w.refreshed(); v.trusted.RootVersion() != 2 {
		t.Errorf("root %d", v.trusted.RootVersion())
	}
}

// The online keys are stolen: a ceremony, and then what the thief signs is nobody's.
func TestTheftOfOnlineKeys(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		begin func(*Issuer) (*Theft, error)
		roles []string
	}{
		{func(i *Issuer) (*Theft, error) { return i.CompromiseOnline(ctx) }, []string{trust.RoleSnapshot, trust.RoleTimestamp}},
		{func(i *Issuer) (*Theft, error) { return i.CompromiseTargets(ctx) }, []string{trust.RoleTargets}},
	} {
		w := newWorld(t)
		before := w.refreshed().trusted
		theft := must(c.begin(w.issuer))(t)
		if again := must(c.begin(w.issuer))(t); again.Ceremony != theft.Ceremony || theft.Ceremony == "" || theft.Version != 0 {
			t.Errorf("%+v, %+v", theft, again)
		}
		w.clock = w.clock.Add(time.Hour)
		w.publish() // goes on with the old keys until the root changes
		for _, k := range w.holders()[:2] {
			must(w.issuer.SignRoot(ctx, theft.Ceremony, k))(t)
		}
		must(w.issuer.FinishRoot(ctx, theft.Ceremony))(t)
		after := w.refreshed().trusted
		for _, role := range []string{trust.RoleRoot, trust.RoleTargets, trust.RoleSnapshot, trust.RoleTimestamp, trust.InsurerRole(amc)} {
			if changed := !after.SameKeys(before, role); changed != slices.Contains(c.roles, role) {
				t.Errorf("%s: changed %v", role, changed)
			}
		}
		w.clock = w.clock.Add(time.Hour)
		w.publish()
		w.sound()
	}
}
