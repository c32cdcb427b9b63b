// A whole country's lists, made as an operator would publish them: 84 insurers, 33 million cards, 1 million ended rights.

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/fixtures/gen"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

const (
	nationCards   = 33_000_000
	nationEntries = 1_000_000
	listFill      = 1 << 19 // places used before an issuer opens the next list
)

// nation is a published repository and one card to check against it.
type nation struct {
	dir     string
	code    string // code text of a card that is valid
	lists   int
	entries int
}

func makeNation(dir string, now time.Time) (*nation, error) {
	keys := map[string]*ecdsa.PrivateKey{}
	key := func(name string) *ecdsa.PrivateKey {
		if keys[name] == nil {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				panic(err)
			}
			keys[name] = k
		}
		return keys[name]
	}
	repo, err := trust.Create(now, trust.CreateOptions{Root: []crypto.PublicKey{key("root").Public()}, RootThreshold: 1,
		Targets: key("targets").Public(), Snapshot: key("snapshot").Public(), Timestamp: key("timestamp").Public()})
	if err != nil {
		return nil, err
	}
	if err := repo.SetTarget(trust.RoleTargets, "codes.json", rights.DefaultCodes().Bytes(), nil); err != nil {
		return nil, err
	}
	day, err := rights.NewDate(2027, 3, 2)
	if err != nil {
		return nil, err
	}
	people, err := gen.New(1, gen.Options{Households: 1, Insurers: gen.MaxInsurers, From: day - 60, To: day + 304})
	if err != nil {
		return nil, err
	}
	n := &nation{dir: dir}
	random := mathrand.New(mathrand.NewPCG(2, 4))
	list := uint32(0)
	insurers := people.Insurers()
	for rank, i := range insurers {
		amc := i.AMC.Key()
		if err := repo.AddInsurer(amc, key(trust.InsurerRole(amc)).Public(), key(trust.StatusRole(amc)).Public()); err != nil {
			return nil, err
		}
		public, err := signing.NewPublicKey(card.Kind, &key("card-"+amc).PublicKey)
		if err != nil {
			return nil, err
		}
		public.Owner = amc
		doc, err := (&card.Insurer{AMC: i.AMC, Name: i.Name, CardKeys: []*signing.PublicKey{public},
			Outage: card.OutagePolicy{Default: card.Limits{ReserveHours: 48, RefuseHours: 720}}}).Bytes()
		if err != nil {
			return nil, err
		}
		if err := repo.SetTarget(trust.InsurerRole(amc), "amc/"+amc+"/issuer.json", doc, nil); err != nil {
			return nil, err
		}
		// A few large insurers and many small ones: the share falls with the rank.
		cards := int(float64(nationCards) * 2 * float64(len(insurers)-rank) / float64(len(insurers)*(len(insurers)+1)))
		for ; cards > 0; cards -= listFill {
			list++
			count := int(float64(min(cards, listFill)) / nationCards * nationEntries)
			page, err := status.New(amc, list).Append(endedRights(random, count, day))
			if err != nil {
				return nil, err
			}
			n.lists++
			n.entries += page.Len()
			if err := repo.SetTarget(trust.StatusRole(amc), fmt.Sprintf("amc/%s/status/%d", amc, list), page.Encode(), nil); err != nil {
				return nil, err
			}
			if n.code == "" {
				signer, err := signing.NewSigner(card.Kind, key("card-"+amc))
				if err != nil {
					return nil, err
				}
				c := gen.Household(7, 3)
				c.Insurer = i.AMC
				token, _, err := seal(signer, c, freePlace(page, list), now)
				if err != nil {
					return nil, err
				}
				n.code = token.CodeText()
			}
		}
	}
	files, err := repo.Commit(now, func(role string) ([]crypto.Signer, error) { return []crypto.Signer{key(role)}, nil })
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// endedRights draws what a year brings: two thirds of the ends fall on the first of a month, most become public within
// three weeks, and one in twenty is a suspension or its end.
func endedRights(random *mathrand.Rand, count int, day rights.Date) []status.Entry {
	entries := make([]status.Entry, 0, count)
	for len(entries) < count {
		from := day - rights.Date(random.IntN(365))
		if random.IntN(3) > 0 {
			t := from.Midnight()
			from = rights.DateAt(time.Date(t.Year(), t.Month(), 1, 12, 0, 0, 0, t.Location()))
		}
		kind := status.Void
		switch n := random.IntN(100); {
		case n < 1:
			kind = status.Restored
		case n < 5:
			kind = status.Suspended
		case n < 30:
			kind = status.Replaced
		}
		entries = append(entries, status.Entry{Index: uint32(random.IntN(card.MaxIndex + 1)), From: from,
			Published: from + rights.Date(random.IntN(21)), Kind: kind})
	}
	return inPublicationOrder(entries)
}

// inPublicationOrder keeps the first event of each index: a second one would need a later publication day.
func inPublicationOrder(entries []status.Entry) []status.Entry {
	seen := map[uint32]bool{}
	out := entries[:0]
	for _, e := range entries {
		if !seen[e.Index] {
			seen[e.Index] = true
			out = append(out, e)
		}
	}
	return out
}

func freePlace(p *status.Page, list uint32) card.Place {
	for i := uint32(12345); ; i++ {
		if s := p.At(i, rights.Date(1)); !s.Ended() {
			return card.Place{List: list, Index: i}
		}
	}
}
