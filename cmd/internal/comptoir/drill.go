// In a drill: nothing outside of its folder, and no page that somebody could take for the real one.

package comptoir

import (
	"errors"
	"fmt"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

// notInDrill says in French why a drill does not go on.
func notInDrill(err error) error {
	switch {
	case errors.Is(err, clock.ErrOutside):
		return ui.WithHint(fmt.Errorf("%s est défini, et ceci n’est pas dans le dossier de l’exercice (%w)", clock.Variable, err),
			"effacer la variable %s pour travailler hors de l’exercice", clock.Variable)
	case errors.Is(err, clock.ErrDrill):
		return ui.WithHint(fmt.Errorf("%s est défini, et ne désigne aucun exercice (%w)", clock.Variable, err),
			"effacer la variable %s, sauf pour un exercice de « sceau drill »", clock.Variable)
	}
	return err
}

// insideDrill refuses a counter's folder that is not in the drill's.
func insideDrill(dir string) error {
	if err := clock.Inside(dir); err != nil {
		return ui.WithCode(notInDrill(err), ui.ExitUsage)
	}
	return nil
}

// noDrill refuses a command whose result could be taken for a real one by who did not start it.
func noDrill() error {
	if !clock.Drill() {
		return nil
	}
	return ui.WithHint(ui.Usage("ni page du comptoir ni attestation dans un exercice"), "comptoir verify, status et journal répondent")
}
