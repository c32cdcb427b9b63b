// This file tests secrets and encrypted streams.

package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
)

func fixed(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

func TestSecrets(t *testing.T) {
	s := newStore(t)
	if _, err := s.Secret("register"); !errors.Is(err, ErrNoKey) {
		t.Errorf("a secret that is not there: %v", err)
	}
	got, err := s.GenerateSecret("register", fixed("canary-secret"))
	if err != nil || string(got) != "canary-secret" {
		t.Fatalf("generate: %q %v", got, err)
	}
	before := snapshot(t, s.Dir())
	ran := false
	if _, err := s.GenerateSecret("register", func() ([]byte, error) { ran = true; return []byte("other"), nil }); !errors.Is(err, ErrExists) || ran {
		t.Errorf("again: %v, made: %v", err, ran)
	}
	if !maps(before, snapshot(t, s.Dir())) {
		t.Error("a refused secret changed the folder")
	}
	// A key of the same name is another thing, and neither lists nor takes away the other.
	if _, err := s.Generate("register"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.Dir(), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Secret("register"); err != nil || string(got) != "canary-secret" {
		t.Errorf("reopened: %v", err)
	}
	if names, err := s.Names(); err != nil || !slices.Equal(names, []string{"register"}) {
		t.Errorf("keys: %v %v", names, err)
	}
	for name, content := range snapshot(t, s.Dir()) {
		if strings.Contains(content, "canary") {
			t.Errorf("%s holds the secret in clear", name)
		}
		info, err := os.Stat(filepath.Join(s.Dir(), name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is readable by others: %v", name, err)
		}
	}
	gone := errors.New("gone")
	for what, fresh := range map[string]func() ([]byte, error){
		"nothing": fixed(""), "too long": fixed(strings.Repeat("x", maxSecret+1)), "failing": func() ([]byte, error) { return nil, gone },
	} {
		if _, err := s.GenerateSecret("x", fresh); err == nil || what == "failing" && !errors.Is(err, gone) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := s.Secret("x"); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s left a secret: %v", what, err)
		}
	}
	if got, err := s.GenerateSecret("long", fixed(strings.Repeat("x", maxSecret))); err != nil || len(got) != maxSecret {
		t.Errorf("the longest: %v", err)
	}
	if got, err := s.Secret("long"); err != nil || len(got) != maxSecret {
		t.Errorf("the longest, read: %v", err)
	}
	for _, name := range []string{"", "identity", "../x", "A", "a b", "-a", strings.Repeat("a", 65)} {
		if _, err := s.Secret(name); !errors.Is(err, ErrName) {
			t.Errorf("read %q: %v", name, err)
		}
		if _, err := s.GenerateSecret(name, fixed("x")); !errors.Is(err, ErrName) {
			t.Errorf("make %q: %v", name, err)
		}
	}
}

func TestSecretDamage(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"a", "b"} {
		if _, err := s.GenerateSecret(name, fixed("canary of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	other := newStore(t)
	if _, err := other.GenerateSecret("a", fixed("theirs")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Generate("c"); err != nil {
		t.Fatal(err)
	}
	read := func(dir, name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := read(s.Dir(), "a.secret")
	for what, content := range map[string][]byte{
		"another's name": read(s.Dir(), "b.secret"), "another folder's": read(other.Dir(), "a.secret"), "a key": read(s.Dir(), "c.age"),
		"cut": good[:len(good)-1], "empty": {}, "text": []byte("canary"), "flipped": append(slices.Clone(good[:len(good)-3]), good[len(good)-3]^1, good[len(good)-2], good[len(good)-1]),
		"too long": bytes.Repeat([]byte("x"), maxFile+1),
	} {
		if err := os.WriteFile(filepath.Join(s.Dir(), "a.secret"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := s.Secret("a")
		if !errors.Is(err, ErrDamaged) || got != nil || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Chmod(filepath.Join(s.Dir(), "b.secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secret("b"); !errors.Is(err, ErrExposed) {
		t.Errorf("exposed: %v", err)
	}
}

func TestConcurrentSecrets(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := map[string]bool{}
	for i := range 8 {
		wg.Go(func() {
			got, err := s.GenerateSecret("register", fixed(fmt.Sprint("secret ", i)))
			if errors.Is(err, ErrExists) {
				return
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			made[string(got)] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	got, err := s.Secret("register")
	if err != nil || len(made) != 1 || !made[string(got)] {
		t.Errorf("%d secrets were made of one name, %v", len(made), err)
	}
}

// stream encrypts a text that spans several of age's blocks.
func stream(t *testing.T, begin func(io.Writer) (io.WriteCloser, error)) (plain, sealed []byte) {
	t.Helper()
	plain = bytes.Repeat([]byte("canary "), 20_000)
	var b bytes.Buffer
	w, err := begin(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b.Bytes(), []byte("canary")) {
		t.Error("the stream is in clear")
	}
	return plain, b.Bytes()
}

func TestStreamWithPassphrase(t *testing.T) {
	pass := NewPassphrase()
	plain, sealed := stream(t, func(w io.Writer) (io.WriteCloser, error) {
		return EncryptWithPassphrase(w, pass, Options{ScryptLogN: 10})
	})
	r, err := DecryptWithPassphrase(bytes.NewReader(sealed), pass)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("read: %v", err)
	}
	for _, bad := range [][]byte{NewPassphrase(), nil} {
		if _, err := DecryptWithPassphrase(bytes.NewReader(sealed), bad); !errors.Is(err, ErrPassphrase) {
			t.Errorf("another passphrase: %v", err)
		}
	}
	for what, b := range map[string][]byte{"cut by a byte": sealed[:len(sealed)-1], "cut at a block": sealed[:len(sealed)/2], "more": append(slices.Clone(sealed), 0)} {
		r, err := DecryptWithPassphrase(bytes.NewReader(b), pass)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, b := range [][]byte{nil, []byte("no age file"), sealed[:40]} {
		if _, err := DecryptWithPassphrase(bytes.NewReader(b), pass); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
	if _, err := EncryptWithPassphrase(io.Discard, []byte("short"), Options{ScryptLogN: 10}); !errors.Is(err, ErrWeakPassphrase) {
		t.Errorf("a weak passphrase: %v", err)
	}
}

func TestStreamToRecipients(t *testing.T) {
	var ids []*age.X25519Identity
	var to []string
	for range 2 {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		ids, to = append(ids, id), append(to, id.Recipient().String())
	}
	plain, sealed := stream(t, func(w io.Writer) (io.WriteCloser, error) { return EncryptTo(w, to) })
	for _, id := range ids {
		r, err := DecryptWith(bytes.NewReader(sealed), []byte("# created by age-keygen\n"+id.String()+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("read: %v", err)
		}
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecryptWith(bytes.NewReader(sealed), []byte(stranger.String())); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := DecryptWithPassphrase(bytes.NewReader(sealed), passphrase); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the passphrase: %v", err)
	}
	if _, err := DecryptWith(bytes.NewReader(sealed), []byte("canary")); !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "canary") {
		t.Errorf("no identity: %v", err)
	}
	for _, bad := range [][]string{nil, {""}, {"canary"}, {to[0], stranger.String()}} {
		_, err := EncryptTo(io.Discard, bad)
		if !errors.Is(err, ErrRecipient) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%d recipients: %v", len(bad), err)
		}
	}
}

// TestSecretsRemoved: a secret that was removed is gone, the others and the keys are there, and its name is free again.
func TestSecretsRemoved(t *testing.T) {
	s := newStore(t)
	if _, err := s.Generate("register"); err != nil { // names of keys and of secrets are apart
		t.Fatal(err)
	}
	for _, name := range []string{"register", "register-2", "a"} {
		if _, err := s.GenerateSecret(name, func() ([]byte, error) { return []byte("of " + name), nil }); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := s.Secrets(); err != nil || !slices.Equal(names, []string{"a", "register", "register-2"}) {
		t.Errorf("%v %v", names, err)
	}
	if err := s.RemoveSecret("register"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secret("register"); !errors.Is(err, ErrNoKey) {
		t.Errorf("removed: %v", err)
	}
	if b, err := s.Secret("register-2"); err != nil || string(b) != "of register-2" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := s.Signer("register"); err != nil {
		t.Errorf("the key of that name: %v", err)
	}
	for name, want := range map[string]error{"register": ErrNoKey, "../register-2": ErrName, "": ErrName} {
		if err := s.RemoveSecret(name); !errors.Is(err, want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := s.GenerateSecret("register", func() ([]byte, error) { return []byte("again"), nil }); err != nil {
		t.Error(err)
	}
}
