// cards: which cards there are, to find a number.

package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sceau/card/register"
	"sceau/cmd/internal/ui"
)

func newCards(p *place) *cobra.Command {
	var contracts []string
	var insurerKey string
	var asJSON bool
	c := &cobra.Command{
		Use:   "cards DIR [--contract ADHERENT]",
		Short: "List cards and their states",
		Long: `Lists the cards of the register, or of some contracts, without any name.

    $ sceau cards ./operator --contract 0000012
    CARD      AMC        ADHERENT  STATE  FROM        TO
    3-583021  775670482  0000012   live   2027-01-01  2027-12-31`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			keys, err := op.contractKeys(ctx, insurerKey, contracts)
			if err == nil && len(contracts) == 0 && insurerKey != "" {
				keys, err = op.allContracts(ctx, insurerKey)
			}
			if err != nil {
				return err
			}
			enc := json.NewEncoder(c.OutOrStdout())
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(table, "CARD\tAMC\tADHERENT\tSTATE\tFROM\tTO")
			}
			show := func(k register.Card) error {
				if asJSON {
					return enc.Encode(cardRow{k.Place.String(), k.Contract.Insurer, k.Contract.Adherent, k.Person + 1, k.State.String(), k.From.String(), k.To.String(), k.KID})
				}
				_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Place, k.Contract.Insurer, k.Contract.Adherent, k.State, k.From, k.To)
				return err
			}
			if err := op.store.View(ctx, func(tx register.Tx) error { return eachCard(tx, keys, show) }); err != nil {
				return err
			}
			return table.Flush()
		},
	}
	c.Flags().StringArrayVar(&contracts, "contract", nil, "N° adhérent of a contract; may be repeated (default all)")
	c.Flags().StringVar(&insurerKey, "insurer", "", "N° AMC, when the operator has several insurers")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a card")
	return c
}

// cardRow is the JSON of one card.
type cardRow struct {
	Card        string `json:"card"`
	AMC         string `json:"amc"`
	Adherent    string `json:"adherent"`
	Beneficiary int    `json:"beneficiary"` // 0: the household
	State       string `json:"state"`
	From        string `json:"from"`
	To          string `json:"to"`
	KID         string `json:"kid"`
}

func eachCard(tx register.Tx, keys []register.ContractKey, show func(register.Card) error) error {
	for _, k := range keys {
		cards, err := tx.CardsOf(k)
		if err != nil {
			return err
		}
		for _, c := range cards {
			if err := show(c); err != nil {
				return err
			}
		}
	}
	if keys != nil {
		return nil
	}
	lists, err := tx.Lists()
	if err != nil {
		return err
	}
	for _, l := range lists {
		for after := int64(-1); ; {
			cards, err := tx.CardsAfter(l.Number, after, 1000)
			if err != nil {
				return err
			}
			if len(cards) == 0 {
				break
			}
			for _, c := range cards {
				if err := show(c); err != nil {
					return err
				}
			}
			after = int64(cards[len(cards)-1].Place.Index)
		}
	}
	return nil
}
