package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/signing/keystore"
)

// newMedia makes media with a generated passphrase each.
func newMedia(t *testing.T, n int) []*medium {
	t.Helper()
	dir := t.TempDir()
	var all []*medium
	for i := range n {
		name := filepath.Join(dir, string(rune('a'+i)))
		m, err := newMedium(name + "=" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if made, err := m.create(); err != nil || !made {
			t.Fatalf("made %v: %v", made, err)
		}
		all = append(all, m)
	}
	return all
}

func TestMediumText(t *testing.T) {
	for text, want := range map[string][2]string{
		"/media/a": {"/media/a", ""}, "/media/a/": {"/media/a", ""}, "/media/a=/x/pass": {"/media/a", "/x/pass"}, "/media/a=b=/x/pass": {"/media/a=b", "/x/pass"}, "a": {"a", ""},
	} {
		m, err := newMedium(text)
		if err != nil || m.path != want[0] || m.file != want[1] {
			t.Errorf("%q: %+v %v", text, m, err)
		}
	}
	for _, text := range []string{"", "=", "=pass", "a="} {
		if m, err := newMedium(text); err == nil {
			t.Errorf("%q: %+v", text, m)
		}
	}
}

// TestRackFoundsAnOperator: when an operator is made, each medium gets one share and the folder the rest.
func TestRackFoundsAnOperator(t *testing.T) {
	media := newMedia(t, 3)
	dir := filepath.Join(t.TempDir(), "offline")
	pass := keystore.NewPassphrase()
	if _, err := keystore.Create(dir, pass, keystore.Options{ScryptLogN: 10}); err != nil {
		t.Fatal(err)
	}
	r := &rack{folder: &keys{dir: dir, secret: func() ([]byte, error) { return pass, nil }}, media: media}
	for _, name := range []string{"root-1", "root-2", "root-3", "targets", "amc-775670482"} {
		if _, err := r.Generate(name); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range media {
		if names, err := m.Names(); err != nil || len(names) != 1 || names[0] != "root-"+string(rune('1'+i)) {
			t.Errorf("medium %d: %v %v", i+1, names, err)
		}
	}
	names, err := r.Names()
	if err != nil || strings.Join(names, " ") != "amc-775670482 root-1 root-2 root-3 targets" {
		t.Error(names, err)
	}
	for _, name := range names {
		s, err := r.Signer(name)
		if err != nil {
			t.Fatal(err)
		}
		public, err := r.Public(name)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := kidOf(s.Public())
		b, errB := kidOf(public)
		if a != b || errA != nil || errB != nil {
			t.Errorf("%s: %s and %s: %v %v", name, a, b, errA, errB)
		}
	}
	for _, name := range []string{"root-4", "root-0", "root-x", "root-1"} {
		if _, err := r.Generate(name); err == nil {
			t.Errorf("%s was made", name)
		}
	}
	if _, err := (&rack{folder: r.folder, media: media[:1]}).Signer("root-2"); !errors.Is(err, keystore.ErrNoKey) {
		t.Error(err)
	}
	if _, err := r.Public("snapshot"); !errors.Is(err, keystore.ErrNoKey) {
		t.Error(err)
	}
}

// TestMediaRefused: what is no medium, no second medium, or not to be believed.
func TestMediaRefused(t *testing.T) {
	media := newMedia(t, 2)
	a, b := media[0].path, media[1].path
	if _, err := media[0].Generate("root-1"); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(a, link); err != nil {
		t.Fatal(err)
	}
	for what, texts := range map[string][]string{
		"twice": {a, a}, "by another spelling": {a, filepath.Dir(a) + "/./a"}, "by a link": {a, link}, "one passphrase": {a + "=" + a + ".txt", b + "=" + a + ".txt"},
	} {
		if _, err := openMedia("--medium", texts); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	if _, err := openMedia("--medium", []string{a + "=" + a + ".txt", b + "=" + b + ".txt"}); err != nil {
		t.Error(err)
	}
	twin := filepath.Join(t.TempDir(), "twin")
	if err := os.CopyFS(twin, os.DirFS(a)); err != nil {
		t.Fatal(err)
	}
	second, err := newMedium(twin)
	if err != nil {
		t.Fatal(err)
	}
	if err := copies([]*medium{media[0], second}); err == nil || !strings.Contains(err.Error(), "is a copy of") {
		t.Error(err)
	}
	if err := copies(media); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(twin, 0o755); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"a wrong passphrase": b + "=" + a + ".txt", "nothing there": a + "x=" + a + ".txt", "others may read it": twin + "=" + a + ".txt",
		"a file": a + ".txt=" + a + ".txt", "no passphrase file": a + "=" + a + ".none", "nobody to ask": a} {
		m, err := newMedium(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Signer("root-1"); err == nil {
			t.Errorf("%s: a key", what)
		} else if secret, _ := os.ReadFile(a + ".txt"); strings.Contains(err.Error(), strings.TrimSpace(string(secret))) {
			t.Errorf("%s: the passphrase is in the error", what)
		}
	}
	if _, err := media[0].create(); !errors.Is(err, keystore.ErrExists) {
		t.Errorf("a medium was written over: %v", err)
	}
}

func TestMoveDatabase(t *testing.T) {
	const address = "postgres://sceau@new/droits"
	for before, want := range map[string]string{
		"":                 "database = '" + address + "'\n",
		"database = 'x'\n": "database = '" + address + "'\n",
		"database = ''\n":  "database = '" + address + "'\n",
		"# mine\n\"database\" = \"postgres://old/x\" # old\nlisten = 'a:1'\n[oidc.insurers]\ndatabase = '775670482'\n": "database = '" + address + "'\n# mine\nlisten = 'a:1'\n[oidc.insurers]\ndatabase = '775670482'\n",
	} {
		t.Setenv("SCEAU_DATABASE", address)
		dir := t.TempDir()
		name := filepath.Join(dir, configName)
		if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if moved, err := moveDatabase(dir); !moved || err != nil {
			t.Errorf("%q: %v %v", before, moved, err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%q: %q %v", before, b, err)
		}
		if moved, err := moveDatabase(dir); moved || err != nil {
			t.Errorf("%q, again: %v %v", before, moved, err)
		}
		if kept, err := rememberDatabase(dir); kept || err != nil {
			t.Errorf("%q: init wrote over it: %v %v", before, kept, err)
		}
		unset(t, "SCEAU_DATABASE")
		if got, err := databaseAddress(dir); got != address || err != nil {
			t.Errorf("%q: %q %v", before, got, err)
		}
		if moved, err := moveDatabase(dir); moved || err != nil {
			t.Errorf("%q, no variable: %v %v", before, moved, err)
		}
	}
	t.Setenv("SCEAU_DATABASE", address)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configName), []byte("database = '''\npostgres://old'''\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if moved, err := moveDatabase(dir); moved || err == nil {
		t.Errorf("a setting of several lines: %v %v", moved, err)
	}
}

// TestMediumSocket: a medium behind a socket holds and signs like a folder, with no passphrase of ours.
func TestMediumSocket(t *testing.T) {
	token := newMedia(t, 1)[0]
	holder, err := token.open()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sk") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "own", "s")
	l, err := keystore.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- keystore.Serve(ctx, l, holder, nil) }()
	defer func() { stop(); <-served }()
	op := filepath.Join(t.TempDir(), "operator")
	unset(t, "SCEAU_PASSPHRASE_FILE", "SCEAU_PASSPHRASE", "SCEAU_DATABASE")
	other := newMedia(t, 1)[0]
	second := filepath.Join(t.TempDir(), "b")
	sceau(t, "init", op, "--insurer", "775670482", "--name", "Mutuelle Exemple", "--medium", socket, "--medium", second+"="+other.file).want(t, 0, socket)
	sceau(t, "keys", "audit", op, "--medium", socket).want(t, 0, "root-1", "in "+socket)
	sceau(t, "keys", "rotate", op, "root", "--medium", socket, "--medium", second+"="+other.file).want(t, 0, socket+" signed: 1 signature", "root 2 is in force")
	sceau(t, "init", op+"2", "--insurer", "775670482", "--name", "Mutuelle Exemple", "--medium", socket, "--medium", second+"2="+other.file).want(t, 1, "holds keys already")
	stop()
	<-served
	served <- nil
	m, err := newMedium(socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Signer("root-1"); err == nil {
		t.Error("a key of a program that ended")
	}
}
