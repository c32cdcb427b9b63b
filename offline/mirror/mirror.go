// Package mirror is what a counter keeps on its disk: the signed files of the repositories it follows, verbatim, in one
// SQLite file. Whatever is read from it is verified again, because SQLite does not notice a flipped bit: only bytes that
// were signed are believed. No name, no N° adhérent and no NIR is ever stored.
package mirror

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the database/sql driver, without CGO

	"sceau/card/status"
	"sceau/offline"
)

// FileName is the name of the database in the counter's folder.
const FileName = "counter.db"

// Families of errors.
var (
	// ErrDamaged: what is stored can't be believed. Sync again; `comptoir fsck` names the part.
	ErrDamaged = errors.New("mirror: stored data damaged")
	// ErrClaimed: an insurer is already followed through another repository. Nothing was changed.
	ErrClaimed = errors.New("mirror: insurer claimed by two repositories")
	// ErrNewer: the folder was written by a later version of the program.
	ErrNewer = errors.New("mirror: folder of a newer version")
)

const version = 1

const schema = `
CREATE TABLE repository (
  id          INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  root        BLOB NOT NULL
) STRICT;
CREATE TABLE file (
  repository INTEGER NOT NULL REFERENCES repository(id),
  kind       TEXT NOT NULL CHECK (kind IN ('metadata', 'target')),
  path       TEXT NOT NULL,
  data       BLOB NOT NULL,
  PRIMARY KEY (repository, kind, path)
) STRICT;
CREATE TABLE insurer (
  key        TEXT PRIMARY KEY,
  repository INTEGER NOT NULL REFERENCES repository(id)
) STRICT;
CREATE TABLE source (
  spec       TEXT PRIMARY KEY,
  repository INTEGER NOT NULL REFERENCES repository(id),
  synced     INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1;
`

// Mirror is an open counter folder. It is safe for concurrent use, and implements offline.Facts.
type Mirror struct {
	db *sql.DB

	mu      sync.Mutex // guards what follows
	repos   map[int64]*followed
	issuers map[string]*offline.Issuer
	pages   map[pageID]*status.Page
}

type pageID struct {
	key  string
	list uint32
}

var _ offline.Facts = (*Mirror)(nil)

// Open opens a counter folder that exists, to read it; os.ErrNotExist when there is none. A folder that can't be
// written, such as a stick with its lock on, can still be read.
func Open(dir string) (*Mirror, error) {
	name := filepath.Join(dir, FileName)
	if _, err := os.Stat(name); err != nil {
		return nil, err
	}
	m, err := open(name, "rw", "")
	if err == nil || errors.Is(err, ErrNewer) {
		return m, err
	}
	if ro, roErr := open(name, "ro", "immutable=1"); roErr == nil {
		return ro, nil
	}
	return nil, err
}

// Create opens a counter folder to sync into it, and makes it first where it does not exist.
func Create(dir string) (*Mirror, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, FileName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return open(name, "rwc", "")
}

func open(name, mode, extra string) (*Mirror, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	// A file: URI, so that a '?' or '%' in the folder's name is not taken for a parameter.
	path := filepath.ToSlash(abs)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:\… on Windows
	}
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: strings.Trim("mode="+mode+"&"+extra, "&")}).String()
	dsn += "&_pragma=busy_timeout(10000)&_pragma=trusted_schema(off)&_pragma=cell_size_check(on)&_pragma=mmap_size(0)&_pragma=foreign_keys(on)&_txlock=immediate"
	if mode != "ro" {
		dsn += "&_pragma=journal_mode(wal)&_pragma=synchronous(full)"
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	m := &Mirror{db: db}
	m.forget()
	if err := m.migrate(mode == "rwc"); err != nil {
		db.Close()
		return nil, err
	}
	return m, nil
}

// migrate makes the tables of an empty file, and refuses a file of a later version.
func (m *Mirror) migrate(create bool) error {
	var have int
	if err := m.db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	switch {
	case have == version:
		return nil
	case have > version:
		return fmt.Errorf("%w: %d, this program knows %d", ErrNewer, have, version)
	case !create:
		return fmt.Errorf("%w: empty", ErrDamaged)
	}
	tx, err := m.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Another process may have made the tables meanwhile.
	if err := tx.QueryRow("PRAGMA user_version").Scan(&have); err != nil || have == version {
		return err
	}
	if _, err := tx.Exec(schema); err != nil {
		return err
	}
	return tx.Commit()
}

// Close releases the folder.
func (m *Mirror) Close() error { return m.db.Close() }

// forget drops what was verified in memory, so that the next question reads the disk again. The caller holds mu, or is
// the only one to know m.
func (m *Mirror) forget() {
	m.repos = map[int64]*followed{}
	m.issuers = map[string]*offline.Issuer{}
	m.pages = map[pageID]*status.Page{}
}
