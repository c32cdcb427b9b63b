// campaign report and diff: what a campaign came to, and what it changed since another.

package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

func newCampaignReport(p *place) *cobra.Command {
	var rejects string
	var asJSON bool
	c := &cobra.Command{
		Use:   "report DIR ID [--rejects FILE]",
		Short: "Print what a campaign came to",
		Long: `Prints what a campaign came to, for the file of whoever answers for it: totals, causes, files with their hashes, control totals.

    $ sceau campaign report ./operator 261121-4k9q
    campaign    261121-4k9q "Cartes 2027"
    state       done, started 2026-11-21 10:00 UTC, ended 2026-11-21 10:01 UTC
    …
    control     cards made and not made are the cards planned; files hold all of them

--rejects writes each card that was left out or not made to a CSV file, with its contract and its cause: it names contracts, keep it
as you keep the register. What is plain from the counts (existing, ended, other-period) is only counted.
Exit code 1 when the totals don't agree, 3 when the campaign is done and cards of it could not be made.`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withCampaign(c, args, func(ctx context.Context, op *operator, id string) error {
				k, err := op.CampaignOf(ctx, op.staff(), id)
				if err != nil {
					return err
				}
				if rejects != "" {
					if err := replaceFile(rejects, true, func(w io.Writer) error { return op.writeCampaignRejects(ctx, w, k) }); err != nil {
						return err
					}
				}
				if asJSON {
					return endOf(k, sayCampaignJSON(c.OutOrStdout(), k, clock.Now()))
				}
				faults, err := op.sayCampaignReport(ctx, c.OutOrStdout(), k)
				if err == nil && faults > 0 {
					return ui.WithHint(fmt.Errorf("the totals of campaign %s don't agree", id), "sceau fsck %s", shellWord(op.dir))
				}
				return endOf(k, err)
			})
		},
	}
	c.Flags().StringVar(&rejects, "rejects", "", "write what was left out or not made to this CSV file, safe to open in a spreadsheet")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of a page")
	return c
}

// campaignMoment is a time as manifests say it.
func campaignMoment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// sayCampaignReport prints the page, and counts the totals that don't agree.
func (o *operator) sayCampaignReport(ctx context.Context, w io.Writer, k *issuer.Campaign) (faults int, err error) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", label, fmt.Sprintf(format, args...))
	}
	s := k.Spec
	line("campaign", "%s %q", k.ID, s.Name)
	state := string(k.State)
	if !k.Started.IsZero() {
		state += ", started " + campaignMoment(k.Started)
	}
	if !k.Ended.IsZero() {
		state += ", ended " + campaignMoment(k.Ended)
	}
	line("state", "%s", state)
	if s.First != 0 || s.Last != 0 {
		line("period", "contracts that begin from %s to %s", s.First, s.Last)
	}
	if s.NamedCount > 0 {
		line("contracts", "%s named, sha256 %s", thousands(int64(s.NamedCount)), s.NamedSHA256)
	}
	line("files", "%s; layout %s; in %s", strings.Join(s.Outputs, ", "), s.Layout, campaignFolder(k))
	names, err := o.amcs(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range k.Parts {
		fmt.Fprintln(w)
		line("insurer", "%s", names.of(p.Insurer))
		line("contracts", "%s looked at", thousands(p.Contracts))
		line("cards", "%s planned, %s made (%s issued, %s live before, %s in the place of another)", thousands(p.Cards), thousands(p.Made), thousands(p.Issued), thousands(p.Existing), thousands(p.Replaced))
		if len(p.LeftOut) > 0 {
			line("left out", "when planned")
			sayCauses(w, "  ", p.LeftOut)
		}
		if len(p.Rejects) > 0 {
			line("rejects", "not made or not printed")
			sayCauses(w, "  ", p.Rejects)
		}
		n, err := o.sayCampaignFiles(ctx, w, k, p)
		if err != nil {
			return 0, err
		}
		faults += n
		if p.Manifest != nil {
			line("manifest", "%s, sha256 %s, signed with %s", p.Manifest.Name, p.Manifest.SHA256, p.Manifest.KID)
		}
	}
	return faults, nil
}

// sayCampaignFiles lists the files of a part and controls its totals against its numbers, one by one.
func (o *operator) sayCampaignFiles(ctx context.Context, w io.Writer, k *issuer.Campaign, p issuer.CampaignPart) (faults int, err error) {
	var bytes, cards int64
	files := 0
	err = o.CampaignFiles(ctx, k.ID, p.Insurer, func(f issuer.CampaignFile) error {
		files++
		for i, out := range f.Outputs {
			bytes += out.Size
			if i == 0 {
				cards += out.Cards
			}
			fmt.Fprintf(w, "  %7d-%-7d %6s %10s  %s  %s\n", f.First, f.Last, thousands(out.Cards), sizeOf(out.Size), out.SHA256, out.Name)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	var done, made, drawable int64
	err = o.CampaignItems(ctx, k.ID, p.Insurer, 0, 0, func(i issuer.CampaignItem) error {
		has := i.Place != (card.Place{})
		if has || i.Cause != "" {
			done++
		}
		if has {
			made++
		}
		if has && i.Cause == "" {
			drawable++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, c := range []struct {
		what     string
		is, said int64
	}{
		{"numbers done", done, p.Done}, {"cards made", made, p.Made}, {"files", int64(files), int64(p.DoneFiles)}, {"bytes", bytes, p.Bytes},
	} {
		if c.is != c.said {
			faults++
			fmt.Fprintf(w, "%-11s %s: %d, the total says %d\n", "CONTROL", c.what, c.is, c.said)
		}
	}
	if p.DoneFiles == p.Files && cards != drawable {
		faults++
		fmt.Fprintf(w, "%-11s cards in the files: %d, made and printable: %d\n", "CONTROL", cards, drawable)
	}
	if faults == 0 && p.Cards > 0 {
		fmt.Fprintf(w, "%-11s %s one by one: %s done, %s made, %s in the files\n", "control", howMany(p.Cards, "number"), thousands(done), thousands(made), thousands(cards))
	}
	return faults, nil
}

// writeCampaignRejects writes what was left out when the campaign was planned, and what has a number and no card or no page.
func (o *operator) writeCampaignRejects(ctx context.Context, w io.Writer, k *issuer.Campaign) error {
	out, err := peopleCSV(w)
	if err != nil {
		return err
	}
	if err := out.Write([]string{"amc", "number", "adherent", "beneficiary", "card", "cause", "explanation"}); err != nil {
		return err
	}
	each := func(i issuer.CampaignItem) error {
		if i.Cause == "" {
			return nil
		}
		number, place, person := "", "", "0"
		if i.Sequence > 0 {
			number = strconv.FormatInt(i.Sequence, 10)
		}
		if i.Place != (card.Place{}) {
			place = i.Place.String()
		}
		if i.Person != register.Household {
			person = strconv.Itoa(i.Person + 1)
		}
		return out.Write([]string{i.Contract.Insurer, number, spreadsheetSafe(i.Contract.Adherent), person, place, i.Cause, causeWords[i.Cause]})
	}
	for _, p := range k.Parts {
		if err := o.CampaignLeft(ctx, k.ID, p.Insurer, each); err != nil {
			return err
		}
		if err := o.CampaignItems(ctx, k.ID, p.Insurer, 0, 0, each); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// peopleCSV begins a file as spreadsheets here open it by a double click, and as the rejects of an import are written: with a byte order
// mark, and ; between fields.
func peopleCSV(w io.Writer) (*csv.Writer, error) {
	out := csv.NewWriter(w)
	out.Comma, out.UseCRLF = ';', true
	_, err := io.WriteString(w, "\uFEFF")
	return out, err
}

// spreadsheetSafe keeps a text from being taken for a formula.
func spreadsheetSafe(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '=' || s[0] == '+' || s[0] == '@') {
		return "'" + s
	}
	return s
}

func newCampaignDiff(p *place) *cobra.Command {
	var name string
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff DIR OLD NEW [--csv FILE]",
		Short: "Compare the cards of two campaigns' periods",
		Long: `Compares the periods of two campaigns, such as last year's and this one's: which contracts have a card in both, which are new, which
left, and of those that stay, whose guarantees, people or form of card changed. What counts is the newest card of each, whichever
command made it.

    $ sceau campaign diff ./operator 251118-0d3m 261121-4k9q
    452 contracts renewed, 19 new, 7 left
    of the renewed: 31 with other guarantees, 4 with other people, 0 in another form

--csv writes one line for each contract that is new, left or changed: it names contracts, keep it as you keep the register.
Exit code 3 when one of the two is not done: cards that it has not made yet are not counted.`,
		Args: ui.Args(cobra.ExactArgs(3)),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withCampaign(c, args[:2], func(ctx context.Context, op *operator, old string) error {
				return op.sayCampaignDiff(ctx, c, old, args[2], name, asJSON)
			})
		},
	}
	c.Flags().StringVar(&name, "csv", "", "write the contracts that are new, left or changed to this file")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of sentences")
	return c
}

func (o *operator) sayCampaignDiff(ctx context.Context, c *cobra.Command, old, new, name string, asJSON bool) error {
	w := c.OutOrStdout()
	var d *issuer.CampaignDiff
	run := func(each func(issuer.ContractDiff) error) (err error) {
		d, err = o.DiffCampaigns(ctx, o.staff(), old, new, each)
		return err
	}
	var err error
	if name == "" {
		err = run(nil)
	} else {
		err = replaceFile(name, true, func(w io.Writer) error {
			out, err := peopleCSV(w)
			if err != nil {
				return err
			}
			if err := out.Write([]string{"amc", "adherent", "kind", "guarantees", "people", "form", "old_cards", "new_cards"}); err != nil {
				return err
			}
			err = run(func(c issuer.ContractDiff) error {
				if c.Kind == issuer.DiffRenewed && !c.Form && !c.People && !c.Guarantees {
					return nil
				}
				return out.Write([]string{c.Contract.Insurer, spreadsheetSafe(c.Contract.Adherent), c.Kind, changed(c.Guarantees), changed(c.People), changed(c.Form),
					strconv.Itoa(c.Old), strconv.Itoa(c.New)})
			})
			if err != nil {
				return err
			}
			out.Flush()
			return out.Error()
		})
	}
	if err != nil {
		return err
	}
	unfinished := sayUnfinished(c.ErrOrStderr(), d)
	end := func(err error) error {
		if err == nil && unfinished {
			return ui.Exit(exitPartial)
		}
		return err
	}
	if asJSON {
		return end(json.NewEncoder(w).Encode(diffLine{"sceau-campaign-diff-1", d.Old, d.New, unfinished, d.Total(), d.Parts}))
	}
	sayDiff(w, "", d.Total())
	if len(d.Parts) > 1 {
		names, _ := o.amcs(ctx)
		for _, p := range d.Parts {
			sayDiff(w, "  "+names.of(p.Insurer)+": ", p)
		}
	}
	return end(nil)
}

// sayUnfinished names the campaigns of a comparison whose cards are not all made.
func sayUnfinished(w io.Writer, d *issuer.CampaignDiff) bool {
	unfinished := false
	for i, id := range []string{d.Old, d.New} {
		if d.States[i] != issuer.CampaignDone && d.States[i] != issuer.CampaignEmpty {
			fmt.Fprintf(w, "warning: campaign %s is %s, not done: cards that it has not made are missing below\n", id, d.States[i])
			unfinished = true
		}
	}
	return unfinished
}

// diffLine is the JSON of a comparison.
type diffLine struct {
	Schema     string            `json:"schema"`
	Old        string            `json:"old"`
	New        string            `json:"new"`
	Unfinished bool              `json:"unfinished"` // one of them is not done
	Total      issuer.DiffPart   `json:"total"`
	Parts      []issuer.DiffPart `json:"parts"`
}

func sayDiff(w io.Writer, prefix string, p issuer.DiffPart) {
	fmt.Fprintf(w, "%s%s renewed, %s new, %s left\n", prefix, howMany(p.Renewed, "contract"), thousands(p.New), thousands(p.Left))
	fmt.Fprintf(w, "%sof the renewed: %s with other guarantees, %s with other people, %s in another form\n", prefix, thousands(p.Guarantees), thousands(p.People), thousands(p.Form))
}

func changed(b bool) string {
	if b {
		return "changed"
	}
	return ""
}
