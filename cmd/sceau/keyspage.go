// keys page: what to do in the first hour after a theft, printed beforehand for a drawer.

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/issuer/firsthour"
	"sceau/card/pdf"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

func newKeysPage() *cobra.Command {
	var out, dir, public, insurer string
	var all bool
	list := ""
	for _, k := range firsthour.Kinds() {
		list += fmt.Sprintf("\n  %-11s  %s", k, firsthour.Title(k))
	}
	c := &cobra.Command{
		Use:   "page KIND --out FILE.pdf",
		Short: "Write the page \"la première heure\" of a kind of theft, to keep in a drawer",
		Long: `Writes one A4 page in French: what the thief can and can't do, what to do in which order with the very commands, whom to tell. It
needs no operator; what is not known yet is left for the pen. "sceau keys compromise" writes the same page, filled in.

    $ sceau keys page card --out page.pdf --dir /srv/sceau/operator --public /srv/sceau/public
    page.pdf written
    $ sceau keys page --all --out pages

Kinds:` + list,
		ValidArgs: firsthour.Kinds(),
		Args:      ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case all == (len(args) == 1):
				return ui.WithHint(ui.Usage("say which page, or --all"), "%s", strings.Join(firsthour.Kinds(), " | "))
			case len(args) == 1 && !slices.Contains(firsthour.Kinds(), args[0]):
				return ui.WithHint(ui.Usage("there is no page %q", args[0]), "%s", strings.Join(firsthour.Kinds(), " | "))
			case out == "":
				return ui.WithHint(ui.Usage("a page needs a file to be written to"), "--out FILE.pdf")
			}
			kinds, name := args, func(string) string { return out }
			if all {
				kinds, name = firsthour.Kinds(), func(kind string) string { return strings.TrimSuffix(out, ".pdf") + "-" + kind + ".pdf" }
			}
			for _, kind := range kinds {
				paper, err := firsthour.Page(kind, firsthour.Facts{At: inParis(clock.Now()), Dir: dir, Public: public, Insurer: insurer, Banner: exerciseBanner()})
				if err != nil {
					return err
				}
				if err := replaceFile(name(kind), true, func(w io.Writer) error { return pdf.WritePaper(w, paper) }); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s written\n", name(kind))
			}
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write; with --all the beginning of their names")
	c.Flags().StringVar(&dir, "dir", "", "the operator's folder, for the commands on the page")
	c.Flags().StringVar(&public, "public", "", "the published folder, likewise")
	c.Flags().StringVar(&insurer, "insurer", "", "N° AMC, likewise")
	c.Flags().BoolVar(&all, "all", false, "every page, each in a file of its own")
	return c
}
