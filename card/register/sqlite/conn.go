// One connection with its prepared statements, and the life of a transaction on it.

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"sceau/card/register"
)

// conn is used by one goroutine at a time. Statements run without the caller's context, because an interrupted statement
// would leave it open whether a commit happened; transactions watch the context between statements.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt // by SQL text; a register has about fifty
}

func (s *Store) connect() (*conn, error) {
	c, err := s.db.Conn(context.Background())
	if err != nil {
		return nil, fmt.Errorf("sqlite: open the register: %w", wrap(err))
	}
	return &conn{c: c, stmts: map[string]*sql.Stmt{}}, nil
}

// close ends the connection; nil is one that was never opened.
func (c *conn) close() error {
	if c == nil {
		return nil
	}
	var err error
	for _, s := range c.stmts {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, c.c.Close())
}

// transact runs fn between begin and COMMIT. Whatever goes wrong, a panic of fn included, ends in ROLLBACK.
func (c *conn) transact(ctx context.Context, begin string, tx *txn, fn func(register.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.exec(begin); err != nil {
		return err
	}
	done := false
	tx.ctx = ctx
	defer func() {
		tx.c = nil // a Tx that outlives its transaction must fail loudly
		if !done {
			_ = c.exec("ROLLBACK") // fails when SQLite rolled back by itself, which is as good
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if tx.failed != nil { // fn overlooked it
		return tx.failed
	}
	if err := c.exec("COMMIT"); err != nil {
		return outcome(err)
	}
	done = true
	return nil
}

// outcome says of a failed COMMIT what is known. When writing or flushing the log failed, the medium may still hold all of it:
// then it is stored once the register is opened after a crash.
func outcome(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_IOERR {
		return fmt.Errorf("%w: %w", register.ErrOutcomeUnknown, err)
	}
	return err
}

func (c *conn) stmt(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, wrap(err)
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) exec(query string, args ...any) error {
	_, err := c.execResult(query, args...)
	return err
}

func (c *conn) execResult(query string, args ...any) (sql.Result, error) {
	s, err := c.stmt(query)
	if err != nil {
		return nil, err
	}
	r, err := s.Exec(args...)
	if err != nil {
		return nil, wrap(err)
	}
	return r, nil
}

// script runs several statements that are needed once.
func (c *conn) script(query string) error {
	_, err := c.c.ExecContext(context.Background(), query)
	return wrap(err)
}

// row is a query of at most one row whose Scan returns the register's errors.
type row struct {
	r   *sql.Row
	err error
}

func (c *conn) row(query string, args ...any) row {
	s, err := c.stmt(query)
	if err != nil {
		return row{err: err}
	}
	return row{r: s.QueryRow(args...)}
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return wrap(r.r.Scan(dest...))
}

// collect runs a query and reads all its rows with read.
func collect[T any](c *conn, query string, args []any, read func(scan func(...any) error) (T, error)) ([]T, error) {
	var out []T
	err := each(c, query, args, func(scan func(...any) error) error {
		v, err := read(scan)
		if err != nil {
			return err
		}
		out = append(out, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func each(c *conn, query string, args []any, fn func(scan func(...any) error) error) error {
	s, err := c.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return wrap(err)
		}
	}
	return wrap(rows.Err())
}

// wrap turns SQLite's result codes into the register's families. SQLite's texts name tables and columns, never values.
func wrap(err error) error {
	var e *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return register.ErrNotFound
	case !errors.As(err, &e):
		return err
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID, lib.SQLITE_CONSTRAINT_TRIGGER:
		return fmt.Errorf("%w: %w", register.ErrConflict, err)
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", register.ErrNotFound, err)
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", register.ErrBusy, err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB, lib.SQLITE_SCHEMA:
		return fmt.Errorf("%w: %w", register.ErrCorrupt, err)
	case lib.SQLITE_READONLY:
		return fmt.Errorf("%w: %w", register.ErrReadOnly, err)
	}
	return fmt.Errorf("sqlite: %w", err)
}
