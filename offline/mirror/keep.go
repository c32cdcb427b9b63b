// What a sync brings home, put in place in one transaction: before it the old state holds, after it the new one.

package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/signing/trust"
)

// Held returns what is kept of the repository with this root fingerprint, and a function that releases it.
func (m *Mirror) Held(ctx context.Context, fingerprint string) (trust.Stored, func(), error) {
	v, err := m.View(ctx)
	if err != nil {
		return trust.Stored{}, nil, err
	}
	var s trust.Stored
	var id, published int64
	err = v.row("SELECT id, published FROM repository WHERE fingerprint = ?", fingerprint).Scan(&id, &published)
	if errors.Is(err, sql.ErrNoRows) {
		return s, func() { v.Close() }, nil
	}
	if err == nil {
		s.Floor = time.Unix(published, 0)
		s.State, err = state(v.conn, id)
	}
	if err != nil {
		v.Close()
		return s, nil, damaged("%w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	r, err := v.repository(id)
	if err == nil {
		_, err = r.trusted.Metadata() // every role, now: a sync must not stumble over a damaged one later
	}
	if err != nil {
		s.Damage = err
		return s, func() { v.Close() }, nil
	}
	s.Trusted = r.trusted
	s.Target = func(path string) ([]byte, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.target(r, path)
	}
	return s, func() { v.Close() }, nil
}

// state names what is kept of a repository now: the hash of its timestamp, whatever that is worth.
func state(c *sql.Conn, id int64) (string, error) {
	var data []byte
	err := c.QueryRowContext(context.Background(), "SELECT data FROM file WHERE repository = ? AND kind = 'metadata' AND path = 'timestamp.json'", id).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// Replace stores the new state of a repository in place of base: its pinned first root, its metadata and exactly these
// targets, all or nothing. trust.ErrMoved: another sync stored something since base was read. Insurers that are followed
// through another repository stay with it and are returned; when all are, nothing is stored: ErrClaimed.
func (m *Mirror) Replace(ctx context.Context, base trust.Stored, root []byte, t *trust.Trusted, targets map[string][]byte) (contested []string, err error) {
	metadata, err := t.Metadata()
	if err != nil {
		return nil, err
	}
	err = m.write(ctx, func(c *sql.Conn) error {
		id, err := repositoryID(ctx, c, root, t.Published())
		if err != nil {
			return err
		}
		now, err := state(c, id)
		if err != nil {
			return err
		}
		if now != base.State {
			return trust.ErrMoved
		}
		if contested, err = claim(ctx, c, id, t.Insurers()); err != nil {
			return err
		}
		return put(ctx, c, id, root, metadata, targets)
	})
	if err != nil {
		return contested, err
	}
	return contested, nil
}

// put makes the files of a repository exactly these.
func put(ctx context.Context, c *sql.Conn, id int64, root []byte, metadata []trust.File, targets map[string][]byte) error {
	old, err := hashes(ctx, c, id)
	if err != nil {
		return err
	}
	one := func(kind, path string, data []byte) error {
		name := kind + " " + path
		known, ok := old[name]
		delete(old, name)
		if ok && known == sha256.Sum256(data) {
			return nil
		}
		_, err := c.ExecContext(ctx, "INSERT OR REPLACE INTO file (repository, kind, path, data) VALUES (?, ?, ?, ?)", id, kind, path, data)
		return err
	}
	for _, f := range metadata {
		if bytes.Equal(f.Data, root) {
			continue // kept with the repository
		}
		if err := one("metadata", f.Path, f.Data); err != nil {
			return err
		}
	}
	for path, data := range targets {
		if err := one("target", path, data); err != nil {
			return err
		}
	}
	for name := range old {
		if _, err := c.ExecContext(ctx, "DELETE FROM file WHERE repository = ? AND kind || ' ' || path = ?", id, name); err != nil {
			return err
		}
	}
	return nil
}

func repositoryID(ctx context.Context, c *sql.Conn, root []byte, published time.Time) (int64, error) {
	fingerprint := trust.Fingerprint(root)
	// What was accepted under this fingerprint may have been damaged since; the root is the one that has it.
	_, err := c.ExecContext(ctx, `INSERT INTO repository (fingerprint, root, published) VALUES (?, ?, ?)
		ON CONFLICT (fingerprint) DO UPDATE SET root = excluded.root, published = excluded.published`, fingerprint, root, published.Unix())
	if err != nil {
		return 0, err
	}
	var id int64
	err = c.QueryRowContext(ctx, "SELECT id FROM repository WHERE fingerprint = ?", fingerprint).Scan(&id)
	return id, err
}

// claim routes the insurers to the repository, save those that another one has.
func claim(ctx context.Context, c *sql.Conn, id int64, keys []string) (contested []string, err error) {
	if _, err := c.ExecContext(ctx, "DELETE FROM insurer WHERE repository = ?", id); err != nil {
		return nil, err
	}
	for _, key := range keys {
		r, err := c.ExecContext(ctx, "INSERT OR IGNORE INTO insurer (key, repository) VALUES (?, ?)", key, id)
		if err != nil {
			return nil, err
		}
		if n, err := r.RowsAffected(); err != nil {
			return nil, err
		} else if n == 0 {
			contested = append(contested, key)
		}
	}
	if len(contested) > 0 && len(contested) == len(keys) {
		return contested, fmt.Errorf("%w: N° AMC %v", ErrClaimed, contested)
	}
	return contested, nil
}

// hashes computes the SHA-256 of every stored file from its bytes: a damaged row is then written again.
func hashes(ctx context.Context, c *sql.Conn, id int64) (map[string][sha256.Size]byte, error) {
	rows, err := c.QueryContext(ctx, "SELECT kind, path, data FROM file WHERE repository = ?", id)
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

// ErrNotFollowed: no repository has this fingerprint.
var ErrNotFollowed = errors.New("mirror: repository not followed")

// Forget stops following a repository: its files, its sources and its insurers go.
func (m *Mirror) Forget(ctx context.Context, fingerprint string) error {
	return m.write(ctx, func(c *sql.Conn) error {
		known, err := fingerprints(ctx, c)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(known, func(f string) bool { return trust.SameFingerprint(f, fingerprint) })
		if at < 0 {
			return ErrNotFollowed
		}
		for _, table := range []string{"source", "insurer", "file"} {
			if _, err := c.ExecContext(ctx, "DELETE FROM "+table+" WHERE repository = (SELECT id FROM repository WHERE fingerprint = ?)", known[at]); err != nil {
				return err
			}
		}
		_, err = c.ExecContext(ctx, "DELETE FROM repository WHERE fingerprint = ?", known[at])
		return err
	})
}

func fingerprints(ctx context.Context, c *sql.Conn) ([]string, error) {
	rows, err := c.QueryContext(ctx, "SELECT fingerprint FROM repository")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var f string
		if err := rows.Scan(&f); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// Source is a place from which a repository was synced.
type Source struct {
	Spec        string    `json:"source"`      // as given: address, folder or zip file
	Fingerprint string    `json:"fingerprint"` // of the repository that it carried first: any other is refused
	Synced      time.Time `json:"synced"`
	// Published is that of the list which it brought last; zero when that isn't known.
	Published time.Time `json:"published,omitzero"`
	// Frozen: its list is older than that of another source, or was overdue already when this counter asked for it. Whoever
	// stands there may be keeping the newer ones back.
	Frozen bool `json:"frozen,omitempty"`

	older time.Time
}

// freeze judges a source by the list that is kept of its repository.
func (s *Source) freeze(expires time.Time) {
	s.Frozen = !s.older.IsZero() || s.Synced.After(expires)
}

// AddSource remembers that spec brought the repository with this fingerprint at a time. A source never changes repository.
func (m *Mirror) AddSource(ctx context.Context, spec, fingerprint string, at time.Time) error {
	return m.write(ctx, func(c *sql.Conn) error {
		_, err := c.ExecContext(ctx, `INSERT INTO source (spec, repository, synced, published) SELECT ?, id, ?, published FROM repository WHERE fingerprint = ?
			ON CONFLICT (spec) DO UPDATE SET synced = excluded.synced, published = excluded.published, older = 0`, spec, at.Unix(), fingerprint)
		return err
	})
}

// OlderSource remembers that a known source was refused at a time because its list is older than the one that is kept.
func (m *Mirror) OlderSource(ctx context.Context, spec string, at time.Time) error {
	return m.write(ctx, func(c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "UPDATE source SET older = ? WHERE spec = ? AND older = 0", at.Unix(), spec)
		return err
	})
}

// Sources returns the places synced from, in the order of their names.
func (m *Mirror) Sources(ctx context.Context) ([]Source, error) {
	c, err := m.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return sources(ctx, c)
}

func sources(ctx context.Context, c *sql.Conn) ([]Source, error) {
	columns := "s.published, s.older"
	var have int
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return nil, err
	}
	if have < 2 {
		columns = "0, 0"
	}
	rows, err := c.QueryContext(ctx, "SELECT s.spec, r.fingerprint, s.synced, "+columns+" FROM source s JOIN repository r ON r.id = s.repository ORDER BY s.spec")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Source{}
	for rows.Next() {
		var s Source
		var at, published, older int64
		if err := rows.Scan(&s.Spec, &s.Fingerprint, &at, &published, &older); err != nil {
			return nil, err
		}
		s.Synced = time.Unix(at, 0).UTC()
		if published != 0 {
			s.Published = time.Unix(published, 0).UTC()
		}
		if older != 0 {
			s.older, s.Frozen = time.Unix(older, 0).UTC(), true
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
