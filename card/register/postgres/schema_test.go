//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/fixtures/pgserver"
)

const relations = "SELECT count(*)::int FROM pg_class WHERE relnamespace = 'public'::regnamespace"

func TestOpenMakesNothing(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	for range 2 {
		if _, err := postgres.Open(t.Context(), dsn, quick); !errors.Is(err, postgres.ErrNoRegister) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want ErrNoRegister", err)
		}
	}
	if n := ask[int](t, dsn, relations); n != 0 {
		t.Errorf("Open made %d relations", n)
	}
	s := create(t, dsn, quick)
	if err := errors.Join(s.Update(t.Context(), put("1")), s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), put("2")); !errors.Is(err, postgres.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := s.View(t.Context(), func(register.Tx) error { return nil }); !errors.Is(err, postgres.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := s.Holding(t.Context(), place); !errors.Is(err, postgres.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := postgres.Create(t.Context(), dsn, quick); !errors.Is(err, postgres.ErrNotEmpty) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrNotEmpty", err)
	}
	if got := insurers(t, open(t, dsn, quick)); fmt.Sprint(got) != "[1]" {
		t.Errorf("after the refused Create: %v", got)
	}
}

// TestForeignSchemas: what is not a register of this version is refused and left as it was.
func TestForeignSchemas(t *testing.T) {
	server := pgserver.Shared(t)
	for name, c := range map[string]struct {
		make         func(dsn string)
		open, create error
	}{
		"another program's": {func(dsn string) { pgserver.Exec(t, dsn, "CREATE TABLE note (x int)") }, postgres.ErrNoRegister, postgres.ErrNotEmpty},
		"a view":            {func(dsn string) { pgserver.Exec(t, dsn, "CREATE VIEW note AS SELECT 1") }, postgres.ErrNoRegister, postgres.ErrNotEmpty},
		"newer": {func(dsn string) {
			create(t, dsn, quick)
			pgserver.Exec(t, dsn, "INSERT INTO sceau_register_version (version_id, is_applied) VALUES (99, true)")
		}, register.ErrCorrupt, postgres.ErrNotEmpty},
		"a table is gone": {func(dsn string) { create(t, dsn, quick); pgserver.Exec(t, dsn, "DROP TABLE insurer CASCADE") }, nil, postgres.ErrNotEmpty},
		"no schema":       {func(dsn string) { pgserver.Exec(t, dsn, "DROP SCHEMA public") }, postgres.ErrUnfit, postgres.ErrUnfit},
	} {
		dsn := server.Database(t)
		c.make(dsn)
		before := ask[int](t, dsn, "SELECT count(*)::int FROM pg_class WHERE oid > 16000")
		s, err := postgres.Open(t.Context(), dsn, quick)
		if !errors.Is(err, c.open) {
			t.Errorf("%s: Open: got %v, want %v", name, err, c.open)
		}
		if s != nil {
			if err := s.View(t.Context(), func(tx register.Tx) error { _, err := tx.Insurers(); return err }); !errors.Is(err, register.ErrCorrupt) {
				t.Errorf("%s: got %v, want ErrCorrupt", name, err)
			}
			_ = s.Close()
		}
		if _, err := postgres.Create(t.Context(), dsn, quick); !errors.Is(err, c.create) {
			t.Errorf("%s: Create: got %v, want %v", name, err, c.create)
		}
		if after := ask[int](t, dsn, "SELECT count(*)::int FROM pg_class WHERE oid > 16000"); after != before {
			t.Errorf("%s: %d relations became %d", name, before, after)
		}
	}
}

// TestTwoSchemas: registers in two schemas of one database know nothing of each other, their writers included.
func TestTwoSchemas(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	pgserver.Exec(t, dsn, "CREATE SCHEMA one", "CREATE SCHEMA two")
	a, b := create(t, dsn+"&search_path=one", quick), create(t, dsn+"&search_path=two", quick)
	err := a.Update(t.Context(), func(tx register.Tx) error {
		return errors.Join(put("1")(tx), b.Update(t.Context(), put("2")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if x, y := insurers(t, a), insurers(t, b); fmt.Sprint(x, y) != "[1] [2]" {
		t.Errorf("%v %v", x, y)
	}
	if n := ask[int](t, dsn, relations); n != 0 {
		t.Errorf("%d relations in the schema public", n)
	}
}

// TestCreateRace: of several that create at once exactly one succeeds; those that open meanwhile get all of it or nothing.
func TestCreateRace(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		wg.Go(func() {
			s, err := postgres.Create(context.Background(), dsn, quick)
			switch {
			case err == nil:
				mu.Lock()
				made++
				mu.Unlock()
				_ = s.Close()
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("Create: %v", err)
			}
		})
		wg.Go(func() {
			s, err := postgres.Open(context.Background(), dsn, quick)
			switch {
			case err == nil:
				if err := errors.Join(s.View(context.Background(), func(tx register.Tx) error { _, err := tx.Insurers(); return err }), s.Close()); err != nil {
					t.Errorf("half a register was opened: %v", err)
				}
			case !errors.Is(err, fs.ErrNotExist):
				t.Errorf("Open: %v", err)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d registers were made", made)
	}
}

// TestSecrets: no part of the connection string is in any error, not even for who looks behind its text.
func TestSecrets(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	good := server.DSN(database)
	create(t, good, quick)
	limited := pgserver.As(good, "role_of_"+database)
	pgserver.Exec(t, good, "CREATE ROLE role_of_"+database+" LOGIN")
	at := func(change func(u *url.URL, q url.Values)) string {
		u := must(url.Parse(good))(t)
		q := u.Query()
		change(u, q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for name, dsn := range map[string]string{
		"no such user":     pgserver.As(good, "nobody_"+database),
		"no such database": at(func(u *url.URL, _ url.Values) { u.Path = "/none_" + database }),
		"no such socket":   at(func(_ *url.URL, q url.Values) { q.Set("port", "5999") }),
		"refused":          at(func(_ *url.URL, q url.Values) { q.Set("host", "127.0.0.1"); q.Set("port", "1") }),
		"no such host":     at(func(_ *url.URL, q url.Values) { q.Set("host", "host-"+database+".invalid") }),
		"bad parameter":    good + "&pool_max_conns=" + pgserver.Password,
		"bad port":         "postgres://postgres:" + pgserver.Password + "@localhost:" + database + "/x",
		"not a URL":        "postgres://postgres:" + pgserver.Password + "@%zz/" + database,
		"keywords":         "host=" + database + " password=" + pgserver.Password + " nonsense",
		"unknown setting":  good + "&setting_" + database + "=" + pgserver.Password,
		"no rights":        limited,
	} {
		for what, run := range map[string]func(context.Context, string, postgres.Options) (*postgres.Store, error){"Open": postgres.Open, "Create": postgres.Create} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			s, err := run(ctx, dsn, quick)
			if name == "no rights" && err == nil {
				err = s.Update(ctx, put("1"))
				_ = s.Close()
			}
			cancel()
			if err == nil {
				t.Errorf("%s: %s worked", name, what)
				continue
			}
			var server *pgconn.PgError
			var connect *pgconn.ConnectError
			var parse *pgconn.ParseConfigError
			if errors.As(err, &server) || errors.As(err, &connect) || errors.As(err, &parse) {
				t.Errorf("%s: %s: the driver's error is still in there", name, what)
			}
			for _, secret := range []string{pgserver.Password, database, server_(good), "nobody", ".invalid"} {
				if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, secret) {
					t.Errorf("%s: %s: %q is in %s", name, what, secret, text)
				}
			}
			t.Logf("%s: %s: %v", name, what, err)
		}
	}
}

// server_ is the folder of the socket.
func server_(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	return u.Query().Get("host")
}

// TestVolatile: a server that forgets is refused; one that is told not to wait for its disk is overruled.
func TestVolatile(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	if _, err := postgres.Create(t.Context(), dsn, postgres.Options{}); !errors.Is(err, postgres.ErrUnfit) {
		t.Errorf("fsync off: got %v, want ErrUnfit", err)
	}
	if n := ask[int](t, dsn, relations); n != 0 {
		t.Errorf("%d relations were made", n)
	}
	for _, o := range []postgres.Options{{MaxConns: 1}, {MaxConns: -1}, {Wait: 1 << 62}} {
		if s, err := postgres.Create(t.Context(), dsn, o); err == nil || s != nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// TestEncoding: text that an SQL_ASCII database would not check is refused.
func TestEncoding(t *testing.T) {
	server := pgserver.Shared(t)
	dsn := server.DSN(server.NewDatabase(t, "ENCODING 'SQL_ASCII'"))
	if _, err := postgres.Create(t.Context(), dsn, quick); !errors.Is(err, postgres.ErrUnfit) {
		t.Errorf("got %v, want ErrUnfit", err)
	}
}
