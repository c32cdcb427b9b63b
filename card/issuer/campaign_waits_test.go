// Leases of what a worker gets without asking, and shards that were given up.

package issuer

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestBriefLeases: what a worker gets without asking, the file that its shard completes and the manifest that its file does, is its own
// for as long as it said, like the rest. A worker that dies between the two keeps nobody waiting longer.
func TestBriefLeases(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(4)
	c := w.plan(year2027("brief"))
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	brief := Claim{Worker: "dies", For: 3 * time.Second}
	waits := func(when, why string) {
		t.Helper()
		refs := must(w.issuer.NextShards(t.Context(), c.ID, 9))(t)
		if why == "" && len(refs) > 0 || why != "" && (len(refs) != 1 || refs[0].Why != why) {
			t.Errorf("%s: %+v", when, refs)
		}
		if !must(w.issuer.CampaignWaits(t.Context(), c.ID))(t) || !must(w.issuer.CampaignWaits(t.Context(), ""))(t) {
			t.Errorf("%s: nothing waits", when)
		}
	}
	var file *CampaignFile
	for n := 1; n <= 2; n++ {
		sh := must(w.issuer.OpenShard(t.Context(), c.ID, amc, n, brief))(t)
		file = must(w.issuer.EndShard(t.Context(), sh, pretend(sh)))(t)
	}
	waits("a file in hand", "")
	w.clock = w.clock.Add(brief.For)
	waits("its worker is dead", WhyFile)
	file = must(w.issuer.OpenFile(t.Context(), c.ID, amc, file.N, brief))(t)
	if !must(w.issuer.EndFile(t.Context(), file, outputsOf(file), nil))(t) {
		t.Error("the part is not done")
	}
	waits("a manifest in hand", "")
	w.clock = w.clock.Add(brief.For)
	waits("its worker is dead", WhyManifest)
}

// TestGivenUp: a shard that was given up is handed to nobody, is told of, and comes back when the campaign is resumed. The other
// shards go on meanwhile.
func TestGivenUp(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(4)
	c := w.plan(year2027("given up"))
	claim := Claim{Worker: "a"}
	first := ShardRef{Campaign: c.ID, Insurer: amc, N: 1}
	if must(w.issuer.CampaignWaits(t.Context(), c.ID))(t) {
		t.Error("waits before its start")
	}
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	for name, err := range map[string]error{
		"shard 0": w.issuer.FailShard(t.Context(), ShardRef{Campaign: c.ID, Insurer: amc}, "failed"),
		"shard 3": w.issuer.FailShard(t.Context(), ShardRef{Campaign: c.ID, Insurer: amc, N: 3}, "failed"),
		"another": w.issuer.FailShard(t.Context(), ShardRef{Campaign: "261201-zzzz", Insurer: amc, N: 1}, "failed"),
		"waits":   errOf(w.issuer.CampaignWaits(t.Context(), "261201-zzzz")),
	} {
		if !errors.Is(err, ErrUnknownCampaign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.issuer.FailShard(t.Context(), first, "two\nlines"); !errors.Is(err, ErrName) {
		t.Errorf("%v", err)
	}
	next := func() (ns []int) {
		for _, r := range must(w.issuer.NextShards(t.Context(), c.ID, 9))(t) {
			ns = append(ns, r.N)
		}
		return ns
	}
	if err := w.issuer.FailShard(t.Context(), first, "destination"); err != nil {
		t.Fatal(err)
	}
	if got := next(); len(got) != 1 || got[0] != 2 {
		t.Errorf("handed out: %v", got)
	}
	sh := must(w.issuer.OpenShard(t.Context(), c.ID, amc, 2, claim))(t)
	if !must(w.issuer.CampaignWaits(t.Context(), c.ID))(t) {
		t.Error("a shard in hand is nothing")
	}
	must(w.issuer.EndShard(t.Context(), sh, pretend(sh)))(t)
	if must(w.issuer.CampaignWaits(context.Background(), ""))(t) {
		t.Error("waits for nobody")
	}
	now := must(w.issuer.CampaignOf(t.Context(), operatorStaff, c.ID))(t)
	if now.GivenUp() != 1 || now.Parts[0].Failed[1] != "destination" || now.State != CampaignStarted {
		t.Errorf("%+v", now)
	}
	if now = must(w.issuer.ResumeCampaign(t.Context(), operatorStaff, c.ID))(t); now.GivenUp() != 0 {
		t.Errorf("%+v", now)
	}
	if got := next(); len(got) != 1 || got[0] != 1 {
		t.Errorf("handed out: %v", got)
	}
	if _, err := w.issuer.ResumeCampaign(t.Context(), operatorStaff, c.ID); !errors.Is(err, ErrCampaignState) {
		t.Errorf("resumed twice: %v", err)
	}
}
