// Online checks in SQL, and the one read that a check needs.

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// AddChecks implements register.Checks.
func (t *txn) AddChecks(checks []register.Check) (int64, error) {
	if err := t.ready(true); err != nil {
		return 0, err
	}
	first := int64(0)
	for i, c := range checks {
		if err := c.Valid(); err != nil {
			return 0, err
		}
		if err := t.ready(true); err != nil {
			return 0, err
		}
		r, err := t.c.execResult(`INSERT INTO online_check (number, counter, at, insurer, list, idx, care, domain, person, status, reason,
			pay_until, pay_euros) VALUES (nullif(?, ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Number, c.Counter, c.At.UnixMilli(), c.Insurer, c.Place.List, c.Place.Index, c.Care, c.Domain, c.Person, c.Status, c.Reason,
			optional(c.Pay.Until), c.Pay.Euros)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			if first, err = r.LastInsertId(); err != nil {
				return 0, err
			}
		}
	}
	return first, nil
}

const checkColumns = `SELECT seq, coalesce(number, ''), counter, at, insurer, list, idx, care, domain, person, status, reason, pay_until, pay_euros
	FROM online_check `

func readCheck(scan func(...any) error) (register.Check, error) {
	var c register.Check
	var at int64
	var until sql.NullInt64
	err := scan(&c.Seq, &c.Number, &c.Counter, &at, &c.Insurer, &c.Place.List, &c.Place.Index, &c.Care, &c.Domain, &c.Person, &c.Status, &c.Reason,
		&until, &c.Pay.Euros)
	if err != nil {
		return register.Check{}, err
	}
	c.At, c.Pay.Until = time.UnixMilli(at).UTC(), fromOptional(until)
	return c, nil
}

// CheckByNumber implements register.Checks.
func (t *txn) CheckByNumber(number string) (register.Check, error) {
	return readCheck(t.row(checkColumns+`WHERE number = ?`, number).Scan)
}

// ChecksAfter implements register.Checks.
func (t *txn) ChecksAfter(seq int64, counter, insurer string, limit int) ([]register.Check, error) {
	w := where{sql: "WHERE seq > ?", args: []any{seq}}
	w.and("counter", counter != "", counter)
	w.and("insurer", insurer != "", insurer)
	return all(t, readCheck, checkColumns+w.sql+` ORDER BY seq LIMIT ?`, append(w.args, limit)...)
}

// where collects the conditions of a query that may be narrowed; each set of them is one SQL text. The first condition
// chooses the index, which holds the columns of the others: "+" keeps SQLite from choosing by these.
type where struct {
	sql      string
	args     []any
	narrowed bool
}

func (w *where) and(column string, asked bool, value any) {
	if !asked {
		return
	}
	if w.narrowed {
		column = "+" + column
	}
	w.sql += " AND " + column + " = ?"
	w.args, w.narrowed = append(w.args, value), true
}

const holdingColumns = `SELECT contract.insurer, contract.adherent, card.person, card.valid_from, card.valid_to, card.revision, card.kid,
	card.issued_at, card.payload, card.signature, card.state, card.replaces_list, card.replaces_idx, card.replaced_from,
	contract.revision, contract.valid_from, contract.valid_to, contract.hash, contract.canonical, contract.changed_at,
	event.seq, event.kind, event.from_day, event.class, event.actor, event.at, event.revision, event.published
	FROM card JOIN contract ON contract.id = card.contract LEFT JOIN event ON event.list = card.list AND event.idx = card.idx
	WHERE card.list = ? AND card.idx = ? ORDER BY event.seq`

// Holding implements register.Holder: one statement, which by itself sees one committed state.
func (s *Store) Holding(ctx context.Context, p card.Place) (register.Holding, error) {
	if err := ctx.Err(); err != nil {
		return register.Holding{}, err
	}
	c, err := s.reader(ctx)
	if err != nil {
		return register.Holding{}, err
	}
	defer func() { s.reading <- c }()
	h := register.Holding{Card: register.Card{Place: p}}
	found := false
	err = each(c, holdingColumns, []any{p.List, p.Index}, func(scan func(...any) error) error {
		found = true
		return readHolding(&h, scan)
	})
	if err != nil {
		return register.Holding{}, err
	}
	if !found {
		return register.Holding{}, fmt.Errorf("%w: card %s", register.ErrNotFound, p)
	}
	return h, nil
}

// readHolding reads a row: the card and its contract, the same in each, and one event or none.
func readHolding(h *register.Holding, scan func(...any) error) error {
	var issued int64
	var list, index, replaced sql.NullInt64
	var hash []byte
	var changed int64
	var seq, kind, from, at, revision, published sql.NullInt64
	var class, actor sql.NullString
	c, k := &h.Card, &h.Contract
	err := scan(&c.Contract.Insurer, &c.Contract.Adherent, &c.Person, &c.From, &c.To, &c.Revision, &c.KID,
		&issued, &c.Payload, &c.Signature, &c.State, &list, &index, &replaced,
		&k.Revision, &k.From, &k.To, &hash, &k.Canonical, &changed,
		&seq, &kind, &from, &class, &actor, &at, &revision, &published)
	if err != nil {
		return err
	}
	c.IssuedAt = unix(issued)
	c.Replaces = card.Place{List: uint32(list.Int64), Index: uint32(index.Int64)}
	c.ReplacedFrom = rights.Date(replaced.Int64)
	k.Key = c.Contract
	k.SetChangedUnix(changed)
	if copy(k.Hash[:], hash) != len(k.Hash) {
		return fmt.Errorf("%w: hash of a contract", register.ErrCorrupt)
	}
	if seq.Valid {
		h.Events = append(h.Events, register.Event{Seq: seq.Int64, Place: c.Place, Kind: status.Kind(kind.Int64), From: rights.Date(from.Int64),
			Class: class.String, Actor: actor.String, At: unix(at.Int64), Revision: uint64(revision.Int64), Published: rights.Date(published.Int64)})
	}
	return nil
}
