//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/fixtures/pgserver"
)

// TestKillWhileIssuing: the server is killed with SIGKILL at a random moment of issuing, many times over.
func TestKillWhileIssuing(t *testing.T) {
	server := pgserver.Start(t, pgserver.Options{Fsync: true})
	w := newWorld(t, server.Database(t), postgres.Options{Wait: 2 * time.Second}, 0)
	const kills, each = 6, 60
	fired, unfinished := 0, int64(0)
	for k := range kills {
		w.seed(fmt.Sprint("K", k, "-"), each)
		done := make(chan error, 1)
		go func() { done <- w.issue(context.Background()) }()
		// Not before it began, and somewhere in the first half of it.
		for began, handed := time.Now(), w.handed(); w.handed() == handed && time.Since(began) < 5*time.Second; time.Sleep(time.Millisecond) {
		}
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
		server.Kill(t)
		if err := <-done; err != nil {
			fired++
			if !errors.Is(err, register.ErrBusy) && !errors.Is(err, register.ErrOutcomeUnknown) {
				t.Errorf("kill %d: %v", k, err)
			}
		}
		server.Restart(t, 0)
		unfinished += w.sound().Intents
	}
	t.Logf("count: %d kills, %d of them while issuing, %d intents left behind", kills, fired, unfinished)
	if fired < kills/2 {
		t.Errorf("only %d of %d kills came in time: the test shows nothing", fired, kills)
	}
	w.complete(kills * each)
}

// TestCommitLost: the connection is lost at each COMMIT of an Issue in turn, just before the server gets it and just after it did it.
// Nobody can tell which; issuing again is right in both cases.
func TestCommitLost(t *testing.T) {
	server := pgserver.Shared(t)
	for fault, name := range map[pgserver.Fault]string{pgserver.CutBefore: "before", pgserver.CutAfter: "after"} {
		for nth := range 6 {
			t.Run(fmt.Sprint(name, " COMMIT ", nth+1), func(t *testing.T) {
				database := server.NewDatabase(t, "")
				w := newWorld(t, server.DSN(database), quick, 8)
				proxy := server.Proxy(t)
				w.use(open(t, proxy.DSN(database), quick))
				proxy.Arm(fault, nth)
				err := w.issue(t.Context())
				if proxy.Fired() != 1 {
					t.Fatalf("the fault did not happen: %v", err)
				}
				if !errors.Is(err, register.ErrOutcomeUnknown) {
					t.Errorf("got %v, want ErrOutcomeUnknown", err)
				}
				w.complete(8)
			})
		}
	}
}

// TestOutcome: what is said of a commit is true of the database.
func TestOutcome(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	direct := create(t, server.DSN(database), quick)
	proxy := server.Proxy(t)
	s := open(t, proxy.DSN(database), quick)
	for i, c := range []struct {
		name   string
		break_ func(tx register.Tx) error
		want   error
		stored bool
	}{
		{"cut before COMMIT is sent", func(register.Tx) error { proxy.CutAll(); return nil }, nil, false},
		{"cut before a statement", func(tx register.Tx) error { proxy.CutAll(); return put("9")(tx) }, register.ErrBusy, false},
		{"COMMIT never arrives", func(register.Tx) error { proxy.Arm(pgserver.CutBefore, 0); return nil }, register.ErrOutcomeUnknown, false},
		{"COMMIT is not answered", func(register.Tx) error { proxy.Arm(pgserver.CutAfter, 0); return nil }, register.ErrOutcomeUnknown, true},
	} {
		key := fmt.Sprint("1", i)
		err := s.Update(t.Context(), func(tx register.Tx) error { return errors.Join(put(key)(tx), c.break_(tx)) })
		if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.Is(err, register.ErrBusy) && !errors.Is(err, register.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if got := slices.Contains(insurers(t, direct), key); got != c.stored {
			t.Errorf("%s: stored is %v, want %v", c.name, got, c.stored)
		}
		if err := s.Update(t.Context(), put(key)); err != nil { // again, on a new connection
			t.Errorf("%s: again: %v", c.name, err)
		}
	}
	if slices.Contains(insurers(t, direct), "9") {
		t.Error("a statement on a lost connection was stored")
	}
}

// TestUnreachable: a server that takes no connection is ErrBusy at once, for everything.
func TestUnreachable(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	create(t, server.DSN(database), quick)
	proxy := server.Proxy(t)
	s := open(t, proxy.DSN(database), quick)
	if err := s.Update(t.Context(), put("1")); err != nil {
		t.Fatal(err)
	}
	proxy.Refuse(true)
	proxy.CutAll()
	everything(t, s, func(name string, err error) {
		if !errors.Is(err, register.ErrBusy) {
			t.Errorf("%s: got %v, want ErrBusy", name, err)
		}
	})
	proxy.Refuse(false)
	everything(t, s, func(name string, err error) {
		if err != nil && !errors.Is(err, register.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// TestStaleConnections: connections that died while they were idle are nobody's error.
func TestStaleConnections(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	s := create(t, server.DSN(database), quick)
	for range 3 {
		everything(t, s, func(name string, err error) {
			if err != nil && !errors.Is(err, register.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
			if n := ask[int](t, server.DSN("postgres"), "SELECT count(pg_terminate_backend(pid, 5000))::int FROM pg_stat_activity WHERE datname = '"+database+"'"); n == 0 {
				t.Error("there was no connection to end: the test shows nothing")
			}
		})
	}
}

// TestPoolExhausted: who finds no free connection is told so after the wait; writers and readers don't take each other's.
func TestPoolExhausted(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	const wait = 300 * time.Millisecond
	s := create(t, dsn, postgres.Options{Wait: wait, MaxConns: 2, Volatile: true})
	in, out := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 2)
	go func() {
		ended <- s.View(t.Context(), func(register.Tx) error { in <- struct{}{}; <-out; return nil })
	}()
	<-in
	busy := func(name string, err error, began time.Time) {
		t.Helper()
		if took := time.Since(began); !errors.Is(err, register.ErrBusy) || took < wait-50*time.Millisecond || took > wait+5*time.Second {
			t.Errorf("%s: %v after %v, want ErrBusy after %v", name, err, took, wait)
		}
	}
	began := time.Now()
	busy("View", s.View(t.Context(), func(register.Tx) error { t.Error("ran"); return nil }), began)
	began = time.Now()
	_, err := s.Holding(t.Context(), place)
	busy("Holding", err, began)
	if err := s.Update(t.Context(), put("1")); err != nil {
		t.Errorf("readers stop a writer: %v", err)
	}
	go func() {
		ended <- s.Update(t.Context(), func(register.Tx) error { in <- struct{}{}; <-out; return nil })
	}()
	<-in
	began = time.Now()
	busy("Update", s.Update(t.Context(), func(register.Tx) error { t.Error("ran"); return nil }), began)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Update(ctx, put("1")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(out)
	if err := errors.Join(<-ended, <-ended, s.Update(t.Context(), put("2"))); err != nil {
		t.Error(err)
	}
}

// TestTooManyConnections: the server's own limit is ErrBusy as well.
func TestTooManyConnections(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	role := "limited_" + database
	create(t, server.DSN(database), quick)
	pgserver.Exec(t, server.DSN(database), "CREATE ROLE "+role+" LOGIN CONNECTION LIMIT 2", "GRANT ALL ON ALL TABLES IN SCHEMA public TO "+role)
	s := open(t, pgserver.As(server.DSN(database), role), quick)
	for ask[int](t, server.DSN(database), "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+role+"'") > 0 {
		time.Sleep(5 * time.Millisecond) // that of Open is on its way out
	}
	reached := false
	err := s.Update(t.Context(), func(register.Tx) error {
		return s.View(t.Context(), func(register.Tx) error { // has the last one
			reached = true
			return s.View(t.Context(), func(register.Tx) error { t.Error("ran"); return nil })
		})
	})
	if !errors.Is(err, register.ErrBusy) || !reached {
		t.Errorf("got %v, want ErrBusy", err)
	}
	if err := s.Update(t.Context(), put("1")); err != nil {
		t.Error(err)
	}
}

// TestConflictsOfTheServer: what PostgreSQL gives up on its own is ErrBusy, with nothing stored, wherever it comes.
func TestConflictsOfTheServer(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	s := create(t, dsn, postgres.Options{Wait: 5 * time.Second, Volatile: true})
	if err := s.Update(t.Context(), func(tx register.Tx) error { return errors.Join(put("1")(tx), put("2")(tx)) }); err != nil {
		t.Fatal(err)
	}
	for name, when := range map[string]string{"statement": "AFTER INSERT", "commit": "AFTER INSERT"} {
		kind := "TRIGGER"
		timing := ""
		if name == "commit" {
			kind, timing = "CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED"
		}
		pgserver.Exec(t, dsn, `CREATE FUNCTION test_serialization() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$`,
			fmt.Sprintf("CREATE %s test_serialization %s ON insurer %s FOR EACH ROW EXECUTE FUNCTION test_serialization()", kind, when, timing))
		if err := s.Update(t.Context(), put("7")); !errors.Is(err, register.ErrBusy) {
			t.Errorf("serialization failure at the %s: got %v, want ErrBusy", name, err)
		}
		pgserver.Exec(t, dsn, "DROP TRIGGER test_serialization ON insurer", "DROP FUNCTION test_serialization")
	}
	// A deadlock with somebody who does not take the writer's lock.
	other := connect(t, dsn)
	for _, q := range []string{"SET deadlock_timeout = '60s'", "BEGIN", "UPDATE insurer SET keys = keys WHERE key = '2'"} {
		if _, err := other.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	err := s.Update(t.Context(), func(tx register.Tx) error {
		if err := put("1")(tx); err != nil {
			return err
		}
		go func() {
			for ask[int](t, dsn, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			_, err := other.Exec(context.Background(), "UPDATE insurer SET keys = keys WHERE key = '1'")
			ended <- err
		}()
		return put("2")(tx)
	})
	if !errors.Is(err, register.ErrBusy) || !strings.Contains(err.Error(), "40P01") {
		t.Errorf("deadlock: got %v, want ErrBusy", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the other: %v", err)
	}
	if _, err := other.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if got := insurers(t, s); fmt.Sprint(got) != "[1 2]" {
		t.Errorf("stored %v", got)
	}
}

// TestDiskFull: a full volume under the database is a clear error, stores nothing, and is over when there is room again.
func TestDiskFull(t *testing.T) {
	var server *pgserver.Server
	var dsn string
	wait := postgres.Options{Wait: 5 * time.Second, Volatile: true}
	volume := ""
	if os.Geteuid() == 0 { // a real full volume
		server = pgserver.Start(t, pgserver.Options{})
		volume = filepath.Join(server.Dir(), "small")
		if err := errors.Join(os.Mkdir(volume, 0o700), syscall.Mount("tmpfs", volume, "tmpfs", 0, "size=14m"), server.Own(volume)); err != nil {
			t.Logf("no small volume can be mounted: %v", err)
			volume = ""
		}
	}
	if volume != "" {
		t.Cleanup(func() { _ = syscall.Unmount(volume, syscall.MNT_DETACH) })
		server.Admin(t, "CREATE TABLESPACE small LOCATION '"+volume+"'")
		dsn = server.DSN(server.NewDatabase(t, "TABLESPACE small"))
	} else { // files that can't grow, which needs no right
		server = pgserver.Start(t, pgserver.Options{FileLimit: 18 << 10}) // a file of the server's log has 16 MiB
		dsn = server.Database(t)
	}
	w := newWorld(t, dsn, wait, 40)
	full := false
	for i := 0; i < 400 && !full; i++ {
		err := w.store.Update(t.Context(), func(tx register.Tx) error {
			d := register.Document{Kind: "job", ID: fmt.Sprint("filler", i), Version: 1, Data: make([]byte, register.MaxDocument)}
			rng := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)})
			_, _ = rng.Read(d.Data) // must not compress
			return tx.PutDocument(d)
		})
		if err != nil {
			full = true
			if volume != "" && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("got %v, want ENOSPC", err)
			}
			if errors.Is(err, register.ErrConflict) || errors.Is(err, register.ErrOutcomeUnknown) {
				t.Errorf("got %v", err)
			}
			t.Logf("after %d MiB: %v", i, err)
		}
	}
	if !full {
		t.Fatal("the volume never filled: the test shows nothing")
	}
	// Issuing on the full volume: it works while there is a page left, and then says so. Whatever it did is whole.
	err := error(nil)
	for i := 0; i < 60 && err == nil; i++ {
		if err = w.issue(t.Context()); err == nil {
			err = w.store.Update(t.Context(), func(tx register.Tx) error { _, err := tx.AppendAudit(make([]byte, 4000), time.Now()); return err })
		}
	}
	t.Logf("issuing: %v, %d cards handed out", err, w.handed())
	w.sound()
	if err := w.store.Update(t.Context(), func(tx register.Tx) error {
		for i := range 400 {
			if err := tx.DropDocument("job", fmt.Sprint("filler", i)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Logf("dropping: %v", err)
	}
	if volume != "" {
		if err := syscall.Mount("tmpfs", volume, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Fatal(err)
		}
	}
	pgserver.Exec(t, dsn, "VACUUM")
	w.complete(40)
}

// TestFailover: the register goes on at another address with the same data; the store that was open finds it by itself.
func TestFailover(t *testing.T) {
	server := pgserver.Start(t, pgserver.Options{Fsync: true})
	database := server.NewDatabase(t, "")
	w := newWorld(t, server.Failover(database, 5499), postgres.Options{Wait: 2 * time.Second}, 30)
	if err := w.store.View(t.Context(), func(register.Tx) error { return nil }); err != nil { // both pools have a connection
		t.Fatal(err)
	}
	if _, err := w.store.Holding(t.Context(), place); !errors.Is(err, register.ErrNotFound) {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.issue(context.Background()) }()
	for began := time.Now(); w.handed() == 0 && time.Since(began) < 5*time.Second; time.Sleep(time.Millisecond) {
	}
	server.Kill(t)
	err := <-done
	if err == nil {
		t.Error("the failover came after the work: the test shows nothing")
	} else if !errors.Is(err, register.ErrBusy) && !errors.Is(err, register.ErrOutcomeUnknown) {
		t.Errorf("issue: %v", err)
	}
	everything(t, w.store, func(name string, err error) {
		if !errors.Is(err, register.ErrBusy) {
			t.Errorf("%s without a server: got %v, want ErrBusy", name, err)
		}
	})
	server.Restart(t, 5499)
	everything(t, w.store, func(name string, err error) {
		if err != nil && !errors.Is(err, register.ErrNotFound) {
			t.Errorf("%s after the failover: %v", name, err)
		}
	})
	w.complete(30)
}
