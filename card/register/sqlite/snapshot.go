// Copies of a register: a snapshot beside its writers, and one whose rows are rewritten.

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"sceau/card/register"
)

// Snapshot writes one committed state of the register into a new file, whole and durable, while others go on writing. It
// refuses (fs.ErrExist) when the file is there. Copying the file of a register that is in use gives no such state: what was
// committed last may stand in its log alone.
func (s *Store) Snapshot(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // VACUUM INTO takes an empty file
	if err != nil {
		return fmt.Errorf("sqlite: snapshot: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("sqlite: snapshot: %w", err)
	}
	c, err := s.connect() // one of its own: no reader waits for it
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	_, err = c.c.ExecContext(ctx, `VACUUM INTO ?`, path)
	if err = errors.Join(wrap(err), c.close()); err == nil {
		err = syncFile(path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("sqlite: snapshot: %w", err), os.Remove(path))
	}
	return nil
}

// Rewriting says how rows are rewritten. Every function is called for every row of its kind; none may be nil.
type Rewriting struct {
	Contract func(register.Contract) (register.Contract, error)
	Card     func(register.Card) (register.Card, error)
	Document func(register.Document) (register.Document, error)
	Import   func(register.Import) (register.Import, error)
}

// Rewrite makes a new register at path (see Create) that holds every row of this one, numbers and order included: what
// Rewriting covers is rewritten, everything else the same. It reads one committed state. A failure leaves no file.
func (s *Store) Rewrite(ctx context.Context, path string, by Rewriting) (err error) {
	to, err := Create(path, Options{Readers: 1})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, to.Close())
		if err != nil {
			for _, name := range []string{path, path + "-wal", path + "-shm"} {
				if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
					err = errors.Join(err, e)
				}
			}
		}
	}()
	return s.View(ctx, func(from register.Tx) error {
		return to.Update(ctx, func(into register.Tx) error {
			c := copying{ctx: ctx, from: from.(*txn).c, to: into.(*txn).c, by: by}
			return c.all()
		})
	})
}

// copying is one Rewrite under way.
type copying struct {
	ctx      context.Context
	from, to *conn
	by       Rewriting
}

func (c *copying) all() error {
	if err := c.to.exec(`PRAGMA defer_foreign_keys = ON`); err != nil { // ends with the transaction
		return err
	}
	text := func(scan func(...any) error) (string, error) { var s string; return s, scan(&s) }
	const query = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY rowid`
	tables, err := collect(c.from, query, nil, text)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if table == "served" { // the trigger on receipts counts anew
			continue
		}
		columns, err := collect(c.from, `SELECT name FROM pragma_table_info(?) ORDER BY cid`, []any{table}, text)
		if err != nil {
			return err
		}
		if err := c.table(table, columns); err != nil {
			return fmt.Errorf("sqlite: rewrite %s: %w", table, err)
		}
	}
	// Numbers that were given and taken back are not given again.
	type mark struct {
		table string
		seq   int64
	}
	marks, err := collect(c.from, `SELECT name, seq FROM sqlite_sequence`, nil, func(scan func(...any) error) (mark, error) {
		var m mark
		return m, scan(&m.table, &m.seq)
	})
	if err != nil {
		return err
	}
	for _, m := range marks {
		if err := c.to.exec(`DELETE FROM sqlite_sequence WHERE name = ?`, m.table); err != nil {
			return err
		}
		if err := c.to.exec(`INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`, m.table, m.seq); err != nil {
			return err
		}
	}
	return nil
}

// rowOf gives the cells of one row by the names of their columns.
type rowOf map[string]any

func (c *copying) table(table string, columns []string) error {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = `"` + name + `"`
	}
	list := strings.Join(quoted, ", ")
	insert := `INSERT INTO "` + table + `" (` + list + `) VALUES (?` + strings.Repeat(", ?", len(columns)-1) + `)`
	cells := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	return each(c.from, `SELECT `+list+` FROM "`+table+`"`, nil, func(scan func(...any) error) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := scan(into...); err != nil {
			return err
		}
		r := rowOf{}
		for i, name := range columns {
			if b, ok := cells[i].([]byte); ok && b == nil {
				cells[i] = []byte{} // a nil slice would be NULL
			}
			r[name] = cells[i]
		}
		if err := c.rewrite(table, r); err != nil {
			return err
		}
		out := make([]any, len(columns))
		for i, name := range columns {
			out[i] = r[name]
		}
		return c.to.exec(insert, out...)
	})
}

// rewrite changes the cells of a row that hold an identity. The rows are read by the statements of the transactions, so that
// there is one place that knows what a column means.
func (c *copying) rewrite(table string, r rowOf) error {
	from := &txn{c: c.from, ctx: c.ctx, readOnly: true}
	id, _ := r["id"].(int64)
	switch table {
	case "contract":
		old, err := readContract(from.row(contractColumns+`WHERE id = ?`, id).Scan)
		if err != nil {
			return err
		}
		row, err := c.by.Contract(old)
		if err != nil {
			return err
		}
		r["adherent"], r["hash"], r["canonical"] = row.Key.Adherent, row.Hash[:], row.Canonical
	case "card":
		old, err := readCard(from.row(cardColumns+`WHERE card.id = ?`, id).Scan)
		if err != nil {
			return err
		}
		row, err := c.by.Card(old)
		if err != nil {
			return err
		}
		r["payload"] = row.Payload
	case "document":
		kind, _ := r["kind"].(string)
		key, _ := r["id"].(string)
		old, err := from.Document(kind, key)
		if err != nil {
			return err
		}
		row, err := c.by.Document(old)
		if err != nil {
			return err
		}
		r["data"] = row.Data
	case "import":
		sum, ok := r["sha256"].([]byte)
		var old register.Import
		if !ok || copy(old.SHA256[:], sum) != len(old.SHA256) {
			return fmt.Errorf("%w: the digest of an import", register.ErrCorrupt)
		}
		row, err := c.by.Import(old)
		if err != nil {
			return err
		}
		r["sha256"] = row.SHA256[:]
	}
	return nil
}
