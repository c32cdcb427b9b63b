// campaign create: what is asked for, what it would come to, and the plan.

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/progress"
	"sceau/cmd/internal/ui"
	"sceau/rights"
)

const campaignCreateLong = `Plans a campaign: the contracts are looked at once, each card to make gets its number, in postal order. Nothing is signed
before "campaign start".

    $ sceau campaign create ./operator --name "Cartes 2027" --period 2027-01-01..2027-12-31 --window dl --to ./print
    campaign 261121-4k9q planned: 471 cards of 471 contracts, 1 shard, 1 file
    go on: sceau campaign start ./operator 261121-4k9q

With --dry-run nothing is stored: it says how many cards would be made and why others would not, how large their symbols and files
would be, how long it would take on this computer, and what create would be refused for now, with exit code 3.

    $ sceau campaign create ./operator --name "Cartes 2027" --period 2027-01-01..2027-12-31 --dry-run
    471 cards of 471 contracts for 1 insurer, 1,140 people; 1 shard, 1 file
    symbols: version 12: 14, 13: 60, 14: 172, 15: 158, 16: 52, 17: 15
    about 1.4 MB of files, 471 pages; about 2 s on this computer

A create that is cut short is gone on with by the same command; a campaign that is there already is named and left alone. While
another campaign of an insurer and of the same days is not over, create refuses: both would print every card. --beside ID says that
they don't, --existing that they shall. A campaign without a card to make is refused.
Names of people and addresses are in the files: --to names a folder that only you read, or a bucket (s3://bucket/prefix?endpoint=…).`

type createFlags struct {
	spec                                   issuer.CampaignSpec
	insurers                               []string
	period, renewal, since, per, contracts string
	outputs                                []string
	theme                                  string
	dry, asJSON, quiet                     bool
}

func newCampaignCreate(p *place) *cobra.Command {
	var f createFlags
	c := &cobra.Command{
		Use:   "create DIR --name NAME [--period FIRST..LAST]",
		Short: "Plan a campaign, or with --dry-run say what it would come to",
		Long:  campaignCreateLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.read(args[0]); err != nil {
				return err
			}
			op, err := p.openContext(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			if err := f.readContracts(ctx, c, op); err != nil {
				return err
			}
			return campaignHint(f.run(ctx, c, op), op.dir, "ID")
		},
	}
	s, l := &f.spec, c.Flags()
	l.StringVar(&s.Name, "name", "", "name of the campaign; one that is not over has it alone")
	l.StringVar(&f.period, "period", "", "contracts that begin on these days, such as 2027-01-01..2027-12-31; either side may be left out")
	l.StringArrayVar(&f.insurers, "insurer", nil, "N° AMC; may be repeated (default all)")
	l.StringVar(&f.contracts, "contracts", "", "only the contracts of this file: AMC;ADHERENT a line, or ADHERENT with one insurer; - reads stdin")
	l.StringVar(&f.renewal, "renewal", "", "only contracts that begin on this very day")
	l.StringVar(&f.since, "changed-since", "", "only contracts that an import added or changed on this day or later")
	l.StringVar(&f.per, "per", "household", "one card for each household, or person")
	l.BoolVar(&s.Outdated, "outdated", false, "make new cards where the contract has changed since the card")
	l.BoolVar(&s.Existing, "existing", false, "print the cards that are live already, too")
	l.StringArrayVar(&s.Beside, "beside", nil, "ID of a campaign of the same insurer and period that is not over: the two print different contracts, as you know; may be repeated")
	l.StringVar(&s.Layout, "layout", issuer.LayoutLetter, "letter, card (85.6 x 54 mm, two faces), sheet-2 or sheet-10 (cards on A4 with crop marks)")
	l.StringVar(&s.Window, "window", "", "address where an envelope has its window: dl or c5")
	l.BoolVar(&s.Marks, "marks", false, "page marks and the number of each card for the inserting machine")
	l.StringSliceVar(&f.outputs, "outputs", []string{issuer.OutputPDF}, "pdf, csv, ndjson, png")
	l.IntVar(&s.ShardSize, "shard", 0, fmt.Sprintf("cards of a shard, at most %d (default %d)", issuer.MaxShard, issuer.DefaultShard))
	l.IntVar(&s.FileSize, "file", 0, fmt.Sprintf("cards of a file, a multiple of --shard, at most %d (default %d)", issuer.MaxFile, issuer.DefaultFile))
	l.StringVar(&s.Order, "order", issuer.OrderPostal, "postal or adherent")
	l.StringVar(&f.theme, "theme", "", "theme file: colours, logo (default DIR/themes/AMC.json, DIR/theme.json)")
	l.IntVar(&s.SignRate, "sign-rate", 0, "signatures a second with each card key, at most, in each worker; 0 means as many as it can")
	l.StringVar(&s.Destination, "to", "", "folder or bucket of the files (default DIR/campaigns)")
	l.BoolVar(&f.dry, "dry-run", false, "store nothing, only say what would be done")
	l.BoolVar(&f.asJSON, "json", false, "one JSON document instead of sentences")
	l.BoolVar(&f.quiet, "quiet", false, "show no progress")
	return c
}

// read checks what needs no register.
func (f *createFlags) read(dir string) (err error) {
	if f.spec.Name == "" {
		return ui.WithHint(ui.Usage("a campaign needs a name"), `--name "Cartes 2027"`)
	}
	if f.spec.First, f.spec.Last, err = parsePeriod(f.period); err != nil {
		return err
	}
	if f.spec.Renewal, err = parseDay("--renewal", f.renewal); err != nil {
		return err
	}
	since, err := parseDay("--changed-since", f.since)
	if err != nil {
		return err
	}
	if since != 0 {
		f.spec.ChangedSince = since.Midnight()
	}
	switch f.per {
	case "household":
	case "person":
		f.spec.PerPerson = true
	default:
		return ui.Usage("--per %q: household or person", f.per)
	}
	f.spec.Outputs = f.outputs
	f.spec.Destination, err = destination(f.spec.Destination, dir)
	return err
}

// destination is where the files go, as any worker understands it: a folder by its whole path.
func destination(to, dir string) (string, error) {
	if to == "" {
		to = filepath.Join(dir, "campaigns")
	}
	if u, err := url.Parse(to); err == nil && len(u.Scheme) > 1 && strings.Contains(to, "://") {
		if u.User != nil {
			return "", ui.WithHint(ui.Usage("--to: an address with a user or a secret in it is kept nowhere"), "give the workers SCEAU_S3_ACCESS_KEY and SCEAU_S3_SECRET_KEY, or …_FILE")
		}
		return to, nil
	}
	return filepath.Abs(to)
}

// parsePeriod reads FIRST..LAST; "" is any period.
func parsePeriod(s string) (first, last rights.Date, err error) {
	if s == "" {
		return 0, 0, nil
	}
	a, b, ok := strings.Cut(s, "..")
	if !ok || a == "" && b == "" {
		return 0, 0, ui.WithHint(ui.Usage("--period %q is not FIRST..LAST", s), "--period 2027-01-01..2027-12-31")
	}
	if first, err = parseDay("--period", a); err != nil {
		return 0, 0, err
	}
	if last, err = parseDay("--period", b); err != nil {
		return 0, 0, err
	}
	return first, last, nil
}

// readContracts resolves --insurer and reads --contracts.
func (f *createFlags) readContracts(ctx context.Context, c *cobra.Command, op *operator) error {
	for _, given := range f.insurers {
		key, err := op.insurerKey(ctx, given)
		if err != nil {
			return err
		}
		f.spec.Insurers = append(f.spec.Insurers, key)
	}
	if f.contracts == "" {
		return nil
	}
	only := ""
	if len(f.spec.Insurers) == 1 {
		only = f.spec.Insurers[0]
	} else if key, err := op.insurerKey(ctx, ""); err == nil && len(f.spec.Insurers) == 0 {
		only = key
	}
	in, done, err := openInput(c, f.contracts)
	if err != nil {
		return err
	}
	defer done()
	f.spec.Contracts, err = readContractNames(in, only)
	return err
}

func (f *createFlags) run(ctx context.Context, c *cobra.Command, op *operator) error {
	out := c.OutOrStdout()
	bar := progress.New(c.ErrOrStderr(), "contracts", int64(len(f.spec.Contracts)), progress.ModeFor(c.ErrOrStderr(), f.quiet))
	if f.dry {
		e, err := op.EstimateCampaign(ctx, op.staff(), f.spec, bar.Set)
		bar.Close()
		if err != nil {
			return err
		}
		cost, err := op.cost(ctx, e, f.theme)
		if err != nil {
			return err
		}
		sayRefusals(c.ErrOrStderr(), e, op.dir)
		if f.asJSON {
			err = sayEstimateJSON(out, e, cost)
		} else {
			names, _ := op.amcs(ctx)
			sayEstimate(out, e, cost, names)
		}
		if err == nil && len(e.Refusals) > 0 {
			return ui.Exit(exitPartial)
		}
		return err
	}
	if err := probeDestination(ctx, f.spec.Destination); err != nil {
		return err
	}
	made, err := op.CreateCampaign(ctx, op.staff(), f.spec, op.freezeThemes(f.theme), bar.Set)
	bar.Close()
	var there *issuer.CampaignExists
	if errors.As(err, &there) && there.Same {
		was, err := op.CampaignOf(ctx, op.staff(), there.ID)
		if err != nil {
			return err
		}
		if f.asJSON {
			return sayCampaignJSON(out, was, clock.Now())
		}
		fmt.Fprintf(out, "campaign %s is there already: %s\n", was.ID, was.State)
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return ui.WithHint(errors.New("planning was cut short"), "run the same command again to go on")
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		return sayCampaignJSON(out, made, clock.Now())
	}
	t := made.Total()
	fmt.Fprintf(out, "campaign %s planned: %s of %s, %s, %s\n", made.ID, howMany(t.Cards, "card"), howMany(t.Contracts, "contract"),
		howMany(int64(t.Shards), "shard"), howMany(int64(t.Files), "file"))
	if len(t.LeftOut) > 0 {
		fmt.Fprintf(out, "left out:\n")
		sayCauses(out, "  ", t.LeftOut)
	}
	if made.Spec.Destination != "" {
		fmt.Fprintf(out, "files will go to %s\n", made.Spec.Destination)
	}
	fmt.Fprintf(out, "go on: sceau campaign start %s %s\n", shellWord(op.dir), made.ID)
	return nil
}

func people(n int64) string {
	if n == 1 {
		return "1 person"
	}
	return thousands(n) + " people"
}

// roundly is a duration that does not pretend to be exact.
func roundly(d time.Duration) string {
	switch {
	case d < time.Second:
		return "1 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}
