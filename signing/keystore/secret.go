// This file keeps secrets that are no signing keys, such as the keys of an encrypted register.

package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	secretSuffix = ".secret"
	secretIntro  = "sceau secret 1: " // then the name and a line feed, before the secret

	// maxSecret leaves room in maxFile for what surrounds a secret.
	maxSecret = 8 << 10
)

// GenerateSecret keeps what fresh returns under that name, as a file name.secret that is encrypted and placed like a key's.
// fresh runs under the folder's lock, after it is known that the name is free, and returns 1 to 8,192 bytes. When
// GenerateSecret returns without error the secret is on disk; it is never overwritten. Names of secrets and of keys are apart.
// Errors: [ErrName], [ErrExists], that of fresh, and those of the file system.
func (s *Store) GenerateSecret(name string, fresh func() ([]byte, error)) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	unlock, err := lock(s.dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	path := filepath.Join(s.dir, name+secretSuffix)
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("keystore: %s: %w", path, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if err := s.sweep(""); err != nil {
		return nil, err
	}
	secret, err := fresh()
	if err != nil {
		return nil, err
	}
	if len(secret) < 1 || len(secret) > maxSecret {
		return nil, fmt.Errorf("keystore: %s: a secret has 1 to %d bytes", path, maxSecret)
	}
	plain := append([]byte(secretIntro+name+"\n"), secret...)
	defer clear(plain)
	sealed, err := encrypt(s.identity.Recipient(), plain)
	if err != nil {
		return nil, err
	}
	if err := s.place(name+secretSuffix, sealed); err != nil {
		return nil, err
	}
	return secret, nil
}

// Secret opens the secret of that name. Errors: [ErrName], [ErrNoKey], [ErrExposed], [ErrDamaged], and those of the file
// system.
func (s *Store) Secret(name string) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, name+secretSuffix)
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
	// As with keys, the name is inside: a file copied over another one would pass for it.
	secret, ok := bytes.CutPrefix(plain, []byte(secretIntro+name+"\n"))
	if !ok || len(secret) == 0 {
		clear(plain)
		return nil, damaged(path, "it holds no secret of this name")
	}
	return secret, nil
}

// Secrets lists the secrets, sorted. Errors: those of the file system.
func (s *Store) Secrets() ([]string, error) {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	var names []string
	for _, e := range list { // sorted by file name, which may differ in order from the names
		if name, ok := strings.CutSuffix(e.Name(), secretSuffix); ok && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// RemoveSecret removes a secret for ever: what only it opens is lost. The file is removed, not overwritten: a disk or a snapshot may
// keep its bytes, which the folder's passphrase still guards. Errors: [ErrName], [ErrNoKey], and those of the file system.
func (s *Store) RemoveSecret(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	unlock, err := lock(s.dir)
	if err != nil {
		return err
	}
	defer unlock()
	path := filepath.Join(s.dir, name+secretSuffix)
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keystore: %s: %w", path, ErrNoKey)
	} else if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	return syncDir(s.dir)
}

// sweep removes, under the lock, what interrupted writing left, and the file of that name too, unless it is "".
func (s *Store) sweep(file string) error {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	for _, e := range list {
		if e.Name() == file || strings.HasPrefix(e.Name(), tempPrefix) {
			if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("keystore: %w", err)
			}
		}
	}
	return nil
}
