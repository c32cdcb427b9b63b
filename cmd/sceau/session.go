// session: ending the logins of a person, or of everybody, at once.

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
)

func newSession(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "session",
		Short: "End people's logins",
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "close DIR PERSON | all",
		Short: "End every session of a person, or of everybody, at once",
		Long: `Ends sessions: the next request of each is refused. The person is named as in the audit chain; "all" ends everybody's. Close
the account at the identity provider first: who can log in there has a new session at once.

    $ sceau session close ./operator person:kX3vQ0aLmN8sT2bR
    2 sessions ended`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			who := args[1]
			if who == "all" {
				who = "*"
			} else if !strings.HasPrefix(who, "person:") || len(who) != len("person:")+16 {
				return ui.WithHint(ui.Usage("that is nobody as the audit chain names people"), "sceau audit show %s", args[0])
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			n, err := op.CloseSessions(c.Context(), who)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), plural(n, "session")+" ended")
			return err
		},
	})
	return c
}
