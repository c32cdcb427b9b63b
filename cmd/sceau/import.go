// import: an insurer's file, what was taken, and what was not and why.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/progress"
	"sceau/cmd/internal/ui"
)

const importLong = `Imports insured people and guarantees from a CSV file (layout: rights/roster/FORMAT.md). A contract is taken whole or
not at all; every line that is not taken is reported with its column and its cause. The same file twice changes nothing, and a
file that was cut short by anything is completed by running the same command again.

    $ sceau import ./operator roster.csv
    line 21, nir: la clé du NIR ne correspond pas à ses 13 premiers caractères : vérifiez la saisie
    …
    1201 lines read, 471 contracts: 471 new, 0 changed, 0 unchanged
    65 lines of 30 contracts rejected

Contracts that the file does not name stay as they are. With --delta the file holds only what changed, and its column "mouvement"
says C (creation), M (change) or S (end: "fin" is the last day). With --full the file is all that its insurers have, and
--close-absent-from DAY ends the contracts that it does not name: DAY is their first day without rights. --full refuses a file
with a reject.

A file that would end more than 5 % (--max-closed) and at least 20 of an insurer's contracts in force stops before any change,
and says how many: at a terminal the number must be typed, elsewhere --accept-closures must name it. So the file is read twice:
first only to check it, which takes as long as importing a file that changes nothing. The first import into an empty register, and
--max-closed 100, only look for what makes the file useless as a whole, which takes no time to speak of. Nothing is taken of a file
that is two files in one, or was encoded twice. From standard input ("-") or a pipe the file is first written into DIR, readable by its owner
alone, and removed when the command ends; it needs that much room there.

A file that was imported already, and another one since, would undo the newer one: it is refused unless --again.

Exit code 3 when lines were rejected; with --strict nothing is then taken, and the code is 1.`

// importMemory is what the garbage collector aims to stay below, in bytes: a country's contract numbers take half of it, and the
// collector would otherwise let the other half grow to as much again.
const importMemory = 360 << 20

// importFlags are those of the command.
type importFlags struct {
	issuer.ImportOptions
	csvName, jsonName, closeFrom string
	json, full, quiet            bool
}

func newImport(p *place) *cobra.Command {
	var o importFlags
	c := &cobra.Command{
		Use:   "import DIR FILE",
		Short: "Import insured people and guarantees",
		Long:  importLong,
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c); err != nil {
				return err
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			file, err := openRoster(c.InOrStdin(), args[1], args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			if os.Getenv("GOMEMLIMIT") == "" {
				debug.SetMemoryLimit(importMemory)
			}
			ctx, stop := interruptible(c)
			defer stop()
			return o.run(ctx, c, op, file)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Strict, "strict", false, "take everything, or nothing if one line is rejected")
	f.BoolVar(&o.DryRun, "dry-run", false, "store nothing, only say what would be done")
	f.BoolVar(&o.Delta, "delta", false, "the file holds only changes, with a column mouvement (C, M or S)")
	f.BoolVar(&o.full, "full", false, "the file is all that its insurers have: see --close-absent-from")
	f.StringVar(&o.closeFrom, "close-absent-from", "", "with --full: first day without rights of the contracts that the file does not name, AAAA-MM-JJ")
	f.Float64Var(&o.MaxClosed, "max-closed", 5, "stop when more than this percentage of an insurer's contracts in force would end")
	f.IntVar(&o.AcceptClosures, "accept-closures", 0, "end contracts all the same: exactly the number that was said")
	f.Float64Var(&o.MaxRejects, "max-reject-rate", 0, "stop before any change when more than this percentage of the lines is rejected (default: never)")
	f.BoolVar(&o.Again, "again", false, "take a file that was imported before the last one")
	f.StringVar(&o.csvName, "rejects", "", "write the rejects to this CSV file, safe to open in a spreadsheet")
	f.StringVar(&o.jsonName, "rejects-json", "", "write the rejects to this file, one JSON object a line")
	f.BoolVar(&o.json, "json", false, "one JSON document instead of sentences")
	f.BoolVar(&o.quiet, "quiet", false, "no progress and no rejects, only what it came to")
	return c
}

func (o *importFlags) check(c *cobra.Command) (err error) {
	if o.CloseFrom, err = parseDay("--close-absent-from", o.closeFrom); err != nil {
		return err
	}
	switch {
	case o.full != (o.CloseFrom != 0):
		return ui.WithHint(ui.Usage("--full and --close-absent-from go together"), "--full --close-absent-from 2027-01-01 ends what the file does not name on 2026-12-31")
	case o.full && o.Delta:
		return ui.Usage("--full or --delta, not both: a file of changes does not name what stays")
	case o.MaxClosed < 0 || o.MaxClosed > 100 || o.MaxRejects < 0 || o.MaxRejects > 100:
		return ui.Usage("--max-closed and --max-reject-rate are percentages")
	case o.MaxClosed == 0 && c.Flags().Changed("max-closed"):
		o.MaxClosed = 1e-9 // 0 of the options means the default
	case o.AcceptClosures < 0:
		return ui.Usage("--accept-closures %d is no number of contracts", o.AcceptClosures)
	}
	return nil
}

// run imports, and asks at a terminal whether contracts may be closed.
func (o *importFlags) run(ctx context.Context, c *cobra.Command, op *operator, file *rosterSource) error {
	for {
		report, err := o.once(ctx, c, op, file)
		mass := new(issuer.MassClosure)
		if !errors.As(err, &mass) || o.DryRun || file.spooled || !atTerminal() {
			return sayImport(c, report, o, err)
		}
		sayClosures(c.ErrOrStderr(), mass)
		fmt.Fprint(c.ErrOrStderr(), "type the number of contracts to close them, anything else to change nothing: ")
		answer, readErr := bufio.NewReader(os.Stdin).ReadString('\n')
		if n, wrong := strconv.Atoi(strings.TrimSpace(answer)); readErr != nil || wrong != nil || n != mass.Closures {
			return sayImport(c, report, o, err)
		}
		o.AcceptClosures = mass.Closures
	}
}

func (o *importFlags) once(ctx context.Context, c *cobra.Command, op *operator, file *rosterSource) (*issuer.ImportReport, error) {
	sinks, err := newSinks(c.ErrOrStderr(), o)
	if err != nil {
		return nil, err
	}
	shown := &importProgress{w: c.ErrOrStderr(), mode: progress.ModeFor(c.ErrOrStderr(), o.quiet), size: file.size}
	options := o.ImportOptions
	options.Reject, options.Progress = sinks.write, shown.set
	report, err := op.ImportFile(ctx, file.open, options)
	shown.close()
	return report, errors.Join(err, sinks.close(report, err))
}

// importProgress shows lines: how many there are is told from the bytes.
type importProgress struct {
	w    io.Writer
	mode progress.Mode
	size int64
	bar  *progress.Progress
	was  bool // the bar is that of the check
}

func (p *importProgress) set(s issuer.ImportProgress) {
	if p.bar == nil || p.was != s.Check {
		p.close()
		what := "import"
		if s.Check {
			what = "check"
		}
		p.bar, p.was = progress.New(p.w, what, 0, p.mode), s.Check
	}
	p.bar.Note(map[string]int64{"contracts": int64(s.Contracts), "rejected": int64(s.Rejected)})
	total := int64(0)
	if s.Bytes > 0 {
		total = int64(float64(s.Lines) * float64(p.size) / float64(s.Bytes))
	}
	p.bar.SetOf(int64(s.Lines), total)
}

func (p *importProgress) close() {
	if p.bar != nil {
		p.bar.Close()
	}
}

// rosterSource is a file that can be read more than once.
type rosterSource struct {
	f       *os.File
	size    int64
	spooled bool // its text came from standard input, where nobody can answer then
	remove  string
}

// openRoster opens a file; what can't be read twice is first copied into the operator's folder.
func openRoster(in io.Reader, name, dir string) (*rosterSource, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, ui.Usage("%v", err)
		}
		info, err := f.Stat()
		switch {
		case err != nil:
			f.Close()
			return nil, err
		case info.IsDir():
			f.Close()
			return nil, ui.WithHint(ui.Usage("%s is a folder", name), "name the CSV file in it")
		case info.Mode().IsRegular():
			return &rosterSource{f: f, size: info.Size()}, nil
		}
		defer f.Close()
		in = f
	}
	f, err := os.CreateTemp(dir, ".import-*.csv") // 0600
	if err != nil {
		return nil, err
	}
	r := &rosterSource{f: f, spooled: true}
	if os.Remove(f.Name()) != nil { // gone from the folder at once, where the system can do that; else at the end
		r.remove = f.Name()
	}
	if r.size, err = io.Copy(f, in); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *rosterSource) open() (io.Reader, error) {
	if _, err := r.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return r.f, nil
}

// Close ends it, and removes what was spooled.
func (r *rosterSource) Close() error {
	err := r.f.Close()
	if r.remove != "" {
		err = errors.Join(err, os.Remove(r.remove))
	}
	return err
}
