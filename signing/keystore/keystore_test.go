// This file tests the key folder: what it makes, what it refuses, and that it stays silent.

package keystore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"sceau/signing"
)

// passphrase is as long as a generated one, so that the tests may use a low work factor.
var passphrase = []byte("abcd-efgh-ijkl-mnop-qrst-uvwx-yz23-4567")

func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "keys"), passphrase, Options{ScryptLogN: leastLogN})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLife(t *testing.T) {
	s := newStore(t)
	if names, err := s.Names(); err != nil || len(names) != 0 {
		t.Error(names, err)
	}
	made := map[string]crypto.Signer{}
	for _, name := range []string{"root-1", "card-1", "amc.775670482.card"} {
		k, err := s.Generate(name)
		if err != nil {
			t.Fatal(err)
		}
		made[name] = k
	}
	again, err := Open(s.Dir(), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := again.Names(); err != nil || !slices.Equal(names, []string{"amc.775670482.card", "card-1", "root-1"}) {
		t.Error(names, err)
	}
	for name, k := range made {
		loaded, err := again.Signer(name)
		if err != nil {
			t.Fatal(err)
		}
		if !loaded.Public().(*ecdsa.PublicKey).Equal(k.Public()) {
			t.Errorf("%s: another key came back", name)
		}
		// It seals, and the public half that needs no passphrase opens.
		signer, err := signing.NewSigner("tp-card-1", loaded)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signer.Seal([]byte("payload"))
		if err != nil {
			t.Fatal(err)
		}
		public, err := Public(s.Dir(), name)
		if err != nil {
			t.Fatal(err)
		}
		public.Kind = "tp-card-1"
		if _, err := public.Open("tp-card-1", token); err != nil {
			t.Error(err)
		}
	}
}

// TestFiles: modes, names and that the tools of the field can read the files.
func TestFiles(t *testing.T) {
	s := newStore(t)
	k, err := s.Generate("card-1")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if !slices.Equal(names, []string{".lock", "card-1.age", "card-1.pub", "identity.age"}) {
		t.Errorf("files: %v", names)
	}
	if info, err := os.Stat(s.Dir()); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
	// age, then PEM, then PKCS#8.
	identity, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	inner := open(t, filepath.Join(s.Dir(), "identity.age"), identity)
	x, err := age.ParseIdentities(bytes.NewReader(inner))
	if err != nil {
		t.Fatal(err)
	}
	plain := open(t, filepath.Join(s.Dir(), "card-1.age"), x...)
	block, _ := pem.Decode(plain)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil || !key.(*ecdsa.PrivateKey).PublicKey.Equal(k.Public()) || !strings.HasPrefix(string(plain), "sceau key 1: card-1\n-----BEGIN") {
		t.Errorf("%v", err)
	}
	jwk, err := os.ReadFile(filepath.Join(s.Dir(), "card-1.pub"))
	if err != nil || !json.Valid(jwk) || !bytes.HasSuffix(jwk, []byte("}\n")) {
		t.Errorf("%s %v", jwk, err)
	}
}

func open(t *testing.T, path string, by ...age.Identity) []byte {
	t.Helper()
	sealed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), by...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	os.Mkdir(at("full"), 0o700)
	os.WriteFile(at("full/letter.txt"), []byte("x"), 0o600)
	os.WriteFile(at("file"), []byte("x"), 0o600)
	os.Mkdir(at("open"), 0o755)
	if err := os.Chmod(at("open"), 0o755); err != nil {
		t.Fatal(err)
	}
	made, err := Create(at("made"), passphrase, Options{ScryptLogN: leastLogN})
	if err != nil {
		t.Fatal(err)
	}
	low := Options{ScryptLogN: leastLogN}
	for name, c := range map[string]struct {
		dir  string
		pass string
		o    Options
		want error
	}{
		"a store": {made.Dir(), string(passphrase), low, ErrExists}, "other files": {at("full"), string(passphrase), low, ErrExists},
		"no passphrase": {at("n1"), "", low, ErrWeakPassphrase}, "short for 2^10": {at("n2"), "correct horse", low, ErrWeakPassphrase},
		"short for 2^17": {at("n3"), strings.Repeat("a", 26), Options{ScryptLogN: 17}, ErrWeakPassphrase},
		"a file":         {at("file"), string(passphrase), low, ErrNoStore}, "open to others": {at("open"), string(passphrase), low, ErrExposed},
		"no parent": {at("no/such"), string(passphrase), low, fs.ErrNotExist},
		"factor 9":  {at("n4"), string(passphrase), Options{ScryptLogN: 9}, nil}, "factor 21": {at("n5"), string(passphrase), Options{ScryptLogN: 21}, nil},
		"negative": {at("n6"), string(passphrase), Options{ScryptLogN: -1}, nil},
	} {
		if runtime.GOOS == "windows" && c.want == ErrExposed {
			continue
		}
		if s, err := Create(c.dir, []byte(c.pass), c.o); s != nil || err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v", name, s, err)
		}
		if strings.HasPrefix(filepath.Base(c.dir), "n") {
			if _, err := os.Stat(c.dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: a folder was left", name)
			}
		}
	}
	// An empty folder, and what a crash left, are taken.
	os.Mkdir(at("empty"), 0o700)
	os.WriteFile(at("empty/"+tempPrefix+"1"), nil, 0o600)
	os.WriteFile(at("empty/"+lockFile), nil, 0o600)
	if _, err := Create(at("empty"), passphrase, low); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	s := newStore(t)
	if _, err := s.Generate("card-1"); err != nil {
		t.Fatal(err)
	}
	for _, pass := range []string{"", "x", string(passphrase) + " ", strings.ToUpper(string(passphrase))} {
		got, err := Open(s.Dir(), []byte(pass))
		if got != nil || !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q: %v", pass, err)
		}
		if err != nil && (!strings.Contains(err.Error(), s.Dir()) || pass != "" && pass != "x" && strings.Contains(err.Error(), pass)) {
			t.Errorf("the text: %v", err)
		}
	}
	if _, err := Open(filepath.Join(s.Dir(), "none"), passphrase); !errors.Is(err, ErrNoStore) {
		t.Error(err)
	}
	if _, err := Open(t.TempDir()+"/.", passphrase); err == nil {
		t.Error("an empty folder opens")
	}
	if _, err := Names(t.TempDir()); !errors.Is(err, ErrNoStore) {
		t.Error(err)
	}
	if runtime.GOOS != "windows" {
		for path, mode := range map[string]fs.FileMode{s.Dir(): 0o750, filepath.Join(s.Dir(), "identity.age"): 0o604} {
			info, _ := os.Stat(path)
			os.Chmod(path, mode)
			if _, err := Open(s.Dir(), passphrase); !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", path, err)
			}
			os.Chmod(path, info.Mode().Perm())
		}
		key := filepath.Join(s.Dir(), "card-1.age")
		os.Chmod(key, 0o640)
		if _, err := s.Signer("card-1"); !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), key) {
			t.Error(err)
		}
		os.Chmod(key, 0o600)
	}
	if _, err := Open(s.Dir(), passphrase); err != nil {
		t.Errorf("the twin: %v", err)
	}
	if _, err := s.Signer("card-1"); err != nil {
		t.Errorf("the twin: %v", err)
	}
}

func TestNames(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"", "identity", "../x", "a/b", `a\b`, ".a", "-a", "a.", "a-", "A", "é", "a b", "a\x00b", "a_b", "con:", strings.Repeat("a", 65)} {
		if _, err := s.Generate(name); !errors.Is(err, ErrName) {
			t.Errorf("generate %q: %v", name, err)
		}
		if _, err := s.Signer(name); !errors.Is(err, ErrName) {
			t.Errorf("signer %q: %v", name, err)
		}
		if _, err := s.Public(name); !errors.Is(err, ErrName) {
			t.Errorf("public %q: %v", name, err)
		}
	}
	for _, name := range []string{"a", "0", strings.Repeat("a", 64), "a..b", "a.age", "x.pub"} {
		if _, err := s.Generate(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := s.Signer("nobody"); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "nobody") {
		t.Error(err)
	}
	if _, err := s.Public("nobody"); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
}

func TestNeverOverwrites(t *testing.T) {
	s := newStore(t)
	first, err := s.Generate("card-1")
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, s.Dir())
	if k, err := s.Generate("card-1"); k != nil || !errors.Is(err, ErrExists) {
		t.Error(k, err)
	}
	// Not even past the check that comes first: the link itself refuses.
	if err := s.place("card-1.age", []byte("x")); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if !maps(before, snapshot(t, s.Dir())) {
		t.Error("files changed")
	}
	if k, err := s.Signer("card-1"); err != nil || !k.Public().(*ecdsa.PublicKey).Equal(first.Public()) {
		t.Error(err)
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

func maps(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// TestConcurrentGenerate: of many at once, in several stores of one folder,
// exactly one makes the key, and it is the one on disk.
func TestConcurrentGenerate(t *testing.T) {
	s := newStore(t)
	for round := range 5 {
		name := fmt.Sprintf("card-%d", round)
		var group sync.WaitGroup
		var mu sync.Mutex
		var won []crypto.Signer
		for range 8 {
			group.Go(func() {
				own, err := Open(s.Dir(), passphrase)
				if err != nil {
					t.Error(err)
					return
				}
				k, err := own.Generate(name)
				if err != nil && !errors.Is(err, ErrExists) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					won = append(won, k)
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if len(won) != 1 {
			t.Fatalf("%d won", len(won))
		}
		k, err := s.Signer(name)
		if err != nil || !k.Public().(*ecdsa.PublicKey).Equal(won[0].Public()) {
			t.Errorf("not the winner's key: %v", err)
		}
	}
}

func TestNewPassphrase(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		p := string(NewPassphrase())
		if len(p) != 39 || strings.Count(p, "-") != 7 || seen[p] || len(p) < generatedLen {
			t.Fatal(p)
		}
		seen[p] = true
	}
}

// TestWorkFactor: without a choice it is 2^18, and what is chosen stands in the file.
func TestWorkFactor(t *testing.T) {
	for _, c := range []struct {
		pass string
		o    Options
		want int
	}{{"short", Options{}, 18}, {"short", Options{ScryptLogN: 18}, 18}, {"short", Options{ScryptLogN: 20}, 20}, {string(passphrase), Options{ScryptLogN: 10}, 10}} {
		if got, err := c.o.workFactor([]byte(c.pass)); got != c.want || err != nil {
			t.Error(c, got, err)
		}
	}
	s, err := Create(filepath.Join(t.TempDir(), "keys"), passphrase, Options{ScryptLogN: 11})
	if err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(filepath.Join(s.Dir(), identityFile))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Split(string(head), "\n")[1]
	if !strings.HasPrefix(line, "-> scrypt ") || !strings.HasSuffix(line, " 11") {
		t.Error(line)
	}
}
