// Tests of finding what a service answered of one card: which entries count, from journals of every state, and by an index.

package mirror

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/receipt"
)

// refusedOnline is the receipt of a check that a service refused.
func refusedOnline(n int) receipt.Receipt {
	r := check(n)
	r.Status, r.Reason, r.Since, r.PayUntil, r.PayEuros = offline.Refused, offline.Revoked, r.Care-3, time.Time{}, 0
	r.List, r.Revision, r.Published, r.Age = 0, 0, time.Time{}, 0
	r.Mode, r.Accord = receipt.Online, accord.NewNumber([7]byte{byte(n >> 8), byte(n)})
	return r
}

func write(t testing.TB, b *Book, r receipt.Receipt) Record {
	t.Helper()
	rec, err := b.Append(ctx, r)
	must(t, err)
	return rec
}

// told are the entries that a book finds of card number n, by their place in the journal.
func told(t testing.TB, b *Book, n int, after time.Time) string {
	t.Helper()
	found, err := b.AskedOnline(ctx, check(n).Card, after)
	must(t, err)
	rows := []string{}
	for _, rec := range found {
		rows = append(rows, fmt.Sprint(rec.Row))
	}
	return strings.Join(rows, " ")
}

func TestAskedOnline(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	start := c.Now()
	b := openTest(t, dir, c)
	fill(t, b, 20) // rows 2 to 21, from lists
	c.add(time.Hour)
	first := write(t, b, refusedOnline(7)) // 22
	write(t, b, refusedOnline(8))
	plain := refusedOnline(7)
	plain.Accord = "" // answered online, and nothing to show for it
	write(t, b, plain)
	other := refusedOnline(7)
	other.Card = "333/3-7"
	write(t, b, other)
	long := refusedOnline(7)
	long.Card += "1"
	write(t, b, long)
	nobody := check(7)
	nobody.Card, nobody.KID, nobody.List, nobody.Revision, nobody.Published, nobody.Age, nobody.Policy = "", "", 0, 0, time.Time{}, 0, ""
	nobody.Status, nobody.Reason, nobody.PayUntil, nobody.PayEuros = offline.Unknown, offline.UnknownIssuer, time.Time{}, 0
	write(t, b, nobody)
	c.add(-30 * time.Minute)
	write(t, b, refusedOnline(7)) // 28: later, by a clock that was set back
	if got := told(t, b, 7, start); got != "28 22" {
		t.Errorf("in the order of writing: %s", got)
	}
	if found, err := b.AskedOnline(ctx, first.Receipt.Card, first.At.Add(-time.Microsecond)); err != nil || len(found) != 1 || found[0] != first {
		t.Errorf("%+v %v", found, err)
	}
	for name, x := range map[string]struct {
		card  string
		after time.Time
	}{"not after": {first.Receipt.Card, first.At}, "only from lists": {check(9).Card, start}, "nobody": {"", start}, "a prefix": {first.Receipt.Card[:len(first.Receipt.Card)-1], start},
		"a pattern": {"775670482/3-%", start}, "what stands there of no card": {nobody.Care.String(), start}} {
		if found, err := b.AskedOnline(ctx, x.card, x.after); err != nil || len(found) != 0 {
			t.Errorf("%s: %+v %v", name, found, err)
		}
	}
	for range maxTold + 3 {
		write(t, b, refusedOnline(7))
	}
	if found, err := b.AskedOnline(ctx, first.Receipt.Card, start); err != nil || len(found) != maxTold || found[0].Row != 28+maxTold+3 {
		t.Errorf("%d %v", len(found), err)
	}
}

// Every journal that can still be read is asked: of an older version, in a folder that can't be written, damaged, begun anew.
func TestAskedOnlineInEveryState(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	start := c.Now()
	b := openTest(t, dir, c)
	fill(t, b, 3)
	c.add(time.Minute)
	write(t, b, refusedOnline(7)) // row 5
	write(t, b, refusedOnline(8))
	must(t, b.Close())

	if got := told(t, ReadBook(t.TempDir(), BookOptions{Now: c.Now}), 7, start); got != "" {
		t.Errorf("no journal: %s", got)
	}
	version2 := copyFolder(t, dir)
	inside(t, version2, "DROP INDEX entry_told; PRAGMA user_version = 2")
	r := ReadBook(version2, BookOptions{Now: c.Now})
	if got := told(t, r, 7, start); got != "5" {
		t.Errorf("version 2, only read: %s", got)
	}
	must(t, r.Close())
	if b := openTest(t, version2, c); b.Notice().Code != "" || told(t, b, 7, start) != "5" {
		t.Errorf("version 2, opened: %+v %s", b.Notice(), told(t, b, 7, start))
	} else if _, _, err := b.Verify(ctx); err != nil {
		t.Error(err)
	}
	// Without its index it is no journal of this version: set aside, and everything is taken over.
	lacking := copyFolder(t, dir)
	inside(t, lacking, "DROP INDEX entry_told")
	if b := openTest(t, lacking, c); b.Notice().Code != NoticeDamaged || b.Notice().Kept != 6 || told(t, b, 7, start) != "5" {
		t.Errorf("salvaged: %+v %s", b.Notice(), told(t, b, 7, start))
	}
	// The chain's end does not hold: another chain goes on, and what the one before was told still counts.
	anew := copyFolder(t, dir)
	inside(t, anew, "DELETE FROM entry WHERE seq = 6")
	b = openTest(t, anew, c)
	write(t, b, check(1))
	if d, err := b.Device(ctx); err != nil || b.Notice().Code != NoticeDamaged || told(t, b, 7, start) != "5" || told(t, b, 8, start) != "" {
		t.Errorf("%+v %v %+v %s", d, err, b.Notice(), told(t, b, 7, start))
	}
	write(t, b, refusedOnline(7))
	if got := told(t, b, 7, start); !strings.HasSuffix(got, " 5") || strings.Count(got, " ") != 1 {
		t.Errorf("the newer chain first: %s", got)
	}
	// An entry that was changed to something that this program doesn't write is left out.
	edited := copyFolder(t, dir)
	inside(t, edited, `UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), '"v":1', '"v":7') AS BLOB) WHERE seq = 5`)
	r = ReadBook(edited, BookOptions{Now: c.Now})
	if got := told(t, r, 7, start); got != "" {
		t.Errorf("edited: %s", got)
	}
	must(t, r.Close())
	// What can't be read says so, and never that nothing was told.
	broken := t.TempDir()
	must(t, os.WriteFile(filepath.Join(broken, BookName), []byte(strings.Repeat("not a database ", 400)), 0o600))
	if found, err := ReadBook(broken, BookOptions{Now: c.Now}).AskedOnline(ctx, check(7).Card, start); !errors.Is(err, ErrDamaged) || found != nil {
		t.Errorf("%v %v", found, err)
	}
}

// The index leads to the card; nothing else of the journal is looked at.
func TestAskedOnlineByIndex(t *testing.T) {
	b := openTest(t, t.TempDir(), newClock())
	write(t, b, refusedOnline(7))
	var plan []string
	must(t, b.read(ctx, func(c *sql.Conn) error {
		rows, err := c.QueryContext(ctx, "EXPLAIN QUERY PLAN SELECT body FROM entry "+toldClauses("entry_told"), []byte(check(7).Card), int64(0))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
		}
		return rows.Err()
	}))
	if len(plan) == 0 || plan[0] != "SEARCH entry USING INDEX entry_told (<expr>=? AND at>?)" {
		t.Errorf("%q", plan)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.AskedOnline(stopped, check(7).Card, time.Time{}); err == nil {
		t.Error("a question that was withdrawn was answered")
	}
}

// BenchmarkAskedOnline compares the look-up in a journal of many entries with the same look-up in a small one.
func BenchmarkAskedOnline(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		small, large := filled(b, 1_000), filled(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var ours, least time.Duration
			for b.Loop() {
				began := time.Now()
				if told(b, large, 7, time.Time{}) == "" {
					b.Fatal("nothing")
				}
				middle := time.Now()
				told(b, small, 7, time.Time{})
				ours += middle.Sub(began)
				least += time.Since(middle)
			}
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/lookup")
			b.ReportMetric(float64(ours)/float64(least), "ratio")
		})
	}
}

// filled is a journal with n entries, every other one answered online, whose bodies are all that is real.
func filled(b *testing.B, n int) *Book {
	book := openTest(b, b.TempDir(), newClock())
	write(b, book, refusedOnline(7))
	at := newClock().Now().UnixMicro()
	must(b, transaction(ctx, book.file.db, func(c *sql.Conn) error {
		for i := range n {
			r := check(i + 1000)
			if i%2 == 0 {
				r = refusedOnline(i + 1000)
			}
			_, err := c.ExecContext(ctx, "INSERT INTO entry (chain, seq, at, prev, body, care, status) VALUES (1, ?, ?, x'00', ?, ?, ?)",
				i+3, at+int64(i), r.Body(), int64(r.Care), string(r.Status))
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return book
}
