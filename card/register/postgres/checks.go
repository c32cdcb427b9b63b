// Online checks in SQL.

package postgres

import (
	"fmt"
	"strconv"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// AddChecks implements register.Checks with one statement.
func (t *txn) AddChecks(checks []register.Check) (int64, error) {
	if err := t.ready(true); err != nil {
		return 0, err
	}
	var numbers, counters, insurers, domains, statuses, reasons []string
	var at, euros []int64
	var lists, indexes, cares, people []int32
	var untils []*int64
	taken := make(map[string]bool, len(checks))
	for _, c := range checks {
		if err := c.Valid(); err != nil {
			return 0, err
		}
		if c.Number != "" && taken[c.Number] {
			return 0, fmt.Errorf("%w: a number twice in one call", register.ErrConflict)
		}
		taken[c.Number] = true
		numbers, counters, at, insurers = append(numbers, c.Number), append(counters, c.Counter), append(at, c.At.UnixMilli()), append(insurers, c.Insurer)
		lists, indexes, cares = append(lists, int32(c.Place.List)), append(indexes, int32(c.Place.Index)), append(cares, int32(c.Care))
		domains, people, statuses = append(domains, c.Domain), append(people, int32(c.Person)), append(statuses, c.Status)
		reasons, untils, euros = append(reasons, c.Reason), append(untils, optional(c.Pay.Until)), append(euros, int64(c.Pay.Euros))
	}
	if len(checks) == 0 {
		return 0, nil
	}
	// A taken number stores nothing of the batch, without an error of the server.
	var first int64
	var stored int
	err := t.changeRow(`WITH last AS (SELECT coalesce(max(seq), 0) AS seq FROM online_check),
		stored AS (INSERT INTO online_check (seq, number, counter, at, insurer, list, idx, care, domain, person, status, reason, pay_until, pay_euros)
			SELECT last.seq + n, number, counter, at, insurer, list, idx, care, domain, person, status, reason, pay_until, pay_euros
			FROM last, unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::int[], $7::int[], $8::text[], $9::int[], $10::text[],
				$11::text[], $12::bigint[], $13::bigint[]) WITH ORDINALITY
				AS g (number, counter, at, insurer, list, idx, care, domain, person, status, reason, pay_until, pay_euros, n)
			WHERE NOT EXISTS (SELECT FROM online_check WHERE number = ANY ($1::text[]) AND number <> '') RETURNING 1)
		SELECT (SELECT seq FROM last) + 1, (SELECT count(*) FROM stored)`,
		numbers, counters, at, insurers, lists, indexes, cares, domains, people, statuses, reasons, untils, euros)(&first, &stored)
	if err != nil {
		return 0, err
	}
	if stored != len(checks) {
		return 0, fmt.Errorf("%w: the number of an accord is taken", register.ErrConflict)
	}
	return first, nil
}

const checkColumns = `SELECT seq, number, counter, at, insurer, list, idx, care, domain, person, status, reason, pay_until, pay_euros FROM online_check `

func readCheck(scan scanner) (register.Check, error) {
	var c register.Check
	var at int64
	var care int32
	var until *int64
	err := scan(&c.Seq, &c.Number, &c.Counter, &at, &c.Insurer, &c.Place.List, &c.Place.Index, &care, &c.Domain, &c.Person, &c.Status, &c.Reason,
		&until, &c.Pay.Euros)
	if err != nil {
		return register.Check{}, err
	}
	c.At, c.Care, c.Pay.Until = time.UnixMilli(at).UTC(), rights.Date(care), fromOptional(until)
	return c, nil
}

// CheckByNumber implements register.Checks.
func (t *txn) CheckByNumber(number string) (register.Check, error) {
	return readCheck(t.row(checkColumns+`WHERE number = $1 AND number <> ''`, number))
}

// ChecksAfter implements register.Checks.
func (t *txn) ChecksAfter(seq int64, counter, insurer string, limit int) ([]register.Check, error) {
	w := where{sql: "WHERE seq > $1", args: []any{seq}}
	w.and("counter", counter != "", counter)
	w.and("insurer", insurer != "", insurer)
	return all(t, readCheck, checkColumns+w.sql+` ORDER BY seq LIMIT `+w.arg(most(limit)), w.args...)
}

// where collects the conditions of a query that may be narrowed; each set of them is one SQL text.
type where struct {
	sql  string
	args []any
}

func (w *where) arg(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) and(column string, asked bool, value any) {
	if asked {
		w.sql += " AND " + column + " = " + w.arg(value)
	}
}

// Sightings implements register.Reports.
func (t *txn) Sightings(insurer string, from, to time.Time, counters, limit int) ([]register.Sighting, error) {
	if insurer == "" {
		return nil, t.ready(false)
	}
	return all(t, func(scan scanner) (register.Sighting, error) {
		var s register.Sighting
		var list, index, at int64
		err := scan(&list, &index, &s.Counter, &at)
		s.Place, s.At = card.Place{List: uint32(list), Index: uint32(index)}, time.UnixMilli(at).UTC()
		return s, err
	}, `WITH receipts AS MATERIALIZED (
			SELECT list, idx, counter, at * 1000 AS at, mode FROM receipt WHERE insurer = $1 AND insurer <> '' AND at >= $2 AND at < $3),
		seen AS MATERIALIZED (
			SELECT list, idx, counter, at FROM receipts
			UNION ALL
			SELECT list, idx, counter, at FROM online_check c WHERE insurer = $1 AND insurer <> '' AND at >= $4 AND at < $5
			AND NOT EXISTS (SELECT FROM receipts r WHERE r.mode = 'online' AND r.counter = c.counter AND r.list = c.list AND r.idx = c.idx
				AND r.at BETWEEN c.at - $6::bigint AND c.at + $6::bigint)),
		busy AS (SELECT list, idx FROM seen GROUP BY list, idx HAVING count(DISTINCT counter) >= $7)
		SELECT list, idx, counter, at FROM seen JOIN busy USING (list, idx) ORDER BY list, idx, at, counter LIMIT $8`,
		insurer, second(from), second(to), millisecond(from), millisecond(to), register.SameCheck.Milliseconds(), counters, most(limit))
}

// millisecond is second for times that are kept to the millisecond.
func millisecond(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) > 0 {
		ms++
	}
	return ms
}
