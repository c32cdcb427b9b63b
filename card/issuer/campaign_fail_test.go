// Work that was given up and is done all the same, cards that were signed when the caller gave up, and sizes that no manifest holds.

package issuer

import (
	"context"
	"errors"
	"testing"
)

// TestGivenUpAndDone: a failure that comes after somebody else's success holds nothing up.
func TestGivenUpAndDone(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(12)
	c := w.plan(year2027("cartes"))
	ctx := context.Background()
	must(w.issuer.StartCampaign(ctx, operatorStaff, c.ID))(t)
	shard := func(n int, worker string) *CampaignFile {
		sh := must(w.issuer.OpenShard(ctx, c.ID, amc, n, Claim{Worker: worker}))(t)
		return must(w.issuer.EndShard(ctx, sh, pretend(sh)))(t)
	}
	fail := func(n int) {
		t.Helper()
		if err := w.issuer.FailShard(ctx, ShardRef{Campaign: c.ID, Insurer: amc, N: n}, "failed"); err != nil {
			t.Fatal(err)
		}
	}
	failed := func() map[int]string { return must(w.issuer.CampaignOf(ctx, operatorStaff, c.ID))(t).Parts[0].Failed }
	shard(1, "a")
	if fail(1); len(failed()) != 0 {
		t.Errorf("%v: shard 1 is done, and nothing was tried of shard 2", failed())
	}
	shard(2, "a")
	must(w.issuer.OpenFile(ctx, c.ID, amc, 1, Claim{Worker: "a"}))(t)
	if fail(2); failed()[2] == "" {
		t.Error("a file that could not be drawn is not noted")
	}
	shard(3, "a")
	shard(4, "a")
	for n := 2; n >= 1; n-- {
		f := must(w.issuer.OpenFile(ctx, c.ID, amc, n, Claim{Worker: "a"}))(t)
		if n == 2 {
			fail(4)
		}
		must(w.issuer.EndFile(ctx, f, outputsOf(f), nil))(t)
	}
	if fail(1); len(failed()) != 1 || failed()[4] == "" {
		t.Errorf("%v: the manifest was given up, and nothing else", failed())
	}
	must(w.issuer.EndPart(ctx, c.ID, amc, ManifestFact{Name: "manifest.json", SHA256: "aa"}))(t)
	if len(failed()) != 0 {
		t.Errorf("%v after the end", failed())
	}
}

// TestSignedIsStored: whoever gives up while a shard is signed keeps what was signed until then.
func TestSignedIsStored(t *testing.T) {
	w := newWorld(t)
	items := households(w.seed(5))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	keys := &counting{Keys: w.online, failAt: 5, fail: func([]byte) ([]byte, error) { cancel(); return nil, errCrash }}
	i := *w.issuer
	i.Online = keys
	if _, err := i.Shard(ctx, ShardRequest{Items: items}); !errors.Is(err, errCrash) {
		t.Fatalf("%v", err)
	}
	if f := w.sound(); f.Cards != 5 || f.Intents != 1 {
		t.Errorf("%d cards, %d of them unfinished", f.Cards, f.Intents)
	}
}

func TestCampaignHolds(t *testing.T) {
	for _, c := range []struct {
		shard, file int
		cards       int64
		fits        bool
	}{
		{1000, 5000, 100_000_000, true},
		{1000, 5000, 100_000_001, false},
		{1, 1, 20_000, true},
		{1, 1, 20_001, false},
		{1, 5000, 999_999, true},
		{1, 5000, 1_000_000, false},
	} {
		spec := CampaignSpec{ShardSize: c.shard, FileSize: c.file}
		if err := spec.holds(amc, c.cards); (err == nil) != c.fits || err != nil && !errors.Is(err, ErrCampaignSpec) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
