// This file gives a key folder another passphrase. Its keys stay as they are.

package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// ChangePassphrase makes next the passphrase of a key folder in place of old. Only identity.age changes: a crash at any moment leaves
// the whole one from before or the whole one from after, and what is written was opened with next first. Stores that are open stay so.
//
// Copies of the folder made before still open with old, and hold the same keys, as do bytes that a disk or a snapshot keeps: where
// old and such a copy may be in other hands, the keys must be replaced. Errors: those of [Open] for old, and of [Create] for next; [ErrDamaged] also when the change can't be
// read back, and then nothing was changed.
func ChangePassphrase(dir string, old, next []byte, o Options) error {
	return changePassphrase(dir, old, next, o, nil)
}

func changePassphrase(dir string, old, next []byte, o Options, step func(string)) error {
	logN, err := o.workFactor(next)
	if err != nil {
		return err
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	// No lock's file is made where there is no key folder at all.
	if _, err := os.Lstat(filepath.Join(dir, identityFile)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keystore: %s: %w", dir, ErrNoStore)
	}
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := Open(dir, old)
	if err != nil {
		return err
	}
	s.step = step
	recipient, err := age.NewScryptRecipient(string(next))
	if err != nil {
		return fmt.Errorf("keystore: %w", ErrWeakPassphrase)
	}
	recipient.SetWorkFactor(logN)
	plain := []byte(s.identity.String() + "\n")
	defer clear(plain)
	sealed, err := encrypt(recipient, plain)
	if err != nil {
		return err
	}
	if err := s.sweep(""); err != nil {
		return err
	}
	s.at("swept")
	return s.replace(identityFile, sealed, func(written string) error { return opens(written, next, plain) })
}

// opens says whether a file gives that text to the passphrase.
func opens(path string, passphrase, plain []byte) error {
	sealed, err := read(path, true)
	if err != nil {
		return err
	}
	door, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return fmt.Errorf("keystore: %w", ErrWeakPassphrase)
	}
	door.SetMaxWorkFactor(mostLogN)
	again, err := decrypt(path, sealed, door)
	defer clear(again)
	if err != nil || !bytes.Equal(again, plain) {
		return damaged(path, "it can't be read back")
	}
	return nil
}

// replace is place for the one file that is ever replaced: under a passing name, synced, checked, and then in place of the old one at
// once.
func (s *Store) replace(name string, content []byte, check func(path string) error) (err error) {
	f, err := os.CreateTemp(s.dir, tempPrefix) // 0600
	if err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	defer func() {
		if e := os.Remove(f.Name()); e != nil && !errors.Is(e, fs.ErrNotExist) && err == nil {
			err = fmt.Errorf("keystore: %w", e)
		}
	}()
	s.at(name + " begun")
	_, err = f.Write(content)
	if err == nil {
		s.at(name + " written")
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	s.at(name + " synced")
	if err := check(f.Name()); err != nil {
		return err
	}
	s.at(name + " checked")
	if err := os.Rename(f.Name(), filepath.Join(s.dir, name)); err != nil {
		return fmt.Errorf("keystore: %w", err)
	}
	s.at(name + " renamed")
	if err := syncDir(s.dir); err != nil {
		return err
	}
	s.at(name + " durable")
	return nil
}
