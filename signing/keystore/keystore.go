// Package keystore keeps private keys in encrypted files, one folder for one
// passphrase. It is the only package that touches a secret.
//
//	identity.age   an age X25519 identity, encrypted with the passphrase (scrypt)
//	card-1.age     a P-256 key in PKCS#8 PEM, encrypted to that identity
//	card-1.pub     its public JWK, readable without the passphrase
//	register.secret  bytes that are no signing key, encrypted to that identity
//	.lock          held while a key is added
//
// So one scrypt opens a folder of any number of keys, and the age and openssl
// programs can read every file without this one. Folder and files belong to one
// user (0700, 0600); a folder that others can read is refused, because what
// protects it then is the passphrase alone.
//
// A file is written under another name, synced, and given its name in a way
// that fails if the name is taken; then the folder is synced. After a crash at
// any moment a key is there whole or not at all, and no key is ever overwritten.
// Nothing here prints a key: errors name files, and a store prints as its folder.
package keystore

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"sceau/signing"
)

// The families of errors. The text of each names the file or the key.
var (
	// ErrNoStore: there is no key folder at that path.
	ErrNoStore = errors.New("no key folder")
	// ErrExists: what was to be created is there already; nothing was changed.
	ErrExists = errors.New("exists already")
	// ErrNoKey: the folder has no key of that name.
	ErrNoKey = errors.New("no such key")
	// ErrName: not a key name; see [CheckName].
	ErrName = errors.New("not a key name")
	// ErrPassphrase: the passphrase does not open the folder. Ask again; if it is
	// surely right, identity.age is damaged and must come from a backup.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrWeakPassphrase: empty, or too short for the work factor asked for.
	ErrWeakPassphrase = errors.New("passphrase too weak")
	// ErrDamaged: a file is not what this package wrote. Restore it from a backup.
	ErrDamaged = errors.New("damaged key file")
	// ErrExposed: other users can read the folder or a file in it. The text says
	// which; chmod 600 (700 for the folder) repairs it.
	ErrExposed = errors.New("readable by others")
)

const (
	identityFile = "identity.age"
	lockFile     = ".lock"
	keySuffix    = ".age"
	publicSuffix = ".pub"
	tempPrefix   = ".new-"

	// maxFile bounds what is read of any file here, in bytes; a key file has
	// about 450, an identity 270.
	maxFile = 16 << 10
)

// Options of [Create].
type Options struct {
	// ScryptLogN is the work factor of the passphrase, as a power of two; 0 means
	// 18, about a second and 256 MiB for each guess. The lowest is 10, and below
	// 18 the passphrase must be at least 27 bytes, which is what a generated one
	// of 160 bits has in base64: stretching adds nothing to such a passphrase.
	ScryptLogN int
}

const (
	defaultLogN  = 18
	leastLogN    = 10
	mostLogN     = 20 // also for what is opened: 2^20 takes 1 GiB
	generatedLen = 27 // 160 bits in base64
)

// Store is an open key folder. It holds the folder's identity in memory and may
// be used by many goroutines and beside other processes. It prints as its folder.
type Store struct {
	dir      string
	identity *age.X25519Identity
	step     func(name string) // tests stop the world here; nil otherwise
}

// Create makes a key folder that is opened by the passphrase. The folder may
// exist if it is empty, or holds only what an interrupted Create left; its
// parent must exist. Errors: [ErrExists], [ErrWeakPassphrase], [ErrExposed],
// and those of the file system.
func Create(dir string, passphrase []byte, o Options) (*Store, error) {
	logN, err := o.workFactor(passphrase)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := checkEmpty(dir); err != nil {
		return nil, err
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", ErrWeakPassphrase)
	}
	recipient.SetWorkFactor(logN)
	sealed, err := encrypt(recipient, []byte(identity.String()+"\n"))
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, identity: identity}
	if err := s.place(identityFile, sealed); err != nil {
		return nil, err
	}
	return s, nil
}

// workFactor gives the exponent of the work factor, if the passphrase may have it.
func (o Options) workFactor(passphrase []byte) (int, error) {
	logN := o.ScryptLogN
	if logN == 0 {
		logN = defaultLogN
	}
	switch {
	case len(passphrase) == 0:
		return 0, fmt.Errorf("keystore: %w: it is empty", ErrWeakPassphrase)
	case logN < leastLogN || logN > mostLogN:
		return 0, fmt.Errorf("keystore: a work factor of 2^%d is outside 2^%d to 2^%d", logN, leastLogN, mostLogN)
	case logN < defaultLogN && len(passphrase) < generatedLen:
		return 0, fmt.Errorf("keystore: %w: below a work factor of 2^%d it must have %d bytes", ErrWeakPassphrase, defaultLogN, generatedLen)
	}
	return logN, nil
}

// checkEmpty refuses a folder with anything in it that is not ours to remove.
func checkEmpty(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	for _, e := range list {
		switch name := e.Name(); {
		case name == identityFile:
			return fmt.Errorf("keystore: %s: a key folder %w", dir, ErrExists)
		case name != lockFile && !strings.HasPrefix(name, tempPrefix):
			return fmt.Errorf("keystore: %s: a folder with other files in it %w", dir, ErrExists)
		}
	}
	return nil
}

// Open opens a key folder. Errors: [ErrNoStore], [ErrPassphrase], [ErrExposed],
// [ErrDamaged], and those of the file system.
func Open(dir string, passphrase []byte) (*Store, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, identityFile)
	sealed, err := read(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keystore: %s: %w", dir, ErrNoStore)
	}
	if err != nil {
		return nil, err
	}
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("keystore: %s: %w: it is empty", dir, ErrPassphrase)
	}
	door, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("keystore: %s: %w", dir, ErrPassphrase)
	}
	door.SetMaxWorkFactor(mostLogN)
	plain, err := decrypt(path, sealed, door)
	if errors.Is(err, errOtherIdentity) {
		return nil, fmt.Errorf("keystore: %s: %w", path, ErrPassphrase)
	}
	if err != nil {
		return nil, err
	}
	identity, err := age.ParseX25519Identity(strings.TrimSuffix(string(plain), "\n"))
	if err != nil {
		return nil, damaged(path, "it holds no identity")
	}
	return &Store{dir: dir, identity: identity}, nil
}

// damaged makes the error of a file that is not what it should be. It takes no
// cause: what a parser says about a file may quote it.
func damaged(path, what string) error {
	return fmt.Errorf("keystore: %s: %w: %s", path, ErrDamaged, what)
}

func encrypt(to age.Recipient, plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, fmt.Errorf("keystore: encrypt: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("keystore: encrypt: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("keystore: encrypt: %w", err)
	}
	return out.Bytes(), nil
}

var errOtherIdentity = errors.New("keystore: encrypted to another identity")

// decrypt opens a file's bytes; errOtherIdentity if by does not fit.
func decrypt(path string, sealed []byte, by age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), by)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, errOtherIdentity
	}
	if err != nil {
		return nil, damaged(path, "its header is not age's")
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxFile))
	if err != nil {
		return nil, damaged(path, "its content was changed or cut")
	}
	return plain, nil
}

// Dir is the folder.
func (s *Store) Dir() string { return s.dir }

// Generate makes a new P-256 key of that name and gives its signer, whose
// public key is a *ecdsa.PublicKey and which prints as its kid. When it returns
// without error the key is on disk.
// Errors: [ErrName], [ErrExists], and those of the file system.
func (s *Store) Generate(name string) (crypto.Signer, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	key, plain, err := newKey(name)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if err := s.add(name, &key.PublicKey, plain); err != nil {
		return nil, err
	}
	return &signer{key}, nil
}

// Signer opens the key of that name, as Generate gives it. Errors: [ErrName],
// [ErrNoKey], [ErrExposed], [ErrDamaged], and those of the file system.
func (s *Store) Signer(name string) (crypto.Signer, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, name+keySuffix)
	sealed, err := read(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keystore: %s: %w", path, ErrNoKey)
	}
	if err != nil {
		return nil, err
	}
	plain, err := decrypt(path, sealed, s.identity)
	if errors.Is(err, errOtherIdentity) {
		return nil, damaged(path, "it was encrypted for another key folder")
	}
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	key, err := parseKey(path, name, plain)
	if err != nil {
		return nil, err
	}
	public, err := Public(s.dir, name)
	if err != nil {
		return nil, err
	}
	if public.KID != signing.KID(&key.PublicKey) {
		return nil, damaged(filepath.Join(s.dir, name+publicSuffix), "it is not the public half of "+name+keySuffix)
	}
	return &signer{key}, nil
}

// Public reads the public half of a key; see the function [Public].
func (s *Store) Public(name string) (*signing.PublicKey, error) { return Public(s.dir, name) }

// Names lists the keys; see the function [Names].
func (s *Store) Names() ([]string, error) { return Names(s.dir) }
