// In a drill: nothing outside of its folder is opened, and nobody outside of this computer is answered.

package main

import (
	"errors"
	"fmt"
	"net"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

// notInDrill says why a drill does not go on.
func notInDrill(err error) error {
	switch {
	case errors.Is(err, clock.ErrOutside), errors.Is(err, clock.ErrDrill):
		return ui.WithHint(fmt.Errorf("%s is set: %w", clock.Variable, err), "unset %s, which is for the programs that sceau drill starts", clock.Variable)
	}
	return err
}

// insideDrill refuses a file or folder that is not in the drill's, and any database on a server.
func insideDrill(path, database string) error {
	if clock.Drill() && database != "" {
		return ui.Usage("a drill keeps its register in its own folder, and opens no database")
	}
	if err := clock.Inside(path); err != nil {
		return ui.WithCode(notInDrill(err), ui.ExitUsage)
	}
	return nil
}

// noDrillBeyond keeps the service of a drill on this computer.
func noDrillBeyond(c Config) error {
	if !clock.Drill() {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || !loopback(host) || c.BehindProxy || c.ACME {
		return ui.WithHint(ui.Usage("the service of a drill answers this computer alone"), "--listen 127.0.0.1:8080")
	}
	return nil
}
