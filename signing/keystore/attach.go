// This file opens whatever holds keys at a path: a key folder, or the socket of a token's program.

package keystore

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Holder holds private keys under names (see [CheckName]) and never gives one out. *[Store] and *[Remote] are holders. It may be
// used by many goroutines.
type Holder interface {
	// Signer opens the key of that name; [ErrNoKey] when there is none.
	Signer(name string) (crypto.Signer, error)
	// Generate makes a P-256 key; [ErrExists] when the name is taken. When it returns, the key is kept.
	Generate(name string) (crypto.Signer, error)
	// Names lists the keys, sorted.
	Names() ([]string, error)
}

var (
	_ Holder = (*Store)(nil)
	_ Holder = (*Remote)(nil)
)

// Attach opens the keys at a path: a folder as [Open] does, for which it asks for the passphrase, or a socket as [Dial] does,
// which needs none. Errors: [ErrNoStore] when there is nothing or something else, those of Open, of Dial and of passphrase.
func Attach(path string, passphrase func() ([]byte, error)) (Holder, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("keystore: %s: %w", path, ErrNoStore)
	case err != nil:
		return nil, fmt.Errorf("keystore: %w", err)
	case info.Mode()&fs.ModeSocket != 0:
		r, err := Dial(path)
		if err != nil {
			return nil, err
		}
		return r, nil
	case !info.IsDir():
		return nil, fmt.Errorf("keystore: %s: %w: neither a folder nor a socket", path, ErrNoStore)
	}
	if err := checkDir(path); err != nil { // before anybody is asked for anything
		return nil, err
	}
	secret, err := passphrase()
	if err != nil {
		return nil, err
	}
	s, err := Open(path, secret)
	if err != nil {
		return nil, err
	}
	return s, nil
}
