// Publications and their files in SQL.

package postgres

import (
	"errors"
	"fmt"

	"sceau/card/register"
)

// LastPublication implements register.Publications.
func (t *txn) LastPublication() (register.Publication, error) {
	var p register.Publication
	var at, seq int64
	var head []byte
	err := t.row(`SELECT version, at, audit_seq, audit_hash FROM publication ORDER BY version DESC LIMIT 1`)(&p.Version, &at, &seq, &head)
	if err != nil {
		return register.Publication{}, err
	}
	p.At, p.Audit.Seq = unix(at), uint64(seq)
	return p, fixed(p.Audit.Hash[:], head, "audit head of a publication")
}

// AddPublication implements register.Publications.
func (t *txn) AddPublication(p register.Publication, files []register.NewFile) error {
	if err := t.ready(true); err != nil {
		return err
	}
	last, err := t.LastPublication()
	if err != nil && !errors.Is(err, register.ErrNotFound) {
		return err
	}
	if p.Version != last.Version+1 {
		return fmt.Errorf("%w: version %d after %d", register.ErrConflict, p.Version, last.Version)
	}
	_, err = t.change(`INSERT INTO publication (version, at, audit_seq, audit_hash) VALUES ($1, $2, $3, $4)`,
		p.Version, p.At.Unix(), int64(p.Audit.Seq), p.Audit.Hash[:])
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Mutable {
			if _, err := t.change(`DELETE FROM file WHERE path = $1`, f.Path); err != nil {
				return err
			}
		}
		n, err := t.change(`INSERT INTO file (path, data, publication) VALUES ($1, $2, $3) ON CONFLICT (path) DO NOTHING`, f.Path, blob(f.Data), p.Version)
		if err != nil {
			return err
		}
		if n == 1 {
			continue
		}
		var same bool
		if err := t.row(`SELECT data = $1 FROM file WHERE path = $2`, blob(f.Data), f.Path)(&same); err != nil {
			return err
		}
		if !same {
			return t.refuse(register.ErrConflict, "a file was published with other bytes")
		}
	}
	return nil
}

// File implements register.Files.
func (t *txn) File(path string) ([]byte, error) {
	var b []byte
	if err := t.row(`SELECT data FROM file WHERE path = $1`, path)(&b); err != nil {
		return nil, err
	}
	return b, nil
}

// EachFile implements register.Files. It reads a few at a time, so that fn may use the transaction.
func (t *txn) EachFile(fn func(register.File) error) error {
	const few = 16
	type numbered struct {
		seq int64
		register.File
	}
	for after := int64(0); ; {
		part, err := all(t, func(scan scanner) (numbered, error) {
			var f numbered
			return f, scan(&f.seq, &f.Path, &f.Data, &f.Publication)
		}, `SELECT seq, path, data, publication FROM file WHERE seq > $1 ORDER BY seq LIMIT $2`, after, few)
		if err != nil {
			return err
		}
		for _, f := range part {
			if err := fn(f.File); err != nil {
				return err
			}
			after = f.seq
		}
		if len(part) < few {
			return nil
		}
	}
}

// ListFiles implements register.Shelf.
func (t *txn) ListFiles() ([]register.File, error) {
	return all(t, func(scan scanner) (register.File, error) {
		var f register.File
		return f, scan(&f.Path, &f.Publication)
	}, `SELECT path, publication FROM file ORDER BY seq`)
}

// DropFiles implements register.Shelf.
func (t *txn) DropFiles(paths []string) error {
	_, err := t.change(`DELETE FROM file WHERE path = ANY ($1)`, paths)
	return err
}
