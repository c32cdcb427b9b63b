// The register's check of its own medium: SQLite's, the schema, and what is counted twice.

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"sceau/card/register"
)

// Inspect implements register.Inspector. It finds damaged structure, a schema that is not this program's, and counts that
// are not those of their rows; not altered values.
func (s *Store) Inspect(ctx context.Context) ([]string, error) {
	var faults []string
	err := s.View(ctx, func(tx register.Tx) error {
		c := tx.(*txn).c
		for _, inspect := range []func(*conn) ([]string, error){integrity, foreignKeys, foreignSchema, counts} {
			if err := ctx.Err(); err != nil {
				return err
			}
			found, err := inspect(c)
			if err != nil {
				return err
			}
			faults = append(faults, found...)
		}
		return nil
	})
	return faults, err
}

func integrity(c *conn) ([]string, error) {
	lines, err := collect(c, "PRAGMA integrity_check(100)", nil, func(scan func(...any) error) (string, error) {
		var line string
		return line, scan(&line)
	})
	if err != nil || len(lines) == 1 && lines[0] == "ok" {
		return nil, err
	}
	return lines, nil
}

func foreignKeys(c *conn) ([]string, error) {
	return collect(c, "PRAGMA foreign_key_check", nil, func(scan func(...any) error) (string, error) {
		var table, parent string
		var row, key sql.NullInt64
		err := scan(&table, &row, &parent, &key)
		return fmt.Sprintf("%s row %d refers to no row of %s", table, row.Int64, parent), err
	})
}

const schemaObjects = `SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema WHERE type <> 'table' OR name NOT LIKE 'sqlite%'`

type object struct{ name, sql string }

func readObject(scan func(...any) error) (object, error) {
	var o object
	err := scan(&o.name, &o.sql)
	return o, err
}

// ownSchema is the schema of a new register.
var ownSchema = sync.OnceValues(func() (objects []object, err error) {
	db, err := sql.Open("sqlite", "file::memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := (&Store{db: db}).connect()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := migrate(c, creating); err != nil {
		return nil, err
	}
	return collect(c, schemaObjects, nil, readObject)
})

// foreignSchema compares the schema with that of a new register: a trigger that is gone lets rows be altered, an index that
// is gone lets them be doubled.
func foreignSchema(c *conn) ([]string, error) {
	want, err := ownSchema()
	if err != nil {
		return nil, err
	}
	got, err := collect(c, schemaObjects, nil, readObject)
	if err != nil {
		return nil, err
	}
	var faults []string
	found := make(map[string]string, len(got))
	for _, o := range got {
		found[o.name] = o.sql
	}
	for _, o := range want {
		switch text, ok := found[o.name]; {
		case !ok:
			faults = append(faults, "the schema lacks "+o.name)
		case text != o.sql:
			faults = append(faults, "the schema has another "+o.name)
		}
		delete(found, o.name)
	}
	for _, o := range got {
		if _, foreign := found[o.name]; foreign {
			faults = append(faults, "the schema has a foreign "+o.name)
		}
	}
	return faults, nil
}

// counts: a trigger keeps the counts of days. They say what the receipts say, or somebody else wrote one of the two.
func counts(c *conn) ([]string, error) {
	return collect(c, `SELECT insurer, day, mode, answer FROM served FULL JOIN (
			SELECT insurer, day, mode, answer, count(*) AS n FROM receipt WHERE insurer <> '' GROUP BY insurer, day, mode, answer
		) USING (insurer, day, mode, answer) WHERE n IS NOT count LIMIT 100`, nil, func(scan func(...any) error) (string, error) {
		var d register.ServedDay
		var insurer string
		err := scan(&insurer, &d.Day, &d.Mode, &d.Answer)
		return fmt.Sprintf("served: the count of %s, insurer %s, mode %q, answer %d, is not that of its receipts", d.Day, insurer, d.Mode, d.Answer), err
	})
}
