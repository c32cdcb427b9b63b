// The service's own keys: what signs accords, settlements and manifests, and how service.json names them.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/offline"
	"sceau/signing"
	"sceau/signing/trust"
)

// DefaultService is the name of a rights service that was given none.
const DefaultService = "Service de droits"

// ServiceName is the name under which counters read the operator, "" for one founded before there was a service.json.
func (s *Issuer) ServiceName(ctx context.Context) (name string, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		root, err := tx.File(rootPath)
		if err != nil {
			return err
		}
		current, err := trust.Open(reader(tx), root)
		if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		doc, err := readService(tx, current)
		if err == nil && doc != nil {
			name = doc.Name
		}
		return err
	})
	return name, err
}

// servicePath is the target with the keys of the service.
const servicePath = offline.ServicePath

// Names of the service's online keys.
const (
	keyAccord     = "accord"
	keySettlement = "settlement"
	keyManifest   = "manifest"
)

// serviceKeys opens each key once: a key file costs a decryption. Which of them signs is asked each time.
type serviceKeys struct {
	mu      sync.Mutex
	shelf   shelf
	signers map[string]*signing.Signer // by kid
	own     map[string]string          // kid by name: a name never gets another key
}

// serviceSigner opens the key with which the service signs now: the newest that service.json names for the purpose, active, in
// its window and held here. service.json is at most cacheLife old, so that every process follows a rotation or a theft that
// another one made.
func (s *Issuer) serviceSigner(facts *liveFacts, purpose string, now time.Time) (*signing.Signer, error) {
	kind, err := serviceKind(purpose)
	if err != nil {
		return nil, err
	}
	k := &s.living().keys
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signers == nil {
		k.signers, k.shelf.keys = map[string]*signing.Signer{}, s.Online
	}
	if facts.service == nil { // founded before there was a service.json: the first key, until one is published
		return k.named(purpose, kind)
	}
	missing := fmt.Errorf("%w: %s", ErrNoServiceKey, purpose)
	for _, pub := range activeAt(serviceKeysOf(facts.service, purpose), now) {
		if signer := k.signers[pub.KID]; signer != nil {
			return signer, nil
		}
		k.shelf.read = false // another process may have made the key since
		private, _, err := k.shelf.open(family(purpose), pub.ECDSA())
		if errors.Is(err, ErrNotHeld) {
			missing = err
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("issuer: key %s: %w", purpose, err)
		}
		signer, err := signing.NewSigner(kind, private)
		if err != nil {
			return nil, fmt.Errorf("issuer: key %s: %w", purpose, err)
		}
		k.signers[pub.KID] = signer
		return signer, nil
	}
	return nil, fmt.Errorf("issuer: key %s: %w", purpose, missing)
}

// named opens the first key of a purpose.
func (k *serviceKeys) named(name string, kind signing.Kind) (*signing.Signer, error) {
	if signer := k.signers[name]; signer != nil {
		return signer, nil
	}
	private, err := k.shelf.keys.Signer(name)
	if err != nil {
		return nil, fmt.Errorf("issuer: key %s: %w", name, err)
	}
	signer, err := signing.NewSigner(kind, private)
	if err != nil {
		return nil, fmt.Errorf("issuer: key %s: %w", name, err)
	}
	k.signers[name] = signer
	return signer, nil
}

func serviceKind(purpose string) (signing.Kind, error) {
	switch purpose {
	case keyAccord:
		return card.AccordKind, nil
	case keySettlement:
		return card.SettlementKind, nil
	case keyManifest:
		return card.ManifestKind, nil
	}
	return "", fmt.Errorf("%w: the service has no key %.20q", ErrUnknownKey, purpose)
}

func serviceKeysOf(doc *card.Service, purpose string) []*signing.PublicKey {
	return *keysIn(doc, purpose)
}

// keysIn is where service.json has the keys of a purpose.
func keysIn(doc *card.Service, purpose string) *[]*signing.PublicKey {
	switch purpose {
	case keyAccord:
		return &doc.AccordKeys
	case keyManifest:
		return &doc.ManifestKeys
	}
	return &doc.SettlementKeys
}

// SettlementSigner opens the key that seals settlements now.
func (s *Issuer) SettlementSigner() (*signing.Signer, error) { return s.sealer(keySettlement) }

// ManifestSigner opens the key that seals manifests of print files now. An operator founded before there was one has it from its
// next publication with the offline keys on; until then ErrNoServiceKey.
func (s *Issuer) ManifestSigner() (*signing.Signer, error) {
	k, err := s.sealer(keyManifest)
	if errors.Is(err, ErrNotHeld) && !errors.Is(err, ErrNoServiceKey) {
		return nil, fmt.Errorf("%w: %w", ErrNoServiceKey, err)
	}
	return k, err
}

// sealer opens the key of a purpose that signs now.
func (s *Issuer) sealer(purpose string) (*signing.Signer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	now := s.now().UTC()
	facts, err := s.factsNow(ctx, now)
	if err != nil {
		return nil, err
	}
	return s.serviceSigner(facts, purpose, now)
}

// KeysOpen says whether the online keys can be opened: without them nothing is published.
func (s *Issuer) KeysOpen() error {
	h := shelf{keys: s.Online}
	names, err := h.list(keyTimestamp)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("issuer: key %s: %w", keyTimestamp, ErrNotHeld)
	}
	_, err = s.Online.Signer(names[0])
	return err
}

// ownKIDs are the kids of every online key, of whatever purpose and age.
func (s *Issuer) ownKIDs() (map[string]bool, error) {
	names, err := s.Online.Names()
	if err != nil {
		return nil, fmt.Errorf("issuer: online keys: %w", err)
	}
	k := &s.living().keys
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own == nil {
		k.own = map[string]string{}
	}
	kids := map[string]bool{}
	for _, name := range names {
		if k.own[name] == "" {
			pub, err := publicHalf(s.Online, name)
			if err != nil {
				return nil, fmt.Errorf("issuer: key %s: %w", name, err)
			}
			k.own[name] = signing.KID(pub)
		}
		kids[k.own[name]] = true
	}
	return kids, nil
}

// serviceDocument makes the service's keys, if they are not there, and service.json.
func (s *Issuer) serviceDocument(name string, now time.Time) ([]byte, error) {
	if name == "" {
		name = DefaultService
	}
	doc := card.Service{Name: name}
	for _, purpose := range []string{keyAccord, keySettlement, keyManifest} {
		if err := s.firstServiceKey(&doc, purpose, now); err != nil {
			return nil, err
		}
	}
	b, err := doc.Bytes()
	if err != nil {
		return nil, fmt.Errorf("issuer: facts of the service: %w", err)
	}
	return b, nil
}

// firstServiceKey makes the first key of a purpose, if it is not there, and names it in service.json.
func (s *Issuer) firstServiceKey(doc *card.Service, purpose string, now time.Time) error {
	kind, err := serviceKind(purpose)
	if err != nil {
		return err
	}
	private, err := ensureKey(s.Online, purpose)
	if err != nil {
		return err
	}
	pub, err := public(kind, private, "", now)
	if err != nil {
		return err
	}
	to := keysIn(doc, purpose)
	*to = append(*to, pub)
	return nil
}
