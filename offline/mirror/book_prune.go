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

// Prune removes the entries written before a moment, and returns how many. The chain still verifies, from a base that the
// device signs. Entries are removed in their order only: one that is dated in the future by a wrong clock does not keep
// those behind it. Errors are of ErrNotRecorded; what was removed until then stays removed, and is counted beside the error.
func (b *Book) Prune(ctx context.Context, before time.Time) (int, error) {
	for total := 0; ; {
		n, err := b.pruneSome(ctx, before)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// pruneSome removes some entries, and lets waiting checks pass before the next.
func (b *Book) pruneSome(ctx context.Context, before time.Time) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err = b.write(ctx, func(c *sql.Conn) error {
		n = 0
		s, err := b.standing(ctx, c, b.now())
		if err != nil {
			return err
		}
		all, err := chains(ctx, c)
		if err != nil {
			return err
		}
		for i := range all {
			if n, err = b.pruneChain(ctx, c, &all[i], s.device, before); n > 0 || err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// pruneChain removes at most pruneStep of the oldest entries of one chain.
func (b *Book) pruneChain(ctx context.Context, c *sql.Conn, r *chainRow, d *device, before time.Time) (int, error) {
	limit, future := before.UnixMicro(), b.now().Add(24*time.Hour).UnixMicro()
	// The first entry that stays: the oldest that is young enough and not of a wrong clock. Without one, all that is
	// followed by nothing but the future goes.
	var stays, old sql.NullInt64
	err := c.QueryRowContext(ctx, "SELECT min(seq) FROM entry WHERE chain = ? AND at >= ? AND at <= ?", r.id, limit, future).Scan(&stays)
	if err == nil {
		err = c.QueryRowContext(ctx, "SELECT max(seq) FROM entry WHERE chain = ? AND at < ?", r.id, limit).Scan(&old)
	}
	if err != nil || !old.Valid {
		return 0, err
	}
	upTo := old.Int64
	if stays.Valid {
		upTo = min(upTo, stays.Int64-1)
	}
	var last journal.Entry
	n := 0
	err = walkRows(ctx, c, "WHERE chain = ? AND seq <= ? ORDER BY seq LIMIT ?", []any{r.id, upTo, pruneStep}, func(x row) error {
		n, last = n+1, x.entry
		return nil
	})
	if err != nil || n == 0 {
		return 0, err
	}
	base := last.Head()
	token, err := journal.SealHead(d.signer, r.device, base, b.now())
	if err != nil {
		return 0, err
	}
	if _, err := c.ExecContext(ctx, "DELETE FROM entry WHERE chain = ? AND seq <= ?", r.id, int64(last.Seq)); err != nil {
		return 0, err
	}
	if _, err := c.ExecContext(ctx, "UPDATE chain SET base = ? WHERE id = ?", token, r.id); err != nil {
		return 0, err
	}
	return n, nil
}
