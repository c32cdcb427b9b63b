// sync: brings home the newest signed lists, from a web address, a folder, a zip or a stick.

package comptoir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
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

Sans --from, toutes les sources déjà utilisées sont essayées, sauf celles données avec --once : le partage d’un confrère, par
exemple, qui ne sera pas toujours là. Un échec laisse en place le dernier état vérifié.`

func newSync() *cobra.Command {
	var from []string
	var root string
	var asJSON, once bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "sync [DOSSIER] --from SOURCE",
		Short: "Met à jour les listes depuis une adresse, un dossier, un zip ou une clé USB",
		Long:  syncLong,
		Args:  ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			if root != "" && !trust.SameFingerprint(root, root) {
				return ui.WithHint(ui.Usage("--root %q n’est pas une empreinte", root), "64 chiffres et lettres de A à F, avec ou sans espaces, telle que l’opérateur la communique")
			}
			sources, err := openSources(from)
			if err != nil {
				return err
			}
			m, err := create(c.ErrOrStderr(), dir)
			if err != nil {
				return err
			}
			defer func() { m.Close() }()
			s := &syncing{out: c.OutOrStdout(), messages: c.ErrOrStderr(), mirror: m, dir: dir, root: root, json: asJSON, once: once, timeout: timeout}
			defer func() { m = s.mirror }()
			if _, err := os.Stat(filepath.Join(dir, mirror.BookName)); err == nil {
				s.book = mirror.ReadBook(dir, mirror.BookOptions{Now: clock.Now})
				defer s.book.Close()
			}
			return s.all(ctx, sources)
		},
	}
	c.Flags().StringArrayVar(&from, "from", nil, "`SOURCE`source : adresse http(s), dossier ou fichier zip ; peut être répétée")
	c.Flags().StringVar(&root, "root", "", "`EMPREINTE`empreinte attendue de la racine ; toute autre est refusée")
	c.Flags().BoolVar(&once, "once", false, "ne pas retenir ces sources pour les prochaines fois")
	c.Flags().BoolVar(&asJSON, "json", false, "un objet JSON par source")
	c.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "durée au plus, par source")
	return c
}

// openSources names folders and files in full, so that the next sync finds them from anywhere.
func openSources(from []string) ([]string, error) {
	var out []string
	for _, spec := range from {
		spec = strings.TrimSpace(spec)
		if !strings.Contains(spec, "://") {
			abs, err := filepath.Abs(spec)
			if err != nil {
				return nil, err
			}
			spec = abs
		}
		out = append(out, spec)
	}
	return out, nil
}

// create opens the folder. A database that is none any more is set aside, never overwritten; its sources and the roots that
// were pinned are then lost, and the next root is shown again.
func create(messages io.Writer, dir string) (*mirror.Mirror, error) {
	m, err := mirror.Create(dir)
	if !mirror.IsCorrupt(err) {
		if err != nil {
			return nil, inFrench(dir, err)
		}
		return m, nil
	}
	return setAside(messages, dir)
}

func setAside(messages io.Writer, dir string) (*mirror.Mirror, error) {
	kept, err := mirror.SetAside(dir, clock.Now())
	if err != nil {
		return nil, inFrench(dir, err)
	}
	fmt.Fprintf(messages, "les données abîmées du comptoir sont mises de côté : %s\n", kept)
	m, err := mirror.Create(dir)
	if err != nil {
		return nil, inFrench(dir, err)
	}
	return m, nil
}

// syncing is one run of the command.
type syncing struct {
	out, messages io.Writer
	mirror        *mirror.Mirror
	book          *mirror.Book // what the counter is enrolled with; nil for nothing
	dir, root     string
	json          bool
	once          bool // sources are not remembered
	timeout       time.Duration
}

// all tries every source, those given or those known: a bad one never blocks a good one. It fails when one of them failed.
func (s *syncing) all(ctx context.Context, from []string) error {
	known, err := s.mirror.Sources(ctx)
	if mirror.IsCorrupt(err) {
		s.mirror.Close()
		if s.mirror, err = setAside(s.messages, s.dir); err != nil {
			return err
		}
		known = nil
	}
	if err != nil {
		return inFrench(s.dir, err)
	}
	pinned := map[string]string{}
	for _, k := range known {
		pinned[k.Spec] = k.Fingerprint
	}
	if len(from) == 0 {
		for _, k := range known {
			from = append(from, k.Spec)
		}
	}
	if len(from) == 0 {
		return ui.WithHint(ui.Usage("aucune source connue"), "comptoir sync --from ADRESSE")
	}
	failed := 0
	for _, spec := range from {
		// A source that brought a repository once may bring no other: whoever takes the place over is found out here.
		root := s.root
		if root == "" {
			root = pinned[spec]
		}
		report, err := s.one(ctx, spec, root)
		if mirror.IsCorrupt(err) {
			s.mirror.Close()
			if s.mirror, err = setAside(s.messages, s.dir); err != nil {
				return err
			}
			report, err = s.one(ctx, spec, root)
		}
		if err == nil && len(report.Contested) > 0 {
			err = fmt.Errorf("%w: N° AMC %s", mirror.ErrClaimed, strings.Join(report.Contested, ", "))
			if !s.json {
				sayReport(s.out, report)
			}
		} else if err == nil && !s.json {
			sayReport(s.out, report)
		}
		if s.json {
			if err := writeSyncJSON(s.out, shown(spec), report, err); err != nil {
				return err
			}
		}
		if err != nil {
			failed++
			ui.French.Report(s.messages, inFrench(shown(spec), inSync(err)))
		}
	}
	if failed > 0 {
		return ui.Exit(ui.ExitFailure)
	}
	return nil
}

func (s *syncing) one(ctx context.Context, spec, root string) (refresh.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	src, err := openSource(ctx, spec, s.book)
	if err != nil {
		return refresh.Report{}, err
	}
	defer trust.CloseSource(src)
	report, err := refresh.Sync(ctx, s.mirror, src, refresh.Options{Root: root, Now: clock.Now})
	if errors.Is(err, trust.ErrRollback) {
		return report, errors.Join(err, s.mirror.OlderSource(ctx, spec, clock.Now()))
	}
	if err != nil || s.once {
		return report, err
	}
	return report, s.mirror.AddSource(ctx, spec, report.Fingerprint, clock.Now())
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
	if overdue(r) {
		fmt.Fprintf(w, "attention : liste figée depuis le %s, une plus récente était due avant le %s\nconseil : %s\n",
			instant(r.Published), instant(r.Expires), troubleOf(errFrozen).todo)
	}
}

// errFrozen names a list that stands still. No sync fails with it: the source gave what it has.
var errFrozen = errors.New("comptoir: no newer list")

// overdue says whether the source should have brought a newer list by now: it is forgotten, or somebody keeps the newer ones back.
func overdue(r refresh.Report) bool { return !r.Expires.IsZero() && clock.Now().After(r.Expires) }

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
		Expires     string `json:"expires,omitempty"`
		Frozen      bool   `json:"frozen,omitempty"` // overdue: a newer list should be there
		Insurers    int    `json:"insurers"`
		Lists       int    `json:"lists"`
		Files       int    `json:"files"`
		Bytes       int64  `json:"bytes"`
	}{Schema: "sceau-sync-1", Source: spec, OK: err == nil, Fingerprint: r.Fingerprint, New: r.New, Changed: r.Changed,
		Insurers: r.Insurers, Lists: r.Lists, Files: r.Files, Bytes: r.Bytes}
	if err != nil {
		a.Error, a.Code = err.Error(), troubleOf(inSync(err)).code
	}
	if !r.Published.IsZero() {
		a.Published = r.Published.UTC().Format(rfc3339)
	}
	if !r.Expires.IsZero() {
		a.Expires = r.Expires.UTC().Format(rfc3339)
	}
	if a.Frozen = err == nil && overdue(r); a.Frozen {
		a.Code = troubleOf(errFrozen).code
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(a)
}

// instant writes a time as the clock on a French wall shows it.
func instant(t time.Time) string { return t.In(rights.Paris()).Format("02/01/2006 à 15:04") }
