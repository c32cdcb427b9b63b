// How many entries a service disputes, for who looks only now and then.

package mirror

import (
	"context"
	"database/sql"
	"time"
)

// Disputes counts the entries of the journal that at least one service disputes.
type Disputes struct {
	All    int
	New    int       // answered after the moment asked about
	Newest time.Time // when the last of them was answered; zero for none
}

// Disputes counts them. The error is ErrDamaged, or of the disk.
func (b *Book) Disputes(ctx context.Context, after time.Time) (Disputes, error) {
	var d Disputes
	err := b.read(ctx, func(c *sql.Conn) error {
		if ok, err := linked(ctx, c); !ok || err != nil {
			return err
		}
		var newest int64
		err := c.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(at > ?), 0), coalesce(max(at), 0)
			FROM (SELECT max(at) AS at FROM settled WHERE answer = 3 GROUP BY chain, seq)`, after.Unix()).Scan(&d.All, &d.New, &newest)
		if newest > 0 {
			d.Newest = time.Unix(newest, 0).UTC()
		}
		return err
	})
	if err != nil {
		return Disputes{}, err
	}
	return d, nil
}
