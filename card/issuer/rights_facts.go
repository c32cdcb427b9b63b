// What an online check relies on: the insurers' documents in force, and of the lists the one card that is asked about.

package issuer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing/trust"
)

// factCache holds the newest facts; they are read again after cacheLife, and parsed again only when their bytes changed.
type factCache struct {
	mu   sync.Mutex
	last *liveFacts
}

// liveFacts are those of one moment; they never change.
type liveFacts struct {
	read      time.Time
	insurers  map[string]*insurerFacts
	owners    map[string]string // kid of a card key → insurer's key
	codes     *rights.Codes
	service   *card.Service // service.json; nil for none
	published int64         // version that codes and service are of
}

type insurerFacts struct {
	document []byte
	issuer   offline.Issuer
}

// factsNow returns facts that are at most cacheLife old.
func (s *Issuer) factsNow(ctx context.Context, now time.Time) (*liveFacts, error) {
	c := &s.living().facts
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil {
		if age := now.Sub(c.last.read); age >= 0 && age < cacheLife {
			return c.last, nil
		}
	}
	next, err := s.readFacts(ctx, c.last, now)
	if err != nil {
		return nil, err
	}
	c.last = next
	return next, nil
}

// forget makes the next question read the facts anew.
func (c *factCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil {
		aged := *c.last // what is parsed is kept
		aged.read = time.Time{}
		c.last = &aged
	}
}

func (s *Issuer) readFacts(ctx context.Context, last *liveFacts, now time.Time) (*liveFacts, error) {
	next := &liveFacts{read: now, insurers: map[string]*insurerFacts{}, owners: map[string]string{}}
	if last == nil {
		last = &liveFacts{}
	}
	err := s.Store.View(ctx, func(tx register.Tx) error {
		if err := s.readCodes(tx, last, next); err != nil {
			return err
		}
		all, err := tx.Insurers()
		if err != nil {
			return err
		}
		for _, i := range all {
			f := last.insurers[i.Key]
			if f == nil || !bytes.Equal(f.document, i.Document) || f.issuer.Codes != next.codes {
				if f, err = parseFacts(i, next.codes); err != nil {
					return err
				}
			}
			next.insurers[i.Key] = f
			for _, k := range f.issuer.Insurer.CardKeys {
				next.owners[k.KID] = i.Key
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// readCodes takes the published tables and service.json, which only a publication changes.
func (s *Issuer) readCodes(tx register.Tx, last, next *liveFacts) error {
	p, err := tx.LastPublication()
	if errors.Is(err, register.ErrNotFound) {
		return fmt.Errorf("%w: never initialised", ErrDamaged)
	}
	if err != nil {
		return err
	}
	next.published, next.codes, next.service = p.Version, last.codes, last.service
	if next.codes != nil && last.published == p.Version {
		return nil
	}
	t, err := openPublished(tx)
	if err != nil {
		return err
	}
	if next.service, err = readService(tx, t); err != nil {
		return err
	}
	info, err := t.Target(codesPath)
	if err != nil {
		return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	b, err := tx.File(info.FetchPath())
	if err != nil {
		return err
	}
	if err := info.Check(b); err != nil {
		return fmt.Errorf("%w: published code tables: %w", ErrDamaged, err)
	}
	if next.codes != nil && bytes.Equal(next.codes.Bytes(), b) {
		return nil
	}
	if next.codes, err = rights.ParseCodes(b); err != nil {
		return fmt.Errorf("%w: published code tables: %w", ErrDamaged, err)
	}
	return nil
}

func parseFacts(i register.Insurer, codes *rights.Codes) (*insurerFacts, error) {
	doc, err := card.ParseInsurer(i.Document)
	if err != nil {
		return nil, fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
	}
	keys, err := doc.Keyring()
	if err != nil {
		return nil, fmt.Errorf("%w: keys of %s: %w", ErrDamaged, i.Key, err)
	}
	return &insurerFacts{document: i.Document, issuer: offline.Issuer{Insurer: doc, Keys: keys, Codes: codes}}, nil
}

// present is what the register knows at one moment about one card, in the terms of the counter's own code.
type present struct {
	facts *liveFacts
	now   time.Time
	page  *status.Page // of the card's list, holding this card alone; nil until it is known which
}

// Issuer implements offline.Facts: the list is as new as the question.
func (p *present) Issuer(key string) (*offline.Issuer, error) {
	f := p.facts.insurers[key]
	if f == nil {
		return nil, offline.ErrUnknownIssuer
	}
	i := f.issuer
	i.Published, i.Expires = p.now, p.now.Add(time.Hour)
	// Of a stolen key: the register is the list. Which card it is it will be asked next, and whoever forged one is then told so.
	i.Issued = func(string, [16]byte) (bool, error) { return true, nil }
	return &i, nil
}

// Page implements offline.Facts.
func (p *present) Page(key string, list uint32) (*status.Page, error) {
	if p.page == nil || p.page.Issuer() != key || p.page.List() != list {
		return nil, offline.ErrNoPage
	}
	return p.page, nil
}

// OwnerOf implements offline.Facts.
func (p *present) OwnerOf(kid string) (string, error) {
	if key, ok := p.facts.owners[kid]; ok {
		return key, nil
	}
	return "", offline.ErrUnknownIssuer
}

// pageOf is the page of a list as it would be with this card's events alone, those not yet published included.
func pageOf(insurer string, place card.Place, events []register.Event, today rights.Date) (*status.Page, error) {
	page := status.New(insurer, place.List)
	if len(events) == 0 {
		return page, nil
	}
	entries := make([]status.Entry, len(events))
	for n, e := range events {
		day := e.Published
		if day == 0 {
			day = today
		}
		if n > 0 { // by the order in which they are published, whatever the clock did meanwhile
			day = max(day, entries[n-1].Published)
		}
		entries[n] = status.Entry{Index: place.Index, From: e.From, Published: day, Kind: e.Kind}
	}
	page, err := page.Append(entries)
	if err != nil {
		return nil, fmt.Errorf("%w: events of card %s: %w", ErrDamaged, place, err)
	}
	return page, nil
}

// holdingOf reads a card with its contract and events in one committed state.
func (s *Issuer) holdingOf(ctx context.Context, p card.Place) (register.Holding, error) {
	if h, ok := s.Store.(register.Holder); ok {
		return h.Holding(ctx, p)
	}
	var h register.Holding
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		if h.Card, err = tx.Card(p); err != nil {
			return err
		}
		if h.Contract, err = tx.Contract(h.Card.Contract); err != nil {
			return err
		}
		h.Events, err = tx.EventsOf(p)
		return err
	})
	if err != nil {
		return register.Holding{}, err
	}
	return h, nil
}

// openPublished is what a counter would trust, from the files of the register.
func openPublished(tx register.Tx) (*trust.Trusted, error) {
	root, err := tx.File(rootPath)
	if err != nil {
		return nil, err
	}
	t, err := trust.Open(reader(tx), root)
	if err != nil {
		return nil, fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	return t, nil
}
