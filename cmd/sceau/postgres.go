// The register in PostgreSQL.

package main

import (
	"context"
	"errors"

	"sceau/card/register/postgres"
	"sceau/cmd/internal/ui"
)

// openPostgres opens the register in a database, or makes it in an empty one. A database that no register was made in is
// os.ErrNotExist, as a file is that is not there.
func openPostgres(ctx context.Context, address string, create bool) (database, error) {
	if create {
		return givenBack(postgres.Create(ctx, address, postgres.Options{}))
	}
	return givenBack(postgres.Open(ctx, address, postgres.Options{}))
}

// givenBack keeps a nil pointer from becoming a database.
func givenBack(s *postgres.Store, err error) (database, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// loadPostgres fills an empty database from a snapshot.
func loadPostgres(ctx context.Context, address, snapshot string) error {
	s, err := postgres.Load(ctx, address, snapshot, postgres.Options{})
	if errors.Is(err, postgres.ErrNotEmpty) {
		return ui.WithHint(errors.New("the database is not empty: recover overwrites nothing"), "make an empty database and name it in SCEAU_DATABASE")
	}
	if err != nil {
		return err
	}
	return s.Close()
}
