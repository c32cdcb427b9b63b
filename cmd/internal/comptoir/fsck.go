// fsck: verifies again everything that the counter keeps.

package comptoir

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline/mirror"
)

func newFsck() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "fsck [DOSSIER]",
		Short: "Vérifie tout ce que le comptoir garde",
		Long: `Vérifie la base, chaque signature, chaque empreinte, chaque liste et le journal que le comptoir garde. Sort 1 à la moindre
anomalie. Une synchronisation remplace les listes abîmées ; un journal modifié le reste.

    $ comptoir fsck ./counter
    aucune anomalie`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			findings, err := fsck(c.Context(), dir)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(struct {
					Schema   string           `json:"schema"`
					Findings []mirror.Finding `json:"findings"`
				}{"sceau-fsck-1", append([]mirror.Finding{}, findings...)}); err != nil {
					return err
				}
			} else {
				for _, f := range findings {
					fmt.Fprintf(c.OutOrStdout(), "%s : %s : %s\n", f.Code, f.Where, f.What)
				}
				if len(findings) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "aucune anomalie")
				}
			}
			if len(findings) > 0 {
				return ui.Exit(ui.ExitFailure)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "un document JSON")
	return c
}

// fsck verifies lists and journal.
func fsck(ctx context.Context, dir string) ([]mirror.Finding, error) {
	found, err := fsckLists(ctx, dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, mirror.BookName)); err != nil {
		return found, nil // no check was recorded yet
	}
	b := mirror.ReadBook(dir, mirror.BookOptions{Now: clock.Now})
	defer b.Close()
	if _, _, err := b.Verify(ctx); err != nil {
		found = append(found, mirror.Finding{Code: "journal", Where: mirror.BookName, What: err.Error()})
	}
	return found, nil
}

// fsckLists opens the folder itself: one that can't even be opened is a finding, not a failure.
func fsckLists(ctx context.Context, dir string) ([]mirror.Finding, error) {
	m, err := openMirror(dir)
	if err != nil {
		if mirror.IsDamaged(err) {
			return []mirror.Finding{{Code: "database", Where: mirror.FileName, What: err.Error()}}, nil
		}
		return nil, err
	}
	defer m.Close()
	return m.Fsck(ctx), nil
}
