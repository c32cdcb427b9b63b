// Searching the journal: by receipt number, by day of the check, by date of care, by verdict.

package mirror

import (
	"context"
	"database/sql"
	"strings"

	"sceau/offline/receipt"
)

// Find returns what q asks for, newest first. An entry that does not hold what this program writes is left out; [Verify]
// names it. Errors: receipt.ErrNumber for a number that is none, ErrDamaged for a database that can't be read.
func (b *Book) Find(ctx context.Context, q Search) ([]Record, error) {
	out := []Record{}
	if q.Number != "" {
		p, err := receipt.ParseNumber(q.Number)
		if err != nil {
			return nil, err
		}
		if err := b.read(ctx, func(c *sql.Conn) error { return numbered(ctx, c, p, &out) }); err != nil {
			return nil, err
		}
		return out, nil
	}
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	err := b.read(ctx, func(c *sql.Conn) error {
		all, err := chains(ctx, c)
		if err != nil {
			return err
		}
		if none, err := q.unanswerable(ctx, c); none || err != nil {
			return err
		}
		clauses, args := q.clauses(all)
		err = walkRows(ctx, c, clauses+" ORDER BY chain DESC, seq DESC", args, func(x row) error {
			if rec, ok := all.record(x); ok {
				out = append(out, rec)
			}
			if len(out) == q.Limit {
				return errStop
			}
			return nil
		})
		if err != nil {
			return err
		}
		return settlements(ctx, c, all, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// numbered finds the entry of a number. Two devices may begin alike, and a number of an entry that was changed since finds
// nothing.
func numbered(ctx context.Context, c *sql.Conn, p receipt.Parts, out *[]Record) error {
	all, err := chains(ctx, c)
	if err != nil {
		return err
	}
	for i := range all {
		if receipt.Short(all[i].device) != p.Device || p.Seq > 1<<62 {
			continue
		}
		err := walkRows(ctx, c, "WHERE chain = ? AND seq = ?", []any{all[i].id, int64(p.Seq)}, func(x row) error {
			if rec, ok := all.record(x); ok && p.Matches(rec.Device, rec.Seq, rec.Hash) {
				*out = append(*out, rec)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return settlements(ctx, c, all, *out)
}

// unanswerable says that a search by a service's answer finds nothing, because the journal knows of none.
func (q Search) unanswerable(ctx context.Context, c *sql.Conn) (bool, error) {
	if q.Answer == "" {
		return false, nil
	}
	ok, err := linked(ctx, c)
	return !ok, err
}

// record makes a record of a row, unless it is an opening or does not hold what this package writes.
func (all chainSet) record(x row) (Record, bool) {
	r, ok := x.lawful()
	if !ok || x.status == "" {
		return Record{}, false
	}
	for i := range all {
		if all[i].id == x.chain {
			return record(all[i].device, all[i].skip, x.entry, r), true
		}
	}
	return Record{}, false
}

// clauses is the WHERE of a search, led by the index that narrows it most.
func (q Search) clauses(all chainSet) (string, []any) {
	index, where, args := "", []string{"status <> ''"}, []any{}
	and := func(text string, values ...any) {
		where = append(where, text)
		args = append(args, values...)
	}
	if q.From != 0 {
		index = "INDEXED BY entry_at "
		and("at >= ?", q.From.Midnight().UnixMicro())
	}
	if q.To != 0 {
		index = "INDEXED BY entry_at "
		and("at < ?", (q.To + 1).Midnight().UnixMicro())
	}
	if q.Care != 0 {
		index = "INDEXED BY entry_care "
		and("care = ?", int64(q.Care))
	}
	if q.Status != "" {
		and("status = ?", string(q.Status))
	}
	if q.Answer != "" {
		// By the rows of the answers: those that are disputed are few, and have an index of their own.
		and("(chain, seq) IN (SELECT chain, seq FROM settled WHERE answer = ?)", settledCodes[q.Answer])
	}
	if q.Before != 0 {
		chain, seq := all.place(q.Before)
		and("(chain, seq) < (?, ?)", chain, seq)
	}
	return index + "WHERE " + strings.Join(where, " AND "), args
}

// place says which entry a row number is: in the last chain that begins below it.
func (all chainSet) place(at uint64) (chain, seq int64) {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].skip < at {
			return all[i].id, int64(min(at-all[i].skip, 1<<62))
		}
	}
	return 0, 0
}

// batch is how many records Each holds at a time: the journal is not kept from being tidied while a slow reader takes them.
const batch = 500

// Each gives fn everything that q asks for that is there when it is called, oldest first; Limit and Before count nothing.
// An error of fn ends it and is returned. ErrDamaged comes after everything readable was given, when there is an entry
// that does not hold what this program writes.
func (b *Book) Each(ctx context.Context, q Search, fn func(Record) error) error {
	if q.Number != "" {
		found, err := b.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, rec := range found {
			if err := fn(rec); err != nil {
				return err
			}
		}
		return nil
	}
	q.Before = 0
	var chain, seq, lastChain, lastSeq int64
	err := b.read(ctx, func(c *sql.Conn) error {
		return c.QueryRowContext(ctx, "SELECT coalesce(max(chain), 0), coalesce((SELECT max(seq) FROM entry WHERE chain = (SELECT max(chain) FROM entry)), 0) FROM entry").
			Scan(&lastChain, &lastSeq)
	})
	if err != nil {
		return err
	}
	bad := 0
	for {
		var part []Record
		n := 0
		err := b.read(ctx, func(c *sql.Conn) error {
			all, err := chains(ctx, c)
			if err != nil {
				return err
			}
			if none, err := q.unanswerable(ctx, c); none || err != nil {
				return err
			}
			clauses, args := q.clauses(all)
			args = append(args, chain, seq, lastChain, lastSeq, batch)
			err = walkRows(ctx, c, clauses+" AND (chain, seq) > (?, ?) AND (chain, seq) <= (?, ?) ORDER BY chain, seq LIMIT ?", args, func(x row) error {
				n++
				chain, seq = x.chain, int64(x.entry.Seq)
				if rec, ok := all.record(x); ok {
					part = append(part, rec)
				} else {
					bad++
				}
				return nil
			})
			if err != nil {
				return err
			}
			return settlements(ctx, c, all, part)
		})
		if err != nil {
			return err
		}
		for _, rec := range part {
			if err := fn(rec); err != nil {
				return err
			}
		}
		if n < batch {
			break
		}
	}
	if bad > 0 {
		return damaged("%d entries of %s", bad, BookName)
	}
	return nil
}
