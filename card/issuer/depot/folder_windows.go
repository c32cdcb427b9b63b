// Replacing a file whole on Windows, where the library for it does not build, and locking a folder, which can't be locked there.

package depot

import (
	"crypto/rand"
	"errors"
	"os"
	"path"
	"path/filepath"
)

// write gives name its new content. It fails, and leaves the old file, while another program holds that open.
func (f *Folder) write(name string, data []byte) error {
	temp := path.Join(temporaryFolder(name), ".new-"+rand.Text())
	t, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return err
	}
	_, err = t.Write(data)
	if err = errors.Join(err, t.Sync(), t.Close()); err == nil {
		err = f.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, f.root.Remove(temp))
	}
	return nil
}

// temporaryFolder is where write puts a temporary file of name.
func temporaryFolder(name string) string { return path.Dir(name) }

func (f *Folder) lockName() string { return filepath.Join(f.name, ".depot.lock") }
func (f *Folder) lockFlag() int    { return os.O_CREATE | os.O_RDWR }
