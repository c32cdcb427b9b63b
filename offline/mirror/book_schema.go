// The tables of a journal, by version, and the step from one to the next.

package mirror

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

const (
	bookID      = 0x5363a301 // application_id: says that a database is a journal of this program
	bookVersion = 3
)

// bookSchema keeps the columns of an entry that journal.Entry has, and beside them care and status of the body, to search
// by; the check compares those with the body.
const bookSchema = `
CREATE TABLE chain (
  id     INTEGER PRIMARY KEY,
  device TEXT NOT NULL UNIQUE,
  public BLOB NOT NULL,
  key    BLOB,
  skip   INTEGER NOT NULL,
  base   TEXT NOT NULL,
  head   TEXT NOT NULL
) STRICT;
CREATE TABLE entry (
  chain  INTEGER NOT NULL REFERENCES chain(id),
  seq    INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  prev   BLOB NOT NULL,
  body   BLOB NOT NULL,
  care   INTEGER NOT NULL,
  status TEXT NOT NULL,
  PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_at ON entry (at);
CREATE INDEX entry_care ON entry (care);
CREATE TABLE settings (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  data BLOB NOT NULL
) STRICT;
`

// linkSchema came with version 2: with whom the counter is enrolled, what each service has acknowledged of each chain, and
// what it answered for each entry. An answer is a number of settledCodes.
const linkSchema = `
CREATE TABLE enrolment (
  id      INTEGER PRIMARY KEY,
  root    TEXT NOT NULL UNIQUE,
  address TEXT NOT NULL,
  counter TEXT NOT NULL,
  state   TEXT NOT NULL CHECK (state IN ('pending', 'active', 'removed')),
  public  BLOB NOT NULL,
  key     BLOB,
  facts   BLOB NOT NULL,
  since   INTEGER NOT NULL
) STRICT;
CREATE TABLE upload (
  enrolment INTEGER NOT NULL REFERENCES enrolment(id),
  chain     INTEGER NOT NULL REFERENCES chain(id),
  next      INTEGER NOT NULL,
  PRIMARY KEY (enrolment, chain)
) STRICT, WITHOUT ROWID;
CREATE TABLE settled (
  chain     INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  enrolment INTEGER NOT NULL REFERENCES enrolment(id),
  answer    INTEGER NOT NULL,
  reason    TEXT NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (chain, seq, enrolment)
) STRICT, WITHOUT ROWID;
CREATE INDEX settled_answer ON settled (answer, chain, seq) WHERE answer > 1;
`

// toldSchema came with version 3: what a service answered of a card is found by the card. Both expressions read the body, whose
// first members are the version and the card and whose last one is the accord's number, so the index can say nothing that the
// signed chain does not.
const toldSchema = `
CREATE INDEX entry_told ON entry (` + toldCard + `, at) WHERE ` + isTold + `;
`

const (
	toldCard = `substr(body, 16, instr(substr(body, 16), x'22') - 1)`                     // after {"v":1,"card":" and up to the next "
	isTold   = `instr(body, x'226d6f6465223a226f6e6c696e65222c226163636f7264223a22') > 0` // "mode":"online","accord":"
)

// statements are a schema as SQLite keeps it.
func statements(schema string) []string { return strings.Split(strings.Trim(schema, "\n;"), ";\n") }

// look refuses a database that is not a journal with errNoBook: another program's, or one with tables, triggers or views
// that this package did not make.
func look(db *sql.DB) error {
	var id, have int
	if err := db.QueryRow("PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if id != bookID {
		return errNoBook
	}
	if have > bookVersion {
		return fmt.Errorf("%w: %s %d, this program knows %d", ErrNewer, BookName, have, bookVersion)
	}
	rows, err := db.Query("SELECT coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex%' ORDER BY rowid")
	if err != nil {
		return err
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		got = append(got, text)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	want := statements(bookSchema)
	if have >= 2 {
		want = append(want, statements(linkSchema)...)
	}
	if have >= 3 {
		want = append(want, statements(toldSchema)...)
	}
	if !slices.Equal(got, want) {
		return errNoBook
	}
	var chains int
	if err := db.QueryRow("SELECT count(*) FROM chain").Scan(&chains); err != nil {
		return err
	}
	if chains == 0 {
		return errNoBook
	}
	return nil
}

// upgrade adds to a journal of an older version what came since; whoever has it open meanwhile goes on.
func upgrade(db *sql.DB) error {
	ctx := context.Background()
	var have int
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil || have >= bookVersion {
		return err
	}
	return transaction(ctx, db, func(c *sql.Conn) error {
		// Another process may have done it while this one waited.
		if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil || have >= bookVersion {
			return err
		}
		added := toldSchema
		if have < 2 {
			added = linkSchema + toldSchema
		}
		_, err := c.ExecContext(ctx, fmt.Sprintf("%sPRAGMA user_version = %d;", added, bookVersion))
		return err
	})
}

// linked says whether a journal that is only read has the tables of version 2.
func linked(ctx context.Context, c *sql.Conn) (bool, error) { return since(ctx, c, 2) }

// since says whether a journal has what came with a version.
func since(ctx context.Context, c *sql.Conn, version int) (bool, error) {
	var have int
	err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have)
	return have >= version, err
}
