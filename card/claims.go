// What a card says: the claims, made from a contract or decoded from a payload, valid by construction.

package card

import (
	"slices"
	"time"

	"sceau/rights"
)

// Claims are the facts of one card. A Claims decoded by DecodeClaims or made by FromContract is valid; one built by hand is checked by
// MarshalCanonical and Prepare.
type Claims struct {
	Issuer      rights.AMC // as printed; compared by Issuer.Key()
	IssuedAt    int64      // Unix seconds
	NotBefore   int64      // Unix seconds, 00:00 in Paris of the first day
	Expires     int64      // Unix seconds, 00:00 in Paris of the day after the last day
	Place       Place
	Adherent    string   // N° adhérent, leading zeros kept
	Conventions []string // types de convention, 2 characters each, in printed order
	CSR         string   // critère secondaire de routage, or ""
	Responsable bool     // contrat responsable
	People      []Person // 1 to MaxPeople, in printed order
	Guarantees  []Group  // canonical: see FORMAT.md
	Notes       []string // footnotes; value note n is Notes[n-1]
}

// Person is one beneficiary.
type Person struct {
	Nom, Prenom string
	Birth       rights.BirthDate
	Rang        int         // rang gémellaire, 1 to 9
	From        rights.Date // own first day when later than the card's, else 0
	To          rights.Date // own last day when earlier than the card's, else 0
}

// Group gives the same values to some people.
type Group struct {
	People []int         // indexes into Claims.People, ascending
	Values []DomainValue // by ascending domain code
}

// DomainValue is the guarantee of one domain.
type DomainValue struct {
	Domain string // [A-Z0-9]{2,6}
	Value  rights.Guarantee
}

// ValidFrom returns the card's first day.
func (c Claims) ValidFrom() rights.Date { return rights.DateAt(time.Unix(c.NotBefore, 0)) }

// ValidTo returns the card's last day, inclusive.
func (c Claims) ValidTo() rights.Date { return rights.DateAt(time.Unix(c.Expires, 0)) - 1 }

// Value returns what person (index) has in domain; false means no tiers payant there.
func (c Claims) Value(person int, domain string) (rights.Guarantee, bool) {
	for _, g := range c.Guarantees {
		if !slices.Contains(g.People, person) {
			continue
		}
		for _, v := range g.Values {
			if v.Domain == domain {
				return v.Value, true
			}
		}
	}
	return rights.Guarantee{}, false
}

// Domains returns the codes that the card has a value for, ascending.
func (c Claims) Domains() []string {
	var out []string
	for _, g := range c.Guarantees {
		for _, v := range g.Values {
			out = append(out, v.Domain)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// clone returns claims that share no memory with c.
func (c Claims) clone() Claims {
	c.Conventions = slices.Clone(c.Conventions)
	c.People = slices.Clone(c.People)
	c.Notes = slices.Clone(c.Notes)
	c.Guarantees = slices.Clone(c.Guarantees)
	for i, g := range c.Guarantees {
		g.People, g.Values = slices.Clone(g.People), slices.Clone(g.Values)
		for j := range g.Values {
			g.Values[j].Value.Circuits = slices.Clone(g.Values[j].Value.Circuits)
		}
		c.Guarantees[i] = g
	}
	return c
}
