// Receipts in SQL.

package sqlite

import (
	"encoding/hex"
	"fmt"
	"math"

	"sceau/card/register"
	"sceau/rights"
)

// AddReceipts implements register.Receipts.
func (t *txn) AddReceipts(receipts []register.Receipt) ([]bool, error) {
	return addNew(t, receipts, register.Receipt.Valid,
		`INSERT INTO receipt (device, seq, hash, entry, counter, arrived, at, day, insurer, list, idx, care, domain, mode, status, age, answer, reason)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, seq, hash) DO NOTHING`,
		func(r register.Receipt) []any {
			return []any{device(r.Device), int64(r.Seq), r.Hash[:], r.Entry, r.Counter, r.Arrived.Unix(), r.At.Unix(), rights.DateAt(r.At),
				r.Insurer, r.Place.List, r.Place.Index, r.Care, r.Domain, r.Mode, r.Status, r.Age, r.Answer, r.Reason}
		})
}

// device is stored in 16 bytes. What is no device becomes one that no receipt has.
func device(id string) []byte {
	b, err := hex.DecodeString(id)
	if err != nil || hex.EncodeToString(b) != id {
		return []byte{}
	}
	return b
}

const receiptColumns = `SELECT num, device, seq, hash, entry, counter, arrived, at, insurer, list, idx, care, domain, mode, status, age, answer, reason
	FROM receipt `

func readReceipt(scan func(...any) error) (register.Receipt, error) {
	var r register.Receipt
	var device, hash []byte
	var seq, arrived, at int64
	err := scan(&r.Row, &device, &seq, &hash, &r.Entry, &r.Counter, &arrived, &at, &r.Insurer, &r.Place.List, &r.Place.Index, &r.Care, &r.Domain,
		&r.Mode, &r.Status, &r.Age, &r.Answer, &r.Reason)
	if err != nil {
		return register.Receipt{}, err
	}
	if copy(r.Hash[:], hash) != len(r.Hash) {
		return register.Receipt{}, fmt.Errorf("%w: hash of a receipt", register.ErrCorrupt)
	}
	r.Device, r.Seq, r.Arrived, r.At = hex.EncodeToString(device), uint64(seq), unix(arrived), unix(at)
	return r, nil
}

// ReceiptsOf implements register.Receipts.
func (t *txn) ReceiptsOf(of string, seq uint64, limit int) ([]register.Receipt, error) {
	id, after := device(of), int64(min(seq, math.MaxInt64))
	out, err := all(t, readReceipt, receiptColumns+`WHERE device = ? AND seq > ? ORDER BY seq, num LIMIT ?`, id, after, limit)
	if err != nil || len(out) < limit || limit <= 0 {
		return out, err
	}
	last := out[len(out)-1]
	forks, err := all(t, readReceipt, receiptColumns+`WHERE device = ? AND seq = ? AND num > ? ORDER BY num`, id, int64(last.Seq), last.Row)
	if err != nil {
		return nil, err
	}
	return append(out, forks...), nil
}

// ReceiptsAfter implements register.Receipts.
func (t *txn) ReceiptsAfter(row int64, insurer, counter string, answer register.Answer, limit int) ([]register.Receipt, error) {
	w := where{sql: "WHERE num > ?", args: []any{row}}
	w.and("counter", counter != "", counter)
	w.and("insurer", insurer != "", insurer)
	if counter == "" && insurer != "" {
		w.narrowed = false // an index of its own holds both
	}
	w.and("answer", answer != 0, answer)
	return all(t, readReceipt, receiptColumns+w.sql+` ORDER BY num LIMIT ?`, append(w.args, limit)...)
}
