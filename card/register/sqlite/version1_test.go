// Tests of a register of version 1: brought to this version in its place, without loss, whoever kills it.

package sqlite_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/sqlite"
)

// version1 was made by a program that knew version 1 only: an insurer, eight contracts and cards (the last one unfinished),
// their signatures' log, three events (one published), a page, an import, a publication and an audit chain of eight entries.
//
//go:embed testdata/version-1.db.gz
var version1 []byte

func oldRegister(t *testing.T) (path string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(version1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "register.db")
	write(t, path, b)
	return path
}

// raw runs SQL as somebody who is not this program.
func raw(t *testing.T, path string, fn func(*sql.DB)) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	fn(db)
}

func versionOf(t *testing.T, path string) (version int) {
	t.Helper()
	raw(t, path, func(db *sql.DB) {
		if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
			t.Fatal(err)
		}
	})
	return version
}

// dump is every row of the tables of version 1.
func dump(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	raw(t, path, func(db *sql.DB) {
		for _, table := range []string{"insurer", "contract", "import", "list", "card", "sign_log", "event", "publication", "file", "audit", "audit_head"} {
			columns := "*"
			if table == "contract" { // version 4 has one more
				columns = "id, insurer, adherent, revision, valid_from, valid_to, hash, canonical"
			}
			rows, err := db.Query("SELECT " + columns + " FROM " + table + " ORDER BY 1")
			if err != nil {
				t.Fatal(err)
			}
			names, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				values, into := make([]any, len(names)), make([]any, len(names))
				for i := range values {
					into[i] = &values[i]
				}
				if err := rows.Scan(into...); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "%s %q %v\n", table, names, values)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Fatal(err)
			}
		}
	})
	return b.String()
}

// whole opens the register and uses the old and the new of it.
func whole(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, number := context.Background(), "A7QF-XM3T-9ABD"
	err = s.Update(ctx, func(tx register.Tx) error {
		if _, err := tx.CheckByNumber(number); err == nil {
			return nil // opened before
		}
		_, err := tx.AddChecks([]register.Check{{Number: number, Counter: "A", At: time.Unix(1, 0), Status: "valid", Insurer: "775670482", Place: card.Place{List: 1}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(ctx, func(tx register.Tx) error {
		cards, err := tx.CardsAfter(1, -1, 100)
		intents, err2 := tx.Intents(100)
		end, err3 := register.CheckAudit(tx)
		log, err4 := tx.SignLogAfter(0, 100)
		events, err5 := tx.EventsAfter(0, 100)
		if err := errors.Join(err, err2, err3, err4, err5); err != nil || len(cards) != 8 || len(intents) != 1 || end.Seq != 8 || len(log) != 8 || len(events) != 3 {
			t.Errorf("%d cards, %d intents, %d entries, %d signatures, %d events: %v", len(cards), len(intents), end.Seq, len(log), len(events), err)
		}
		_, err = tx.CheckByNumber(number)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if h, err := s.Holding(ctx, card.Place{List: 1}); err != nil || len(h.Events) != 1 {
		t.Errorf("holding: %+v %v", h, err)
	}
	if faults, err := s.Inspect(ctx); err != nil || len(faults) > 0 {
		t.Errorf("faults: %v %v", faults, err)
	}
}

func TestVersion1(t *testing.T) {
	path := oldRegister(t)
	before := dump(t, path)
	if versionOf(t, path) != 1 || strings.Count(before, "\n") < 30 {
		t.Fatalf("the register of version 1 is none: %s", before)
	}
	whole(t, path)
	if v := versionOf(t, path); v != 4 {
		t.Errorf("version %d", v)
	}
	if after := dump(t, path); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	whole(t, path)
}

// TestVersion1SameSchema: a register that was brought to this version is one that was made by it.
func TestVersion1SameSchema(t *testing.T) {
	old, made := oldRegister(t), filepath.Join(t.TempDir(), "register.db")
	create(t, made)
	whole(t, old)
	schema := func(path string) string {
		var b strings.Builder
		raw(t, path, func(db *sql.DB) {
			rows, err := db.Query("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1, 2")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var kind, name, table, text string
				if err := rows.Scan(&kind, &name, &table, &text); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(&b, kind, name, table, text)
			}
		})
		return b.String()
	}
	if a, b := schema(old), schema(made); a != b || len(a) < 4000 {
		t.Errorf("brought here:\n%s\nmade here:\n%s", a, b)
	}
}

// TestVersion1Together: several programs that open the old register at once find it whole.
func TestVersion1Together(t *testing.T) {
	for range 5 {
		path := oldRegister(t)
		before := dump(t, path)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				s, err := sqlite.Open(path, sqlite.Options{})
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		whole(t, path)
		if dump(t, path) != before {
			t.Error("rows were lost")
		}
	}
}

// TestVersion1Killed: whenever the opening is killed, the register has the version before or the one after, and all rows.
func TestVersion1Killed(t *testing.T) {
	midway, versions := 0, map[int]int{}
	for n := 0; n < 40 || len(versions) < 2 && n < 400; n++ {
		path := oldRegister(t)
		before := dump(t, path)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "SCEAU_TEST_OPEN="+path)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		for running, waiting := true, true; running && waiting; { // its log appears when it reads
			select {
			case err := <-ended:
				running = false
				ended <- err
			default:
				_, e := os.Stat(path + "-wal")
				waiting = e != nil
			}
		}
		time.Sleep(time.Duration(n*(n%4)) * 50 * time.Microsecond)
		_ = child.Process.Kill() // fails when it ended by itself
		if <-ended != nil {
			midway++
		}
		v := versionOf(t, path)
		versions[v]++
		if v < 1 || v > 4 {
			t.Fatalf("version %d", v)
		}
		whole(t, path)
		if dump(t, path) != before {
			t.Fatalf("killed in round %d: rows were lost", n)
		}
	}
	if midway == 0 || len(versions) < 2 {
		t.Errorf("killed %d times midway, versions left %v: the test looked at nothing", midway, versions)
	}
}

// TestVersion1Damaged: a register that can't be brought to this version is left as it was, whole at version 1.
func TestVersion1Damaged(t *testing.T) {
	path := oldRegister(t)
	raw(t, path, func(db *sql.DB) {
		if _, err := db.Exec("CREATE TABLE served (x)"); err != nil { // the last table of the step is taken
			t.Fatal(err)
		}
	})
	before := dump(t, path)
	if s, err := sqlite.Open(path, sqlite.Options{}); err == nil {
		s.Close()
		t.Fatal("opened")
	}
	if v := versionOf(t, path); v != 1 || dump(t, path) != before {
		t.Errorf("version %d", v)
	}
	raw(t, path, func(db *sql.DB) {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name IN ('document', 'request', 'online_check', 'receipt')").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d tables of version 2 %v", n, err)
		}
		if _, err := db.Exec("DROP TABLE served"); err != nil {
			t.Fatal(err)
		}
	})
	whole(t, path)
}
