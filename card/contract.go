// From a contract of the register to the claims of its card.

package card

import (
	"math/bits"
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
		Notes: slices.Clone(c.Notes), People: make([]Person, 0, len(people)),
	}
	if len(people) <= MaxPeople { // else check refuses them
		out.Guarantees = group(people)
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
// people who have it; what the same people have stands together. There are at most MaxPeople.
func group(people []rights.Beneficiary) []Group {
	var domains []string
	for _, b := range people {
		for d := range b.Guarantees {
			domains = append(domains, d)
		}
	}
	slices.Sort(domains)
	domains = slices.Compact(domains)
	out := make([]Group, 0, 4)
	var who []uint16 // of each group, bit i for people[i]
	for n, d := range domains {
		var values [MaxPeople]rights.Guarantee // of this domain, by who has it first
		var have [MaxPeople]uint16
		different := 0
		for i := range people {
			v, ok := people[i].Guarantees[d]
			if !ok {
				continue
			}
			k := 0
			for k < different && !sameText(values[k], v) {
				k++
			}
			if k == different {
				values[k], have[k] = v, 0
				different++
			}
			have[k] |= 1 << i
		}
		for k, v := range values[:different] {
			g := slices.Index(who, have[k])
			if g < 0 {
				g, who = len(who), append(who, have[k])
				out = append(out, Group{People: indexes(have[k]), Values: make([]DomainValue, 0, len(domains)-n)})
			}
			out[g].Values = append(out[g].Values, DomainValue{Domain: d, Value: v})
		}
	}
	slices.SortFunc(out, func(a, b Group) int { return slices.Compare(a.People, b.People) })
	return out
}

// indexes lists the bits that are set.
func indexes(who uint16) []int {
	out := make([]int, 0, bits.OnesCount16(who))
	for ; who != 0; who &= who - 1 {
		out = append(out, bits.TrailingZeros16(who))
	}
	return out
}

// sameText says whether two values are written alike, which is all that a card shows of them.
func sameText(a, b rights.Guarantee) bool { return a.Equal(b) || a.String() == b.String() }
