// sync: brings home the newest signed lists, from a web address, a folder, a zip or a stick.

package comptoir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/rights"
	"sceau/signing/trust"
)

const syncLong = `Met à jour les listes du comptoir. La confiance vient des signatures, jamais de l’endroit où les fichiers ont été
trouvés : une adresse web, un dossier partagé, une clé USB ou un fichier zip conviennent également.

Au premier contact avec un dépôt, l’empreinte de sa racine est montrée : la comparer avec celle que l’organisme
communique par un autre moyen, ou la donner avec --root pour que toute autre soit refusée. Ensuite, elle est figée.

    $ comptoir sync ./counter --from ./public
    nouveau dépôt suivi, empreinte de la racine :
      3F0A 91C4 …
    liste du 21/11/2026 à 10:00 : 1 organisme, 1 liste, 3 fichiers lus (12 ko)

Sans --from, toutes les sources déjà utilisées sont essayées. Un échec laisse en place le dernier état vérifié.`

func newSync() *cobra.Command {
	var from []string
	var root string
	var asJSON bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "sync DOSSIER --from SOURCE",
		Short: "Met à jour les listes depuis une adresse, un dossier, un zip ou une clé USB",
		Long:  syncLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			m, err := mirror.Create(args[0])
			if err != nil {
				return fmt.Errorf("dossier du comptoir : %w", err)
			}
			defer m.Close()
			if len(from) == 0 {
				if from, err = knownSources(ctx, m); err != nil {
					return err
				}
			}
			return syncAll(ctx, c.OutOrStdout(), c.ErrOrStderr(), m, from, root, asJSON, timeout)
		},
	}
	c.Flags().StringArrayVar(&from, "from", nil, "source : adresse http(s), dossier ou fichier zip ; peut être répétée")
	c.Flags().StringVar(&root, "root", "", "empreinte attendue de la racine ; toute autre est refusée")
	c.Flags().BoolVar(&asJSON, "json", false, "un objet JSON par source")
	c.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "durée au plus, par source")
	return c
}

func knownSources(ctx context.Context, m *mirror.Mirror) ([]string, error) {
	known, err := m.Sources(ctx)
	if err != nil {
		return nil, err
	}
	if len(known) == 0 {
		return nil, ui.WithHint(ui.Usage("aucune source connue"), "comptoir sync DOSSIER --from ADRESSE")
	}
	var from []string
	for _, s := range known {
		from = append(from, s.Spec)
	}
	return from, nil
}

// syncAll tries every source: a bad one never blocks a good one. It fails when one of them failed.
func syncAll(ctx context.Context, out, messages io.Writer, m *mirror.Mirror, from []string, root string, asJSON bool, timeout time.Duration) error {
	failed := 0
	for _, spec := range from {
		report, err := syncOne(ctx, m, spec, root, timeout)
		if asJSON {
			if err := writeSyncJSON(out, spec, report, err); err != nil {
				return err
			}
		} else if err == nil {
			sayReport(out, report)
		}
		if err != nil {
			failed++
			ui.French.Report(messages, explain(spec, err))
		}
	}
	if failed > 0 {
		return ui.Exit(ui.ExitFailure)
	}
	return nil
}

func syncOne(ctx context.Context, m *mirror.Mirror, spec, root string, timeout time.Duration) (refresh.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	src, err := trust.NewSource(spec)
	if err != nil {
		return refresh.Report{}, err
	}
	if closer, ok := src.(io.Closer); ok {
		defer closer.Close()
	}
	report, err := refresh.Sync(ctx, m, src, refresh.Options{Root: root, Now: clock.Now})
	if err != nil {
		return report, err
	}
	return report, m.AddSource(ctx, spec, report.Fingerprint, clock.Now())
}

func sayReport(w io.Writer, r refresh.Report) {
	if r.New {
		fmt.Fprintf(w, "nouveau dépôt suivi, empreinte de la racine :\n  %s\n", r.Fingerprint)
	}
	state := "liste"
	if !r.Changed {
		state = "déjà à jour, liste"
	}
	fmt.Fprintf(w, "%s du %s : %s, %s, %s (%s)\n", state, instant(r.Published),
		count(r.Insurers, "organisme"), count(r.Lists, "liste"), counted(r.Files, "fichier lu", "fichiers lus"), size(r.Bytes))
}

// explain says in French what a source's trouble is and what to do; the technical error stays beside it.
func explain(spec string, err error) error {
	switch {
	case errors.Is(err, mirror.ErrClaimed):
		return ui.WithHint(err, "deux opérateurs annoncent le même organisme : prévenir les deux, et ne suivre que le bon")
	case errors.Is(err, refresh.ErrOtherRoot):
		return ui.WithHint(err, "ne pas poursuivre : demander l’empreinte à l’organisme par un autre moyen")
	}
	e := trust.Explain(err)
	return ui.WithHint(fmt.Errorf("%s : %s (%w)", spec, e.What, err), "%s", e.Todo)
}

func writeSyncJSON(w io.Writer, spec string, r refresh.Report, err error) error {
	a := struct {
		Schema      string `json:"schema"`
		Source      string `json:"source"`
		OK          bool   `json:"ok"`
		Code        string `json:"code,omitempty"`
		Error       string `json:"error,omitempty"`
		Fingerprint string `json:"fingerprint,omitempty"`
		New         bool   `json:"new"`
		Changed     bool   `json:"changed"`
		Published   string `json:"published,omitempty"`
		Insurers    int    `json:"insurers"`
		Lists       int    `json:"lists"`
		Files       int    `json:"files"`
		Bytes       int64  `json:"bytes"`
	}{Schema: "sceau-sync-1", Source: spec, OK: err == nil, Fingerprint: r.Fingerprint, New: r.New, Changed: r.Changed,
		Insurers: r.Insurers, Lists: r.Lists, Files: r.Files, Bytes: r.Bytes}
	if err != nil {
		a.Error, a.Code = err.Error(), trust.Explain(err).Code
	} else {
		a.Published = r.Published.UTC().Format(rfc3339)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(a)
}

// instant writes a time as the clock on a French wall shows it.
func instant(t time.Time) string { return t.In(rights.Paris()).Format("02/01/2006 à 15:04") }
