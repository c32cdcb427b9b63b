// Cards and the log of signatures in SQL.

package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// AddCard implements register.Cards.
func (t *txn) AddCard(c register.Card) error {
	var replacesList, replacesIndex, replacedFrom *int32
	if c.Replaces != (card.Place{}) {
		list, index, from := int32(c.Replaces.List), int32(c.Replaces.Index), int32(c.ReplacedFrom)
		replacesList, replacesIndex, replacedFrom = &list, &index, &from
	}
	// The list counts its cards, and is the one place that knows whether it is open and whose it is.
	var listed, known, stored bool
	err := t.changeRow(`WITH known AS (SELECT id FROM contract WHERE insurer = $1 AND adherent = $2),
		listed AS (UPDATE list SET used = used + 1 WHERE number = $3 AND insurer = $1 AND open RETURNING number),
		stored AS (INSERT INTO card (list, idx, contract, person, valid_from, valid_to, revision, kid, issued_at, payload, state,
				replaces_list, replaces_idx, replaced_from)
			SELECT listed.number, $4, known.id, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $14 FROM listed, known ON CONFLICT DO NOTHING RETURNING 1)
		SELECT EXISTS (SELECT FROM listed), EXISTS (SELECT FROM known), EXISTS (SELECT FROM stored)`,
		c.Contract.Insurer, c.Contract.Adherent, int64(c.Place.List), int64(c.Place.Index), c.Person, int32(c.From), int32(c.To), c.Revision,
		c.KID, c.IssuedAt.Unix(), blob(c.Payload), replacesList, replacesIndex, replacedFrom)(&listed, &known, &stored)
	switch {
	case err != nil:
		return err
	case !listed:
		return fmt.Errorf("%w: the list is not an open list of this insurer", register.ErrConflict)
	case !known:
		return t.refuse(register.ErrNotFound, "contract of a card") // the list has counted it
	case !stored:
		return t.refuse(register.ErrConflict, "the place is taken, or the contract and person have an intent")
	}
	return nil
}

const cardColumns = `card.list, card.idx, contract.insurer, contract.adherent, card.person, card.valid_from, card.valid_to, card.revision,
	card.kid, card.issued_at, card.payload, card.signature, card.state, card.replaces_list, card.replaces_idx, card.replaced_from`

const cardsWithContract = `SELECT ` + cardColumns + ` FROM card JOIN contract ON contract.id = card.contract `

// cardRow is where the columns of a card are scanned to.
type cardRow struct {
	c                     register.Card
	from, to              int32
	at                    int64
	state                 int16
	list, index, replaced *int32
}

func (r *cardRow) columns() []any {
	return []any{&r.c.Place.List, &r.c.Place.Index, &r.c.Contract.Insurer, &r.c.Contract.Adherent, &r.c.Person, &r.from, &r.to, &r.c.Revision,
		&r.c.KID, &r.at, &r.c.Payload, &r.c.Signature, &r.state, &r.list, &r.index, &r.replaced}
}

func (r *cardRow) card() register.Card {
	r.c.From, r.c.To, r.c.IssuedAt, r.c.State = rights.Date(r.from), rights.Date(r.to), unix(r.at), register.State(r.state)
	if r.list != nil && r.index != nil && r.replaced != nil {
		r.c.Replaces = card.Place{List: uint32(*r.list), Index: uint32(*r.index)}
		r.c.ReplacedFrom = rights.Date(*r.replaced)
	}
	return r.c
}

func readCard(scan scanner) (register.Card, error) {
	var r cardRow
	if err := scan(r.columns()...); err != nil {
		return register.Card{}, err
	}
	return r.card(), nil
}

// Card implements register.Cards.
func (t *txn) Card(p card.Place) (register.Card, error) {
	return readCard(t.row(cardsWithContract+`WHERE card.list = $1 AND card.idx = $2`, int64(p.List), int64(p.Index)))
}

// CardsOf implements register.Cards.
func (t *txn) CardsOf(k register.ContractKey) ([]register.Card, error) {
	return all(t, readCard, cardsWithContract+`WHERE contract.insurer = $1 AND contract.adherent = $2 ORDER BY card.id`, k.Insurer, k.Adherent)
}

// noOther is the one standing card of a slot, looked for so that a second one is found without an error of the server.
const noOther = ` AND NOT EXISTS (SELECT FROM card other WHERE other.contract = card.contract AND other.person = card.person
	AND other.valid_from = card.valid_from AND other.state IN (2, 3) AND other.id <> card.id)`

// isIntent asks for the state so that the planner doesn't: an index holds all intents and nothing of their places, and reading them all
// for each of a thousand cards seems cheap to it while statistics say that there are few.
const isIntent = `card.state + 0 = 1`

// SealCard implements register.CardStates.
func (t *txn) SealCard(p card.Place, signature []byte) error {
	if len(signature) != 64 {
		return fmt.Errorf("postgres: a signature of %d bytes instead of 64", len(signature))
	}
	return t.changeOne(register.ErrConflict, "the card is not an intent, or another card stands",
		`UPDATE card SET signature = $1, state = 2 WHERE list = $2 AND idx = $3 AND `+isIntent+noOther, signature, int64(p.List), int64(p.Index))
}

// SetCardState implements register.CardStates.
func (t *txn) SetCardState(p card.Place, from, to register.State) error {
	if to == register.Intent || from == register.Intent {
		return fmt.Errorf("%w: an intent becomes live by its signature alone", register.ErrConflict)
	}
	query := `UPDATE card SET state = $1 WHERE list = $2 AND idx = $3 AND state = $4`
	if to.Standing() {
		query += noOther
	}
	err := t.changeOne(register.ErrConflict, "the card is in another state, or another card stands", query,
		int16(to), int64(p.List), int64(p.Index), int16(from))
	if err != nil && t.failed == nil {
		if taken, e := t.Taken(p); e == nil && !taken {
			return fmt.Errorf("%w: card %s", register.ErrNotFound, p)
		}
	}
	return err
}

// CardsAfter implements register.CardWalk.
func (t *txn) CardsAfter(list uint32, index int64, limit int) ([]register.Card, error) {
	return all(t, readCard, cardsWithContract+`WHERE card.list = $1 AND card.idx > $2 ORDER BY card.idx LIMIT $3`, int64(list), index, most(limit))
}

// Intents implements register.CardWalk.
func (t *txn) Intents(limit int) ([]register.Card, error) {
	return all(t, readCard, cardsWithContract+`WHERE card.state = 1 ORDER BY card.id LIMIT $1`, most(limit))
}

// Taken implements register.CardWalk.
func (t *txn) Taken(p card.Place) (bool, error) {
	var taken bool
	err := t.row(`SELECT EXISTS (SELECT FROM card WHERE list = $1 AND idx = $2)`, int64(p.List), int64(p.Index))(&taken)
	return taken, err
}

// LogSign implements register.SignLog.
func (t *txn) LogSign(e register.SignEntry) (register.SignEntry, error) {
	err := t.changeRow(`INSERT INTO sign_log (seq, list, idx, kid, digest, attempt, at)
		SELECT (SELECT coalesce(max(seq), 0) + 1 FROM sign_log), list, idx, $3, $4,
			(SELECT coalesce(max(attempt), 0) + 1 FROM sign_log WHERE list = $1 AND idx = $2), $5
		FROM card WHERE list = $1 AND idx = $2 RETURNING seq, attempt`,
		int64(e.Place.List), int64(e.Place.Index), e.KID, e.Digest[:], e.At.Unix())(&e.Seq, &e.Attempt)
	if err != nil {
		return register.SignEntry{}, err
	}
	return e, nil
}

const signColumns = `SELECT seq, list, idx, kid, digest, attempt, at FROM sign_log `

func readSign(scan scanner) (register.SignEntry, error) {
	var e register.SignEntry
	var digest []byte
	var at int64
	if err := scan(&e.Seq, &e.Place.List, &e.Place.Index, &e.KID, &digest, &e.Attempt, &at); err != nil {
		return register.SignEntry{}, err
	}
	e.At = unix(at)
	return e, fixed(e.Digest[:], digest, "digest of a log entry")
}

// SignLog implements register.SignLog.
func (t *txn) SignLog(p card.Place) ([]register.SignEntry, error) {
	return all(t, readSign, signColumns+`WHERE list = $1 AND idx = $2 ORDER BY attempt`, int64(p.List), int64(p.Index))
}

// SignLogAfter implements register.SignLog.
func (t *txn) SignLogAfter(seq int64, limit int) ([]register.SignEntry, error) {
	return all(t, readSign, signColumns+`WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, most(limit))
}

// holdingQuery has a row for each event of the card, and one for a card without events.
const holdingQuery = `SELECT ` + cardColumns + `, contract.insurer, contract.adherent, contract.revision, contract.valid_from, contract.valid_to,
		contract.hash, contract.canonical, contract.changed_at, event.seq, event.kind, event.from_day, event.class, event.actor, event.at, event.revision, event.published
	FROM card JOIN contract ON contract.id = card.contract LEFT JOIN event ON event.list = card.list AND event.idx = card.idx
	WHERE card.list = $1 AND card.idx = $2 ORDER BY event.seq`

// Holding implements register.Holder with one statement, which sees one committed state.
func (s *Store) Holding(ctx context.Context, p card.Place) (register.Holding, error) {
	if err := ctx.Err(); err != nil {
		return register.Holding{}, err
	}
	for try := int32(0); ; try++ {
		h, dead, err := s.holding(ctx, p)
		// A connection that died while it was idle is no reason to give up: this only reads.
		if err == nil || !dead || ctx.Err() != nil || try > s.readers.Config().MaxConns {
			return h, err
		}
	}
}

func (s *Store) holding(ctx context.Context, p card.Place) (_ register.Holding, dead bool, _ error) {
	wait, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	c, err := s.readers.Acquire(wait)
	if err != nil {
		if e := ctx.Err(); e != nil {
			err = e
		} else {
			err = wrap(err, true)
		}
		return register.Holding{}, false, err
	}
	defer release(c)
	run, stop := patient(ctx, s.wait+grace)
	defer stop()
	h, err := readHolding(run, c.Conn(), p)
	if err == nil {
		return h, false, nil
	}
	if e := ctx.Err(); e != nil {
		return register.Holding{}, false, e
	}
	if errors.Is(err, register.ErrNotFound) || errors.Is(err, register.ErrCorrupt) {
		return register.Holding{}, false, err
	}
	dead = c.Conn().IsClosed() && run.Err() == nil
	return register.Holding{}, dead, wrap(err, c.Conn().IsClosed())
}

func readHolding(ctx context.Context, c *pgx.Conn, p card.Place) (register.Holding, error) {
	rows, err := c.Query(ctx, holdingQuery, int64(p.List), int64(p.Index))
	if err != nil {
		return register.Holding{}, err
	}
	defer rows.Close()
	var h register.Holding
	found := false
	for rows.Next() {
		var k cardRow
		var n contractRow
		var seq, at, revision *int64
		var kind *int16
		var from, published *int32
		var class, actor *string
		dest := append(append(k.columns(), n.columns()...), &seq, &kind, &from, &class, &actor, &at, &revision, &published)
		if err := rows.Scan(dest...); err != nil {
			return register.Holding{}, err
		}
		if !found {
			found = true
			h.Card = k.card()
			if h.Contract, err = n.contract(); err != nil {
				return register.Holding{}, err
			}
		}
		if seq != nil {
			h.Events = append(h.Events, register.Event{Seq: *seq, Place: p, Kind: status.Kind(*kind), From: rights.Date(*from), Class: *class,
				Actor: *actor, At: unix(*at), Revision: uint64(*revision), Published: rights.Date(*published)})
		}
	}
	if err := rows.Err(); err != nil {
		return register.Holding{}, err
	}
	if !found {
		return register.Holding{}, fmt.Errorf("%w: card %s", register.ErrNotFound, p)
	}
	return h, nil
}
