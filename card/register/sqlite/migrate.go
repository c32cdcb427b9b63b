// The schema and its versions: PRAGMA user_version counts the migrations applied.

package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"sceau/card/register"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as a Sceau register ("Scea" in ASCII), so that no other program's database is taken for one.
const applicationID = 0x53636561

// migrate brings the schema to this program's version, each step in one transaction with its number: a kill leaves the
// version before or the version after. A file that is not a register, or a newer one, is refused untouched.
func migrate(c *conn, how access) error {
	create := how == creating
	steps, err := fs.Glob(migrations, "migrations/*.sql") // in order: names begin with four digits
	if err != nil {
		return err
	}
	var app, version int
	if err := c.row("PRAGMA application_id").Scan(&app); err != nil {
		return fmt.Errorf("sqlite: read the register: %w", err)
	}
	if err := c.row("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("sqlite: read the register: %w", err)
	}
	switch {
	case create && (app != 0 || version != 0):
		return fmt.Errorf("sqlite: %w: a new register is not empty", register.ErrConflict)
	case !create && (app != applicationID || version == 0):
		return fmt.Errorf("sqlite: %w: the file is not a register", register.ErrCorrupt)
	case version > len(steps):
		return fmt.Errorf("sqlite: %w: the register has version %d, this program knows %d; update the program", register.ErrCorrupt, version, len(steps))
	case version < len(steps) && how.protected():
		return fmt.Errorf("sqlite: %w: it has version %d and must be brought to %d first", register.ErrProtected, version, len(steps))
	}
	for i := version; i < len(steps); i++ {
		if err := step(c, steps[i], i); err != nil {
			return fmt.Errorf("sqlite: bring the register to version %d: %w", i+1, err)
		}
	}
	return nil
}

// step takes the register from a version to the next. The version is read once more under the write lock: another process
// may have been first.
func step(c *conn, name string, from int) (err error) {
	script, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.script("ROLLBACK") // fails when SQLite rolled back by itself, which is as good
		}
	}()
	var version int
	if err := c.c.QueryRowContext(context.Background(), "PRAGMA user_version").Scan(&version); err != nil {
		return wrap(err)
	}
	if version > from {
		return c.script("COMMIT")
	}
	if err := c.script(string(script)); err != nil {
		return err
	}
	return c.script(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", applicationID, from+1))
}
