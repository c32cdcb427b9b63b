package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/signing/keystore"
)

func holds(t *testing.T, name string, texts [][]byte) int {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, text := range texts {
		if bytes.Contains(b, text) {
			n++
		}
	}
	return n
}

// numbers are the NIR of a roster.
func numbers(t *testing.T, file []byte) [][]byte {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	column := -1
	for i, name := range bytes.Split(lines[0], []byte(";")) {
		if string(bytes.TrimPrefix(name, []byte("\ufeff"))) == "nir" {
			column = i
		}
	}
	var out [][]byte
	for _, line := range lines[1:] {
		nir := bytes.ReplaceAll(bytes.Split(line, []byte(";"))[column], []byte(" "), nil)
		if len(nir) == 15 {
			out = append(out, nir)
		}
	}
	if len(out) < 50 {
		t.Fatalf("%d NIR in the roster", len(out))
	}
	return out
}

func TestEncrypt(t *testing.T) {
	dir := newPlainFolder(t, 120)
	path := filepath.Join(dir, registerName)
	_, file := rosterFile(t, 120)
	nir := numbers(t, file)
	if n := holds(t, path, nir); n < len(nir)*9/10 {
		t.Fatalf("%d of %d NIR are in the plain register: the test looks at nothing", n, len(nir))
	}
	for _, args := range [][]string{{"cards", dir}, {"fsck", dir}, {"backup", dir, "--to", filepath.Join(t.TempDir(), "x")}, {"encrypt", dir, "--rotate"}} {
		sceau(t, args...).want(t, 1, "is not encrypted", "sceau encrypt "+dir)
	}
	if err := os.WriteFile(path+".encrypting", []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	sceau(t, "encrypt", dir).want(t, 0, "120 contracts and 120 cards encrypted", "in clear: destroy it")
	aside, err := filepath.Glob(path + plainSuffix + "*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("put aside: %v %v", aside, err)
	}
	if n := holds(t, path, nir); n != 0 {
		t.Errorf("%d NIR are in the encrypted register", n)
	}
	sceau(t, "fsck", dir).want(t, 0, "120 contracts, 120 cards", "no finding")
	sceau(t, "encrypt", dir).want(t, 0, "encrypted already", aside[0])
	name := filepath.Join(t.TempDir(), "again.csv")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	sceau(t, "import", dir, name).want(t, 0, "0 new, 0 changed, 120 unchanged")
	sceau(t, "issue", dir, "--all", "--out", filepath.Join(t.TempDir(), "cards")).want(t, 0, "0 cards issued, 120 already there")
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range left {
		if strings.Contains(name, "encrypting") {
			t.Errorf("left behind: %s", name)
		}
	}
}

func TestEncryptRemoves(t *testing.T) {
	dir := newPlainFolder(t, 20)
	if p := sceau(t, "encrypt", dir, "--remove"); p.code != 0 || strings.Contains(p.out, "in clear") {
		t.Errorf("%+v", p)
	}
	left, err := filepath.Glob(filepath.Join(dir, registerName+"*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
	sceau(t, "encrypt", dir, "--remove", "--rotate").want(t, 1, "remove rotate")
	sceau(t, "encrypt", filepath.Join(dir, "nowhere")).want(t, 2, "no operator")
	t.Setenv("SCEAU_DATABASE", "postgres://localhost/sceau")
	sceau(t, "encrypt", dir).want(t, 1, "encrypted from its first row")
}

// TestEncryptInUse: a register that another program has open is left as it is.
func TestEncryptInUse(t *testing.T) {
	dir := newPlainFolder(t, 20)
	path := filepath.Join(dir, registerName)
	other, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Update(t.Context(), func(tx register.Tx) error { _, err := tx.AppendAudit([]byte("{}"), time.Now()); return err }); err != nil {
		t.Fatal(err)
	}
	sceau(t, "encrypt", dir).want(t, 1, "another program has", "nothing was changed")
	if err := other.View(t.Context(), func(tx register.Tx) error { _, err := tx.ContractsAfter("775670482", "", 1); return err }); err != nil {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(path + "*")
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
	sceau(t, "cards", dir).want(t, 1, "is not encrypted")
	sceau(t, "encrypt", dir).want(t, 0)
}

// TestEncryptChangedMeanwhile: a change after the copy was made is noticed, and nothing is swapped.
func TestUnchanged(t *testing.T) {
	dir := newPlainFolder(t, 5)
	path := filepath.Join(dir, registerName)
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := sealed.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	_, head, err := rewriteSealed(t.Context(), s, filepath.Join(t.TempDir(), "next.db"), k)
	if err != nil {
		t.Fatal(err)
	}
	if err := unchanged(t.Context(), path, head); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	err = s.Update(context.Background(), func(tx register.Tx) error { _, err := tx.AppendAudit([]byte("{}"), time.Now()); return err })
	if err != nil {
		t.Fatal(err)
	}
	if err := unchanged(t.Context(), path, head); err == nil {
		t.Error("a change was not noticed")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestRotate(t *testing.T) {
	dir := newFolder(t, 20)
	sceau(t, "encrypt", dir, "--rotate").want(t, 0, "key 2 of the register in force", "rows encrypted anew", "back up")
	sceau(t, "encrypt", dir, "--rotate").want(t, 0, "key 3 of the register in force")
	sceau(t, "fsck", dir, "--keys").want(t, 0, "no finding")
	secrets := func() (out []string) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, onlineName, "*.secret"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			out = append(out, strings.TrimSuffix(filepath.Base(name), ".secret"))
		}
		return out
	}
	if got := fmt.Sprint(secrets()); got != "[register-2 register-3 register]" {
		t.Errorf("secrets: %s", got)
	}
	sceau(t, "encrypt", dir, "--retire-old").want(t, 0, "none of an older key", "2 older keys removed")
	if got := fmt.Sprint(secrets()); got != "[register-4]" {
		t.Errorf("after the retirement: %s", got)
	}
	sceau(t, "encrypt", dir, "--retire-old").want(t, 0, "there is none to remove")
	sceau(t, "encrypt", dir, "--rotate", "--retire-old").want(t, 0, "key 5 of the register", "1 older key removed")
	if got := fmt.Sprint(secrets()); got != "[register-6]" {
		t.Errorf("after both: %s", got)
	}
	sceau(t, "fsck", dir, "--keys").want(t, 0, "no finding")
	sceau(t, "audit", "show", dir, "--limit", "1000").want(t, 0, "register.rotate", "register.retire", `"removed":2`)
	sceau(t, "encrypt", dir).want(t, 0, "encrypted already")
	sceau(t, "backup", dir, "--to", filepath.Join(t.TempDir(), "x")).want(t, 0)
	// Without the newest key nothing is readable, and nothing pretends that it is.
	if err := os.Remove(filepath.Join(dir, onlineName, "register-6.secret")); err != nil {
		t.Fatal(err)
	}
	sceau(t, "cards", dir, "--insurer", "775670482").want(t, 1, "the keys of the register are not in")
}

// TestRotateCutShort: a key that was made and never used, and rows that were left, are taken up by the next run, which makes no other.
func TestRotateCutShort(t *testing.T) {
	dir := newFolder(t, 20)
	op, err := new(place).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	folder, err := op.online.open()
	if err != nil {
		t.Fatal(err)
	}
	keys, _, err := registerKeys(folder)
	if err != nil {
		t.Fatal(err)
	}
	next, err := keys.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.GenerateSecret(secretName(2), next.Secret); err != nil {
		t.Fatal(err)
	}
	sceau(t, "encrypt", dir, "--retire-old").want(t, 1, "still of an older key", "--rotate --retire-old")
	s := sealed.New(op.rows, next)
	stop := errors.New("killed")
	if _, err := s.Rotate(t.Context(), func(int64) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	sceau(t, "encrypt", dir, "--retire-old").want(t, 1, "still of an older key")
	sceau(t, "encrypt", dir, "--rotate").want(t, 0, "a rotation that was cut short goes on", "key 2 of the register in force")
	if _, err := folder.Secret(secretName(3)); !errors.Is(err, keystore.ErrNoKey) {
		t.Errorf("another key was made: %v", err)
	}
	if _, err := folder.GenerateSecret(secretName(3), func() ([]byte, error) { k, err := next.Alone(); return must(k.Secret())(t), err }); err != nil {
		t.Fatal(err) // killed before the older ones were removed
	}
	sceau(t, "encrypt", dir, "--retire-old").want(t, 0)
	if names, err := folder.Secrets(); err != nil || fmt.Sprint(names) != "[register-3]" {
		t.Errorf("%v %v", names, err)
	}
	// The program that was open all the time goes on.
	err = op.Store.Update(t.Context(), func(tx register.Tx) error {
		list, err := tx.CardsAfter(1, -1, 1000)
		if err == nil && len(list) != 20 {
			err = fmt.Errorf("%d cards", len(list))
		}
		return errors.Join(err, tx.PutDocument(register.Document{Kind: "alarm", ID: "x", Version: 1, Data: []byte("{}")}))
	})
	if err != nil {
		t.Error(err)
	}
	sceau(t, "fsck", dir, "--keys").want(t, 0, "no finding")
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestRotateServing: a program that is open all the time, and changes something every few milliseconds as a service does, goes on while
// keys come and go.
func TestRotateServing(t *testing.T) {
	dir := newFolder(t, 20)
	op, err := new(place).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int64)
	go func() {
		n := int64(0)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				done <- n
				return
			case <-tick.C:
			}
			err := op.store.Update(context.Background(), func(tx register.Tx) error {
				if _, err := tx.CardsAfter(1, -1, 5); err != nil {
					return err
				}
				return tx.PutDocument(register.Document{Kind: "alarm", ID: "load", Version: n + 1, Data: fmt.Append(nil, n)})
			})
			if err != nil {
				t.Errorf("after %d changes: %v", n, err)
				done <- n
				return
			}
			n++
		}
	}()
	for range 3 {
		sceau(t, "encrypt", dir, "--rotate", "--retire-old").want(t, 0, "1 older key removed")
	}
	stop()
	n := <-done
	if n < 10 {
		t.Errorf("%d changes", n)
	}
	sceau(t, "fsck", dir).want(t, 0, "no finding")
	err = op.store.View(t.Context(), func(tx register.Tx) error {
		d, err := tx.Document("alarm", "load")
		if err == nil && d.Version != n {
			err = fmt.Errorf("version %d after %d changes", d.Version, n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOtherKeys: the keys of one operator do not open the register of another.
func TestOtherKeys(t *testing.T) {
	a, b := newOperator(t), newOperator(t)
	if err := os.Rename(filepath.Join(a, registerName), filepath.Join(b, registerName)); err != nil {
		t.Fatal(err)
	}
	sceau(t, "cards", b).want(t, 1, "are not those of the register")
	if err := os.Remove(filepath.Join(b, onlineName, "register.secret")); err != nil {
		t.Fatal(err)
	}
	sceau(t, "cards", b).want(t, 1, "are not in")
	sceau(t, "encrypt", b).want(t, 1, "are not in")
	sceau(t, "init", b, "--insurer", "775670482", "--name", "Mutuelle Exemple").want(t, 1, "holds an operator already")
}
