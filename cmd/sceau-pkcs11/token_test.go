//go:build cgo && unix

// Keys on a token: made, found, used, gone, and those that are not used.

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sceau/signing/keystore"
)

// TestToken: keys are made on the token, stay there, and sign what openssl verifies.
func TestToken(t *testing.T) {
	s := newSlot(t, "root-a", "another")
	p := s.run(t, "root-a")
	r := dial(t, s.socket("root-a"))
	root, err := r.Generate("root-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Generate("card-775670482-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Generate("root-1"); !errors.Is(err, keystore.ErrExists) {
		t.Errorf("taken: %v", err)
	}
	if _, err := r.Signer("root-2"); !errors.Is(err, keystore.ErrNoKey) {
		t.Errorf("unknown: %v", err)
	}
	if names, err := r.Names(); err != nil || fmt.Sprint(names) != "[card-775670482-1 root-1]" {
		t.Errorf("%v %v", names, err)
	}
	// openssl, with the public half as OpenSC reads it from the token.
	der := signText(t, root, "to be signed")
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	public := filepath.Join(dir, "root.der")
	s.pkcs11Tool(t, "root-a", "--read-object", "--type", "pubkey", "--label", "root-1", "--output-file", public)
	out := s.tool(t, "openssl", "dgst", "-sha256", "-verify", public, "-keyform", "DER", "-signature", file("sig", der), file("text", []byte("to be signed")))
	if !strings.Contains(out, "Verified OK") {
		t.Errorf("openssl: %s", out)
	}
	b, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	if pub, err := x509.ParsePKIXPublicKey(b); err != nil || !pub.(*ecdsa.PublicKey).Equal(root.Public()) {
		t.Errorf("the public half is another: %v", err)
	}
	// OpenSC: the private half was made on the token, is sensitive, was always, and was never extractable.
	list := s.pkcs11Tool(t, "root-a", "--list-objects", "--type", "privkey")
	if n := strings.Count(list, "sensitive, always sensitive, never extractable, local"); n != 2 {
		t.Errorf("attributes: %s", list)
	}
	// The other way: OpenSC signs with the key that we made, and it is the same key.
	_, id, _ := strings.Cut(list[strings.Index(list, "root-1"):], "ID:")
	id, _, _ = strings.Cut(strings.TrimSpace(id), "\n")
	raw, digest := filepath.Join(dir, "raw"), sha256.Sum256([]byte("x"))
	s.pkcs11Tool(t, "root-a", "--sign", "--mechanism", "ECDSA", "--id", id, "--signature-format", "openssl", "--input-file", file("digest", digest[:]), "--output-file", raw)
	sig, err := os.ReadFile(raw)
	if err != nil || !ecdsa.VerifyASN1(root.Public().(*ecdsa.PublicKey), digest[:], sig) {
		t.Errorf("OpenSC's signature: %v", err)
	}
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			for range 5 {
				if _, err := root.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
					t.Errorf("sign: %v", err)
				}
			}
		})
	}
	all.Wait()
	made := make(chan error, 8)
	for range cap(made) {
		go func() { _, err := r.Generate("once"); made <- err }()
	}
	won := 0
	for range cap(made) {
		if err := <-made; err == nil {
			won++
		} else if !errors.Is(err, keystore.ErrExists) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("one name was made %d times", won)
	}
	p.stop(t)
	if _, err := root.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, keystore.ErrUnreachable) {
		t.Errorf("stopped: %v", err)
	}
	killed := s.run(t, "root-a")
	signText(t, root, "again") // by the signer of before
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	last := s.run(t, "root-a") // takes over the socket that was left
	signText(t, root, "after a kill")
	last.stop(t)
	for _, text := range []string{p.said(), killed.said(), last.said()} {
		if strings.Contains(text, userPIN) {
			t.Error("the PIN was printed")
		}
	}
}

// TestKeysThatLeave: a key that the token would give out is not used, nor one of two of a name, nor one of another curve.
func TestKeysThatLeave(t *testing.T) {
	s := newSlot(t, "root-a")
	key := filepath.Join(t.TempDir(), "key.pem")
	s.tool(t, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
	s.pkcs11Tool(t, "root-a", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "leaves", "--id", "01", "--extractable")
	for _, id := range []string{"02", "03"} {
		s.pkcs11Tool(t, "root-a", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "twice", "--id", id)
	}
	s.pkcs11Tool(t, "root-a", "--keypairgen", "--key-type", "EC:secp384r1", "--label", "p384", "--id", "04")
	s.pkcs11Tool(t, "root-a", "--keypairgen", "--key-type", "rsa:2048", "--label", "rsa", "--id", "05")
	s.pkcs11Tool(t, "root-a", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "Not a name", "--id", "06")
	s.pkcs11Tool(t, "root-a", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "good", "--id", "07")
	s.run(t, "root-a")
	r := dial(t, s.socket("root-a"))
	if names, err := r.Names(); err != nil || fmt.Sprint(names) != "[good leaves twice]" {
		t.Errorf("%v %v", names, err)
	}
	for _, name := range []string{"leaves", "twice", "p384", "rsa"} {
		if _, err := r.Signer(name); !errors.Is(err, keystore.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.Generate(name); !errors.Is(err, keystore.ErrExists) {
			t.Errorf("%s made: %v", name, err)
		}
	}
	k, err := r.Signer("good")
	if err != nil {
		t.Fatal(err)
	}
	signText(t, k, "x")
	// The key is replaced by another of its name while the program runs: its signatures are not taken for the first one's.
	s.pkcs11Tool(t, "root-a", "--delete-object", "--type", "privkey", "--label", "good")
	s.pkcs11Tool(t, "root-a", "--delete-object", "--type", "pubkey", "--label", "good")
	digest := sha256.Sum256(nil)
	if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, keystore.ErrNoKey) {
		t.Errorf("deleted: %v", err)
	}
	s.pkcs11Tool(t, "root-a", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "good", "--id", "08")
	if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, keystore.ErrDamaged) && !errors.Is(err, keystore.ErrProtocol) {
		t.Errorf("replaced: %v", err)
	}
}

// TestTokenTakenOut: requests fail clearly while the token is away, and go on when it is back.
func TestTokenTakenOut(t *testing.T) {
	s := newSlot(t, "root-a")
	p := s.run(t, "root-a")
	r := dial(t, s.socket("root-a"))
	k, err := r.Generate("root-1")
	if err != nil {
		t.Fatal(err)
	}
	away := filepath.Join(s.dir, "away")
	if err := os.Rename(filepath.Join(s.dir, "tokens"), away); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	for range 3 {
		if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, keystore.ErrToken) || !strings.Contains(err.Error(), "token") {
			t.Errorf("taken out: %v", err)
		}
	}
	if _, err := r.Generate("root-2"); !errors.Is(err, keystore.ErrToken) {
		t.Errorf("taken out: %v", err)
	}
	if names, err := r.Names(); !errors.Is(err, keystore.ErrToken) { // SoftHSM says that it is empty
		t.Errorf("taken out, it holds %v: %v", names, err)
	}
	if _, err := r.Public("root-1"); !errors.Is(err, keystore.ErrToken) {
		t.Errorf("taken out: %v", err)
	}
	if _, err := keystore.Dial(s.socket("root-a")); err != nil {
		t.Errorf("dial while it is out: %v", err)
	}
	if err := errors.Join(os.Remove(filepath.Join(s.dir, "tokens")), os.Rename(away, filepath.Join(s.dir, "tokens"))); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		t.Errorf("put back: %v\n%s", err, p.said())
	}
	p.stop(t)
}
