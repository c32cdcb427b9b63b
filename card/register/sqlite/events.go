// Events, publications and their files in SQL.

package sqlite

import (
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// AddEvent implements register.Events.
func (t *txn) AddEvent(e register.Event) (int64, error) {
	if err := t.ready(true); err != nil {
		return 0, err
	}
	r, err := t.c.execResult(`INSERT INTO event (list, idx, kind, from_day, class, actor, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.Place.List, e.Place.Index, e.Kind, e.From, e.Class, e.Actor, e.At.Unix())
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

const eventColumns = `SELECT seq, list, idx, kind, from_day, class, actor, at, revision, published FROM event `

func readEvent(scan func(...any) error) (register.Event, error) {
	var e register.Event
	var at int64
	err := scan(&e.Seq, &e.Place.List, &e.Place.Index, &e.Kind, &e.From, &e.Class, &e.Actor, &at, &e.Revision, &e.Published)
	if err != nil {
		return register.Event{}, err
	}
	e.At = unix(at)
	return e, nil
}

// EventsOf implements register.Events.
func (t *txn) EventsOf(p card.Place) ([]register.Event, error) {
	return all(t, readEvent, eventColumns+`WHERE list = ? AND idx = ? ORDER BY seq`, p.List, p.Index)
}

// EventsAfter implements register.Events.
func (t *txn) EventsAfter(seq int64, limit int) ([]register.Event, error) {
	return all(t, readEvent, eventColumns+`WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit)
}

// PendingEvents implements register.EventQueue.
func (t *txn) PendingEvents(list uint32) ([]register.Event, error) {
	return all(t, readEvent, eventColumns+`WHERE list = ? AND revision = 0 ORDER BY seq`, list)
}

// MarkPublished implements register.EventQueue.
func (t *txn) MarkPublished(list uint32, upTo int64, revision uint64, day rights.Date) (int64, error) {
	if err := t.ready(true); err != nil {
		return 0, err
	}
	r, err := t.c.execResult(`UPDATE event SET revision = ?, published = ? WHERE list = ? AND revision = 0 AND seq <= ?`,
		int64(revision), day, list, upTo)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// LastPublication implements register.Publications.
func (t *txn) LastPublication() (register.Publication, error) {
	var p register.Publication
	var at, seq int64
	var head []byte
	err := t.row(`SELECT version, at, audit_seq, audit_hash FROM publication ORDER BY version DESC LIMIT 1`).
		Scan(&p.Version, &at, &seq, &head)
	if err != nil {
		return register.Publication{}, err
	}
	p.At = unix(at)
	p.Audit.Seq = uint64(seq)
	copy(p.Audit.Hash[:], head)
	return p, nil
}

// AddPublication implements register.Publications.
func (t *txn) AddPublication(p register.Publication, files []register.NewFile) error {
	last, err := t.LastPublication()
	if err != nil && !errors.Is(err, register.ErrNotFound) {
		return err
	}
	if p.Version != last.Version+1 {
		return fmt.Errorf("%w: version %d after %d", register.ErrConflict, p.Version, last.Version)
	}
	err = t.change(`INSERT INTO publication (version, at, audit_seq, audit_hash) VALUES (?, ?, ?, ?)`,
		p.Version, p.At.Unix(), int64(p.Audit.Seq), p.Audit.Hash[:])
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Mutable {
			if err := t.change(`DELETE FROM file WHERE path = ?`, f.Path); err != nil {
				return err
			}
		} else {
			var same int
			err := t.row(`SELECT data = ? FROM file WHERE path = ?`, f.Data, f.Path).Scan(&same)
			if err == nil && same == 1 {
				continue
			}
			if err == nil {
				return fmt.Errorf("%w: %s was published with other bytes", register.ErrConflict, f.Path)
			}
			if !errors.Is(err, register.ErrNotFound) {
				return err
			}
		}
		data := f.Data
		if data == nil {
			data = []byte{} // a nil slice would be NULL
		}
		if err := t.change(`INSERT INTO file (path, data, publication) VALUES (?, ?, ?)`, f.Path, data, p.Version); err != nil {
			return err
		}
	}
	return nil
}

// File implements register.Files.
func (t *txn) File(path string) ([]byte, error) {
	var b []byte
	if err := t.row(`SELECT data FROM file WHERE path = ?`, path).Scan(&b); err != nil {
		return nil, err
	}
	return b, nil
}

// EachFile implements register.Files.
func (t *txn) EachFile(fn func(register.File) error) error {
	if err := t.ready(false); err != nil {
		return err
	}
	return each(t.c, `SELECT path, data, publication FROM file ORDER BY seq`, nil, func(scan func(...any) error) error {
		var f register.File
		if err := scan(&f.Path, &f.Data, &f.Publication); err != nil {
			return err
		}
		return fn(f)
	})
}

// ListFiles implements register.Shelf.
func (t *txn) ListFiles() ([]register.File, error) {
	return all(t, func(scan func(...any) error) (register.File, error) {
		var f register.File
		return f, scan(&f.Path, &f.Publication)
	}, `SELECT path, publication FROM file ORDER BY seq`)
}

// DropFiles implements register.Shelf.
func (t *txn) DropFiles(paths []string) error {
	for _, p := range paths {
		if err := t.change(`DELETE FROM file WHERE path = ?`, p); err != nil {
			return err
		}
	}
	return nil
}
