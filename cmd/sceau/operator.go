// An operator's folder: the register, the two key folders, and how the commands open them.

package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"sync"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline/counter"
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
	media          []string
	cardKeys       string
}

func (p *place) offline(dir string) string {
	if p.offlineDir != "" {
		return p.offlineDir
	}
	return filepath.Join(dir, offlineName)
}

// operator is an opened folder. Its register is encrypted: store opens the rows, and gives pseudonyms by sealed.
type operator struct {
	*issuer.Issuer
	dir    string
	store  register.Store
	sealed *sealed.Store
	rows   database // as they are stored

	online  *keys
	offline *rack
}

// open opens the register, for which it needs the passphrase; the offline folder is opened only when a key of it is needed.
func (p *place) open(dir string) (*operator, error) { return p.openContext(context.Background(), dir) }

func (p *place) openContext(ctx context.Context, dir string) (*operator, error) {
	return p.openWith(ctx, dir, func() ([]byte, error) { return openPassphrase(dir, p.passphraseFile) })
}

func (p *place) openWith(ctx context.Context, dir string, passphrase func() ([]byte, error)) (_ *operator, err error) {
	rows, err := openDatabase(ctx, dir, false)
	if errors.Is(err, os.ErrNotExist) {
		return nil, noOperator(dir)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			rows.Close()
		}
	}()
	codes, err := readCodes(filepath.Join(dir, codesName))
	if err != nil {
		return nil, err
	}
	media, err := attachedMedia(p.media)
	if err != nil {
		return nil, err
	}
	secret := sync.OnceValues(passphrase)
	online := &keys{dir: filepath.Join(dir, onlineName), secret: secret}
	s, err := unseal(ctx, dir, rows, online)
	if err != nil {
		return nil, err
	}
	store := s.Powers()
	var signing issuer.Keys = online
	if p.cardKeys != "" {
		cards, err := openCardKeys(p.cardKeys)
		if err != nil {
			return nil, err
		}
		signing = &split{folder: online, cards: cards}
	}
	offline := &rack{folder: &keys{dir: p.offline(dir), secret: secret}, media: media}
	return &operator{dir: dir, store: store, sealed: s, rows: rows, online: online, offline: offline, Issuer: &issuer.Issuer{
		Store: store, Now: clock.Now, Actor: actor(), Codes: codes, Professions: professions(),
		Online:  signing,
		Offline: offline,
	}}, nil
}

// professions are the codes that counters know.
func professions() []string {
	var codes []string
	for _, p := range counter.Professions() {
		codes = append(codes, p.Code)
	}
	return codes
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

func (o *operator) Close() error { return o.rows.Close() }

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
		if k.err = insideDrill(k.dir, ""); k.err != nil {
			return
		}
		var passphrase []byte
		if passphrase, k.err = k.secret(); k.err != nil {
			return
		}
		k.store, k.err = keystore.Open(k.dir, passphrase)
		switch {
		case errors.Is(k.err, keystore.ErrPassphrase):
			k.err = ui.WithHint(fmt.Errorf("keys in %s: %w", k.dir, k.err), "check --passphrase-file, SCEAU_PASSPHRASE_FILE or SCEAU_PASSPHRASE: the first that is set is taken")
		case errors.Is(k.err, keystore.ErrNoStore), errors.Is(k.err, os.ErrNotExist):
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

// Names implements issuer.Keys; it needs no passphrase.
func (k *keys) Names() ([]string, error) { return folderNames(k.dir) }

// Public is the public half of a key; it needs no passphrase.
func (k *keys) Public(name string) (crypto.PublicKey, error) { return folderPublic(k.dir, name) }
