// report: what was served, disputed and seen, for insurers.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer/reconcile"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline/receipt"
	"sceau/rights"
)

const reportLong = `Reports on checks and on counters' journals:

    served      checks by day, with and without the service, and what was answered to their receipts
    disputed    disputed receipts, with their reasons
    busy-cards  cards seen at --counters counters within --window
    old-lists   counters whose list was older than --minimum at a check without the service
    alarms      alarms about counters' journals

    $ sceau report ./operator served --from 2027-03-01 --to 2027-03-31 --csv > served.csv`

func newReport(p *place) *cobra.Command {
	var from, to, insurer string
	var q reconcile.Request
	var asCSV, asJSON bool
	c := &cobra.Command{
		Use:       "report DIR served|disputed|busy-cards|old-lists|alarms",
		Short:     "Report what was served, disputed and seen",
		Long:      reportLong,
		Args:      ui.Args(cobra.ExactArgs(2)),
		ValidArgs: reconcile.ReportNames(),
		RunE: func(c *cobra.Command, args []string) error {
			if q.Name = args[1]; !slices.Contains(reconcile.ReportNames(), q.Name) {
				return ui.Usage("no report %q: %s", q.Name, strings.Join(reconcile.ReportNames(), ", "))
			}
			if asCSV && asJSON {
				return ui.Usage("--csv or --json, not both")
			}
			var err error
			if q.To, err = parseDay("--to", to); err != nil {
				return err
			}
			if q.To == 0 {
				q.To = rights.DateAt(clock.Now())
			}
			if q.From, err = parseDay("--from", from); err != nil {
				return err
			}
			if q.From == 0 {
				q.From = q.To - 29
			}
			if insurer != "" {
				amc, err := rights.ParseAMC(insurer)
				if err != nil {
					return ui.Usage("--insurer %q is no N° AMC", insurer)
				}
				q.Insurer = amc.Key()
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			r, err := op.reconciler().Report(ctx, q)
			if err != nil {
				return reportError(err)
			}
			out := c.OutOrStdout()
			switch {
			case asCSV:
				return r.WriteCSV(out)
			case asJSON:
				return json.NewEncoder(out).Encode(r)
			}
			return writeTable(out, r)
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "", "first day, AAAA-MM-JJ (default 30 days)")
	f.StringVar(&to, "to", "", "last day, included (default today)")
	f.StringVar(&insurer, "insurer", "", "N° AMC of one insurer (default all)")
	f.IntVar(&q.Counters, "counters", reconcile.BusyCounters, "busy-cards: at how many counters")
	f.DurationVar(&q.Window, "window", reconcile.BusyWindow, "busy-cards: within what time")
	f.DurationVar(&q.Minimum, "minimum", reconcile.OldList, "old-lists: how old the list must have been")
	f.BoolVar(&asCSV, "csv", false, "for a French spreadsheet")
	f.BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

// reportError makes a wrong parameter one of usage.
func reportError(err error) error {
	if text, wrong := strings.CutPrefix(err.Error(), reconcile.ErrRequest.Error()+": "); wrong {
		return ui.Usage("%s", text)
	}
	return err
}

func (o *operator) reconciler() *reconcile.Reconciler {
	return &reconcile.Reconciler{Store: o.Store, Now: clock.Now, Signer: o.SettlementSigner}
}

// writeTable writes a report for a terminal.
func writeTable(out io.Writer, r *reconcile.Report) error {
	columns, rows := r.Sheet()
	if len(rows) == 0 {
		fmt.Fprintf(out, "nothing from %s to %s\n", r.From, r.To)
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.More {
		fmt.Fprintln(out, "and more: narrow the days")
	}
	return nil
}

func stampOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// short is how a device begins in receipt numbers.
func short(device string) string { return receipt.Short(device) }
