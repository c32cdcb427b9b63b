// The published files: a copy in memory, changed as a whole when a new publication appears, and served whatever becomes of the
// register. Nothing on the way to a file waits for a lock, the register or another request.

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sceau/card/issuer/depot"
	"sceau/card/issuer/static"
	"sceau/card/register"
)

const (
	refreshEvery    = 3 * time.Second
	refreshPatience = 30 * time.Second
)

// edition is one state of the published files.
type edition struct {
	version int64
	at      time.Time // of the publication; zero when it came from the folder
	files   map[string]*published
	bytes   int64
}

// repository holds the edition that is served.
type repository struct {
	s    *Server
	now  atomic.Pointer[edition]
	away bool // the last look failed: said once
}

func newRepository(s *Server) *repository { return &repository{s: s} }

// run looks for a new publication until ctx ends. It starts from the folder when the register doesn't answer.
func (f *repository) run(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery) // the monotonic clock: setting the wall clock neither stops nor hurries it
	defer tick.Stop()
	for {
		f.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look refreshes once, and says in the log what changed.
func (f *repository) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshPatience)
	defer cancel()
	changed, err := f.refresh(ctx)
	switch {
	case err != nil && ctx.Err() == context.Canceled:
	case err != nil:
		f.s.metrics.refreshed("failed")
		if f.now.Load() == nil && f.s.o.Copy != "" {
			if kept, e := readCopy(f.s.o.Copy); e != nil {
				f.s.log.Warn("no copy of the published files", "error", e.Error())
			} else {
				f.now.Store(kept)
				f.s.log.Warn("published files come from the copy", "files", len(kept.files))
			}
		}
		if !f.away {
			f.s.log.Warn("the register gives no publication: the last one stays", "error", err.Error())
		}
		f.away = true
	default:
		if f.away {
			f.s.log.Info("the register answers again")
		}
		f.away = false
		f.s.metrics.refreshed("ok")
		if changed {
			e := f.now.Load()
			f.s.log.Info("published files", "version", e.version, "files", len(e.files), "bytes", e.bytes)
		}
	}
}

// refresh takes a newer publication from the register, whole.
func (f *repository) refresh(ctx context.Context) (changed bool, err error) {
	old := f.now.Load()
	var next *edition
	err = f.s.o.Issuer.Store.View(ctx, func(tx register.Tx) error {
		last, err := tx.LastPublication()
		if errors.Is(err, register.ErrNotFound) {
			return nil // nothing is published yet
		}
		if err != nil {
			return err
		}
		if old != nil && old.version == last.Version {
			return nil
		}
		all, err := tx.ListFiles()
		if err != nil {
			return err
		}
		next = &edition{version: last.Version, at: last.At, files: make(map[string]*published, len(all))}
		for _, one := range all {
			if old != nil && !static.Mutable(one.Path) {
				if have, ok := old.files[one.Path]; ok {
					next.put(one.Path, have)
					continue
				}
			}
			b, err := tx.File(one.Path)
			if err != nil {
				return fmt.Errorf("published file: %w", err)
			}
			next.put(one.Path, publish(one.Path, b))
		}
		return nil
	})
	if err != nil || next == nil {
		return false, err
	}
	f.now.Store(next)
	if f.s.o.Copy != "" {
		if err := f.keep(ctx); err != nil {
			f.s.log.Warn("the copy of the published files is not complete", "error", err.Error())
		}
	}
	return true, nil
}

func (e *edition) put(path string, p *published) {
	e.files[path] = p
	e.bytes += p.size()
}

// keep writes the copy: the same folder that sceau publish makes.
func (f *repository) keep(ctx context.Context) error {
	d, err := depot.Open(ctx, f.s.o.Copy, depot.Options{})
	if err != nil {
		return err
	}
	defer depot.Close(d)
	_, err = static.Publish(ctx, f.s.o.Issuer, d.(static.Depot), static.Options{})
	return err
}

// readCopy reads the folder that keep wrote. Its files are signed: whoever fetches them checks them.
func readCopy(dir string) (*edition, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("httpapi: copy: %w", err)
	}
	defer root.Close()
	e := &edition{files: map[string]*published{}}
	err = fs.WalkDir(root.FS(), ".", func(path string, at fs.DirEntry, err error) error {
		if err != nil || at.IsDir() || !at.Type().IsRegular() || filepath.Base(path)[0] == '.' {
			return err
		}
		b, err := fs.ReadFile(root.FS(), path)
		if err != nil {
			return err
		}
		e.put(filepath.ToSlash(path), publish(path, b))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("httpapi: copy: %w", err)
	}
	if _, ok := e.files["timestamp.json"]; !ok {
		return nil, fmt.Errorf("httpapi: copy: %w", os.ErrNotExist)
	}
	return e, nil
}
