// revoke, suspend and restore: what becomes of cards, from which day.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/status"
	"sceau/cmd/internal/ui"
)

// verb is one of the three commands.
type verb struct {
	name, short, done string
	kind              status.Kind
}

var (
	revoke  = verb{"revoke", "End cards for good, from a day on", "revoked", status.Void}
	suspend = verb{"suspend", "Suspend cards, from a day on", "suspended", status.Suspended}
	restore = verb{"restore", "Make suspended or wrongly revoked cards valid again", "restored", status.Restored}
)

const statusLong = `%s.

Care given before the day stays covered. Cards are named by number, by contract, or by a file with one "3-583021" or
"AMC;ADHERENT" a line. Either all can be done or nothing is, and every faulty line is named. Doing the same again changes
nothing. The service knows at once, lists after the next "sceau publish".

    $ sceau %[2]s ./operator --card 3-583021 --from 2027-03-01
    3-583021: %[3]s from 2027-03-01
    1 change recorded; the service knows at once; lists know after: sceau publish ./operator --to …`

func newStatusChange(p *place, v verb) *cobra.Command {
	var cards, contracts []string
	var insurerKey, file, from, class string
	var asJSON bool
	c := &cobra.Command{
		Use:   v.name + " DIR (--card NUMBER | --contract ADHERENT | --file FILE) [--from DAY]",
		Short: v.short,
		Long:  fmt.Sprintf(statusLong, v.short, v.name, v.done),
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(cards)+len(contracts) == 0 && file == "" {
				return ui.WithHint(ui.Usage("say which cards"), "--card 3-583021, --contract N° ADHÉRENT, or --file FILE")
			}
			day, err := parseDay("--from", from)
			if err != nil {
				return err
			}
			places, err := parsePlaces(cards)
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
			keys, err := op.contractKeys(ctx, insurerKey, contracts)
			if err != nil {
				return err
			}
			targets, err := readTargets(c.InOrStdin(), file)
			if err != nil {
				return sayFaults(c.ErrOrStderr(), err)
			}
			for _, place := range places {
				targets = append(targets, issuer.Target{Place: place})
			}
			for _, k := range keys {
				targets = append(targets, issuer.Target{Contract: k})
			}
			report, err := op.SetStatus(ctx, issuer.StatusRequest{Kind: v.kind, Targets: targets, From: day, Class: class})
			if err != nil {
				return sayFaults(c.ErrOrStderr(), err)
			}
			return v.report(c.OutOrStdout(), args[0], report, asJSON)
		},
	}
	c.Flags().StringArrayVar(&cards, "card", nil, "number of a card, such as 3-583021; may be repeated")
	c.Flags().StringArrayVar(&contracts, "contract", nil, "N° adhérent: every card of the contract; may be repeated")
	c.Flags().StringVar(&insurerKey, "insurer", "", "N° AMC, when the operator has several insurers")
	c.Flags().StringVar(&file, "file", "", "file of cards or contracts, one a line; - for standard input")
	c.Flags().StringVar(&from, "from", "", "first day on which it holds, YYYY-MM-DD, past or future (default today)")
	c.Flags().StringVar(&class, "class", "", "class of reason for the insurer's own records; never published")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

func readTargets(stdin io.Reader, file string) ([]issuer.Target, error) {
	switch file {
	case "":
		return nil, nil
	case "-":
		return issuer.ReadTargets(stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, ui.Usage("--file: %v", err)
	}
	defer f.Close()
	return issuer.ReadTargets(f)
}

// sayFaults lists every faulty target before the error that sums them up.
func sayFaults(w io.Writer, err error) error {
	var faults *issuer.TargetsError
	if !errors.As(err, &faults) {
		return err
	}
	for _, f := range faults.Faults {
		switch {
		case f.Line > 0:
			fmt.Fprintf(w, "line %d: %v\n", f.Line, f.Err)
		case f.Place.List > 0:
			fmt.Fprintf(w, "%s: %v\n", f.Place, f.Err)
		}
	}
	return ui.WithHint(err, "nothing was changed; sceau cards DIR lists what there is")
}

func (v verb) report(w io.Writer, dir string, r *issuer.StatusReport, asJSON bool) error {
	if asJSON {
		type change struct {
			Card     string `json:"card"`
			State    string `json:"state"`
			Recorded bool   `json:"recorded"`
		}
		doc := struct {
			Schema  string   `json:"schema"`
			From    string   `json:"from"`
			Changes []change `json:"changes"`
		}{"sceau-status-1", r.From.String(), []change{}}
		for _, c := range r.Changes {
			doc.Changes = append(doc.Changes, change{c.Place.String(), c.After.String(), c.Recorded})
		}
		return json.NewEncoder(w).Encode(doc)
	}
	for _, c := range r.Changes {
		if c.Recorded {
			fmt.Fprintf(w, "%s: %s from %s\n", c.Place, v.done, r.From)
		} else {
			fmt.Fprintf(w, "%s: nothing to do, %s already\n", c.Place, c.After)
		}
	}
	if n := r.Recorded(); n == 1 {
		fmt.Fprintf(w, "1 change recorded; the service knows at once; lists know after: sceau publish %s --to …\n", dir)
	} else {
		fmt.Fprintf(w, "%d changes recorded; the service knows at once; lists know after: sceau publish %s --to …\n", n, dir)
	}
	return nil
}
