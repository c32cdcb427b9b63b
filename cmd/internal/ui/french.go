// Cobra's own words, in French, for the program that pharmacists use.

package ui

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const frenchUsage = `Usage :{{if .Runnable}}
  {{.UseLine}}{{if .HasAvailableFlags}} [options]{{end}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMANDE{{end}}{{if .HasExample}}

Exemples :
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commandes :{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Options :
{{frenchFlags .LocalFlags}}{{end}}{{if .HasAvailableInheritedFlags}}

Options communes :
{{frenchFlags .InheritedFlags}}{{end}}{{if .HasAvailableSubCommands}}

« {{.CommandPath}} COMMANDE --help » explique une commande.{{end}}
`

// SpeakFrench makes root and its commands present themselves in French. Call it once they are all there.
func SpeakFrench(root *cobra.Command) {
	cobra.AddTemplateFunc("frenchFlags", frenchFlags)
	root.SetUsageTemplate(frenchUsage)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.InitDefaultHelpCmd()
	root.CompletionOptions.HiddenDefaultCmd = true
	root.InitDefaultCompletionCmd()
	root.InitDefaultVersionFlag()
	root.Flags().Lookup("version").Usage = "dit la version"
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Use, c.Short, c.Long = "help [COMMANDE]", "Explique une commande", "Explique une commande, comme « COMMANDE --help »."
		case "completion":
			c.Short = "Écrit le script de complétion d’un interpréteur de commandes"
			c.Long = c.Short + "."
			for _, shell := range c.Commands() {
				shell.Short = "Écrit le script de complétion de " + shell.Name()
				shell.Long = shell.Short + ", à charger au démarrage de celui-ci."
				shell.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = "sans les descriptions" })
			}
		}
	}
	explainItself(root, "explique le programme")
}

// explainItself gives a command and those below it their help flag, and a usage line without English.
func explainItself(c *cobra.Command, help string) {
	c.DisableFlagsInUseLine = true
	c.InitDefaultHelpFlag()
	c.Flags().Lookup("help").Usage = help
	for _, below := range c.Commands() {
		explainItself(below, "explique cette commande")
	}
}

// valueNames are what a flag without a name of its own takes, by its type.
var valueNames = map[string]string{"string": "TEXTE", "stringArray": "TEXTE", "int": "NOMBRE", "duration": "DURÉE"}

// frenchFlags lists flags. A usage that starts with a word in backquotes names the value by it.
func frenchFlags(flags *pflag.FlagSet) string {
	type row struct{ left, right string }
	var rows []row
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		r := row{"      --" + f.Name, f.Usage}
		if f.Shorthand != "" {
			r.left = "  -" + f.Shorthand + ", --" + f.Name
		}
		name := valueNames[f.Value.Type()]
		if rest, ok := strings.CutPrefix(f.Usage, "`"); ok {
			name, r.right, _ = strings.Cut(rest, "`")
			r.right = strings.TrimSpace(r.right)
		}
		if name != "" {
			r.left += " " + name
		}
		switch f.DefValue {
		case "", "0", "false", "[]":
		default:
			r.right += " (par défaut\u00a0: " + strings.TrimSuffix(f.DefValue, "0s") + ")"
		}
		rows = append(rows, r)
		width = max(width, utf8.RuneCountInString(r.left))
	})
	var b strings.Builder
	for i, r := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(r.left + strings.Repeat(" ", width-utf8.RuneCountInString(r.left)+3) + r.right)
	}
	return b.String()
}

// translation turns what the command-line library says by itself into French.
type translation struct {
	said *regexp.Regexp
	is   string
}

var frenchMistakes = []translation{
	{regexp.MustCompile(`^unknown command "(.*)" for ".*"`), "commande inconnue\u00a0: $1"},
	{regexp.MustCompile(`^unknown flag: (.*)$`), "option inconnue\u00a0: $1"},
	{regexp.MustCompile(`^unknown shorthand flag: '(.*)' in (.*)$`), "option inconnue\u00a0: -$1"},
	{regexp.MustCompile(`^flag needs an argument: '(.*)' in .*$`), "valeur manquante\u00a0: -$1"},
	{regexp.MustCompile(`^flag needs an argument: (.*)$`), "valeur manquante\u00a0: $1"},
	{regexp.MustCompile(`^bad flag syntax: (.*)$`), "option mal écrite\u00a0: $1"},
	{regexp.MustCompile(`(?s)^invalid argument "(.*)" for "(?:-., )?(--[^"]*)" flag: .*$`), "$2\u00a0: la valeur $1 ne convient pas"},
	{regexp.MustCompile(`^accepts between (\d+) and (\d+) arg\(s\), received (\d+)$`), "arguments attendus\u00a0: de $1 à $2\u00a0; reçus\u00a0: $3"},
	{regexp.MustCompile(`^accepts at most (\d+) arg\(s\), received (\d+)$`), "arguments attendus\u00a0: $1 au plus\u00a0; reçus\u00a0: $2"},
	{regexp.MustCompile(`^accepts (\d+) arg\(s\), received (\d+)$`), "arguments attendus\u00a0: $1\u00a0; reçus\u00a0: $2"},
	{regexp.MustCompile(`^requires at least (\d+) arg\(s\), only received (\d+)$`), "arguments attendus\u00a0: $1 au moins\u00a0; reçus\u00a0: $2"},
}

func inFrench(text string) string {
	for _, t := range frenchMistakes {
		if t.said.MatchString(text) {
			return t.said.ReplaceAllString(text, t.is)
		}
	}
	return text
}
