// receipts: how far counters' journals are here, and what is wrong with them.

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sceau/card/issuer/reconcile"
	"sceau/cmd/internal/ui"
)

// chainItem is a chain in the JSON document.
type chainItem struct {
	Device    string           `json:"device"`
	Counters  []string         `json:"counters"`
	FINESS    string           `json:"finess"`
	Foreign   bool             `json:"foreign,omitempty"` // another counter has this chain
	Entries   int64            `json:"entries"`
	Next      uint64           `json:"next"`
	Head      string           `json:"head"`
	Announced uint64           `json:"announced,omitempty"` // highest signed head whose entry is not here
	Gaps      []reconcile.Span `json:"gaps,omitempty"`
	Pruned    []reconcile.Span `json:"pruned,omitempty"`
	Forks     int              `json:"forks,omitempty"`
	Alarms    int              `json:"alarms"`
	Seen      string           `json:"seen"`
}

func newReceipts(p *place) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "receipts DIR",
		Short: "Show counters' journals and their alarms",
		Long: `Shows each journal that a counter has sent: how far it is here without a gap, what is missing, and every alarm that
is open. Exit code 1 when there is one.

    $ sceau receipts ./operator
    7QFX  counter PCX_dNQfw_0  1042 entries, next 1043
    no open alarm`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			return sayReceipts(ctx, op.reconciler(), c.OutOrStdout(), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

func sayReceipts(ctx context.Context, rec *reconcile.Reconciler, out io.Writer, asJSON bool) error {
	chains := []chainItem{}
	for after := ""; ; {
		page, err := rec.Chains(ctx, after, 500)
		if err != nil {
			return err
		}
		for _, ch := range page {
			after = ch.ID
			item := chainItem{Device: ch.Device, Counters: ch.Counters, FINESS: ch.FINESS, Foreign: ch.Foreign, Entries: ch.Entries, Next: ch.Head.Seq + 1,
				Head: hex.EncodeToString(ch.Head.Hash[:]), Gaps: ch.Gaps, Pruned: ch.Pruned, Forks: len(ch.Forks), Alarms: ch.Alarms, Seen: stampOf(ch.Seen)}
			for _, s := range ch.Said {
				item.Announced = max(item.Announced, s.Head.Seq)
			}
			chains = append(chains, item)
		}
		if len(page) < 500 {
			break
		}
	}
	all, err := rec.Alarms(ctx, reconcile.Scope{}, reconcile.MaxRows)
	if err != nil {
		return err
	}
	open := []reconcile.Alarm{}
	for _, a := range all {
		if a.Closed.IsZero() {
			open = append(open, a)
		}
	}
	if asJSON {
		err := json.NewEncoder(out).Encode(struct {
			Schema string            `json:"schema"`
			Chains []chainItem       `json:"chains"`
			Alarms []reconcile.Alarm `json:"alarms"` // those that are open
		}{"sceau-receipts-1", chains, open})
		if err != nil {
			return err
		}
	} else {
		for _, ch := range chains {
			fmt.Fprintf(out, "%s  counter %s  %s, next %d", short(ch.Device), ch.Counters[len(ch.Counters)-1], entries(ch.Entries), ch.Next)
			if ch.Foreign {
				fmt.Fprint(out, ", another counter's journal")
			}
			for _, g := range ch.Gaps {
				fmt.Fprintf(out, ", missing %d to %d", g.From, g.To)
			}
			for _, g := range ch.Pruned {
				fmt.Fprintf(out, ", removed by retention %d to %d", g.From, g.To)
			}
			if ch.Forks > 0 {
				fmt.Fprintf(out, ", %s", plural(ch.Forks, "fork"))
			}
			if ch.Announced > 0 {
				fmt.Fprintf(out, ", announced up to %d and not sent", ch.Announced)
			}
			fmt.Fprintln(out)
		}
		for _, a := range open {
			fmt.Fprintf(out, "alarm %s: %s, counter %s", a.Code, reconcile.AlarmSentence("en", a.Code), a.Counter)
			if a.From > 0 {
				fmt.Fprintf(out, ", journal %s, entries %d to %d", short(a.Device), a.From, a.To)
			}
			fmt.Fprintf(out, ", %s\n", stampOf(a.At))
		}
		if len(open) == 0 {
			fmt.Fprintln(out, "no open alarm")
		}
	}
	if len(open) > 0 {
		return ui.Exit(ui.ExitFailure)
	}
	return nil
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
