// An operator's folder: the register, the two key folders, and how the commands open them.

package main

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"sync"

	"sceau/card/issuer"
	"sceau/card/register/sqlite"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/rights"
	"sceau/signing/keystore"
)

// Names inside an operator's folder.
const (
	registerName = "register.db"
	onlineName   = "keys"    // cards, status, snapshot, timestamp
	offlineName  = "offline" // root, targets, insurers: belongs on other media
	themeName    = "theme.json"
	codesName    = "codes.json" // own domain and convention tables, in place of the built-in ones
)

// place holds the flags that say where an operator's secrets are.
type place struct {
	passphraseFile string
	offlineDir     string
}

func (p *place) offline(dir string) string {
	if p.offlineDir != "" {
		return p.offlineDir
	}
	return filepath.Join(dir, offlineName)
}

// operator is an opened folder.
type operator struct {
	*issuer.Issuer
	dir   string
	store *sqlite.Store
}

// open opens the register. Key folders are opened, and the passphrase asked for, only when a key is needed.
func (p *place) open(dir string) (*operator, error) {
	store, err := sqlite.Open(filepath.Join(dir, registerName), sqlite.Options{})
	if errors.Is(err, os.ErrNotExist) {
		return nil, ui.WithHint(ui.Usage("no operator in %s", dir), `sceau init %s --insurer N --name "…"`, dir)
	}
	if err != nil {
		return nil, err
	}
	codes, err := readCodes(filepath.Join(dir, codesName))
	if err != nil {
		store.Close()
		return nil, err
	}
	secret := sync.OnceValues(func() ([]byte, error) { return openPassphrase(dir, p.passphraseFile) })
	return &operator{dir: dir, store: store, Issuer: &issuer.Issuer{
		Store: store, Now: clock.Now, Actor: actor(), Codes: codes,
		Online:  &keys{dir: filepath.Join(dir, onlineName), secret: secret},
		Offline: &keys{dir: p.offline(dir), secret: secret},
	}}, nil
}

// readCodes reads the operator's own tables, else takes the built-in ones.
func readCodes(name string) (*rights.Codes, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return rights.DefaultCodes(), nil
	}
	if err != nil {
		return nil, err
	}
	codes, err := rights.ParseCodes(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return codes, nil
}

func (o *operator) Close() error { return o.store.Close() }

// actor names who works, for the audit chain.
func actor() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// keys is a key folder that is opened when its first key is asked for.
type keys struct {
	dir    string
	secret func() ([]byte, error)

	once  sync.Once
	store *keystore.Store
	err   error
}

var _ issuer.Keys = (*keys)(nil)

func (k *keys) open() (*keystore.Store, error) {
	k.once.Do(func() {
		var passphrase []byte
		if passphrase, k.err = k.secret(); k.err != nil {
			return
		}
		k.store, k.err = keystore.Open(k.dir, passphrase)
		switch {
		case errors.Is(k.err, keystore.ErrPassphrase):
			k.err = ui.WithHint(fmt.Errorf("keys in %s: %w", k.dir, k.err), "check SCEAU_PASSPHRASE_FILE or --passphrase-file")
		case errors.Is(k.err, os.ErrNotExist):
			k.err = ui.WithHint(fmt.Errorf("no keys in %s", k.dir), "attach the medium that holds them, or give --offline-keys")
		}
	})
	return k.store, k.err
}

// Signer implements issuer.Keys.
func (k *keys) Signer(name string) (crypto.Signer, error) {
	s, err := k.open()
	if err != nil {
		return nil, err
	}
	return s.Signer(name)
}

// Generate implements issuer.Keys.
func (k *keys) Generate(name string) (crypto.Signer, error) {
	s, err := k.open()
	if err != nil {
		return nil, err
	}
	return s.Generate(name)
}
