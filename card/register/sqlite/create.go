// Making a register: whole under its name, or not there.

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Create makes a new register at path, readable by its owner alone. It refuses (fs.ErrExist) when the file is there. The
// register is built under another name in the same folder: a kill leaves no file at path, and the next Create takes away
// what is left. Of two at the same time one succeeds; the other fails, with fs.ErrExist or because its file was taken away.
func Create(path string, o Options) (*Store, error) {
	if err := create(path, o); err != nil {
		return nil, fmt.Errorf("sqlite: create the register: %w", err)
	}
	return Open(path, o)
}

func create(path string, o Options) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return err
	}
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+".new-"
	if err := removeAll(dir, prefix); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, prefix+"*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(dir, filepath.Base(f.Name()))) }()
	if err := f.Close(); err != nil {
		return err
	}
	s, err := open(f.Name(), o, creating)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil { // folds the log into the file
		return err
	}
	if left, err := os.Lstat(f.Name() + "-wal"); err == nil && left.Size() > 0 {
		return errors.New("the log of the new register was not folded in")
	}
	if err := syncFile(f.Name()); err != nil {
		return err
	}
	if err := settle(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// settle gives the file its name and never overwrites another. Where there are no hard links (FAT) the check and the
// renaming are two steps.
func settle(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, &fs.PathError{Op: "create", Path: to, Err: fs.ErrExist})
	}
	return os.Rename(from, to)
}

// removeAll removes the files of a folder whose names begin so.
func removeAll(dir, prefix string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), prefix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // a directory can't be flushed there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
