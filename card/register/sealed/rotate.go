// Changing the key of a register while everybody works: the mark first, then every row, then the old key is of no use.

package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"sceau/card/register"
)

// ErrNoReseal says that the wrapped store can't change its rows' keys.
var ErrNoReseal = errors.New("sealed: this store can't write its rows anew")

// resealBatch is how many rows are written anew in one transaction: other writers wait for so many.
const resealBatch = 200

// kinds in the order in which rows are written anew.
var kinds = []register.RowKind{register.ContractRows, register.CardRows, register.DocumentRows}

// Turn makes the newest key the one that everybody writes with: it seals the mark anew, and each writer asks for the key of the
// mark in its own transaction. Whoever has not the key yet reads it then. It says whether there was anything to do.
func (s *Store) Turn(ctx context.Context) (turned bool, err error) {
	err = s.Update(ctx, func(tx register.Tx) error {
		t := tx.(*txn)
		row, err := t.Tx.Document(markKind, markID)
		if errors.Is(err, register.ErrNotFound) {
			return ErrUnsealed
		}
		if err != nil {
			return err
		}
		d, err := t.openDocument(row)
		if err != nil {
			return err
		}
		if !bytes.Equal(d.Data, t.keys.plainMark().Data) {
			return fmt.Errorf("%w: the tokens of the register are of another key", register.ErrCorrupt)
		}
		if turned = !t.keys.seals(row.Data); !turned {
			return nil
		}
		d.Version++
		return t.PutDocument(d)
	})
	return turned && err == nil, err
}

// seals says whether a ciphertext is of the primary key.
func (k *Keys) seals(ciphertext []byte) bool {
	id, ok := keyOf(ciphertext)
	return ok && id == k.primary
}

// Rotate writes every row of an older key anew under the newest, in batches, while everybody works; what the row says stays, the
// version of a document included. Turn comes before it. After a kill it is called again: rows of the newest key are left as they
// are. rest is called between two batches, where others get their turn, with the rows written so far.
//
// A row that no key opens is register.ErrCorrupt and ends it.
func (s *Store) Rotate(ctx context.Context, rest func(done int64) error) (rows int64, err error) {
	store, ok := s.inner.(register.Resealer)
	if !ok {
		return 0, ErrNoReseal
	}
	for _, kind := range kinds {
		for after := ""; ; {
			marks, err := store.Unlike(ctx, kind, beginning(s.keys.newest().primary), after, resealBatch)
			if err != nil {
				return rows, err
			}
			if len(marks) == 0 {
				break
			}
			n := int64(0)
			err = store.Reseal(ctx, kind, marks, func(row register.SealedRow) ([]byte, error) {
				b, err := s.reseal(kind, row)
				if b != nil {
					n++
				}
				return b, err
			})
			if err != nil {
				return rows, err
			}
			rows += n
			if err := rest(rows); err != nil {
				return rows, err
			}
			after = marks[len(marks)-1]
		}
	}
	return rows, nil
}

// reseal returns the ciphertext of a row under the newest key; nil when it has it already.
func (s *Store) reseal(kind register.RowKind, row register.SealedRow) ([]byte, error) {
	var old, bound []byte
	var what string
	switch kind {
	case register.ContractRows:
		c := row.Contract
		old, bound, what = c.Canonical, contractBound(c.Key, c), "contract "+c.Key.Adherent+" of "+c.Key.Insurer
	case register.CardRows:
		old, bound, what = row.Card.Payload, cardBound(row.Card.Contract, row.Card), "card "+row.Card.Place.String()
	case register.DocumentRows:
		old, bound, what = row.Document.Data, bind("document", row.Document.Kind, row.Document.ID), "a document of kind "+row.Document.Kind
	}
	k, err := s.keys.of(old)
	if err != nil {
		return nil, err
	}
	newest := s.keys.newest() // after of, which may have met a newer one: no row goes back to an older key
	if newest.seals(old) {
		return nil, nil
	}
	plain, err := k.cipher.Decrypt(old, bound)
	if err != nil {
		return nil, fmt.Errorf("%w: %s was altered, moved or sealed with other keys", register.ErrCorrupt, what)
	}
	return newest.seal(plain, bound)
}

// Count counts the rows that hold ciphertext, and those of them that the newest key alone would not open. When there is none of
// these after Turn, there will never be one again: older keys can be retired (Keys.Alone).
func (s *Store) Count(ctx context.Context) (all, old int64, err error) {
	store, ok := s.inner.(register.Resealer)
	if !ok {
		return 0, 0, ErrNoReseal
	}
	newest := string(beginning(s.keys.newest().primary))
	for _, kind := range kinds {
		counts, err := store.Beginnings(ctx, kind, beginningLen)
		if err != nil {
			return 0, 0, err
		}
		for b, n := range counts {
			all += n
			if b != newest {
				old += n
			}
		}
	}
	return all, old, nil
}
