// Rows that are encrypted, written anew under another key.

package sqlite

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
		return "", fmt.Errorf("sqlite: rows of kind %q hold no ciphertext", kind)
	}
	return c, nil
}

// documentMark names a document: a kind has no space.
func documentMark(kind, id string) string { return kind + " " + id }

// Unlike implements register.Resealer.
func (s *Store) Unlike(ctx context.Context, kind register.RowKind, beginning []byte, after string, limit int) (marks []string, err error) {
	name, err := column(kind)
	if err != nil {
		return nil, err
	}
	err = s.View(ctx, func(tx register.Tx) (err error) {
		t := tx.(*txn)
		differs := ` AND substr(` + name + `, 1, ?) <> ? ORDER BY `
		if kind == register.DocumentRows {
			at, id, _ := strings.Cut(after, " ")
			marks, err = all(t, func(scan func(...any) error) (string, error) {
				var kind, id string
				err := scan(&kind, &id)
				return documentMark(kind, id), err
			}, `SELECT kind, id FROM document WHERE (kind, id) > (?, ?)`+differs+`kind, id LIMIT ?`, at, id, len(beginning), beginning, limit)
			return err
		}
		number, err := rowNumber(after)
		if err != nil {
			return err
		}
		marks, err = all(t, func(scan func(...any) error) (string, error) {
			var id int64
			err := scan(&id)
			return strconv.FormatInt(id, 10), err
		}, `SELECT id FROM `+string(kind)+` WHERE id > ?`+differs+`id LIMIT ?`, number, len(beginning), beginning, limit)
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
		return 0, fmt.Errorf("sqlite: %q marks no row", mark)
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
		if err := t.change(`INSERT INTO resealing (one) VALUES (1)`); err != nil {
			return err
		}
		for _, mark := range marks {
			err := t.reseal(kind, mark, fn)
			if err != nil && !errors.Is(err, errGone) {
				return err
			}
		}
		return t.change(`DELETE FROM resealing`)
	})
}

// errGone says that a row was dropped meanwhile.
var errGone = errors.New("sqlite: the row is gone")

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
		return t.change(`UPDATE document SET data = ? WHERE kind = ? AND id = ?`, b, of, id)
	}
	n, err := rowNumber(mark)
	if err != nil {
		return err
	}
	var row register.SealedRow
	if kind == register.ContractRows {
		row.Contract, err = readContract(t.row(contractColumns+`WHERE id = ?`, n).Scan)
	} else {
		row.Card, err = readCard(t.row(cardColumns+`WHERE card.id = ?`, n).Scan)
	}
	if err != nil {
		return gone(err)
	}
	b, err := fn(row)
	if err != nil || b == nil {
		return err
	}
	if kind == register.ContractRows {
		return t.change(`UPDATE contract SET canonical = ? WHERE id = ?`, b, n)
	}
	return t.change(`UPDATE card SET payload = ? WHERE id = ?`, b, n)
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
		return each(t.c, `SELECT substr(`+name+`, 1, ?), count(*) FROM `+string(kind)+` GROUP BY 1`, []any{n}, func(scan func(...any) error) error {
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
