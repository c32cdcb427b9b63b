// Package issuer is the core of the first actor: it imports contracts, issues and reprints cards, changes their status,
// publishes, and checks itself. It knows no HTTP, no SQL and no terminal.
//
// # Order of things
//
// A card is first an intent in the register, with its place, its payload and an entry of the sign log; only when that is
// committed does a key sign. The signature is verified and committed; only then is the card handed to the caller's emit.
// So every signature that ever existed has an entry, and whatever leaves the program is in the register. A crash leaves
// intents, which the next Issue finishes with the same signing input.
//
// Several issuers, also of several processes, may work on one register.
package issuer

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// Keys hands out private keys by name. *keystore.Store is one.
type Keys interface {
	// Signer returns the key of that name; it fails when there is none.
	Signer(name string) (crypto.Signer, error)
	// Generate makes a P-256 key that is durable when it returns; it refuses to overwrite one.
	Generate(name string) (crypto.Signer, error)
	// Names lists the keys that are held, in any order.
	Names() ([]string, error)
}

// Issuer works on one register. Store and Online are required; the zero values of the rest are sound defaults.
type Issuer struct {
	Store   register.Store
	Online  Keys             // card, list, amc-…-status, snapshot, timestamp
	Offline Keys             // root-…, targets, amc-…; nil when they are locked away
	Now     func() time.Time // the clock; nil means time.Now
	Rand    io.Reader        // draws places; nil means crypto/rand
	Actor   string           // who acts, for the audit chain and the events; never a beneficiary
	Batch   int              // cards or contracts in one transaction; 0 means 1,000
	// SignRate is how many signatures a second each card key makes in this process, at most; 0 means as many as it can.
	SignRate int

	// Codes is published as codes.json by Init, and by Publish when it changed; nil means the program's own tables in Init
	// and those already published in Publish.
	Codes *rights.Codes
	// Professions are the codes that a counter may be invited with; none for every code of the form.
	Professions []string
	// PublicURL is where the published directory can be fetched, with or without the last "/": it only goes into the Token Status Lists,
	// whose standard wants a URI. Empty leaves a relative one.
	PublicURL string

	// Limits are what one pair of eyes may do in a day; the zero value has the defaults.
	Limits Limits

	tenant string // insurer for whom is acted, for the audit chain: see As

	// fill is how many places of a list are used before the next is opened; 0 means half of them, so that drawing a free
	// place at random takes two draws at worst, on average.
	fill int64

	runEntries int // cards that are sorted at a time when a campaign is planned; 0 means 50,000

	// Report is told what work in the background met and will try again; nil for nobody.
	Report func(error)

	// live is made by the first check or counter that is asked for; As shares it.
	live *live
}

// Errors of this package; test them with errors.Is.
var (
	// ErrInitialised says that Init was called on a register that has insurers or publications.
	ErrInitialised = errors.New("issuer: the register is already initialised")
	// ErrUnknownInsurer says that the insurer is not in the register.
	ErrUnknownInsurer = errors.New("issuer: unknown insurer")
	// ErrUnknownCard says that no card has this number.
	ErrUnknownCard = errors.New("issuer: unknown card")
	// ErrUnknownContract says that the register has no such contract.
	ErrUnknownContract = errors.New("issuer: unknown contract")
	// ErrNoOfflineKeys says that the change must be signed by a key of the offline folder, which was not given.
	ErrNoOfflineKeys = errors.New("issuer: the offline keys are needed")
	// ErrNoCardKey says that the insurer's card key may not sign now: not active, or outside its issue window.
	ErrNoCardKey = errors.New("issuer: no card key may sign at this time")
	// ErrRejected says that a strict import met rejects and stored nothing.
	ErrRejected = errors.New("issuer: lines were rejected, nothing was imported")
	// ErrConcurrent says that another publisher published first. Nothing was stored: publish again.
	ErrConcurrent = errors.New("issuer: another publication was made meanwhile")
	// ErrClock says that the clock stands before the last publication. Nothing was stored: set the clock.
	ErrClock = errors.New("issuer: the clock stands before the last publication")
	// ErrState says that a card's present state forbids the change.
	ErrState = errors.New("issuer: the card's state forbids this")
	// ErrTargets says that lines of a target file are faulty; *TargetsError has them.
	ErrTargets = errors.New("issuer: faulty lines, nothing was done")
	// ErrDamaged says that the register contradicts itself: run fsck and restore a backup.
	ErrDamaged = errors.New("issuer: the register contradicts itself")
)

func (s *Issuer) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Issuer) random() io.Reader {
	if s.Rand == nil {
		return rand.Reader
	}
	return s.Rand
}

func (s *Issuer) batch() int {
	if s.Batch <= 0 {
		return 1000
	}
	return s.Batch
}

// audit appends what was done to the chain, in the transaction that does it.
func (s *Issuer) audit(tx register.Tx, act string, detail any) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("issuer: audit: %w", err)
	}
	body, err := register.AuditRecord{Actor: s.Actor, Insurer: s.tenant, Act: act, Detail: b}.Body()
	if err != nil {
		return err
	}
	_, err = tx.AppendAudit(body, s.now())
	return err
}

// insurer reads an insurer and names the error.
func insurer(tx register.Tx, key string) (register.Insurer, error) {
	i, err := tx.Insurer(key)
	if errors.Is(err, register.ErrNotFound) {
		return register.Insurer{}, fmt.Errorf("%w: %.10q", ErrUnknownInsurer, key)
	}
	return i, err
}

// insurers returns the keys of all insurers.
func (s *Issuer) insurers(ctx context.Context) ([]string, error) {
	var keys []string
	err := s.Store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		for _, i := range all {
			keys = append(keys, i.Key)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}
