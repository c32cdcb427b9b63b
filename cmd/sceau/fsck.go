// fsck: everything that can be checked about an operator.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
)

func newFsck(p *place) *cobra.Command {
	var public string
	var asJSON, withKeys bool
	c := &cobra.Command{
		Use:   "fsck DIR",
		Short: "Check everything that can be checked",
		Long: `Checks the register, the audit chain, every signature ever logged, every card and list, and the published files.
Exit code 1 on any finding.

    $ sceau fsck ./operator --public ./public
    471 contracts, 471 cards, 471 signatures, 1 list, 4 files: no finding`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			o := issuer.FsckOptions{Keys: withKeys}
			if public != "" {
				root, err := os.OpenRoot(public)
				if err != nil {
					return ui.Usage("--public: %v", err)
				}
				defer root.Close()
				o.Exported = func(path string) ([]byte, error) { return root.ReadFile(filepath.FromSlash(path)) }
			}
			r, err := op.Fsck(ctx, o)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				if err := json.NewEncoder(out).Encode(struct {
					Schema   string           `json:"schema"`
					Cards    int64            `json:"cards"`
					Intents  int64            `json:"intents"`
					Signed   int64            `json:"signatures"`
					Findings []issuer.Finding `json:"findings"`
					More     bool             `json:"more"`
				}{"sceau-fsck-1", r.Cards, r.Intents, r.Signatures, append([]issuer.Finding{}, r.Findings...), r.More}); err != nil {
					return err
				}
			} else {
				for _, f := range r.Findings {
					fmt.Fprintf(out, "%s: %s: %s\n", f.Code, f.Where, f.What)
				}
				fmt.Fprintf(out, "%s, %s, %s, %s, %s: %s\n", plural(int(r.Contracts), "contract"), plural(int(r.Cards), "card"), plural(int(r.Signatures), "signature"), plural(int(r.Pages), "list"), plural(int(r.Files), "file"), findings(r))
				if r.Intents > 0 {
					fmt.Fprintf(out, "%d cards begun and not finished: sceau issue finishes them\n", r.Intents)
				}
			}
			if len(r.Findings) > 0 {
				return ui.Exit(ui.ExitFailure)
			}
			return nil
		},
	}
	c.Flags().StringVar(&public, "public", "", "also compare this published folder")
	c.Flags().BoolVar(&withKeys, "keys", false, "also open every private key but the root's (asks for the passphrase)")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

func findings(r *issuer.FsckReport) string {
	switch n := len(r.Findings); {
	case r.More:
		return fmt.Sprintf("%d findings and more", n)
	case n == 0:
		return "no finding"
	default:
		return plural(n, "finding")
	}
}
