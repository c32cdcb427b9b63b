// What import says: counts, rejects with their causes, and the contracts that it would not close.

package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/rights/roster"
)

// maxShown bounds the rejects on a terminal; the files of --rejects have all.
const maxShown = 50

// importDocument is what --json writes.
type importDocument struct {
	Schema    string               `json:"schema"`
	DryRun    bool                 `json:"dry_run"`
	SHA256    string               `json:"sha256,omitempty"`
	Lines     int                  `json:"lines"`
	Contracts int                  `json:"contracts"`
	Created   int                  `json:"created"`
	Changed   int                  `json:"changed"`
	Unchanged int                  `json:"unchanged"`
	Closed    int                  `json:"closed"`
	Absent    int                  `json:"absent"`
	Ahead     int                  `json:"absent_not_begun,omitempty"`
	Rejected  int                  `json:"rejected_lines"`
	Refused   int                  `json:"rejected_contracts"`
	Causes    []issuer.RejectCause `json:"causes,omitempty"`
	Open      bool                 `json:"last_line_without_end,omitempty"`
	Before    string               `json:"imported_before,omitempty"`
	Held      *heldDocument        `json:"held,omitempty"`
}

type heldDocument struct {
	Closures int                   `json:"closures"`
	Insurers []heldInsurerDocument `json:"insurers"`
}

type heldInsurerDocument struct {
	AMC       string `json:"amc"`
	Closures  int    `json:"closures"`
	Contracts int    `json:"contracts_in_force,omitempty"`
	Over      bool   `json:"over"`
}

func sayImport(c *cobra.Command, r *issuer.ImportReport, o *importFlags, err error) error {
	w := c.OutOrStdout()
	mass := new(issuer.MassClosure)
	held := errors.As(err, &mass)
	untouched := nothingStored(err) || err != nil && (r == nil || r.Untouched || r.Created+r.Changed == 0)
	switch {
	case r == nil:
	case o.json:
		doc := importDocument{Schema: "sceau-import-1", DryRun: o.DryRun, Lines: r.Lines, Contracts: r.Contracts, Created: r.Created, Changed: r.Changed,
			Unchanged: r.Unchanged, Closed: r.Closed, Absent: r.Absent, Ahead: r.Ahead, Rejected: r.Rejected, Refused: r.Refused, Causes: r.Causes, Open: r.Open}
		if r.SHA256 != [32]byte{} {
			doc.SHA256 = hex.EncodeToString(r.SHA256[:])
		}
		if !r.Before.IsZero() {
			doc.Before = r.Before.UTC().Format("2006-01-02T15:04:05Z")
		}
		if untouched {
			doc.Contracts, doc.Created, doc.Changed, doc.Unchanged, doc.Closed, doc.Absent = 0, 0, 0, 0, 0, 0
		}
		if held {
			doc.Held = &heldDocument{Closures: mass.Closures}
			for _, i := range mass.Insurers {
				doc.Held.Insurers = append(doc.Held.Insurers, heldInsurerDocument{i.Insurer, i.Closures, i.Contracts, i.Over})
			}
		}
		if err := json.NewEncoder(w).Encode(doc); err != nil {
			return err
		}
	case untouched && r.Lines == 0:
		fmt.Fprintln(w, "nothing was changed")
	case untouched:
		fmt.Fprintf(w, "%s read, nothing was changed\n", plural(r.Lines, "line"))
	default:
		sayTaken(w, r, o.DryRun)
	}
	var whole *roster.FileError
	switch {
	case held:
		return ui.WithHint(err, "look into the file; if it is meant, add --accept-closures %d", mass.Closures)
	case errors.Is(err, issuer.ErrFileReplayed):
		return ui.WithHint(err, "--again takes it all the same, and undoes what newer files changed")
	case errors.Is(err, issuer.ErrRejectRate):
		return ui.WithHint(err, "the causes are above; --rejects FILE writes every line")
	case errors.Is(err, issuer.ErrRejected) && o.quiet:
		return ui.WithHint(err, "--rejects FILE writes every line; without --strict (or --full) the whole contracts are taken")
	case errors.Is(err, issuer.ErrRejected):
		return ui.WithHint(err, "mend the lines above, or import without --strict (or --full) to take the whole contracts")
	case errors.As(err, &whole):
		return ui.WithHint(err, "%s", fileHint(whole, untouched))
	case errors.Is(err, context.Canceled):
		return stopped(c, r, o, untouched)
	case err != nil && o.DryRun:
		return err
	case untouched:
		return ui.WithHint(err, "nothing was changed; run the same command again when that is mended")
	case err != nil:
		return ui.WithHint(err, "what was taken stays; run the same command again to complete it")
	case r.Rejected > 0:
		return ui.Exit(exitPartial)
	}
	return nil
}

// fileHint says what to do with a file that is refused as a whole: the same command would fail again.
func fileHint(f *roster.FileError, untouched bool) string {
	if !untouched {
		return "what was taken stays; mend the file, and import the whole of it: what is there already stays as it is"
	}
	switch f.Code {
	case "header_again":
		return "split the file before that line and import the parts one after the other; of the same file twice, one"
	case "mojibake", "utf16", "header_encoding", "line_ends":
		return "save the file again from its source as CSV UTF-8, and import that"
	case "separator":
		return "save the file again as CSV with semicolons, and import that"
	case "compressed":
		return "unpack it, and import the CSV file"
	case "binary", "empty":
		return "ask for the file again"
	case "delta":
		return "--delta takes it as a file of changes"
	}
	return "mend the first line; the layout is in rights/roster/FORMAT.md"
}

// stopped says of an import that a person ended what was taken, and how it is completed.
func stopped(c *cobra.Command, r *issuer.ImportReport, o *importFlags, untouched bool) error {
	switch {
	case o.DryRun:
		return ui.WithHint(errors.New("the import was interrupted"), "a dry run stores nothing: %s", again(c, o, 0))
	case untouched:
		return ui.WithHint(errors.New("the import was interrupted, nothing was changed"), "to import the file: %s", again(c, o, 0))
	}
	return ui.WithHint(fmt.Errorf("the import was interrupted, %s of the file taken", plural(r.Contracts, "contract")),
		"what was taken stays; this completes it: %s", again(c, o, r.Closed))
}

// again is the command line as it was given; the closures that were accepted are those that are left.
func again(c *cobra.Command, o *importFlags, closed int) string {
	words := []string{c.CommandPath()}
	for _, a := range c.Flags().Args() {
		words = append(words, shellWord(a))
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case f.Name == "accept-closures":
		case f.Value.Type() == "bool" && f.Value.String() == "true":
			words = append(words, "--"+f.Name)
		default:
			words = append(words, shellWord("--"+f.Name+"="+f.Value.String()))
		}
	})
	if o.AcceptClosures > closed {
		words = append(words, fmt.Sprintf("--accept-closures=%d", o.AcceptClosures-closed))
	}
	return strings.Join(words, " ")
}

// nothingStored says whether an import stopped before its first change.
func nothingStored(err error) bool {
	for _, stop := range []error{issuer.ErrMassClosure, issuer.ErrRejectRate, issuer.ErrRejected, issuer.ErrFileReplayed} {
		if errors.Is(err, stop) {
			return true
		}
	}
	return false
}

func sayTaken(w io.Writer, r *issuer.ImportReport, dryRun bool) {
	dry := ""
	if dryRun {
		dry = " (dry run: nothing was stored)"
	}
	fmt.Fprintf(w, "%s read, %s: %d new, %d changed, %d unchanged%s\n", plural(r.Lines, "line"), plural(r.Contracts, "contract"), r.Created, r.Changed, r.Unchanged, dry)
	if r.Closed > 0 {
		fmt.Fprintf(w, "%s in force end earlier than before, %d of them absent from the file\n", plural(r.Closed, "contract"), r.Absent)
	}
	if r.Ahead > 0 {
		fmt.Fprintf(w, "%s absent from the file begin only after that day and stay\n", plural(r.Ahead, "contract"))
	}
	if r.Rejected > 0 {
		fmt.Fprintf(w, "%s of %s rejected\n", plural(r.Rejected, "line"), plural(r.Refused, "contract"))
	}
	if !r.Before.IsZero() {
		fmt.Fprintf(w, "the same file was imported on %s\n", r.Before.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if r.Open {
		fmt.Fprintln(w, "the last line has no end: if the file was cut short, import the whole one")
	}
}

// sayClosures lists what a file would close, before the question.
func sayClosures(w io.Writer, m *issuer.MassClosure) {
	fmt.Fprintf(w, "the file would close %s:\n", plural(m.Closures, "contract"))
	for _, i := range m.Insurers {
		switch {
		case i.Over:
			fmt.Fprintf(w, "  %s: %d of %d in force, more than allowed\n", i.Insurer, i.Closures, i.Contracts)
		default:
			fmt.Fprintf(w, "  %s: %d\n", i.Insurer, i.Closures)
		}
	}
}

// sinks are the places where rejects go.
type sinks struct {
	messages io.Writer // nil with --json
	quiet    bool
	shown    int
	lines    []string // at most maxShown: they are printed at the end, unless a guard stopped the import
	files    []*os.File
	writers  []*roster.RejectWriter
}

func newSinks(messages io.Writer, o *importFlags) (*sinks, error) {
	s := &sinks{messages: messages, quiet: o.quiet}
	if o.json {
		s.messages = nil
	}
	for _, file := range []struct {
		name string
		open func(io.Writer) *roster.RejectWriter
	}{{o.csvName, roster.NewCSVRejects}, {o.jsonName, roster.NewJSONRejects}} {
		if file.name == "" {
			continue
		}
		f, err := os.Create(file.name)
		if err != nil {
			return nil, errors.Join(err, s.close(nil, err))
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
	if s.messages != nil && !s.quiet && s.shown <= maxShown {
		s.lines = append(s.lines, where(r.Line, r.Column)+": "+r.Cause)
	}
	return nil
}

func where(line int, column string) string {
	if column == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("line %d, %s", line, column)
}

// close ends the files. On the terminal come the lines, and the causes of many, each with its first line; the causes alone when a guard
// or the file itself stopped the import with failed.
func (s *sinks) close(report *issuer.ImportReport, failed error) error {
	var err error
	for _, w := range s.writers {
		err = errors.Join(err, w.Flush())
	}
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	if s.messages == nil || report == nil || s.quiet && failed == nil {
		return err
	}
	b := bufio.NewWriter(s.messages)
	few := 1 // causes that need no list
	var whole *roster.FileError
	if s.quiet || errors.As(failed, &whole) || nothingStored(failed) && !onlyRejected(failed) {
		few = 0
	} else {
		for _, l := range s.lines {
			fmt.Fprintln(b, l)
		}
		if s.shown > maxShown {
			fmt.Fprintf(b, "… and %d more: --rejects FILE has all of them\n", s.shown-maxShown)
		}
	}
	if len(report.Causes) > few {
		fmt.Fprintln(b, "rejects by cause:")
		for _, c := range report.Causes {
			fmt.Fprintf(b, "%8d × %s, first at %s: %s\n", c.Count, c.Code, where(c.Line, c.Column), c.Cause)
		}
	}
	return errors.Join(err, b.Flush())
}

// onlyRejected says whether its rejects alone stopped a strict import: they are what the reader looks for.
func onlyRejected(err error) bool {
	for _, guard := range []error{issuer.ErrMassClosure, issuer.ErrRejectRate, issuer.ErrFileReplayed} {
		if errors.Is(err, guard) {
			return false
		}
	}
	return errors.Is(err, issuer.ErrRejected)
}
