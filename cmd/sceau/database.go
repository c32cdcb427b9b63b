// Where the register is kept: a SQLite file in the operator's folder, or a PostgreSQL database.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

// database is an opened register, its rows as they are stored: encrypted.
type database interface {
	register.Store
	register.Closer
}

// databaseAddress is "" for the file in the operator's folder; it may hold a password and is never printed.
func databaseAddress(dir string) (string, error) {
	c, err := readConfig(dir)
	return c.Database, err
}

// openDatabase opens the register of a folder, or makes it.
func openDatabase(ctx context.Context, dir string, create bool) (database, error) {
	address, err := databaseAddress(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, registerName)
	switch {
	case address == "" && create:
		return sqlite.Create(path, sqlite.Options{})
	case address == "":
		return sqlite.Open(path, sqlite.Options{})
	case !isPostgres(address):
		return nil, ui.WithHint(errors.New("the database of the register has no address that is known"), `database = "postgres://…" in %s, or none for a file`, filepath.Join(dir, configName))
	}
	return openPostgres(ctx, address, create)
}

// isPostgres says whether an address is of the one kind of server that is known. Its text is never told: it may hold a password.
func isPostgres(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql")
}

// noOperator says what is missing where no register was found: an operator whose keys are there has one, elsewhere.
func noOperator(dir string) error {
	address, err := databaseAddress(dir)
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(dir, onlineName))
	switch {
	case err == nil && address == "":
		return ui.WithHint(ui.Usage("%s holds an operator's keys, but its register is elsewhere", dir), "name it: SCEAU_DATABASE=postgres://…, or database in %s", filepath.Join(dir, configName))
	case err == nil:
		return ui.WithHint(ui.Usage("%s holds an operator's keys, but its database holds no register", dir), "check the database setting: SCEAU_DATABASE, or database in %s", filepath.Join(dir, configName))
	}
	return ui.WithHint(ui.Usage("no operator in %s", dir), `sceau init %s --insurer N --name "…"`, dir)
}

// rememberDatabase writes the address that init was given by the environment to the operator's settings, unless they have one;
// it says whether it did.
func rememberDatabase(dir string) (bool, error) {
	address := os.Getenv("SCEAU_DATABASE")
	if address == "" {
		return false, nil
	}
	name := filepath.Join(dir, configName)
	before, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	var there map[string]any
	if err := toml.Unmarshal(before, &there); err != nil {
		return false, tomlFault(name, before, err)
	}
	if _, set := there["database"]; set {
		return false, nil // a person's own line is not written over
	}
	line, err := toml.Marshal(struct {
		Database string `toml:"database"`
	}{address})
	if err != nil {
		return false, err
	}
	// Before what is there: below it may be tables.
	return true, replaceFile(name, true, func(w io.Writer) error { _, err := w.Write(append(line, before...)); return err })
}

// hasPassword says whether an address must be kept from others.
func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

// registerSecret is the name of the register's keys among the online keys. After a rotation they are there once more with a
// number: register-2, register-3…; each holds all keys before it, and the highest is in force.
const registerSecret = "register"

// errPlainRegister says that there are no keys for a register: it was made before registers were encrypted.
var errPlainRegister = errors.New("the register is not encrypted")

func secretName(n int) string {
	if n == 1 {
		return registerSecret
	}
	return fmt.Sprintf("%s-%d", registerSecret, n)
}

// registerKeys reads the keys in force, and their number.
func registerKeys(k *keystore.Store) (*sealed.Keys, int, error) {
	var newest []byte
	n := 0
	for {
		secret, err := k.Secret(secretName(n + 1))
		if errors.Is(err, keystore.ErrNoKey) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		newest, n = secret, n+1
	}
	if n == 0 {
		return nil, 0, errPlainRegister
	}
	keys, err := sealed.ParseKeys(newest)
	clear(newest)
	return keys, n, err
}

// ensureRegisterKeys makes the keys of a new register, or reads those that an interrupted run made.
func ensureRegisterKeys(k *keystore.Store) (*sealed.Keys, error) {
	secret, err := k.GenerateSecret(registerSecret, func() ([]byte, error) {
		keys, err := sealed.NewKeys()
		if err != nil {
			return nil, err
		}
		return keys.Secret()
	})
	clear(secret)
	if err != nil && !errors.Is(err, keystore.ErrExists) {
		return nil, err
	}
	keys, _, err := registerKeys(k)
	return keys, err
}

// unseal joins a register with its keys, and makes sure that they are its keys.
func unseal(ctx context.Context, dir string, store database, k *keys) (*sealed.Store, error) {
	folder, err := k.open()
	if err != nil {
		return nil, err
	}
	keys, _, err := registerKeys(folder)
	if errors.Is(err, errPlainRegister) {
		err = keysMissing(ctx, k, store)
	}
	if err == nil {
		s := sealed.New(store, keys)
		if err = s.Check(ctx); err == nil {
			return s, nil
		}
	}
	switch {
	case errors.Is(err, errPlainRegister), errors.Is(err, sealed.ErrUnsealed):
		return nil, ui.WithHint(fmt.Errorf("the register of %s is not encrypted", dir), "sceau encrypt %s", dir)
	case errors.Is(err, register.ErrCorrupt):
		return nil, ui.WithHint(fmt.Errorf("the keys in %s are not those of the register: %w", k.dir, err), "restore the register and %s from one backup", k.dir)
	}
	return nil, err
}

// keysMissing tells a register whose keys are gone from one that never had any.
func keysMissing(ctx context.Context, k *keys, store register.Store) error {
	marked, err := sealed.Marked(ctx, store)
	if err != nil {
		return err
	}
	if marked {
		return ui.WithHint(fmt.Errorf("the keys of the register are not in %s", k.dir), "restore them from a backup: without them nothing of the register can be read")
	}
	return errPlainRegister
}

// databaseKind names the form of a database's snapshots.
func databaseKind(rows database) string {
	if _, ok := rows.(*sqlite.Store); ok {
		return "sqlite"
	}
	return "postgres"
}
