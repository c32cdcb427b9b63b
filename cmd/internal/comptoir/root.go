// Package comptoir holds the commands of the counter's program: it follows insurers' signed lists and says whether the
// rights of a card are open.
package comptoir

import (
	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
)

const about = `Comptoir vérifie les cartes de tiers payant signées, avec ou sans réseau.

    $ comptoir sync ./counter --from ./public
    nouveau dépôt suivi, empreinte de la racine : 3F0A 91C4 …
    liste du 21/11/2026 à 10:00 : 1 organisme, 1 liste, 9 fichiers lus (14 ko)

    $ comptoir verify ./counter --domain PHAR --on 2027-03-02 < scan.txt
    ✓ DROITS OUVERTS
      …

Codes de sortie de « verify », pour les logiciels : 0 droits ouverts, 1 refus, 2 erreur d’usage,
3 à confirmer, 4 inconnu, illisible ou vérification impossible. Pour plusieurs codes, le plus grave : 1, puis 4, puis 3.
Codes de sortie des autres commandes : 0 fait, 1 échec ou anomalie trouvée, 2 erreur d’usage.`

// New makes the program's command line. Run it with ui.Main and ui.French.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:     "comptoir",
		Short:   "Vérifie les cartes de tiers payant, avec ou sans réseau",
		Long:    about,
		Version: ui.Version(),
		Args:    ui.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddCommand(newSync(), newVerify(), newStatus(), newForget(), newFsck())
	ui.SpeakFrench(root)
	return root
}
