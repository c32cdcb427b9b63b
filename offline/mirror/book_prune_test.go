package mirror

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"sceau/offline/receipt"
)

// A step that fails takes nothing back of the steps before it, and what they removed is said.
func TestPruneFailsHalfway(t *testing.T) {
	c := newClock()
	b := openTest(t, t.TempDir(), c)
	fill(t, b, pruneStep+9)
	c.add(24 * time.Hour)
	trigger := fmt.Sprintf("CREATE TRIGGER stuck BEFORE DELETE ON entry WHEN OLD.seq > %d BEGIN SELECT RAISE(ABORT, 'stuck'); END", pruneStep+2)
	if _, err := b.file.db.Exec(trigger); err != nil {
		t.Fatal(err)
	}
	n, err := b.Prune(ctx, c.Now())
	if n != pruneStep || !errors.Is(err, ErrNotRecorded) {
		t.Errorf("%d removed, %v", n, err)
	}
	if _, err := b.file.db.Exec("DROP TRIGGER stuck"); err != nil {
		t.Fatal(err)
	}
	if _, count, err := b.Verify(ctx); err != nil || count.Pruned != pruneStep {
		t.Errorf("%+v, %v", count, err)
	}
	if n, err := b.Prune(ctx, c.Now()); n != 10 || err != nil { // the opening is one more
		t.Errorf("%d removed, %v", n, err)
	}
}

// backlog puts n answered entries of an earlier chain into a journal, as Prune sees them.
func backlog(t testing.TB, n int) (*Book, *clock) {
	t.Helper()
	c := newClock()
	b := openTest(t, t.TempDir(), c)
	enrol(t, b, rootA, "https://a.example")
	at := c.Now()
	must(t, transaction(ctx, b.file.db, func(tx *sql.Conn) error {
		d, err := newDevice()
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO chain (id, device, public, key, skip, base, head) VALUES (-1, ?, ?, NULL, 0, '', '')", d.id, d.public); err != nil {
			return err
		}
		for i := range n {
			r := check(i)
			if _, err := tx.ExecContext(ctx, "INSERT INTO entry (chain, seq, at, prev, body, care, status) VALUES (-1, ?, ?, x'00', ?, ?, ?)",
				i+1, at.Add(time.Duration(i)*time.Second).UnixMicro(), r.Body(), int64(r.Care), string(r.Status)); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO settled (chain, seq, enrolment, answer, reason, at) SELECT -1, ?, id, ?, '', 0 FROM enrolment",
				i+1, settledCodes[receipt.Honoured]); err != nil {
				return err
			}
		}
		return nil
	}))
	c.add(time.Duration(n)*time.Second + time.Hour)
	return b, c
}

// Looking for what still waits should cost each step what the step removes, and not the whole journal, because a check waits behind a
// step: with-look/plain says how many times as long it takes.
func BenchmarkPruneSettled(b *testing.B) {
	const n = 20_000
	took := func(retention func(c *clock) time.Time) time.Duration {
		book, c := backlog(b, n)
		start := time.Now()
		p, err := book.PruneSettled(ctx, c.Now(), retention(c))
		if err != nil || p.Entries < n || p.Unsettled != 0 {
			b.Fatalf("%+v %v", p, err)
		}
		return time.Since(start)
	}
	var plain, waits time.Duration
	for b.Loop() {
		plain += took(func(c *clock) time.Time { return c.Now() })
		waits += took(func(*clock) time.Time { return time.Unix(0, 0) })
	}
	b.ReportMetric(float64(waits)/float64(plain), "with-look/plain")
}
