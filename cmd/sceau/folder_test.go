// Operators to test with, and the program run inside the test.

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/card/issuer"
	"sceau/card/register/sqlite"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/fixtures/gen"
	"sceau/signing/keystore"
)

// played is what a command said, and its exit code.
type played struct {
	out, err string
	code     int
}

// sceau runs a command line in this process.
func sceau(t *testing.T, args ...string) played {
	t.Helper()
	root := newRoot()
	var out, errs bytes.Buffer
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetIn(strings.NewReader(""))
	root.SetContext(t.Context())
	code := ui.Main(root, ui.English)
	return played{out.String(), errs.String(), code}
}

func (p played) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if p.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", p.code, code, p.out, p.err)
	}
	for _, text := range texts {
		if !strings.Contains(p.out+p.err, text) {
			t.Errorf("nothing says %q:\n%s%s", text, p.out, p.err)
		}
	}
}

// rosterFile is a synthetic population's file.
func rosterFile(t *testing.T, households int) (string, []byte) {
	t.Helper()
	people, err := gen.New(7, gen.Options{Households: households, Insurers: 1})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := people.WriteRoster(&b); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "roster.csv")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, b.Bytes()
}

// withPassphrase gives every command of the test one passphrase.
func withPassphrase(t *testing.T) []byte {
	t.Helper()
	pass := keystore.NewPassphrase()
	name := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(name, pass, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SCEAU_PASSPHRASE_FILE", name)
	unset(t, "SCEAU_DATABASE")
	return pass
}

// unset takes variables away for the time of a test.
func unset(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		t.Setenv(name, "") // puts back what was there afterwards
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

// newOperator is an operator without contracts. It makes its passphrase itself: that one needs no second of stretching.
func newOperator(t *testing.T) string {
	t.Helper()
	unset(t, "SCEAU_PASSPHRASE_FILE", "SCEAU_PASSPHRASE", "SCEAU_DATABASE")
	dir := filepath.Join(t.TempDir(), "operator")
	sceau(t, "init", dir, "--insurer", "775670482", "--name", "Mutuelle Exemple").want(t, 0)
	t.Setenv("SCEAU_PASSPHRASE_FILE", filepath.Join(dir, generatedName))
	return dir
}

// newFolder is an operator with cards, as the program makes one.
func newFolder(t *testing.T, households int) string {
	t.Helper()
	dir := newOperator(t)
	file, _ := rosterFile(t, households)
	sceau(t, "import", dir, file).want(t, 0)
	sceau(t, "issue", dir, "--all", "--out", filepath.Join(t.TempDir(), "cards")).want(t, 0)
	return dir
}

// newPlainFolder is an operator as programs before encryption made one: its register is plain.
func newPlainFolder(t *testing.T, households int) string {
	t.Helper()
	pass := withPassphrase(t)
	dir := filepath.Join(t.TempDir(), "operator")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	open := func(name string) *keystore.Store {
		s, err := keystore.Create(filepath.Join(dir, name), pass, keystore.Options{ScryptLogN: 10})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	store, err := sqlite.Create(filepath.Join(dir, registerName), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	is := &issuer.Issuer{Store: store, Now: clock.Now, Actor: "test", Online: open(onlineName), Offline: open(offlineName)}
	if _, err := is.Init(ctx, issuer.InitOptions{Insurers: []issuer.InsurerFacts{{AMC: "775670482", Name: "Mutuelle Exemple"}}}); err != nil {
		t.Fatal(err)
	}
	_, file := rosterFile(t, households)
	for range 2 {
		if _, err := is.Import(ctx, bytes.NewReader(file), issuer.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := is.Issue(ctx, issuer.IssueRequest{All: true}, func(issuer.Issued) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := is.Publish(ctx, clock.Now()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}
