// The meaning of claims: every rule that the JSON alone can't hold. Issuing and reading run the same rules.

package card

import (
	"slices"
	"strings"

	"sceau/rights"
)

// check refuses claims that a card of this version can't hold.
func (c Claims) check() error {
	if amc, err := rights.ParseAMC(string(c.Issuer)); err != nil || amc != c.Issuer {
		return malformed("iss_form", "N° AMC outside its form")
	}
	if err := c.checkTimes(); err != nil {
		return err
	}
	if err := c.Place.check(); err != nil {
		return err
	}
	if rights.CheckAdherent(c.Adherent) != nil {
		return malformed("adh_form", "N° adhérent outside its form")
	}
	if len(c.Conventions) > MaxConventions {
		return malformed("conv_count", "too many types de convention")
	}
	for i, v := range c.Conventions {
		if rights.CheckConvention(v) != nil {
			return malformed("conv_form", "type de convention outside its form")
		}
		if slices.Contains(c.Conventions[:i], v) {
			return malformed("conv_twice", "type de convention twice")
		}
	}
	if rights.CheckCSR(c.CSR) != nil {
		return malformed("csr_form", "critère secondaire de routage outside its form")
	}
	if err := c.checkPeople(); err != nil {
		return err
	}
	if len(c.Notes) > MaxNotes {
		return malformed("notes_count", "too many footnotes")
	}
	for _, n := range c.Notes {
		if rights.CheckNote(n) != nil {
			return malformed("note_form", "footnote outside the rule for texts")
		}
	}
	return c.checkGuarantees()
}

func (c Claims) checkTimes() error {
	for _, v := range []int64{c.IssuedAt, c.NotBefore, c.Expires} {
		// One thousandth of it would be a lawful time: the unit is wrong, not the date.
		if v >= MinTime*1000 && v <= MaxTime*1000 {
			return malformed("time_milliseconds", "milliseconds instead of seconds")
		}
		if v < MinTime || v > MaxTime {
			return malformed("time_range", "date outside the years 2020 to 2099")
		}
	}
	if c.ValidFrom().Midnight().Unix() != c.NotBefore {
		return malformed("nbf_midnight", "first day doesn't begin at midnight in Paris")
	}
	if (c.ValidTo() + 1).Midnight().Unix() != c.Expires {
		return malformed("exp_midnight", "last day doesn't end at midnight in Paris")
	}
	if c.Expires <= c.NotBefore {
		return malformed("exp_before_nbf", "ends before it begins")
	}
	return nil
}

func (c Claims) checkPeople() error {
	if len(c.People) == 0 {
		return malformed("ben_empty", "nobody on the card")
	}
	if len(c.People) > MaxPeople {
		return malformed("ben_count", "more than 12 people")
	}
	from, to := c.ValidFrom(), c.ValidTo()
	for i, p := range c.People {
		if rights.CheckName(p.Nom) != nil {
			return malformed("nom_form", "nom outside the rule for names")
		}
		if rights.CheckName(p.Prenom) != nil {
			return malformed("prenom_form", "prénom outside the rule for names")
		}
		if b, err := rights.ParseBirthDate(string(p.Birth)); err != nil || b != p.Birth {
			return malformed("birth_form", "birth date is not 8 digits")
		}
		if p.Rang < 1 || p.Rang > 9 {
			return malformed("rang_range", "rang out of range")
		}
		if p.From != 0 && (p.From <= from || p.From > to) || p.To != 0 && (p.To >= to || p.To < from) {
			return malformed("own_date_range", "own date not within the card's")
		}
		if p.From != 0 && p.To != 0 && p.To < p.From {
			return malformed("own_date_order", "own end before own beginning")
		}
		if slices.ContainsFunc(c.People[:i], p.same) {
			return malformed("ben_twice", "the same person twice")
		}
	}
	return nil
}

// same says whether p and o can't be told apart on a card.
func (p Person) same(o Person) bool {
	return p.Birth == o.Birth && p.Rang == o.Rang && strings.EqualFold(p.Nom, o.Nom) && strings.EqualFold(p.Prenom, o.Prenom)
}

// checkGuarantees holds the table of guarantees to its one canonical form.
func (c Claims) checkGuarantees() error {
	if len(c.Guarantees) > MaxGroups {
		return malformed("gar_count", "too many groups")
	}
	for i, g := range c.Guarantees {
		if err := g.check(len(c.People), len(c.Notes)); err != nil {
			return err
		}
		if i > 0 {
			switch slices.Compare(c.Guarantees[i-1].People, g.People) {
			case 0:
				return malformed("gar_group_twice", "two groups of the same people")
			case 1:
				return malformed("gar_order", "groups out of order")
			}
		}
		for _, before := range c.Guarantees[:i] {
			if err := before.disjoint(g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g Group) check(people, notes int) error {
	if len(g.People) == 0 {
		return malformed("gar_people_empty", "group of nobody")
	}
	for i, p := range g.People {
		if p < 0 || p >= people {
			return malformed("gar_people_range", "no such beneficiary")
		}
		if i > 0 && g.People[i-1] == p {
			return malformed("gar_people_twice", "beneficiary twice in a group")
		}
		if i > 0 && g.People[i-1] > p {
			return malformed("gar_people_order", "beneficiaries out of order")
		}
	}
	if len(g.Values) == 0 {
		return malformed("gar_values_empty", "group without a value")
	}
	if len(g.Values) > MaxDomains {
		return malformed("gar_domain_count", "too many domains")
	}
	for i, v := range g.Values {
		if rights.CheckDomain(v.Domain) != nil {
			return malformed("domain_form", "domain code outside its form")
		}
		if i > 0 && g.Values[i-1].Domain == v.Domain {
			return malformed("gar_domain_twice", "domain twice in a group")
		}
		if i > 0 && g.Values[i-1].Domain > v.Domain {
			return malformed("gar_domain_order", "domains out of order")
		}
		if v.Value.Check() != nil {
			return malformed("value_form", "guarantee value outside the grammar")
		}
		if v.Value.Note > notes {
			return malformed("note_reference", "value refers to a footnote that isn't there")
		}
	}
	return nil
}

// disjoint refuses two groups that speak of the same domain for the same person, or that spell one fact in two places.
func (g Group) disjoint(h Group) error {
	var shared, compared bool
	for i, j := 0, 0; i < len(g.Values) && j < len(h.Values); {
		a, b := g.Values[i], h.Values[j]
		switch {
		case a.Domain < b.Domain:
			i++
		case a.Domain > b.Domain:
			j++
		default:
			if !compared {
				compared, shared = true, slices.ContainsFunc(h.People, func(p int) bool { return slices.Contains(g.People, p) })
			}
			if shared {
				return malformed("gar_overlap", "two values for one person and domain")
			}
			if a.Value.Equal(b.Value) {
				return malformed("gar_split", "one value of a domain in two groups")
			}
			i++
			j++
		}
	}
	return nil
}
