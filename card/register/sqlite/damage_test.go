// Tests of what stands between the service's rows and somebody who writes SQL, and of what Inspect finds afterwards.

package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/sqlite"
)

const someNumber = "A7QF-XM3T-9ABD"

// served makes a register with some of everything that the service writes.
func served(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "register.db")
	s, err := sqlite.Create(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now, place := time.Unix(1_800_000_000, 0), card.Place{List: 1, Index: 7}
	err = s.Update(context.Background(), func(tx register.Tx) error {
		if _, err := tx.AddChecks([]register.Check{
			{Number: someNumber, Counter: "A", At: now, Insurer: "1", Place: place, Status: "valid"},
			{Counter: "A", At: now, Status: "unknown"},
		}); err != nil {
			return err
		}
		var receipts []register.Receipt
		for seq := range uint64(5) {
			receipts = append(receipts, register.Receipt{Device: strings.Repeat("0f", 16), Seq: seq + 1, Hash: [32]byte{byte(seq)}, Entry: []byte("entry"), Counter: "A",
				Arrived: now, At: now, Insurer: "1", Place: place, Mode: register.ModeOffline, Age: 5, Answer: register.Honoured})
		}
		if _, err := tx.AddReceipts(receipts); err != nil {
			return err
		}
		return tx.PutDocument(register.Document{Kind: "job", ID: "one", Version: 1, Data: []byte("{}")})
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestServiceAppendOnly(t *testing.T) {
	path := served(t)
	raw(t, path, func(db *sql.DB) {
		for _, statement := range []string{
			"DELETE FROM online_check", "DELETE FROM receipt", "DELETE FROM online_check WHERE number IS NULL", "DELETE FROM receipt WHERE seq = 3",
			"UPDATE online_check SET status = 'refused'", "UPDATE online_check SET seq = seq + 100", "UPDATE online_check SET number = 'A000' WHERE number IS NULL",
			"UPDATE receipt SET answer = 3", "UPDATE receipt SET num = num + 100", "UPDATE receipt SET arrived = 0 WHERE seq = 1",
			"UPDATE document SET id = 'two'", "UPDATE document SET owner = 'other'", "UPDATE document SET kind = 'alarm'",
			"INSERT INTO online_check SELECT * FROM online_check",
			"INSERT INTO receipt SELECT * FROM receipt",
			"INSERT INTO online_check SELECT 99, 'A1', counter, at, '', list, idx, care, domain, person, status, reason, pay_until, pay_euros FROM online_check WHERE seq = 1", // a place of nobody
			"INSERT INTO online_check (number, counter, at, insurer, list, idx, care, domain, person, status, reason, pay_euros) VALUES ('', 'A', 0, '', 0, 0, 0, '', 0, 'x', '', 0)",
			"INSERT INTO online_check (counter, at, insurer, list, idx, care, domain, person, status, reason, pay_euros) VALUES ('A', 'noon', '', 0, 0, 0, '', 0, 'x', '', 0)",
		} {
			if _, err := db.Exec(statement); err == nil {
				t.Errorf("done: %s", statement)
			}
		}
		for query, want := range map[string]int{
			"SELECT count(*) FROM online_check": 2, "SELECT count(*) FROM receipt": 5, "SELECT sum(count) FROM served": 5, "SELECT count(*) FROM document WHERE id = 'one'": 1,
		} {
			var n int
			if err := db.QueryRow(query).Scan(&n); err != nil || n != want {
				t.Errorf("%s: %d %v, want %d", query, n, err, want)
			}
		}
	})
}

// TestInspectService: what was done to the new tables behind the program's back is found, and a sound register has no fault.
func TestInspectService(t *testing.T) {
	for name, c := range map[string]struct {
		statements []string
		want       string
	}{
		"sound":           {nil, ""},
		"a count altered": {[]string{"UPDATE served SET count = 4"}, "served: the count of 2027-01-15, insurer 1, mode \"offline\", answer 2,"},
		"a count gone":    {[]string{"DELETE FROM served"}, "served: the count of 2027-01-15"},
		"a count added":   {[]string{"INSERT INTO served VALUES ('1', 20000, 'online', 3, 1)"}, "mode \"online\", answer 3,"},
		"a receipt gone": {[]string{"CREATE TABLE keep AS SELECT sql FROM sqlite_schema WHERE name = 'receipt_keep'", "DROP TABLE keep", "DROP TRIGGER receipt_keep",
			"DELETE FROM receipt WHERE seq = 2", "CREATE TRIGGER receipt_keep BEFORE DELETE ON receipt BEGIN SELECT RAISE (ABORT, 'receipt: append-only'); END"}, "served: the count"},
		"a trigger gone":    {[]string{"DROP TRIGGER check_keep"}, "the schema lacks trigger check_keep"},
		"a trigger emptied": {[]string{"DROP TRIGGER check_keep", "CREATE TRIGGER check_keep BEFORE DELETE ON online_check BEGIN SELECT 1; END"}, "the schema has another trigger check_keep"},
		"an index gone":     {[]string{"DROP INDEX check_number"}, "the schema lacks index check_number"},
		"a foreign trigger": {[]string{"CREATE TRIGGER x AFTER INSERT ON receipt BEGIN DELETE FROM served; END"}, "the schema has a foreign trigger x"},
		"a foreign table":   {[]string{"CREATE TABLE note (x)"}, "the schema has a foreign table note"},
		"a row out of bounds": {[]string{"PRAGMA ignore_check_constraints = ON",
			"INSERT INTO online_check (counter, at, insurer, list, idx, care, domain, person, status, reason, pay_euros) VALUES ('A', 0, '', 0, 0, 0, '', 99, 'x', '', 0)"},
			"CHECK constraint failed in online_check"},
	} {
		path := served(t)
		raw(t, path, func(db *sql.DB) {
			for _, statement := range c.statements {
				if _, err := db.Exec(statement); err != nil {
					t.Fatalf("%s: %s: %v", name, statement, err)
				}
			}
		})
		faults := inspect(t, path)
		if got := strings.Join(faults, "\n"); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func inspect(t *testing.T, path string) []string {
	t.Helper()
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return []string{err.Error()}
	}
	defer s.Close()
	faults, err := s.Inspect(context.Background())
	if err != nil {
		return []string{err.Error()}
	}
	return faults
}

// TestInspectBits: a number that was altered in its row or in its index, but not in both, is found.
func TestInspectBits(t *testing.T) {
	path := served(t)
	sound := read(t, path)
	met := 0
	for at := bytes.Index(sound, []byte(someNumber)); at >= 0; {
		b := bytes.Clone(sound)
		b[at+5] ^= 1
		write(t, path, b)
		if faults := inspect(t, path); len(faults) == 0 {
			t.Errorf("altered at %d: no fault", at)
		}
		met++
		next := bytes.Index(sound[at+1:], []byte(someNumber))
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if met != 2 {
		t.Errorf("altered %d places, want the row and the index", met)
	}
}

// TestRewriteService: a rewritten register has the rows of the service, and counts that are theirs.
func TestRewriteService(t *testing.T) {
	path := served(t)
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	to := filepath.Join(t.TempDir(), "register.db")
	err = s.Rewrite(context.Background(), to, sqlite.Rewriting{
		Contract: func(c register.Contract) (register.Contract, error) { return c, nil },
		Card:     func(c register.Card) (register.Card, error) { return c, nil },
		Document: func(d register.Document) (register.Document, error) { return d, nil },
		Import:   func(i register.Import) (register.Import, error) { return i, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if faults := inspect(t, to); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	raw(t, to, func(db *sql.DB) {
		var checks, receipts, days int
		err := db.QueryRow("SELECT (SELECT count(*) FROM online_check), (SELECT count(*) FROM receipt), (SELECT sum(count) FROM served)").Scan(&checks, &receipts, &days)
		if err != nil || checks != 2 || receipts != 5 || days != 5 {
			t.Errorf("%d checks, %d receipts, %d counted: %v", checks, receipts, days, err)
		}
	})
}
