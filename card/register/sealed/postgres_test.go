//go:build linux

package sealed_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/registertest"
	"sceau/card/register/sealed"
	"sceau/fixtures/pgserver"
)

// TestContractPostgres: the suite over an encrypted register in PostgreSQL.
func TestContractPostgres(t *testing.T) {
	server, keys := pgserver.Shared(t), newKeys(t)
	registertest.Run(t, func(t *testing.T, place string) register.Store {
		t.Helper()
		file := filepath.Join(place, "dsn")
		dsn, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			dsn = []byte(server.Database(t))
			err = os.WriteFile(file, dsn, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		o := postgres.Options{Wait: 1500 * time.Millisecond, Volatile: true}
		s, err := postgres.Create(context.Background(), string(dsn), o)
		if errors.Is(err, fs.ErrExist) {
			s, err = postgres.Open(context.Background(), string(dsn), o)
		}
		if err != nil {
			t.Fatal(err)
		}
		return sealed.New(s, keys).Powers()
	}, registertest.OwnOrder)
}
