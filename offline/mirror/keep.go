// What a sync brings home, put in place in one transaction: before it the old state holds, after it the new one.

package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sceau/signing/trust"
)

// Held returns what is kept of the repository with this root fingerprint, and a reader of its stored targets; nil and
// nil when it is not followed. When what is kept can't be believed the answer is ErrDamaged.
func (m *Mirror) Held(fingerprint string) (*trust.Trusted, func(path string) ([]byte, error), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var id int64
	err := m.db.QueryRow("SELECT id FROM repository WHERE fingerprint = ?", fingerprint).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, damaged("%v", err)
	}
	r, err := m.repository(id)
	if err != nil {
		return nil, nil, err
	}
	return r.trusted, func(path string) ([]byte, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.target(r, path)
	}, nil
}

// Replace stores the new state of a repository: its pinned first root, its metadata and exactly these targets. All or
// nothing: ErrClaimed when one of its insurers is followed through another repository.
func (m *Mirror) Replace(ctx context.Context, root []byte, t *trust.Trusted, targets map[string][]byte) error {
	metadata, err := t.Metadata()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	id, err := repositoryID(tx, root)
	if err != nil {
		return err
	}
	if err := claim(tx, id, t.Insurers()); err != nil {
		return err
	}
	old, err := hashes(tx, id)
	if err != nil {
		return err
	}
	put := func(kind, path string, data []byte) error {
		sum := sha256.Sum256(data)
		name := kind + " " + path
		known, ok := old[name]
		delete(old, name)
		if ok && known == sum {
			return nil
		}
		_, err := tx.Exec("INSERT OR REPLACE INTO file (repository, kind, path, data) VALUES (?, ?, ?, ?)", id, kind, path, data)
		return err
	}
	for _, f := range metadata {
		if bytes.Equal(f.Data, root) {
			continue // kept with the repository
		}
		if err := put("metadata", f.Path, f.Data); err != nil {
			return err
		}
	}
	for path, data := range targets {
		if err := put("target", path, data); err != nil {
			return err
		}
	}
	for name := range old {
		if _, err := tx.Exec("DELETE FROM file WHERE repository = ? AND kind || ' ' || path = ?", id, name); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	m.forget()
	return nil
}

func repositoryID(tx *sql.Tx, root []byte) (int64, error) {
	fingerprint := trust.Fingerprint(root)
	if _, err := tx.Exec("INSERT OR IGNORE INTO repository (fingerprint, root) VALUES (?, ?)", fingerprint, root); err != nil {
		return 0, err
	}
	// What was accepted under this fingerprint may have been damaged since.
	if _, err := tx.Exec("UPDATE repository SET root = ? WHERE fingerprint = ? AND root <> ?", root, fingerprint, root); err != nil {
		return 0, err
	}
	var id int64
	err := tx.QueryRow("SELECT id FROM repository WHERE fingerprint = ?", fingerprint).Scan(&id)
	return id, err
}

// claim routes the insurers to the repository.
func claim(tx *sql.Tx, id int64, keys []string) error {
	if _, err := tx.Exec("DELETE FROM insurer WHERE repository = ?", id); err != nil {
		return err
	}
	for _, key := range keys {
		var other string
		err := tx.QueryRow(`SELECT r.fingerprint FROM insurer i JOIN repository r ON r.id = i.repository WHERE i.key = ?`, key).Scan(&other)
		if err == nil {
			return fmt.Errorf("%w: N° AMC %s, already followed through %s", ErrClaimed, key, other)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec("INSERT INTO insurer (key, repository) VALUES (?, ?)", key, id); err != nil {
			return err
		}
	}
	return nil
}

// hashes computes the SHA-256 of every stored file from its bytes: a damaged row is then written again.
func hashes(tx *sql.Tx, id int64) (map[string][sha256.Size]byte, error) {
	rows, err := tx.Query("SELECT kind, path, data FROM file WHERE repository = ?", id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][sha256.Size]byte{}
	for rows.Next() {
		var kind, path string
		var data []byte
		if err := rows.Scan(&kind, &path, &data); err != nil {
			return nil, err
		}
		out[kind+" "+path] = sha256.Sum256(data)
	}
	return out, rows.Err()
}

// Source is a place from which a repository was synced.
type Source struct {
	Spec   string    `json:"source"` // as given: address, folder or zip file
	Synced time.Time `json:"synced"`
}

// AddSource remembers that spec brought the repository with this fingerprint at a time.
func (m *Mirror) AddSource(ctx context.Context, spec, fingerprint string, at time.Time) error {
	_, err := m.db.ExecContext(ctx, `INSERT INTO source (spec, repository, synced) SELECT ?, id, ? FROM repository WHERE fingerprint = ?
		ON CONFLICT (spec) DO UPDATE SET repository = excluded.repository, synced = excluded.synced`, spec, at.Unix(), fingerprint)
	return err
}

// Sources returns the places synced from, in the order of their names.
func (m *Mirror) Sources(ctx context.Context) ([]Source, error) {
	return m.querySources(ctx, "1 = 1")
}

func (m *Mirror) sources(id int64) ([]Source, error) {
	return m.querySources(context.Background(), "s.repository = ?", id)
}

func (m *Mirror) querySources(ctx context.Context, where string, args ...any) ([]Source, error) {
	rows, err := m.db.QueryContext(ctx, "SELECT s.spec, s.synced FROM source s WHERE "+where+" ORDER BY s.spec", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Source{}
	for rows.Next() {
		var s Source
		var at int64
		if err := rows.Scan(&s.Spec, &at); err != nil {
			return nil, err
		}
		s.Synced = time.Unix(at, 0).UTC()
		out = append(out, s)
	}
	return out, rows.Err()
}
