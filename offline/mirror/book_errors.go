// Why a check could not be recorded, in families that the desk can say in words.

package mirror

import (
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrReadOnly: the folder can't be written. [ReadBook] still searches it.
	ErrReadOnly = errors.New("mirror: folder can't be written")
	// ErrFull: no room on the disk. Nothing was lost; the next try may succeed.
	ErrFull = errors.New("mirror: disk full")
	// ErrNotRecorded: nothing was written. A [*NotRecorded] says why.
	ErrNotRecorded = errors.New("mirror: not recorded")
)

// Cause says why nothing was recorded. The codes are stable.
type Cause string

const (
	CauseFull     Cause = "full"
	CauseReadOnly Cause = "read_only"
	CauseBusy     Cause = "busy"          // another process keeps the journal locked
	CauseDamaged  Cause = "damaged"       // and another process has it open, so that it can't be set aside now
	CauseNewer    Cause = "newer_version" // the journal was written by a later version of the program
	CauseDisk     Cause = "disk"          // the disk reports a fault
	CauseRefused  Cause = "refused"       // not a lawful receipt, or settings too long: a mistake of the caller
	CauseOther    Cause = "other"
)

// NotRecorded says why nothing was written. It wraps ErrNotRecorded and what lies underneath.
type NotRecorded struct {
	Cause Cause
	Err   error
}

func (n *NotRecorded) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrNotRecorded, n.Cause, n.Err)
}

// Unwrap gives the family and what lies underneath.
func (n *NotRecorded) Unwrap() []error { return []error{ErrNotRecorded, n.Err} }

// notRecorded names the cause of a failed write.
func notRecorded(err error) error {
	if err == nil || errors.Is(err, ErrNotRecorded) {
		return err
	}
	err = family(err)
	n := &NotRecorded{CauseOther, err}
	switch {
	case errors.Is(err, ErrFull):
		n.Cause = CauseFull
	case errors.Is(err, ErrReadOnly):
		n.Cause = CauseReadOnly
	case errors.Is(err, ErrNewer):
		n.Cause = CauseNewer
	case errors.Is(err, ErrDamaged):
		n.Cause = CauseDamaged
	default:
		switch code := sqliteCode(err) & 0xff; code {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			n.Cause = CauseBusy
		case sqlite3.SQLITE_IOERR:
			n.Cause = CauseDisk
		}
	}
	return n
}

// family puts an error of the disk or of SQLite into a family of this package.
func family(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{ErrFull, ErrReadOnly, ErrNewer, ErrDamaged, ErrUnfinished} {
		if errors.Is(err, known) {
			return err
		}
	}
	code := sqliteCode(err)
	switch {
	case diskFull(err), code&0xff == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case IsCorrupt(err):
		return damaged("%w", err)
	case errors.Is(err, fs.ErrPermission), writeProtected(err), notWritable(err):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// sqliteCode is SQLite's extended result code, 0 for an error of another origin.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code()
}
