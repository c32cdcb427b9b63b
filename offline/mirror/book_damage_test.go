// Tests of a journal that was tampered with or damaged: everything is found, nothing is deleted, and the counter goes on.

package mirror

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// inside runs SQL on a journal, as someone would who has its file.
func inside(t testing.TB, dir, query string, args ...any) {
	t.Helper()
	db, err := database(filepath.Join(dir, BookName), "rw", "")
	must(t, err)
	defer db.Close()
	_, err = db.Exec(query, args...)
	must(t, err)
}

// copyFolder copies a journal that nobody has open.
func copyFolder(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	b, err := os.ReadFile(filepath.Join(from, BookName))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(to, BookName), b, 0o600))
	return to
}

func faultOf(err error) (uint64, error) {
	var f *journal.Fault
	if !errors.As(err, &f) {
		return 0, err
	}
	return f.Seq, f.What
}

// Every entry of a journal of 1,000, changed in each way: found, at its place.
func TestEveryMutationIsFound(t *testing.T) {
	const entries = 1000
	c, dir := newClock(), t.TempDir()
	b := openTest(t, dir, c)
	fill(t, b, entries-1) // and the opening
	var whole []row
	must(t, b.read(ctx, func(c *sql.Conn) error {
		return walkRows(ctx, c, "ORDER BY seq", nil, func(r row) error { whole = append(whole, r); return nil })
	}))
	if _, n, err := b.Verify(ctx); err != nil || n.Entries != entries {
		t.Fatal(n, err)
	}
	put := func(c *sql.Conn, seq int, r row) error {
		_, err := c.ExecContext(ctx, "INSERT OR REPLACE INTO entry (chain, seq, at, prev, body, care, status) VALUES (?, ?, ?, ?, ?, ?, ?)",
			r.chain, seq, r.entry.At.UnixMicro(), r.entry.Prev[:], r.entry.Body, r.care, r.status)
		return err
	}
	do := func(c *sql.Conn, query string, args ...any) error {
		_, err := c.ExecContext(ctx, query, args...)
		return err
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	type way struct {
		each   bool // every single entry
		mutate func(c *sql.Conn, i int) error
	}
	ways := map[string]way{
		"bit of the body": {true, func(c *sql.Conn, i int) error {
			r := whole[i]
			r.entry.Body = append([]byte{}, r.entry.Body...)
			r.entry.Body[rnd.IntN(len(r.entry.Body))] ^= 1 << rnd.IntN(8)
			return put(c, i+1, r)
		}},
		"bit of the hash": {true, func(c *sql.Conn, i int) error {
			r := whole[i]
			r.entry.Prev[rnd.IntN(32)] ^= 1 << rnd.IntN(8)
			return put(c, i+1, r)
		}},
		"bit of the time": {false, func(c *sql.Conn, i int) error {
			return do(c, "UPDATE entry SET at = at + (1 << ?) WHERE seq = ?", rnd.IntN(40), i+1)
		}},
		"edited, columns too": {true, func(c *sql.Conn, i int) error {
			other := check(i + 3)
			return do(c, "UPDATE entry SET body = ?, care = ?, status = ? WHERE seq = ?", other.Body(), int64(other.Care), string(other.Status), i+1)
		}},
		"column alone":  {false, func(c *sql.Conn, i int) error { return do(c, "UPDATE entry SET care = care + 1 WHERE seq = ?", i+1) }},
		"verdict alone": {false, func(c *sql.Conn, i int) error { return do(c, "UPDATE entry SET status = 'reserve' WHERE seq = ?", i+1) }},
		"deleted":       {true, func(c *sql.Conn, i int) error { return do(c, "DELETE FROM entry WHERE seq = ?", i+1) }},
		"deleted, the others moved up": {false, func(c *sql.Conn, i int) error {
			if err := do(c, "DELETE FROM entry WHERE seq >= ?", i+1); err != nil {
				return err
			}
			for j := i + 1; j < len(whole); j++ {
				if err := put(c, j, whole[j]); err != nil {
					return err
				}
			}
			return nil
		}},
		"inserted, the others moved down": {false, func(c *sql.Conn, i int) error {
			e, err := journal.Append(journal.Head{Seq: uint64(i), Hash: whole[i].entry.Prev}, check(i).Body(), whole[i].entry.At)
			if err != nil {
				return err
			}
			if err := do(c, "UPDATE entry SET seq = -seq - 1 WHERE seq > ?", i); err != nil {
				return err
			}
			if err := do(c, "UPDATE entry SET seq = -seq WHERE seq < 0"); err != nil {
				return err
			}
			return put(c, i+1, row{whole[i].chain, e, int64(check(i).Care), string(check(i).Status)})
		}},
		"reordered with the next": {true, func(c *sql.Conn, i int) error {
			j := (i + 1) % len(whole)
			if err := put(c, i+1, whole[j]); err != nil {
				return err
			}
			return put(c, j+1, whole[i])
		}},
		"truncated": {true, func(c *sql.Conn, i int) error { return do(c, "DELETE FROM entry WHERE seq >= ?", i+1) }},
	}
	for name, x := range ways {
		t.Run(name, func(t *testing.T) {
			found, step := 0, 1
			if !x.each || testing.Short() {
				step = 20
			}
			for i := 0; i < entries; i += step {
				undone := errors.New("undone")
				var head journal.Head
				var err error
				rolled := transaction(ctx, b.file.db, func(c *sql.Conn) error {
					if err := x.mutate(c, i); err != nil {
						return err
					}
					head, _, err = verify(ctx, c)
					return undone
				})
				if rolled != undone {
					t.Fatal(rolled)
				}
				seq, what := faultOf(err)
				first := uint64(i + 1)
				if name == "reordered with the next" && i == entries-1 {
					first = 1 // changed places with the first
				}
				// A row that points elsewhere and a row that changed look alike from the one before: at most one off.
				if what == nil || head != (journal.Head{}) || seq == 0 || seq > first || seq+1 < first {
					t.Fatalf("entry %d: fault at %d, %v", i+1, seq, err)
				}
				if name == "truncated" && (seq != first || what != journal.ErrTruncated) {
					t.Fatalf("entry %d: %d %v", i+1, seq, what)
				}
				if seq == first {
					found++
				}
			}
			if found < entries/step {
				t.Errorf("at its place: %d of %d", found, entries/step)
			}
		})
	}
	// An entry behind the signed head, well linked, is nobody's.
	e, err := journal.Append(whole[entries-1].entry.Head(), check(1).Body(), c.Now())
	must(t, err)
	inside(t, dir, "INSERT INTO entry VALUES (1, ?, ?, ?, ?, ?, ?)", entries+1, e.At.UnixMicro(), e.Prev[:], e.Body, int64(check(1).Care), string(check(1).Status))
	if _, _, err := b.Verify(ctx); err == nil {
		t.Error("an entry that nobody signed for")
	} else if seq, what := faultOf(err); seq != entries+1 || what != journal.ErrInserted {
		t.Error(err)
	}
	// An edited receipt is not found under its number any more, and shows under no other.
	inside(t, dir, "UPDATE entry SET at = at + 1000000 WHERE seq = 500")
	if got, err := b.Find(ctx, Search{Number: string(receipt.NumberOf(mustDevice(t, b).ID, whole[499].entry))}); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func mustDevice(t testing.TB, b *Book) Device {
	t.Helper()
	d, err := b.Device(ctx)
	must(t, err)
	return d
}

// What is not in an entry and says where the chain stands is looked at too.
func TestChainRowMutations(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	b := openTest(t, dir, c)
	fill(t, b, 10)
	old, err := b.Head(ctx)
	must(t, err)
	fill(t, b, 10)
	must(t, b.Close())
	for name, query := range map[string]string{
		"no head":           "UPDATE chain SET head = ''",
		"an older head":     "UPDATE chain SET head = '" + old + "'",
		"head as base":      "UPDATE chain SET base = head",
		"no base":           "UPDATE chain SET base = ''",
		"another device":    "UPDATE chain SET device = '0123456789abcdef0123456789abcdef'",
		"another key":       `UPDATE chain SET public = CAST('{"kty":"EC"}' AS BLOB)`,
		"orphans":           "PRAGMA foreign_keys = off; UPDATE entry SET chain = 7 WHERE seq > 15",
		"all entries gone":  "DELETE FROM entry",
		"a second opening":  "INSERT INTO entry SELECT chain, 22, at, prev, body, care, status FROM entry WHERE seq = 1",
		"an entry numbered": "INSERT INTO entry SELECT chain, -5, at, prev, body, care, status FROM entry WHERE seq = 9",
	} {
		dir := copyFolder(t, dir)
		inside(t, dir, query)
		r := ReadBook(dir, BookOptions{Now: c.Now})
		if _, _, err := r.Verify(ctx); err == nil {
			t.Errorf("%s: not found", name)
		}
		// The counter goes on all the same.
		if rec, err := r.Append(ctx, check(1)); err != nil || rec.Number == "" {
			t.Errorf("%s: %v", name, err)
		}
		must(t, r.Close())
	}
}

// A chain that this device can't go on with is kept, and a new one says where it stood.
func TestNewChain(t *testing.T) {
	for name, x := range map[string]struct {
		query, code, because string
		seq, lost            uint64
	}{
		"key of another user": {"UPDATE chain SET key = zeroblob(40)", NoticeKeyLost, receipt.KeyLost, 21, 0},
		"no key":              {"UPDATE chain SET key = NULL", NoticeKeyLost, receipt.KeyLost, 21, 0},
		"lost tail":           {"DELETE FROM entry WHERE seq > 15", NoticeDamaged, receipt.Damaged, 15, 6},
		"last edited":         {"UPDATE entry SET at = at + 1 WHERE seq = 21", NoticeDamaged, receipt.Damaged, 20, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := newClock(), t.TempDir()
			b := openTest(t, dir, c)
			recs := fill(t, b, 20)
			before := mustDevice(t, b)
			must(t, b.Close())
			inside(t, dir, x.query)
			b = openTest(t, dir, c)
			rec, err := b.Append(ctx, check(20))
			must(t, err)
			after := mustDevice(t, b)
			if rec.Device == before.ID || rec.Device != after.ID || rec.Seq != 2 || rec.Row <= recs[19].Row || b.Notice().Code != x.code || b.Notice().Lost != x.lost {
				t.Errorf("%+v %+v", rec, b.Notice())
			}
			must(t, b.read(ctx, func(c *sql.Conn) error {
				return walkRows(ctx, c, "WHERE chain = 2 AND seq = 1", nil, func(r row) error {
					o, err := receipt.DecodeOpening(r.entry.Body)
					if err != nil || o.Before != before.ID || o.Because != x.because || o.Seq != x.seq || o.Claimed != 21 {
						t.Errorf("%+v %v", o, err)
					}
					return nil
				})
			}))
			// The old ones are still found, and pages go from one chain to the other.
			if got, err := b.Find(ctx, Search{Number: string(recs[3].Number)}); err != nil || len(got) != 1 {
				t.Errorf("%v %v", got, err)
			}
			var rows []uint64
			for q := (Search{Limit: 4}); ; {
				page, err := b.Find(ctx, q)
				must(t, err)
				for _, r := range page {
					rows = append(rows, r.Row)
				}
				if len(page) < q.Limit {
					break
				}
				q.Before = page[len(page)-1].Row
			}
			if len(rows) < 15 || rows[0] != rec.Row || rows[len(rows)-1] != 2 {
				t.Errorf("%v", rows)
			}
			_, n, err := b.Verify(ctx)
			if (err == nil) != (x.because == receipt.KeyLost) { // a damage stays visible
				t.Errorf("%+v %v", n, err)
			}
			must(t, b.Close())
			if b = openTest(t, dir, c); b.Notice() != (Notice{}) {
				t.Errorf("said again: %+v", b.Notice())
			}
			if rec, err := b.Append(ctx, check(1)); err != nil || rec.Seq != 3 {
				t.Errorf("%+v %v", rec, err)
			}
			// Dropping the old chain from the file shows: the new one's opening speaks of it.
			if x.because == receipt.KeyLost {
				inside(t, dir, "DELETE FROM entry WHERE chain = 1; DELETE FROM chain WHERE id = 1")
				if _, _, err := b.Verify(ctx); !errors.Is(err, journal.ErrDeleted) {
					t.Errorf("a dropped chain: %v", err)
				}
			}
		})
	}
}

// A file that is no journal is set aside under another name, with everything in it, and the counter starts unaided.
func TestSetAside(t *testing.T) {
	c, from := newClock(), t.TempDir()
	b := openTest(t, from, c)
	recs := fill(t, b, 300)
	must(t, b.SaveSettings(ctx, []byte("{}")))
	must(t, b.Close())
	whole, err := os.ReadFile(filepath.Join(from, BookName))
	must(t, err)
	other := t.TempDir()
	must(t, os.WriteFile(filepath.Join(other, BookName), nil, 0o600))
	inside(t, other, "CREATE TABLE invoices (id INTEGER); PRAGMA user_version = 3")
	foreign, err := os.ReadFile(filepath.Join(other, BookName))
	must(t, err)
	zeroed := append([]byte{}, whole...)
	clear(zeroed[len(zeroed)/2 : len(zeroed)/2+8192])
	for name, x := range map[string]struct {
		data []byte
		kept bool // at least something: where the tree's upper pages are gone, nothing can be read
	}{
		"zero bytes": {nil, false}, "text": {[]byte("bonjour, ceci n’est pas un journal\n"), false}, "another program's": {foreign, false},
		"first page gone": {append(make([]byte, 4096), whole[4096:]...), false}, "cut in half": {whole[:len(whole)/2], false}, "last pages gone": {whole[:len(whole)-3*4096], true}, "a header": {whole[:100], false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, BookName)
			must(t, os.WriteFile(file, x.data, 0o600))
			b := openTest(t, dir, c)
			rec, err := b.Append(ctx, check(1))
			must(t, err)
			n := b.Notice()
			if n.Code != NoticeDamaged || n.File == "" || x.kept && n.Kept == 0 {
				t.Errorf("%+v", n)
			}
			aside, err := os.ReadFile(filepath.Join(dir, n.File))
			if err != nil || string(aside) != string(x.data) {
				t.Errorf("what was set aside: %d bytes of %d, %v", len(aside), len(x.data), err)
			}
			if _, count, err := b.Verify(ctx); err != nil || uint64(count.Entries) != n.Kept+2 {
				t.Errorf("%+v %v", count, err)
			}
			if got, err := b.Find(ctx, Search{Number: string(rec.Number)}); err != nil || len(got) != 1 {
				t.Errorf("%v %v", got, err)
			}
			if x.kept && n.Kept > 1 {
				if got, err := b.Find(ctx, Search{Number: string(recs[n.Kept-2].Number)}); err != nil || len(got) != 1 || got[0].Hash != recs[n.Kept-2].Hash {
					t.Errorf("the last one that was kept: %v %v", got, err)
				}
			}
		})
	}
	t.Run("planted trigger", func(t *testing.T) {
		dir := copyFolder(t, from)
		inside(t, dir, "CREATE TRIGGER quiet BEFORE INSERT ON entry BEGIN SELECT RAISE(IGNORE); END")
		b := openTest(t, dir, c)
		if n := b.Notice(); n.Code != NoticeDamaged || n.Kept != 301 || n.Lost != 0 {
			t.Errorf("%+v", n)
		}
		fill(t, b, 3)
		if _, count, err := b.Verify(ctx); err != nil || count.Checks != 303 {
			t.Errorf("%+v %v", count, err)
		}
		if s, err := b.Settings(ctx); err != nil || string(s) != "{}" {
			t.Errorf("%q %v", s, err)
		}
		if got, err := b.Find(ctx, Search{Number: string(recs[299].Number)}); err != nil || len(got) != 1 {
			t.Errorf("%v %v", got, err)
		}
	})
	t.Run("a folder of that name", func(t *testing.T) {
		dir := t.TempDir()
		must(t, os.Mkdir(filepath.Join(dir, BookName), 0o700))
		if b := openTest(t, dir, c); b.Notice().Code != NoticeDamaged {
			t.Error(b.Notice())
		}
	})
	t.Run("newer version", func(t *testing.T) {
		dir := copyFolder(t, from)
		inside(t, dir, "PRAGMA user_version = 4")
		if _, err := OpenBook(dir, BookOptions{Now: c.Now}); !errors.Is(err, ErrNewer) {
			t.Error(err)
		}
		var n *NotRecorded
		if _, err := ReadBook(dir, BookOptions{Now: c.Now}).Append(ctx, check(1)); !errors.As(err, &n) || n.Cause != CauseNewer {
			t.Error(err)
		}
	})
	t.Run("damage found by an append", func(t *testing.T) {
		dir := copyFolder(t, from)
		b := openTest(t, dir, c)
		fill(t, b, 1)
		b.drop()
		b2, err := os.ReadFile(filepath.Join(dir, BookName))
		must(t, err)
		// All leaves of the tree of entries, but not the first pages, which say what the file is.
		for i := 6 * 4096; i < len(b2); i++ {
			b2[i] = 0xa5
		}
		must(t, os.WriteFile(filepath.Join(dir, BookName), b2, 0o600))
		rec, err := b.Append(ctx, check(1))
		if err != nil || b.Notice().Code != NoticeDamaged || b.Notice().File == "" || rec.Seq != 2 {
			t.Errorf("%+v %v %+v", rec, err, b.Notice())
		}
		if _, _, err := b.Verify(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("open elsewhere", func(t *testing.T) {
		dir := copyFolder(t, from)
		one, two := openTest(t, dir, c), openTest(t, dir, c)
		fill(t, one, 1)
		fill(t, two, 1)
		if _, err := renew(dir, c.Now(), true); !errors.Is(err, errHeld) {
			t.Errorf("set aside under another process: %v", err)
		}
	})
}

// Bits flipped anywhere in the file: the counter always starts, always records, and never takes over an entry that changed.
func TestFlippedBitsInTheFile(t *testing.T) {
	c, from := newClock(), t.TempDir()
	b := openTest(t, from, c)
	true32 := map[receipt.Number]bool{}
	for _, rec := range fill(t, b, 120) {
		true32[rec.Number] = true
	}
	must(t, b.Close())
	whole, err := os.ReadFile(filepath.Join(from, BookName))
	must(t, err)
	rnd := rand.New(rand.NewPCG(7, 7))
	outcomes := map[string]int{}
	rounds := 150
	if testing.Short() {
		rounds = 40
	}
	for range rounds {
		dir := t.TempDir()
		data := append([]byte{}, whole...)
		at := rnd.IntN(len(data))
		if rnd.IntN(4) == 0 {
			at = rnd.IntN(100) // the header of SQLite
		}
		data[at] ^= 1 << rnd.IntN(8)
		must(t, os.WriteFile(filepath.Join(dir, BookName), data, 0o600))
		b, err := OpenBook(dir, BookOptions{Now: c.Now})
		if errors.Is(err, ErrNewer) {
			outcomes["newer"]++ // the bit of the version: a copy of the program of that version would open it
			continue
		}
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		rec, err := b.Append(ctx, check(500))
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		_, _, err = b.Verify(ctx)
		outcomes[fmt.Sprintf("notice %q, verified %t", b.Notice().Code, err == nil)]++
		if err == nil {
			err = b.Each(ctx, Search{}, func(r Record) error {
				if !true32[r.Number] && r.Number != rec.Number {
					return fmt.Errorf("byte %d: %s is no receipt of this counter", at, r.Number)
				}
				return nil
			})
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
		}
		must(t, b.Close())
	}
	t.Log(outcomes)
}
