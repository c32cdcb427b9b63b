// drill: January 2024 on one machine, with the real programs, in the time of a drill.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
)

const drillLong = `Plays January 2024 on this machine, in virtual time, with this program and the comptoir beside it as processes of their own:

    A  the account of one counter is phished, and its thief harvests the online service
    B  the service is unplugged for ten days: rights go on ending, lists go out by mirror and by stick
    C  the key that signs cards is copied, and forged cards are presented
    D  a mirror is taken over
    E  the service is back, journals go up, and every promise is settled

and prints a table: scans answered, wrong verdicts, people exposed, cards reprinted, euros left unpaid. Every verdict is
compared with an oracle that knows the roster and what the drill did, and nothing of these programs.

    $ sceau drill --dir ./drill
    $ sceau drill --without stick          # what carrying a stick to counters without a network buys

--without plays twice, the second time without one control, and shows both:

%s
Exit codes: 0 every figure is as it must be (those without a control: as much worse as said here); 1 one is not, or a step failed.
DIR keeps everything: operators, counters, published files, commands.log. Programs that are given SCEAU_DRILL=DIR live in the
drill's time, and work on nothing outside of DIR.`

// drillFlags are the sizes of a drill.
type drillFlags struct {
	dir, comptoir, without  string
	cards, counters, forged int
	seed                    uint64
	json, english           bool
	sabotage                string // for tests: a control is broken, and the judge is not told
}

func newDrill() *cobra.Command {
	var f drillFlags
	var controls strings.Builder
	for _, c := range drillControls {
		fmt.Fprintf(&controls, "    %-12s %s\n", c.name, c.english)
	}
	c := &cobra.Command{
		Use:   "drill [--dir DIR] [--without CONTROL]",
		Short: "Play a break-in, an outage and the return, and count what they cost",
		Long:  fmt.Sprintf(drillLong, controls.String()),
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return runDrill(c, f) },
	}
	c.Flags().StringVar(&f.dir, "dir", "./drill", "folder to keep everything in")
	c.Flags().StringVar(&f.comptoir, "comptoir", "", "the counter's program (default: beside this one)")
	c.Flags().StringVar(&f.without, "without", "", "also play without one control")
	c.Flags().IntVar(&f.cards, "cards", 300, "households, each with a card")
	c.Flags().IntVar(&f.counters, "counters", 6, "counters; every third has no network during the outage")
	c.Flags().IntVar(&f.forged, "forged", 1000, "cards forged with the stolen key")
	c.Flags().Uint64Var(&f.seed, "seed", 2024, "the same seed makes the same people, scans and forgeries")
	c.Flags().BoolVar(&f.json, "json", false, "one JSON document")
	c.Flags().BoolVar(&f.english, "english", false, "the table in English")
	c.Flags().StringVar(&f.sabotage, "sabotage", "", "")
	_ = c.Flags().MarkHidden("sabotage")
	return c
}

func (f *drillFlags) check() error {
	for _, size := range []struct {
		name             string
		given, low, high int
	}{{"cards", f.cards, 200, 20_000}, {"counters", f.counters, 3, 60}, {"forged", f.forged, 20, 100_000}} {
		if size.given < size.low || size.given > size.high {
			return ui.Usage("--%s %d is out of range: %d to %d", size.name, size.given, size.low, size.high)
		}
	}
	for _, name := range []string{f.without, f.sabotage} {
		if name != "" && controlNamed(name) == nil {
			var known []string
			for _, c := range drillControls {
				known = append(known, c.name)
			}
			return ui.WithHint(ui.Usage("no control %q", name), "--without %s", strings.Join(known, "|"))
		}
	}
	if left, err := os.ReadDir(f.dir); err == nil && len(left) > 0 {
		return ui.WithHint(ui.Usage("%s is not empty", f.dir), "remove it, or give --dir another folder")
	}
	return nil
}

// programs finds the two real programs.
func (f *drillFlags) programs() (sceau, counter string, err error) {
	if sceau, err = os.Executable(); err != nil {
		return "", "", err
	}
	if sceau, err = filepath.EvalSymlinks(sceau); err != nil {
		return "", "", err
	}
	if counter = f.comptoir; counter == "" {
		name := "comptoir"
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		counter = filepath.Join(filepath.Dir(sceau), name)
	}
	if counter, err = filepath.Abs(counter); err != nil {
		return "", "", err
	}
	if _, err := os.Stat(counter); err != nil {
		return "", "", ui.WithHint(fmt.Errorf("the counter's program is not there: %w", err), "put it beside sceau, or give --comptoir FILE")
	}
	return sceau, counter, nil
}

func runDrill(c *cobra.Command, f drillFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	sceau, counter, err := f.programs()
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	columns := []string{""}
	if f.without != "" {
		columns = append(columns, f.without)
	}
	r := drillReport{Schema: "sceau-drill-1", Seed: f.seed, Households: f.cards, Counters: f.counters, Forged: f.forged}
	started := time.Now()
	for _, without := range columns {
		name := "full"
		if without != "" {
			name = "without-" + without
		}
		broken := without
		if broken == "" {
			broken = f.sabotage
		}
		w := &drillWorld{flags: f, sceau: sceau, comptoir: counter, dir: filepath.Join(dir, name), without: broken, told: without, progress: drillProgress(c.ErrOrStderr(), name)}
		if err := w.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.Runs = append(r.Runs, drillRun{Name: name, Without: without, Figures: w.figures, Faults: w.faults()})
	}
	r.Seconds = time.Since(started).Seconds()
	r.OK = r.judge()
	if err := r.write(c.OutOrStdout(), f); err != nil {
		return err
	}
	if !r.OK {
		return ui.Exit(ui.ExitFailure)
	}
	return nil
}

// drillProgress tells somebody who waits at a terminal what is going on, and nobody else.
func drillProgress(out io.Writer, run string) func(string) {
	file, ok := out.(*os.File)
	if !ok || !ui.IsTerminal(file) {
		return func(string) {}
	}
	started := time.Now()
	return func(what string) {
		fmt.Fprintf(file, "\r\x1b[K%5.0f s  %s  %s", time.Since(started).Seconds(), run, what)
		if what == "" {
			fmt.Fprint(file, "\r\x1b[K")
		}
	}
}

// drillReport is what a drill found.
type drillReport struct {
	Schema     string     `json:"schema"`
	Seed       uint64     `json:"seed"`
	Households int        `json:"households"`
	Counters   int        `json:"counters"`
	Forged     int        `json:"forged"`
	Seconds    float64    `json:"seconds"`
	OK         bool       `json:"ok"`
	Runs       []drillRun `json:"runs"`
}

// drillRun is one way through January.
type drillRun struct {
	Name    string        `json:"name"`
	Without string        `json:"without,omitempty"`
	Figures []drillFigure `json:"figures"`
	Faults  []drillFault  `json:"faults"`
}

func (r *drillReport) write(out io.Writer, f drillFlags) error {
	if f.json {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	lang := 0
	if f.english {
		lang = 1
	}
	_, err := io.WriteString(out, r.table(lang, ui.Colours(out)))
	return err
}

// judge says whether everything is as it must be: in the full run every figure, without a control those that it is said to
// protect, and only those, are worse.
func (r *drillReport) judge() bool {
	ok := true
	for i := range r.Runs {
		run := &r.Runs[i]
		if run.Without == "" {
			ok = ok && len(run.Faults) == 0
			continue
		}
		control := controlNamed(run.Without)
		worse := false
		for _, fault := range run.Faults {
			if slices.Contains(control.protects, fault.Code) {
				worse = true
			} else {
				ok = false
			}
		}
		ok = ok && worse
	}
	return ok
}
