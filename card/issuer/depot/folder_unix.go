// Replacing a file whole, and locking a folder, where a rename and a folder do that.

//go:build !windows

package depot

import (
	"os"
	"path"

	"github.com/google/renameio/v2"
)

// write gives name its new content: readers see the old bytes or the new ones, also after a power cut.
func (f *Folder) write(name string, data []byte) error {
	t, err := renameio.NewPendingFile(name, renameio.WithRoot(f.root), renameio.WithPermissions(f.mode), renameio.IgnoreUmask(), renameio.WithTempDir(path.Dir(name)))
	if err != nil {
		return err
	}
	defer t.Cleanup() // does nothing once the file is in its place
	if _, err := t.Write(data); err != nil {
		return err
	}
	return t.CloseAtomicallyReplace()
}

func (f *Folder) lockName() string { return f.name }
func (f *Folder) lockFlag() int    { return os.O_RDONLY }
