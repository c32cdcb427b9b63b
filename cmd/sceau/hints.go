// What to do about faults that any command may meet.

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/ui"
)

// explain gives every command the hints of faults that are not its own. A hint nearer to the fault stays.
func explain(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error { return explained(run(c, args), args) }
	}
	for _, sub := range c.Commands() {
		explain(sub)
	}
}

func explained(err error, args []string) error {
	dir := "DIR"
	if len(args) > 0 {
		dir = args[0]
	}
	switch {
	case errors.Is(err, register.ErrProtected):
		return ui.WithHint(err, "verify and list read it as it is; for anything else work on a copy of the whole folder where you may write, register.db-wal included when it is there")
	case errors.Is(err, issuer.ErrAuditBroken):
		return ui.WithHint(err, "sceau audit verify %q names what is wrong, --published with the copies of others too; restore the newest backup that holds, or publish --despite-audit once you know why", dir)
	}
	return err
}
