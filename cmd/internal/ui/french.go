// Cobra's own words, in French, for the program that pharmacists use.

package ui

import "github.com/spf13/cobra"

const frenchUsage = `Usage :{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMANDE{{end}}{{if .HasExample}}

Exemples :
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commandes :{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Options :
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

« {{.CommandPath}} COMMANDE --help » explique une commande.{{end}}
`

// SpeakFrench makes root and its commands present themselves in French.
func SpeakFrench(root *cobra.Command) {
	root.SetUsageTemplate(frenchUsage)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Short = "Explique une commande"
		case "completion":
			c.Short = "Écrit le script de complétion d’un interpréteur de commandes"
		}
		c.InitDefaultHelpFlag()
		if f := c.Flags().Lookup("help"); f != nil {
			f.Usage = "explique cette commande"
		}
	}
	root.InitDefaultHelpFlag()
	root.Flags().Lookup("help").Usage = "explique le programme"
	root.InitDefaultVersionFlag()
	root.Flags().Lookup("version").Usage = "dit la version"
}
