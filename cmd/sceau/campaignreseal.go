// campaign reseal: manifests signed again, after their key was stolen or when they were lost.

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sceau/card/issuer/batch"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

func newCampaignReseal(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "reseal DIR CAMPAIGN",
		Short: "Sign the manifests of finished files again, with the present key",
		Long: `Makes the manifests of a campaign's finished parts anew from the register, signs them with the present manifest key and writes them
where the files are. The files are not touched. Needed after "sceau keys compromise DIR manifest", or when a manifest was lost.

    $ sceau campaign reseal ./operator 261122-k7qf
    manifests signed anew: 1`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			w := &batch.Worker{Issuer: op.Issuer, Open: openOutput, Now: clock.Now}
			n, err := w.Reseal(ctx, args[1])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "manifests signed anew:", thousands(int64(n)))
			return err
		},
	}
}
