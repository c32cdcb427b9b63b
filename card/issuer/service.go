// The service's own keys: what signs accords and settlements, and how service.json names them.

package issuer

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline"
	"sceau/signing"
	"sceau/signing/trust"
)

// DefaultService is the name of a rights service that was given none.
const DefaultService = "Service de droits"

// servicePath is the target with the keys of the service.
const servicePath = offline.ServicePath

// Names of the service's online keys.
const (
	keyAccord     = "accord"
	keySettlement = "settlement"
)

// serviceKeys opens each key once: a key file costs a decryption.
type serviceKeys struct {
	mu      sync.Mutex
	signers map[string]*signing.Signer
	own     map[string]string // kid by name
}

// serviceSigner opens one of the service's keys.
func (s *Issuer) serviceSigner(name string, kind signing.Kind) (*signing.Signer, error) {
	k := &s.living().keys
	k.mu.Lock()
	defer k.mu.Unlock()
	if signer := k.signers[name]; signer != nil {
		return signer, nil
	}
	private, err := s.Online.Signer(name)
	if err != nil {
		return nil, fmt.Errorf("issuer: key %s: %w", name, err)
	}
	signer, err := signing.NewSigner(kind, private)
	if err != nil {
		return nil, fmt.Errorf("issuer: key %s: %w", name, err)
	}
	if k.signers == nil {
		k.signers = map[string]*signing.Signer{}
	}
	k.signers[name] = signer
	return signer, nil
}

// SettlementSigner opens the key that seals settlements.
func (s *Issuer) SettlementSigner() (*signing.Signer, error) {
	return s.serviceSigner(keySettlement, accord.SettlementKind)
}

// ownKey is the kid of one of the operator's online keys.
func (s *Issuer) ownKey(name string) (string, error) {
	k := &s.living().keys
	k.mu.Lock()
	defer k.mu.Unlock()
	if kid := k.own[name]; kid != "" {
		return kid, nil
	}
	private, err := s.Online.Signer(name)
	if err != nil {
		return "", fmt.Errorf("issuer: key %s: %w", name, err)
	}
	pub, ok := private.Public().(*ecdsa.PublicKey)
	if !ok {
		return "", errors.New("issuer: a key store gave a key that is not ECDSA")
	}
	if k.own == nil {
		k.own = map[string]string{}
	}
	k.own[name] = signing.KID(pub)
	return k.own[name], nil
}

// serviceDocument makes the service's keys, if they are not there, and service.json.
func (s *Issuer) serviceDocument(name string, now time.Time) ([]byte, error) {
	if name == "" {
		name = DefaultService
	}
	doc := card.Service{Name: name}
	for _, k := range []struct {
		name string
		kind signing.Kind
		to   *[]*signing.PublicKey
	}{{keyAccord, card.AccordKind, &doc.AccordKeys}, {keySettlement, card.SettlementKind, &doc.SettlementKeys}} {
		private, err := ensureKey(s.Online, k.name)
		if err != nil {
			return nil, err
		}
		pub, err := public(k.kind, private, "", now)
		if err != nil {
			return nil, err
		}
		*k.to = append(*k.to, pub)
	}
	b, err := doc.Bytes()
	if err != nil {
		return nil, fmt.Errorf("issuer: facts of the service: %w", err)
	}
	return b, nil
}

// editService gives service.json to an operator that was founded before there was one. It needs the offline keys: without
// them everything else is published, and a warning says what is missing.
func (s *Issuer) editService(e *edition, now time.Time) error {
	_, err := e.current.Target(servicePath)
	if err == nil {
		return nil
	}
	if !errors.Is(err, trust.ErrNotFound) {
		return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	if _, err := s.signers(trust.RoleTargets); err != nil {
		e.warnings = append(e.warnings, "no service.json is published: publish once with the offline keys")
		return nil
	}
	b, err := s.serviceDocument("", now)
	if err != nil {
		return err
	}
	return e.repo.SetTarget(trust.RoleTargets, servicePath, b, nil)
}
