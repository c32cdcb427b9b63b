//go:build linux

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/sealed"
	"sceau/fixtures/pgserver"
)

// TestSnapshot: what is loaded from a snapshot is the register, and goes on where it ended.
func TestSnapshot(t *testing.T) {
	server := pgserver.Shared(t)
	w := newWorld(t, server.Database(t), quick, 30)
	if err := w.issue(t.Context()); err != nil {
		t.Fatal(err)
	}
	path, dsn := filepath.Join(t.TempDir(), "register"), server.Database(t)
	if err := w.store.Snapshot(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Snapshot(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	loaded, err := postgres.Load(t.Context(), dsn, path, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	if err := sealed.Compare(t.Context(), w.store, loaded, "job", "published", "counter"); err != nil {
		t.Error(err)
	}
	from := w.store
	w.use(loaded)
	w.seed("B", 10)
	if err := w.issue(t.Context()); err != nil {
		t.Errorf("the loaded register does not go on: %v", err)
	}
	w.sound()
	var different *sealed.Difference
	if err := sealed.Compare(t.Context(), from, loaded); !errors.As(err, &different) {
		t.Errorf("two registers that differ: %v", err)
	}
	if _, err := postgres.Load(t.Context(), dsn, path, quick); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("over a register: %v", err)
	}
}

// TestSnapshotUnderLoad: every snapshot is a state that was committed.
func TestSnapshotUnderLoad(t *testing.T) {
	server := pgserver.Shared(t)
	s := create(t, server.Database(t), quick)
	stop := make(chan struct{})
	var done sync.WaitGroup
	defer done.Wait()
	defer close(stop)
	done.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			err := s.Update(context.Background(), func(tx register.Tx) error {
				_, err := tx.AppendAudit(fmt.Append(nil, n), time.Now())
				return errors.Join(err, tx.PutDocument(register.Document{Kind: "job", ID: fmt.Sprintf("%08d", n), Version: 1, Data: make([]byte, 2000)}))
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 3 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := s.Snapshot(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		loaded, err := postgres.Load(t.Context(), server.Database(t), path, quick)
		if err != nil {
			t.Fatal(err)
		}
		err = loaded.View(t.Context(), func(tx register.Tx) error {
			head, err := register.CheckAudit(tx)
			if err != nil {
				return err
			}
			page, err := tx.DocumentsAfter("job", register.AnyOwner, "", 1<<20)
			if len(page) != int(head.Seq) {
				t.Errorf("snapshot %d: %d documents, %d entries", i, len(page), head.Seq)
			}
			return err
		})
		if err := errors.Join(err, loaded.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadRefuses: nothing is stored of a file that is not a whole snapshot, and the next Load can go on.
func TestLoadRefuses(t *testing.T) {
	server := pgserver.Shared(t)
	w := newWorld(t, server.Database(t), quick, 3)
	path := filepath.Join(t.TempDir(), "register")
	if err := w.store.Snapshot(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	good := must(os.ReadFile(path))(t)
	line := bytes.IndexByte(good, '\n')
	replace := func(old, new string) []byte { return bytes.Replace(bytes.Clone(good), []byte(old), []byte(new), 1) }
	dsn := server.Database(t)
	for what, b := range map[string][]byte{
		"nothing": nil, "no header": good[line+1:], "only a header": good[:line+1], "cut": good[:len(good)-3], "cut before the last table": good[:len(good)-40],
		"more": append(bytes.Clone(good), 0), "another schema": replace(`sceau-postgres-1`, `sceau-postgres-2`), "a newer version": replace(`"version":`, `"version":7`),
		"another table": replace(`"name":"insurer"`, `"name":"pg_authid"`), "SQL": replace(`"name":"insurer"`, `"name":"insurer\" FROM PROGRAM 'id'--"`),
		"another column": replace(`"columns":["key",`, `"columns":["kee",`), "a table twice": replace(`"name":"import"`, `"name":"insurer"`), "a long chunk": append(bytes.Clone(good[:line+1]), 0xff, 0xff, 0xff, 0xff),
		"a column less": replace(`"document","keys"]`, `"document"]`),
	} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.Load(t.Context(), dsn, path, quick); err == nil {
			t.Errorf("%s was loaded", what)
		}
		if n := ask[int](t, dsn, `SELECT (SELECT count(*) FROM insurer) + (SELECT count(*) FROM contract)`); n != 0 {
			t.Fatalf("%s left %d rows", what, n)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Load(t.Context(), dsn, path, quick)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	foreign := server.Database(t)
	pgserver.Exec(t, foreign, `CREATE TABLE theirs (x int)`)
	if _, err := postgres.Load(t.Context(), foreign, path, quick); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("another program's database: %v", err)
	}
	if _, err := postgres.Load(t.Context(), dsn, path+"-none", quick); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
