// Package sqlite is the register on one SQLite file: native SQL, WAL, durable at every commit.
//
// One connection writes (BEGIN IMMEDIATE), a few others read beside it. The file is made by Create and never by Open.
// Another process may use the same file: it waits for the write lock at most Options.Wait, then gets register.ErrBusy.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite": SQLite in pure Go

	"sceau/card/register"
)

// Store is a register in one SQLite file.
type Store struct {
	db      *sql.DB
	writing chan *conn // holds the write connection while nobody writes
	reading chan *conn // holds idle read connections; nil entries are not open yet
	done    chan struct{}
	how     access
	closing sync.Once
	closed  error
}

// ErrClosed is returned by a store after Close.
var ErrClosed = errors.New("sqlite: the register is closed")

var (
	_ register.Store     = (*Store)(nil)
	_ register.Closer    = (*Store)(nil)
	_ register.Inspector = (*Store)(nil)
	_ register.Holder    = (*Store)(nil)
)

// Options of a store. The zero value is the default.
type Options struct {
	Wait    time.Duration // for another process's write; 0 means 10 s
	Readers int           // read connections; 0 means 4
}

// minVersion is the first SQLite without a known corruption of WAL files by a second writer's checkpoint.
const minVersion = "3.51.3"

// Open opens a register that Create made. It returns fs.ErrNotExist when there is no file, register.ErrCorrupt when the
// file is not a register or was written by a newer program. A file or a folder that can't be written is opened for reading and
// left as it is, byte by byte: Update then fails with register.ErrProtected.
func Open(path string, o Options) (*Store, error) {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !writable(path, info) {
		return openProtected(path, o)
	}
	s, err := open(path, o, changing)
	if refused(err) {
		return openProtected(path, o)
	}
	return s, err
}

func open(path string, o Options, how access) (_ *Store, err error) {
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open the register: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("sqlite: open the register: %w: not a regular file", fs.ErrInvalid)
	}
	if how != creating && info.Size() == 0 {
		return nil, fmt.Errorf("sqlite: %w: the register is empty; it was never finished", register.ErrCorrupt)
	}
	dsn, err := dsn(path, o.Wait, how)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open the register: %w", wrap(err))
	}
	s := &Store{db: db, writing: make(chan *conn, 1), reading: make(chan *conn, o.Readers), done: make(chan struct{}), how: how}
	for range o.Readers {
		s.reading <- nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	w, err := s.connect()
	s.writing <- w // nil is closed as nothing
	if err != nil {
		return nil, err
	}
	if err := w.script(writerSettings); err != nil {
		return nil, fmt.Errorf("sqlite: open the register: %w", err)
	}
	if err := checkLibrary(w); err != nil {
		return nil, err
	}
	if err := migrate(w, how); err != nil {
		return nil, err
	}
	return s, nil
}

// writerSettings are for registers of millions of rows. Contracts' tokens and cards' places are spread over their indexes, so that a
// batch touches a page of an index for nearly every row: a larger cache holds these pages, and a log of 32 MiB is folded into the
// file with each of them once, where one of 4 MiB (SQLite's own choice) would write them all again with every batch. The cache takes 128 MiB:
// see dsn.
const writerSettings = `PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192`

// dsn names the file so that it is never created, and sets what every connection needs. mmap_size stays 0: a truncated
// file is then an error and not a SIGBUS. recursive_triggers lets append-only tables refuse a REPLACE as well.
func dsn(path string, wait time.Duration, how access) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlite: open the register: %w", err)
	}
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // C:/… on Windows
	}
	q := url.Values{}
	pragmas := []string{"busy_timeout(" + strconv.FormatInt(wait.Milliseconds(), 10) + ")"}
	switch how {
	case untouched:
		q.Set("immutable", "1")
		fallthrough
	case reading:
		q.Set("mode", "ro")
	default:
		q.Set("mode", "rw")
		pragmas = append(pragmas, "journal_mode(WAL)")
	}
	q.Set("_defensive", "1")
	q.Set("_dqs", "0")
	for _, p := range append(pragmas,
		"synchronous(FULL)", "foreign_keys(ON)", "trusted_schema(OFF)", "recursive_triggers(ON)", "cell_size_check(ON)", "mmap_size(0)",
		"cache_size(-8192)", // a page of 4 KiB with what SQLite notes beside it takes 8 KiB from this allocator: 16 MiB in all
	) {
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String(), nil
}

func checkLibrary(c *conn) error {
	var v string
	if err := c.row("SELECT sqlite_version()").Scan(&v); err != nil {
		return fmt.Errorf("sqlite: %w", wrap(err))
	}
	if older(v, minVersion) {
		return fmt.Errorf("sqlite: SQLite %s is older than %s, which this register needs", v, minVersion)
	}
	return nil
}

// older compares dotted versions number by number; what is no number counts as 0.
func older(v, than string) bool {
	a, b := strings.Split(v, "."), strings.Split(than, ".")
	for i := range max(len(a), len(b)) {
		var x, y int
		if i < len(a) {
			x, _ = strconv.Atoi(a[i])
		}
		if i < len(b) {
			y, _ = strconv.Atoi(b[i])
		}
		if x != y {
			return x < y
		}
	}
	return false
}

// Close waits for running transactions, folds the log into the file and releases it. It must not be called inside one.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.done)
		// sql.DB.Close leaves connections that are checked out: each is closed here.
		s.closed = (<-s.writing).close()
		for range cap(s.reading) {
			s.closed = errors.Join(s.closed, (<-s.reading).close())
		}
		s.closed = errors.Join(s.closed, s.db.Close())
	})
	return s.closed
}

// take borrows a connection; it is given back by sending it to the same channel.
func (s *Store) take(ctx context.Context, from chan *conn) (*conn, error) {
	select { // a closed store says so even when a connection is at hand
	case <-s.done:
		return nil, ErrClosed
	default:
	}
	select {
	case c := <-from:
		return c, nil
	case <-s.done:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Update implements register.Store.
func (s *Store) Update(ctx context.Context, fn func(register.Tx) error) error {
	if s.how.protected() {
		return fmt.Errorf("sqlite: %w", register.ErrProtected)
	}
	c, err := s.take(ctx, s.writing)
	if err != nil {
		return err
	}
	defer func() { s.writing <- c }()
	return c.transact(ctx, "BEGIN IMMEDIATE", &txn{c: c}, fn)
}

// reader borrows a read connection, which goes back to s.reading.
func (s *Store) reader(ctx context.Context) (*conn, error) {
	c, err := s.take(ctx, s.reading)
	if err != nil || c != nil {
		return c, err
	}
	c, err = s.connect()
	if err == nil {
		err = c.exec("PRAGMA query_only = ON")
	}
	if err != nil {
		err = errors.Join(err, c.close())
		s.reading <- nil // opened by the next one
		return nil, err
	}
	return c, nil
}

// View implements register.Store.
func (s *Store) View(ctx context.Context, fn func(register.Tx) error) error {
	c, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { s.reading <- c }()
	return c.transact(ctx, "BEGIN", &txn{c: c, readOnly: true}, fn)
}
