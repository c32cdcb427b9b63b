// Gathering the facts by which receipts are judged, each of them read once for a batch.

package reconcile

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
)

// gatherer reads facts in one transaction.
type gatherer struct {
	tx       register.Tx
	arrived  time.Time
	cards    map[string]cardFacts
	insurers map[string]*register.Insurer // nil for one of another operator
	released map[int64]publications
	facts    map[string]*card.Insurer // by key and policy
}

type cardFacts struct {
	jws    string
	events []register.Event
}

type publications struct {
	made  []issuer.Released
	first *issuer.Released // the first that is remembered, when the date lies before it
}

func gather(tx register.Tx, arrived time.Time) *gatherer {
	return &gatherer{tx: tx, arrived: arrived, cards: map[string]cardFacts{}, insurers: map[string]*register.Insurer{},
		released: map[int64]publications{}, facts: map[string]*card.Insurer{}}
}

// of gathers the facts of one receipt. A receipt that promises nothing needs none.
func (g *gatherer) of(r receipt.Receipt, counters []string) (Facts, error) {
	f := Facts{Counters: counters, Arrived: g.arrived}
	if r.PayUntil.IsZero() {
		return f, nil
	}
	key, place, _ := strings.Cut(r.Card, "/")
	ins, err := g.insurer(key)
	if err != nil || ins == nil {
		return f, err
	}
	f.Ours = true
	if counters == nil {
		return f, nil
	}
	c, err := g.card(key, place)
	if err != nil {
		return f, err
	}
	f.Card, f.Events = c.jws, c.events
	if r.Mode == receipt.Online {
		if r.Accord == "" {
			return f, nil
		}
		check, err := g.tx.CheckByNumber(string(r.Accord))
		if errors.Is(err, register.ErrNotFound) {
			return f, nil
		}
		if err != nil {
			return f, err
		}
		f.Check = &check
		f.Counters, err = g.before(counters, check.Counter)
		return f, err
	}
	if f.Stolen, err = g.stolen(*ins, r.KID); err != nil {
		return f, err
	}
	f.Released, err = g.releases(r, *ins, c)
	return f, err
}

// before adds the id under which an accord was given when it was the same establishment's and ended since: a pharmacy whose
// credential was stolen enrols anew, and sends what it was told before.
func (g *gatherer) before(counters []string, gave string) ([]string, error) {
	if len(counters) == 0 || slices.Contains(counters, gave) {
		return counters, nil
	}
	mine, err := issuer.CounterIn(g.tx, counters[0])
	if errors.Is(err, issuer.ErrUnknownCounter) {
		return counters, nil
	}
	if err != nil {
		return nil, err
	}
	old, err := issuer.CounterIn(g.tx, gave)
	if errors.Is(err, issuer.ErrUnknownCounter) {
		return counters, nil
	}
	if err != nil {
		return nil, err
	}
	if old.State != issuer.CounterRevoked || old.FINESS != mine.FINESS {
		return counters, nil
	}
	return append(slices.Clip(counters), gave), nil
}

// stolen says whether a card key of an insurer is listed by now.
func (g *gatherer) stolen(ins register.Insurer, kid string) (bool, error) {
	now, err := g.published(ins, issuer.Policy(ins.Document))
	if err != nil || now == nil {
		return false, err
	}
	for _, k := range now.CardKeys {
		if k.KID == kid {
			return k.State == signing.StateListed, nil
		}
	}
	return false, nil
}

func (g *gatherer) insurer(key string) (*register.Insurer, error) {
	if i, ok := g.insurers[key]; ok {
		return i, nil
	}
	i, err := g.tx.Insurer(key)
	switch {
	case errors.Is(err, register.ErrNotFound):
		g.insurers[key] = nil
		return nil, nil
	case err != nil:
		return nil, err
	}
	g.insurers[key] = &i
	return &i, nil
}

// card reads a signed card of an insurer, and what became of it.
func (g *gatherer) card(key, place string) (cardFacts, error) {
	name := key + "/" + place
	if c, ok := g.cards[name]; ok {
		return c, nil
	}
	p, err := card.ParsePlace(place)
	if err != nil {
		return cardFacts{}, nil
	}
	var c cardFacts
	row, err := g.tx.Card(p)
	if err != nil && !errors.Is(err, register.ErrNotFound) {
		return cardFacts{}, err
	}
	if err == nil && row.State != register.Intent && row.Contract.Insurer == key {
		c.jws = signing.SigningInput(card.Kind, row.KID, row.Payload) + "." + base64.RawURLEncoding.EncodeToString(row.Signature)
		if c.events, err = g.tx.EventsOf(p); err != nil {
			return cardFacts{}, err
		}
	}
	g.cards[name] = c
	return c, nil
}

// releases are the publications of the receipt's date.
func (g *gatherer) releases(r receipt.Receipt, ins register.Insurer, c cardFacts) ([]Release, error) {
	at := r.Published.Unix()
	p, ok := g.released[at]
	if !ok {
		made, first, err := issuer.ReleasedAt(g.tx, r.Published)
		if err != nil {
			return nil, err
		}
		p.made = made
		if first != nil && r.Published.Before(first.At) {
			p.first = first
		}
		g.released[at] = p
	}
	var out []Release
	for _, m := range p.made {
		rev, listed := m.Lists[r.List]
		rel := Release{At: m.At, Expires: m.Expires, Revision: rev, Listed: listed, Policy: m.Policies[ins.Key]}
		var err error
		if rel.Insurer, err = g.published(ins, rel.Policy); err != nil {
			return nil, err
		}
		out = append(out, rel)
	}
	if p.first != nil {
		early, err := g.early(r, ins, c, p.first)
		if err != nil {
			return nil, err
		}
		out = append(out, early...)
	}
	return out, nil
}

// early believes a receipt about a publication from before publications were remembered, unless the register contradicts it:
// the register no longer knows what was published on which second, and that is not the counter's fault.
func (g *gatherer) early(r receipt.Receipt, ins register.Insurer, c cardFacts, first *issuer.Released) ([]Release, error) {
	if rev, listed := first.Lists[r.List]; !listed || r.Revision > rev {
		return nil, nil
	}
	day := rights.DateAt(r.Published)
	for _, e := range c.events {
		if e.Revision > 0 && (e.Revision <= r.Revision && e.Published > day || e.Revision > r.Revision && e.Published < day) {
			return nil, nil
		}
	}
	doc, err := g.published(ins, r.Policy)
	if err != nil {
		return nil, err
	}
	rel := Release{At: r.Published, Expires: first.Expires, Revision: r.Revision, Listed: true, Policy: r.Policy, Insurer: doc}
	expired := rel
	expired.Expires = r.Published
	return []Release{rel, expired}, nil
}

// published reads the issuer.json that was published under a policy, or that is in force under it; nil for none.
func (g *gatherer) published(ins register.Insurer, policy string) (*card.Insurer, error) {
	id := ins.Key + "." + policy
	if i, ok := g.facts[id]; ok || policy == "" {
		return i, nil
	}
	doc, err := issuer.ReleasedFacts(g.tx, ins.Key, policy)
	if errors.Is(err, register.ErrNotFound) {
		if doc, err = nil, nil; issuer.Policy(ins.Document) == policy {
			doc = ins.Document
		}
	}
	if err != nil || doc == nil {
		g.facts[id] = nil
		return nil, err
	}
	i, err := card.ParseInsurer(doc)
	if err != nil {
		return nil, err
	}
	g.facts[id] = i
	return i, nil
}
