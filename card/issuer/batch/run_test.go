// A campaign worked off: all files, whole, the same when they are made again, nothing done twice, nothing half-done.

package batch

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/card/pdf"
	"sceau/card/register"
	"sceau/card/status"
)

// signed counts the sign log, which grows with every signature there ever was.
func (w *world) signed() int {
	w.t.Helper()
	var all []register.SignEntry
	err := w.store.View(context.Background(), func(tx register.Tx) (err error) { all, err = tx.SignLogAfter(0, 100_000); return err })
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}

// files are all files that were delivered, but manifests and their seals.
func (w *world) files() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, e := range must(w.to.List(context.Background(), ""))(w.t) {
		if !strings.Contains(e.Name, "manifest") {
			all[e.Name] = string(w.read(e.Name))
		}
	}
	return all
}

func (w *world) places(c *issuer.Campaign) []card.Place {
	w.t.Helper()
	var all []card.Place
	err := w.issuer.CampaignItems(context.Background(), c.ID, amc, 0, 0, func(i issuer.CampaignItem) error { all = append(all, i.Place); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) whole(c *issuer.Campaign) *Report {
	w.t.Helper()
	r := must(Verify(context.Background(), w.to, VerifyOptions{Keys: w.keys(), Campaign: c.ID, Insurers: []string{amc}}))(w.t)
	if !r.Whole() {
		w.t.Fatalf("%+v", r.Faults)
	}
	return r
}

func TestRun(t *testing.T) {
	var told []Progress
	w := newWorld(t, 20)
	c := w.campaign(nil)
	k := w.worker()
	k.Progress = func(p Progress) { told = append(told, p) }
	if err := k.Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	cards := int64(0)
	for _, p := range told {
		cards += p.Cards
	}
	c = must(w.issuer.CampaignOf(t.Context(), operator, c.ID))(t)
	if c.State != issuer.CampaignDone || c.Parts[0].Made != 20 || c.Parts[0].DoneFiles != 4 || cards != 20 || len(told) != 7 {
		t.Fatalf("%+v, %d cards told in %d", c, cards, len(told))
	}
	if r := w.whole(c); r.Files != 16 || r.Manifests[0].Counted != 40 || r.Manifests[0].Totals.Cards != 20 {
		t.Fatalf("%+v", r)
	}
	before, log := w.files(), w.signed()
	if log != 20 {
		t.Errorf("%d signatures for 20 cards", log)
	}
	// Again: nothing is done, nothing is signed.
	if err := w.worker().Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.worker().Do(t.Context(), c.ID, amc, 7); err != nil {
		t.Fatal(err)
	}
	if log != w.signed() {
		t.Error("signed again")
	}
	// Lost and made again by another process, from the register: the same bytes.
	if err := os.RemoveAll(w.folder(c)); err != nil {
		t.Fatal(err)
	}
	w.to = must(depot.Open(t.Context(), w.path(), depot.Options{Mode: 0o600}))(t)
	again := w.worker()
	for n := range 4 {
		if err := again.Redraw(t.Context(), c.ID, amc, n+1); err != nil {
			t.Fatal(err)
		}
	}
	for name, was := range before {
		if got := w.files()[name]; got != was {
			t.Errorf("%s is another one", name)
		}
	}
	if n := must(again.Reseal(t.Context(), c.ID))(t); n != 1 {
		t.Errorf("%d parts sealed", n)
	}
	w.whole(c)
}

// Two processes at one campaign: every shard once, every card once.
func TestTwoWorkers(t *testing.T) {
	w := newWorld(t, 60)
	c := w.campaign(func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { errs[i] = w.worker().Run(t.Context(), c.ID) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	places := w.places(c)
	slices.SortFunc(places, func(a, b card.Place) int { return strings.Compare(a.String(), b.String()) })
	if len(slices.Compact(places)) != 60 || w.signed() != 60 {
		t.Errorf("%d cards, %d signatures", len(places), w.signed())
	}
	w.whole(c)
}

// broken is a destination that fails from one Put on, as a full disk does, or after it, as a killed process does.
type broken struct {
	depot.Depot
	mu    sync.Mutex
	at    int
	after bool
}

var errFull = errors.New("no space left on device")

func (b *broken) Put(ctx context.Context, name string, data []byte) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at--
	if b.at > 0 {
		return b.Depot.Put(ctx, name, data)
	}
	if b.after && b.at == 0 {
		if _, err := b.Depot.Put(ctx, name, data); err != nil {
			return false, err
		}
	}
	return false, errFull
}

// At whichever file the destination fails, what lies there is whole, the campaign is not called done, and the next run ends it.
func TestDestinationFails(t *testing.T) {
	w := newWorld(t, 8)
	c := w.campaign(func(s *issuer.CampaignSpec) {
		s.ShardSize, s.FileSize, s.Outputs = 4, 4, []string{manifest.CSV, manifest.NDJSON}
	})
	good := map[string]string{}
	failed := 0
	for at := 1; at <= 7; at++ {
		b := &broken{Depot: w.to, at: at, after: at%2 == 0}
		k := w.worker()
		k.Parallel = 1
		k.Open = func(context.Context, string) (depot.Depot, error) { return b, nil }
		err := k.Run(t.Context(), c.ID)
		for name, got := range w.files() {
			if was, known := good[name]; known && was != got {
				t.Errorf("%s changed", name)
			}
			good[name] = got
			if !strings.HasSuffix(got, "\n") {
				t.Errorf("%s is cut short", name)
			}
		}
		if err == nil {
			break
		}
		failed++
		if !errors.Is(err, errFull) {
			t.Fatal(err)
		}
		if now := must(w.issuer.CampaignOf(t.Context(), operator, c.ID))(t); now.State == issuer.CampaignDone {
			t.Fatal("done without its files")
		}
		w.clock = w.clock.Add(5 * issuer.DefaultLease)
	}
	if err := w.worker().Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	w.whole(c)
	if failed < 3 {
		t.Errorf("it failed %d times", failed)
	}
	if w.signed() != 8 {
		t.Errorf("%d signatures for 8 cards", w.signed())
	}
}

// What stands in the way of a run ends it cleanly, and with a word that says which.
func TestRunEnds(t *testing.T) {
	w := newWorld(t, 12)
	c := w.campaign(nil)
	ctx, cancel := context.WithCancel(t.Context())
	k := w.worker()
	k.Parallel = 1
	k.Progress = func(Progress) { cancel() }
	if err := k.Run(ctx, c.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	half := must(w.issuer.CampaignOf(t.Context(), operator, c.ID))(t)
	if half.Parts[0].DoneShards != 1 || w.signed() != 3 {
		t.Errorf("%d shards, %d signatures: the shard in hand is finished and no other begun", half.Parts[0].DoneShards, w.signed())
	}
	must(w.issuer.PauseCampaign(t.Context(), operator, c.ID))(t)
	if err := w.worker().Run(t.Context(), c.ID); !errors.Is(err, issuer.ErrPaused) {
		t.Errorf("%v", err)
	}
	if err := w.worker().Do(t.Context(), c.ID, amc, 2); !errors.Is(err, issuer.ErrPaused) {
		t.Errorf("%v", err)
	}
	must(w.issuer.ResumeCampaign(t.Context(), operator, c.ID))(t)
	if _, err := w.issuer.OpenShard(t.Context(), c.ID, amc, 2, issuer.Claim{Worker: "other"}); err != nil {
		t.Fatal(err)
	}
	if err := w.worker().Do(t.Context(), c.ID, amc, 2); !errors.Is(err, issuer.ErrLeased) {
		t.Errorf("%v", err)
	}
	if err := w.worker().Do(t.Context(), "none", amc, 2); !errors.Is(err, issuer.ErrUnknownCampaign) {
		t.Errorf("%v", err)
	}
	if err := w.worker().Do(t.Context(), c.ID, amc, 99); !errors.Is(err, issuer.ErrUnknownCampaign) {
		t.Errorf("%v", err)
	}
	must(w.issuer.CancelCampaign(t.Context(), operator, c.ID))(t)
	if err := w.worker().Run(t.Context(), c.ID); !errors.Is(err, issuer.ErrCancelled) {
		t.Errorf("%v", err)
	}
	if w.signed() != 3 {
		t.Errorf("%d signatures", w.signed())
	}
}

// A card that can't be printed, and one that ended before its page was drawn, are named by number and stop no other.
func TestCausesInTheManifest(t *testing.T) {
	w := newWorld(t, 6)
	c := w.campaign(func(s *issuer.CampaignSpec) {
		s.ShardSize, s.FileSize, s.Outputs = 3, 6, []string{manifest.PDF, manifest.CSV}
	})
	if err := w.worker().Do(t.Context(), c.ID, amc, 1); err != nil {
		t.Fatal(err)
	}
	must(w.issuer.SetStatus(t.Context(), issuer.StatusRequest{Kind: status.Void, Targets: []issuer.Target{{Place: w.places(c)[1]}}}))(t)
	if err := w.worker().Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	r := w.whole(c)
	if got := r.Manifests[0].Without; len(got) != 1 || got[0].Cause != issuer.CauseWithheld || !slices.Equal(got[0].Ranges, []manifest.Range{{First: 2, Last: 2}}) ||
		r.Manifests[0].Totals.Cards != 5 || r.Manifests[0].Totals.Pages != 5 {
		t.Errorf("%+v", r.Manifests[0])
	}
	// Drawn again, it is as it was, whatever became of its cards since.
	must(w.issuer.SetStatus(t.Context(), issuer.StatusRequest{Kind: status.Void, Targets: []issuer.Target{{Place: w.places(c)[4]}}}))(t)
	if err := w.worker().Redraw(t.Context(), c.ID, amc, 1); err != nil {
		t.Error(err)
	}

	k := w.worker()
	k.begin()
	l := must(k.lookOf(t.Context(), c.ID, amc))(t)
	f := must(w.issuer.OpenFile(t.Context(), c.ID, amc, 1, issuer.Claim{Worker: "x"}))(t)
	entries, _, err := k.entries(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	entries[0].card.Claims.People = append([]card.Person{}, entries[0].card.Claims.People...)
	entries[0].card.Claims.People[0].Nom = "\u0416"
	entries[1].card.CodeText = "é"
	d := must(k.draw(l, manifest.Range{First: 1, Last: 6}, 6, manifest.FileKinds(), entries))(t)
	if d.undrawn[1] != issuer.CauseGlyph || d.undrawn[3] != issuer.CauseDamaged || len(d.undrawn) != 2 || d.files[0].Cards != 3 || d.files[0].Pages != 3 {
		t.Errorf("%v %+v", d.undrawn, d.files[0])
	}
	for _, e := range entries {
		e.card.CodeText = ""
	}
	none := must(k.draw(l, manifest.Range{First: 1, Last: 6}, 6, manifest.FileKinds(), nil))(t)
	if len(none.files) != 0 {
		t.Error("files without a card")
	}
	if err := (&printed{window: pdf.WindowDL}).add(&entry{sequence: 1}, nil); causeOf(err) != issuer.CauseNoAddress {
		t.Errorf("a letter without its address: %v", err)
	}
	if causeOf(pdf.ErrNoRoom) != issuer.CauseNoRoom || causeOf(errFull) != "" {
		t.Error("causes")
	}
}

// Without a manifest key nothing is begun.
func TestNoManifestKey(t *testing.T) {
	w := newWorld(t, 3)
	c := w.campaign(nil)
	w.issuer.Online = lacking{w.issuer.Online}
	if err := w.worker().Do(t.Context(), c.ID, amc, 1); !errors.Is(err, issuer.ErrNoServiceKey) {
		t.Errorf("%v", err)
	}
	if w.signed() != 0 {
		t.Error("signed a card that no manifest can name")
	}
}

type lacking struct{ issuer.Keys }

func (l lacking) Names() ([]string, error) {
	names, err := l.Keys.Names()
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "manifest") }), err
}

func TestFreezeTheme(t *testing.T) {
	if b, err := FreezeTheme(nil, nil); b != nil || err != nil {
		t.Errorf("%v", err)
	}
	b := must(FreezeTheme([]byte(`{"primary":"#102030"}`), nil))(t)
	if th := must(thaw(b))(t); th.Primary != (pdf.Color{R: 0x10, G: 0x20, B: 0x30}) {
		t.Errorf("%+v", th)
	}
	for _, bad := range []string{`{"primary":"x"}`, `{`, `{"unknown":1}`} {
		if b, err := FreezeTheme([]byte(bad), nil); !errors.Is(err, pdf.ErrTheme) || b != nil {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if b, err := FreezeTheme([]byte(`{}`), []byte("no picture")); !errors.Is(err, pdf.ErrTheme) || b != nil {
		t.Errorf("%v", err)
	}
}

// TestClaim: a piece of work is a worker's for as long as its signatures take at the lower of two rates, twice over, and two minutes.
func TestClaim(t *testing.T) {
	for _, c := range []struct {
		worker, campaign, cards int
		want                    time.Duration
	}{
		{0, 0, 1000, 2 * time.Minute}, {0, 20, 50, 2*time.Minute + 10*time.Second}, {20, 0, 50, 2*time.Minute + 10*time.Second},
		{20, 100, 50, 2*time.Minute + 10*time.Second}, {100, 20, 50, 2*time.Minute + 10*time.Second}, {0, 20, 0, 2 * time.Minute}, {0, 100, 1000, 2*time.Minute + 40*time.Second},
	} {
		w := &Worker{Issuer: &issuer.Issuer{SignRate: c.worker}, Parallel: 2}
		w.begin()
		if got := w.claim(c.cards, c.campaign).For; got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	own := &Worker{Issuer: &issuer.Issuer{SignRate: 1}, Lease: time.Second}
	if got := own.claim(1000, 1).For; got != time.Second {
		t.Errorf("a lease of its own: %v", got)
	}
}
