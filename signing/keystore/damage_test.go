// This file damages the files of a folder in every place: never a key, always the file's name.

package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamage flips every byte of every file, cuts it at many lengths and swaps
// files: never a key, always an error that names the file and quotes nothing.
func TestDamage(t *testing.T) {
	s := newStore(t)
	k, err := s.Generate("card-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Generate("card-2"); err != nil {
		t.Fatal(err)
	}
	other := newStore(t)
	if _, err := other.Generate("card-1"); err != nil {
		t.Fatal(err)
	}
	try := func(what, file string, content []byte, identityToo bool) {
		path := filepath.Join(s.Dir(), file)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(good, content) {
			return
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(path, good, 0o600)
		store := s
		if identityToo {
			store, err = Open(s.Dir(), passphrase)
			if err != nil {
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrPassphrase) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s %s: %v", file, what, err)
				}
				return
			}
		}
		got, err := store.Signer("card-1")
		if err == nil && strings.HasSuffix(file, ".pub") && got.Public().(*ecdsa.PublicKey).Equal(k.Public()) {
			return // white space in a JWK
		}
		if err == nil || got != nil || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s %s: %v %v", file, what, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s: the error quotes the file: %v", file, what, err)
		}
	}
	for _, file := range []string{"card-1.age", "card-1.pub", "identity.age"} {
		content, err := os.ReadFile(filepath.Join(s.Dir(), file))
		if err != nil {
			t.Fatal(err)
		}
		step, cut := 1, 7
		if file == "identity.age" {
			step, cut = 7, 41 // each try is one scrypt
		}
		for i := 0; i < len(content); i += step {
			bad := bytes.Clone(content)
			bad[i] ^= 1 << (i % 8)
			try(fmt.Sprintf("bit of byte %d", i), file, bad, file == "identity.age")
		}
		for i := 0; i < len(content)-1; i += cut {
			try(fmt.Sprintf("cut at %d", i), file, content[:i], file == "identity.age")
		}
		try("a byte more", file, append(bytes.Clone(content), 'x'), file == "identity.age")
		try("long", file, append(bytes.Clone(content), make([]byte, maxFile)...), file == "identity.age")
	}
	read := func(dir, name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	try("of another name", "card-1.age", read(s.Dir(), "card-2.age"), false)
	try("of another folder", "card-1.age", read(other.Dir(), "card-1.age"), false)
	try("of another key", "card-1.pub", read(s.Dir(), "card-2.pub"), false)
	for what, plain := range map[string]string{
		"empty": "", "no intro": "-----BEGIN PRIVATE KEY-----\n", "no PEM": "sceau key 1: card-1\nhello", "next version": "sceau key 2: card-1\n",
		"a P-384 key": "sceau key 1: card-1\n" + pkcs8(t, elliptic.P384()), "trailing": "sceau key 1: card-1\n" + pkcs8(t, elliptic.P256()) + "x",
		"another key": "sceau key 1: card-1\n" + pkcs8(t, elliptic.P256()),
	} {
		sealed, err := encrypt(s.identity.Recipient(), []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(s.Dir(), "card-1.age")
		if what == "another key" {
			// Whole in itself; the public half beside it tells.
			good := read(s.Dir(), "card-1.age")
			os.WriteFile(path, sealed, 0o600)
			if _, err := s.Signer("card-1"); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", what, err)
			}
			os.WriteFile(path, good, 0o600)
			continue
		}
		try(what, "card-1.age", sealed, false)
	}
	os.Remove(filepath.Join(s.Dir(), "card-1.pub"))
	if _, err := s.Signer("card-1"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "card-1.pub") {
		t.Error(err)
	}
}

func pkcs8(t *testing.T, c elliptic.Curve) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: pemPKCS8, Bytes: der}))
}
