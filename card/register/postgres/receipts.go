// Receipts and the counts behind insurers' reports in SQL.

package postgres

import (
	"math"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// AddReceipts implements register.Receipts with one statement.
func (t *txn) AddReceipts(receipts []register.Receipt) ([]bool, error) {
	var devices, counters, insurers, domains, modes, statuses, reasons []string
	var hashes, entries [][]byte
	var seqs, arrived, at, ages []int64
	var days, lists, indexes, cares, answers []int32
	for i := range receipts {
		r := &receipts[i]
		if err := r.Valid(); err != nil {
			return nil, err
		}
		devices, seqs, hashes, entries = append(devices, r.Device), append(seqs, int64(r.Seq)), append(hashes, r.Hash[:]), append(entries, r.Entry)
		counters, arrived, at = append(counters, r.Counter), append(arrived, r.Arrived.Unix()), append(at, r.At.Unix())
		days, insurers = append(days, int32(rights.DateAt(r.At))), append(insurers, r.Insurer)
		lists, indexes, cares = append(lists, int32(r.Place.List)), append(indexes, int32(r.Place.Index)), append(cares, int32(r.Care))
		domains, modes, statuses = append(domains, r.Domain), append(modes, r.Mode), append(statuses, r.Status)
		ages, answers, reasons = append(ages, r.Age), append(answers, int32(r.Answer)), append(reasons, r.Reason)
	}
	return t.fresh(len(receipts), `WITH last AS (SELECT coalesce(max(arrival), 0) AS arrival FROM receipt),
		stored AS (INSERT INTO receipt (arrival, device, seq, hash, entry, counter, arrived, at, day, insurer, list, idx, care, domain, mode, status,
				age, answer, reason)
			SELECT last.arrival + n, device, seq, hash, entry, counter, arrived, at, day, insurer, list, idx, care, domain, mode, status,
				age, answer, reason
			FROM last, unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[], $5::text[], $6::bigint[], $7::bigint[], $8::int[], $9::text[],
				$10::int[], $11::int[], $12::int[], $13::text[], $14::text[], $15::text[], $16::bigint[], $17::int[], $18::text[]) WITH ORDINALITY
				AS g (device, seq, hash, entry, counter, arrived, at, day, insurer, list, idx, care, domain, mode, status, age, answer, reason, n)
			ORDER BY n ON CONFLICT (device, seq, hash) DO NOTHING RETURNING arrival)
		SELECT stored.arrival - last.arrival FROM stored, last`,
		devices, seqs, hashes, entries, counters, arrived, at, days, insurers, lists, indexes, cares, domains, modes, statuses, ages, answers, reasons)
}

const receiptColumns = `SELECT arrival, device, seq, hash, entry, counter, arrived, at, insurer, list, idx, care, domain, mode, status, age, answer, reason
	FROM receipt `

func readReceipt(scan scanner) (register.Receipt, error) {
	var r register.Receipt
	var hash []byte
	var seq, arrived, at int64
	var care int32
	var answer int16
	err := scan(&r.Row, &r.Device, &seq, &hash, &r.Entry, &r.Counter, &arrived, &at, &r.Insurer, &r.Place.List, &r.Place.Index, &care, &r.Domain,
		&r.Mode, &r.Status, &r.Age, &answer, &r.Reason)
	if err != nil {
		return register.Receipt{}, err
	}
	r.Seq, r.Arrived, r.At, r.Care, r.Answer = uint64(seq), unix(arrived), unix(at), rights.Date(care), register.Answer(answer)
	return r, fixed(r.Hash[:], hash, "hash of a receipt")
}

// ReceiptsOf implements register.Receipts.
func (t *txn) ReceiptsOf(device string, seq uint64, limit int) ([]register.Receipt, error) {
	out, err := all(t, readReceipt, receiptColumns+`WHERE device = $1 AND seq > $2 ORDER BY seq, arrival LIMIT $3`,
		device, int64(min(seq, math.MaxInt64)), most(limit))
	if err != nil || limit <= 0 || len(out) < limit {
		return out, err
	}
	last := out[len(out)-1]
	forks, err := all(t, readReceipt, receiptColumns+`WHERE device = $1 AND seq = $2 AND arrival > $3 ORDER BY arrival`, device, int64(last.Seq), last.Row)
	if err != nil {
		return nil, err
	}
	return append(out, forks...), nil
}

// ReceiptsAfter implements register.Receipts.
func (t *txn) ReceiptsAfter(row int64, insurer, counter string, answer register.Answer, limit int) ([]register.Receipt, error) {
	w := where{sql: "WHERE arrival > $1", args: []any{row}}
	w.and("counter", counter != "", counter)
	w.and("insurer", insurer != "", insurer)
	w.and("answer", answer != 0, int16(answer))
	return all(t, readReceipt, receiptColumns+w.sql+` ORDER BY arrival LIMIT `+w.arg(most(limit)), w.args...)
}

// Served implements register.Reports.
func (t *txn) Served(insurer string, from, to time.Time) ([]register.ServedDay, error) {
	if insurer == "" {
		return nil, t.ready(false)
	}
	return all(t, func(scan scanner) (register.ServedDay, error) {
		var d register.ServedDay
		var day int32
		var answer int16
		err := scan(&day, &d.Mode, &answer, &d.Count)
		d.Day, d.Answer = rights.Date(day), register.Answer(answer)
		return d, err
	}, `SELECT day, mode, answer, count(*) FROM receipt WHERE insurer = $1 AND insurer <> '' AND at >= $2 AND at < $3
		GROUP BY day, mode, answer ORDER BY day, mode, answer`, insurer, second(from), second(to))
}

// ListAges implements register.Reports.
func (t *txn) ListAges(insurer string, from, to time.Time, minimum int64, limit int) ([]register.ListAge, error) {
	if insurer == "" {
		return nil, t.ready(false)
	}
	return all(t, func(scan scanner) (register.ListAge, error) {
		var a register.ListAge
		var at int64
		err := scan(&a.Counter, &a.Checks, &a.Oldest, &a.Last, &at)
		a.At = unix(at)
		return a, err
	}, `SELECT counter, checks, oldest, age, at FROM (
			SELECT DISTINCT ON (counter) counter, count(*) OVER w AS checks, max(age) OVER w AS oldest, age, at
			FROM receipt WHERE insurer = $1 AND insurer <> '' AND at >= $2 AND at < $3 AND mode = 'offline' AND age > 0
			WINDOW w AS (PARTITION BY counter) ORDER BY counter, at DESC, arrival DESC) latest
		WHERE oldest >= $4 ORDER BY oldest DESC, counter LIMIT $5`, insurer, second(from), second(to), minimum, most(limit))
}
