// A folder, a share or a USB stick as a source.
package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Dir is a folder as a source. Nothing outside the folder is ever opened, not
// through a symbolic link either.
type Dir struct{ root *os.Root }

var _ Source = (*Dir)(nil)

// OpenDir opens a folder; Close it.
func OpenDir(name string) (*Dir, error) {
	root, err := os.OpenRoot(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no such folder", ErrUnreachable)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: not a folder that can be read", ErrBadSource)
	}
	return &Dir{root}, nil
}

// Close closes the folder.
func (d *Dir) Close() error { return d.root.Close() }

// Fetch implements Source. Only regular files are read.
func (d *Dir) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	// Asked first: to open a pipe would wait for ever.
	info, err := d.root.Stat(path)
	if err != nil {
		return nil, d.trouble(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file", ErrBadSource, path)
	}
	f, err := d.root.Open(path)
	if err != nil {
		return nil, d.trouble(path, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, d.trouble(path, err)
	}
	data, err := readLimited(ctx, f, path, info.Size(), limit)
	if err != nil {
		return nil, d.trouble(path, err)
	}
	return data, nil
}

func (d *Dir) trouble(path string, err error) error {
	switch {
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrSource), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		// A medium that was pulled out loses its root too.
		if _, gone := d.root.Stat("."); gone != nil {
			return fmt.Errorf("%w: the folder is gone", ErrUnreachable)
		}
		return fmt.Errorf("%w: %s", ErrNotFound, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %s", ErrForbidden, path)
	}
	// The system's message would carry the folder's full name.
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%w: %s: %v", ErrUnreachable, path, err)
}
