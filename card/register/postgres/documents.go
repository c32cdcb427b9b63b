// Documents and the requests of counters in SQL.

package postgres

import (
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

// optional stores no time as NULL.
func optional(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	s := t.Unix()
	return &s
}

func fromOptional(s *int64) time.Time {
	if s == nil {
		return time.Time{}
	}
	return unix(*s)
}

const documentColumns = `SELECT kind, id, owner, version, until, data FROM document `

func readDocument(scan scanner) (register.Document, error) {
	var d register.Document
	var until *int64
	if err := scan(&d.Kind, &d.ID, &d.Owner, &d.Version, &until, &d.Data); err != nil {
		return register.Document{}, err
	}
	d.Until = fromOptional(until)
	return d, nil
}

// Document implements register.Documents.
func (t *txn) Document(kind, id string) (register.Document, error) {
	return readDocument(t.row(documentColumns+`WHERE kind = $1 AND id = $2`, kind, id))
}

// PutDocument implements register.Documents.
func (t *txn) PutDocument(d register.Document) error {
	if err := t.ready(true); err != nil {
		return err
	}
	if err := d.Valid(); err != nil {
		return err
	}
	switch {
	case d.Version < 1:
		return fmt.Errorf("%w: a document's version begins at 1", register.ErrConflict)
	case d.Version == 1:
		return t.changeOne(register.ErrConflict, "the document is known",
			`INSERT INTO document (kind, id, owner, version, until, data) VALUES ($1, $2, $3, 1, $4, $5) ON CONFLICT DO NOTHING`,
			d.Kind, d.ID, d.Owner, optional(d.Until), blob(d.Data))
	}
	return t.changeOne(register.ErrConflict, "the document is at another version, or another's",
		`UPDATE document SET version = $1, until = $2, data = $3 WHERE kind = $4 AND id = $5 AND owner = $6 AND version = $1 - 1`,
		d.Version, optional(d.Until), blob(d.Data), d.Kind, d.ID, d.Owner)
}

// DocumentsAfter implements register.Documents.
func (t *txn) DocumentsAfter(kind, owner, id string, limit int) ([]register.Document, error) {
	if owner == register.AnyOwner {
		return all(t, readDocument, documentColumns+`WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3`, kind, id, most(limit))
	}
	return all(t, readDocument, documentColumns+`WHERE kind = $1 AND owner = $2 AND id > $3 ORDER BY id LIMIT $4`, kind, owner, id, most(limit))
}

// DropDocument implements register.Documents.
func (t *txn) DropDocument(kind, id string) error {
	if !storable([]any{kind, id}) {
		return t.ready(true)
	}
	_, err := t.change(`DELETE FROM document WHERE kind = $1 AND id = $2`, kind, id)
	return err
}

// DropDocuments implements register.Documents.
func (t *txn) DropDocuments(kind string, before time.Time) (int64, error) {
	return t.change(`DELETE FROM document WHERE kind = $1 AND until < $2`, kind, second(before))
}

// TakeRequests implements register.Requests with one statement.
func (t *txn) TakeRequests(requests []register.Request) ([]bool, error) {
	var counters, ids []string
	var untils []int64
	for _, r := range requests {
		if err := r.Valid(); err != nil {
			return nil, err
		}
		counters, ids, untils = append(counters, r.Counter), append(ids, r.ID), append(untils, r.Until.Unix())
	}
	fresh, err := t.fresh(len(requests), `WITH given AS (
			SELECT DISTINCT ON (counter, id) * FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS g (counter, id, until, n)
			ORDER BY counter, id, n),
		stored AS (INSERT INTO request (counter, id, until) SELECT counter, id, until FROM given ON CONFLICT DO NOTHING RETURNING counter, id)
		SELECT n FROM given JOIN stored USING (counter, id)`, counters, ids, untils)
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

// fresh runs a statement that stores what is new of n things and returns their places, from 1.
func (t *txn) fresh(n int, query string, args ...any) ([]bool, error) {
	if err := t.ready(true); err != nil {
		return nil, err
	}
	out := make([]bool, n)
	if n == 0 {
		return out, nil
	}
	err := t.collect(query, args, func(scan scanner) error {
		var place int64
		if err := scan(&place); err != nil {
			return err
		}
		out[place-1] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DropRequests implements register.Requests.
func (t *txn) DropRequests(before time.Time) (int64, error) {
	return t.change(`DELETE FROM request WHERE until < $1`, second(before))
}
