// A folder as a depot.

package depot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

var (
	_ Depot   = (*Folder)(nil)
	_ Swapper = (*Folder)(nil)
)

// Folder is a depot that web servers, shares and sticks serve as it is. Nothing outside it is ever opened, not through a symbolic link
// either.
type Folder struct {
	name string
	root *os.Root
	mode fs.FileMode // of files

	mu    sync.Mutex
	made  map[string]bool // folders that exist and are durable
	swept map[string]bool // folders that were looked through for what dead writers left
}

func newFolder(name string, mode fs.FileMode, create bool) (*Folder, error) {
	if mode == 0 {
		mode = 0o644
	}
	f := &Folder{name: name, mode: mode, made: map[string]bool{".": true}, swept: map[string]bool{}}
	if create {
		err := os.Mkdir(name, f.folderMode())
		if err == nil {
			err = syncFolder(func() (*os.File, error) { return os.Open(filepath.Dir(filepath.Clean(name))) })
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("depot: folder %s: %w", name, bare(err))
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("depot: folder %s: %w", name, bare(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%w: %s is not a folder", ErrTarget, name)
	}
	if f.root, err = os.OpenRoot(name); err != nil {
		return nil, fmt.Errorf("depot: folder %s: %w", name, bare(err))
	}
	return f, nil
}

// folderMode lets whoever may read a file enter the folder that holds it.
func (f *Folder) folderMode() fs.FileMode { return f.mode | f.mode&0o444>>2 }

// Put implements Depot: a temporary file, its sync, its new name, the sync of its folder.
func (f *Folder) Put(ctx context.Context, name string, data []byte) (bool, error) {
	old, err := f.Get(ctx, name)
	if err == nil && bytes.Equal(old, data) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, f.put(name, data)
}

func (f *Folder) put(name string, data []byte) error {
	if err := f.folder(path.Dir(name)); err != nil {
		return fmt.Errorf("depot: make the folder of %s: %w", name, bare(err))
	}
	if err := f.write(name, data); err != nil {
		return fmt.Errorf("depot: write %s: %w", name, bare(err))
	}
	if err := f.sync(path.Dir(name)); err != nil {
		return fmt.Errorf("depot: write %s: %w", name, bare(err))
	}
	f.sweep(name)
	return nil
}

// Get implements Depot. Only regular files are read.
func (f *Folder) Get(ctx context.Context, name string) ([]byte, error) {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return nil, err
	}
	info, err := f.root.Stat(name) // asked first: to open a pipe would wait for ever
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("depot: %s is not a file", name)
	}
	var data []byte
	if err == nil {
		data, err = f.root.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("depot: read %s: %w", name, bare(err))
	}
	return data, nil
}

// List implements Depot. Files whose names begin with a dot are no files of the depot.
func (f *Folder) List(ctx context.Context, prefix string) ([]Entry, error) {
	var all []Entry
	start := "."
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		start = prefix[:i]
	}
	if !fs.ValidPath(start) {
		return nil, fmt.Errorf("%w: %q", ErrName, prefix)
	}
	err := fs.WalkDir(f.root.FS(), start, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		if name != "." && e.Name()[0] == '.' {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() || !strings.HasPrefix(name, prefix) {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		all = append(all, Entry{Name: name, Size: info.Size()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("depot: list: %w", bare(err))
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Delete implements Depot. A folder that becomes empty stays.
func (f *Folder) Delete(ctx context.Context, name string) error {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return err
	}
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("depot: delete %s: %w", name, bare(err))
	}
	return nil
}

// Read implements Swapper.
func (f *Folder) Read(ctx context.Context, name string) ([]byte, string, error) {
	data, err := f.Get(ctx, name)
	if err != nil {
		return nil, Absent, err
	}
	return data, tagOf(data), nil
}

func tagOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Swap implements Swapper. Writers are kept apart by a lock on the folder, which a dead one has lost.
func (f *Folder) Swap(ctx context.Context, name string, data []byte, tag string) error {
	if err := checkName(name); err != nil {
		return err
	}
	lock := flock.New(f.lockName(), flock.SetFlag(f.lockFlag()))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("depot: lock the folder: %w", bare(err))
	}
	defer lock.Unlock()
	_, now, err := f.Read(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if now != tag {
		return fmt.Errorf("%w: %s", ErrChanged, name)
	}
	return f.put(name, data)
}

// folder makes a folder and those above it, durably.
func (f *Folder) folder(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.folderLocked(name)
}

func (f *Folder) folderLocked(name string) error {
	if f.made[name] {
		return nil
	}
	if err := f.folderLocked(path.Dir(name)); err != nil {
		return err
	}
	err := f.root.Mkdir(name, f.folderMode())
	if err == nil {
		err = f.sync(path.Dir(name))
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err == nil {
		f.made[name] = true
	}
	return err
}

func (f *Folder) sync(name string) error {
	return syncFolder(func() (*os.File, error) { return f.root.Open(name) })
}

func syncFolder(open func() (*os.File, error)) error {
	if runtime.GOOS == "windows" { // a folder can't be flushed there
		return nil
	}
	d, err := open()
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
