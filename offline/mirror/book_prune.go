// Retention: what is older than the counter's own limit goes, and a signed base says where the chain now begins.

package mirror

import (
	"context"
	"database/sql"
	"time"

	"sceau/signing/journal"
)

// pruneStep is how many entries one transaction removes, so that a check never waits for long.
const pruneStep = 500

// Pruned says what was removed.
type Pruned struct {
	Entries   int
	Unsettled int // checks among them that a service the counter is enrolled with had not answered for
}

// PruneSettled removes entries as Prune does; of those written since retention, which is not after before, only what every
// service that the counter is enrolled with has answered for. The first one that waits keeps what is behind it. What is older
// than retention goes all the same, and Unsettled says so.
func (b *Book) PruneSettled(ctx context.Context, before, retention time.Time) (Pruned, error) {
	var total Pruned
	if retention.After(before) {
		retention = before
	}
	for {
		p, err := b.pruneSome(ctx, before, retention)
		total.Entries += p.Entries
		total.Unsettled += p.Unsettled
		if err != nil || p.Entries == 0 {
			return total, err
		}
	}
}

// Prune removes the entries written before a moment, and returns how many. The chain still verifies, from a base that the
// device signs. Entries are removed in their order only: one that is dated in the future by a wrong clock does not keep
// those behind it. Errors are of ErrNotRecorded; what was removed until then stays removed, and is counted beside the error.
func (b *Book) Prune(ctx context.Context, before time.Time) (int, error) {
	p, err := b.PruneSettled(ctx, before, before)
	return p.Entries, err
}

// pruneSome removes some entries, and lets waiting checks pass before the next.
func (b *Book) pruneSome(ctx context.Context, before, retention time.Time) (p Pruned, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err = b.write(ctx, func(c *sql.Conn) error {
		p = Pruned{}
		s, err := b.standing(ctx, c, b.now())
		if err != nil {
			return err
		}
		all, err := chains(ctx, c)
		if err != nil {
			return err
		}
		for i := range all {
			if p, err = b.pruneChain(ctx, c, &all[i], s.device, before, retention); p.Entries > 0 || err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Pruned{}, err
	}
	return p, nil
}

// step is the last entry of a chain, up to a number, that one transaction removes; 0 for none.
func step(ctx context.Context, c *sql.Conn, chain, upTo int64) (seq int64, err error) {
	err = c.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM (SELECT seq FROM entry WHERE chain = ? AND seq <= ? ORDER BY seq LIMIT ?)", chain, upTo, pruneStep).Scan(&seq)
	return seq, err
}

// waiting is the first check of a chain up to a number, written since a moment, that a service has not answered for; 0 for none.
func waiting(ctx context.Context, c *sql.Conn, chain, upTo int64, since time.Time) (seq int64, err error) {
	err = c.QueryRowContext(ctx, `SELECT coalesce(min(entry.seq), 0) FROM entry, enrolment WHERE entry.chain = ? AND entry.seq <= ? AND entry.status <> '' AND +entry.at >= ?
		AND enrolment.state = 'active' AND NOT EXISTS (SELECT 1 FROM settled WHERE settled.chain = entry.chain AND settled.seq = entry.seq AND settled.enrolment = enrolment.id)`,
		chain, upTo, since.UnixMicro()).Scan(&seq)
	return seq, err
}

// unanswered counts the checks of a chain up to a number that a service has not answered for.
func unanswered(ctx context.Context, c *sql.Conn, chain, upTo int64) (n int, err error) {
	err = c.QueryRowContext(ctx, `SELECT count(DISTINCT entry.seq) FROM entry, enrolment WHERE entry.chain = ? AND entry.status <> '' AND entry.seq <= ?
		AND enrolment.state = 'active' AND NOT EXISTS (SELECT 1 FROM settled WHERE settled.chain = entry.chain AND settled.seq = entry.seq AND settled.enrolment = enrolment.id)`,
		chain, upTo).Scan(&n)
	return n, err
}

// pruneChain removes at most pruneStep of the oldest entries of one chain.
func (b *Book) pruneChain(ctx context.Context, c *sql.Conn, r *chainRow, d *device, before, retention time.Time) (Pruned, error) {
	limit, future := before.UnixMicro(), b.now().Add(24*time.Hour).UnixMicro()
	// The first entry that stays: the oldest that is young enough and not of a wrong clock. Without one, all that is
	// followed by nothing but the future goes.
	var stays, old sql.NullInt64
	err := c.QueryRowContext(ctx, "SELECT min(seq) FROM entry WHERE chain = ? AND at >= ? AND at <= ?", r.id, limit, future).Scan(&stays)
	if err == nil {
		err = c.QueryRowContext(ctx, "SELECT max(seq) FROM entry WHERE chain = ? AND at < ?", r.id, limit).Scan(&old)
	}
	if err != nil || !old.Valid {
		return Pruned{}, err
	}
	upTo := old.Int64
	if stays.Valid {
		upTo = min(upTo, stays.Int64-1)
	}
	if retention.Before(before) {
		// No further than this step: whoever is served meanwhile waits for it.
		if upTo, err = step(ctx, c, r.id, upTo); err != nil {
			return Pruned{}, err
		}
		first, err := waiting(ctx, c, r.id, upTo, retention)
		if err != nil {
			return Pruned{}, err
		}
		if first > 0 {
			upTo = min(upTo, first-1)
		}
	}
	var last journal.Entry
	n := 0
	err = walkRows(ctx, c, "WHERE chain = ? AND seq <= ? ORDER BY seq LIMIT ?", []any{r.id, upTo, pruneStep}, func(x row) error {
		n, last = n+1, x.entry
		return nil
	})
	if err != nil || n == 0 {
		return Pruned{}, err
	}
	lost, err := unanswered(ctx, c, r.id, int64(last.Seq))
	if err != nil {
		return Pruned{}, err
	}
	if _, err := c.ExecContext(ctx, "DELETE FROM settled WHERE chain = ? AND seq <= ?", r.id, int64(last.Seq)); err != nil {
		return Pruned{}, err
	}
	base := last.Head()
	token, err := journal.SealHead(d.signer, r.device, base, b.now())
	if err != nil {
		return Pruned{}, err
	}
	if _, err := c.ExecContext(ctx, "DELETE FROM entry WHERE chain = ? AND seq <= ?", r.id, int64(last.Seq)); err != nil {
		return Pruned{}, err
	}
	if _, err := c.ExecContext(ctx, "UPDATE chain SET base = ? WHERE id = ?", token, r.id); err != nil {
		return Pruned{}, err
	}
	return Pruned{n, lost}, nil
}
