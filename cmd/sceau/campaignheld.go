// Work that a process has in hand and does not answer for: said to whoever waits for it.

package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"sceau/card/issuer"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/progress"
)

// heldLine is the JSON of what workers have in hand.
type heldLine struct {
	Pieces int       `json:"pieces"` // shards, files and manifests
	Until  time.Time `json:"until"`  // when others take the last of them over, unless it is done before
	Silent bool      `json:"silent"` // whoever has them does not answer
}

// heldOf is what workers have in hand of a campaign that is worked on.
func (o *operator) heldOf(ctx context.Context, k *issuer.Campaign) (issuer.CampaignHeld, error) {
	if k.State != issuer.CampaignStarted {
		return issuer.CampaignHeld{}, nil
	}
	return o.CampaignHeld(ctx, k.ID, "")
}

// stillness says why nothing moves in a campaign that is started, "" when something does.
func stillness(k *issuer.Campaign, held issuer.CampaignHeld, now time.Time) string {
	switch {
	case k.State != issuer.CampaignStarted:
		return ""
	case held.Idle():
		return "no process is at work on it now: sceau campaign start goes on"
	case held.Silent(now, k.Rate(now)):
		return fmt.Sprintf("%s held by a process that does not answer; taken over at %s", piecesAre(held.Pieces), clockTime(held.Until))
	}
	return ""
}

func piecesAre(n int) string {
	if n == 1 {
		return "1 shard is"
	}
	return thousands(int64(n)) + " shards are"
}

// clockTime is a time of today, or of the night.
func clockTime(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

// lookEvery is how often start looks whether it waits for others.
const lookEvery = time.Second

// tellHeld says, once for each time that changes, that everything that is left is another process's. The function that it returns
// ends it. What can't be read is not told: the work itself says why.
func (o *operator) tellHeld(ctx context.Context, w io.Writer, bar *progress.Progress, id, self string, quiet bool) (end func()) {
	if quiet {
		return func() {}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var told time.Time
		for {
			select {
			case <-stop:
				return
			case <-time.After(lookEvery):
			}
			text, until := o.waitsFor(ctx, id, self)
			if text == "" || until.Equal(told) {
				continue
			}
			told = until
			bar.Pause(func() { fmt.Fprintln(w, text) })
		}
	})
	return sync.OnceFunc(func() { close(stop); wg.Wait() })
}

// waitsFor says for what a worker without work waits, and until when at the latest; "" when it has some or could take some.
func (o *operator) waitsFor(ctx context.Context, id, self string) (string, time.Time) {
	all, err := o.CampaignHeld(ctx, id, "")
	if err != nil {
		return "", time.Time{}
	}
	others, err := o.CampaignHeld(ctx, id, self)
	if err != nil || others.Idle() || others.Pieces != all.Pieces {
		return "", time.Time{}
	}
	free, err := o.NextShards(ctx, id, 1)
	if err != nil || len(free) > 0 {
		return "", time.Time{}
	}
	now := clock.Now()
	k, err := o.CampaignOf(ctx, o.staff(), id)
	if err != nil || k.State != issuer.CampaignStarted {
		return "", time.Time{}
	}
	if others.Silent(now, k.Rate(now)) {
		return stillness(k, others, now), others.Until
	}
	return fmt.Sprintf("waiting: %s held by another process; if it does not answer, taken over at %s", piecesAre(others.Pieces), clockTime(others.Until)), others.Until
}
