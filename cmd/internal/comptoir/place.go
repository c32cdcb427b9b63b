// Where a counter's folder is when nobody says.

package comptoir

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
)

// Names of what the desk keeps beside the databases of package mirror.
const (
	lockName    = "desk.lock"
	logName     = "desk.log"
	tokenName   = "api-token"
	cacheName   = "cache"  // compiled modules of the picture reader
	profileName = "window" // the browser's
)

const dirFlag = "dir"

// folder is the counter's folder: --dir, COMPTOIR_DIR, or the user's own.
func folder(c *cobra.Command) (string, error) {
	dir, err := givenFolder(c)
	if err != nil {
		return "", err
	}
	return dir, insideDrill(dir)
}

func givenFolder(c *cobra.Command) (string, error) {
	if f := c.Flag(dirFlag); f != nil && f.Value.String() != "" {
		return filepath.Abs(f.Value.String())
	}
	if dir := os.Getenv("COMPTOIR_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := userFolder(runtime.GOOS, os.Getenv, os.UserHomeDir)
	if err != nil {
		return "", ui.WithHint(ui.Usage("le dossier du comptoir n’a pas de place : %v", err), "le donner avec --dir DOSSIER ou COMPTOIR_DIR")
	}
	return dir, nil
}

// userFolder is the one folder of this user on this computer, by the custom of its system.
func userFolder(system string, env func(string) string, home func() (string, error)) (string, error) {
	under := func(parts ...string) (string, error) {
		h, err := home()
		if err != nil {
			return "", err
		}
		return filepath.Join(append([]string{h}, parts...)...), nil
	}
	switch system {
	case "windows":
		if local := env("LOCALAPPDATA"); local != "" {
			return filepath.Join(local, "Sceau", "comptoir"), nil
		}
		return "", errors.New("%LOCALAPPDATA%")
	case "darwin":
		return under("Library", "Application Support", "Sceau", "comptoir")
	}
	if data := env("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "sceau", "comptoir"), nil
	}
	return under(".local", "share", "sceau", "comptoir")
}

// folderArg takes the folder from the first argument where there is one more than the command needs, else from folder.
func folderArg(c *cobra.Command, args []string, needs int) (dir string, rest []string, err error) {
	if len(args) <= needs {
		dir, err = folder(c)
		return dir, args, err
	}
	if f := c.Flag(dirFlag); f != nil && f.Changed {
		return "", nil, ui.WithHint(ui.Usage("le dossier est donné deux fois : %s et --dir %s", args[0], f.Value), "%s", c.UseLine())
	}
	return args[0], args[1:], insideDrill(args[0])
}
