// Replacing a file whole on Windows, where the library for it does not build.

package static

import (
	"errors"
	"os"
	"path/filepath"
)

// write gives full its new content. It fails, and leaves the old file, while another program holds that open.
func write(full string, data []byte) error {
	t, err := os.CreateTemp(filepath.Dir(full), ".new-*")
	if err != nil {
		return err
	}
	_, err = t.Write(data)
	if err = errors.Join(err, t.Sync(), t.Close()); err == nil {
		err = os.Rename(t.Name(), full)
	}
	if err != nil {
		return errors.Join(err, os.Remove(t.Name()))
	}
	return nil
}
