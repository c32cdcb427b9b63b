// Each command of a first-hour page is a command of the program, with its arguments and flags.

package main

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer/firsthour"
)

// shellWords splits a command as a shell does, as far as the pages need it; "&&" is a word.
func shellWords(s string) (words []string) {
	word, in, quote, escaped := "", false, rune(0), false
	for _, r := range s + " " {
		switch {
		case escaped:
			word, in, escaped = word+string(r), true, false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, in = r, true
		case quote == 0 && r == ' ':
			if in {
				words = append(words, word)
			}
			word, in = "", false
		default:
			word, in = word+string(r), true
		}
	}
	return words
}

// understood says why the program would refuse the form of a command; "" when it would not.
func understood(words []string) string {
	if len(words) < 2 || words[0] != "sceau" {
		return "it is none of sceau"
	}
	root := newRoot()
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	c, rest, err := root.Find(words[1:])
	switch {
	case err != nil:
		return err.Error()
	case c == root || c.RunE == nil && c.Run == nil || c.HasSubCommands():
		return "no such command"
	}
	if err := c.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err.Error()
	}
	if err := c.ValidateRequiredFlags(); err != nil {
		return err.Error()
	}
	return lacking(c)
}

// lacking names what the pages must give and the program asks for only when it runs.
func lacking(c *cobra.Command) string {
	need := map[string][]string{"sceau exposure": {"out", "contact", "discovered"}, "sceau publish": {"to"}, "sceau backup": {"to"}, "sceau counter invite": {"finess", "profession"},
		"sceau apikey add": {"name", "roles"}, "sceau notice add": {"kind", "title", "text", "guaranteed", "phone", "until"}}
	for _, flag := range need[c.CommandPath()] {
		if !c.Flags().Changed(flag) {
			return "it lacks --" + flag
		}
	}
	return ""
}

var inlineCommand = regexp.MustCompile(`sceau( [a-z]+)+( [^ .,;»]+)*`)

func TestFirstHourCommands(t *testing.T) {
	at := time.Date(2027, 3, 2, 10, 5, 0, 0, time.UTC)
	for _, f := range []firsthour.Facts{{At: at}, {At: at, Discovered: at, Dir: "/srv/l'opérateur 1", Public: "/srv/public", Insurer: "775670482", KID: "Xq3f9aLmQ2s", ID: "5f0c0f7c2f3b9f1e"}} {
		for _, kind := range firsthour.Kinds() {
			p, err := firsthour.Page(kind, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range p.Blocks {
				for _, s := range b.Steps {
					var all [][]string
					if s.Command != "" {
						all = append(all, nil)
						for _, w := range shellWords(s.Command) {
							if w == "&&" {
								all = append(all, nil)
								continue
							}
							all[len(all)-1] = append(all[len(all)-1], w)
						}
					}
					for _, text := range []string{s.Text, s.Note} {
						for _, m := range inlineCommand.FindAllString(text, -1) {
							all = append(all, shellWords(m))
						}
					}
					for _, words := range all {
						if why := understood(words); why != "" {
							t.Errorf("%s: %s: %s", kind, strings.Join(words, " "), why)
						}
					}
				}
			}
		}
	}
	for _, bad := range []string{"sceau", "sceau key audit DIR", "sceau keys DIR", "sceau keys audit", "sceau keys audit DIR --x", "sceau publish DIR", "sceau exposure DIR --register --out x", "comptoir sync DIR"} {
		if understood(shellWords(bad)) == "" {
			t.Errorf("%s is understood", bad)
		}
	}
}
