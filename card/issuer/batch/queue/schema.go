// The tables of the queue: made by River's own migrations, in a schema of their own.

package queue

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// RoleSQL lets the register's service role (postgres.RoleSQL) add and work off shards. The owner runs it after Migrate, with
// sceau_queue replaced by what Schema says where the register is not in the schema "public".
//
//go:embed role.sql
var RoleSQL string

// migrating is the advisory lock under which the tables are made: the first letters of the package's purpose.
const migrating = 0x736365617571 // "sceauq"

// Migrate makes the tables, or brings them to this program's version; nothing is done when they are there. ErrRole when the
// role may not.
func (q *Queue) Migrate(ctx context.Context) error {
	m, err := rivermigrate.New(riverpgxv5.New(q.pool), &rivermigrate.Config{Schema: q.schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if q.ready(ctx, m) == nil {
		return nil
	}
	// The lock is its session's: migrations are several transactions on other connections.
	c, err := q.pool.Acquire(ctx)
	if err != nil {
		return fault(err)
	}
	defer c.Release()
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", migrating); err != nil {
		return fault(err)
	}
	defer func() {
		if _, err := c.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrating); err != nil {
			_ = c.Conn().Close(context.WithoutCancel(ctx)) // ends the session, and with it the lock
		}
	}()
	if q.ready(ctx, m) == nil {
		return nil // another did it meanwhile
	}
	// Not IF NOT EXISTS, for which also the owner of the schema alone needs the right to make one.
	var there bool
	if err := c.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", q.schema).Scan(&there); err != nil {
		return fault(err)
	}
	if !there {
		if _, err := c.Exec(ctx, "CREATE SCHEMA "+q.schema); err != nil {
			return fault(err)
		}
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return fault(err)
		}
		return fmt.Errorf("queue: migration: %w", fault(err))
	}
	return nil
}

// ready says whether all tables are there: nil, or why not.
func (q *Queue) ready(ctx context.Context, m interface {
	Validate(context.Context, *rivermigrate.ValidateOpts) (*rivermigrate.ValidateResult, error)
}) error {
	r, err := m.Validate(ctx, nil)
	if err != nil {
		return fault(err)
	}
	if !r.OK {
		return ErrMissing
	}
	return nil
}
