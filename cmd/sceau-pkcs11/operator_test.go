//go:build cgo && unix

// An operator whose keys are on a token, what is left behind, and what a signature costs.

package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sceau/signing"
	"sceau/signing/keystore"
	"sceau/signing/trust"
)

// TestOperator: of three root shares one is on a token, one in a folder, two of them make a repository that others follow; the
// card key of the same operator never leaves the token.
func TestOperator(t *testing.T) {
	s := newSlot(t, "share-a")
	s.run(t, "share-a")
	hsm, err := keystore.Attach(s.socket("share-a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	pass := keystore.NewPassphrase()
	folder, err := keystore.Create(filepath.Join(t.TempDir(), "keys"), pass, keystore.Options{ScryptLogN: 10})
	if err != nil {
		t.Fatal(err)
	}
	make := func(h keystore.Holder, name string) crypto.Signer {
		k, err := h.Generate(name)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	keys := map[string]crypto.Signer{"root-1": make(hsm, "root-1"), "root-2": make(folder, "root-2"), "root-3": make(folder, "root-3"),
		"targets": make(hsm, "targets"), "snapshot": make(folder, "snapshot"), "timestamp": make(folder, "timestamp")}
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	repo, err := trust.Create(now, trust.CreateOptions{
		Root: []crypto.PublicKey{keys["root-1"].Public(), keys["root-2"].Public(), keys["root-3"].Public()}, RootThreshold: 2,
		Targets: keys["targets"].Public(), Snapshot: keys["snapshot"].Public(), Timestamp: keys["timestamp"].Public()})
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.SetTarget(trust.RoleTargets, "codes.json", []byte("{}"), nil); err != nil {
		t.Fatal(err)
	}
	files, err := repo.Commit(now, func(role string) ([]crypto.Signer, error) {
		if role == "root" {
			return []crypto.Signer{keys["root-1"], keys["root-2"]}, nil
		}
		return []crypto.Signer{keys[role]}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	published := map[string][]byte{}
	for _, f := range files {
		published[f.Path] = f.Data
	}
	read := func(path string) ([]byte, error) {
		if b, ok := published[path]; ok {
			return b, nil
		}
		return nil, trust.ErrNotFound
	}
	trusted, err := trust.Open(read, published["1.root.json"])
	if err != nil || trusted.Version() != 1 {
		t.Fatalf("%v", err)
	}
	card := make(hsm, "card-775670482-1")
	sealer, err := signing.NewSigner("tp-card-1", card)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := sealer.Seal([]byte(`{"iat":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealer.Public().Open("tp-card-1", compact); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLeft: what the program writes and keeps holds no private key.
func TestNothingIsLeft(t *testing.T) {
	s := newSlot(t, "root-a")
	p := s.run(t, "root-a")
	r := dial(t, s.socket("root-a"))
	if _, err := r.Generate("root-1"); err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	entries, err := os.ReadDir(filepath.Dir(s.socket("root-a")))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(s.socket("root-a")), e.Name()))
		if err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", e.Name(), err)
		}
		if block, _ := pem.Decode(b); block != nil || bytes.Contains(b, []byte(userPIN)) || len(b) > 0 {
			t.Errorf("%s holds %d bytes", e.Name(), len(b))
		}
	}
}

// BenchmarkSign compares a token's key, in this process and behind the socket, with a key of a folder.
func BenchmarkSign(b *testing.B) {
	s := newSlot(b, "root-a")
	s.run(b, "root-a")
	r := dial(b, s.socket("root-a"))
	remote, err := r.Generate("card-1")
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv("SOFTHSM2_CONF", filepath.Join(s.dir, "softhsm2.conf"))
	tok, err := openToken(s.module, "root-a", []byte(userPIN))
	if err != nil {
		b.Fatal(err)
	}
	defer tok.Close()
	direct, err := tok.Signer("card-1")
	if err != nil {
		b.Fatal(err)
	}
	folder, err := keystore.Create(filepath.Join(b.TempDir(), "keys"), keystore.NewPassphrase(), keystore.Options{ScryptLogN: 10})
	if err != nil {
		b.Fatal(err)
	}
	file, err := folder.Generate("card-1")
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	for name, k := range map[string]crypto.Signer{"folder": file, "token": direct, "socket": remote} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
