// status: what the counter follows, and how old it is.

package comptoir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/mirror"
)

func newStatus() *cobra.Command {
	var asJSON, offlineOnly bool
	c := &cobra.Command{
		Use:   "status [DOSSIER]",
		Short: "Dit quelles listes sont suivies, et leur âge",
		Long: `Dit quels dépôts, organismes et listes le comptoir suit, de quand ils datent et d’où ils viennent.

    $ comptoir status ./counter
    dépôt 3F0A 91C4 …
      liste du 21/11/2026 à 10:00 (il y a 2 heures), à renouveler avant le 28/11/2026 à 10:00
      775670482   Mutuelle Exemple  1 liste, 3 changements de droits
      depuis /srv/public, le 21/11/2026 à 12:00
    message signé par Mutuelle Exemple : PANNE – Service de vérification arrêté
      Les cartes sont vérifiées d’après la dernière liste reçue.
      reste garanti : Toute carte déclarée valable est prise en charge.
      qui appeler : 01 99 00 12 34
      publié le 21/11/2026 à 09:30, valable jusqu’au 24/11/2026 à 18:00 ; reçu avec la liste du 21/11/2026 à 10:00
    service https://droits.example (Pharmacie du Port)
      répond : les cartes sont vérifiées en ligne
      3 vérifications à envoyer`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			m, err := openMirror(dir)
			if err != nil {
				return err
			}
			defer m.Close()
			repos, err := m.Overview(c.Context())
			if err != nil {
				return inFrench(dir, err)
			}
			s := newShop(dir, silent)
			defer s.close()
			notices := []noticeState{}
			if len(repos) > 0 {
				if notices, err = s.lists.notices(c.Context()); err != nil {
					return inFrench(dir, err)
				}
			}
			services := s.services.states(c.Context(), !offlineOnly)
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(struct {
					Schema       string              `json:"schema"`
					Repositories []mirror.Repository `json:"repositories"`
					Services     []serviceState      `json:"services"`
					Notices      []noticeState       `json:"notices"`
				}{"sceau-counter-1", repos, services, notices})
			}
			out := c.OutOrStdout()
			if len(repos) == 0 {
				fmt.Fprintln(out, "aucun dépôt suivi")
			}
			for _, r := range repos {
				fmt.Fprintf(out, "dépôt %s\n", r.Fingerprint)
				fmt.Fprintf(out, "  liste du %s (il y a %s), à renouveler avant le %s\n", instantOf(r.Published),
					ago(clock.Now().Sub(parseTime(r.Published))), instantOf(r.Expires))
				for _, i := range r.Insurers {
					fmt.Fprintf(out, "  %-10s  %s  %s, %s\n", i.Key, i.Name, count(i.Lists, "liste"), counted(i.Events, "changement de droits", "changements de droits"))
				}
				for _, s := range r.Sources {
					fmt.Fprintf(out, "  depuis %s, le %s%s\n", shown(s.Spec), instant(s.Synced), frozenSince(s, offline.French))
				}
			}
			sayNotices(out, notices)
			sayServices(out, services, !offlineOnly)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "un document JSON")
	c.Flags().BoolVar(&offlineOnly, "offline", false, "n’interroge aucun service en ligne")
	return c
}

// frozenSince says of a source that its list stands still while others move on, or is overdue: the mirror is forgotten, or
// somebody keeps the newer lists back.
func frozenSince(s mirror.Source, lang offline.Language) string {
	if !s.Frozen {
		return ""
	}
	since := s.Published
	if since.IsZero() {
		since = s.Synced
	}
	if lang == offline.English {
		return ", frozen since " + instant(since)
	}
	return ", figée depuis le " + instant(since)
}

func openMirror(dir string) (*mirror.Mirror, error) {
	m, err := mirror.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ui.WithHint(ui.Usage("aucun comptoir dans %s", dir), "comptoir sync %s --from ADRESSE", dir)
	}
	if err != nil {
		return nil, inFrench(dir, err)
	}
	return m, nil
}

func parseTime(s string) time.Time {
	t, err := time.Parse(rfc3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

func instantOf(s string) string { return instant(parseTime(s)) }

func newForget() *cobra.Command {
	return &cobra.Command{
		Use:   "forget [DOSSIER] EMPREINTE",
		Short: "Cesse de suivre un dépôt",
		Long: `Cesse de suivre un dépôt : ses listes, ses sources et ses organismes sont oubliés. « comptoir status » montre les empreintes.

    $ comptoir forget ./counter "3F0A 91C4 …"
    dépôt oublié`,
		Args: ui.Args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, rest, err := folderArg(c, args, 1)
			if err != nil {
				return err
			}
			m, err := openMirror(dir)
			if err != nil {
				return err
			}
			defer m.Close()
			if err := m.Forget(c.Context(), rest[0]); err != nil {
				return inFrench(dir, err)
			}
			fmt.Fprintln(c.OutOrStdout(), "dépôt oublié")
			return nil
		},
	}
}

func ago(d time.Duration) string {
	switch {
	case d < time.Hour:
		return "moins d’une heure"
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "heure")
	}
	return count(int(d/(24*time.Hour)), "jour")
}
