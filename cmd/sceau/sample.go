// sample: a made-up population, for vendors' tests and for trying Sceau.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
	"sceau/fixtures/gen"
	"sceau/rights"
)

// sampleFlags describe a population.
type sampleFlags struct {
	households, insurers, bad int
	seed                      uint64
	from, to                  string
}

func (f *sampleFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&f.households, "households", 500, "number of households")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "the same seed makes the same population")
}

func (f *sampleFlags) population() (*gen.Population, error) {
	from, err := parseDay("--valid-from", f.from)
	if err != nil {
		return nil, err
	}
	to, err := parseDay("--valid-to", f.to)
	if err != nil {
		return nil, err
	}
	if f.households < 1 || f.insurers < 1 || f.insurers > gen.MaxInsurers || f.bad < 0 || f.bad > 1000 || to < from {
		return nil, ui.WithHint(ui.Usage("no such population"), "--households from 1, --insurers 1 to %d, --bad 0 to 1000, days in order", gen.MaxInsurers)
	}
	return gen.New(f.seed, gen.Options{Households: f.households, Insurers: f.insurers, From: from, To: to, BadShare: float64(f.bad) / 1000})
}

func newSample() *cobra.Command {
	var f sampleFlags
	c := &cobra.Command{
		Use:   "sample [FILE]",
		Short: "Write a roster of made-up people",
		Long: `Writes a roster of made-up French households, with every form of name, number and guarantee, and a share of bad lines.
Nobody in it exists. The same seed writes the same bytes everywhere.

    $ sceau sample --households 500 --seed 1 roster.csv
    500 households written to roster.csv`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			people, err := f.population()
			if err != nil {
				return err
			}
			if len(args) == 0 || args[0] == "-" {
				return writeRoster(c.OutOrStdout(), people)
			}
			if err := writeRosterFile(args[0], people); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s written to %s\n", plural(f.households, "household"), args[0])
			return nil
		},
	}
	f.add(c)
	c.Flags().IntVar(&f.insurers, "insurers", 1, "number of insurers")
	c.Flags().IntVar(&f.bad, "bad", 30, "contracts with a fault, in thousandths")
	c.Flags().StringVar(&f.from, "valid-from", "2027-01-01", "first day of the contracts")
	c.Flags().StringVar(&f.to, "valid-to", "2027-12-31", "last day of the contracts")
	return c
}

func writeRoster(w io.Writer, people *gen.Population) error {
	b := bufio.NewWriter(w)
	_, err := people.WriteRoster(b)
	return errors.Join(err, b.Flush())
}

func writeRosterFile(name string, people *gen.Population) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(writeRoster(f, people), f.Close())
}

// demoDay is the date of care of the demonstration, inside the contracts of its population.
var demoDay = func() rights.Date {
	d, err := rights.NewDate(2027, 3, 2)
	if err != nil {
		panic(err)
	}
	return d
}()
