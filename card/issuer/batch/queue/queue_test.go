package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sceau/card/issuer"
	"sceau/fixtures/pgserver"
)

// Of several that start at once one makes the tables; the register's own schema stays as it is.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dsn := pgserver.Shared(t).Database(t)
	if q := connect(t, dsn); !errors.Is(q.Enqueue(t.Context(), refs(1)), ErrMissing) {
		t.Error("a queue without tables takes shards")
	}
	var all sync.WaitGroup
	for range 4 {
		q := connect(t, dsn)
		all.Go(func() {
			for range 2 {
				if err := q.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var ours, others int
	if err := c.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE schemaname = 'sceau_queue'), count(*) FILTER (WHERE schemaname = 'public') FROM pg_tables`).Scan(&ours, &others); err != nil {
		t.Fatal(err)
	}
	if ours != 5 || others != 0 {
		t.Errorf("%d tables in the queue's schema, %d beside the register's", ours, others)
	}
}

// The queue of a register in a schema of its own lies beside that schema.
func TestSchema(t *testing.T) {
	t.Parallel()
	dsn := pgserver.Shared(t).Database(t)
	pgserver.Exec(t, dsn, "CREATE SCHEMA north", `CREATE SCHEMA "South"`)
	q := connect(t, dsn+"&search_path=north")
	if err := q.Migrate(t.Context()); err != nil || q.Schema() != "north_queue" {
		t.Errorf("%q: %v", q.Schema(), err)
	}
	if err := q.Enqueue(t.Context(), refs(3)); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"&search_path=%22South%22", "&search_path=none"} {
		if q, err := Open(t.Context(), dsn+path, nil); err == nil {
			q.Close()
			t.Errorf("%s is taken", path)
		}
	}
}

// No error carries a part of the connection string.
func TestOpenFaults(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"postgres://u:topsecret@[::1", "postgres://u:topsecret@127.0.0.1:1/none?connect_timeout=1", "topsecret"} {
		q, err := Open(t.Context(), dsn, nil)
		if err == nil {
			q.Close()
		}
		if err == nil || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%v", err)
		}
	}
}

// A role without rights is told so; with those of role.sql it adds and works off, and makes nothing.
func TestRole(t *testing.T) {
	t.Parallel()
	s := pgserver.Shared(t)
	dsn := s.Database(t)
	role := fmt.Sprintf("q%d", time.Now().UnixNano())
	s.Admin(t, "CREATE ROLE "+role+" LOGIN")
	t.Cleanup(func() {
		pgserver.Exec(t, dsn, "DROP OWNED BY "+role)
		s.Admin(t, "DROP ROLE "+role)
	})
	weak := connect(t, pgserver.As(dsn, role))
	if err := weak.Migrate(t.Context()); !errors.Is(err, ErrRole) {
		t.Errorf("a role without rights makes a schema: %v", err)
	}
	owner := connect(t, dsn)
	if err := owner.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{weak.Migrate(t.Context()), weak.Enqueue(t.Context(), refs(1)), weak.Cancel(t.Context(), "261122-k3fa", true)} {
		if !errors.Is(err, ErrRole) {
			t.Errorf("without rights: %v", err)
		}
	}
	pgserver.Exec(t, dsn, strings.ReplaceAll(RoleSQL, "sceau_service", role))
	b := newBoard(20)
	if err := weak.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if err := weak.Work(soon(t), Options{Do: b.do, Sweep: b.sweep, Idle: b.idle, Workers: 2, Every: 100 * time.Millisecond}); err != nil || len(b.done) != 20 {
		t.Errorf("%d done: %v", len(b.done), err)
	}
	if err := weak.Enqueue(t.Context(), refs(30)); err != nil {
		t.Error(err)
	}
	if err := weak.Cancel(t.Context(), "261122-k3fa", true); err != nil {
		t.Error(err)
	}
	for _, sql := range []string{"DROP TABLE sceau_queue.river_job", "CREATE TABLE sceau_queue.x ()", "TRUNCATE sceau_queue.river_job", "DELETE FROM sceau_queue.river_migration"} {
		c, err := pgx.Connect(t.Context(), pgserver.As(dsn, role))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), sql); !errors.Is(fault(err), ErrRole) {
			t.Errorf("%s: %v", sql, err)
		}
		c.Close(context.Background())
	}
}

// A shard is in the queue once; a campaign's are taken out of it alone.
func TestUniqueAndCancel(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	other := issuer.ShardRef{Campaign: "261122-zzzz", Insurer: "775670482", N: 1}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := q.Enqueue(t.Context(), append(refs(700), other)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	count := func(want int) {
		t.Helper()
		if n, err := q.Counts(t.Context()); err != nil || n != (Counts{Waiting: want}) {
			t.Errorf("%+v %v, want %d waiting", n, err, want)
		}
	}
	count(701)
	if err := q.Cancel(t.Context(), "261122-k3fa", false); err != nil {
		t.Error(err)
	}
	count(1)
	if err := q.Enqueue(t.Context(), refs(2)); err != nil { // resumed
		t.Error(err)
	}
	count(3)
	if err := q.Enqueue(t.Context(), refs(10_001)); err == nil {
		t.Error("no bound")
	}
}
