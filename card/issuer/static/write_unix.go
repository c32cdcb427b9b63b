// Replacing a file whole, where a rename does that.

//go:build !windows

package static

import (
	"path/filepath"

	"github.com/google/renameio/v2"
)

// write gives full its new content: readers see the old bytes or the new ones, also after a power cut.
func write(full string, data []byte) error {
	t, err := renameio.NewPendingFile(full, renameio.WithPermissions(0o644), renameio.IgnoreUmask(), renameio.WithTempDir(filepath.Dir(full)))
	if err != nil {
		return err
	}
	defer t.Cleanup() // does nothing once the file is in its place
	if _, err := t.Write(data); err != nil {
		return err
	}
	return t.CloseAtomicallyReplace()
}
