// Opening a register that may only be read: a write-protected copy that is kept as evidence.

package sqlite

import (
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"sceau/card/register"
)

// access says what a store may do with its file.
type access int

const (
	changing  access = iota // reads and writes
	creating                // the same, in a file that has no schema yet
	reading                 // only reads, beside a log that others may write
	untouched               // only reads, and nobody writes: SQLite makes no file beside this one
)

func (a access) protected() bool { return a == reading || a == untouched }

// protection says how a write-protected register is read. A log that holds anything belongs to it: reading the file alone would
// show an older state than the one that was committed.
func protection(path string) (access, error) {
	log, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, os.ErrNotExist):
		return untouched, nil
	case err != nil:
		return 0, fmt.Errorf("sqlite: open the register: %w", err)
	case log.Size() > 0:
		return reading, nil
	}
	return untouched, nil
}

// openProtected opens a register that can't be written. It returns register.ErrProtected where even reading takes more: a log that
// can't be read beside it, or an older schema.
func openProtected(path string, o Options) (*Store, error) {
	how, err := protection(path)
	if err != nil {
		return nil, err
	}
	s, err := open(path, o, how)
	if how == reading && refused(err) {
		return nil, fmt.Errorf("sqlite: open the register: %w: its last changes stand in %s-wal, which can't be read where nothing may be written: %w", register.ErrProtected, path, err)
	}
	return s, err
}

// refused says whether SQLite may not write what it needs to open a register.
func refused(err error) bool {
	if errors.Is(err, register.ErrReadOnly) {
		return true
	}
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_CANTOPEN
}
