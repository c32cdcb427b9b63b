// campaign start, pause, resume and cancel.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/batch"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/progress"
	"sceau/cmd/internal/ui"
)

type startFlags struct {
	work, noWork, quiet, asJSON bool
	workers                     int
}

func newCampaignStart(p *place) *cobra.Command {
	var f startFlags
	c := &cobra.Command{
		Use:   "start DIR ID",
		Short: "Start a campaign",
		Long: `Starts a campaign. With the register in a file it is worked off here, several shards at a time; with PostgreSQL the workers
("sceau worker") take it, on as many machines as they run.

    $ sceau campaign start ./operator 261121-4k9q
    campaign 261121-4k9q is done: 471 cards made, 0 not made, 1 file in /srv/print/261121-4k9q

Ctrl-C stops it after the shards in hand; the same command goes on where it stopped, and so does "sceau worker DIR --until-idle".
Exit code 3 when cards could not be made: "campaign report" says which.`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withCampaign(c, args, func(ctx context.Context, op *operator, id string) error { return op.startCampaign(ctx, c, id, f) })
		},
	}
	c.Flags().BoolVar(&f.work, "work", false, "work it off here, also with PostgreSQL")
	c.Flags().BoolVar(&f.noWork, "no-work", false, "leave it to the workers")
	c.MarkFlagsMutuallyExclusive("work", "no-work")
	c.Flags().IntVar(&f.workers, "workers", 0, "shards at a time; 0 means as many as processors")
	c.Flags().BoolVar(&f.asJSON, "json", false, "one JSON object instead of sentences")
	c.Flags().BoolVar(&f.quiet, "quiet", false, "show no progress")
	return c
}

func (o *operator) startCampaign(ctx context.Context, c *cobra.Command, id string, f startFlags) error {
	if f.workers < 0 {
		return ui.Usage("--workers %d: 0 or more", f.workers)
	}
	address, err := databaseAddress(o.dir)
	if err != nil {
		return err
	}
	here := f.work || address == "" && !f.noWork
	k, err := o.StartCampaign(ctx, o.staff(), id)
	if here && errors.Is(err, issuer.ErrCampaignState) {
		// Started before and stopped, or beside other workers: leases keep them off one another's shards.
		was, e := o.CampaignOf(ctx, o.staff(), id)
		if e != nil || was.State != issuer.CampaignStarted {
			return errors.Join(err, e)
		}
		k, err = was, nil
		fmt.Fprintf(c.ErrOrStderr(), "campaign %s is started already: going on\n", id)
	}
	if err != nil {
		return err
	}
	if !here {
		if err := dispatchCampaign(ctx, o, id); err != nil {
			fmt.Fprintf(c.ErrOrStderr(), "warning: the queue was not told: %v: workers find it at their next look\n", err)
		}
		if f.asJSON {
			return sayCampaignJSON(c.OutOrStdout(), k, clock.Now())
		}
		fmt.Fprintf(c.OutOrStdout(), "campaign %s is started: %s wait for workers\n", id, howMany(int64(k.Total().Shards), "shard"))
		fmt.Fprintf(c.OutOrStdout(), "watch it: sceau campaign status %s %s --watch; one more worker: sceau worker %s\n", shellWord(o.dir), id, shellWord(o.dir))
		return nil
	}
	return o.workCampaign(ctx, c, k, f)
}

// workCampaign works a campaign off in the foreground.
func (o *operator) workCampaign(ctx context.Context, c *cobra.Command, k *issuer.Campaign, f startFlags) error {
	limitMemory()
	before := k.Total()
	bar := progress.New(c.ErrOrStderr(), "cards", before.Cards, progress.ModeFor(c.ErrOrStderr(), f.quiet)).From(before.Done)
	var done atomic.Int64
	done.Store(before.Done)
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelError}))
	w := &batch.Worker{Issuer: o.Issuer, Open: openOutput, Parallel: f.workers, Now: clock.Now, Log: log, Name: workerName(),
		Progress: func(p batch.Progress) { bar.Set(done.Add(p.Cards)) }}
	tell := o.tellHeld(ctx, c.ErrOrStderr(), bar, k.ID, w.Name, f.quiet)
	err := w.Run(ctx, k.ID)
	tell()
	bar.Close()
	stopped := ctx.Err() != nil
	k, e := o.CampaignOf(context.WithoutCancel(ctx), o.staff(), k.ID)
	if e != nil {
		return errors.Join(err, e)
	}
	t := k.Total()
	goOn := fmt.Sprintf("sceau campaign start %s %s", shellWord(o.dir), k.ID)
	switch {
	case k.State == issuer.CampaignDone:
	case k.State == issuer.CampaignCancelled:
		return ui.WithHint(fmt.Errorf("campaign %s was cancelled: %s", k.ID, madeBefore(k)), "that is for good: sceau campaign report %s %s says what was made", shellWord(o.dir), k.ID)
	case stopped:
		return ui.WithHint(fmt.Errorf("stopped after the shards in hand: %s of %s done", thousands(int64(t.DoneShards)), howMany(int64(t.Shards), "shard")), "go on: %s", goOn)
	case errors.Is(err, batch.ErrGivenUp):
		return ui.WithHint(err, "sceau campaign status %s %s says why; when that is mended, go on: %s", shellWord(o.dir), k.ID, goOn)
	case errors.Is(err, issuer.ErrPaused):
		return ui.WithHint(err, "sceau campaign resume %s %s", shellWord(o.dir), k.ID)
	case errors.Is(err, issuer.ErrNoServiceKey):
		return ui.WithHint(err, "manifests need a key of their own: sceau publish %s with the offline keys makes it; then %s", shellWord(o.dir), goOn)
	case err != nil:
		return ui.WithHint(err, "what was done stays; when that is mended, go on: %s", goOn)
	default:
		return ui.WithHint(fmt.Errorf("campaign %s is %s", k.ID, k.State), "sceau campaign status %s %s", shellWord(o.dir), k.ID)
	}
	if f.asJSON {
		return endOf(k, sayCampaignJSON(c.OutOrStdout(), k, clock.Now()))
	}
	fmt.Fprintf(c.OutOrStdout(), "campaign %s is done: %s made, %s not made", k.ID, howMany(t.Made, "card"), thousands(t.Cards-t.Made))
	if t.Files > 0 {
		fmt.Fprintf(c.OutOrStdout(), ", %s in %s", howMany(int64(t.Files), "file"), campaignFolder(k))
	}
	fmt.Fprintln(c.OutOrStdout())
	if len(t.Rejects) > 0 {
		sayCauses(c.OutOrStdout(), "  ", t.Rejects)
	}
	return endOf(k, nil)
}

// madeBefore says what a campaign that was given up has come to.
func madeBefore(k *issuer.Campaign) string {
	t := k.Total()
	said := fmt.Sprintf("%s of %s made so far", thousands(t.Made), howMany(t.Cards, "card"))
	if t.Made == 0 {
		return said
	}
	said += fmt.Sprintf(", %s issued by it, which stay issued", thousands(t.Issued))
	if t.Existing > 0 {
		said += fmt.Sprintf(", %s live before", thousands(t.Existing))
	}
	return said
}

// newCampaignAct is one of the commands that change a campaign's state and nothing else.
func newCampaignAct(p *place, use, short, long string, act func(context.Context, *operator, string) (*issuer.Campaign, error), say func(*issuer.Campaign, *operator) string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: use + " DIR ID", Short: short, Long: long,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withCampaign(c, args, func(ctx context.Context, op *operator, id string) error {
				k, err := act(ctx, op, id)
				if err != nil {
					return err
				}
				switch use {
				case "resume":
					err = dispatchCampaign(ctx, op, id)
				default:
					err = withdrawCampaign(ctx, op, id, use == "cancel")
				}
				if err != nil {
					fmt.Fprintf(c.ErrOrStderr(), "warning: the queue was not told: %v: workers see it in the register\n", err)
				}
				if asJSON {
					return sayCampaignJSON(c.OutOrStdout(), k, clock.Now())
				}
				fmt.Fprintln(c.OutOrStdout(), say(k, op))
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of a sentence")
	return c
}

func newCampaignPause(p *place) *cobra.Command {
	return newCampaignAct(p, "pause", "Let workers finish the shards in hand and take no more",
		`Pauses a campaign: workers finish the shards in hand and take no more. Cards that were issued stay issued.

    $ sceau campaign pause ./operator 261121-4k9q
    campaign 261121-4k9q is paused: 200 of 471 cards done; go on: sceau campaign resume ./operator 261121-4k9q`,
		func(ctx context.Context, op *operator, id string) (*issuer.Campaign, error) {
			return op.PauseCampaign(ctx, op.staff(), id)
		},
		func(k *issuer.Campaign, op *operator) string {
			t := k.Total()
			return fmt.Sprintf("campaign %s is paused: %s of %s done; go on: sceau campaign resume %s %s", k.ID, thousands(t.Done), howMany(t.Cards, "card"), shellWord(op.dir), k.ID)
		})
}

func newCampaignResume(p *place) *cobra.Command {
	return newCampaignAct(p, "resume", "Go on with a campaign that is paused",
		`Ends a pause, and lets shards be tried again that were given up. Workers that run take it; with the register in a file and no
worker, go on with "campaign start".

    $ sceau campaign resume ./operator 261121-4k9q
    campaign 261121-4k9q goes on: 271 of 471 cards left`,
		func(ctx context.Context, op *operator, id string) (*issuer.Campaign, error) {
			return op.ResumeCampaign(ctx, op.staff(), id)
		},
		func(k *issuer.Campaign, op *operator) string {
			t := k.Total()
			line := fmt.Sprintf("campaign %s goes on: %s of %s left", k.ID, thousands(t.Cards-t.Done), howMany(t.Cards, "card"))
			if address, err := databaseAddress(op.dir); err == nil && address == "" {
				line += fmt.Sprintf("\nwithout a worker that runs: sceau campaign start %s %s", shellWord(op.dir), k.ID)
			}
			return line
		})
}

func newCampaignCancel(p *place) *cobra.Command {
	return newCampaignAct(p, "cancel", "Give a campaign up for good",
		`Gives a campaign up for good. Cards that were issued stay issued, and files that were written stay where they are: report says
which. Also for a planning that was cut short.

    $ sceau campaign cancel ./operator 261121-4k9q
    campaign 261121-4k9q is cancelled: 200 of 471 cards made so far, 188 issued by it, which stay issued, 12 live before; shards in hand are still finished`,
		func(ctx context.Context, op *operator, id string) (*issuer.Campaign, error) {
			return op.CancelCampaign(ctx, op.staff(), id)
		},
		func(k *issuer.Campaign, op *operator) string {
			said := fmt.Sprintf("campaign %s is cancelled: %s", k.ID, madeBefore(k))
			if t := k.Total(); !k.Started.IsZero() && t.DoneShards < t.Shards {
				said += "; shards in hand are still finished"
			}
			return said
		})
}
