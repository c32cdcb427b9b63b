// Documents and the requests of counters in SQL.

package sqlite

import (
	"database/sql"
	"fmt"
	"time"

	"sceau/card/register"
)

// second returns the first whole second that is not before t: a whole second s is before t exactly when s < second(t).
func second(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

// millisecond is second for times that are kept to the millisecond.
func millisecond(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) > 0 {
		ms++
	}
	return ms
}

// optional stores no time as NULL.
func optional(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}

func fromOptional(s sql.NullInt64) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	return unix(s.Int64)
}

const documentColumns = `SELECT kind, id, owner, version, until, data FROM document `

func readDocument(scan func(...any) error) (register.Document, error) {
	var d register.Document
	var until sql.NullInt64
	if err := scan(&d.Kind, &d.ID, &d.Owner, &d.Version, &until, &d.Data); err != nil {
		return register.Document{}, err
	}
	d.Until = fromOptional(until)
	return d, nil
}

// Document implements register.Documents.
func (t *txn) Document(kind, id string) (register.Document, error) {
	return readDocument(t.row(documentColumns+`WHERE kind = ? AND id = ?`, kind, id).Scan)
}

// PutDocument implements register.Documents.
func (t *txn) PutDocument(d register.Document) error {
	if err := t.ready(true); err != nil {
		return err
	}
	if err := d.Valid(); err != nil {
		return err
	}
	data := d.Data
	if data == nil {
		data = []byte{} // a nil slice would be NULL
	}
	switch {
	case d.Version < 1:
		return fmt.Errorf("%w: a document's version begins at 1", register.ErrConflict)
	case d.Version == 1:
		return t.change(`INSERT INTO document (kind, id, owner, version, until, data) VALUES (?, ?, ?, 1, ?, ?)`,
			d.Kind, d.ID, d.Owner, optional(d.Until), data)
	}
	return t.changeOne("the document is at another version, or another's",
		`UPDATE document SET version = ?1, until = ?2, data = ?3 WHERE kind = ?4 AND id = ?5 AND owner = ?6 AND version = ?1 - 1`,
		d.Version, optional(d.Until), data, d.Kind, d.ID, d.Owner)
}

// DocumentsAfter implements register.Documents.
func (t *txn) DocumentsAfter(kind, owner, id string, limit int) ([]register.Document, error) {
	if owner == register.AnyOwner {
		return all(t, readDocument, documentColumns+`WHERE kind = ? AND id > ? ORDER BY id LIMIT ?`, kind, id, limit)
	}
	return all(t, readDocument, documentColumns+`WHERE kind = ? AND owner = ? AND id > ? ORDER BY id LIMIT ?`, kind, owner, id, limit)
}

// DropDocument implements register.Documents.
func (t *txn) DropDocument(kind, id string) error {
	return t.change(`DELETE FROM document WHERE kind = ? AND id = ?`, kind, id)
}

// DropDocuments implements register.Documents.
func (t *txn) DropDocuments(kind string, before time.Time) (int64, error) {
	return t.changed(`DELETE FROM document WHERE kind = ? AND until < ?`, kind, second(before))
}

// changed is change that counts the rows.
func (t *txn) changed(query string, args ...any) (int64, error) {
	if err := t.ready(true); err != nil {
		return 0, err
	}
	r, err := t.c.execResult(query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// TakeRequests implements register.Requests.
func (t *txn) TakeRequests(requests []register.Request) ([]bool, error) {
	return addNew(t, requests, register.Request.Valid,
		`INSERT INTO request (counter, id, until) VALUES (?, ?, ?) ON CONFLICT (counter, id) DO NOTHING`,
		func(r register.Request) []any { return []any{r.Counter, r.ID, r.Until.Unix()} })
}

// addNew inserts rows that may be known and says for each whether it was new. One prepared statement serves all: a statement
// of many rows could not say which of them were new without reading them back.
func addNew[T any](t *txn, rows []T, valid func(T) error, query string, args func(T) []any) ([]bool, error) {
	if err := t.ready(true); err != nil {
		return nil, err
	}
	out := make([]bool, len(rows))
	for i, row := range rows {
		if err := valid(row); err != nil {
			return nil, err
		}
		n, err := t.changed(query, args(row)...)
		if err != nil {
			return nil, err
		}
		out[i] = n == 1
	}
	return out, nil
}

// DropRequests implements register.Requests.
func (t *txn) DropRequests(before time.Time) (int64, error) {
	return t.changed(`DELETE FROM request WHERE until < ?`, second(before))
}
