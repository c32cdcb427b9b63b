// Package mirror is what a counter keeps on its disk: the signed files of the repositories it follows, verbatim, in one
// SQLite file. Whatever is read from it is verified again, because SQLite does not notice a flipped bit: only bytes that
// were signed are believed. No name, no N° adhérent and no NIR is ever stored.
package mirror

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite" // the database/sql driver, without CGO
	sqlite3 "modernc.org/sqlite/lib"
)

// FileName is the name of the database in the counter's folder.
const FileName = "counter.db"

// Families of errors.
var (
	// ErrDamaged: what is stored can't be believed. Sync again; `comptoir fsck` names the part.
	ErrDamaged = errors.New("mirror: stored data damaged")
	// ErrClaimed: an insurer is already followed through another repository, and stays with it.
	ErrClaimed = errors.New("mirror: insurer claimed by two repositories")
	// ErrNewer: the folder was written by a later version of the program.
	ErrNewer = errors.New("mirror: folder of a newer version")
	// ErrUnfinished: the folder can't be written, and holds changes that only a writer can put in place.
	ErrUnfinished = errors.New("mirror: read-only folder with unfinished changes")
)

const version = 2

const schema = `
CREATE TABLE repository (
  id          INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  root        BLOB NOT NULL,
  published   INTEGER NOT NULL -- newest publication ever accepted: what is older is refused even when all files are damaged
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
  synced     INTEGER NOT NULL,
  published  INTEGER NOT NULL DEFAULT 0, -- of what it brought then; 0 when that isn't known
  older      INTEGER NOT NULL DEFAULT 0  -- when it was first refused since for being older than what is kept; 0 for never
) STRICT;
PRAGMA user_version = 2;
`

// second makes a file of the first version one of the second.
const second = `
ALTER TABLE source ADD COLUMN published INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN older INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 2;
`

// Mirror is an open counter folder. It is safe for concurrent use; questions are asked of a View.
type Mirror struct {
	db    *sql.DB
	lists *digests
}

// Open opens a counter folder that exists, to read it; os.ErrNotExist when there is none. A folder that can't be
// written, such as a stick with its lock on, can still be read.
func Open(dir string) (*Mirror, error) {
	name := filepath.Join(dir, FileName)
	if _, err := os.Stat(name); err != nil {
		return nil, err
	}
	m, err := open(name, "rw", "")
	if err == nil || !notWritable(err) {
		return m, err
	}
	// SQLite must be told that nobody writes. What lies in the write-ahead log would then not be seen, and an old list
	// would be answered from: refuse.
	if info, statErr := os.Stat(name + "-wal"); statErr == nil && info.Size() > 0 {
		return nil, fmt.Errorf("%w: %s-wal", ErrUnfinished, FileName)
	}
	return open(name, "ro", "immutable=1")
}

// notWritable says whether an error means that the medium or its rights allow no writing.
func notWritable(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return errors.Is(err, fs.ErrPermission)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return true
	}
	return false
}

// Create opens a counter folder to sync into it, and makes it first where it does not exist.
func Create(dir string) (*Mirror, error) {
	if err := MakeFolder(dir); err != nil {
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
	db, err := database(name, mode, extra)
	if err != nil {
		return nil, damaged("%w", err)
	}
	m := &Mirror{db: db, lists: &digests{}}
	if err := m.migrate(mode); err != nil {
		db.Close()
		return nil, err
	}
	return m, nil
}

// database names a SQLite file to the driver, which opens it on first use: every connection is set to lose nothing that was
// committed and to believe nothing that the file says of itself.
func database(name, mode, extra string) (*sql.DB, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	// A file: URI, so that a '?' or '%' in the folder's name is not taken for a parameter.
	path := filepath.ToSlash(abs)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:\… on Windows
	}
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=" + mode}).String()
	dsn += "&_pragma=busy_timeout(10000)&_pragma=trusted_schema(off)&_pragma=cell_size_check(on)&_pragma=mmap_size(0)&_pragma=foreign_keys(on)"
	if mode != "ro" {
		dsn += "&_pragma=journal_mode(wal)&_pragma=synchronous(full)"
	}
	if extra != "" {
		dsn += "&" + extra // last, so that it wins
	}
	return sql.Open("sqlite", dsn)
}

// migrate makes the tables of an empty file, adds what an earlier version lacks where it can be written, and refuses a file of
// a later version.
func (m *Mirror) migrate(mode string) error {
	var have int
	if err := m.db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return damaged("%w", err)
	}
	switch {
	case have == version || have == 1 && mode == "ro": // the sources then tell less of themselves
		return nil
	case have > version:
		return fmt.Errorf("%w: %d, this program knows %d", ErrNewer, have, version)
	case have == 0 && mode != "rwc":
		return damaged("empty")
	}
	return m.write(context.Background(), func(c *sql.Conn) error {
		// Another process may have made the tables meanwhile.
		if err := c.QueryRowContext(context.Background(), "PRAGMA user_version").Scan(&have); err != nil || have == version {
			return err
		}
		steps := schema
		if have == 1 {
			steps = second
		}
		_, err := c.ExecContext(context.Background(), steps)
		return err
	})
}

// write runs fn in one write transaction: all of it, durably, or nothing.
func (m *Mirror) write(ctx context.Context, fn func(*sql.Conn) error) error {
	c, err := m.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := start(ctx, c, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := finish(ctx, c, fn(c)); err != nil {
		return err
	}
	// The log goes into the file at once, so that a copy of the folder, or a stick with its lock on, has everything. A reader
	// keeps it from happening now, which is no fault and not worth waiting for.
	for _, pragma := range []string{"busy_timeout(0)", "wal_checkpoint(TRUNCATE)", "busy_timeout(10000)"} {
		c.ExecContext(context.WithoutCancel(ctx), "PRAGMA "+pragma)
	}
	return nil
}

// start opens a transaction on a connection. Giving up is looked at before, and not while: the driver may then say "cancelled"
// of a transaction that is open, and the pool would hand it to the next one. A connection on which it failed is not used again.
func start(ctx context.Context, c *sql.Conn, how string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := c.ExecContext(context.WithoutCancel(ctx), how)
	if err != nil {
		discard(c)
	}
	return err
}

// finish commits when err is nil, and otherwise takes everything back. What was committed is never said to have failed.
func finish(ctx context.Context, c *sql.Conn, err error) error {
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		if _, err = c.ExecContext(ctx, "COMMIT"); err == nil {
			return nil
		}
	}
	if _, back := c.ExecContext(ctx, "ROLLBACK"); back != nil {
		discard(c) // SQLite may have rolled back by itself; a connection of which that isn't certain goes
	}
	return err
}

// discard makes the pool forget a connection once it is closed.
func discard(c *sql.Conn) { c.Raw(func(any) error { return driver.ErrBadConn }) }

// Close releases the folder.
func (m *Mirror) Close() error { return m.db.Close() }

// IsCorrupt says whether err means that the database itself is none any more: only setting it aside helps.
func IsCorrupt(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// SetAside renames the database of a folder, which must not be open, and returns its new name.
func SetAside(dir string, at time.Time) (string, error) {
	name := filepath.Join(dir, FileName)
	kept := fmt.Sprintf("%s.damaged-%d", name, at.Unix())
	if err := os.Rename(name, kept); err != nil {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return kept, err
		}
	}
	return kept, nil
}

// IsDamaged says whether err means that what is stored can't be believed.
func IsDamaged(err error) bool { return errors.Is(err, ErrDamaged) }

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}
