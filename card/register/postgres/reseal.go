// Rows that are encrypted, written anew under another key.

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sceau/card/register"
)

var _ register.Resealer = (*Store)(nil)

// ciphertext says where the rows of a kind hold theirs.
var ciphertext = map[register.RowKind]string{register.ContractRows: "canonical", register.CardRows: "payload", register.DocumentRows: "data"}

func column(kind register.RowKind) (string, error) {
	c, ok := ciphertext[kind]
	if !ok {
		return "", fmt.Errorf("postgres: rows of kind %q hold no ciphertext", kind)
	}
	return c, nil
}

// Unlike implements register.Resealer.
func (s *Store) Unlike(ctx context.Context, kind register.RowKind, beginning []byte, after string, limit int) (marks []string, err error) {
	name, err := column(kind)
	if err != nil {
		return nil, err
	}
	differs := ` AND substr(` + name + `, 1, $1) <> $2 ORDER BY `
	err = s.View(ctx, func(tx register.Tx) (err error) {
		t := tx.(*txn)
		if kind == register.DocumentRows {
			at, id, _ := strings.Cut(after, " ")
			marks, err = all(t, func(scan scanner) (string, error) {
				var kind, id string
				err := scan(&kind, &id)
				return kind + " " + id, err
			}, `SELECT kind, id FROM document WHERE (kind, id) > ($3, $4)`+differs+`kind, id LIMIT $5`, int32(len(beginning)), beginning, at, id, most(limit))
			return err
		}
		number, err := rowNumber(after)
		if err != nil {
			return err
		}
		marks, err = all(t, func(scan scanner) (string, error) {
			var id int64
			err := scan(&id)
			return strconv.FormatInt(id, 10), err
		}, `SELECT id FROM `+string(kind)+` WHERE id > $3`+differs+`id LIMIT $4`, int32(len(beginning)), beginning, number, most(limit))
		return err
	})
	return marks, err
}

// rowNumber reads the mark of a contract or a card.
func rowNumber(mark string) (int64, error) {
	if mark == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(mark, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("postgres: %q marks no row", mark)
	}
	return n, nil
}

// Reseal implements register.Resealer.
func (s *Store) Reseal(ctx context.Context, kind register.RowKind, marks []string, fn func(register.SealedRow) ([]byte, error)) error {
	if _, err := column(kind); err != nil {
		return err
	}
	return s.Update(ctx, func(tx register.Tx) error {
		t := tx.(*txn)
		// For this transaction alone.
		if err := t.changeRow(`SELECT set_config('sceau.reseal', 'on', true)`)(nil); err != nil {
			return err
		}
		for _, mark := range marks {
			if err := t.reseal(kind, mark, fn); err != nil && !errors.Is(err, errGone) {
				return err
			}
		}
		return nil
	})
}

// errGone says that a row was dropped meanwhile.
var errGone = errors.New("postgres: the row is gone")

func gone(err error) error {
	if errors.Is(err, register.ErrNotFound) {
		return errGone
	}
	return err
}

func (t *txn) reseal(kind register.RowKind, mark string, fn func(register.SealedRow) ([]byte, error)) error {
	if kind == register.DocumentRows {
		of, id, _ := strings.Cut(mark, " ")
		d, err := t.Document(of, id)
		if err != nil {
			return gone(err)
		}
		b, err := fn(register.SealedRow{Document: d})
		if err != nil || b == nil {
			return err
		}
		_, err = t.change(`UPDATE document SET data = $1 WHERE kind = $2 AND id = $3`, b, of, id)
		return err
	}
	n, err := rowNumber(mark)
	if err != nil {
		return err
	}
	var row register.SealedRow
	if kind == register.ContractRows {
		row.Contract, err = readContract(t.row(`SELECT `+contractColumns+` FROM contract WHERE id = $1`, n))
	} else {
		row.Card, err = readCard(t.row(cardsWithContract+`WHERE card.id = $1`, n))
	}
	if err != nil {
		return gone(err)
	}
	b, err := fn(row)
	if err != nil || b == nil {
		return err
	}
	if kind == register.ContractRows {
		_, err = t.change(`UPDATE contract SET canonical = $1 WHERE id = $2`, b, n)
	} else {
		_, err = t.change(`UPDATE card SET payload = $1 WHERE id = $2`, b, n)
	}
	return err
}

// Beginnings implements register.Resealer.
func (s *Store) Beginnings(ctx context.Context, kind register.RowKind, n int) (map[string]int64, error) {
	name, err := column(kind)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	err = s.View(ctx, func(tx register.Tx) error {
		t := tx.(*txn)
		if err := t.ready(false); err != nil {
			return err
		}
		return t.collect(`SELECT substr(`+name+`, 1, $1), count(*) FROM `+string(kind)+` GROUP BY 1`, []any{int32(n)}, func(scan scanner) error {
			var b []byte
			var count int64
			err := scan(&b, &count)
			out[string(b)] = count
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
