// issue and reprint: signed cards, one by one or all that are missing.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/card/qr"
	"sceau/card/register"
	"sceau/cmd/internal/ui"
	"sceau/rights"
)

const issueLong = `Issues one signed card for each contract and period that has none: PDF, symbol (PNG), code text and a manifest.
Run again, it issues nothing twice; files that are missing from --out are made again from the register.

    $ sceau issue ./operator --all --out ./cards
    471 cards issued, 0 already there
    471 cards written to ./cards

Contracts that changed since their card was printed are named: "sceau reprint --changed" makes their new card.
Exit code 3 when a card could not be made or drawn; the others are.`

type outputFlags struct {
	out      string
	layout   string
	theme    string
	printRun string
	json     bool
}

func (f *outputFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.out, "out", "", "folder for the PDF, PNG and code text of each card")
	c.Flags().StringVar(&f.layout, "layout", "a4", "a4: letter with the card to cut out; card: 85.6 x 54 mm, two faces")
	c.Flags().StringVar(&f.theme, "theme", "", "theme file: colours, logo (default DIR/themes/AMC.json, DIR/theme.json)")
	c.Flags().StringVar(&f.printRun, "print-run", "", "one PDF of all the cards instead of one each; more than 5,000 cards, or several themes, make several files")
	c.Flags().BoolVar(&f.json, "json", false, "one JSON object for each card, then one for the run")
}

func (f *outputFlags) pdfLayout() (pdf.Layout, error) {
	switch f.layout {
	case "a4":
		return pdf.LayoutA4, nil
	case "card":
		return pdf.LayoutCard, nil
	}
	return 0, ui.Usage("--layout %q: a4 or card", f.layout)
}

func newIssue(p *place) *cobra.Command {
	var f outputFlags
	var all bool
	var contracts []string
	var insurerKey, per string
	c := &cobra.Command{
		Use:   "issue DIR (--all | --contract ADHERENT) (--out FOLDER | --print-run FILE)",
		Short: "Issue signed cards",
		Long:  issueLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(contracts) > 0) {
				return ui.WithHint(ui.Usage("say which contracts"), "--all, or --contract N° ADHÉRENT")
			}
			if per != "household" && per != "person" {
				return ui.Usage("--per %q: household or person", per)
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			keys, err := op.contractKeys(ctx, insurerKey, contracts)
			if err == nil && all && insurerKey != "" {
				all = false
				keys, err = op.allContracts(ctx, insurerKey)
			}
			if err != nil {
				return err
			}
			req := issuer.IssueRequest{All: all, Contracts: keys, PerPerson: per == "person"}
			return f.produce(ctx, c, op, issuer.EachRequest{All: all, Contracts: keys}, len(keys) == 1, func(emit func(issuer.Issued) error) (outcome, error) {
				r, err := op.Issue(ctx, req, emit)
				return outcome{issued: r.Issued + r.Resumed, existing: r.Existing, outdated: r.Outdated, notIssued: r.NotIssued,
					withheld: r.Withheld, otherForm: r.OtherForm, ended: r.Ended, stuck: r.Stuck}, err
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every contract of the register")
	c.Flags().StringArrayVar(&contracts, "contract", nil, "N° adhérent of a contract; may be repeated")
	c.Flags().StringVar(&insurerKey, "insurer", "", "N° AMC, when the operator has several insurers")
	c.Flags().StringVar(&per, "per", "household", "one card for each household or for each person")
	f.add(c)
	return c
}

func newReprint(p *place) *cobra.Command {
	var f outputFlags
	var cards []string
	var changed bool
	var from string
	c := &cobra.Command{
		Use:   "reprint DIR (--card NUMBER | --changed) (--out FOLDER | --print-run FILE)",
		Short: "Make new cards; the old ones become \"replaced\"",
		Long: `Makes a new card for a lost or outdated one. The old card is marked "replaced" from the day given (today by
default): online checks know at once, counters' lists with the next publication ("sceau publish", or the service's own).

    $ sceau reprint ./operator --card 3-583021 --out ./cards
    1 card issued, 0 already there
    1 card written to ./cards`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if changed == (len(cards) > 0) {
				return ui.WithHint(ui.Usage("say which cards"), "--card 3-583021, or --changed")
			}
			places, err := parsePlaces(cards)
			if err != nil {
				return err
			}
			day, err := parseDay("--from", from)
			if err != nil {
				return err
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			req := issuer.ReprintRequest{Places: places, Changed: changed, From: day}
			return f.produce(ctx, c, op, issuer.EachRequest{}, len(places) == 1, func(emit func(issuer.Issued) error) (outcome, error) {
				r, err := op.Reprint(ctx, req, emit)
				return outcome{issued: r.Issued + r.Resumed, notIssued: r.NotIssued, withdrawn: r.Withdrawn, suspended: r.Suspended, stuck: r.Stuck}, err
			})
		},
	}
	c.Flags().StringArrayVar(&cards, "card", nil, "number of the card, such as 3-583021; may be repeated")
	c.Flags().BoolVar(&changed, "changed", false, "every live card whose contract has changed since")
	c.Flags().StringVar(&from, "from", "", "first day on which the old card no longer holds, YYYY-MM-DD (default today)")
	f.add(c)
	return c
}

// outcome is what Issue and Reprint have in common.
type outcome struct {
	issued, existing, withheld, otherForm, ended int
	outdated                                     []issuer.Outdated
	withdrawn, suspended                         []card.Place
	stuck                                        []issuer.Unfinished
	notIssued                                    []issuer.NotIssued
}

// produce runs make and writes what it emits, then what is live but missing from the folder.
func (f *outputFlags) produce(ctx context.Context, c *cobra.Command, op *operator, again issuer.EachRequest, single bool,
	make func(emit func(issuer.Issued) error) (outcome, error)) error {
	if (f.out == "") == (f.printRun == "") {
		return ui.WithHint(ui.Usage("say where the cards go, in one way"), "--out FOLDER, or --print-run FILE.pdf")
	}
	layout, err := f.pdfLayout()
	if err != nil {
		return err
	}
	out := &outputs{dir: f.out, layout: layout, single: single}
	if err := out.describe(ctx, op, f.theme); err != nil {
		return err
	}
	result := bufio.NewWriter(c.OutOrStdout())
	say := func(i issuer.Issued) error {
		if !f.json {
			return nil
		}
		if err := json.NewEncoder(result).Encode(cardLine{"sceau-card-1", i.Place.String(), string(i.Claims.Issuer), i.Claims.Adherent, i.Person + 1, i.CodeText}); err != nil {
			return err
		}
		// A card that a script was told of is in the register already; tell it at once.
		return result.Flush()
	}
	var done outcome
	written, where := 0, f.out
	if f.printRun != "" {
		where = f.printRun
		done, written, err = f.run(ctx, op, out, again, say, make)
	} else {
		done, written, err = f.files(ctx, op, out, again, say, make)
	}
	f.report(result, c.ErrOrStderr(), done, written, where)
	for _, u := range out.undrawn {
		fmt.Fprintln(c.ErrOrStderr(), "issued, but not drawn:", u)
	}
	if err := errors.Join(err, result.Flush()); err != nil {
		return ui.WithHint(err, "what was issued is in the register; sceau issue %s --all --out FOLDER writes what is missing", op.dir)
	}
	if len(done.notIssued)+len(out.undrawn)+len(done.stuck)+done.otherForm > 0 {
		return ui.Exit(exitPartial)
	}
	return nil
}

func (f *outputFlags) files(ctx context.Context, op *operator, out *outputs, again issuer.EachRequest, say func(issuer.Issued) error,
	make func(emit func(issuer.Issued) error) (outcome, error)) (outcome, int, error) {
	if err := out.start(); err != nil {
		return outcome{}, 0, err
	}
	done, err := make(func(i issuer.Issued) error { return errors.Join(out.add(i), say(i)) })
	// Also what another process has issued meanwhile, and what a run that was cut short did not write.
	if err == nil && (again.All || len(again.Contracts) > 0) {
		_, err = op.Each(ctx, again, out.addMissing)
	}
	err = errors.Join(err, out.finish())
	return done, out.written, err
}

// run writes every card of the selection, those that existed included, into as few documents as possible.
func (f *outputFlags) run(ctx context.Context, op *operator, out *outputs, again issuer.EachRequest, say func(issuer.Issued) error,
	make func(emit func(issuer.Issued) error) (outcome, error)) (outcome, int, error) {
	// Before any card is made: where it would go can be written to.
	probe, err := os.CreateTemp(filepath.Dir(f.printRun), ".part-*")
	if err != nil {
		return outcome{}, 0, err
	}
	probe.Close()
	os.Remove(probe.Name())
	var fresh []issuer.Issued
	done, err := make(func(i issuer.Issued) error { fresh = append(fresh, i); return say(i) })
	if err != nil {
		return done, 0, err
	}
	out.printer = qr.NewPrinter()
	p := &printRun{outputs: out, name: f.printRun}
	if again.All || len(again.Contracts) > 0 {
		_, err = op.Each(ctx, again, p.add)
	} else {
		for _, i := range fresh {
			err = errors.Join(err, p.add(i))
		}
	}
	return done, p.total, errors.Join(err, p.flush(false))
}

// cardLine is the JSON of one card that left the register.
type cardLine struct {
	Schema      string `json:"schema"`
	Card        string `json:"card"`
	AMC         string `json:"amc"`
	Adherent    string `json:"adherent"`
	Beneficiary int    `json:"beneficiary"` // 0: the household
	Code        string `json:"code"`
}

func (f *outputFlags) report(out, messages io.Writer, d outcome, written int, where string) {
	if f.json {
		type changed struct {
			Card string `json:"card"`
		}
		line := struct {
			Schema   string    `json:"schema"`
			Issued   int       `json:"issued"`
			Existing int       `json:"existing"`
			Written  int       `json:"written"`
			Outdated []changed `json:"outdated"`
			Refused  int       `json:"refused"`
		}{"sceau-issue-1", d.issued, d.existing, written, []changed{}, len(d.notIssued)}
		for _, o := range d.outdated {
			line.Outdated = append(line.Outdated, changed{o.Place.String()})
		}
		json.NewEncoder(out).Encode(line)
	} else {
		fmt.Fprintf(out, "%s issued, %d already there\n", cards(d.issued), d.existing)
		fmt.Fprintf(out, "%s written to %s\n", cards(written), where)
	}
	note := func(n int, what string) {
		if n > 0 {
			fmt.Fprintf(messages, "%s %s\n", cards(n), what)
		}
	}
	note(d.withheld, "not renewed: revoked (a wrong revocation: restore, then reprint)")
	note(d.otherForm, "not made: the contract has cards of the other form")
	note(d.ended, "not made: the contract is over")
	note(len(d.withdrawn), "made void: the contract is over or has no such person any more")
	note(len(d.suspended), "not reprinted: suspended (restore first)")
	note(len(d.outdated), "outdated: the contract has changed since (sceau reprint --changed)")
	for _, u := range d.stuck {
		fmt.Fprintf(messages, "not finished: card %s: %v\n", u.Place, u.Err)
	}
	for _, n := range d.notIssued {
		fmt.Fprintf(messages, "not made: contract %s of %s: %v\n", n.Contract.Adherent, n.Contract.Insurer, n.Err)
	}
}

func cards(n int) string {
	if n == 1 {
		return "1 card"
	}
	return fmt.Sprintf("%d cards", n)
}

// interruptible ends the work at SIGINT or SIGTERM, between two batches.
func interruptible(c *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
}

// contractKeys names contracts by their N° adhérent.
func (o *operator) contractKeys(ctx context.Context, insurerKey string, adherents []string) ([]register.ContractKey, error) {
	if len(adherents) == 0 {
		return nil, nil
	}
	key, err := o.insurerKey(ctx, insurerKey)
	if err != nil {
		return nil, err
	}
	var out []register.ContractKey
	for _, a := range adherents {
		out = append(out, register.ContractKey{Insurer: key, Adherent: a})
	}
	return out, nil
}

// insurerKey is the one insurer of the operator, or the one named.
func (o *operator) insurerKey(ctx context.Context, given string) (string, error) {
	var keys []string
	err := o.store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		for _, i := range all {
			keys = append(keys, i.Key)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if given != "" {
		amc, err := rights.ParseAMC(given)
		if err != nil || !slices.Contains(keys, amc.Key()) {
			return "", ui.WithHint(ui.Usage("--insurer %q is no insurer of this operator", given), "sceau insurer list %s", o.dir)
		}
		return amc.Key(), nil
	}
	if len(keys) != 1 {
		return "", ui.WithHint(ui.Usage("the operator has %d insurers", len(keys)), "--insurer %s", strings.Join(o.amcsOf(ctx, keys[:min(len(keys), 5)]), " | "))
	}
	return keys[0], nil
}

// allContracts names every contract of one insurer.
func (o *operator) allContracts(ctx context.Context, given string) ([]register.ContractKey, error) {
	key, err := o.insurerKey(ctx, given)
	if err != nil {
		return nil, err
	}
	var out []register.ContractKey
	err = o.store.View(ctx, func(tx register.Tx) error {
		for after := ""; ; {
			batch, err := tx.ContractsAfter(key, after, 1000)
			if err != nil || len(batch) == 0 {
				return err
			}
			for _, c := range batch {
				out = append(out, c.Key)
			}
			after = batch[len(batch)-1].Key.Adherent
		}
	})
	return out, err
}

func parsePlaces(numbers []string) ([]card.Place, error) {
	var out []card.Place
	for _, n := range numbers {
		p, err := card.ParsePlace(n)
		if err != nil {
			return nil, ui.WithHint(ui.Usage("--card: %v", err), "a card number looks like 3-583021")
		}
		out = append(out, p)
	}
	return out, nil
}

// parseDay reads a day of the calendar; "" is no date.
func parseDay(flag, s string) (rights.Date, error) {
	if s == "" {
		return 0, nil
	}
	d, err := rights.ParseDate(s)
	if err != nil || d < rights.FirstDay || d > rights.LastDay {
		return 0, ui.WithHint(ui.Usage("%s %q is not a day between %s and %s", flag, s, rights.FirstDay, rights.LastDay), "%s 2027-03-01", flag)
	}
	return d, nil
}
