// What the server and the driver say, in the register's families and without any value.

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"sceau/card/register"
)

// wrap translates an error. Texts of the server and of the driver may quote rows, users and addresses: nothing of them is
// kept but the SQLSTATE and the names of tables and constraints. lost says that the connection is gone or was never had.
func wrap(err error, lost bool) error {
	var e *pgconn.PgError
	var number syscall.Errno
	var timeout net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return stated(e)
	case errors.Is(err, ErrUnfit), errors.Is(err, ErrNoRegister), errors.Is(err, ErrNotEmpty), errors.Is(err, register.ErrCorrupt):
		return err
	case errors.Is(err, puddle.ErrClosedPool):
		return ErrClosed
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrStandbyConnection):
		return fmt.Errorf("%w: the database accepts no writes now", register.ErrBusy)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: no connection or no answer in time", register.ErrBusy)
	case errors.As(err, &number):
		return fmt.Errorf("%w: no connection to the database: %w", register.ErrBusy, number)
	case lost:
		return fmt.Errorf("%w: no connection to the database", register.ErrBusy)
	}
	return errors.New("postgres: a value can't be written or read") // the driver's text would quote it
}

func stated(e *pgconn.PgError) error {
	where := "SQLSTATE " + e.Code
	if e.TableName != "" {
		where += ", table " + e.TableName
	}
	if e.ConstraintName != "" {
		where += ", " + e.ConstraintName
	}
	family := func(f error) error { return fmt.Errorf("%w: %s", f, where) }
	switch e.Code {
	case "23505", "23001", "23P01": // unique_violation, restrict_violation (our triggers), exclusion_violation
		return family(register.ErrConflict)
	case "23503": // foreign_key_violation
		return family(register.ErrNotFound)
	case "40001", "40P01", // serialization_failure, deadlock_detected
		"55P03", "57014", "25P03", // lock_not_available, query_canceled, idle_in_transaction_session_timeout
		"57P01", "57P02", "57P03", "57P05", // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout
		"53300", "25006": // too_many_connections, read_only_sql_transaction: a standby
		return family(register.ErrBusy)
	case "53100":
		return fmt.Errorf("postgres: the database's disk is full, nothing was stored: %w (%s)", syscall.ENOSPC, where)
	case "53200":
		return fmt.Errorf("postgres: the database is out of memory, nothing was stored (%s)", where)
	case "42501":
		return family(ErrRole)
	case "28000", "28P01":
		return fmt.Errorf("postgres: the database refuses this user or password (%s)", where)
	case "3D000":
		return fmt.Errorf("postgres: there is no such database on the server (%s)", where)
	case "42P01", "42703", "42883", "3F000": // undefined table, column, function; invalid schema name
		return family(register.ErrCorrupt)
	}
	switch {
	case strings.HasPrefix(e.Code, "08"): // connection exceptions
		return family(register.ErrBusy)
	case strings.HasPrefix(e.Code, "XX"): // internal error, data_corrupted, index_corrupted
		return family(register.ErrCorrupt)
	}
	return fmt.Errorf("postgres: the database refuses the statement (%s)", where)
}
