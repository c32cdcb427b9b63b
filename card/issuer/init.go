// Init and AddInsurer: keys, the trust repository, and the first publication of an insurer.

package issuer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// InsurerFacts is what an insurer says about itself.
type InsurerFacts struct {
	AMC                rights.AMC
	Name               string // as displayed
	PhoneProfessionals string // "" for none
	PhoneMembers       string
	Outage             card.OutagePolicy // the zero value is card.DefaultOutage
}

// Check says what is wrong with the facts before anything is made of them, by the rule of issuer.json.
func (f InsurerFacts) Check() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // a document without a key is refused for that
	if err != nil {
		return err
	}
	k, err := public(card.Kind, key, f.AMC.Key(), time.Unix(card.MinTime, 0))
	if err != nil {
		return err
	}
	doc := card.Insurer{AMC: f.AMC, Name: f.Name, PhoneProfessionals: f.PhoneProfessionals, PhoneMembers: f.PhoneMembers, Outage: f.Outage, CardKeys: []*signing.PublicKey{k}}
	if doc.Outage.Default == (card.Limits{}) && len(doc.Outage.Domains) == 0 {
		doc.Outage = card.DefaultOutage()
	}
	_, err = doc.Bytes()
	return err
}

// InitOptions describes a new operator.
type InitOptions struct {
	Insurers      []InsurerFacts // more can be added later
	RootKeys      int            // 0 means 3
	RootThreshold int            // how many of them must sign a new root; 0 means 2
	Service       string         // name of the rights service as displayed; "" means DefaultService
}

// InitReport is what people must note down.
type InitReport struct {
	Fingerprint string // of the first root: what a counter is shown when it enrolls
	Root        []byte // 1.root.json
	Version     int64
	Warnings    []string
}

// Init makes keys and the trust repository and publishes its first version. The register must be new: ErrInitialised. An
// Init that was cut short can be run again: keys made by it are used, nothing else is there yet.
func (s *Issuer) Init(ctx context.Context, o InitOptions) (*InitReport, error) {
	if s.Offline == nil {
		return nil, ErrNoOfflineKeys
	}
	if o.RootKeys == 0 {
		o.RootKeys = 3
	}
	if o.RootThreshold == 0 {
		o.RootThreshold = min(2, o.RootKeys)
	}
	err := s.Store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		if err == nil && len(all) > 0 {
			err = ErrInitialised
		}
		if err == nil {
			if _, err = tx.LastPublication(); err == nil {
				err = ErrInitialised
			} else if errors.Is(err, register.ErrNotFound) {
				err = nil
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	now := s.now().UTC().Truncate(time.Second)
	create := trust.CreateOptions{RootThreshold: o.RootThreshold}
	for n := range o.RootKeys {
		k, err := ensureKey(s.Offline, rootKey(n+1))
		if err != nil {
			return nil, err
		}
		create.Root = append(create.Root, k.Public())
	}
	for _, k := range []struct {
		keys Keys
		name string
		to   *crypto.PublicKey
	}{{s.Offline, keyTargets, &create.Targets}, {s.Online, keySnapshot, &create.Snapshot}, {s.Online, keyTimestamp, &create.Timestamp}} {
		signer, err := ensureKey(k.keys, k.name)
		if err != nil {
			return nil, err
		}
		*k.to = signer.Public()
	}
	repo, err := trust.Create(now, create)
	if err != nil {
		return nil, fmt.Errorf("issuer: create the repository: %w", err)
	}
	codes := s.Codes
	if codes == nil {
		codes = rights.DefaultCodes()
	}
	if err := repo.SetTarget(trust.RoleTargets, codesPath, codes.Bytes(), nil); err != nil {
		return nil, fmt.Errorf("issuer: create the repository: %w", err)
	}
	service, err := s.serviceDocument(o.Service, now)
	if err != nil {
		return nil, err
	}
	if err := repo.SetTarget(trust.RoleTargets, servicePath, service, nil); err != nil {
		return nil, fmt.Errorf("issuer: create the repository: %w", err)
	}
	var insurers []register.Insurer
	for _, f := range o.Insurers {
		i, err := s.enroll(repo, f, now)
		if err != nil {
			return nil, err
		}
		insurers = append(insurers, i)
	}
	version, err := s.found(ctx, repo, 0, now, insurers, "init")
	if err != nil {
		return nil, err
	}
	root := repo.View().Root()
	return &InitReport{Fingerprint: trust.Fingerprint(root), Root: root, Version: version, Warnings: repo.Warnings()}, nil
}

// AddInsurer makes an insurer's keys, delegates to them and publishes, with the offline keys. ErrConcurrent: publish again.
func (s *Issuer) AddInsurer(ctx context.Context, f InsurerFacts) error {
	if s.Offline == nil {
		return ErrNoOfflineKeys
	}
	e, err := s.read(ctx)
	if err != nil {
		return err
	}
	if e.broken != nil {
		return e.broken
	}
	now := s.now().UTC().Truncate(time.Second)
	if now.Before(e.last.At) {
		return fmt.Errorf("%w: %s is before %s", ErrClock, now.Format(time.RFC3339), e.last.At.Format(time.RFC3339))
	}
	if _, known := e.insurers[f.AMC.Key()]; known {
		return fmt.Errorf("%w: insurer %s", ErrInitialised, f.AMC.Key())
	}
	i, err := s.enroll(e.repo, f, now)
	if err != nil {
		return err
	}
	if err := anchor(e.repo, e.head); err != nil {
		return err
	}
	_, err = s.found(ctx, e.repo, e.last.Version, now, []register.Insurer{i}, "insurer")
	return err
}

// enroll makes an insurer's keys and its part of the repository.
func (s *Issuer) enroll(repo *trust.Repo, f InsurerFacts, now time.Time) (register.Insurer, error) {
	key := f.AMC.Key()
	i := register.Insurer{Key: key, Keys: keyNames(key)}
	made := map[string]crypto.Signer{}
	for _, k := range []struct {
		keys Keys
		name string
	}{{s.Offline, i.Keys.Insurer}, {s.Online, i.Keys.Status}, {s.Online, i.Keys.Card}, {s.Online, i.Keys.List}} {
		signer, err := ensureKey(k.keys, k.name)
		if err != nil {
			return register.Insurer{}, err
		}
		made[k.name] = signer
	}
	doc := card.Insurer{AMC: f.AMC, Name: f.Name, PhoneProfessionals: f.PhoneProfessionals, PhoneMembers: f.PhoneMembers, Outage: f.Outage}
	if doc.Outage.Default == (card.Limits{}) && len(doc.Outage.Domains) == 0 {
		doc.Outage = card.DefaultOutage()
	}
	cardPublic, err := public(card.Kind, made[i.Keys.Card], key, now)
	if err != nil {
		return register.Insurer{}, err
	}
	listPublic, err := public(status.TokenKind, made[i.Keys.List], key, now)
	if err != nil {
		return register.Insurer{}, err
	}
	doc.CardKeys, doc.StatusKeys = []*signing.PublicKey{cardPublic}, []*signing.PublicKey{listPublic}
	if i.Document, err = doc.Bytes(); err != nil {
		return register.Insurer{}, fmt.Errorf("issuer: facts of insurer %s: %w", key, err)
	}
	if err := repo.AddInsurer(key, made[i.Keys.Insurer].Public(), made[i.Keys.Status].Public()); err != nil {
		return register.Insurer{}, fmt.Errorf("issuer: insurer %s: %w", key, err)
	}
	if err := repo.SetTarget(trust.InsurerRole(key), insurerPath(key), i.Document, nil); err != nil {
		return register.Insurer{}, fmt.Errorf("issuer: insurer %s: %w", key, err)
	}
	return i, nil
}

// public is a key as issuer.json names it: active from now on, without an end until it is rotated.
func public(kind signing.Kind, signer crypto.Signer, owner string, from time.Time) (*signing.PublicKey, error) {
	ec, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("issuer: a key store gave a key that is not ECDSA")
	}
	k, err := signing.NewPublicKey(kind, ec)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	k.Owner = owner
	return k, k.SetWindow(from, time.Time{})
}

// found commits the repository and stores it with the insurers it speaks of, or ErrConcurrent and nothing.
func (s *Issuer) found(ctx context.Context, repo *trust.Repo, last int64, now time.Time, insurers []register.Insurer, act string) (int64, error) {
	files, err := repo.Commit(now, s.ring().forRepo(repo))
	if err != nil {
		return 0, fmt.Errorf("issuer: publish: %w", err)
	}
	version := repo.View().Version()
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		for _, i := range insurers {
			if err := tx.PutInsurer(i); err != nil {
				return err
			}
			if err := s.audit(tx, act, map[string]string{"insurer": i.Key, "fingerprint": repo.View().Fingerprint()}); err != nil {
				return err
			}
		}
		return s.publication(tx, repo.View(), now, published(files))
	})
	if errors.Is(err, register.ErrConflict) {
		return 0, fmt.Errorf("%w: %w", ErrConcurrent, err)
	}
	if err == nil && version != last+1 {
		return 0, fmt.Errorf("%w: version %d follows %d", ErrDamaged, version, last)
	}
	return version, err
}
