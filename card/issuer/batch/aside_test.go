// What fails keeps nothing else from being done, and what a campaign forgot while it was paused is looked at again.

package batch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/card/register"
	"sceau/card/status"
)

// refusing is a destination that never takes one file.
type refusing struct {
	depot.Depot
	name string
}

func (r refusing) Put(ctx context.Context, name string, data []byte) (bool, error) {
	if strings.HasSuffix(name, r.name) {
		return false, errFull
	}
	return r.Depot.Put(ctx, name, data)
}

// One file that can't be written costs itself and nothing else, and the next run tries it again.
func TestOneFailureStopsNoOther(t *testing.T) {
	w := newWorld(t, 60)
	c := w.campaign(func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	k := w.worker()
	k.Parallel = 1
	k.Open = func(context.Context, string) (depot.Depot, error) { return refusing{w.to, "0000001-0000006.csv"}, nil }
	if err := k.Run(t.Context(), c.ID); !errors.Is(err, errFull) {
		t.Fatalf("%v", err)
	}
	p := must(w.issuer.CampaignOf(t.Context(), operator, c.ID))(t).Parts[0]
	if p.DoneShards != 20 || p.DoneFiles != 9 {
		t.Errorf("%d shards and %d files are done", p.DoneShards, p.DoneFiles)
	}
	if err := w.worker().Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	w.whole(c)
}

// A destination that takes nothing at all ends the run soon, whatever is left.
func TestEverythingFails(t *testing.T) {
	w := newWorld(t, 60)
	c := w.campaign(func(s *issuer.CampaignSpec) { s.ShardSize, s.FileSize, s.Outputs = 1, 2, []string{manifest.CSV} })
	k := w.worker()
	k.Parallel = 1
	k.Open = func(context.Context, string) (depot.Depot, error) { return refusing{w.to, ".csv"}, nil }
	if err := k.Run(t.Context(), c.ID); !errors.Is(err, errFull) {
		t.Fatalf("%v", err)
	}
	if p := must(w.issuer.CampaignOf(t.Context(), operator, c.ID))(t).Parts[0]; p.DoneShards > 30 || p.DoneFiles != 0 {
		t.Errorf("%d shards and %d files are done", p.DoneShards, p.DoneFiles)
	}
}

// A card that was revoked while its campaign was paused is not drawn, also by the process that signed it.
func TestRevokedWhilePaused(t *testing.T) {
	w := newWorld(t, 6)
	c := w.campaign(func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	k := w.worker()
	if err := k.Do(t.Context(), c.ID, amc, 1); err != nil {
		t.Fatal(err)
	}
	must(w.issuer.PauseCampaign(t.Context(), operator, c.ID))(t)
	must(w.issuer.SetStatus(t.Context(), issuer.StatusRequest{Kind: status.Void, Targets: []issuer.Target{{Place: w.places(c)[1]}}}))(t)
	w.clock = w.clock.Add(freshFor + 1)
	must(w.issuer.ResumeCampaign(t.Context(), operator, c.ID))(t)
	if err := k.Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	got := w.whole(c).Manifests[0].Without
	if len(got) != 1 || got[0].Cause != issuer.CauseWithheld || !slices.Equal(got[0].Ranges, []manifest.Range{{First: 2, Last: 2}}) {
		t.Errorf("%+v", got)
	}
}

// overtaken is a destination at which another worker does all of the same between the manifest and its seal.
type overtaken struct {
	depot.Depot
	other func()
	once  bool
}

func (o *overtaken) Put(ctx context.Context, name string, data []byte) (bool, error) {
	if strings.HasSuffix(name, manifest.SealName) && !o.once {
		o.once = true
		o.other()
	}
	return o.Depot.Put(ctx, name, data)
}

// A worker that is overtaken while it seals leaves a manifest and a seal that belong together.
func TestOvertakenAtTheSeal(t *testing.T) {
	w := newWorld(t, 6)
	c := w.campaign(func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	k := w.worker()
	k.Open = func(context.Context, string) (depot.Depot, error) {
		return &overtaken{Depot: w.to, other: func() {
			w.clock = w.clock.Add(2 * issuer.DefaultLease)
			if err := w.worker().Run(t.Context(), c.ID); err != nil {
				t.Error(err)
			}
		}}, nil
	}
	if err := k.Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	w.whole(c)
}

// The manifest of some sheets that were made again does not pass for the campaign's own.
func TestRerunInThePlaceOfTheWhole(t *testing.T) {
	w, c := done(t, 6, func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	again := must(depot.Open(t.Context(), filepath.Join(w.dir, "again"), depot.Options{}))(t)
	r := must(w.worker().Rerun(t.Context(), RerunRequest{Campaign: c.ID, Insurer: amc, Ranges: []manifest.Range{{First: 2, Last: 3}}, Reason: "bourrage", To: again}))(t)
	root := filepath.Join(w.dir, "delivery")
	if err := os.CopyFS(filepath.Join(root, c.ID, amc), os.DirFS(filepath.Join(w.dir, "again", r.Folder))); err != nil {
		t.Fatal(err)
	}
	d := must(depot.OpenReadOnly(t.Context(), root, depot.Options{}))(t)
	v := must(Verify(t.Context(), d, VerifyOptions{Keys: w.keys(), Campaign: c.ID, Insurers: []string{amc}}))(t)
	if v.Whole() || v.codes() != FaultExpected {
		t.Errorf("%s", v.codes())
	}
}

// Two reruns of one second have a folder each.
func TestRerunTwiceInOneSecond(t *testing.T) {
	w, c := done(t, 6, func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	again := must(depot.Open(t.Context(), filepath.Join(w.dir, "again"), depot.Options{}))(t)
	for _, n := range []int64{2, 5} {
		must(w.worker().Rerun(t.Context(), RerunRequest{Campaign: c.ID, Insurer: amc, Ranges: []manifest.Range{{First: n, Last: n}}, Reason: "bourrage", To: again}))(t)
	}
	v := must(Verify(t.Context(), again, VerifyOptions{Keys: w.keys(), Campaign: c.ID, Insurers: []string{amc}}))(t)
	if !v.Whole() || len(v.Manifests) != 2 {
		t.Errorf("%d manifests, %s", len(v.Manifests), v.codes())
	}
}

// busy is a register that is busy for a while, at its writes.
type busy struct {
	register.Store
	left atomic.Int32
}

func (b *busy) Update(ctx context.Context, fn func(register.Tx) error) error {
	if b.left.Add(-1) >= 0 {
		return register.ErrBusy
	}
	return b.Store.Update(ctx, fn)
}

// A register that is busy for a while ends no run.
func TestBusyRegister(t *testing.T) {
	w := newWorld(t, 12)
	c := w.campaign(func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	b := &busy{Store: w.store}
	b.left.Store(3) // all of them before a shard is taken
	w.issuer.Store = b
	k := w.worker()
	k.Parallel, k.pause = 1, 1
	if err := k.Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if b.left.Load() >= 0 || w.signed() < 12 {
		t.Errorf("%d left, %d signatures", b.left.Load(), w.signed())
	}
	w.whole(c)
}
