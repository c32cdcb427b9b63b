// The journal on its way to the services: what waits, what was acknowledged, and what was answered for each entry.

package mirror

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"sceau/offline/receipt"
)

// ErrSettlement: an answer speaks of an entry that this journal does not have so. Nothing of it was kept.
var ErrSettlement = errors.New("mirror: settlement of an entry that is another here")

// Stretch is what one chain has for one service.
type Stretch struct {
	Device string
	First  uint64 // oldest entry kept
	Last   uint64 // newest; First-1 when none is kept
	Next   uint64 // first that was not acknowledged
}

// Waiting is how many entries are still to be sent.
func (s Stretch) Waiting() int {
	from := max(s.Next, s.First)
	if s.Last < from {
		return 0
	}
	return int(min(s.Last-from+1, math.MaxInt32))
}

// Stretches returns every chain with at least one entry, oldest first, as the service of that operator has it: ErrNotEnrolled.
func (b *Book) Stretches(ctx context.Context, root string) ([]Stretch, error) {
	var out []Stretch
	found := false
	err := b.read(ctx, func(c *sql.Conn) error {
		if ok, err := linked(ctx, c); !ok || err != nil {
			return err
		}
		id, state, err := enrolmentOf(ctx, c, root)
		if found = state == "active"; !found || err != nil {
			return err
		}
		rows, err := c.QueryContext(ctx, `SELECT device,
			coalesce((SELECT min(seq) FROM entry WHERE chain = chain.id), 0), coalesce((SELECT max(seq) FROM entry WHERE chain = chain.id), 0),
			coalesce((SELECT next FROM upload WHERE enrolment = ? AND chain = chain.id), 1) FROM chain ORDER BY id`, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s Stretch
			var first, last, next int64
			if err := rows.Scan(&s.Device, &first, &last, &next); err != nil {
				return err
			}
			if s.First, s.Last, s.Next = uint64(max(0, first)), uint64(max(0, last)), uint64(max(1, next)); s.First > 0 {
				out = append(out, s)
			}
		}
		return rows.Err()
	})
	if err == nil && !found {
		err = ErrNotEnrolled
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Batch takes at most so many entries of a chain from number from on, with what vouches for them, all of one state of the
// journal. It has no entry when there is none to send. ErrDamaged for an unknown chain or a gap.
func (b *Book) Batch(ctx context.Context, device string, from uint64, most int) (receipt.Batch, error) {
	out := receipt.Batch{Device: device}
	err := b.read(ctx, func(c *sql.Conn) error {
		var id int64
		err := c.QueryRowContext(ctx, "SELECT id, public, base, head FROM chain WHERE device = ?", device).Scan(&id, &out.Key, &out.Base, &out.Head)
		if errors.Is(err, sql.ErrNoRows) {
			return damaged("%s has no such chain", BookName)
		}
		if err != nil {
			return err
		}
		space := receipt.BatchSpace
		return walkRows(ctx, c, "WHERE chain = ? AND seq >= ? ORDER BY seq LIMIT ?", []any{id, int64(min(from, math.MaxInt64)), min(most, receipt.MaxBatchEntries)}, func(x row) error {
			if n := len(out.Entries); n > 0 && (x.entry.Seq != out.Entries[n-1].Seq+1 || x.entry.Prev != out.Entries[n-1].Hash()) {
				return errStop // what does not follow is not sent: a check of the journal names it
			}
			if space -= receipt.EntrySize(x.entry); space < 0 {
				return errStop
			}
			out.Entries = append(out.Entries, x.entry)
			return nil
		})
	})
	if err != nil {
		return receipt.Batch{}, err
	}
	return out, nil
}

// Settled is a service's answer for one entry.
type Settled struct {
	Seq    uint64
	Hash   [32]byte
	Answer string // honoured, disputed, noted
	Reason string
}

// settledCodes are kept as numbers.
var settledCodes = map[string]int{receipt.Noted: 1, receipt.Honoured: 2, receipt.Disputed: 3}

func settledWord(n int) string {
	for word, code := range settledCodes {
		if code == n {
			return word
		}
	}
	return ""
}

// Acknowledge keeps in one transaction what a service answered for entries of a chain, and from which one on it wants more.
// An entry that retention has removed meanwhile is passed over. Errors: ErrNotEnrolled, ErrSettlement, ErrNotRecorded.
func (b *Book) Acknowledge(ctx context.Context, root, device string, next uint64, answers []Settled, at time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var refused error
	err := b.write(ctx, func(c *sql.Conn) error {
		refused = nil
		id, state, err := enrolmentOf(ctx, c, root)
		if err != nil {
			return err
		}
		var chain int64
		err = c.QueryRowContext(ctx, "SELECT id FROM chain WHERE device = ?", device).Scan(&chain)
		if state != "active" || errors.Is(err, sql.ErrNoRows) {
			refused = ErrNotEnrolled
			return nil
		}
		if err != nil {
			return err
		}
		if refused, err = settle(ctx, c, id, chain, answers, at); refused != nil || err != nil {
			return errors.Join(err, refused) // takes everything back
		}
		_, err = c.ExecContext(ctx, "INSERT INTO upload (enrolment, chain, next) VALUES (?, ?, ?) ON CONFLICT (enrolment, chain) DO UPDATE SET next = max(next, excluded.next)",
			id, chain, int64(min(next, math.MaxInt64)))
		return err
	})
	if refused != nil {
		return refused
	}
	return err
}

func settle(ctx context.Context, c *sql.Conn, id, chain int64, answers []Settled, at time.Time) (refused, err error) {
	if len(answers) == 0 {
		return nil, nil
	}
	low, high := answers[0].Seq, answers[0].Seq
	bySeq := make(map[uint64]Settled, len(answers))
	for _, a := range answers {
		low, high = min(low, a.Seq), max(high, a.Seq)
		if _, twice := bySeq[a.Seq]; twice || settledCodes[a.Answer] == 0 {
			return fmt.Errorf("%w: entry %d", ErrSettlement, a.Seq), nil
		}
		bySeq[a.Seq] = a
	}
	if high-low >= receipt.MaxBatchEntries || high > math.MaxInt64 {
		return fmt.Errorf("%w: entries %d to %d", ErrSettlement, low, high), nil
	}
	var kept []Settled
	err = walkRows(ctx, c, "WHERE chain = ? AND seq BETWEEN ? AND ?", []any{chain, int64(low), int64(high)}, func(x row) error {
		a, ok := bySeq[x.entry.Seq]
		if ok && a.Hash != x.entry.Hash() {
			refused = fmt.Errorf("%w: entry %d", ErrSettlement, a.Seq)
			return errStop
		}
		if ok {
			kept = append(kept, a)
		}
		return nil
	})
	if refused != nil || err != nil {
		return refused, err
	}
	for _, a := range kept {
		_, err := c.ExecContext(ctx, `INSERT INTO settled (chain, seq, enrolment, answer, reason, at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (chain, seq, enrolment) DO UPDATE SET answer = excluded.answer, reason = excluded.reason, at = excluded.at`,
			chain, int64(a.Seq), id, settledCodes[a.Answer], a.Reason, at.Unix())
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// settlements adds to records what was answered for them. Of several services the one that disputes counts, then the one
// that honours.
func settlements(ctx context.Context, c *sql.Conn, all chainSet, records []Record) error {
	if ok, err := linked(ctx, c); !ok || err != nil || len(records) == 0 {
		return err
	}
	var any bool
	if err := c.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM settled)").Scan(&any); err != nil || !any {
		return err
	}
	ids := map[string]int64{}
	for _, r := range all {
		ids[r.device] = r.id
	}
	q, err := c.PrepareContext(ctx, "SELECT answer, reason, at FROM settled WHERE chain = ? AND seq = ? ORDER BY answer DESC, enrolment LIMIT 1")
	if err != nil {
		return err
	}
	defer q.Close()
	for i := range records {
		var answer int
		var at int64
		s := &records[i].Settled
		err := q.QueryRowContext(ctx, ids[records[i].Device], int64(records[i].Seq)).Scan(&answer, &s.Reason, &at)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		s.Answer, s.At = settledWord(answer), time.Unix(at, 0).UTC()
	}
	return nil
}
