//go:build linux

package issuer

import (
	"context"
	"path/filepath"
	"testing"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/fixtures/pgserver"
)

// sealedStores are new registers as the program uses them: encrypted, in SQLite and in PostgreSQL, each with these insurers.
func sealedStores(t *testing.T, insurers ...string) map[string]register.Store {
	t.Helper()
	ctx := context.Background()
	lite := must(sqlite.Create(filepath.Join(t.TempDir(), "register.db"), sqlite.Options{}))(t)
	t.Cleanup(func() { lite.Close() })
	pg := must(postgres.Create(ctx, pgserver.Shared(t).Database(t), postgres.Options{Volatile: true}))(t)
	t.Cleanup(func() { pg.Close() })
	stores := map[string]register.Store{"SQLite": sealed.New(lite, must(sealed.NewKeys())(t)).Powers(), "PostgreSQL": sealed.New(pg, must(sealed.NewKeys())(t)).Powers()}
	for name, s := range stores {
		err := s.Update(ctx, func(tx register.Tx) error {
			for _, key := range insurers {
				if err := tx.PutInsurer(register.Insurer{Key: key, Document: []byte("{}")}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return stores
}
