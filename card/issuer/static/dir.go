// Package static puts published files where others fetch them: a folder (web server, share, stick) or a zip.
package static

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"sceau/card/issuer"
)

var (
	_ issuer.Destination = (*Dir)(nil)
	_ issuer.Destination = (*Zip)(nil)
)

// ErrForeign says that a file of this name holds other bytes although its name promises that they never change: the folder
// belongs to another operator, or was damaged. Nothing was overwritten.
var ErrForeign = errors.New("static: another file has this name")

// ErrOlder says that the folder holds a newer edition of this file: another publisher was faster, or this register was
// restored from a backup. Nothing was overwritten: counters refuse a list that goes back.
var ErrOlder = errors.New("static: the folder already holds a newer publication")

// Dir is a folder that web servers, shares and sticks serve as it is. A reader of the folder sees each file whole or not.
type Dir struct {
	root string
	made map[string]bool // folders that exist and are durable
}

// NewDir takes a folder, and makes it when it is not there; its parent must exist.
func NewDir(path string) (*Dir, error) {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("static: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("static: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("static: %s is not a folder", path)
	}
	return &Dir{root: path, made: map[string]bool{}}, nil
}

// Put implements issuer.Destination: a temporary file, its sync, its new name, the sync of its folder. A file that is there
// with these bytes is left alone; one whose name never changes content and that has others is ErrForeign, one that is newer is ErrOlder. Two publishers at the
// very same moment must be kept apart by their caller.
func (d *Dir) Put(path string, data []byte) error {
	full, err := d.full(path)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(full)
	if err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err == nil && !Mutable(path) {
		return fmt.Errorf("%w: %s", ErrForeign, path)
	}
	if err == nil && edition(path, old) > edition(path, data) {
		return fmt.Errorf("%w: %s; publish again", ErrOlder, path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("static: %w", err)
	}
	if err := d.folder(filepath.Dir(full)); err != nil {
		return err
	}
	if err := write(full, data); err != nil {
		return fmt.Errorf("static: %w", err)
	}
	return syncDir(filepath.Dir(full))
}

// full refuses what would leave the folder.
func (d *Dir) full(path string) (string, error) {
	local := filepath.FromSlash(path)
	if !filepath.IsLocal(local) || strings.Contains(path, `\`) {
		return "", fmt.Errorf("static: unsafe path %q", path)
	}
	return filepath.Join(d.root, local), nil
}

// folder makes a folder and those above it, durably.
func (d *Dir) folder(path string) error {
	if path == filepath.Clean(d.root) || d.made[path] {
		return nil
	}
	if err := d.folder(filepath.Dir(path)); err != nil {
		return err
	}
	err := os.Mkdir(path, 0o755)
	if err == nil {
		err = syncDir(filepath.Dir(path))
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("static: %w", err)
	}
	d.made[path] = true
	return nil
}

func syncDir(path string) error {
	if runtime.GOOS == "windows" { // a folder can't be flushed there
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("static: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("static: %w", err)
	}
	return nil
}

// Mutable says whether a published path may change its content: timestamp.json and the Token Status Lists. All others carry
// a version or a hash in their name.
func Mutable(path string) bool {
	return path == timestampPath || strings.HasPrefix(path, "statuslist/")
}
