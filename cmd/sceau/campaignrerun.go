// campaign rerun: spoiled sheets made again, by the numbers that are printed on them.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/issuer/batch"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

const campaignRerunLong = `Makes pages of a campaign again, from the register and from what was frozen when the campaign was created: the same cards with the
same sequence numbers. No card is issued and nothing is signed but a manifest of their own, which says why; the audit chain
says it too. They are written into a folder of their own below --to.

A card that was revoked, suspended or replaced since is left out and named by its number; --also-ended prints it all the same.

    $ sceau campaign rerun ./operator 261122-k7qf --insurer 775670482 --sequence 1200-1300,1407 --reason "bourrage" --to ./again
    100 cards, 100 pages, 1 file in ./again/261122-k7qf/775670482/rerun-20261122T101500Z-k7qfm2x4ab/
    left out: 2 replaced (1204, 1251)

With --contract it is one PDF for each card of one household.

Exit code 3 when numbers were left out.`

type campaignRerun struct {
	insurer, sequence, contract, reason, to string
	outputs                                 []string
	alsoEnded, json                         bool
}

func newCampaignRerun(p *place) *cobra.Command {
	var f campaignRerun
	c := &cobra.Command{
		Use:   "rerun DIR CAMPAIGN (--sequence N-M[,…] | --contract ADHERENT) --to FOLDER|s3://BUCKET/PREFIX",
		Short: "Make spoiled sheets again, without issuing a card",
		Long:  campaignRerunLong,
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE:  func(c *cobra.Command, args []string) error { return f.run(c, p, args[0], args[1]) },
	}
	c.Flags().StringVar(&f.insurer, "insurer", "", "N° AMC, when the operator has several insurers")
	c.Flags().StringVar(&f.sequence, "sequence", "", "sequence numbers, as printed: 1200-1300,1407")
	c.Flags().StringVar(&f.contract, "contract", "", "N° adhérent of one contract")
	c.Flags().StringSliceVar(&f.outputs, "outputs", nil, "pdf, csv, ndjson, png (default: those of the campaign)")
	c.Flags().StringVar(&f.reason, "reason", "", "why, for the manifest and the audit chain; never a person's name")
	c.Flags().StringVar(&f.to, "to", "", "where the files go")
	c.Flags().BoolVar(&f.alsoEnded, "also-ended", false, "print cards that were revoked, suspended or replaced since, too")
	c.Flags().BoolVar(&f.json, "json", false, "one JSON object")
	return c
}

func (f *campaignRerun) run(c *cobra.Command, p *place, dir, campaign string) error {
	switch {
	case (f.sequence == "") == (f.contract == ""):
		return ui.WithHint(ui.Usage("say which sheets, in one way"), "--sequence 1200-1300, or --contract N° ADHÉRENT")
	case f.to == "":
		return ui.WithHint(ui.Usage("say where the files go"), "--to FOLDER, or --to s3://BUCKET/PREFIX?endpoint=https://HOST:PORT")
	case f.reason == "":
		return ui.WithHint(ui.Usage("say why"), `--reason "bourrage"`)
	}
	numbers, err := parseNumbers(f.sequence)
	if err != nil {
		return err
	}
	op, err := p.open(dir)
	if err != nil {
		return err
	}
	defer op.Close()
	ctx, stop := interruptible(c)
	defer stop()
	key, err := op.insurerKey(ctx, f.insurer)
	if err != nil {
		return err
	}
	to, err := depot.Open(ctx, f.to, depot.Options{Mode: 0o600})
	if err != nil {
		return deliveryTrouble(f.to, err)
	}
	defer depot.Close(to)
	w := &batch.Worker{Issuer: op.Issuer, Now: clock.Now}
	r, err := w.Rerun(ctx, batch.RerunRequest{Campaign: campaign, Insurer: key, Ranges: numbers, Contract: f.contract, Outputs: f.outputs, Reason: f.reason,
		AlsoEnded: f.alsoEnded, To: to})
	none := errors.Is(err, batch.ErrNoPages)
	switch {
	case errors.Is(err, batch.ErrAsked):
		return ui.WithHint(ui.WithCode(err, ui.ExitUsage), "sceau campaign report %s %s shows its numbers", shellWord(dir), campaign)
	case err != nil && !none:
		return deliveryTrouble(f.to, err)
	}
	if err := f.say(c, r, none); err != nil {
		return err
	}
	if len(r.Left) > 0 {
		return ui.Exit(exitPartial)
	}
	return nil
}

func (f *campaignRerun) say(c *cobra.Command, r *batch.RerunReport, none bool) error {
	out := c.OutOrStdout()
	location := depot.Below(f.to, r.Folder)
	if none {
		location = ""
	}
	if f.json {
		return json.NewEncoder(out).Encode(struct {
			Schema   string `json:"schema"`
			Location string `json:"location,omitempty"` // of the files, as campaign verify takes it
			*batch.RerunReport
		}{"sceau-rerun-1", location, r})
	}
	if none {
		fmt.Fprintln(out, "nothing to print: none of these numbers has a card that stands")
	} else {
		fmt.Fprintf(out, "%s, %s, %s in %s\n", howMany(r.Cards, "card"), howMany(r.Pages, "page"), howMany(int64(r.Files), "file"), location)
	}
	for _, w := range r.Left {
		fmt.Fprintf(out, "left out: %s %s (%s)\n", thousands(w.Count()), w.Cause, numbersText(w.Ranges))
	}
	return nil
}

// parseNumbers reads "1200-1300,1407".
func parseNumbers(text string) ([]manifest.Range, error) {
	if text == "" {
		return nil, nil
	}
	var all []manifest.Range
	end := int64(0)
	for part := range strings.SplitSeq(text, ",") {
		a, b, double := strings.Cut(part, "-")
		if !double {
			b = a
		}
		first, err1 := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
		last, err2 := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
		if err1 != nil || err2 != nil || first <= end || last < first {
			return nil, ui.WithHint(ui.Usage("--sequence: %.40q is no range of numbers that follows the one before", part), "--sequence 1200-1300,1407")
		}
		all = append(all, manifest.Range{First: first, Last: last})
		end = last
	}
	return all, nil
}
