// The schema and its versions: goose applies the migrations, one process at a time.

package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"sceau/card/register"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migrations are replaced by tests of what a newer program does.
var migrations fs.FS = embedded

//go:embed role.sql
var roleSQL string

// RoleSQL is what an operator runs to make the service's own role, with its explanation.
func RoleSQL() string { return roleSQL }

// versions is the table that says which migrations were applied; its name is how a register is known.
const versions = "sceau_register_version"

// migrate looks at the schema and, only when there is something to do, hands it to goose.
func migrate(ctx context.Context, config *pgx.ConnConfig, o Options, create bool) error {
	have, relations, err := survey(ctx, config, o)
	if err != nil {
		return connecting(ctx, err)
	}
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	know := int64(len(steps)) // they are numbered from 1, without gaps
	switch {
	case create && (have > 0 || relations):
		return ErrNotEmpty
	case !create && have <= 0:
		return ErrNoRegister
	case have > know:
		return fmt.Errorf("%w: the register has version %d, this program knows %d; update the program", register.ErrCorrupt, have, know)
	case have == know:
		return nil
	}
	made, err := apply(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("postgres: bring the register from version %d to %d: %w", max(have, 0), know, wrap(err, false))
	}
	if create && made == 0 { // another Create was faster
		return ErrNotEmpty
	}
	return nil
}

func connecting(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return wrap(err, true)
}

// survey returns the version of the register in the current schema, -1 when there is none, and whether the schema holds any
// other table, view or sequence. It uses a connection of its own.
func survey(ctx context.Context, config *pgx.ConnConfig, o Options) (version int64, relations bool, err error) {
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, false, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if err := settle(ctx, c, o); err != nil {
		return 0, false, err
	}
	var marked bool
	err = c.QueryRow(ctx, `SELECT count(*) FILTER (WHERE relname = $1) > 0, count(*) FILTER (WHERE relname NOT LIKE $1 || '%') > 0
		FROM pg_class WHERE relnamespace = current_schema()::regnamespace`, versions).Scan(&marked, &relations)
	if err != nil || !marked {
		return -1, relations, err
	}
	err = c.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versions+` WHERE is_applied`).Scan(&version)
	return version, relations, err
}

// apply runs the migrations that are missing, each in a transaction with its number: a kill leaves the version before or the
// version after. Processes that start at once wait for the one that does it.
func apply(ctx context.Context, config *pgx.ConnConfig) (int, error) {
	db := stdlib.OpenDB(*config)
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return 0, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return 0, err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithTableName(versions),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, err
	}
	done, err := p.Up(ctx)
	return len(done), err
}
