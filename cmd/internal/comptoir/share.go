// share: the verified lists handed on, to a neighbour who can't reach the operator: a folder, a zip, or the local network.

package comptoir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline/mirror"
	"sceau/signing/trust"
)

const shareLong = `Remet à un confrère les listes vérifiées de ce poste, telles que l’opérateur les a signées : dans un dossier ou sur une
clé USB (--to), dans un fichier zip (--zip), ou sur le réseau local (--listen). Rien d’autre n’est remis : ni journal, ni réglages,
ni inscription. Un état dont une partie est abîmée n’est pas partagé.

Le confrère n’a pas à croire ce poste : il vérifie les signatures, et ne suit qu’un dépôt dont l’empreinte est la bonne. La lui
donner de vive voix. Ce qu’il reçoit peut être partagé à son tour. Avec --once, son poste ne retient pas d’où il l’a reçu.

    $ comptoir share ./counter --to /media/cle
    dépôt 3F0A 91C4 …
      liste du 21/11/2026 à 10:00, 12 fichiers (34 ko)
      remise dans /media/cle ; éjecter la clé avant de la retirer
    sur l’autre poste : comptoir sync --from /media/cle --root "3F0A 91C4 …"

    $ comptoir share ./counter --listen :8037
    dépôt 3F0A 91C4 …
      liste du 21/11/2026 à 10:00, 12 fichiers (34 ko)
      http://192.168.1.20:8037/3f0a91c4…/
    sur l’autre poste : comptoir sync --from http://192.168.1.20:8037/3f0a91c4…/ --root "3F0A 91C4 …"
    partage ouvert à tout le réseau local, en lecture seule (Ctrl+C pour finir)

Sur le réseau local, chaque nouvelle liste que ce poste reçoit est remise à son tour. Le partage ne reçoit rien et s’arrête
avec la commande.`

type shareFlags struct {
	to, zip, listen string
	root            string
}

func newShare() *cobra.Command {
	var f shareFlags
	c := &cobra.Command{
		Use:   "share [DOSSIER] --to DOSSIER | --zip FICHIER | --listen ADRESSE",
		Short: "Remet les listes vérifiées à un confrère : dossier, clé USB, zip ou réseau local",
		Long:  shareLong,
		Args:  ui.Args(cobra.MaximumNArgs(1)),
		RunE:  func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	c.Flags().StringVar(&f.to, "to", "", "`DOSSIER`dossier ou clé USB à remplir ; vide, ou d’un partage précédent du même dépôt")
	c.Flags().StringVar(&f.zip, "zip", "", "`FICHIER`fichier .zip à écrire")
	c.Flags().StringVar(&f.listen, "listen", "", "`ADRESSE`partage sur le réseau local, par exemple :8037 ou 192.168.1.20:8037")
	c.Flags().StringVar(&f.root, "root", "", "`EMPREINTE`dépôt à remettre, quand plusieurs sont suivis")
	return c
}

func (f shareFlags) run(c *cobra.Command, args []string) error {
	given := 0
	for _, way := range []string{f.to, f.zip, f.listen} {
		if way != "" {
			given++
		}
	}
	if given == 0 {
		return ui.WithHint(ui.Usage("comment partager : --to, --zip ou --listen ?"), "comptoir share --to DOSSIER")
	}
	if given > 1 {
		return ui.WithHint(ui.Usage("une seule façon de partager à la fois : --to, --zip ou --listen"), "comptoir share --to DOSSIER")
	}
	dir, _, err := folderArg(c, args, 0)
	if err != nil {
		return err
	}
	for _, target := range []string{f.to, f.zip} {
		if target != "" {
			if err := insideDrill(target); err != nil {
				return err
			}
		}
	}
	ctx, stop := signal.NotifyContext(c.Context(), endSignals...)
	defer stop()
	m, err := openMirror(dir)
	if err != nil {
		return err
	}
	defer m.Close()
	roots, err := f.chosen(ctx, m)
	if err != nil {
		return inFrench(dir, err)
	}
	switch {
	case len(roots) == 0:
		return ui.WithHint(fmt.Errorf("ce comptoir ne suit aucune liste : il n’y a rien à partager"), "comptoir sync %s --from ADRESSE", dir)
	case f.listen != "":
		return f.serve(ctx, c.OutOrStdout(), c.ErrOrStderr(), m, dir, roots)
	case len(roots) > 1:
		return ui.WithHint(ui.Usage("ce comptoir suit %d dépôts", len(roots)), "en choisir un avec --root : %s", strings.Join(roots, " ; "))
	}
	return f.hand(ctx, c.OutOrStdout(), m, dir, roots[0])
}

// chosen are the fingerprints to share: the one that was named, or all that are followed.
func (f shareFlags) chosen(ctx context.Context, m *mirror.Mirror) ([]string, error) {
	v, err := m.View(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	all, err := v.Fingerprints()
	if err != nil || f.root == "" {
		return all, err
	}
	i := slices.IndexFunc(all, func(one string) bool { return trust.SameFingerprint(one, f.root) })
	if i < 0 {
		return nil, mirror.ErrNotFollowed
	}
	return all[i : i+1], nil
}

// hand fills a folder or writes a zip file.
func (f shareFlags) hand(ctx context.Context, out io.Writer, m *mirror.Mirror, dir, root string) error {
	v, err := m.View(ctx)
	if err != nil {
		return inFrench(dir, err)
	}
	defer v.Close()
	var h mirror.Handed
	where, put := f.to, handToFolder
	if f.zip != "" {
		where, put = f.zip, handToZip
	}
	if h, err = put(ctx, v, root, where); err != nil {
		if errors.Is(err, mirror.ErrDamaged) {
			where = dir
		}
		return inFrench(where, err)
	}
	sayHanded(out, h)
	if f.zip != "" {
		fmt.Fprintf(out, "  remise dans %s\n", where)
	} else {
		fmt.Fprintf(out, "  remise dans %s ; éjecter la clé avant de la retirer\n", where)
	}
	sayFollow(out, where, h)
	return nil
}

func sayHanded(out io.Writer, h mirror.Handed) {
	fmt.Fprintf(out, "dépôt %s\n  liste du %s, %s (%s)\n", h.Fingerprint, instant(h.Published), count(h.Files, "fichier"), size(h.Bytes))
	if clock.Now().After(h.Expires) {
		fmt.Fprintf(out, "  attention : liste figée depuis le %s, une plus récente était due avant le %s\n", instant(h.Published), instant(h.Expires))
	}
}

func sayFollow(out io.Writer, from string, h mirror.Handed) {
	if strings.ContainsAny(from, " \t'") {
		from = `"` + from + `"`
	}
	fmt.Fprintf(out, "sur l’autre poste : comptoir sync --from %s --root %q\n", from, h.Fingerprint)
}
