// The lists while the program runs: one view of the folder is kept warm between scans, and renewed when the folder changes,
// whoever changed it.

package comptoir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sceau/cmd/internal/clock"
	"sceau/offline/counter"
	"sceau/offline/mirror"
	"sceau/signing/trust"
)

// lists is a counter's folder as scans are asked of it. It is safe for concurrent use.
type lists struct {
	dir string

	open sync.RWMutex // held for reading while anything of the mirror is used, for writing while it is closed or set aside

	mu       sync.Mutex // guards what follows
	mirror   *mirror.Mirror
	file     os.FileInfo // of the database that mirror has open
	warm     *warm
	writing  int // a view that stayed open meanwhile would keep the write-ahead log from being emptied
	overview []mirror.Repository
	seen     mark // of overview
}

// warm is a view in use.
type warm struct {
	view *mirror.View
	mark mark
	uses int
	old  bool // closed when nobody uses it any more
}

// warmth is how long a view is kept, used or not: it holds back the write-ahead log of whoever synchronises, and some file systems
// tell late that a file changed.
const warmth = time.Minute

// mark tells whether the files of the database changed.
type mark struct {
	dbSize, walSize int64
	db, wal         time.Time
}

func newLists(dir string) *lists { return &lists{dir: dir} }

// Facts implements counter.Lists.
func (l *lists) Facts(ctx context.Context) (counter.Facts, func(), error) {
	l.open.RLock()
	l.mu.Lock()
	defer l.mu.Unlock()
	w, err := l.take(ctx)
	if err != nil {
		l.open.RUnlock()
		return nil, nil, err
	}
	w.uses++
	return w.view, sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		w.uses--
		w.closeIfDone()
		l.open.RUnlock()
	}), nil
}

// take returns a view of the present state.
func (l *lists) take(ctx context.Context) (*warm, error) {
	m, err := l.handle()
	if err != nil {
		return nil, err
	}
	now := l.look()
	if l.warm != nil && l.warm.mark == now && l.writing == 0 {
		return l.warm, nil
	}
	l.drop()
	v, err := m.View(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	w := &warm{view: v, mark: now}
	if l.writing > 0 {
		w.old = true // for this one question
	} else {
		l.warm = w
		time.AfterFunc(warmth, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.warm == w {
				l.drop()
			}
		})
	}
	return w, nil
}

// handle opens the mirror, or opens it anew when its file was set aside by another process. l.mu and l.open are held.
func (l *lists) handle() (*mirror.Mirror, error) {
	info, err := os.Stat(filepath.Join(l.dir, mirror.FileName))
	if l.mirror != nil && err == nil && os.SameFile(info, l.file) {
		return l.mirror, nil
	}
	if l.mirror != nil {
		l.drop()
		l.mirror.Close() // whoever still asks an old view of it finishes first: closing a pool waits for nobody's connection
		l.mirror = nil
	}
	if err != nil {
		return nil, err
	}
	m, err := mirror.Open(l.dir)
	if err != nil {
		return nil, err
	}
	l.mirror, l.file = m, info
	return m, nil
}

func (l *lists) look() mark { return markOf(l.dir) }

func markOf(dir string) mark {
	var m mark
	if info, err := os.Stat(filepath.Join(dir, mirror.FileName)); err == nil {
		m.db, m.dbSize = info.ModTime(), info.Size()
	}
	if info, err := os.Stat(filepath.Join(dir, mirror.FileName+"-wal")); err == nil {
		m.wal, m.walSize = info.ModTime(), info.Size()
	}
	return m
}

// drop makes the next question take a new view.
func (l *lists) drop() {
	if l.warm != nil {
		l.warm.old = true
		l.warm.closeIfDone()
		l.warm = nil
	}
}

func (w *warm) closeIfDone() {
	if w.old && w.uses == 0 {
		w.view.Close()
	}
}

// create makes the folder's database where there is none. One that is none any more is set aside first, and said.
func (l *lists) create(say func(kept string)) error {
	l.open.Lock()
	defer l.open.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
	m, err := mirror.Create(l.dir)
	if mirror.IsCorrupt(err) {
		kept, aside := mirror.SetAside(l.dir, clock.Now())
		if aside != nil {
			return aside
		}
		say(kept)
		m, err = mirror.Create(l.dir)
	}
	if err != nil {
		return err
	}
	l.mirror = m
	l.file, err = os.Stat(filepath.Join(l.dir, mirror.FileName))
	return err
}

// change runs one write on the folder. Questions go on meanwhile, on views of their own.
func (l *lists) change(write func(*mirror.Mirror) error) error {
	l.open.RLock()
	defer l.open.RUnlock()
	l.mu.Lock()
	m, err := l.handle()
	if err == nil {
		l.writing++
		l.drop()
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	defer func() {
		l.mu.Lock()
		l.writing--
		l.mu.Unlock()
	}()
	return write(m)
}

// read runs something that only reads.
func (l *lists) read(do func(*mirror.Mirror) error) error {
	l.open.RLock()
	defer l.open.RUnlock()
	l.mu.Lock()
	m, err := l.handle()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return do(m)
}

// repositories are what is followed; they are verified again only when the folder changed.
func (l *lists) repositories(ctx context.Context) ([]mirror.Repository, error) {
	var out []mirror.Repository
	err := l.read(func(m *mirror.Mirror) error {
		now := l.look()
		l.mu.Lock()
		if l.overview != nil && l.seen == now {
			out = l.overview
		}
		l.mu.Unlock()
		if out != nil {
			return nil
		}
		repos, err := m.Overview(ctx)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.overview, l.seen = repos, now
		l.mu.Unlock()
		out = repos
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return []mirror.Repository{}, nil
	}
	return out, err
}

// Held implements refresh.Shelf.
func (l *lists) Held(ctx context.Context, fingerprint string) (held trust.Stored, release func(), err error) {
	err = l.read(func(m *mirror.Mirror) error {
		held, release, err = m.Held(ctx, fingerprint)
		return err
	})
	if err != nil {
		return trust.Stored{}, nil, err
	}
	return held, release, nil
}

// Replace implements refresh.Shelf.
func (l *lists) Replace(ctx context.Context, base trust.Stored, root []byte, t *trust.Trusted, targets map[string][]byte) (contested []string, err error) {
	err = l.change(func(m *mirror.Mirror) error {
		contested, err = m.Replace(ctx, base, root, t, targets)
		return err
	})
	return contested, err
}

// Close releases the folder, once every question was answered.
func (l *lists) Close() {
	l.open.Lock()
	defer l.open.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}

func (l *lists) close() {
	l.drop()
	if l.mirror != nil {
		l.mirror.Close()
		l.mirror = nil
	}
	l.overview = nil
}
