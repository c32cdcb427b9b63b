//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/registertest"
	"sceau/fixtures/pgserver"
)

// quick are the options of tests: the shared server doesn't flush.
var quick = postgres.Options{Wait: 1500 * time.Millisecond, Volatile: true}

func TestContract(t *testing.T) {
	server := pgserver.Shared(t)
	registertest.Run(t, func(t *testing.T, place string) register.Store {
		t.Helper()
		file := filepath.Join(place, "dsn") // names the database that belongs to this place
		dsn, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			dsn = []byte(server.Database(t))
			err = os.WriteFile(file, dsn, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := postgres.Create(context.Background(), string(dsn), quick)
		if errors.Is(err, fs.ErrExist) {
			s, err = postgres.Open(context.Background(), string(dsn), quick)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func create(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s := must(postgres.Create(context.Background(), dsn, o))(t)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func open(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s := must(postgres.Open(context.Background(), dsn, o))(t)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	c := must(pgx.Connect(context.Background(), dsn))(t)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// ask reads one value past the store.
func ask[T any](t testing.TB, dsn, query string) (v T) {
	t.Helper()
	c := must(pgx.Connect(context.Background(), dsn))(t)
	err := errors.Join(c.QueryRow(context.Background(), query).Scan(&v), c.Close(context.Background()))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func put(key string) func(register.Tx) error {
	return func(tx register.Tx) error { return tx.PutInsurer(register.Insurer{Key: key, Document: []byte("{}")}) }
}

func insurers(t testing.TB, s register.Store) (keys []string) {
	t.Helper()
	err := s.View(context.Background(), func(tx register.Tx) error {
		list, err := tx.Insurers()
		for _, i := range list {
			keys = append(keys, i.Key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
