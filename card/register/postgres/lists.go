// Lists, pages and the events that go into them in SQL.

package postgres

import (
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

const listColumns = `SELECT number, insurer, open, used, revision FROM list `

func readList(scan scanner) (register.List, error) {
	var l register.List
	var revision int64
	if err := scan(&l.Number, &l.Insurer, &l.Open, &l.Used, &revision); err != nil {
		return register.List{}, err
	}
	l.Revision = uint64(revision)
	return l, nil
}

// AddList implements register.Lists.
func (t *txn) AddList(insurer string) (register.List, error) {
	if _, err := t.change(`UPDATE list SET open = false WHERE insurer = $1 AND open`, insurer); err != nil {
		return register.List{}, err
	}
	err := t.changeOne(register.ErrNotFound, "insurer of a list", `INSERT INTO list (number, insurer, open)
		SELECT (SELECT coalesce(max(number), 0) + 1 FROM list), key, true FROM insurer WHERE key = $1`, insurer)
	if err != nil {
		return register.List{}, err
	}
	return t.OpenList(insurer)
}

// OpenList implements register.Lists.
func (t *txn) OpenList(insurer string) (register.List, error) {
	return readList(t.row(listColumns+`WHERE insurer = $1 AND open`, insurer))
}

// Lists implements register.Lists.
func (t *txn) Lists() ([]register.List, error) {
	return all(t, readList, listColumns+`ORDER BY number`)
}

// Page implements register.Pages.
func (t *txn) Page(list uint32) ([]byte, error) {
	var b []byte
	if err := t.row(`SELECT page FROM list WHERE number = $1 AND page IS NOT NULL`, int64(list))(&b); err != nil {
		return nil, err
	}
	return b, nil
}

// SetPage implements register.Pages.
func (t *txn) SetPage(list uint32, from, to uint64, page []byte) error {
	if from == 0 && to == 0 {
		return t.changeOne(register.ErrConflict, "the list has a page already",
			`UPDATE list SET page = $1 WHERE number = $2 AND revision = 0 AND page IS NULL`, blob(page), int64(list))
	}
	if to != from+1 {
		return fmt.Errorf("%w: a page's revision rises by one", register.ErrConflict)
	}
	return t.changeOne(register.ErrConflict, "the list is at another revision",
		`UPDATE list SET revision = $1, page = $2 WHERE number = $3 AND revision = $4`, int64(to), blob(page), int64(list), int64(from))
}

// AddEvent implements register.Events.
func (t *txn) AddEvent(e register.Event) (int64, error) {
	var seq int64
	err := t.changeRow(`INSERT INTO event (seq, list, idx, kind, from_day, class, actor, at)
		SELECT (SELECT coalesce(max(seq), 0) + 1 FROM event), list, idx, $3, $4, $5, $6, $7 FROM card WHERE list = $1 AND idx = $2 RETURNING seq`,
		int64(e.Place.List), int64(e.Place.Index), int16(e.Kind), int32(e.From), e.Class, e.Actor, e.At.Unix())(&seq)
	return seq, err
}

const eventColumns = `SELECT seq, list, idx, kind, from_day, class, actor, at, revision, published FROM event `

func readEvent(scan scanner) (register.Event, error) {
	var e register.Event
	var kind int16
	var from, published int32
	var at, revision int64
	if err := scan(&e.Seq, &e.Place.List, &e.Place.Index, &kind, &from, &e.Class, &e.Actor, &at, &revision, &published); err != nil {
		return register.Event{}, err
	}
	e.Kind, e.From, e.At, e.Revision, e.Published = status.Kind(kind), rights.Date(from), unix(at), uint64(revision), rights.Date(published)
	return e, nil
}

// EventsOf implements register.Events.
func (t *txn) EventsOf(p card.Place) ([]register.Event, error) {
	return all(t, readEvent, eventColumns+`WHERE list = $1 AND idx = $2 ORDER BY seq`, int64(p.List), int64(p.Index))
}

// EventsAfter implements register.Events.
func (t *txn) EventsAfter(seq int64, limit int) ([]register.Event, error) {
	return all(t, readEvent, eventColumns+`WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, most(limit))
}

// PendingEvents implements register.EventQueue.
func (t *txn) PendingEvents(list uint32) ([]register.Event, error) {
	return all(t, readEvent, eventColumns+`WHERE list = $1 AND revision = 0 ORDER BY seq`, int64(list))
}

// MarkPublished implements register.EventQueue.
func (t *txn) MarkPublished(list uint32, upTo int64, revision uint64, day rights.Date) (int64, error) {
	return t.change(`UPDATE event SET revision = $1, published = $2 WHERE list = $3 AND revision = 0 AND seq <= $4`,
		int64(revision), int32(day), int64(list), upTo)
}
