//go:build linux

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"sceau/card/register"
	"sceau/fixtures/pgserver"
)

var quick = Options{Wait: 1500 * time.Millisecond, Volatile: true}

// TestSession: what every session is told, whatever the server says.
func TestSession(t *testing.T) {
	server := pgserver.Start(t, pgserver.Options{Fsync: true, Settings: map[string]string{"synchronous_commit": "off"}})
	database := server.NewDatabase(t, "")
	for _, setting := range []string{"synchronous_commit = local", "statement_timeout = 5000", "lock_timeout = 7", "TimeZone = 'Pacific/Apia'"} {
		server.Admin(t, "ALTER DATABASE "+database+" SET "+setting)
	}
	s, err := Create(t.Context(), server.DSN(database), Options{}) // no Volatile: this server flushes
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, c := range map[string]struct {
		run  func(context.Context, func(register.Tx) error) error
		want map[string]string
	}{
		"Update": {s.Update, map[string]string{"transaction_isolation": "read committed", "transaction_read_only": "off"}},
		"View":   {s.View, map[string]string{"transaction_isolation": "repeatable read", "transaction_read_only": "on"}},
	} {
		want := map[string]string{"synchronous_commit": "on", "idle_in_transaction_session_timeout": "1min", "statement_timeout": "0", "application_name": "sceau"}
		maps.Copy(want, c.want)
		err := c.run(t.Context(), func(tx register.Tx) error {
			for k, v := range want {
				var got string
				if err := tx.(*txn).row("SELECT current_setting($1)", k)(&got); err != nil || got != v {
					t.Errorf("%s: %s is %q %v, want %q", name, k, got, err, v)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestMigrateOnce: several processes of a new version start at once on a register of the old one; the step is done once.
func TestMigrateOnce(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	s, err := Create(t.Context(), dsn, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	steps, err := fs.ReadDir(embedded, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	with := func(sql string) fs.FS {
		files := fstest.MapFS{}
		for _, e := range steps {
			b, err := embedded.ReadFile("migrations/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			files["migrations/"+e.Name()] = &fstest.MapFile{Data: b}
		}
		files[fmt.Sprintf("migrations/%04d_test.sql", len(steps)+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql)}
		return files
	}
	old := migrations
	defer func() { migrations = old }()

	// A step that fails leaves the version before.
	migrations = with("CREATE TABLE extra (x int);\nSELECT 1 / 0;")
	if _, err := Open(t.Context(), dsn, quick); err == nil || !strings.Contains(err.Error(), "22012") {
		t.Errorf("a failing step: %v", err)
	}
	migrations = old
	if s, err := Open(t.Context(), dsn, quick); err != nil {
		t.Errorf("after a failed step: %v", err)
	} else {
		_ = s.Close()
	}

	migrations = with("CREATE TABLE extra (x int);\nSELECT pg_sleep(0.3);\nINSERT INTO extra VALUES (1);") // fails when done twice
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			s, err := Open(context.Background(), dsn, quick)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			_ = s.Close()
		})
	}
	wg.Wait()
	migrations = old
	if _, err := Open(t.Context(), dsn, quick); !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("the older program: got %v, want ErrCorrupt", err)
	}
}

// TestSilentCommit: a COMMIT that is not answered is given up in the end, as unknown.
func TestSilentCommit(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	s, err := Create(t.Context(), server.DSN(database), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	proxy := server.Proxy(t)
	p, err := Open(t.Context(), proxy.DSN(database), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.commit = 200 * time.Millisecond
	proxy.Arm(pgserver.Deaf, 0)
	err = p.Update(t.Context(), func(tx register.Tx) error { return tx.PutInsurer(register.Insurer{Key: "1"}) })
	if !errors.Is(err, register.ErrOutcomeUnknown) || proxy.Fired() != 1 {
		t.Errorf("got %v, want ErrOutcomeUnknown", err)
	}
	proxy.CutAll()
	// The other side's transaction ends with its connection, and the lock with it.
	if err := s.Update(t.Context(), func(tx register.Tx) error { return tx.PutInsurer(register.Insurer{Key: "2"}) }); err != nil {
		t.Error(err)
	}
}

// TestTexts: no error carries a value of a row, and one that fn overlooks is not stored over.
func TestTexts(t *testing.T) {
	s, err := Create(t.Context(), pgserver.Shared(t).Database(t), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const secret = "EXEMPLE-1840775"
	for name, query := range map[string]string{
		"a cast":          "SELECT $1::text::int",
		"a raised text":   "DO $$ BEGIN RAISE EXCEPTION '" + secret + "'; END $$",
		"a check":         "INSERT INTO insurer (key, document, keys) VALUES ($1, '', '')",
		"no such column":  `SELECT "` + secret + `" FROM insurer`,
		"a type":          "SELECT $1::int",
		"a unique column": "INSERT INTO document (kind, id, owner, version, data) SELECT 'job', $1, '', 1, '' FROM generate_series(1, 2)",
	} {
		var args []any
		if strings.Contains(query, "$1") {
			args = []any{secret}
		}
		var inner error
		err := s.Update(t.Context(), func(tx register.Tx) error {
			if err := tx.PutInsurer(register.Insurer{Key: "9"}); err != nil {
				return err
			}
			_, inner = tx.(*txn).change(query, args...)
			if err := tx.PutInsurer(register.Insurer{Key: "8"}); err == nil {
				t.Errorf("%s: a failed transaction went on", name)
			}
			return nil // overlooked
		})
		if err == nil || inner == nil || strings.Contains(fmt.Sprintf("%v %+v %#v %v", err, err, err, inner), secret) {
			t.Errorf("%s: %v %v", name, err, inner)
		}
	}
	err = s.View(t.Context(), func(tx register.Tx) error {
		list, err := tx.Insurers()
		if len(list) != 0 {
			t.Errorf("stored: %+v", list)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
