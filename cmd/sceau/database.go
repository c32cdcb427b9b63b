// Where the register is kept: a SQLite file in the operator's folder, or a PostgreSQL database.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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
	if err := insideDrill(path, address); err != nil {
		return nil, err
	}
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
	return ui.WithHint(ui.Usage("no operator in %s", dir), `check the folder's name; a new operator is made by sceau init %s --insurer N --name "…"`, dir)
}

// rememberDatabase writes the address that init was given by the environment to the operator's settings, unless they have one;
// it says whether it did.
func rememberDatabase(dir string) (bool, error) {
	address := os.Getenv("SCEAU_DATABASE")
	if address == "" {
		return false, nil
	}
	before, there, err := databaseSetting(dir)
	if err != nil || there != nil {
		return false, err // a person's own line is not written over
	}
	return true, writeDatabase(dir, address, before)
}

// moveDatabase writes the address into which a register was restored to the operator's settings, in place of the one that
// they had: that database is lost, or another operator's by now. It says whether anything changed.
func moveDatabase(dir string) (bool, error) {
	address := os.Getenv("SCEAU_DATABASE")
	if address == "" {
		return false, nil
	}
	before, there, err := databaseSetting(dir)
	if err != nil || there != nil && *there == address {
		return false, err
	}
	var kept []byte
	tables := false
	for line := range bytes.Lines(before) {
		tables = tables || bytes.HasPrefix(bytes.TrimSpace(line), []byte("["))
		if key, _, set := bytes.Cut(line, []byte("=")); tables || !set || string(bytes.Trim(key, " \t\"'")) != "database" {
			kept = append(kept, line...)
		}
	}
	if err := writeDatabase(dir, address, kept); err != nil {
		return false, err
	}
	if _, now, err := databaseSetting(dir); err != nil || now == nil || *now != address { // a setting of several lines, which nobody writes
		return false, errors.Join(fmt.Errorf("%s could not be given the new address of the database: write it there", filepath.Join(dir, configName)), err)
	}
	return true, nil
}

// databaseSetting reads the settings of a folder and the address among them, nil for none.
func databaseSetting(dir string) (text []byte, address *string, err error) {
	name := filepath.Join(dir, configName)
	text, err = os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	var there struct{ Database *string }
	if err := toml.Unmarshal(text, &there); err != nil {
		return nil, nil, tomlFault(name, text, err)
	}
	return text, there.Database, nil
}

// writeDatabase puts an address before what is there: below it may be tables.
func writeDatabase(dir, address string, rest []byte) error {
	line, err := toml.Marshal(struct {
		Database string `toml:"database"`
	}{address})
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, configName), true, func(w io.Writer) error { _, err := w.Write(append(line, rest...)); return err })
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
	numbers, err := keyNumbers(k)
	if err != nil {
		return nil, 0, err
	}
	if len(numbers) == 0 {
		return nil, 0, errPlainRegister
	}
	n := slices.Max(numbers)
	secret, err := k.Secret(secretName(n))
	if err != nil {
		return nil, 0, err
	}
	keys, err := sealed.ParseKeys(secret)
	clear(secret)
	return keys, n, err
}

// keyNumbers are the numbers of the register's keys that are there: those that were retired are not.
func keyNumbers(k *keystore.Store) ([]int, error) {
	names, err := k.Secrets()
	if err != nil {
		return nil, err
	}
	var out []int
	for _, name := range names {
		if name == registerSecret {
			out = append(out, 1)
			continue
		}
		text, ok := strings.CutPrefix(name, registerSecret+"-")
		if n, err := strconv.Atoi(text); ok && err == nil && n > 1 && secretName(n) == name {
			out = append(out, n)
		}
	}
	return out, nil
}

// ensureRegisterKeys makes the keys of a new register, or reads those that an interrupted run made.
func ensureRegisterKeys(k *keystore.Store) (*sealed.Keys, error) {
	if keys, _, err := registerKeys(k); !errors.Is(err, errPlainRegister) {
		return keys, err
	}
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
		// A key that is made while this program runs is read when the first row names it.
		s := sealed.New(store, keys, func() (*sealed.Keys, error) { k, _, err := registerKeys(folder); return k, err })
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
