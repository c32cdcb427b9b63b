// journal: the counter's memory, searched, exported and verified.

package comptoir

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/mirror"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

func newJournal() *cobra.Command {
	c := &cobra.Command{
		Use:   "journal",
		Short: "Cherche, exporte et contrôle les vérifications inscrites",
		Long: `Le journal garde chaque vérification : la carte par sa place dans la liste de l’organisme, la date des soins, le domaine, la
réponse et la liste consultée. Il ne contient ni nom, ni numéro d’adhérent, ni NIR. Les entrées sont chaînées, et la dernière
est signée par la clé de ce poste : une entrée modifiée ou retirée se voit.`,
		Args: ui.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newJournalList(), newJournalShow(), newJournalExport(), newJournalVerify(), newJournalPrune(), newJournalSend())
	return c
}

// searchFlags narrow a search.
type searchFlags struct {
	from, to, care, status string
	disputed               bool
}

func (f *searchFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.from, "from", "", "`DATE`premier jour de vérification, AAAA-MM-JJ ou JJ/MM/AAAA")
	c.Flags().StringVar(&f.to, "to", "", "`DATE`dernier jour de vérification")
	c.Flags().StringVar(&f.care, "care", "", "`DATE`date des soins")
	c.Flags().BoolVar(&f.disputed, "disputed", false, "seulement les vérifications qu’un organisme conteste")
	c.Flags().StringVar(&f.status, "status", "", "`RÉPONSE`réponse : valid, reserve, refused ou unknown")
}

func (f *searchFlags) search() (q mirror.Search, err error) {
	if q.From, err = dayFlag("from", f.from); err != nil {
		return q, err
	}
	if q.To, err = dayFlag("to", f.to); err != nil {
		return q, err
	}
	if q.Care, err = dayFlag("care", f.care); err != nil {
		return q, err
	}
	q.Status = offline.Status(f.status)
	if f.disputed {
		q.Answer = receipt.Disputed
	}
	if f.status != "" && !slices.Contains([]offline.Status{offline.Valid, offline.Reserve, offline.Refused, offline.Unknown}, q.Status) {
		return q, ui.Usage("--status %q : valid, reserve, refused ou unknown", f.status)
	}
	return q, nil
}

// withBook reads the journal of a folder.
func withBook(dir string, do func(*mirror.Book) error) error {
	if _, err := os.Stat(filepath.Join(dir, mirror.BookName)); errors.Is(err, os.ErrNotExist) {
		return ui.WithHint(ui.Usage("aucun journal dans %s", dir), "comptoir verify %s", dir)
	}
	b := mirror.ReadBook(dir, mirror.BookOptions{Now: clock.Now})
	defer b.Close()
	return do(b)
}

func newJournalList() *cobra.Command {
	var f searchFlags
	var limit int
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [DOSSIER]",
		Short: "Montre les dernières vérifications",
		Long: `Montre les vérifications, la plus récente d’abord.

    $ comptoir journal list ./counter --from 2027-03-01
    K7QF-2-M3TZ   02/03/2027 à 10:00  ✓ valid    775670482/3-583021  soins du 02/03/2027  PHAR  OK`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			q, err := f.search()
			if err != nil {
				return err
			}
			if limit < 1 || limit > mirror.MaxLimit {
				return ui.Usage("--limit %d : de 1 à %d", limit, mirror.MaxLimit)
			}
			q.Limit = limit
			return withBook(dir, func(b *mirror.Book) error {
				found, err := b.Find(c.Context(), q)
				if err != nil {
					return inFrench(dir, err)
				}
				if asJSON {
					return receipt.WriteJSON(c.OutOrStdout(), each(found))
				}
				for _, r := range found {
					fmt.Fprintln(c.OutOrStdout(), listed(r))
				}
				if len(found) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "aucune vérification")
				}
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().IntVar(&limit, "limit", mirror.DefaultLimit, "nombre de lignes au plus")
	c.Flags().BoolVar(&asJSON, "json", false, "un document JSON")
	return c
}

func each(found []mirror.Record) iter.Seq2[mirror.Record, error] {
	return func(yield func(mirror.Record, error) bool) {
		for _, r := range found {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func newJournalShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show [DOSSIER] NUMÉRO",
		Short: "Montre une vérification",
		Long: `Montre la vérification d’un numéro de preuve, tel qu’il est sur la facture ; la casse et les tirets n’importent pas.

    $ comptoir journal show ./counter k7qf 2 m3tz
    Numéro de preuve : K7QF-2-M3TZ
    …`,
		Args: ui.Args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, number, err := numberArgs(c, args)
			if err != nil {
				return err
			}
			return withBook(dir, func(b *mirror.Book) error {
				r, err := find(c.Context(), b, dir, number)
				if err != nil {
					return err
				}
				if asJSON {
					return receipt.WriteJSON(c.OutOrStdout(), each([]mirror.Record{r}))
				}
				for _, row := range receipt.Lines(offline.French, r, "", receipt.Counter{}) {
					fmt.Fprintf(c.OutOrStdout(), "%s\u00a0: %s\n", row.Label, row.Value)
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "un document JSON")
	return c
}

// numberArgs tells a folder from a number, which people also type with blanks.
func numberArgs(c *cobra.Command, args []string) (dir, number string, err error) {
	rest := args
	if len(args) > 1 {
		if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
			dir, rest, err = folderArg(c, args, 0)
			return dir, strings.Join(rest, " "), err
		}
	}
	dir, err = folder(c)
	return dir, strings.Join(rest, " "), err
}

func find(ctx context.Context, b *mirror.Book, dir, number string) (mirror.Record, error) {
	if _, err := receipt.ParseNumber(number); err != nil {
		return mirror.Record{}, ui.WithHint(ui.Usage("%q n’est pas un numéro de preuve", number), "un numéro ressemble à K7QF-1042-M3TZ")
	}
	found, err := b.Find(ctx, mirror.Search{Number: number, Limit: 1})
	if err != nil {
		return mirror.Record{}, inFrench(dir, err)
	}
	if len(found) == 0 {
		return mirror.Record{}, ui.WithHint(fmt.Errorf("aucune vérification de ce numéro dans ce journal"), "comptoir journal list montre les dernières")
	}
	return found[0], nil
}

func newJournalExport() *cobra.Command {
	var f searchFlags
	var format, out string
	c := &cobra.Command{
		Use:   "export [DOSSIER] --format csv|json",
		Short: "Exporte le journal, pour un tableur ou un programme",
		Long: `Exporte les vérifications, la plus ancienne d’abord. Le CSV s’ouvre dans un tableur français (« ; », UTF-8) et ne contient aucune
formule ; le JSON est un document de schéma sceau-journal-1.

    $ comptoir journal export ./counter --format csv --from 2027-03-01 --to 2027-03-31 --out mars.csv
    12 vérifications écrites dans mars.csv`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			q, err := f.search()
			if err != nil {
				return err
			}
			write := map[string]func(io.Writer, iter.Seq2[receipt.Record, error]) error{"csv": receipt.WriteCSV, "json": receipt.WriteJSON}[format]
			if write == nil {
				return ui.Usage("--format %q : csv ou json", format)
			}
			return withBook(dir, func(b *mirror.Book) error {
				n := 0
				all := func(yield func(receipt.Record, error) bool) {
					err := b.Each(c.Context(), q, func(r receipt.Record) error {
						n++
						if !yield(r, nil) {
							return io.EOF
						}
						return nil
					})
					if err != nil && !errors.Is(err, io.EOF) {
						yield(receipt.Record{}, err)
					}
				}
				if out == "" || out == "-" {
					return inFrenchOrNil(dir, write(c.OutOrStdout(), all))
				}
				if err := writeOut(out, func(w io.Writer) error { return write(w, all) }); err != nil {
					return inFrench(out, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s dans %s\n", counted(n, "vérification écrite", "vérifications écrites"), out)
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&format, "format", "csv", "`FORMAT`csv ou json")
	c.Flags().StringVar(&out, "out", "", "`FICHIER`fichier ; la sortie standard par défaut")
	return c
}

func inFrenchOrNil(where string, err error) error {
	if err == nil {
		return nil
	}
	return inFrench(where, err)
}

func newJournalVerify() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify [DOSSIER]",
		Short: "Contrôle la chaîne du journal et sa signature",
		Long: `Contrôle chaque entrée, la chaîne, les numéros et la signature du poste. Sort 1 quand le journal a été modifié.

    $ comptoir journal verify ./counter
    journal intact : 12 vérifications, tête 3f0a91c4…`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			return withBook(dir, func(b *mirror.Book) error {
				head, count, err := b.Verify(c.Context())
				said := struct {
					Schema  string `json:"schema"`
					OK      bool   `json:"ok"`
					Checks  int    `json:"checks"`
					Entries int    `json:"entries"`
					Head    string `json:"head,omitempty"`
					Fault   string `json:"fault,omitempty"`
					Bad     uint64 `json:"bad,omitempty"` // first bad entry
				}{Schema: "sceau-journal-verify-1", OK: err == nil, Checks: count.Checks, Entries: count.Entries}
				var fault *journal.Fault
				if err == nil {
					said.Head = hex.EncodeToString(head.Hash[:])
				} else if errors.As(err, &fault) {
					said.Fault, said.Bad = fault.What.Error(), fault.Seq
				} else {
					said.Fault = troubleOf(err).code
				}
				if asJSON {
					if err := json.NewEncoder(c.OutOrStdout()).Encode(said); err != nil {
						return err
					}
				} else if err == nil {
					fmt.Fprintf(c.OutOrStdout(), "journal intact : %s, tête %s\n", counted(count.Checks, "vérification", "vérifications"), said.Head[:16])
				}
				switch {
				case err == nil:
					return nil
				case asJSON:
					return ui.Exit(ui.ExitFailure)
				case fault != nil:
					return ui.WithHint(fmt.Errorf("journal modifié, entrée %d (%s)", fault.Seq, fault.What), "en garder une copie et prévenir les organismes : ce qui suit cette entrée ne prouve plus rien")
				}
				return inFrench(dir, err)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "un document JSON")
	return c
}

func newJournalPrune() *cobra.Command {
	var before string
	c := &cobra.Command{
		Use:   "prune [DOSSIER] --before DATE",
		Short: "Retire les vérifications anciennes",
		Long: `Retire les vérifications faites avant un jour ; la chaîne de celles qui restent se contrôle comme avant. La page du comptoir le fait
chaque jour selon la durée de conservation des réglages. Une vérification à laquelle un service n’a pas encore répondu reste, avec celles
qui la suivent, tant que cette durée n’est pas passée.

    $ comptoir journal prune ./counter --before 2024-01-01
    3 vérifications retirées`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			day, err := dayFlag("before", before)
			if err != nil {
				return err
			}
			if day == 0 {
				return ui.WithHint(ui.Usage("jusqu’à quel jour ?"), "--before 2024-01-01")
			}
			if latest := clock.Now().AddDate(0, 0, -counter.MinRetention); day.Midnight().After(latest) {
				return ui.Usage("--before %s : au moins %d jours sont gardés", before, counter.MinRetention)
			}
			return withBook(dir, func(b *mirror.Book) error {
				kept := counter.DefaultSettings()
				if raw, err := b.Settings(c.Context()); err == nil {
					if own, err := counter.ParseSettings(raw); err == nil {
						kept = own
					}
				}
				var retention time.Time
				if kept.Retention > 0 {
					retention = clock.Now().AddDate(0, 0, -kept.Retention)
				}
				p, err := b.PruneSettled(c.Context(), day.Midnight(), retention)
				if err == nil || p.Entries > 0 {
					fmt.Fprintln(c.OutOrStdout(), counted(p.Entries, "vérification retirée", "vérifications retirées"))
				}
				if p.Unsettled > 0 {
					fmt.Fprintln(c.OutOrStdout(), counted(p.Unsettled, "dont une à laquelle aucun service n’avait répondu :", "dont certaines auxquelles aucun service n’avait répondu :"))
				}
				return inFrenchOrNil(dir, err)
			})
		},
	}
	c.Flags().StringVar(&before, "before", "", "`DATE`premier jour gardé, AAAA-MM-JJ ou JJ/MM/AAAA")
	return c
}
