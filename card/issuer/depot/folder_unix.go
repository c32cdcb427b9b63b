// Replacing a file whole, and locking a folder, where a rename and a folder do that.

//go:build !windows

package depot

import (
	"os"

	"github.com/google/renameio/v2"
)

// write gives name its new content: readers see the old bytes or the new ones, also after a power cut.
func (f *Folder) write(name string, data []byte) error {
	t, err := renameio.NewPendingFile(name, renameio.WithRoot(f.root), renameio.WithPermissions(f.mode), renameio.IgnoreUmask())
	if err != nil {
		return err
	}
	defer t.Cleanup() // does nothing once the file is in its place
	if _, err := t.Write(data); err != nil {
		return err
	}
	return t.CloseAtomicallyReplace()
}

// temporaryFolder is where the library puts temporary files of a root: all of them at its top.
func temporaryFolder(string) string { return "." }

func (f *Folder) lockName() string { return f.name }
func (f *Folder) lockFlag() int    { return os.O_RDONLY }
