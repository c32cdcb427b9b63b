// Copies of a register: all its rows in one file, and a new register from that file.

package postgres

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sceau/card/register"
)

// A snapshot is a header, one line of JSON, then the rows of each table in PostgreSQL's binary COPY format, cut into chunks
// that begin with their length (4 bytes) and end with an empty one. pg_dump would do as well, but it must have the server's
// version and be there where the service is; this has neither need.
const snapshotSchema = "sceau-postgres-1"

type snapshotHeader struct {
	Schema  string          `json:"schema"`
	Version int64           `json:"version"` // of the migrations
	Tables  []snapshotTable `json:"tables"`  // in the order in which they can be filled
}

type snapshotTable struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// list quotes the columns.
func (t snapshotTable) list() string {
	quoted := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		quoted[i] = `"` + c + `"`
	}
	return strings.Join(quoted, ", ")
}

// errSnapshot says that a file is no whole snapshot.
var errSnapshot = errors.New("postgres: the file is no whole snapshot of a register")

// maxChunk bounds what is believed of a chunk's length.
const maxChunk = 1 << 20

// Snapshot writes one committed state of the register into a new file, durable, while others go on writing.
func (s *Store) Snapshot(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("postgres: snapshot: %w", err)
	}
	w := bufio.NewWriterSize(f, maxChunk)
	err = s.View(ctx, func(tx register.Tx) error { return tx.(*txn).export(w) })
	if err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func (t *txn) export(w *bufio.Writer) error {
	h, err := t.describe()
	if err != nil {
		return err
	}
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return err
	}
	for _, table := range h.Tables {
		out := &chunks{w: w}
		_, err := t.c.PgConn().CopyTo(t.run, out, `COPY "`+table.Name+`" (`+table.list()+`) TO STDOUT (FORMAT binary)`)
		if out.err != nil {
			return out.err // of the file
		}
		if err != nil {
			return t.fail(err)
		}
		if err := out.end(); err != nil {
			return err
		}
	}
	return nil
}

// describe reads what tables the schema has. Later tables may refer to earlier ones, never the other way.
func (t *txn) describe() (snapshotHeader, error) {
	h := snapshotHeader{Schema: snapshotSchema}
	if err := t.row(`SELECT coalesce(max(version_id), 0) FROM ` + versions + ` WHERE is_applied`)(&h.Version); err != nil {
		return h, err
	}
	var err error
	h.Tables, err = all(t, func(scan scanner) (snapshotTable, error) {
		var table snapshotTable
		return table, scan(&table.Name, &table.Columns)
	}, `SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE $1 || '%' AND a.attnum > 0 AND NOT a.attisdropped
		GROUP BY c.oid, c.relname ORDER BY c.oid`, versions)
	return h, err
}

// chunks writes what COPY gives.
type chunks struct {
	w   *bufio.Writer
	err error
}

func (c *chunks) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && c.err == nil; {
		part := rest[:min(len(rest), maxChunk)]
		rest = rest[len(part):]
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(part)))
		if _, c.err = c.w.Write(n[:]); c.err == nil {
			_, c.err = c.w.Write(part)
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

func (c *chunks) end() error {
	_, err := c.w.Write(make([]byte, 4))
	return err
}

// table reads the chunks of one table.
type table struct {
	r    *bufio.Reader
	left uint32
	done bool
	err  error
}

func (t *table) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	if t.left == 0 && !t.done {
		var n [4]byte
		if _, err := io.ReadFull(t.r, n[:]); err != nil {
			t.err = errSnapshot
			return 0, t.err
		}
		t.left = binary.BigEndian.Uint32(n[:])
		t.done = t.left == 0
		if t.left > maxChunk {
			t.err = errSnapshot
			return 0, t.err
		}
	}
	if t.done {
		return 0, io.EOF
	}
	n, err := t.r.Read(p[:min(len(p), int(t.left))])
	t.left -= uint32(n)
	if err != nil && !(err == io.EOF && n > 0) {
		t.err = errSnapshot
		return n, t.err
	}
	return n, nil
}

// Load makes a register in the current schema of an existing database from a snapshot, and opens it. The schema must be empty,
// or hold a register without any row, as an interrupted Load leaves it; else ErrNotEmpty. A snapshot of another version of the
// schema is refused: it is loaded by the program that made it, which is then updated.
func Load(ctx context.Context, dsn, path string, o Options) (*Store, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("postgres: load: %w", err)
	}
	defer f.Close()
	s, err := Create(ctx, dsn, o)
	if errors.Is(err, ErrNotEmpty) {
		if s, err = Open(ctx, dsn, o); errors.Is(err, ErrNoRegister) {
			err = ErrNotEmpty // something else is there
		}
	}
	if err != nil {
		return nil, err
	}
	err = s.Update(ctx, func(tx register.Tx) error { return tx.(*txn).load(bufio.NewReaderSize(f, maxChunk)) })
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (t *txn) load(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	var h snapshotHeader
	if err != nil || json.Unmarshal(line, &h) != nil || h.Schema != snapshotSchema {
		return errSnapshot
	}
	here, err := t.describe()
	if err != nil {
		return err
	}
	if h.Version != here.Version {
		return fmt.Errorf("postgres: the snapshot is of version %d of the schema, this program makes %d: restore it with the program that made it", h.Version, here.Version)
	}
	known := map[string]string{}
	for _, table := range here.Tables {
		known[table.Name] = table.list()
	}
	if len(h.Tables) != len(known) {
		return errSnapshot
	}
	for _, from := range h.Tables {
		list, ok := known[from.Name]
		if !ok || list != from.list() { // nothing of the file becomes SQL that is not here already
			return errSnapshot
		}
		delete(known, from.Name)
		var some bool
		if err := t.row(`SELECT EXISTS (SELECT FROM "` + from.Name + `")`)(&some); err != nil {
			return err
		}
		if some {
			return ErrNotEmpty
		}
		in := &table{r: r}
		if _, err := t.c.PgConn().CopyFrom(t.run, in, `COPY "`+from.Name+`" (`+list+`) FROM STDIN (FORMAT binary)`); in.err != nil {
			return in.err
		} else if err != nil {
			return t.fail(err)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return errSnapshot
	}
	return t.resume()
}

// resume sets the counters of the columns that the server numbers to where their rows end.
func (t *txn) resume() error {
	type column struct{ table, name string }
	counted, err := all(t, func(scan scanner) (column, error) {
		var c column
		return c, scan(&c.table, &c.name)
	}, `SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES' AND table_name NOT LIKE $1 || '%'`, versions)
	if err != nil {
		return err
	}
	for _, c := range counted {
		var next int64
		err := t.row(`SELECT setval(pg_get_serial_sequence($1, $2), greatest(coalesce(max("`+c.name+`"), 0), 1), max("`+c.name+`") IS NOT NULL) FROM "`+c.table+`"`, c.table, c.name)(&next)
		if err != nil {
			return err
		}
	}
	return nil
}
