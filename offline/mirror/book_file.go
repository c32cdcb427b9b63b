// The journal's file: made whole or not at all, looked at before it is believed, and set aside when it is none any more.

package mirror

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"sceau/offline/receipt"
)

// errNoBook: there is no journal, or what is there is none. Only the holder of the lock may do something about it.
var errNoBook = errors.New("mirror: not a journal")

// patience is how often a lock is tried for, every tick. Somebody stands at the counter: a check that can't be written in two
// seconds is answered all the same, and says so.
const (
	patience = 80
	tick     = 25 * time.Millisecond
)

// openBook opens the journal for writing, and first makes or repairs it where that is needed.
func openBook(dir string, at time.Time) (*bookFile, Notice, error) {
	var notice Notice
	if err := MakeFolder(dir); err != nil {
		return nil, notice, err
	}
	for try := 0; ; try++ {
		f, err := lockAndLook(dir)
		if !errors.Is(err, errNoBook) {
			return f, notice, err
		}
		n, err := renew(dir, at, false)
		switch {
		case err == nil && n.Code != "":
			notice = n
		case errors.Is(err, errHeld) && try < patience:
			time.Sleep(tick) // it is being made, or repaired, by another process
		case errors.Is(err, errHeld):
			return nil, notice, damaged("%s is open in another process and can't be set aside", BookName)
		case err != nil:
			return nil, notice, err
		case try > patience:
			return nil, notice, damaged("%s does not stay whole", BookName)
		}
	}
}

func lockFile(dir string) *flock.Flock {
	return flock.New(filepath.Join(dir, BookName+".lock"), flock.SetPermissions(0o600))
}

// lockAndLook opens what is there, under a shared lock that is held until it is closed.
func lockAndLook(dir string) (*bookFile, error) {
	lock := lockFile(dir)
	ctx, cancel := context.WithTimeout(context.Background(), patience*tick)
	defer cancel()
	if _, err := lock.TryRLockContext(ctx, tick); err != nil {
		if ctx.Err() != nil {
			return nil, damaged("%s is being repaired by another process", BookName)
		}
		return nil, err
	}
	name := filepath.Join(dir, BookName)
	if err := isBookFile(name); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	db, err := database(name, "rw", "_pragma=secure_delete(on)&_pragma=busy_timeout(2000)")
	if err == nil {
		if err = look(db); err == nil {
			err = upgrade(db)
		}
		if err == nil {
			err = writes(db)
		}
		if err == nil {
			return &bookFile{db: db, lock: lock, writable: true}, nil
		}
		db.Close()
	}
	if IsCorrupt(err) {
		err = fmt.Errorf("%w: %w", errNoBook, err)
	}
	return nil, errors.Join(err, lock.Close())
}

// writes says whether a database can be written: SQLite opens one that can't be, and says so when it is too late.
func writes(db *sql.DB) error {
	return transaction(context.Background(), db, func(c *sql.Conn) error {
		_, err := c.ExecContext(context.Background(), "DELETE FROM settings WHERE id = 0") // there is no such row
		return err
	})
}

// isBookFile refuses what can't be a database with errNoBook: nothing, an empty file, a folder.
func isBookFile(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoBook
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() == 0:
		return errNoBook
	}
	return nil
}

// readBook opens a journal to read it, also from a medium that can't be written.
func readBook(name string) (*bookFile, error) {
	if err := isBookFile(name); err != nil {
		if _, stat := os.Stat(name); errors.Is(stat, fs.ErrNotExist) {
			return nil, stat
		}
		return nil, damaged("%s: %w", BookName, err)
	}
	try := func(extra string) (*bookFile, error) {
		db, err := database(name, "ro", extra)
		if err != nil {
			return nil, err
		}
		if err := look(db); err != nil {
			db.Close()
			return nil, err
		}
		return &bookFile{db: db}, nil
	}
	f, err := try("")
	if err != nil && notWritable(err) {
		// SQLite must be told that nobody writes; what lies in the write-ahead log would then not be seen.
		if info, stat := os.Stat(name + "-wal"); stat == nil && info.Size() > 0 {
			return nil, fmt.Errorf("%w: %s-wal", ErrUnfinished, BookName)
		}
		f, err = try("immutable=1")
	}
	if errors.Is(err, errNoBook) {
		err = damaged("%s: %w", BookName, err)
	}
	return f, err
}

// errHeld: another process has the journal open.
var errHeld = errors.New("mirror: journal open elsewhere")

// renew makes the journal that is not there, or sets aside the one that is none and takes over what holds of it. With
// deep, the file is read through first, because something in it could not be read. It stops where another process has the
// journal open: errHeld.
func renew(dir string, at time.Time, deep bool) (Notice, error) {
	lock := lockFile(dir)
	ok, err := lock.TryLock()
	if err != nil {
		return Notice{}, err
	}
	if !ok {
		return Notice{}, errHeld
	}
	defer lock.Close()
	name := filepath.Join(dir, BookName)
	if whole(name, deep) {
		return Notice{}, nil // another process was faster
	}
	fresh, ready := name+".tmp", name+".new"
	// ready is there, and the journal isn't, when the last repair was cut between its two renames: finish it.
	if exists(ready) && !exists(name) {
		notice := Notice{Code: NoticeDamaged}
		if exists(name + "-wal") { // of the damaged one: SQLite would put it into the new one
			if notice.File, err = setBookAside(name, at); err != nil {
				return Notice{}, err
			}
		}
		return notice, place(dir, ready, name)
	}
	old := salvage(name)
	defer old.close()
	notice, err := build(fresh, old, at)
	if err != nil {
		removeDatabase(fresh)
		return Notice{}, err
	}
	old.close() // Windows renames no open file
	if err := os.Rename(fresh, ready); err != nil {
		return Notice{}, err
	}
	if exists(name) || exists(name+"-wal") {
		if notice.File, err = setBookAside(name, at); err != nil {
			return Notice{}, err
		}
		notice.Code = NoticeDamaged
	}
	return notice, place(dir, ready, name)
}

func place(dir, ready, name string) error {
	if err := os.Rename(ready, name); err != nil {
		return err
	}
	return syncFolder(dir)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// whole says whether the file is a journal, and with deep whether every page of it can be read.
func whole(name string, deep bool) bool {
	if isBookFile(name) != nil {
		return false
	}
	db, err := database(name, "rw", "")
	if err != nil {
		return false
	}
	defer db.Close()
	if look(db) != nil || IsCorrupt(writes(db)) {
		return false
	}
	if !deep {
		return true
	}
	var answer string
	return db.QueryRow("PRAGMA quick_check(1)").Scan(&answer) == nil && answer == "ok"
}

// build makes a whole journal in a new file: what was salvaged, a new device, and its first entry.
func build(name string, old *salvaged, at time.Time) (Notice, error) {
	removeDatabase(name)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // its log gets the same rights
	if err != nil {
		return Notice{}, err
	}
	if err := f.Close(); err != nil {
		return Notice{}, err
	}
	db, err := database(name, "rw", "")
	if err != nil {
		return Notice{}, err
	}
	ctx := context.Background()
	notice := Notice{}
	err = transaction(ctx, db, func(c *sql.Conn) error {
		create := fmt.Sprintf("%s%s%sPRAGMA application_id = %d; PRAGMA user_version = %d;", bookSchema, linkSchema, toldSchema, bookID, bookVersion)
		if _, err := c.ExecContext(ctx, create); err != nil {
			return err
		}
		d, err := newDevice()
		if err != nil {
			return err
		}
		opening, skip := receipt.Opening{Because: receipt.First}, uint64(0)
		if old != nil {
			if opening, skip, notice, err = old.store(ctx, c, d, at); err != nil {
				return err
			}
		}
		_, err = begin(ctx, c, d, opening, skip, at)
		return err
	})
	if err != nil {
		db.Close()
		return Notice{}, err
	}
	return notice, db.Close() // puts the log into the file
}

func removeDatabase(name string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(name + suffix)
	}
}

// setBookAside renames a damaged journal with its log, under a name that nothing has, and returns it.
func setBookAside(name string, at time.Time) (string, error) {
	kept := fmt.Sprintf("%s.damaged-%d", name, at.Unix())
	for n := 2; exists(kept) || exists(kept+"-wal"); n++ {
		kept = fmt.Sprintf("%s.damaged-%d-%d", name, at.Unix(), n)
	}
	// The database first: a log that is left behind is seen by the next repair, a database that lost its log is not.
	for _, suffix := range []string{"", "-wal"} {
		if err := os.Rename(name+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := os.Remove(name + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return filepath.Base(kept), nil
}

// transaction runs fn as one write: all of it, durably, or nothing.
func transaction(ctx context.Context, db *sql.DB, fn func(*sql.Conn) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := start(ctx, c, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return finish(ctx, c, fn(c))
}
