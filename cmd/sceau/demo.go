// demo: the whole way, from an insurer's file to a verdict at an unplugged counter, on generated households.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/comptoir"
	"sceau/cmd/internal/ui"
	"sceau/rights"
)

const demoLong = `Plays everything on generated households, with the programs' own commands: cards, the rights service on a port of this
computer, its outage and its return, a revocation. It leaves all of it to look at:
DIR/operator, DIR/cards (PDF, PNG, code texts), DIR/public (what a mirror serves), DIR/counter, DIR/index.html.

    $ sceau demo --dir ./demo
    $ sceau init ./demo/operator --insurer 775670482 --name "Mutuelle Exemple" --phone-professionals "01 99 00 12 34"
    …
    open ./demo/index.html to see the cards`

// demo is one demonstration under way.
type demo struct {
	dir   string
	out   io.Writer
	ctx   context.Context
	day   rights.Date // of care
	steps []step
}

// step is one command and what it said.
type step struct {
	Command string
	Output  string
	Code    int
}

func newDemo() *cobra.Command {
	f := sampleFlags{insurers: 1, bad: 30}
	var dir string
	c := &cobra.Command{
		Use:   "demo [--dir DIR]",
		Short: "Play everything on generated households",
		Long:  demoLong,
		Args:  ui.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if left, err := os.ReadDir(dir); err == nil && len(left) > 0 {
				return ui.WithHint(ui.Usage("%s is not empty", dir), "remove it, or give --dir another folder")
			}
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			d := &demo{dir: dir, out: c.OutOrStdout(), ctx: c.Context()}
			return d.play(f)
		},
	}
	f.add(c)
	c.Flags().StringVar(&dir, "dir", "./demo", "folder to keep everything in")
	return c
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

func (d *demo) play(f sampleFlags) error {
	started := time.Now()
	people, err := f.population()
	if err != nil {
		return err
	}
	expected, err := writeRosterFile(d.path("roster.csv"), people)
	if err != nil {
		return err
	}
	rejected := 0
	if expected > 0 {
		rejected = exitPartial
	}
	demoDay := f.dayOfCare()
	d.day = demoDay
	insurer := people.Insurers()[0]
	operator, cards, public, counter := d.path("operator"), d.path("cards"), d.path("public"), d.path("counter")
	err = d.each(
		command{0, []string{"sceau", "init", operator, "--insurer", string(insurer.AMC), "--name", insurer.Name, "--phone-professionals", "01 99 00 12 34"}, ""}, // a number kept for fiction
		command{rejected, []string{"sceau", "import", operator, d.path("roster.csv"), "--rejects", d.path("rejects.csv")}, ""},
		command{0, []string{"sceau", "issue", operator, "--all", "--out", cards}, ""},
		command{0, []string{"sceau", "publish", operator, "--to", public}, ""},
		command{0, []string{"comptoir", "sync", counter, "--from", public}, ""},
	)
	if err != nil {
		return err
	}
	numbers, err := cardNumbers(cards)
	if err != nil {
		return err
	}
	number, err := d.openCard(counter, cards, numbers)
	if err != nil {
		return err
	}
	text := filepath.Join(cards, number+".txt")
	verify := func(day string) []string {
		return []string{"comptoir", "verify", counter, "--domain", "PHAR", "--on", day, text}
	}
	if err := d.service(operator, counter, verify(demoDay.String())); err != nil {
		return err
	}
	err = d.each(
		command{0, []string{"sceau", "revoke", operator, "--card", number, "--from", (demoDay - 1).String()}, ""},
		command{0, []string{"sceau", "publish", operator, "--to", public}, ""},
		command{0, []string{"comptoir", "sync", counter}, ""},
		command{1, verify(demoDay.String()), ""},
		command{0, verify((demoDay - 2).String()), ""},
		command{0, []string{"sceau", "fsck", operator, "--public", public}, ""},
		command{0, []string{"comptoir", "fsck", counter}, ""},
	)
	if err != nil {
		return err
	}
	count, err := d.verdicts(counter, cards, numbers)
	if err != nil {
		return err
	}
	if err := d.writePage(number, numbers, count); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nall %d cards checked for PHAR on %s: %s\n", len(numbers), demoDay, tally(count))
	fmt.Fprintf(d.out, "done in %.1f s; open %s to see the cards\n", time.Since(started).Seconds(), d.path("index.html"))
	return nil
}

// command is one step to play: the exit code that it must have, and what its standard input holds.
type command struct {
	code  int
	args  []string
	stdin string
}

func (d *demo) each(commands ...command) error {
	for _, c := range commands {
		fmt.Fprintf(d.out, "\n$ %s\n", shell(c.args))
		output, code := d.run(c.args, c.stdin)
		fmt.Fprint(d.out, abridge(output))
		d.steps = append(d.steps, step{shell(c.args), abridge(output), code})
		if code != c.code {
			return fmt.Errorf("%s ended with %d, not %d", c.args[1], code, c.code)
		}
	}
	return nil
}

// run plays a command line inside this process.
func (d *demo) run(args []string, stdin string) (output string, code int) {
	root, voice := newRoot(), ui.English
	if args[0] == "comptoir" {
		root, voice = comptoir.New(), ui.French
	}
	var b bytes.Buffer
	root.SetArgs(args[1:])
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&b)
	root.SetErr(&b)
	root.SetContext(d.ctx)
	code = ui.Main(root, voice)
	return b.String(), code
}

// shell writes a command as a person would type it.
func shell(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if strings.ContainsAny(a, " '") {
			a = `"` + a + `"`
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

// abridge keeps the head and the end of a long output.
func abridge(s string) string {
	lines := strings.SplitAfter(s, "\n")
	if len(lines) <= 14 {
		return s
	}
	return strings.Join(lines[:6], "") + fmt.Sprintf("… %d more lines\n", len(lines)-12) + strings.Join(lines[len(lines)-6:], "")
}

func cardNumbers(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	for i, n := range names {
		names[i] = strings.TrimSuffix(filepath.Base(n), ".txt")
	}
	slices.Sort(names)
	return names, nil
}

// verdict is what the demonstration reads of comptoir's JSON.
type verdict struct {
	Status string `json:"status"`
	Reason string `json:"reason"`
}

func (d *demo) check(counter, cards string, numbers []string) ([]verdict, error) {
	var input strings.Builder
	for _, n := range numbers {
		b, err := os.ReadFile(filepath.Join(cards, n+".txt"))
		if err != nil {
			return nil, err
		}
		input.Write(b)
	}
	output, _ := d.run([]string{"comptoir", "verify", counter, "--json", "--domain", "PHAR", "--on", d.day.String()}, input.String())
	var out []verdict
	for dec := json.NewDecoder(strings.NewReader(output)); dec.More(); {
		var v verdict
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("verdicts: %w: %.200s", err, output)
		}
		out = append(out, v)
	}
	if len(out) != len(numbers) {
		return nil, fmt.Errorf("%d verdicts for %d cards", len(out), len(numbers))
	}
	return out, nil
}

// openCard finds a card in the middle of the folder whose rights are open, to revoke it.
func (d *demo) openCard(counter, cards string, numbers []string) (string, error) {
	verdicts, err := d.check(counter, cards, numbers)
	if err != nil {
		return "", err
	}
	for i := range numbers {
		at := (len(numbers)/2 + i) % len(numbers)
		if verdicts[at].Reason == "OK" {
			return numbers[at], nil
		}
	}
	return "", fmt.Errorf("none of %d cards has open rights", len(numbers))
}

// verdicts counts the reasons over every card.
func (d *demo) verdicts(counter, cards string, numbers []string) (map[string]int, error) {
	verdicts, err := d.check(counter, cards, numbers)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, v := range verdicts {
		count[v.Status+" "+v.Reason]++
	}
	return count, nil
}

func tally(count map[string]int) string {
	var parts []string
	for reason, n := range count {
		parts = append(parts, fmt.Sprintf("%d %s", n, reason))
	}
	slices.SortFunc(parts, func(a, b string) int {
		return strings.Compare(strings.SplitN(a, " ", 2)[1], strings.SplitN(b, " ", 2)[1])
	})
	return strings.Join(parts, ", ")
}
