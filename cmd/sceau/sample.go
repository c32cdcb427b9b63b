// sample: a made-up population, for vendors' tests and for trying Sceau.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/fixtures/gen"
	"sceau/rights"
)

// sampleFlags describe a population.
type sampleFlags struct {
	households, insurers, bad int
	seed                      uint64
	addresses                 bool
	from, to                  string
}

func (f *sampleFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&f.households, "households", 500, "number of households")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "the same seed makes the same population: in years from 2027 on, the same people")
}

// year is the one that cards are made for now: from November on, the next.
func year() int { return clock.Now().AddDate(0, 2, 0).In(rights.Paris()).Year() }

// dayOfCare is the 2nd of March of the population's year: everybody is covered by then.
func (f *sampleFlags) dayOfCare() rights.Date {
	from, err := rights.ParseDate(f.from)
	if err != nil {
		return 0
	}
	return from + 60
}

func (f *sampleFlags) population() (*gen.Population, error) {
	if f.from == "" {
		f.from = fmt.Sprintf("%d-01-01", year())
	}
	if f.to == "" {
		f.to = fmt.Sprintf("%d-12-31", year())
	}
	from, err := parseDay("--valid-from", f.from)
	if err != nil {
		return nil, err
	}
	to, err := parseDay("--valid-to", f.to)
	if err != nil {
		return nil, err
	}
	if f.households < 1 || f.insurers < 1 || f.insurers > gen.MaxInsurers || f.bad < 0 || f.bad > 1000 || to <= from {
		return nil, ui.WithHint(ui.Usage("no such population"), "--households from 1, --insurers 1 to %d, --bad 0 to 1000, days in order", gen.MaxInsurers)
	}
	return gen.New(f.seed, gen.Options{Households: f.households, Insurers: f.insurers, From: from, To: to, BadShare: float64(f.bad) / 1000, Addresses: f.addresses})
}

func newSample() *cobra.Command {
	var f sampleFlags
	c := &cobra.Command{
		Use:   "sample [FILE]",
		Short: "Write a roster of made-up people",
		Long: `Writes a roster of made-up French households, with every form of name, number and guarantee, and a share of bad lines.
Nobody in it exists. The same seed and the same options write the same bytes everywhere; with other days (--valid-from) from 2027 on
they are the same people and numbers, before 2027 people of the same ages.

    $ sceau sample --households 500 --seed 1 roster.csv
    500 households written to roster.csv`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			people, err := f.population()
			if err != nil {
				return err
			}
			if len(args) == 0 || args[0] == "-" {
				_, err := writeRoster(c.OutOrStdout(), people)
				return err
			}
			if _, err := writeRosterFile(args[0], people); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s written to %s\n", plural(f.households, "household"), args[0])
			return nil
		},
	}
	f.add(c)
	c.Flags().IntVar(&f.insurers, "insurers", 1, "number of insurers")
	c.Flags().BoolVar(&f.addresses, "addresses", false, "with postal addresses, for letters")
	c.Flags().IntVar(&f.bad, "bad", 30, "contracts with a fault, in thousandths")
	c.Flags().StringVar(&f.from, "valid-from", "", "first day of the contracts (default 1 January of the year that cards are made for now)")
	c.Flags().StringVar(&f.to, "valid-to", "", "last day of the contracts (default 31 December of that year)")
	return c
}

// writeRoster returns how many rejects an import of it must report.
func writeRoster(w io.Writer, people *gen.Population) (rejects int, err error) {
	b := bufio.NewWriter(w)
	expect, err := people.WriteRoster(b)
	return len(expect.Rejects), errors.Join(err, b.Flush())
}

func writeRosterFile(name string, people *gen.Population) (rejects int, err error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	rejects, err = writeRoster(f, people)
	return rejects, errors.Join(err, f.Close())
}
