// Frozen states for the share on the local network: whoever began to read one finds it whole, whatever is synchronised meanwhile.

package comptoir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"sceau/offline/mirror"
)

// handouts are the states that are shared now, one of each repository, and the one before it.
type handouts struct {
	mirror *mirror.Mirror
	dir    string // the counter's
	roots  []string
	temp   string
	inUse  *flock.Flock // of temp, so that the next share knows what was left behind
	every  time.Duration

	renewing sync.Mutex
	seen     mark

	mu  sync.RWMutex
	now map[string]*handout // by shareID
}

// handout is one frozen state in a folder of its own.
type handout struct {
	handed mirror.Handed
	root   *os.Root
	name   string
	before *handout // whoever follows it still reads its files
}

const (
	handoutName = "share-*"
	shareLock   = "share.lock"
)

func newHandouts(m *mirror.Mirror, dir string, roots []string) (*handouts, error) {
	sweepHandouts(dir)
	temp, err := os.MkdirTemp(dir, handoutName)
	if err != nil { // a counter's folder that can't be written can still be shared
		if temp, err = os.MkdirTemp("", "comptoir-"+handoutName); err != nil {
			return nil, err
		}
	}
	h := &handouts{mirror: m, dir: dir, roots: roots, temp: temp, every: shareLook, now: map[string]*handout{},
		inUse: flock.New(filepath.Join(temp, shareLock), flock.SetPermissions(0o600))}
	if err := h.inUse.Lock(); err != nil {
		os.RemoveAll(temp)
		return nil, err
	}
	return h, nil
}

// sweepHandouts removes what shares left in a counter's folder that were cut short, by a power cut for instance.
func sweepHandouts(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, handoutName))
	if err != nil {
		return
	}
	for _, name := range left {
		info, err := os.Lstat(name)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute { // another share may be about to lock it
			continue
		}
		lock := flock.New(filepath.Join(name, shareLock), flock.SetPermissions(0o600))
		if got, err := lock.TryLock(); err == nil && got {
			lock.Close()
			os.RemoveAll(name)
		}
	}
}

func (h *handouts) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.now {
		for ; one != nil; one = one.before {
			one.root.Close()
		}
	}
	h.now = map[string]*handout{}
	h.inUse.Close()
	os.RemoveAll(h.temp)
}

// renew freezes the present state where it is another than the one that is shared, and returns what is new. What can't be
// verified is not shared, and what was shared before stays; a repository that was forgotten goes.
func (h *handouts) renew(ctx context.Context) (renewed []mirror.Handed, err error) {
	h.renewing.Lock()
	defer h.renewing.Unlock()
	now := markOf(h.dir)
	if h.seen == now {
		return nil, nil
	}
	v, err := h.mirror.View(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	again := false
	for _, root := range slices.Clone(h.roots) {
		one, fresh, failed := h.freeze(ctx, v, root)
		switch {
		case errors.Is(failed, mirror.ErrNotFollowed):
			h.drop(root)
			h.roots = slices.DeleteFunc(h.roots, func(r string) bool { return r == root })
		case failed != nil && !mirror.IsDamaged(failed):
			again = true
		}
		err = errors.Join(err, failed)
		if fresh {
			renewed = append(renewed, one)
		}
	}
	if !again {
		h.seen = now // what is damaged stays so until something is written
	}
	return renewed, err
}

func (h *handouts) freeze(ctx context.Context, v *mirror.View, root string) (handed mirror.Handed, fresh bool, err error) {
	if handed, err = v.Hand(root, nil); err != nil {
		return handed, false, err
	}
	id := shareID(handed.Fingerprint)
	h.mu.RLock()
	last := h.now[id]
	h.mu.RUnlock()
	if last != nil && last.handed.Version == handed.Version && last.handed.Published.Equal(handed.Published) && last.handed.Files == handed.Files {
		return handed, false, nil
	}
	name, err := os.MkdirTemp(h.temp, id+"-")
	if err != nil {
		return handed, false, err
	}
	if _, err := handToFolder(ctx, v, root, name); err != nil {
		os.RemoveAll(name)
		return handed, false, err
	}
	inside, err := os.OpenRoot(name)
	if err != nil {
		os.RemoveAll(name)
		return handed, false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if last != nil && last.before != nil {
		last.before.root.Close()
		os.RemoveAll(last.before.name)
		last.before = nil
	}
	h.now[id] = &handout{handed: handed, root: inside, name: name, before: last}
	return handed, true, nil
}

// drop ends the sharing of a repository that is followed no more.
func (h *handouts) drop(root string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := shareID(root)
	for one := h.now[id]; one != nil; one = one.before {
		one.root.Close()
		os.RemoveAll(one.name)
	}
	delete(h.now, id)
}

// open opens a file of the state that is shared, or of the one before it, whose names are others wherever their content is. The
// timestamp alone is always the newest.
func (h *handouts) open(id, path string) (*os.File, int64, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var err error = fs.ErrNotExist
	for one := h.now[id]; one != nil; one = one.before {
		var f *os.File
		if f, err = one.root.Open(filepath.FromSlash(path)); err == nil {
			info, err := f.Stat()
			if err == nil && info.Mode().IsRegular() {
				return f, info.Size(), nil
			}
			f.Close()
			return nil, 0, fs.ErrNotExist
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, 0, err
}
