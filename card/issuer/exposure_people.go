// From the traces to people: each once, contract by contract, from what the register keeps about them.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// census walks from the traces to the people whom they concern.
type census struct {
	*traces
	each  func(Exposed) error
	facts map[string]*card.Insurer
	today rights.Date
	batch []Exposed // found in the present transaction, handed out behind it
}

// walk hands out everybody once: those whose contract was read, then those of the cards in the traces, or all of an insurer.
func (w *census) walk(ctx context.Context) error {
	w.today = rights.DateAt(w.out.At)
	w.facts = map[string]*card.Insurer{}
	err := w.issuer.Store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		for _, i := range all {
			if doc, err := card.ParseInsurer(i.Document); err == nil {
				w.facts[i.Key] = doc
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, insurer := range w.out.Everyone {
		if err := w.all(ctx, insurer); err != nil {
			return err
		}
	}
	keys := slices.Sorted(maps.Keys(w.files))
	for part := range slices.Chunk(keys, 256) {
		err := w.view(ctx, func(tx register.Tx) error {
			for _, key := range part {
				if err := w.fileOf(tx, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, list := range slices.Sorted(maps.Keys(w.places)) {
		if err := w.cardsOf(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// view runs fn in one transaction and hands out afterwards what it found.
func (w *census) view(ctx context.Context, fn func(register.Tx) error) error {
	w.batch = w.batch[:0]
	if err := w.issuer.Store.View(ctx, fn); err != nil {
		return err
	}
	for _, p := range w.batch {
		if err := w.each(p); err != nil {
			return err
		}
	}
	return nil
}

// fileOf takes a contract that the audit chain names, unless all of its insurer are taken.
func (w *census) fileOf(tx register.Tx, key string) error {
	insurer, id, _ := strings.Cut(key, "\x00")
	if w.reach[insurer] != 0 {
		return nil
	}
	c, err := w.issuer.byPseudonym(tx, insurer, id)
	if errors.Is(err, ErrUnknownContract) {
		w.out.UnknownFiles++
		return nil
	}
	if err != nil {
		return err
	}
	cards, err := tx.CardsOf(c.Key)
	if err != nil {
		return err
	}
	return w.contract(tx, c, cards, w.files[key])
}

// all takes every contract of an insurer.
func (w *census) all(ctx context.Context, insurer string) error {
	for after, n := "", 256; n == 256; {
		err := w.view(ctx, func(tx register.Tx) error {
			page, err := tx.ContractsAfter(insurer, after, 256)
			if err != nil {
				return err
			}
			n = len(page)
			for _, c := range page {
				after = c.Key.Adherent
				cards, err := tx.CardsOf(c.Key)
				if err != nil {
					return err
				}
				f, err := w.known(c.Key)
				if err != nil {
					return err
				}
				if err := w.contract(tx, c, cards, f); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// known is what the audit chain says of a contract, nil for nothing.
func (w *census) known(k register.ContractKey) (*fileRead, error) {
	if len(w.files) == 0 {
		return nil, nil
	}
	id, err := w.issuer.PseudonymOf(k)
	if err != nil {
		return nil, err
	}
	return w.files[k.Insurer+"\x00"+id], nil
}

// cardsOf takes the contracts of the cards of one list that are in the traces. A contract with several such cards is taken at
// the first of them, so that nothing has to be remembered.
func (w *census) cardsOf(ctx context.Context, list uint32) error {
	m := w.places[list]
	for index := uint32(0); index < listPlaces; {
		err := w.view(ctx, func(tx register.Tx) error {
			for taken := 0; index < listPlaces && taken < 256; index++ {
				if index%64 == 0 && m.word(index) == 0 {
					index += 63
					continue
				}
				if !m.any(index) {
					continue
				}
				taken++
				if err := w.cardOf(tx, card.Place{List: list, Index: index}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// word is 64 cards at once: those of which anything is known.
func (m *marks) word(index uint32) (bits uint64) {
	for _, p := range m {
		if p != nil {
			bits |= p[index/64]
		}
	}
	return bits
}

func (w *census) cardOf(tx register.Tx, p card.Place) error {
	k, err := tx.Card(p)
	if errors.Is(err, register.ErrNotFound) {
		w.out.UnknownCards++
		return nil
	}
	if err != nil || w.reach[k.Contract.Insurer] != 0 {
		return err
	}
	f, err := w.known(k.Contract)
	if err != nil || f != nil {
		return err
	}
	cards, err := tx.CardsOf(k.Contract)
	if err != nil {
		return err
	}
	for _, other := range cards {
		if could, _ := w.markOf(other.Place); could != 0 && before(other.Place, p) {
			return nil
		}
	}
	c, err := tx.Contract(k.Contract)
	if err != nil {
		return err
	}
	return w.contract(tx, c, cards, nil)
}

func before(a, b card.Place) bool { return a.List < b.List || a.List == b.List && a.Index < b.Index }

// contract finds the people of one contract who are concerned, and by what.
func (w *census) contract(_ register.Tx, c register.Contract, cards []register.Card, f *fileRead) error {
	facts, err := c.Rights()
	if err != nil {
		return err
	}
	g := &gathered{who: map[string]*Exposed{}, base: Exposed{Insurer: c.Key.Insurer, Adherent: c.Key.Adherent}}
	if doc := w.facts[c.Key.Insurer]; doc != nil {
		if g.base.InsurerName, g.base.Phone = doc.Name, doc.PhoneMembers; g.base.Phone == "" {
			g.base.Phone = doc.PhoneProfessionals
		}
	}
	for _, b := range facts.Beneficiaries {
		if g.base.HolderNom == "" && !Minor(b.Birth, w.today) {
			g.base.HolderNom, g.base.HolderPrenom = b.Nom, b.Prenom
		}
	}
	reach := w.reach[c.Key.Insurer]
	if reach != 0 {
		for _, b := range facts.Beneficiaries {
			g.add(b.Nom, b.Prenom, b.Birth, b.Rang, reach, 0)
		}
	}
	households := map[int64][]card.Person{} // by revision: such a card names everybody of it
	var carded []card.Person
	for _, k := range cards {
		could, read := w.markOf(k.Place)
		if f != nil && !k.IssuedAt.After(f.cards) {
			could, read = could|DataState, read|DataState
		}
		could |= reach
		if could == 0 && (f == nil || len(f.revisions) == 0) {
			continue
		}
		claims, err := storedClaims(k)
		if err != nil {
			if k.State == register.Intent {
				continue // it will never be a card
			}
			return err
		}
		if carded = append(carded, claims.People...); k.Person == register.Household {
			households[k.Revision] = claims.People
		}
		if could == 0 {
			continue
		}
		for _, p := range claims.People {
			g.add(p.Nom, p.Prenom, p.Birth, p.Rang, could, read)
		}
	}
	if f != nil {
		g.file(facts, c.Revision, f.revisions, households, carded)
	}
	return w.hand(g)
}

// gathered are the people of one contract.
type gathered struct {
	base  Exposed
	order []string
	who   map[string]*Exposed
}

func (g *gathered) add(nom, prenom string, birth rights.BirthDate, rang int, could, read Data) *Exposed {
	id := identity(nom, prenom, birth, rang)
	p := g.who[id]
	if p == nil {
		e := g.base
		e.Nom, e.Prenom, e.Birth, e.Rang = nom, prenom, birth, rang
		p = &e
		g.who[id] = p
		g.order = append(g.order, id)
	}
	p.Could |= could | read
	p.Read |= read
	return p
}

// file adds the people of a contract as it was read. Of a revision that is not the present one, the register keeps what a card
// of the household says; where there is none, everybody who is or was known to be in the contract is taken, and marked unsure.
func (g *gathered) file(facts rights.Contract, present int64, revisions []int64, households map[int64][]card.Person, carded []card.Person) {
	var now []card.Person
	for _, b := range facts.Beneficiaries {
		now = append(now, card.Person{Nom: b.Nom, Prenom: b.Prenom, Birth: b.Birth, Rang: b.Rang})
	}
	for _, r := range revisions {
		then, sure := households[r], true
		if r == present {
			then = now
		} else if len(then) == 0 {
			then, sure = slices.Concat(now, carded), false
		}
		for _, p := range then {
			e := g.add(p.Nom, p.Prenom, p.Birth, p.Rang, DataFile, 0)
			e.Unsure = !sure && (e.Unsure || e.Read&DataFile == 0)
			e.Read |= DataFile
		}
	}
}

// hand counts the people of one contract, and keeps for the end of the transaction those who are handed out.
func (w *census) hand(g *gathered) error {
	slices.Sort(g.order)
	handed := false
	for _, id := range g.order {
		p := *g.who[id]
		if p.Could == 0 {
			continue
		}
		w.out.Could++
		if p.Read != 0 {
			w.out.Read++
		}
		if p.Unsure {
			w.out.Unsure++
		}
		if p.Read == 0 && !w.out.Named {
			continue
		}
		if Minor(p.Birth, w.today) {
			w.out.Minors++
		} else {
			p.HolderNom, p.HolderPrenom = "", ""
		}
		p.Told = w.out.told(p)
		for _, d := range p.Told.Words() {
			w.out.ByData[d]++
		}
		w.out.ByInsurer[p.Insurer]++
		handed = true
		w.batch = append(w.batch, p)
	}
	if handed {
		w.out.Contracts++
	}
	return nil
}

// Minor says whether somebody is not yet 18. A birth date whose month or day the calendar does not have, as some are, counts as
// the first of January: who may be of age gets the letter.
func Minor(b rights.BirthDate, today rights.Date) bool {
	if len(b) != 8 {
		return false
	}
	year, err := strconv.Atoi(string(b[:4]))
	if err != nil {
		return false
	}
	coming := fmt.Sprintf("%04d-%s-%s", year+18, b[4:6], b[6:8])
	t, err := time.Parse(time.DateOnly, coming)
	if err != nil {
		if t, err = time.Parse(time.DateOnly, fmt.Sprintf("%04d-01-01", year+18)); err != nil {
			return false
		}
	}
	now, err := time.Parse(time.DateOnly, today.String())
	return err == nil && now.Before(t)
}
