// Package comptoir holds the commands of the counter's program: it follows insurers' signed lists and says whether the
// rights of a card are open.
package comptoir

import (
	"os"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
)

const about = `Comptoir vérifie les cartes de tiers payant signées, avec ou sans réseau.

Sans commande, il ouvre la page du comptoir dans sa propre fenêtre. Une seule page est ouverte par dossier : la lancer une
seconde fois la remet au premier plan. Avec --no-window, une adresse est affichée à la place : elle sert une fois, pendant une minute, et
relancer la commande en donne une autre. Le dossier est celui de --dir, de COMPTOIR_DIR, ou celui de l’utilisateur :
%LOCALAPPDATA%\Sceau\comptoir, ~/Library/Application Support/Sceau/comptoir ou ~/.local/share/sceau/comptoir.

    $ comptoir
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
	cobra.MousetrapHelpText = "" // a double click opens the desk
	var f deskFlags
	root := &cobra.Command{
		Use:     "comptoir",
		Short:   "Vérifie les cartes de tiers payant, avec ou sans réseau",
		Long:    about,
		Version: ui.Version(),
		Args:    rootArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runDesk(c, f) },
	}
	f.add(root)
	root.PersistentFlags().String(dirFlag, "", "`DOSSIER`dossier du comptoir ; COMPTOIR_DIR, ou celui de l’utilisateur par défaut")
	root.AddCommand(newSync(), newVerify(), newStatus(), newForget(), newFsck(), newJournal(), newReceipt(), newCalibrate(), newWatch(), newEnroll(), newShare())
	ui.SpeakFrench(root)
	ui.Exercise(root, "EXERCICE\u00a0: il est %s dans l’exercice de %s", notInDrill)
	return root
}

// rootArgs refuses what is no command; a folder there was meant for --dir.
func rootArgs(c *cobra.Command, args []string) error {
	err := ui.Args(cobra.NoArgs)(c, args)
	if err == nil {
		return nil
	}
	if info, stat := os.Stat(args[0]); stat == nil && info.IsDir() {
		return ui.WithHint(ui.Usage("commande inconnue\u00a0: %s", args[0]), "comptoir --dir %s", args[0])
	}
	return err
}
