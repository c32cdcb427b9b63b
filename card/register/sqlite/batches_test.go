// Tests of registers of the versions before this one, and of what the connection that writes is told.

package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"strconv"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/sqlite"
)

// atVersion is the register of version 1, brought to a version by that version's own scripts.
func atVersion(t *testing.T, version int) (path string) {
	t.Helper()
	path = oldRegister(t)
	raw(t, path, func(db *sql.DB) {
		for i, name := range []string{"0002_service.sql", "0003_reseal.sql"}[:version-1] {
			script, err := os.ReadFile("migrations/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("BEGIN IMMEDIATE;" + string(script) + "; PRAGMA user_version = " + strconv.Itoa(i+2) + "; COMMIT"); err != nil {
				t.Fatal(err)
			}
		}
	})
	return path
}

// TestFormerVersions: contracts of every former version say that nobody knows when they were stored, and learn it when they change.
func TestFormerVersions(t *testing.T) {
	for version := 1; version <= 3; version++ {
		path := atVersion(t, version)
		before := dump(t, path)
		if v := versionOf(t, path); v != version {
			t.Fatalf("a register of version %d has version %d", version, v)
		}
		whole(t, path)
		if dump(t, path) != before || versionOf(t, path) != 4 {
			t.Errorf("version %d: brought to %d, or rows were lost", version, versionOf(t, path))
		}
		s, err := sqlite.Open(path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Update(context.Background(), func(tx register.Tx) error {
			all, err := tx.ContractsAfter("775670482", "", 100)
			if err != nil || len(all) != 8 {
				t.Fatalf("version %d: %d contracts: %v", version, len(all), err)
			}
			for i, c := range all {
				if !c.Changed.IsZero() {
					t.Errorf("version %d: a contract changed at %v", version, c.Changed)
				}
				all[i].Revision++
				all[i].Changed = time.Unix(int64(1_800_000_000+i), 999).UTC()
			}
			if err := tx.PutContracts(all); err != nil {
				return err
			}
			for i, c := range all {
				got, err := tx.Contract(c.Key)
				if err != nil || !got.Changed.Equal(time.Unix(int64(1_800_000_000+i), 0)) {
					t.Errorf("version %d: changed at %v: %v", version, got.Changed, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
