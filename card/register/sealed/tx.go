// One transaction of a sealed register: what holds an identity goes through the keys, everything else through the wrapped one.

package sealed

import (
	"errors"

	"sceau/card"
	"sceau/card/register"
)

// txn overrides every method that writes or reads an identity; a test holds the list of those it does not.
type txn struct {
	register.Tx
	ring *ring
	keys *Keys // that seal what this transaction writes; what it reads may be older, or newer when it writes nothing
}

func (t *txn) openContract(c register.Contract) (register.Contract, error) {
	k, err := t.ring.of(c.Canonical)
	if err != nil {
		return register.Contract{}, err
	}
	return k.OpenContract(c)
}

func (t *txn) openCard(c register.Card) (register.Card, error) {
	k, err := t.ring.of(c.Payload)
	if err != nil {
		return register.Card{}, err
	}
	return k.OpenCard(c)
}

func (t *txn) openDocument(d register.Document) (register.Document, error) {
	k, err := t.ring.of(d.Data)
	if err != nil {
		return register.Document{}, err
	}
	return k.OpenDocument(d)
}

// Contract implements register.Contracts.
func (t *txn) Contract(k register.ContractKey) (register.Contract, error) {
	c, err := t.Tx.Contract(t.keys.tokenKey(k))
	if err != nil {
		return register.Contract{}, err
	}
	if c, err = t.openContract(c); err != nil {
		return register.Contract{}, err
	}
	if c.Key != k { // two numbers, one token: this is the other one
		return register.Contract{}, register.ErrNotFound
	}
	return c, nil
}

// PutContract implements register.Contracts.
func (t *txn) PutContract(c register.Contract) error {
	row, err := t.keys.SealContract(c)
	if err != nil {
		return err
	}
	return t.Tx.PutContract(row)
}

// ContractsAfter implements register.Contracts. The order is that of the tokens: stable, whole, and not that of the numbers.
func (t *txn) ContractsAfter(insurer, adherent string, limit int) ([]register.Contract, error) {
	if adherent != "" {
		adherent = t.keys.token(register.ContractKey{Insurer: insurer, Adherent: adherent})
	}
	rows, err := t.Tx.ContractsAfter(insurer, adherent, limit)
	return opened(rows, err, t.openContract)
}

// opened opens rows where they are.
func opened[T any](rows []T, err error, open func(T) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i], err = open(rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// AddImport implements register.Imports.
func (t *txn) AddImport(i register.Import) error {
	row, digest := t.keys.SealImport(i)
	if err := t.Tx.AddImport(row); err != nil {
		return err
	}
	_, err := t.Document(importKind, digest.ID)
	if errors.Is(err, register.ErrNotFound) {
		return t.PutDocument(digest)
	}
	return err
}

// Imports implements register.Imports.
func (t *txn) Imports(limit int) ([]register.Import, error) {
	rows, err := t.Tx.Imports(limit)
	return opened(rows, err, func(i register.Import) (register.Import, error) {
		d, err := t.Document(importKind, importID(i))
		if err != nil && !errors.Is(err, register.ErrNotFound) {
			return register.Import{}, err
		}
		return t.keys.OpenImport(i, d)
	})
}

// AddCard implements register.Cards.
func (t *txn) AddCard(c register.Card) error {
	row, err := t.keys.SealCard(c)
	if err != nil {
		return err
	}
	return t.Tx.AddCard(row)
}

// Card implements register.Cards.
func (t *txn) Card(p card.Place) (register.Card, error) {
	c, err := t.Tx.Card(p)
	if err != nil {
		return register.Card{}, err
	}
	return t.openCard(c)
}

// CardsOf implements register.Cards.
func (t *txn) CardsOf(k register.ContractKey) ([]register.Card, error) {
	rows, err := t.Tx.CardsOf(t.keys.tokenKey(k))
	return opened(rows, err, t.openCard)
}

// CardsAfter implements register.CardWalk.
func (t *txn) CardsAfter(list uint32, index int64, limit int) ([]register.Card, error) {
	rows, err := t.Tx.CardsAfter(list, index, limit)
	return opened(rows, err, t.openCard)
}

// Intents implements register.CardWalk.
func (t *txn) Intents(limit int) ([]register.Card, error) {
	rows, err := t.Tx.Intents(limit)
	return opened(rows, err, t.openCard)
}

// Document implements register.Documents.
func (t *txn) Document(kind, id string) (register.Document, error) {
	d, err := t.Tx.Document(kind, id)
	if err != nil {
		return register.Document{}, err
	}
	return t.openDocument(d)
}

// PutDocument implements register.Documents.
func (t *txn) PutDocument(d register.Document) error {
	if err := d.Valid(); err != nil { // of the plain one: the stores leave room for what sealing adds
		return err
	}
	row, err := t.keys.SealDocument(d)
	if err != nil {
		return err
	}
	return t.Tx.PutDocument(row)
}

// DocumentsAfter implements register.Documents.
func (t *txn) DocumentsAfter(kind, owner, id string, limit int) ([]register.Document, error) {
	rows, err := t.Tx.DocumentsAfter(kind, owner, id, limit)
	return opened(rows, err, t.openDocument)
}
