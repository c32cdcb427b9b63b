// What a service answered of one card before: found by the card, whatever else the journal holds.

package mirror

import (
	"context"
	"database/sql"
	"time"
)

// maxTold bounds what AskedOnline returns: somebody who asks about one card again and again keeps no verdict waiting.
const maxTold = 32

// AskedOnline returns the checks of a card ("<AMC key>/<list>-<index>") that a service answered and that are dated after a
// moment, newest first: in the order in which they were written, whatever the clock did, the last 32. Chains that this counter
// began before are part of it; openings, checks from lists and entries that do not hold what this program writes are not.
// None, and no error, when there is no journal. The error is ErrDamaged for a database that can't be read.
func (b *Book) AskedOnline(ctx context.Context, card string, after time.Time) ([]Record, error) {
	out := []Record{}
	err := b.read(ctx, func(c *sql.Conn) error {
		all, err := chains(ctx, c)
		if err != nil {
			return err
		}
		// A journal of an older version that can only be read has no such index: there the list's age bounds the search.
		index := "entry_at"
		if ok, err := since(ctx, c, 3); err != nil {
			return err
		} else if ok {
			index = "entry_told"
		}
		return walkRows(ctx, c, toldClauses(index), []any{[]byte(card), after.UnixMicro()}, func(x row) error {
			if rec, ok := all.record(x); ok && rec.Receipt.Card == card && rec.Receipt.Accord != "" {
				out = append(out, rec)
			}
			if len(out) == maxTold {
				return errStop
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// toldClauses select the entries of a card, dated after a moment.
func toldClauses(index string) string {
	return "INDEXED BY " + index + " WHERE " + isTold + " AND " + toldCard + " = ? AND at > ? ORDER BY chain DESC, seq DESC"
}
