// A register with a country's ended rights, made fast: publication reads events, not cards.

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/card/status"
	"sceau/fixtures/gen"
	"sceau/rights"
)

// country is an operator of 84 insurers on a SQLite register.
type country struct {
	path    string
	store   *sqlite.Store
	issuer  *issuer.Issuer
	now     time.Time
	parts   []part // of the places, by list
	random  *mathrand.Rand
	taken   map[card.Place]bool
	insert  *sql.DB
	entries int
}

// part is a list and how many cards are on it.
type part struct {
	list  uint32
	cards int
}

func (c *country) lists() int { return len(c.parts) }

func foundCountry(ctx context.Context, dir string) (*country, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	c := &country{path: filepath.Join(dir, "register.db"), now: time.Date(2027, 3, 2, 8, 0, 0, 0, time.UTC), random: mathrand.New(mathrand.NewPCG(2, 4)), taken: map[card.Place]bool{}}
	var err error
	if c.store, err = sqlite.Create(c.path, sqlite.Options{}); err != nil {
		return nil, err
	}
	keys := &memoryKeys{held: map[string]*ecdsa.PrivateKey{}}
	c.issuer = &issuer.Issuer{Store: c.store, Online: keys, Offline: keys, Now: func() time.Time { return c.now }, Actor: "bench"}
	day, err := rights.NewDate(2027, 3, 2)
	if err != nil {
		return nil, err
	}
	people, err := gen.New(1, gen.Options{Households: 1, Insurers: gen.MaxInsurers, From: day - 60, To: day + 304})
	if err != nil {
		return nil, err
	}
	var all []issuer.InsurerFacts
	for _, i := range people.Insurers() {
		all = append(all, issuer.InsurerFacts{AMC: i.AMC, Name: i.Name})
	}
	if _, err := c.issuer.Init(ctx, issuer.InitOptions{Insurers: all}); err != nil {
		return nil, err
	}
	err = c.store.Update(ctx, func(tx register.Tx) error {
		for rank, i := range all {
			// A few large insurers and many small ones, as in the other part.
			cards := int(float64(nationCards) * 2 * float64(len(all)-rank) / float64(len(all)*(len(all)+1)))
			for ; cards > 0; cards -= listFill {
				l, err := tx.AddList(i.AMC.Key())
				if err != nil {
					return err
				}
				c.parts = append(c.parts, part{l.Number, min(cards, listFill)})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Events without their cards: a million cards would take ten times as long to make and are not read.
	c.insert, err = sql.Open("sqlite", "file:"+c.path+"?_pragma=foreign_keys(0)&_pragma=busy_timeout(10000)")
	return c, err
}

func (c *country) close() { _ = errors.Join(c.insert.Close(), c.store.Close()) }

// tomorrow is a day later.
func (c *country) tomorrow() { c.now = c.now.Add(24 * time.Hour) }

// end lets rights end: count of them over all lists, by their cards. In one day ends are near that day; in what a year brought they are
// anywhere in it.
func (c *country) end(count int, daily bool) error {
	day := rights.DateAt(c.now)
	tx, err := c.insert.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	add, err := tx.Prepare(`INSERT INTO event (list, idx, kind, from_day, class, actor, at) VALUES (?, ?, ?, ?, '', 'bench', ?)`)
	if err != nil {
		return err
	}
	left := nationCards
	for _, p := range c.parts {
		share := count * p.cards / left
		count, left = count-share, left-p.cards
		for range share {
			place := card.Place{List: p.list, Index: uint32(c.random.IntN(card.MaxIndex + 1))}
			for c.taken[place] {
				place.Index = uint32(c.random.IntN(card.MaxIndex + 1))
			}
			c.taken[place] = true
			if _, err := add.Exec(place.List, place.Index, int(c.kind()), int64(c.from(day, daily)), c.now.Unix()); err != nil {
				return err
			}
			c.entries++
		}
	}
	return tx.Commit()
}

// from draws the first day of an end: two thirds fall on the first of a month. What one day brings began in the three weeks before.
func (c *country) from(day rights.Date, daily bool) rights.Date {
	first := func(d rights.Date) rights.Date {
		t := d.Midnight()
		return rights.DateAt(time.Date(t.Year(), t.Month(), 1, 12, 0, 0, 0, t.Location()))
	}
	if !daily {
		from := day - rights.Date(c.random.IntN(365))
		if c.random.IntN(3) > 0 {
			from = first(from)
		}
		return from
	}
	if c.random.IntN(3) > 0 {
		return first(day)
	}
	return day - rights.Date(c.random.IntN(21))
}

func (c *country) kind() status.Kind {
	switch n := c.random.IntN(100); {
	case n < 1:
		return status.Restored
	case n < 5:
		return status.Suspended
	case n < 30:
		return status.Replaced
	}
	return status.Void
}

// pages is the size of all lists as they are published.
func (c *country) pages(ctx context.Context) (size int64, err error) {
	err = c.store.View(ctx, func(tx register.Tx) error {
		for _, p := range c.parts {
			b, err := tx.Page(p.list)
			if err != nil {
				return err
			}
			size += int64(len(b))
		}
		return nil
	})
	return size, err
}

// memoryKeys holds keys as a key folder does, without its files.
type memoryKeys struct {
	mu   sync.Mutex
	held map[string]*ecdsa.PrivateKey
}

// Signer implements issuer.Keys.
func (m *memoryKeys) Signer(name string) (crypto.Signer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.held[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("key %s: %w", name, fs.ErrNotExist)
}

// Generate implements issuer.Keys.
func (m *memoryKeys) Generate(name string) (crypto.Signer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[name] != nil {
		return nil, fmt.Errorf("key %s: %w", name, fs.ErrExist)
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	m.held[name] = k
	return k, nil
}

// Names implements issuer.Keys.
func (m *memoryKeys) Names() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.held)), nil
}
