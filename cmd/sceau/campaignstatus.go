// campaign list and status: how far they are.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/progress"
	"sceau/cmd/internal/ui"
)

// listedCampaigns is how many campaigns list shows.
const listedCampaigns = 100

func newCampaignList(p *place) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list DIR",
		Short: "List campaigns, the newest first",
		Long: `Lists the campaigns of the register, the newest first. They are forgotten some 400 days after their end.

    $ sceau campaign list ./operator
    261121-4k9q  started  2026-11-21 10:00 UTC  42%  471 cards  1 insurer  Cartes 2027`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.openContext(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			all, err := op.Campaigns(c.Context(), op.staff(), "", listedCampaigns)
			if err != nil {
				return err
			}
			if asJSON {
				for i := range all {
					if err := sayCampaignJSON(c.OutOrStdout(), &all[i], clock.Now()); err != nil {
						return err
					}
				}
				return nil
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, k := range all {
				t := k.Total()
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.State, campaignMoment(k.Created), percent(t.Done, t.Cards), howMany(t.Cards, "card"),
					howMany(int64(len(k.Parts)), "insurer"), k.Spec.Name)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a campaign")
	return c
}

func newCampaignStatus(p *place) *cobra.Command {
	var asJSON, watch bool
	c := &cobra.Command{
		Use:   "status DIR ID",
		Short: "Show how far a campaign is",
		Long: `Shows how far a campaign is: cards, rate and time left, shards and files, what could not be made and why, by insurer.

    $ sceau campaign status ./operator 261121-4k9q
    261121-4k9q "Cartes 2027": started
    200 of 471 cards done (42%), 95 a second, about 3 s left
    1 of 3 shards, 0 of 1 file

--watch goes on until the campaign ends, is paused or has only shards left that were given up; with --json it is one object every two seconds.
Exit code 3 when the campaign is done and cards of it could not be made.`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withCampaign(c, args, func(ctx context.Context, op *operator, id string) error {
				if watch {
					return op.watchCampaign(ctx, c, id, asJSON)
				}
				k, err := op.CampaignOf(ctx, op.staff(), id)
				if err != nil {
					return err
				}
				held, err := op.heldOf(ctx, k)
				if err != nil {
					return err
				}
				if asJSON {
					err = sayCampaignHeldJSON(c.OutOrStdout(), k, held, clock.Now())
				} else {
					sayCampaign(c.OutOrStdout(), op.byAMC(ctx, k), held, clock.Now())
				}
				return endOf(k, err)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of sentences")
	c.Flags().BoolVar(&watch, "watch", false, "go on until it ends, is paused or needs somebody")
	return c
}

// endOf is exit code 3 for a campaign that is done without some of its cards.
func endOf(k *issuer.Campaign, err error) error {
	if err == nil && k.State == issuer.CampaignDone && len(k.Total().Rejects) > 0 {
		return ui.Exit(exitPartial)
	}
	return err
}

const watchEvery = 2 * time.Second

func (o *operator) watchCampaign(ctx context.Context, c *cobra.Command, id string, asJSON bool) error {
	var bar *progress.Progress
	said := ""
	defer func() {
		if bar != nil {
			bar.Close()
		}
	}()
	for {
		k, err := o.CampaignOf(ctx, o.staff(), id)
		if err != nil {
			return err
		}
		t := k.Total()
		held, err := o.heldOf(ctx, k)
		if err != nil {
			return err
		}
		if asJSON {
			if err := sayCampaignHeldJSON(c.OutOrStdout(), k, held, clock.Now()); err != nil {
				return err
			}
		} else {
			if bar == nil {
				bar = progress.New(c.ErrOrStderr(), "cards", t.Cards, progress.ModeFor(c.ErrOrStderr(), false)).From(t.Done)
			}
			bar.Note(map[string]int64{"files": int64(t.DoneFiles)})
			if still := stillness(k, held, clock.Now()); still != "" && k.State == issuer.CampaignStarted {
				if still != said {
					bar.Pause(func() { fmt.Fprintln(c.ErrOrStderr(), still) })
				}
				said = still // and no bar, which would promise a time while nothing moves
			} else {
				said = ""
				bar.Set(t.Done)
			}
		}
		waits := k.State == issuer.CampaignPlanning
		if k.State == issuer.CampaignStarted {
			if waits, err = o.CampaignWaits(ctx, id); err != nil {
				return err
			}
		}
		if !waits {
			if bar != nil {
				bar.Close()
				sayCampaign(c.OutOrStdout(), o.byAMC(ctx, k), held, clock.Now())
			}
			return endOf(k, nil)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

// sayCampaign prints how far a campaign is.
func sayCampaign(w io.Writer, k *issuer.Campaign, held issuer.CampaignHeld, now time.Time) {
	still := stillness(k, held, now)
	t := k.Total()
	fmt.Fprintf(w, "%s %q: %s\n", k.ID, k.Spec.Name, k.State)
	fmt.Fprintf(w, "%s of %s done (%s)", thousands(t.Done), howMany(t.Cards, "card"), percent(t.Done, t.Cards))
	if rate := k.Rate(now); rate > 0 && k.State == issuer.CampaignStarted && still == "" {
		fmt.Fprintf(w, ", %.0f a second, about %s left", rate, roundly(time.Duration(float64(t.Cards-t.Done)/rate*float64(time.Second))))
	}
	fmt.Fprintf(w, "\n%s of %s, %s of %s", thousands(int64(t.DoneShards)), howMany(int64(t.Shards), "shard"), thousands(int64(t.DoneFiles)), howMany(int64(t.Files), "file"))
	if t.Bytes > 0 {
		fmt.Fprintf(w, ", %s", sizeOf(t.Bytes))
	}
	fmt.Fprintln(w)
	if still != "" {
		fmt.Fprintln(w, still)
	}
	sayUnwritten(w, k, held)
	if len(t.LeftOut) > 0 {
		fmt.Fprintln(w, "left out when planned:")
		sayCauses(w, "  ", t.LeftOut)
	}
	if len(t.Rejects) > 0 {
		fmt.Fprintln(w, "not made or not printed:")
		sayCauses(w, "  ", t.Rejects)
	}
	sayGivenUp(w, k)
	if len(k.Parts) < 2 {
		return
	}
	for _, p := range k.Parts {
		manifest := ""
		if p.Manifest != nil {
			manifest = ", manifest signed"
		}
		fmt.Fprintf(w, "  %-10s %10s of %s (%s), %d of %s%s\n", p.Insurer, thousands(p.Done), howMany(p.Cards, "card"), percent(p.Done, p.Cards),
			p.DoneFiles, howMany(int64(p.Files), "file"), manifest)
	}
}

// sayUnwritten says that cards are signed, and in no file: 100 % would hide it.
func sayUnwritten(w io.Writer, k *issuer.Campaign, held issuer.CampaignHeld) {
	t := k.Total()
	missing := t.Files - t.DoneFiles
	if missing == 0 || t.Done < t.Cards || k.State == issuer.CampaignStarted && !held.Idle() {
		return
	}
	fmt.Fprintf(w, "all cards are signed; not written: %s", howMany(int64(missing), "file"))
	if k.State.Over() {
		fmt.Fprint(w, ": sceau campaign create --existing prints them")
	}
	fmt.Fprintln(w)
}

// sayGivenUp lists the shards that failed too often.
func sayGivenUp(w io.Writer, k *issuer.Campaign) {
	all := k.GivenUp()
	if all == 0 || k.State.Over() {
		return
	}
	fmt.Fprintf(w, "%s given up (sceau campaign resume has them tried again):\n", howMany(int64(all), "shard"))
	said := 0
	for _, p := range k.Parts {
		for _, n := range slices.Sorted(maps.Keys(p.Failed)) {
			if said++; said > givenUpTold {
				fmt.Fprintf(w, "  and %s more\n", thousands(int64(all-givenUpTold)))
				return
			}
			fmt.Fprintf(w, "  shard %d of %s: %s\n", n, p.Insurer, p.Failed[n])
		}
	}
}

// givenUpTold is how many shards status names of those that were given up; --json has them all.
const givenUpTold = 10

func percent(done, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d%%", done*100/of)
}

// campaignLine is the JSON of a campaign.
type campaignLine struct {
	Schema  string                `json:"schema"`
	ID      string                `json:"id"`
	State   issuer.CampaignState  `json:"state"`
	Owner   string                `json:"owner,omitempty"`
	Created time.Time             `json:"created"`
	Started *time.Time            `json:"started,omitempty"`
	Ended   *time.Time            `json:"ended,omitempty"`
	Rate    float64               `json:"rate"`                   // cards a second, of the last minutes
	Left    *int64                `json:"left_seconds,omitempty"` // absent while nothing moves
	Held    *heldLine             `json:"held,omitempty"`
	Spec    issuer.CampaignSpec   `json:"spec"`
	Total   issuer.CampaignPart   `json:"total"`
	Parts   []issuer.CampaignPart `json:"parts"`
	Where   string                `json:"location,omitempty"` // of the files, as campaign verify takes it
}

// sayCampaignJSON is for a campaign whose work in hand nobody asked for: it promises no time.
func sayCampaignJSON(w io.Writer, k *issuer.Campaign, now time.Time) error {
	return sayCampaignHeldJSON(w, k, issuer.CampaignHeld{}, now)
}

func sayCampaignHeldJSON(w io.Writer, k *issuer.Campaign, held issuer.CampaignHeld, now time.Time) error {
	v := campaignLine{Schema: "sceau-campaign-1", ID: k.ID, State: k.State, Owner: k.Owner, Created: k.Created, Rate: k.Rate(now), Spec: k.Spec, Total: k.Total(), Parts: k.Parts}
	if !k.Started.IsZero() {
		v.Started = &k.Started
	}
	if !k.Ended.IsZero() {
		v.Ended = &k.Ended
	}
	still := stillness(k, held, now) != ""
	if !held.Idle() {
		v.Held = &heldLine{held.Pieces, held.Until.UTC(), still}
	}
	if v.Rate > 0 && k.State == issuer.CampaignStarted && !still {
		left := int64(float64(v.Total.Cards-v.Total.Done) / v.Rate)
		v.Left = &left
	}
	if k.Spec.Destination != "" {
		v.Where = campaignFolder(k)
	}
	for i := range v.Parts {
		v.Parts[i].Beats = nil
	}
	return json.NewEncoder(w).Encode(v)
}
