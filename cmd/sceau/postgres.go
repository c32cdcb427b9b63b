// The register in PostgreSQL.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"sceau/card/register/postgres"
	"sceau/cmd/internal/ui"
)

// openPostgres opens the register in a database, or makes it in an empty one. A database that no register was made in is
// os.ErrNotExist, as a file is that is not there.
func openPostgres(ctx context.Context, address string, create bool) (database, error) {
	open := postgres.Open
	if create {
		open = postgres.Create
	}
	rows, err := givenBack(open(ctx, address, postgres.Options{}))
	switch {
	case err == nil, errors.Is(err, os.ErrNotExist), errors.Is(err, postgres.ErrNotEmpty), errors.Is(err, context.Canceled):
		return rows, err
	}
	return nil, ui.WithHint(fmt.Errorf("%s: %w", whereDatabase(address), err), "check the database setting: SCEAU_DATABASE, or database in %s", configName)
}

// whereDatabase names a database by what of its address is no secret: server, port and name.
func whereDatabase(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "database"
	}
	q := u.Query()
	host, name := cmp.Or(q.Get("host"), u.Host, "the default host"), cmp.Or(q.Get("dbname"), strings.TrimPrefix(u.Path, "/"), "of the user's name")
	port := ""
	if q.Get("host") != "" || u.Port() == "" && !strings.Contains(u.Host, ",") {
		port = " port " + cmp.Or(q.Get("port"), u.Port(), "5432")
	}
	return "database " + name + " at " + host + port
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
