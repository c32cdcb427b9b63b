// Cards, lists, pages and the log of signatures in SQL.

package sqlite

import (
	"database/sql"
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// AddCard implements register.Cards.
func (t *txn) AddCard(c register.Card) error {
	// The list counts its cards, and is the one place that knows whether it is open and whose it is.
	err := t.changeOne("the list is not an open list of this insurer",
		`UPDATE list SET used = used + 1 WHERE number = ? AND insurer = ? AND open = 1`, c.Place.List, c.Contract.Insurer)
	if err != nil {
		return err
	}
	var replacesList, replacesIndex, replacedFrom any
	if c.Replaces != (card.Place{}) {
		replacesList, replacesIndex, replacedFrom = c.Replaces.List, c.Replaces.Index, c.ReplacedFrom
	}
	r, err := t.c.execResult(`INSERT INTO card (list, idx, contract, person, valid_from, valid_to, revision, kid, issued_at, payload, state,
			replaces_list, replaces_idx, replaced_from)
		SELECT ?1, ?2, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11, ?12 FROM contract WHERE insurer = ?13 AND adherent = ?14`,
		c.Place.List, c.Place.Index, c.Person, c.From, c.To, c.Revision, c.KID, c.IssuedAt.Unix(), c.Payload,
		replacesList, replacesIndex, replacedFrom, c.Contract.Insurer, c.Contract.Adherent)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%w: contract of a card", register.ErrNotFound)
	}
	return nil
}

const cardColumns = `SELECT card.list, card.idx, contract.insurer, contract.adherent, card.person, card.valid_from, card.valid_to,
	card.revision, card.kid, card.issued_at, card.payload, card.signature, card.state, card.replaces_list, card.replaces_idx, card.replaced_from
	FROM card JOIN contract ON contract.id = card.contract `

func readCard(scan func(...any) error) (register.Card, error) {
	var c register.Card
	var at int64
	var list, index, from sql.NullInt64
	err := scan(&c.Place.List, &c.Place.Index, &c.Contract.Insurer, &c.Contract.Adherent, &c.Person, &c.From, &c.To,
		&c.Revision, &c.KID, &at, &c.Payload, &c.Signature, &c.State, &list, &index, &from)
	if err != nil {
		return register.Card{}, err
	}
	c.IssuedAt = unix(at)
	c.Replaces = card.Place{List: uint32(list.Int64), Index: uint32(index.Int64)}
	c.ReplacedFrom = rights.Date(from.Int64)
	return c, nil
}

// Card implements register.Cards.
func (t *txn) Card(p card.Place) (register.Card, error) {
	return readCard(t.row(cardColumns+`WHERE card.list = ? AND card.idx = ?`, p.List, p.Index).Scan)
}

// CardsOf implements register.Cards.
func (t *txn) CardsOf(k register.ContractKey) ([]register.Card, error) {
	return all(t, readCard, cardColumns+`WHERE contract.insurer = ? AND contract.adherent = ? ORDER BY card.id`, k.Insurer, k.Adherent)
}

// SealCard implements register.CardStates.
func (t *txn) SealCard(p card.Place, signature []byte) error {
	if len(signature) != 64 {
		return fmt.Errorf("sqlite: a signature of %d bytes instead of 64", len(signature))
	}
	return t.changeOne("the card is not an intent",
		`UPDATE card SET signature = ?, state = 2 WHERE list = ? AND idx = ? AND state = 1`, signature, p.List, p.Index)
}

// SetCardState implements register.CardStates.
func (t *txn) SetCardState(p card.Place, from, to register.State) error {
	if to == register.Intent || from == register.Intent {
		return fmt.Errorf("%w: an intent becomes live by its signature alone", register.ErrConflict)
	}
	err := t.changeOne("the card is in another state",
		`UPDATE card SET state = ? WHERE list = ? AND idx = ? AND state = ?`, to, p.List, p.Index, from)
	if err == nil {
		return nil
	}
	if taken, e := t.Taken(p); e == nil && !taken {
		return fmt.Errorf("%w: card %s", register.ErrNotFound, p)
	}
	return err
}

// CardsAfter implements register.CardWalk.
func (t *txn) CardsAfter(list uint32, index int64, limit int) ([]register.Card, error) {
	return all(t, readCard, cardColumns+`WHERE card.list = ? AND card.idx > ? ORDER BY card.idx LIMIT ?`, list, index, limit)
}

// Intents implements register.CardWalk.
func (t *txn) Intents(limit int) ([]register.Card, error) {
	return all(t, readCard, cardColumns+`WHERE card.state = 1 ORDER BY card.id LIMIT ?`, limit)
}

// Taken implements register.CardWalk.
func (t *txn) Taken(p card.Place) (bool, error) {
	var n int
	err := t.row(`SELECT EXISTS (SELECT 1 FROM card WHERE list = ? AND idx = ?)`, p.List, p.Index).Scan(&n)
	return n == 1, err
}

const listColumns = `SELECT number, insurer, open, used, revision FROM list `

func readList(scan func(...any) error) (register.List, error) {
	var l register.List
	if err := scan(&l.Number, &l.Insurer, &l.Open, &l.Used, &l.Revision); err != nil {
		return register.List{}, err
	}
	return l, nil
}

// AddList implements register.Lists.
func (t *txn) AddList(insurer string) (register.List, error) {
	if err := t.change(`UPDATE list SET open = 0 WHERE insurer = ? AND open = 1`, insurer); err != nil {
		return register.List{}, err
	}
	if err := t.change(`INSERT INTO list (insurer, open) VALUES (?, 1)`, insurer); err != nil {
		return register.List{}, err
	}
	return t.OpenList(insurer)
}

// OpenList implements register.Lists.
func (t *txn) OpenList(insurer string) (register.List, error) {
	return readList(t.row(listColumns+`WHERE insurer = ? AND open = 1`, insurer).Scan)
}

// Lists implements register.Lists.
func (t *txn) Lists() ([]register.List, error) {
	return all(t, readList, listColumns+`ORDER BY number`)
}

// Page implements register.Pages.
func (t *txn) Page(list uint32) ([]byte, error) {
	var b []byte
	if err := t.row(`SELECT page FROM list WHERE number = ? AND page IS NOT NULL`, list).Scan(&b); err != nil {
		return nil, err
	}
	return b, nil
}

// SetPage implements register.Pages.
func (t *txn) SetPage(list uint32, from, to uint64, page []byte) error {
	if from == 0 && to == 0 {
		return t.changeOne("the list has a page already",
			`UPDATE list SET page = ? WHERE number = ? AND revision = 0 AND page IS NULL`, page, list)
	}
	if to != from+1 {
		return fmt.Errorf("%w: a page's revision rises by one", register.ErrConflict)
	}
	return t.changeOne("the list is at another revision",
		`UPDATE list SET revision = ?, page = ? WHERE number = ? AND revision = ?`, int64(to), page, list, int64(from))
}

const signColumns = `SELECT seq, list, idx, kid, digest, attempt, at FROM sign_log `

func readSign(scan func(...any) error) (register.SignEntry, error) {
	var e register.SignEntry
	var digest []byte
	var at int64
	if err := scan(&e.Seq, &e.Place.List, &e.Place.Index, &e.KID, &digest, &e.Attempt, &at); err != nil {
		return register.SignEntry{}, err
	}
	copy(e.Digest[:], digest)
	e.At = unix(at)
	return e, nil
}

// LogSign implements register.SignLog.
func (t *txn) LogSign(e register.SignEntry) (register.SignEntry, error) {
	if err := t.ready(true); err != nil {
		return register.SignEntry{}, err
	}
	err := t.c.row(`INSERT INTO sign_log (list, idx, kid, digest, attempt, at)
		VALUES (?1, ?2, ?3, ?4, 1 + (SELECT count(*) FROM sign_log WHERE list = ?1 AND idx = ?2), ?5) RETURNING seq, attempt`,
		e.Place.List, e.Place.Index, e.KID, e.Digest[:], e.At.Unix()).Scan(&e.Seq, &e.Attempt)
	if err != nil {
		return register.SignEntry{}, err
	}
	return e, nil
}

// SignLog implements register.SignLog.
func (t *txn) SignLog(p card.Place) ([]register.SignEntry, error) {
	return all(t, readSign, signColumns+`WHERE list = ? AND idx = ? ORDER BY attempt`, p.List, p.Index)
}

// SignLogAfter implements register.SignLog.
func (t *txn) SignLogAfter(seq int64, limit int) ([]register.SignEntry, error) {
	return all(t, readSign, signColumns+`WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit)
}
