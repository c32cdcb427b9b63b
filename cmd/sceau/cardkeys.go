// Card keys that lie elsewhere than the other online keys: in a folder of their own, or on a token behind sceau-pkcs11.

package main

import (
	"crypto"
	"fmt"
	"os"
	"slices"
	"strings"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
)

// split are the online keys, with those of cards at a place of their own. Card keys that are in the folder stay in use: a
// rotation moves to the other place, key after key.
type split struct {
	folder *keys
	cards  *medium
}

var (
	_ issuer.Keys = (*split)(nil)
	_ publics     = (*split)(nil)
)

// cardPrefix begins the names of card keys: see issuer.Issuer.
const cardPrefix = "card-"

// openCardKeys reads --card-keys.
func openCardKeys(text string) (*medium, error) {
	m, err := newMedium(text)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(m.path); err != nil {
		return nil, ui.WithHint(fmt.Errorf("no card keys at %s", m.path), "check --card-keys: the folder of the keys, or the socket of sceau-pkcs11, which must run")
	}
	return m, nil
}

// of is where a key is.
func (s *split) of(name string) (place interface {
	issuer.Keys
	publics
}, err error) {
	if !strings.HasPrefix(name, cardPrefix) {
		return s.folder, nil
	}
	held, err := s.cards.Names()
	if err != nil {
		return nil, err
	}
	if slices.Contains(held, name) {
		return s.cards, nil
	}
	return s.folder, nil
}

// Signer implements issuer.Keys.
func (s *split) Signer(name string) (crypto.Signer, error) {
	k, err := s.of(name)
	if err != nil {
		return nil, err
	}
	return k.Signer(name)
}

// Public is the public half of a key.
func (s *split) Public(name string) (crypto.PublicKey, error) {
	k, err := s.of(name)
	if err != nil {
		return nil, err
	}
	return k.Public(name)
}

// Generate implements issuer.Keys: a new card key is made where card keys belong.
func (s *split) Generate(name string) (crypto.Signer, error) {
	if strings.HasPrefix(name, cardPrefix) {
		return s.cards.Generate(name)
	}
	return s.folder.Generate(name)
}

// Names implements issuer.Keys. Of the other place, only card keys count.
func (s *split) Names() ([]string, error) {
	all, err := s.folder.Names()
	if err != nil {
		return nil, err
	}
	others, err := s.cards.Names()
	if err != nil {
		return nil, err
	}
	for _, name := range others {
		if strings.HasPrefix(name, cardPrefix) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all, nil
}
