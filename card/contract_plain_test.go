package card

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"sceau/rights"
)

// TestGroupPlain: the table of guarantees is the one that was first written, plainly, whoever has what.
func TestGroupPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	values := []rights.Guarantee{{Kind: rights.PEC}, {Kind: rights.PEC, Euros: 7}, {Kind: rights.PEC, Circuits: []string{}}} // written alike
	for _, text := range []string{"100%", "70%", "TM", "-", "SP 100%", "SP/IS 150EUR", "65/35/100"} {
		if v, err := rights.ParseGuarantee(text); err == nil {
			values = append(values, v)
		}
	}
	if len(values) < 8 {
		t.Fatal("too few values")
	}
	for range 3000 {
		people := make([]rights.Beneficiary, r.IntN(MaxPeople+1))
		domains, kinds := 1+r.IntN(14), 1+r.IntN(len(values))
		for i := range people {
			people[i].Guarantees = map[string]rights.Guarantee{}
			for range r.IntN(20) {
				people[i].Guarantees[fmt.Sprintf("D%d", r.IntN(domains))] = values[r.IntN(kinds)]
			}
		}
		if got, want := group(people), plainGroup(people); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v:\n%+v, want\n%+v", people, got, want)
		}
	}
}

// plainGroup writes the table people × domains in its one canonical form: each (domain, value) stands once, with all the
// people who have it; what the same people have stands together.
func plainGroup(people []rights.Beneficiary) []Group {
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
