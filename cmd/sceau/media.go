// Media: the places that hold shares of the root, each a key folder of its own passphrase or a program at a socket.

package main

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/signing"
	"sceau/signing/keystore"
)

// medium is one attached place of keys. It is opened when its first private key is asked for; public halves in a folder are
// read without its passphrase.
type medium struct {
	path string // as a person gave it
	file string // of its passphrase; "" asks

	open func() (keystore.Holder, error)
}

var _ issuer.Keys = (*medium)(nil)

// newMedium reads PATH or PATH=PASSPHRASE_FILE.
func newMedium(text string) (*medium, error) {
	m := &medium{path: text}
	if i := strings.LastIndexByte(text, '='); i >= 0 {
		m.path, m.file = text[:i], text[i+1:]
		if m.file == "" {
			return nil, ui.WithHint(ui.Usage("--medium %s: no passphrase file after =", text), "--medium %s=FILE, or --medium %s to be asked", shellWord(m.path), shellWord(m.path))
		}
	}
	if m.path == "" {
		return nil, ui.WithHint(ui.Usage("a medium needs a path"), "--medium PATH, or --medium PATH=PASSPHRASE_FILE")
	}
	m.path = filepath.Clean(m.path)
	if err := insideDrill(m.path, ""); err != nil {
		return nil, err
	}
	m.open = sync.OnceValues(func() (keystore.Holder, error) {
		h, err := keystore.Attach(m.path, m.passphrase)
		switch {
		case errors.Is(err, keystore.ErrPassphrase) && m.file != "":
			return nil, ui.WithHint(fmt.Errorf("medium %s: %w", m.path, err), "%s holds the passphrase of another medium, or it was mistyped", m.file)
		case errors.Is(err, keystore.ErrPassphrase):
			return nil, ui.WithHint(fmt.Errorf("medium %s: %w", m.path, err), "each medium has its own passphrase")
		case errors.Is(err, keystore.ErrUnreachable):
			return nil, ui.WithHint(fmt.Errorf("medium %s: %w", m.path, err), "start sceau-pkcs11 on that socket")
		case errors.Is(err, keystore.ErrNoStore), errors.Is(err, fs.ErrNotExist):
			return nil, ui.WithHint(fmt.Errorf("no keys at %s", m.path), "attach the medium, or check its path")
		case errors.Is(err, keystore.ErrExposed):
			return nil, ui.WithHint(fmt.Errorf("medium %s: %w", m.path, err), "chmod -R go= %s; a stick whose file system has no owners can't hold keys", shellWord(m.path))
		case err != nil:
			return nil, fmt.Errorf("medium %s: %w", m.path, err)
		}
		return h, nil
	})
	return m, nil
}

func (m *medium) passphrase() ([]byte, error) {
	if m.file != "" {
		return readPassphraseFile(m.file)
	}
	if !atTerminal() {
		return nil, ui.WithHint(fmt.Errorf("no passphrase for the medium %s", m.path), "--medium %s=PASSPHRASE_FILE", shellWord(m.path))
	}
	return ask(fmt.Sprintf("passphrase of %s: ", m.path))
}

// create makes a key folder on the medium, with a new passphrase. A passphrase file that does not exist is made: its owner
// takes it elsewhere. It says whether it made one.
func (m *medium) create() (made bool, err error) {
	key, err := m.newPassphrase()
	if err != nil {
		return false, err
	}
	defer clear(key.passphrase)
	if err := os.MkdirAll(filepath.Dir(m.path), 0o700); err != nil {
		return false, err
	}
	_, err = keystore.Create(m.path, key.passphrase, keystore.Options{ScryptLogN: key.logN()})
	if errors.Is(err, keystore.ErrExists) {
		return false, ui.WithHint(fmt.Errorf("medium %s: %w", m.path, err), "name an empty folder: nothing on a medium is written over")
	}
	return key.generated && err == nil, err
}

func (m *medium) newPassphrase() (secret, error) {
	if m.file == "" {
		if !atTerminal() {
			return secret{}, ui.WithHint(fmt.Errorf("no passphrase for the new medium %s", m.path), "give one as --medium %s=FILE; a FILE that does not exist is made. For a token, start sceau-pkcs11 on that socket first", shellWord(m.path))
		}
		p, err := askTwice(fmt.Sprintf("new passphrase for %s: ", m.path))
		if err == nil && len(p) == 0 {
			err = errors.New("an empty passphrase protects nothing")
		}
		return secret{passphrase: p}, err
	}
	p, err := readPassphraseFile(m.file)
	if err == nil {
		return secret{passphrase: p, generated: generatedForm.Match(p)}, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return secret{}, err
	}
	return makePassphrase(m.file)
}

// isSocket says whether the medium is a program rather than a folder.
func (m *medium) isSocket() bool {
	info, err := os.Stat(m.path)
	return err == nil && info.Mode().Type() == fs.ModeSocket
}

// Place is where the medium is, for the protocol of a ceremony.
func (m *medium) Place() string { return m.path }

// Signer implements issuer.Keys.
func (m *medium) Signer(name string) (crypto.Signer, error) {
	h, err := m.open()
	if err != nil {
		return nil, err
	}
	return h.Signer(name)
}

// Generate implements issuer.Keys.
func (m *medium) Generate(name string) (crypto.Signer, error) {
	h, err := m.open()
	if err != nil {
		return nil, err
	}
	return h.Generate(name)
}

// Names implements issuer.Keys; of a folder it needs no passphrase.
func (m *medium) Names() ([]string, error) {
	if !m.isSocket() {
		return folderNames(m.path)
	}
	h, err := m.open()
	if err != nil {
		return nil, err
	}
	return h.Names()
}

// Public is the public half of a key, without the passphrase of a folder.
func (m *medium) Public(name string) (crypto.PublicKey, error) {
	if !m.isSocket() {
		return folderPublic(m.path, name)
	}
	s, err := m.Signer(name) // of a token: it names the key and gives nothing away
	if err != nil {
		return nil, err
	}
	return s.Public(), nil
}

// kids lists the keys that the medium holds.
func (m *medium) kids() (map[string]string, error) { return kidsOf(m) }

// folderNames are the keys of a folder; one that is not there has none: it is on another computer, or in a safe.
func folderNames(dir string) ([]string, error) {
	names, err := keystore.Names(dir)
	if errors.Is(err, keystore.ErrNoStore) {
		return nil, nil
	}
	return names, err
}

func folderPublic(dir, name string) (crypto.PublicKey, error) {
	k, err := keystore.Public(dir, name)
	if err != nil {
		return nil, err
	}
	return k.ECDSA(), nil
}

// publics is what can name its keys and show their public halves.
type publics interface {
	Names() ([]string, error)
	Public(name string) (crypto.PublicKey, error)
}

// kidsOf maps the kid of every key to its name.
func kidsOf(k publics) (map[string]string, error) {
	names, err := k.Names()
	if err != nil {
		return nil, err
	}
	kids := map[string]string{}
	for _, name := range names {
		public, err := k.Public(name)
		if err != nil {
			return nil, err
		}
		kid, err := kidOf(public)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
		kids[kid] = name
	}
	return kids, nil
}

// rack is the folder of the offline keys and every attached medium, as one place. When an operator is made, each medium gets
// one share of the root, and the folder everything else.
type rack struct {
	folder *keys
	media  []*medium
}

var _ issuer.Keys = (*rack)(nil)

// all lists the places, the folder first.
func (r *rack) all() []issuer.Keys {
	out := []issuer.Keys{r.folder}
	for _, m := range r.media {
		out = append(out, m)
	}
	return out
}

// Signer implements issuer.Keys: the first place that has the key. A place is asked for its passphrase only when it has it.
func (r *rack) Signer(name string) (crypto.Signer, error) {
	for _, k := range r.all() {
		names, err := k.Names()
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, name) {
			return k.Signer(name)
		}
	}
	if len(r.media) == 0 || !strings.HasPrefix(name, rootPrefix) {
		return r.folder.Signer(name) // it says what is missing
	}
	return nil, ui.WithHint(fmt.Errorf("%w: %s is on no attached medium", keystore.ErrNoKey, name), "attach the medium that holds it: --medium PATH")
}

const rootPrefix = "root-"

// Generate implements issuer.Keys.
func (r *rack) Generate(name string) (crypto.Signer, error) {
	if len(r.media) > 0 {
		if n, ok := strings.CutPrefix(name, rootPrefix); ok {
			i, err := strconv.Atoi(n)
			if err != nil || i < 1 || i > len(r.media) {
				return nil, fmt.Errorf("no medium for %s: %d attached", name, len(r.media))
			}
			return r.media[i-1].Generate(name)
		}
	}
	return r.folder.Generate(name)
}

// Names implements issuer.Keys.
func (r *rack) Names() ([]string, error) {
	var all []string
	for _, k := range r.all() {
		names, err := k.Names()
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Public is the public half of a key.
func (r *rack) Public(name string) (crypto.PublicKey, error) {
	for _, k := range r.all() {
		names, err := k.Names()
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, name) {
			return k.(publics).Public(name)
		}
	}
	return nil, fmt.Errorf("%w: %s", keystore.ErrNoKey, name)
}

// openMedia reads --medium flags and refuses one place given twice: two shares must be in two places.
func openMedia(flag string, texts []string) ([]*medium, error) {
	var all []*medium
	for _, text := range texts {
		m, err := newMedium(text)
		if err != nil {
			return nil, err
		}
		for _, other := range all {
			if m.path == other.path || sameFile(m.path, other.path) {
				return nil, ui.WithHint(ui.Usage("%s %s and %s are one place", flag, other.path, m.path), "each medium is a place of its own, which can be lost or stolen alone")
			}
			if m.file != "" && (m.file == other.file || sameFile(m.file, other.file)) {
				return nil, ui.WithHint(ui.Usage("%s and %s have one passphrase file", other.path, m.path), "a passphrase for each medium: who learns one has one share")
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// attachedMedia reads --medium flags of media that are to be there. One that is not would pass for one without keys.
func attachedMedia(texts []string) ([]*medium, error) {
	all, err := openMedia("--medium", texts)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		switch _, err := os.Stat(m.path); {
		case errors.Is(err, fs.ErrNotExist):
			return nil, ui.WithHint(fmt.Errorf("nothing is at %s", m.path), "attach the medium, or check its path; for a token, start sceau-pkcs11 on that socket")
		case err != nil:
			return nil, fmt.Errorf("medium %s: %w", m.path, err)
		case !m.isSocket() && !exists(filepath.Join(m.path, "identity.age")): // the place where a stick is not mounted
			return nil, ui.WithHint(fmt.Errorf("no keys at %s", m.path), "attach the medium, or check its path; for a token, start sceau-pkcs11 on that socket")
		}
	}
	return all, nil
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// copies refuses media with a key in common: a copy of a medium is no second share.
func copies(media []*medium) error {
	seen := map[string]*medium{}
	for _, m := range media {
		kids, err := m.kids()
		if err != nil {
			return err
		}
		for kid := range kids {
			if other := seen[kid]; other != nil {
				return ui.WithHint(fmt.Errorf("%s is a copy of %s: they hold the same key %s", m.path, other.path, kid), "attach another medium")
			}
			seen[kid] = m
		}
	}
	return nil
}

// kidOf names a public key.
func kidOf(public crypto.PublicKey) (string, error) {
	k, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return "", errors.New("not a key of the kind that this program uses")
	}
	return signing.KID(k), nil
}

// beginMedia makes a key folder on each medium. Where an init was cut short, each may hold its share already; otherwise a
// medium with keys is another operator's.
func beginMedia(c *cobra.Command, media []*medium, again bool) error {
	for i, m := range media {
		names, err := m.Names()
		if err != nil {
			return err
		}
		if m.isSocket() || exists(filepath.Join(m.path, "identity.age")) {
			if len(names) > 1 || len(names) == 1 && !again || len(names) == 1 && names[0] != fmt.Sprintf("%s%d", rootPrefix, i+1) {
				return ui.WithHint(fmt.Errorf("medium %s holds keys already", m.path), "name an empty folder: nothing on a medium is written over")
			}
			continue
		}
		made, err := m.create()
		if err != nil {
			return err
		}
		sayMade(c, m, made)
	}
	return nil
}

func paths(media []*medium) []string {
	var all []string
	for _, m := range media {
		all = append(all, m.path)
	}
	return all
}
