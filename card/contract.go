// From a contract of the register to the claims of its card.

package card

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"sceau/rights"
)

// FromContract makes the claims of a contract's card: of the household when person is negative, else of the one
// beneficiary with that index. Footnotes keep their numbers. It returns ErrMalformed when the contract holds something
// that a card can't say.
func FromContract(c rights.Contract, p Place, issuedAt time.Time, person int) (Claims, error) {
	people := c.Beneficiaries
	if person >= 0 {
		if person >= len(people) {
			return Claims{}, malformed("person_range", "no such beneficiary")
		}
		people = people[person : person+1]
	}
	out := Claims{
		Issuer: c.Insurer, IssuedAt: issuedAt.Unix(), NotBefore: c.From.Midnight().Unix(), Expires: (c.To + 1).Midnight().Unix(),
		Place: p, Adherent: c.Adherent, Conventions: slices.Clone(c.Conventions), CSR: c.CSR, Responsable: c.Responsable,
		Notes: slices.Clone(c.Notes), Guarantees: group(people),
	}
	if out.Conventions != nil && len(out.Conventions) == 0 {
		out.Conventions = nil
	}
	if len(out.Notes) == 0 {
		out.Notes = nil
	}
	for _, b := range people {
		own := Person{Nom: b.Nom, Prenom: b.Prenom, Birth: b.Birth, Rang: b.Rang}
		if b.From > c.From {
			own.From = b.From
		}
		if b.To != 0 && b.To < c.To {
			own.To = b.To
		}
		out.People = append(out.People, own)
	}
	if err := out.check(); err != nil {
		return Claims{}, err
	}
	return out, nil
}

// group writes the table people × domains in its one canonical form: each (domain, value) stands once, with all the
// people who have it; what the same people have stands together.
func group(people []rights.Beneficiary) []Group {
	domains := make(map[string]bool)
	for _, b := range people {
		for d := range b.Guarantees {
			domains[d] = true
		}
	}
	groups := make(map[string]*Group) // by the people's indexes, one byte each
	for _, d := range slices.Sorted(maps.Keys(domains)) {
		have := make(map[string][]byte) // value → people
		for i, b := range people {
			if v, ok := b.Guarantees[d]; ok {
				have[v.String()] = append(have[v.String()], byte(i))
			}
		}
		for _, who := range have {
			g := groups[string(who)]
			if g == nil {
				g = &Group{}
				for _, i := range who {
					g.People = append(g.People, int(i))
				}
				groups[string(who)] = g
			}
			g.Values = append(g.Values, DomainValue{Domain: d, Value: people[who[0]].Guarantees[d]})
		}
	}
	out := make([]Group, 0, len(groups))
	for _, g := range groups {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int { return slices.Compare(a.People, b.People) })
	for _, g := range out {
		slices.SortFunc(g.Values, func(a, b DomainValue) int { return cmp.Compare(a.Domain, b.Domain) })
	}
	return out
}
