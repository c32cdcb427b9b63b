package mirror

import (
	"errors"
	"fmt"
	"testing"
	"time"
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
