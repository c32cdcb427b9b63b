// import: an insurer's file, what was taken, and what was not and why.

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/rights/roster"
)

const importLong = `Imports insured people and guarantees from a CSV file (layout: rights/roster/FORMAT.md). A contract is taken whole or
not at all; every line that is not taken is reported with its column and its cause. The same file twice changes nothing.

    $ sceau import ./operator roster.csv
    line 21, nir: la clé du NIR ne correspond pas à ses 13 premiers caractères : vérifiez la saisie
    …
    1201 lines read, 471 contracts: 471 new, 0 changed, 0 unchanged
    65 lines of 30 contracts rejected

Exit code 3 when lines were rejected; with --strict nothing is then taken, and the code is 1.`

// maxShown bounds the rejects on a terminal; the files of --rejects have all.
const maxShown = 200

func newImport(p *place) *cobra.Command {
	var o issuer.ImportOptions
	var csvName, jsonName string
	var asJSON bool
	c := &cobra.Command{
		Use:   "import DIR FILE",
		Short: "Import insured people and guarantees",
		Long:  importLong,
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			in := c.InOrStdin()
			if args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return ui.Usage("%v", err)
				}
				defer f.Close()
				in = f
			}
			ctx, stop := interruptible(c)
			defer stop()
			sinks, err := newSinks(c.ErrOrStderr(), csvName, jsonName, asJSON)
			if err != nil {
				return err
			}
			o.Reject = sinks.write
			report, err := op.Import(ctx, in, o)
			err = errors.Join(err, sinks.close())
			return sayImport(c.OutOrStdout(), report, o, asJSON, err)
		},
	}
	c.Flags().BoolVar(&o.Strict, "strict", false, "take everything, or nothing if one line is rejected")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "store nothing, only say what would be done")
	c.Flags().StringVar(&csvName, "rejects", "", "write the rejects to this CSV file, safe to open in a spreadsheet")
	c.Flags().StringVar(&jsonName, "rejects-json", "", "write the rejects to this file, one JSON object a line")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document instead of sentences")
	return c
}

func sayImport(w io.Writer, r *issuer.ImportReport, o issuer.ImportOptions, asJSON bool, err error) error {
	if asJSON && r != nil {
		doc := struct {
			Schema    string `json:"schema"`
			DryRun    bool   `json:"dry_run"`
			Lines     int    `json:"lines"`
			Contracts int    `json:"contracts"`
			Created   int    `json:"created"`
			Changed   int    `json:"changed"`
			Unchanged int    `json:"unchanged"`
			Rejected  int    `json:"rejected_lines"`
			Refused   int    `json:"rejected_contracts"`
		}{"sceau-import-1", o.DryRun, r.Lines, r.Contracts, r.Created, r.Changed, r.Unchanged, r.Rejected, r.Refused}
		if err := json.NewEncoder(w).Encode(doc); err != nil {
			return err
		}
	} else if r != nil {
		dry := ""
		if o.DryRun {
			dry = " (dry run: nothing was stored)"
		}
		fmt.Fprintf(w, "%s read, %s: %d new, %d changed, %d unchanged%s\n", plural(r.Lines, "line"), plural(r.Contracts, "contract"), r.Created, r.Changed, r.Unchanged, dry)
		if r.Rejected > 0 {
			fmt.Fprintf(w, "%s of %s rejected\n", plural(r.Rejected, "line"), plural(r.Refused, "contract"))
		}
	}
	switch {
	case errors.Is(err, issuer.ErrRejected):
		return ui.WithHint(err, "mend the lines above, or import without --strict to take the whole contracts")
	case err != nil && (r == nil || r.Created+r.Changed == 0):
		return ui.WithHint(err, "nothing was taken; the layout is in rights/roster/FORMAT.md")
	case err != nil:
		return ui.WithHint(err, "what was taken stays; run the same command again to complete it")
	case r.Rejected > 0:
		return ui.Exit(exitPartial)
	}
	return nil
}

// sinks are the places where rejects go.
type sinks struct {
	messages io.Writer // nil with --json
	shown    int
	files    []*os.File
	writers  []*roster.RejectWriter
}

func newSinks(messages io.Writer, csvName, jsonName string, asJSON bool) (*sinks, error) {
	s := &sinks{messages: bufio.NewWriter(messages)}
	if asJSON {
		s.messages = nil
	}
	for _, file := range []struct {
		name string
		open func(io.Writer) *roster.RejectWriter
	}{{csvName, roster.NewCSVRejects}, {jsonName, roster.NewJSONRejects}} {
		if file.name == "" {
			continue
		}
		f, err := os.Create(file.name)
		if err != nil {
			s.close()
			return nil, err
		}
		s.files = append(s.files, f)
		s.writers = append(s.writers, file.open(f))
	}
	return s, nil
}

func (s *sinks) write(r roster.Reject) error {
	for _, w := range s.writers {
		if err := w.Write(r); err != nil {
			return err
		}
	}
	s.shown++
	if s.messages == nil || s.shown > maxShown {
		return nil
	}
	where := fmt.Sprintf("line %d", r.Line)
	if r.Column != "" {
		where += ", " + r.Column
	}
	_, err := fmt.Fprintf(s.messages, "%s: %s\n", where, r.Cause)
	return err
}

func (s *sinks) close() error {
	var err error
	for _, w := range s.writers {
		err = errors.Join(err, w.Flush())
	}
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	if b, ok := s.messages.(*bufio.Writer); ok {
		if s.shown > maxShown {
			fmt.Fprintf(b, "… and %d more: --rejects FILE has all of them\n", s.shown-maxShown)
		}
		err = errors.Join(err, b.Flush())
	}
	return err
}
