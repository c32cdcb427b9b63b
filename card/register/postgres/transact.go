// The life of a transaction, and the statements of a Tx.

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"sceau/card/register"
	"sceau/signing/journal"
)

// txn is one transaction. It lives inside Update or View.
type txn struct {
	c        *pgx.Conn
	ctx      context.Context // the caller's, asked between statements
	run      context.Context // that statements run under
	readOnly bool
	head     *journal.Head // of the audit chain, once it was read: nobody else moves it meanwhile
	failed   error         // the first error after which nothing of this transaction may be stored
}

var _ register.Tx = (*txn)(nil)

// errDone says that a Tx was kept beyond its transaction.
var errDone = errors.New("postgres: the transaction is over")

// The longest that a transaction's statements may take together, so that a connection that went silent is given up in the end.
const (
	writeLimit = 10 * time.Minute
	readLimit  = time.Hour
)

// transact runs fn in the open transaction of c. Whatever goes wrong, a panic of fn included, ends in ROLLBACK.
func (s *Store) transact(ctx context.Context, c *pgxpool.Conn, readOnly bool, fn func(register.Tx) error) error {
	limit := writeLimit
	if readOnly {
		limit = readLimit
	}
	run, stop := patient(ctx, limit)
	t := &txn{c: c.Conn(), ctx: ctx, run: run, readOnly: readOnly}
	defer func() {
		t.c = nil // a Tx that outlives its transaction must fail loudly
		stop()
		release(c)
	}()
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.failed != nil { // fn overlooked it
		return t.failed
	}
	if readOnly {
		return nil
	}
	return s.end(ctx, c.Conn().PgConn())
}

// end commits. From the moment COMMIT is on its way, only the server's own word says what became of it.
func (s *Store) end(ctx context.Context, c *pgconn.PgConn) error {
	if c.IsClosed() {
		return fmt.Errorf("%w: the connection was lost before the commit", register.ErrBusy)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.commit)
	defer cancel()
	results, err := c.Exec(ctx, "COMMIT").ReadAll()
	var e *pgconn.PgError
	switch {
	case err == nil && len(results) == 1 && results[0].CommandTag.String() == "COMMIT":
		return nil
	case err == nil: // PostgreSQL answers ROLLBACK when a statement had failed
		return errors.New("postgres: a failed transaction was to be committed; nothing was stored")
	case errors.As(err, &e) && e.SeverityUnlocalized == "ERROR":
		return wrap(err, true)
	}
	// The driver's SafeToRetry is of no use: a connection that broke while it was read says yes.
	return register.ErrOutcomeUnknown
}

// ready is asked before each statement: it is where a transaction notices that its caller gave up.
func (t *txn) ready(change bool) error {
	switch {
	case t.c == nil:
		return errDone
	case change && t.readOnly:
		return register.ErrReadOnly
	case t.failed != nil:
		return t.failed
	}
	return t.ctx.Err()
}

// fail translates an error of a statement. After it PostgreSQL takes no further statement of the transaction, and neither
// do we.
func (t *txn) fail(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return register.ErrNotFound
	}
	if e := t.ctx.Err(); e != nil {
		err = e
	} else {
		err = wrap(err, t.c.IsClosed())
	}
	t.failed = err
	return err
}

// refuse gives up a transaction of which a method has already done a part.
func (t *txn) refuse(family error, what string) error {
	t.failed = fmt.Errorf("%w: %s", family, what)
	return t.failed
}

// change runs a statement and returns how many rows it touched.
func (t *txn) change(query string, args ...any) (int64, error) {
	if err := t.ready(true); err != nil {
		return 0, err
	}
	tag, err := t.c.Exec(t.run, query, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	return tag.RowsAffected(), nil
}

// changeOne is change for a statement that must touch one row; none is an error of a family.
func (t *txn) changeOne(family error, what, query string, args ...any) error {
	n, err := t.change(query, args...)
	if err == nil && n != 1 {
		err = fmt.Errorf("%w: %s", family, what)
	}
	return err
}

// scanner reads the columns of a row.
type scanner func(...any) error

// changeRow is a change that answers with one row.
func (t *txn) changeRow(query string, args ...any) scanner {
	if err := t.ready(true); err != nil {
		return func(...any) error { return err }
	}
	r := t.c.QueryRow(t.run, query, args...)
	return func(dest ...any) error { return t.fail(r.Scan(dest...)) }
}

// row is a query of at most one row.
func (t *txn) row(query string, args ...any) scanner {
	if err := t.ready(false); err != nil {
		return func(...any) error { return err }
	}
	if !storable(args) {
		return func(...any) error { return register.ErrNotFound }
	}
	r := t.c.QueryRow(t.run, query, args...)
	return func(dest ...any) error { return t.fail(r.Scan(dest...)) }
}

// all runs a query and reads all its rows, so that the connection is free again for fn's next statement.
func all[T any](t *txn, read func(scanner) (T, error), query string, args ...any) ([]T, error) {
	if err := t.ready(false); err != nil {
		return nil, err
	}
	if !storable(args) {
		return nil, nil
	}
	var out []T
	err := t.collect(query, args, func(scan scanner) error {
		v, err := read(scan)
		if err == nil {
			out = append(out, v)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// storable says whether a column can hold the texts: what can't is in no row, and asking the server for it would be an
// error there.
func storable(args []any) bool {
	for _, a := range args {
		if s, ok := a.(string); ok && (strings.ContainsRune(s, 0) || !utf8.ValidString(s)) {
			return false
		}
	}
	return true
}

// most is a limit as SQL takes it.
func most(limit int) int { return max(limit, 0) }

// collectChange is a change that answers with rows.
func (t *txn) collectChange(query string, args []any, each func(scanner) error) error {
	if err := t.ready(true); err != nil {
		return err
	}
	return t.collect(query, args, each)
}

func (t *txn) collect(query string, args []any, each func(scanner) error) error {
	rows, err := t.c.Query(t.run, query, args...)
	if err != nil {
		return t.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			rows.Close()
			return t.fail(err)
		}
	}
	return t.fail(rows.Err())
}
