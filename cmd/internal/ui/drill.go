// What both programs do before anything else in a drill: check its folder, and say that it is one.

package ui

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sceau/cmd/internal/clock"
	"sceau/rights"
)

// Exercise says to root that every command of it, in a drill, first says so (format is given the time and the folder), and works
// on nothing that lies outside of the drill's folder. A path is what names a file that is there, or has a separator. Commands
// that open folders by other ways ask clock.Inside themselves.
func Exercise(root *cobra.Command, format string, refuse func(error) error) {
	root.PersistentPreRunE = func(c *cobra.Command, args []string) error {
		folder, at, err := clock.Begin()
		if err != nil {
			return WithCode(refuse(err), ExitUsage)
		}
		if folder == "" {
			return nil
		}
		for _, path := range append(args, paths(c.Flags())...) {
			if !looksLikePath(path) {
				continue
			}
			if err := clock.Inside(path); err != nil {
				return WithCode(refuse(err), ExitUsage)
			}
		}
		fmt.Fprintf(c.ErrOrStderr(), format+"\n", at.In(rights.Paris()).Format("02/01/2006 15:04:05"), folder)
		return nil
	}
}

// paths are the texts that flags were given.
func paths(flags *pflag.FlagSet) []string {
	var out []string
	flags.Visit(func(f *pflag.Flag) {
		if all, ok := f.Value.(pflag.SliceValue); ok {
			out = append(out, all.GetSlice()...)
		} else if f.Value.Type() == "string" {
			out = append(out, f.Value.String())
		}
	})
	return out
}

// looksLikePath says whether a text may name a file or folder. An address doesn't.
func looksLikePath(s string) bool {
	if s == "" || s == "-" || strings.Contains(s, "://") || strings.ContainsAny(s, "\n\r") {
		return false
	}
	return strings.ContainsAny(s, `/\`) || exists(s)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
