//go:build linux

// Tests of registers of the versions before this one, and of texts that no column holds.

package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"sceau/card/register"
	"sceau/fixtures/pgserver"
)

// TestFormerVersions: contracts of every former version say that nobody knows when they were stored, and learn it when they change.
func TestFormerVersions(t *testing.T) {
	steps, err := fs.ReadDir(embedded, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version < 3; version++ {
		dsn := pgserver.Shared(t).Database(t)
		files := fstest.MapFS{}
		for _, e := range steps[:version] {
			b, err := embedded.ReadFile("migrations/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			files["migrations/"+e.Name()] = &fstest.MapFile{Data: b}
		}
		old := migrations
		migrations = files
		s, err := Create(t.Context(), dsn, quick)
		migrations = old
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		pgserver.Exec(t, dsn, `INSERT INTO insurer VALUES ('1', '', '{}');
			INSERT INTO contract (insurer, adherent, revision, valid_from, valid_to, hash, canonical)
			SELECT '1', 'A' || n, 1, 1, 2, sha256('x'), 'x' FROM generate_series(1, 5) n`)
		if s, err = Open(t.Context(), dsn, quick); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		err = s.Update(t.Context(), func(tx register.Tx) error {
			all, err := tx.ContractsAfter("1", "", 10)
			if err != nil || len(all) != 5 {
				t.Fatalf("version %d: %d contracts: %v", version, len(all), err)
			}
			for i, c := range all {
				if !c.Changed.IsZero() {
					t.Errorf("version %d: a contract changed at %v", version, c.Changed)
				}
				all[i].Revision, all[i].Changed = 2, time.Unix(int64(1_800_000_000+i), 999)
			}
			if err := tx.PutContracts(all); err != nil {
				return err
			}
			for i, c := range all {
				if got, err := tx.Contract(c.Key); err != nil || !got.Changed.Equal(time.Unix(int64(1_800_000_000+i), 0)) {
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

// TestBatchTexts: what no column can hold is in no row, and costs the transaction nothing when it is only asked for.
func TestBatchTexts(t *testing.T) {
	s, err := Create(t.Context(), pgserver.Shared(t).Database(t), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := register.Contract{Key: register.ContractKey{Insurer: "1", Adherent: "A"}, Revision: 1, From: 1, To: 2}
	err = s.Update(t.Context(), func(tx register.Tx) error {
		return errors.Join(tx.PutInsurer(register.Insurer{Key: "1"}), tx.PutContracts([]register.Contract{c}))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\x00", "A\xff", "\xc3"} {
		err := s.Update(t.Context(), func(tx register.Tx) error {
			got, err := tx.ContractsNamed("1", []string{bad, "A", bad})
			of, err2 := tx.CardsOfContracts("1", []string{bad})
			none, err3 := tx.ContractsNamed(bad, []string{"A"})
			if len(got) != 1 || len(of) != 0 || len(none) != 0 {
				t.Errorf("%q: %d contracts, %d, %d", bad, len(got), len(of), len(none))
			}
			return errors.Join(err, err2, err3)
		})
		if err != nil {
			t.Errorf("%q: %v", bad, err)
		}
		d := c
		d.Key.Adherent = bad
		err = s.Update(t.Context(), func(tx register.Tx) error { return tx.PutContracts([]register.Contract{d}) })
		if err == nil || fmt.Sprint(err) == bad {
			t.Errorf("%q was stored", bad)
		}
	}
}
