// A dropped bundle: a temporary file that never outlives its use.

package desk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	bundleLife    = 10 * time.Minute // between the drop and the decision to follow
	bundlePattern = "sceau-bundle-*.zip"
)

// bundles keeps the newest dropped bundle.
type bundles struct {
	folder string

	mu    sync.Mutex // guards what follows
	id    string
	name  string
	timer *time.Timer
}

// newBundles also removes what a killed desk left, where the folder is ours.
func newBundles(folder string) *bundles {
	if folder != "" {
		left, _ := filepath.Glob(filepath.Join(folder, bundlePattern)) // the pattern is well formed
		for _, name := range left {
			_ = os.Remove(name) // in use by nobody: one desk per folder; what can't be removed is tried again next time
		}
	}
	return &bundles{folder: folder}
}

// keep stores a bundle in place of the one before, and returns its id.
func (b *bundles) keep(src io.Reader) (id, name string, err error) {
	f, err := os.CreateTemp(b.folder, bundlePattern) // 0600
	if err != nil {
		return "", "", outer{err}
	}
	_, err = io.Copy(f, src)
	if err = errors.Join(err, f.Close()); err == nil {
		err = looksZipped(f.Name())
	}
	if err != nil {
		return "", "", errors.Join(err, os.Remove(f.Name()))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.remove(); err != nil {
		return "", "", errors.Join(outer{err}, os.Remove(f.Name()))
	}
	b.id, b.name = NewSecret(), f.Name()
	id = b.id
	b.timer = time.AfterFunc(bundleLife, func() { _ = b.done(id) })
	return b.id, b.name, nil
}

// take gives the file of an id to its one user, who calls done.
func (b *bundles) take(id string) (name string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id == "" || b.id != id {
		return "", errBundleGone
	}
	return b.name, nil
}

// done removes a bundle.
func (b *bundles) done(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.id != id {
		return nil
	}
	return b.remove()
}

func (b *bundles) drop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.remove()
}

// remove removes the file; the lock is held.
func (b *bundles) remove() error {
	if b.name == "" {
		return nil
	}
	b.timer.Stop()
	if err := os.Remove(b.name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("desk: temporary file stays: %w", err)
	}
	b.id, b.name = "", ""
	return nil
}

// looksZipped saves a person from an error that speaks of signatures.
func looksZipped(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return outer{err}
	}
	defer f.Close()
	var head [4]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || !bytes.Equal(head[:], []byte("PK\x03\x04")) {
		return errMedia
	}
	return nil
}

// counted remembers that a body was too long, whatever its reader makes of the error.
type counted struct {
	io.Reader
	long bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		c.long = true
	}
	return n, err
}

func typeName(err error) string { return fmt.Sprintf("%T", err) }
