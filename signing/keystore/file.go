// This file writes and reads the folder's files: durably, never over another one, for one user.

package keystore

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"

	"sceau/signing"
)

// add writes a key's two files. The public half comes first: until the key file
// has its name, there is no key.
func (s *Store) add(name string, pub *ecdsa.PublicKey, plain []byte) error {
	sealed, err := encrypt(s.identity.Recipient(), plain)
	if err != nil {
		return err
	}
	public, err := signing.NewPublicKey("key", pub)
	if err != nil {
		return fmt.Errorf("keystore: generate: %w", err)
	}
	unlock, err := lock(s.dir)
	if err != nil {
		return err
	}
	defer unlock()
	s.at("locked")
	if err := s.removeLeftovers(name); err != nil {
		return err
	}
	s.at("swept")
	if err := s.place(name+publicSuffix, append(public.JWK(), '\n')); err != nil {
		return err
	}
	s.at("public placed")
	return s.place(name+keySuffix, sealed)
}

// removeLeftovers clears what an interrupted Generate left, under the lock, and
// refuses a name that is taken.
func (s *Store) removeLeftovers(name string) error {
	path := filepath.Join(s.dir, name+keySuffix)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("keystore: %s: %w", path, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keystore: %w", err)
	}
	return s.sweep(name + publicSuffix)
}

// place writes a file under a passing name, syncs it, links it to its own name,
// which fails with ErrExists if that is taken, and syncs the folder. Linking
// rather than renaming is what never overwrites, lock or no lock.
func (s *Store) place(name string, content []byte) error {
	path := filepath.Join(s.dir, name)
	f, err := os.CreateTemp(s.dir, tempPrefix) // 0600, never an existing file
	if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	defer os.Remove(f.Name()) // what stays behind is swept by the next Generate
	s.at(name + " begun")
	if _, err := f.Write(content); err != nil {
		f.Close()
		return fmt.Errorf("keystore: %w", err)
	}
	s.at(name + " written")
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("keystore: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	s.at(name + " synced")
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keystore: %s: %w", path, ErrExists)
	} else if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	s.at(name + " linked")
	if err := syncDir(s.dir); err != nil {
		return err
	}
	s.at(name + " durable")
	return nil
}

func (s *Store) at(step string) {
	if s.step != nil {
		s.step(step)
	}
}

// lock waits for the folder's lock, which the system releases if this process dies.
func lock(dir string) (unlock func(), err error) {
	l := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	if err := l.Lock(); err != nil {
		return nil, fmt.Errorf("keystore: lock: %w", err)
	}
	return func() { l.Close() }, nil
}

// syncDir makes the names in a folder durable. Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	return nil
}

// checkDir refuses what is no folder, and a folder that others can enter.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keystore: %s: %w", dir, ErrNoStore)
	}
	if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("keystore: %s: %w: not a folder", dir, ErrNoStore)
	}
	return private(dir, info)
}

// private refuses what others can read or change. The mode bits say nothing on Windows.
func private(path string, info fs.FileInfo) error {
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("keystore: %s: %w (mode %04o)", path, ErrExposed, info.Mode().Perm())
	}
	return nil
}

// read gives a file's content, of at most maxFile bytes.
func read(path string, secret bool) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, damaged(path, "it is not a file")
	}
	if secret {
		if err := private(path, info); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if len(b) > maxFile {
		return nil, damaged(path, "it is longer than any file here")
	}
	return b, nil
}
