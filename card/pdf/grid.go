// The table of beneficiaries and domains: what it says, and the largest way to set it in a given space.

package pdf

import (
	"fmt"
	"slices"
	"strings"

	"sceau/card"
	"sceau/rights"
)

// table is the content of a grid, measured once at 1 point.
type table struct {
	rep     *repertoire
	domains []string
	people  []person
	blocks  []block

	nameUnits int   // widest name on one line
	partUnits int   // widest nom or prénom
	ownUnits  int   // widest own dates
	dateUnits int   // widest birth date with its rank
	codeUnits []int // each domain code
	oneLine   []int // each column's widest cell on one line
	twoLines  []int // the same with circuits above the value
	sumOne    int   // of oneLine
	sumTwo    int
	circuits  bool // some cell has circuits, so that two lines differ from one

	cells   []cell // printed values, the first being "-"; a value of several groups may be in it several times
	rows    []int  // for each person and domain its place in cells
	members []int  // people of the blocks, one after the other
	parts   []part // words of all names, one after the other
	planned planner
}

// person is one row.
type person struct {
	nom, prenom string
	birth       string // "12/03/1985", with the rank when it is not 1
	own         string // "du … au …" when narrower than the card's, else ""
	nameUnits   int
	ownUnits    int

	nomParts, prenomParts [2]int // from and to, of table.parts
}

// part is a word of a name and its width in thousandths of the size.
type part struct {
	s     string
	units int
}

// block is a set of people with the same values: their names stand together and the values are printed once.
type block struct {
	people []int
	cells  []cell // one for each domain
}

// cell is one value as printed.
type cell struct {
	all      string // as in the claims
	circuits string // the part before the value, or ""
	value    string // the rest
}

// newTable gathers the content of a card. Columns are in the order of the claims.
func newTable(c *card.Claims, rep *repertoire) *table {
	t := &table{}
	t.fill(c, rep)
	return t
}

// fill makes t the content of a card, in the memory of what it was before.
func (t *table) fill(c *card.Claims, rep *repertoire) {
	*t = table{rep: rep, domains: t.domains[:0], people: t.people[:0], blocks: t.blocks[:0], cells: t.cells[:0], rows: t.rows[:0],
		members: t.members[:0], codeUnits: t.codeUnits[:0], oneLine: t.oneLine[:0], twoLines: t.twoLines[:0], parts: t.parts[:0], planned: t.planned}
	t.planned.tried = t.planned.tried[:0]
	for i := range c.Guarantees {
		g := &c.Guarantees[i]
		for k := range g.Values {
			if d := g.Values[k].Domain; !slices.Contains(t.domains, d) {
				t.domains = append(t.domains, d)
			}
		}
	}
	slices.Sort(t.domains)
	t.addBlocks(c)
	numbered := !t.inOrder()
	from, to := c.ValidFrom(), c.ValidTo()
	for i, p := range c.People {
		if numbered {
			p.Nom = fmt.Sprintf("%d. %s", i+1, p.Nom)
		}
		row := person{nom: p.Nom, prenom: p.Prenom, birth: p.Birth.French(), own: ownDates(p, from, to)}
		if p.Rang > 1 {
			row.birth += fmt.Sprintf("  rang %d", p.Rang)
		}
		nom, prenom := rep.units(condBold, p.Nom), rep.units(cond, p.Prenom)
		row.nameUnits = nom + rep.space[cond] + prenom
		row.ownUnits = rep.units(cond, row.own)
		row.nomParts, row.prenomParts = t.split(condBold, p.Nom), t.split(cond, p.Prenom)
		t.partUnits = max(t.partUnits, nom, prenom)
		t.nameUnits, t.ownUnits = max(t.nameUnits, row.nameUnits), max(t.ownUnits, row.ownUnits)
		t.dateUnits = max(t.dateUnits, rep.units(cond, row.birth))
		t.people = append(t.people, row)
	}
	t.measure()
}

// split adds the words of s to t.parts and says where they are.
func (t *table) split(f face, s string) [2]int {
	from := len(t.parts)
	for w := range strings.FieldsFuncSeq(s, isBreak) {
		t.parts = append(t.parts, part{w, t.rep.units(f, w)})
	}
	return [2]int{from, len(t.parts)}
}

// inOrder says whether the rows, from top to bottom, follow the card's own order of people, by which a counter asks for one
// of them. Where they don't, each name is printed with its number.
func (t *table) inOrder() bool {
	next := 0
	for _, b := range t.blocks {
		for _, p := range b.people {
			if p != next {
				return false
			}
			next++
		}
	}
	return true
}

// addBlocks turns the claims, which list people by value, into rows of values by person, and lets people with the same
// row share one. Blocks are in the order of their first person.
func (t *table) addBlocks(c *card.Claims) {
	n := len(t.domains)
	t.rows = slices.Grow(t.rows, n*len(c.People))[:n*len(c.People)]
	clear(t.rows)
	t.cells = append(t.cells, cell{all: "-", value: "-"})
	for i := range c.Guarantees {
		g := &c.Guarantees[i]
		for k := range g.Values {
			d, _ := slices.BinarySearch(t.domains, g.Values[k].Domain)
			t.cells = append(t.cells, newCell(&g.Values[k].Value))
			for _, p := range g.People {
				t.rows[p*n+d] = len(t.cells) - 1
			}
		}
	}
	t.members = slices.Grow(t.members, len(c.People)) // so that the blocks' people stay where they are
	for p := range c.People {
		if t.first(p) != p {
			continue
		}
		b := block{cells: make([]cell, n)}
		for d, i := range t.rows[p*n : (p+1)*n] {
			b.cells[d] = t.cells[i]
		}
		from := len(t.members)
		for q := p; q < len(c.People); q++ {
			if t.same(p, q) {
				t.members = append(t.members, q)
			}
		}
		b.people = t.members[from:len(t.members):len(t.members)]
		t.blocks = append(t.blocks, b)
	}
}

// first returns the first person with the values of p.
func (t *table) first(p int) int {
	for q := range p {
		if t.same(p, q) {
			return q
		}
	}
	return p
}

// same tells whether two people have the same values.
func (t *table) same(p, q int) bool {
	n := len(t.domains)
	for d := range n {
		if i, j := t.rows[p*n+d], t.rows[q*n+d]; i != j && t.cells[i].all != t.cells[j].all {
			return false
		}
	}
	return true
}

// bracketRoom is what the bracket of people who share their values takes beside the birth dates, in mm.
func (t *table) bracketRoom() float64 {
	if len(t.blocks) == len(t.people) {
		return 0
	}
	return 1
}

func newCell(g *rights.Guarantee) cell {
	c := cell{all: g.String()}
	c.value = c.all
	if len(g.Circuits) > 0 {
		c.circuits, c.value, _ = strings.Cut(c.all, " ")
	}
	return c
}

func (t *table) measure() {
	for i, d := range t.domains {
		code := t.rep.units(condBold, d)
		one, two := code, code
		for k := range t.blocks {
			c := &t.blocks[k].cells[i]
			all := t.rep.units(condBold, c.all)
			one = max(one, all)
			if c.circuits == "" {
				two = max(two, all)
				continue
			}
			two = max(two, t.rep.units(condBold, c.circuits), t.rep.units(condBold, c.value))
			t.circuits = true
		}
		t.codeUnits, t.oneLine, t.twoLines = append(t.codeUnits, code), append(t.oneLine, one), append(t.twoLines, two)
		t.sumOne, t.sumTwo = t.sumOne+one, t.sumTwo+two
	}
}

// ownDates words a person's dates when they are narrower than the card's.
func ownDates(p card.Person, from, to rights.Date) string {
	late, early := p.From > from, p.To != 0 && p.To < to
	switch {
	case late && early:
		return "du " + p.From.French() + " au " + p.To.French()
	case late:
		return "à partir du " + p.From.French()
	case early:
		return "jusqu’au " + p.To.French()
	}
	return ""
}
