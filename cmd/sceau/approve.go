// approval: what waits for a second pair of eyes, decided in a terminal.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
)

const approvalLong = `Lists what waits for a second person's consent, and decides it.

Through the service one person may revoke, suspend or restore so many cards a day (100 unless sceau.toml says otherwise); what
goes beyond waits for another person of the same insurer, for 48 hours. In a terminal the operator decides in the insurer's
name, under the account that is logged in.

    $ sceau approval list ./operator
    APPROVAL          INSURER    ACT   CARDS  ASKED BY              STATE
    pX3v9aLmQ2sK0b1c  775670482  void  420    key:5f0c0f7c2f3b9f1e  until 2027-03-03 09:30 UTC
    $ sceau approval accept ./operator pX3v9aLmQ2sK0b1c
    approval pX3v9aLmQ2sK0b1c accepted: void, 420 cards`

func newApproval(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "approval",
		Short: "List and decide what waits for a second person",
		Long:  approvalLong,
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newApprovalList(p), newDecision(p, "accept", true), newDecision(p, "refuse", false))
	return c
}

func newApprovalList(p *place) *cobra.Command {
	var all, asJSON bool
	c := &cobra.Command{
		Use:   "list DIR",
		Short: "What waits, or everything that ever did",
		Long:  approvalLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(table, "APPROVAL\tINSURER\tACT\tCARDS\tASKED BY\tSTATE")
			}
			for after := ""; ; {
				list, next, err := op.Approvals(c.Context(), "*", after, 200)
				if err != nil {
					return err
				}
				for _, a := range list {
					if a.State != issuer.ApprovalOpen && !all {
						continue
					}
					if asJSON {
						err = json.NewEncoder(c.OutOrStdout()).Encode(struct {
							Schema   string `json:"schema"`
							Approval string `json:"approval"`
							Insurer  string `json:"insurer"`
							Act      string `json:"act"`
							Cards    int    `json:"cards"`
							Asker    string `json:"asker"`
							State    string `json:"state"`
							Ends     string `json:"ends"`
						}{"sceau-approval-1", a.ID, a.Insurer, a.Act, a.Cards, a.Asker, string(a.State), a.Ends.Format("2006-01-02T15:04:05Z07:00")})
					} else {
						state := string(a.State)
						if a.State == issuer.ApprovalOpen {
							state = "until " + a.Ends.Format("2006-01-02 15:04 MST")
						}
						_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", a.ID, a.Insurer, a.Act, a.Cards, a.Asker, state)
					}
					if err != nil {
						return err
					}
				}
				if next == "" {
					return table.Flush()
				}
				after = next
			}
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also what was decided, or is over")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each")
	return c
}

func newDecision(p *place, name string, accept bool) *cobra.Command {
	return &cobra.Command{
		Use:   name + " DIR APPROVAL",
		Short: map[bool]string{true: "Agree: it is done at once", false: "Refuse: nothing is done"}[accept],
		Long:  approvalLong,
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			a, _, err := op.ApprovalOf(c.Context(), "*", args[1])
			if err == nil {
				who := issuer.Staff{Credential: "terminal:" + op.Actor, Person: "terminal:" + op.Actor, Insurer: a.Insurer, Actor: op.Actor,
					Roles: []issuer.Role{issuer.RoleRevoke, issuer.RoleIssue}}
				a, err = op.Decide(c.Context(), who, args[1], accept, nil)
			}
			switch {
			case errors.Is(err, issuer.ErrUnknownDocument):
				return ui.WithHint(ui.Usage("no approval has this name"), "sceau approval list %s", args[0])
			case errors.Is(err, issuer.ErrDecided):
				return ui.WithHint(err, "sceau approval list %s --all", args[0])
			case err != nil:
				return sayFaults(c.ErrOrStderr(), err)
			}
			fmt.Fprintf(c.OutOrStdout(), "approval %s %s: %s, %s\n", a.ID, a.State, a.Act, cards(a.Cards))
			return nil
		},
	}
}
