package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
)

// TestStillness: what status says of work that nobody answers for, and that it promises no time then.
func TestStillness(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("", 3600))
	held := func(age time.Duration) issuer.CampaignHeld {
		return issuer.CampaignHeld{Pieces: 2, Since: now.Add(-age), Until: now.Add(issuer.DefaultLease - age), Length: issuer.DefaultLease, Cards: 200}
	}
	for name, c := range map[string]struct {
		held  issuer.CampaignHeld
		state issuer.CampaignState
		want  string // "" when it moves
	}{
		"at work":     {held(5 * time.Second), issuer.CampaignStarted, ""},
		"dead":        {held(40 * time.Second), issuer.CampaignStarted, "2 shards are held by a process that does not answer; taken over at 09:01:20 UTC"},
		"nobody":      {issuer.CampaignHeld{}, issuer.CampaignStarted, "no process is at work on it now: sceau campaign start goes on"},
		"not started": {issuer.CampaignHeld{}, issuer.CampaignPlanned, ""},
	} {
		k := &issuer.Campaign{ID: "261122-aaaa", State: c.state, Parts: []issuer.CampaignPart{{Insurer: "775670482", Cards: 3000, Shards: 3, Done: 1000,
			Beats: []issuer.CampaignBeat{{At: now.Add(-20 * time.Second), Done: 0}}}}}
		if got := stillness(k, c.held, now); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
		var text, line bytes.Buffer
		sayCampaign(&text, k, c.held, now)
		if err := sayCampaignHeldJSON(&line, k, c.held, now); err != nil {
			t.Fatal(err)
		}
		moves := c.want == "" && c.state == issuer.CampaignStarted
		if strings.Contains(text.String(), " left") != moves || strings.Contains(line.String(), "left_seconds") != moves || !strings.Contains(text.String(), c.want) {
			t.Errorf("%s: %s%s", name, text.String(), line.String())
		}
		var v struct{ Held *heldLine }
		if err := json.Unmarshal(line.Bytes(), &v); err != nil || (v.Held != nil) != !c.held.Idle() || v.Held != nil && v.Held.Silent == moves {
			t.Errorf("%s: %s, %v", name, line.String(), err)
		}
	}
	unwritten := &issuer.Campaign{State: issuer.CampaignStarted, Parts: []issuer.CampaignPart{{Insurer: "775670482", Cards: 408, Done: 408, Made: 408, Shards: 1, DoneShards: 1, Files: 1}}}
	written := *unwritten
	written.Parts = []issuer.CampaignPart{{Insurer: "775670482", Cards: 408, Done: 408, Made: 408, Shards: 1, DoneShards: 1, Files: 1, DoneFiles: 1}}
	cancelled, half := *unwritten, *unwritten
	cancelled.State = issuer.CampaignCancelled
	half.Parts = []issuer.CampaignPart{{Insurer: "775670482", Cards: 408, Done: 200, Made: 200, Shards: 2, DoneShards: 1, Files: 1}}
	for name, c := range map[string]struct {
		k    *issuer.Campaign
		held issuer.CampaignHeld
		want bool
	}{
		"nobody is at work": {unwritten, issuer.CampaignHeld{}, true}, "cancelled": {&cancelled, issuer.CampaignHeld{}, true},
		"at work": {unwritten, held(time.Second), false}, "written": {&written, issuer.CampaignHeld{}, false}, "half done": {&half, issuer.CampaignHeld{}, false},
	} {
		var text bytes.Buffer
		sayCampaign(&text, c.k, c.held, now)
		if got := strings.Contains(text.String(), "all cards are signed; not written: 1 file"); got != c.want {
			t.Errorf("%s: %s", name, text.String())
		}
	}
	if got := campaignMoment(now); got != "2026-11-22 09:00 UTC" {
		t.Errorf("%q", got)
	}
}

// TestCampaignSays: what a cancelled campaign made, what a comparison lacks, and why nothing is planned.
func TestCampaignSays(t *testing.T) {
	k := &issuer.Campaign{Parts: []issuer.CampaignPart{{Cards: 2998, Made: 412, Issued: 400, Existing: 12}}}
	if got := madeBefore(k); got != "412 of 2,998 cards made so far, 400 issued by it, which stay issued, 12 live before" {
		t.Errorf("%q", got)
	}
	if got := madeBefore(&issuer.Campaign{Parts: []issuer.CampaignPart{{Cards: 3}}}); got != "0 of 3 cards made so far" {
		t.Errorf("%q", got)
	}
	for states, want := range map[[2]issuer.CampaignState]string{
		{issuer.CampaignDone, issuer.CampaignDone}:      "",
		{issuer.CampaignDone, issuer.CampaignEmpty}:     "", // it had no card to make
		{issuer.CampaignDone, issuer.CampaignStarted}:   "campaign NEW is started",
		{issuer.CampaignCancelled, issuer.CampaignDone}: "campaign OLD is cancelled",
	} {
		var b bytes.Buffer
		if sayUnfinished(&b, &issuer.CampaignDiff{Old: "OLD", New: "NEW", States: states}) != (want != "") || !strings.Contains(b.String(), want) {
			t.Errorf("%v: %q", states, b.String())
		}
	}
	err := campaignHint(&issuer.CampaignBeside{ID: "261122-aaaa", State: issuer.CampaignPlanned}, "op", "ID")
	if !strings.Contains(err.Error(), "261122-aaaa, planned") {
		t.Errorf("%v", err)
	}
	if got := nothingHint(map[string]int64{issuer.CauseExisting: 4, issuer.CauseEnded: 1}); !strings.Contains(got, "--existing") {
		t.Errorf("%q", got)
	}
}
