// The counts behind insurers' reports in SQL.

package sqlite

import (
	"errors"
	"slices"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// Served implements register.Reports: whole days come from the counts that a trigger keeps, the two ends from the receipts.
func (t *txn) Served(insurer string, from, to time.Time) ([]register.ServedDay, error) {
	first, last := second(from), second(to) // the span is [first, last)
	if insurer == "" || first >= last {
		return nil, t.ready(false)
	}
	// Whole days are [whole, end).
	whole, end := rights.DateAt(unix(first)), rights.DateAt(unix(last))
	if whole.Midnight().Unix() < first {
		whole++
	}
	var out []register.ServedDay
	count := func(query string, args ...any) error {
		page, err := all(t, func(scan func(...any) error) (register.ServedDay, error) {
			var d register.ServedDay
			err := scan(&d.Day, &d.Mode, &d.Answer, &d.Count)
			return d, err
		}, query, args...)
		out = append(out, page...)
		return err
	}
	const part = `SELECT day, mode, answer, count(*) FROM receipt
		WHERE insurer = ? AND insurer <> '' AND at >= ? AND at < ? GROUP BY day, mode, answer ORDER BY day, mode, answer`
	if whole > end { // both ends lie in one day
		if err := count(part, insurer, first, last); err != nil {
			return nil, err
		}
		return out, nil
	}
	if err := count(part, insurer, first, whole.Midnight().Unix()); err != nil {
		return nil, err
	}
	err := count(`SELECT day, mode, answer, count FROM served WHERE insurer = ? AND day >= ? AND day < ? ORDER BY day, mode, answer`, insurer, whole, end)
	if err != nil {
		return nil, err
	}
	if err := count(part, insurer, end.Midnight().Unix(), last); err != nil {
		return nil, err
	}
	return out, nil
}

// errEnough ends the reading of a report.
var errEnough = errors.New("enough")

// seen is one row of a sighting, before an online check and its receipt become one.
type seen struct {
	register.Sighting
	check, receipt bool // an online check; a receipt of one
}

// Sightings implements register.Reports. What was seen is gathered once in a temporary table of SQLite's own.
func (t *txn) Sightings(insurer string, from, to time.Time, counters, limit int) ([]register.Sighting, error) {
	if err := t.ready(false); err != nil || insurer == "" || limit <= 0 {
		return nil, err
	}
	var out []register.Sighting
	var one []seen // of one card
	flush := func() error {
		out = append(out, together(one)...)
		one = one[:0]
		if len(out) >= limit {
			out = out[:limit]
			return errEnough
		}
		return nil
	}
	err := each(t.c, `WITH seen AS MATERIALIZED (
			SELECT list, idx, counter, at * 1000 AS at, 0 AS is_check, mode = 'online' AS is_receipt FROM receipt
			WHERE insurer = ?1 AND insurer <> '' AND at >= ?2 AND at < ?3
			UNION ALL
			SELECT list, idx, counter, at, 1, 0 FROM online_check WHERE insurer = ?1 AND insurer <> '' AND at >= ?4 AND at < ?5
		), busy AS MATERIALIZED (SELECT list, idx FROM seen GROUP BY list, idx HAVING count(DISTINCT counter) >= ?6)
		SELECT seen.list, seen.idx, seen.counter, seen.at, seen.is_check, seen.is_receipt FROM seen JOIN busy USING (list, idx)
		ORDER BY seen.list, seen.idx, seen.at, seen.counter`,
		[]any{insurer, second(from), second(to), millisecond(from), millisecond(to), counters},
		func(scan func(...any) error) error {
			var s seen
			var at int64
			if err := scan(&s.Place.List, &s.Place.Index, &s.Counter, &at, &s.check, &s.receipt); err != nil {
				return err
			}
			s.At = time.UnixMilli(at).UTC()
			if len(one) > 0 && one[0].Place != s.Place {
				if err := flush(); err != nil {
					return err
				}
			}
			one = append(one, s)
			return t.ready(false)
		})
	if err == nil {
		err = flush()
	}
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return out, nil
}

// together leaves out the online checks of one card whose receipts came as well. The rows are in the order of time.
func together(one []seen) []register.Sighting {
	receipts := map[string][]time.Time{} // by counter
	for _, s := range one {
		if s.receipt {
			receipts[s.Counter] = append(receipts[s.Counter], s.At)
		}
	}
	var out []register.Sighting
	for _, s := range one {
		if s.check {
			of := receipts[s.Counter]
			i, _ := slices.BinarySearchFunc(of, s.At.Add(-register.SameCheck), time.Time.Compare)
			if i < len(of) && !of[i].After(s.At.Add(register.SameCheck)) {
				continue
			}
		}
		out = append(out, s.Sighting)
	}
	return out
}

// ListAges implements register.Reports.
func (t *txn) ListAges(insurer string, from, to time.Time, minimum int64, limit int) ([]register.ListAge, error) {
	if insurer == "" {
		return nil, t.ready(false)
	}
	return all(t, func(scan func(...any) error) (register.ListAge, error) {
		var a register.ListAge
		var at int64
		err := scan(&a.Counter, &a.Checks, &a.Oldest, &a.Last, &at)
		a.At = unix(at)
		return a, err
	}, `WITH relied AS MATERIALIZED (
			SELECT num, counter, at, age FROM receipt
			WHERE insurer = ?1 AND insurer <> '' AND at >= ?2 AND at < ?3 AND mode = 'offline' AND age > 0
		), latest AS (SELECT counter, at, age, count(*) OVER w AS checks, max(age) OVER w AS oldest,
				row_number() OVER (PARTITION BY counter ORDER BY at DESC, num DESC) AS place
			FROM relied WINDOW w AS (PARTITION BY counter))
		SELECT counter, checks, oldest, age, at FROM latest WHERE place = 1 AND oldest >= ?4 ORDER BY oldest DESC, counter LIMIT ?5`,
		insurer, second(from), second(to), minimum, limit)
}
