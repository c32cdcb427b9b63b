package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

var (
	otherPassphrase = []byte("2345-6723-abcd-efgh-ijkl-mnop-qrst-uvwx")
	fast            = Options{ScryptLogN: leastLogN}
)

// A folder with another passphrase has the same keys and secrets, and opens with the new one alone.
func TestChangePassphrase(t *testing.T) {
	s := newStore(t)
	k, err := s.Generate("card-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.GenerateSecret("register", fixed("canary")); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, s.Dir())
	if err := ChangePassphrase(s.Dir(), passphrase, otherPassphrase, fast); err != nil {
		t.Fatal(err)
	}
	after := snapshot(t, s.Dir())
	if before[identityFile] == after[identityFile] {
		t.Error("the identity is as it was")
	}
	delete(before, identityFile)
	delete(after, identityFile)
	if !maps(before, after) {
		t.Error("another file changed")
	}
	if _, err := Open(s.Dir(), passphrase); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the old passphrase: %v", err)
	}
	again, err := Open(s.Dir(), otherPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	if signer, err := again.Signer("card-1"); err != nil || !signer.Public().(*ecdsa.PublicKey).Equal(k.Public()) {
		t.Errorf("the key: %v", err)
	}
	if secret, err := again.Secret("register"); err != nil || !bytes.Equal(secret, []byte("canary")) {
		t.Errorf("the secret: %v", err)
	}
	if _, err := s.Signer("card-1"); err != nil {
		t.Errorf("a store that was open: %v", err)
	}
}

// What is refused changes nothing.
func TestChangePassphraseRefuses(t *testing.T) {
	s := newStore(t)
	before := snapshot(t, s.Dir())
	empty := t.TempDir()
	if err := os.Chmod(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir       string
		old, next []byte
		o         Options
		want      error
	}{
		"wrong old":        {s.Dir(), otherPassphrase, otherPassphrase, fast, ErrPassphrase},
		"no old":           {s.Dir(), nil, otherPassphrase, fast, ErrPassphrase},
		"no next":          {s.Dir(), passphrase, nil, Options{}, ErrWeakPassphrase},
		"next too short":   {s.Dir(), passphrase, []byte("short"), fast, ErrWeakPassphrase},
		"no folder":        {filepath.Join(empty, "none"), passphrase, otherPassphrase, fast, ErrNoStore},
		"no key folder":    {empty, passphrase, otherPassphrase, fast, ErrNoStore},
		"a file, no store": {filepath.Join(s.Dir(), identityFile), passphrase, otherPassphrase, fast, ErrNoStore},
	} {
		if err := ChangePassphrase(c.dir, c.old, c.next, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	after := snapshot(t, s.Dir())
	delete(after, lockFile)
	delete(before, lockFile)
	if !maps(before, after) {
		t.Error("something changed")
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("left in a folder without keys: %v %v", left, err)
	}
	if err := os.Chmod(s.Dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := ChangePassphrase(s.Dir(), passphrase, otherPassphrase, fast); !errors.Is(err, ErrExposed) {
		t.Errorf("readable by others: %v", err)
	}
}

// The folder as a crash at each step would leave it opens with one of the two, has its key, and can be changed again.
func TestChangePassphraseCutShort(t *testing.T) {
	s := newStore(t)
	if _, err := s.Generate("card-1"); err != nil {
		t.Fatal(err)
	}
	cuts := map[string]string{} // step → copy of the folder
	if err := changePassphrase(s.Dir(), passphrase, otherPassphrase, fast, func(step string) {
		cut := filepath.Join(t.TempDir(), "keys")
		if err := os.Mkdir(cut, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range snapshot(t, s.Dir()) {
			if err := os.WriteFile(filepath.Join(cut, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cuts[step] = cut
	}); err != nil {
		t.Fatal(err)
	}
	old, next := 0, 0
	for step, cut := range cuts {
		now := passphrase
		if _, err := Open(cut, now); err == nil {
			old++
		} else {
			now = otherPassphrase
			next++
		}
		again, err := Open(cut, now)
		if err != nil {
			t.Errorf("%s: neither passphrase opens: %v", step, err)
			continue
		}
		if _, err := again.Signer("card-1"); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		if err := ChangePassphrase(cut, now, otherPassphrase, fast); err != nil {
			t.Errorf("%s: again: %v", step, err)
		}
		if left, err := filepath.Glob(filepath.Join(cut, tempPrefix+"*")); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v %v", step, left, err)
		}
	}
	t.Logf("count: cut at %d steps: %d times the old passphrase, %d times the new one", len(cuts), old, next)
	if old < 4 || next < 2 {
		t.Error("the cuts did not fall where they should")
	}
}
