// This file says what a key file holds and how keys are named and listed.

package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sceau/signing"
)

const (
	maxName   = 64
	keyIntro  = "sceau key 1: " // then the name and a line feed, before the PEM block
	pemPKCS8  = "PRIVATE KEY"
	storeName = "identity" // taken by the folder itself
)

// CheckName refuses with [ErrName] what is not a key's name: 1 to 64 characters
// of a-z, 0-9, "-" and ".", the first and last a letter or digit, not
// "identity". A name says what a key is for; it is no place for a person's name.
func CheckName(name string) error {
	bad := func(why string) error { return fmt.Errorf("keystore: %w: %s", ErrName, why) }
	switch {
	case name == "" || len(name) > maxName:
		return bad(fmt.Sprintf("it has 1 to %d characters", maxName))
	case name == storeName:
		return bad("it is taken by the folder itself")
	}
	for i, c := range []byte(name) {
		plain := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !plain && (c != '-' && c != '.' || i == 0 || i == len(name)-1) {
			return bad("it has a-z, 0-9, and - and . inside")
		}
	}
	return nil
}

// NewPassphrase makes a passphrase of 160 random bits, 32 lower-case letters and
// digits in groups of 4. It is strong enough for any [Options.ScryptLogN].
func NewPassphrase() []byte {
	var b [20]byte
	rand.Read(b[:]) // never fails
	text := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	var out []byte
	for i := 0; i < len(text); i += 4 {
		if i > 0 {
			out = append(out, '-')
		}
		out = append(out, text[i:i+4]...)
	}
	return out
}

// newKey makes a key and the plain content of its file.
func newKey(name string) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("keystore: generate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, errors.New("keystore: generate: the key has no PKCS#8 form")
	}
	defer clear(der)
	return key, append([]byte(keyIntro+name+"\n"), pem.EncodeToMemory(&pem.Block{Type: pemPKCS8, Bytes: der})...), nil
}

// parseKey reads what newKey wrote for that name.
func parseKey(path, name string, plain []byte) (*ecdsa.PrivateKey, error) {
	body, ok := bytes.CutPrefix(plain, []byte(keyIntro))
	if !ok {
		return nil, damaged(path, "it holds no key of this version")
	}
	// The name is inside what is encrypted: a file copied over another one would
	// sign one kind of object with the key of another.
	if body, ok = bytes.CutPrefix(body, []byte(name+"\n")); !ok {
		return nil, damaged(path, "it holds the key of another name")
	}
	block, rest := pem.Decode(body)
	if block == nil || block.Type != pemPKCS8 || len(block.Headers) != 0 || len(rest) != 0 {
		return nil, damaged(path, "it holds no PEM block of a private key")
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	clear(block.Bytes)
	if err != nil {
		return nil, damaged(path, "it holds no private key")
	}
	key, ok := any.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, damaged(path, "its key is not one of P-256")
	}
	return key, nil
}

// Names lists the keys of a folder, sorted. It needs no passphrase. Errors:
// [ErrNoStore] and those of the file system.
func Names(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, identityFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keystore: %s: %w", dir, ErrNoStore)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	var names []string
	for _, e := range list {
		if name, ok := strings.CutSuffix(e.Name(), keySuffix); ok && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Public reads the public half of a key from its JWK file. It needs no
// passphrase, so it is only as trustworthy as the folder; [Store.Signer]
// compares the two halves. Its Kind is the caller's to set. Errors: [ErrName],
// [ErrNoKey], [ErrDamaged], and those of the file system.
func Public(dir, name string) (*signing.PublicKey, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	// The key file decides whether there is a key: a crash can leave the other
	// file alone.
	keyPath := filepath.Join(dir, name+keySuffix)
	if _, err := os.Stat(keyPath); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keystore: %s: %w", keyPath, ErrNoKey)
	} else if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	path := filepath.Join(dir, name+publicSuffix)
	text, err := read(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(path, "the file is missing")
	}
	if err != nil {
		return nil, err
	}
	key, err := signing.ParseJWK(bytes.TrimSuffix(text, []byte("\n")))
	if err != nil {
		return nil, damaged(path, "it holds no public JWK ("+signing.CodeOf(err)+")")
	}
	return key, nil
}
