//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/fixtures/pgserver"
)

// TestPostgres: an operator whose register is in PostgreSQL, from init to a restored backup, by one setting.
func TestPostgres(t *testing.T) {
	server := pgserver.Start(t, pgserver.Options{Fsync: true})
	unset(t, "SCEAU_PASSPHRASE_FILE", "SCEAU_PASSPHRASE")
	dsn := server.Database(t)
	t.Setenv("SCEAU_DATABASE", dsn)
	dir := filepath.Join(t.TempDir(), "operator")
	file, _ := rosterFile(t, 30)
	var said strings.Builder
	run := func(code int, args []string, texts ...string) {
		t.Helper()
		p := sceau(t, args...)
		said.WriteString(p.out + p.err)
		p.want(t, code, texts...)
	}
	run(2, []string{"cards", dir}, "no operator")
	run(0, []string{"init", dir, "--insurer", "775670482", "--name", "Mutuelle Exemple"})
	run(1, []string{"init", dir, "--insurer", "775670482", "--name", "Mutuelle Exemple"}, "holds an operator already")
	if exists(filepath.Join(dir, registerName)) {
		t.Error("a register file was made as well")
	}
	run(1, []string{"init", dir + "2", "--insurer", "775670482", "--name", "Mutuelle Exemple"}, "the database holds an operator")
	if info, err := os.Stat(filepath.Join(dir, configName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("settings: %v", err)
	}
	unset(t, "SCEAU_DATABASE")
	run(0, []string{"cards", dir}) // the address was kept
	if err := os.Rename(filepath.Join(dir, configName), filepath.Join(dir, "aside")); err != nil {
		t.Fatal(err)
	}
	run(2, []string{"cards", dir}, "its register is elsewhere", "SCEAU_DATABASE")
	t.Setenv("SCEAU_DATABASE", "postgres://sceau:"+pgserver.Password+"@127.0.0.1:1/droits")
	run(1, []string{"cards", dir}, "database droits at 127.0.0.1:1", "check the database setting")
	t.Setenv("SCEAU_DATABASE", dsn)
	run(0, []string{"import", dir, file}, "30 new")
	run(0, []string{"import", dir, file}, "0 new, 0 changed, 30 unchanged")
	run(0, []string{"issue", dir, "--all", "--out", filepath.Join(t.TempDir(), "cards")}, "30 cards issued")
	public := filepath.Join(t.TempDir(), "public")
	run(0, []string{"publish", dir, "--to", public})
	run(0, []string{"fsck", dir, "--public", public, "--keys"}, "30 contracts, 30 cards", "no finding")
	run(1, []string{"encrypt", dir}, "from its first row")
	run(0, []string{"encrypt", dir, "--rotate"})

	backup := filepath.Join(t.TempDir(), "b.age")
	run(0, []string{"backup", dir, "--to", backup}, "publication 2")
	t.Setenv("SCEAU_PASSPHRASE_FILE", filepath.Join(dir, generatedName))
	into := filepath.Join(t.TempDir(), "restored")
	run(1, []string{"recover", backup, into}, "the database is not empty")
	unset(t, "SCEAU_DATABASE")
	run(1, []string{"recover", backup, into}, "of a register in postgres")
	if exists(into) {
		t.Error("a refused recovery left a folder")
	}
	t.Setenv("SCEAU_DATABASE", server.Database(t))
	run(0, []string{"recover", backup, into, "--public", public}, "30 contracts, 30 cards, 30 signatures restored", "no finding", "nothing was published after", "the address of the database was written to")
	unset(t, "SCEAU_DATABASE") // it is remembered
	run(0, []string{"issue", into, "--all", "--out", filepath.Join(t.TempDir(), "cards")}, "0 cards issued, 30 already there")

	// By the file of settings instead of the environment.
	unset(t, "SCEAU_DATABASE")
	if err := os.WriteFile(filepath.Join(dir, configName), []byte("database = \""+dsn+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(0, []string{"fsck", dir}, "no finding")
	t.Setenv("SCEAU_DATABASE", "mysql://root:"+pgserver.Password+"@localhost/x")
	run(1, []string{"fsck", dir}, "no address that is known")
	t.Setenv("SCEAU_DATABASE", strings.Replace(dsn, "/db", "/none", 1))
	if p := sceau(t, "fsck", dir); p.code == 0 {
		said.WriteString(p.err)
	} else {
		said.WriteString(p.out + p.err)
	}
	if strings.Contains(said.String(), pgserver.Password) {
		t.Error("the password of the database was printed")
	}
}
