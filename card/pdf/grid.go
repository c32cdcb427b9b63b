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
}

// person is one row.
type person struct {
	nom, prenom string
	birth       string // "12/03/1985", with the rank when it is not 1
	own         string // "du … au …" when narrower than the card's, else ""
	nameUnits   int
	ownUnits    int
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
	for _, g := range c.Guarantees {
		for _, v := range g.Values {
			if !slices.Contains(t.domains, v.Domain) {
				t.domains = append(t.domains, v.Domain)
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
		row.nameUnits = rep.units(condBold, p.Nom) + rep.units(cond, " "+p.Prenom)
		row.ownUnits = rep.units(cond, row.own)
		t.partUnits = max(t.partUnits, rep.units(condBold, p.Nom), rep.units(cond, p.Prenom))
		t.nameUnits, t.ownUnits = max(t.nameUnits, row.nameUnits), max(t.ownUnits, row.ownUnits)
		t.dateUnits = max(t.dateUnits, rep.units(cond, row.birth))
		t.people = append(t.people, row)
	}
	t.measure(rep)
	return t
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
	rows := make([][]cell, len(c.People))
	for p := range rows {
		rows[p] = make([]cell, len(t.domains))
		for i := range rows[p] {
			rows[p][i] = cell{all: "-", value: "-"}
		}
	}
	for _, g := range c.Guarantees {
		for _, v := range g.Values {
			i, _ := slices.BinarySearch(t.domains, v.Domain)
			shown := newCell(v.Value)
			for _, p := range g.People {
				rows[p][i] = shown
			}
		}
	}
	for p, row := range rows {
		same := slices.IndexFunc(t.blocks, func(b block) bool { return slices.Equal(b.cells, row) })
		if same < 0 {
			t.blocks = append(t.blocks, block{people: []int{p}, cells: row})
			continue
		}
		t.blocks[same].people = append(t.blocks[same].people, p)
	}
}

// bracketRoom is what the bracket of people who share their values takes beside the birth dates, in mm.
func (t *table) bracketRoom() float64 {
	if len(t.blocks) == len(t.people) {
		return 0
	}
	return 1
}

func newCell(g rights.Guarantee) cell {
	c := cell{all: g.String()}
	c.value = c.all
	if len(g.Circuits) > 0 {
		c.circuits, c.value, _ = strings.Cut(c.all, " ")
	}
	return c
}

func (t *table) measure(rep *repertoire) {
	n := len(t.domains)
	t.codeUnits, t.oneLine, t.twoLines = make([]int, n), make([]int, n), make([]int, n)
	for i, d := range t.domains {
		t.codeUnits[i] = rep.units(condBold, d)
		t.oneLine[i], t.twoLines[i] = t.codeUnits[i], t.codeUnits[i]
		for _, b := range t.blocks {
			c := b.cells[i]
			t.oneLine[i] = max(t.oneLine[i], rep.units(condBold, c.all))
			t.twoLines[i] = max(t.twoLines[i], rep.units(condBold, c.circuits), rep.units(condBold, c.value))
			t.circuits = t.circuits || c.circuits != ""
		}
		t.sumOne, t.sumTwo = t.sumOne+t.oneLine[i], t.sumTwo+t.twoLines[i]
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

// plan is one way to set a table.
type plan struct {
	size    float64 // points
	stacked bool    // circuits above the value
	tight   bool    // no air between rows
	bands   []band  // runs of columns of each band; one band has its header on top of the table, more have one in each block
	name    float64 // width of the name column, mm
	date    float64 // width of the date column, mm
	cols    []float64
	names   [][]nameLine // lines of each person; nil when nom and prénom share one
	rows    []float64    // height of each person, mm
	blocks  []float64    // height of each block, mm
	height  float64      // of the whole, header included
	score   float64
}

// nameLine is a line of a name that needs several.
type nameLine struct {
	face face // condBold for the nom
	s    string
}

// fit returns the most legible plan for a table in a space of width × height mm, from the largest size down.
func (t *table) fit(rep *repertoire, width, height, largest float64) (*plan, error) {
	var best *plan
	var scratch plan
	for size := largest; size >= minSize && (best == nil || best.score < size); size -= 0.25 {
		for way := range 16 {
			p := &scratch
			*p = plan{size: size, stacked: way&1 != 0, tight: way&2 != 0}
			bands := 1 + way>>2
			if p.stacked && !t.circuits || bands > max(1, len(t.domains)) {
				continue
			}
			p.score = size - 1.5*float64(bands-1)
			if p.stacked {
				p.score -= 0.3
			}
			if p.tight {
				p.score -= 0.8
			}
			if best != nil && best.score >= p.score {
				continue
			}
			if !t.may(p, width, height, bands) {
				continue
			}
			if t.set(rep, p, width, bands) && p.height <= height && (best == nil || p.score > best.score) {
				found := *p
				best = &found
			}
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w for %d people in %d groups with %d domains", ErrNoRoom, len(t.people), len(t.blocks), len(t.domains))
	}
	if best.tight {
		best.loosen(max(1, min(1.25, (height-0.6)/best.height)))
	}
	return best, nil
}

// loosen gives rows back some of the air that the space allows.
func (p *plan) loosen(k float64) {
	for i := range p.rows {
		p.rows[i] *= k
	}
	for i, h := range p.blocks {
		p.blocks[i] = h * k
		p.height += p.blocks[i] - h
	}
}

// padX is the air on each side of a cell's text, mm.
func (p *plan) padX() float64 {
	if p.tight {
		return 0.4
	}
	return 0.75
}

// padY is the air above and below a row, mm.
func (p *plan) padY() float64 {
	if p.tight {
		return 0
	}
	return 0.16 * p.size * mmPerPt
}

func (p *plan) mm(units int) float64 { return float64(units) * p.size * mmPerPt / 1000 }

// may rules out cheaply most of the plans that set would refuse.
func (t *table) may(p *plan, width, height float64, bands int) bool {
	sum := t.sumOne
	if p.stacked {
		sum = t.sumTwo
	}
	cols := (p.mm(sum) + 2*p.padX()*float64(len(t.domains))) / float64(bands)
	return cols+p.mm(t.dateUnits)+2*p.padX()+t.bracketRoom()+max(9, 2.2*p.size) <= width &&
		float64(len(t.people))*lead(p.size) <= height
}

// set works a plan out, or reports that the columns do not fit the width in that many bands.
func (t *table) set(rep *repertoire, p *plan, width float64, bands int) bool {
	units := t.oneLine
	if p.stacked {
		units = t.twoLines
	}
	p.date, p.cols = p.mm(t.dateUnits)+2*p.padX()+0.3+t.bracketRoom(), make([]float64, len(units))
	total := 0.0
	for i, u := range units {
		p.cols[i] = p.mm(u) + 2*p.padX()
		total += p.cols[i]
	}
	p.name = p.mm(t.nameUnits) + 2*p.padX()
	if p.bands = t.cut(p.cols, total, bands); len(p.bands) != bands {
		return false
	}
	widest := 0.0
	for _, b := range p.bands {
		w := 0.0
		for _, c := range p.cols[b.lo:b.hi] {
			w += c
		}
		widest = max(widest, w)
	}
	if over := p.name + p.date + widest - width; over > 0 { // names in several lines
		p.name -= over
		if p.name < max(9, 2.2*p.size) || p.name+p.date < p.mm(t.ownUnits)+2*p.padX() {
			return false
		}
		p.score -= 0.3
		if p.mm(t.partUnits)+2*p.padX() > p.name { // a nom or prénom is itself broken
			p.score -= 1.5
		}
	}
	t.spread(p, width)
	t.heights(rep, p)
	return true
}

// band is a run of columns, from lo to just before hi.
type band struct{ lo, hi int }

// cut divides the columns into consecutive bands of about the same width.
func (t *table) cut(cols []float64, total float64, bands int) []band {
	out := make([]band, 0, bands)
	lo := 0
	used, goal := 0.0, total/float64(bands)
	for i, w := range cols {
		if i > lo && len(out) < bands-1 && used+w/2 > goal {
			out = append(out, band{lo, i})
			lo = i
			total -= used
			used, goal = 0, total/float64(bands-len(out))
		}
		used += w
	}
	return append(out, band{lo, len(cols)})
}

// spread gives what is left of the width to the columns of each band, and a little to the names.
func (t *table) spread(p *plan, width float64) {
	room := width - p.name - p.date
	for _, b := range p.bands {
		used := 0.0
		for _, c := range p.cols[b.lo:b.hi] {
			used += c
		}
		extra := (room - used) / float64(max(1, b.hi-b.lo))
		for i := b.lo; i < b.hi; i++ {
			p.cols[i] += extra
		}
	}
}

func (t *table) heights(rep *repertoire, p *plan) {
	p.rows = make([]float64, len(t.people))
	p.names = make([][]nameLine, len(t.people))
	for i, who := range t.people {
		p.rows[i] = lead(p.size)
		if p.mm(who.nameUnits) > p.name-2*p.padX()+0.01 {
			for _, l := range rep.wrap(style{condBold, p.size}, who.nom, p.name-2*p.padX()) {
				p.names[i] = append(p.names[i], nameLine{condBold, l})
			}
			for _, l := range rep.wrap(style{cond, p.size}, who.prenom, p.name-2*p.padX()) {
				p.names[i] = append(p.names[i], nameLine{cond, l})
			}
			p.rows[i] = lead(p.size) * float64(len(p.names[i]))
		}
		if who.own != "" {
			p.rows[i] += lead(p.ownSize())
		}
		p.rows[i] += 2 * p.padY()
	}
	p.height = 0
	if !p.inner() {
		p.height = p.headHeight()
	}
	p.blocks = make([]float64, len(t.blocks))
	for i, b := range t.blocks {
		h := 0.0
		for _, who := range b.people {
			h += p.rows[who]
		}
		values := 0.0
		for _, run := range p.bands {
			values += p.bandHeight(b, run)
		}
		if short := values - h; short > 0 {
			for _, who := range b.people {
				p.rows[who] += short / float64(len(b.people))
			}
			h = values
		}
		p.blocks[i] = h
		p.height += h
	}
}

// bandHeight is the least height of one block's cells in a band, with the header that stands over them.
func (p *plan) bandHeight(b block, run band) float64 {
	lines := 1.0
	for _, c := range b.cells[run.lo:run.hi] {
		if p.stacked && c.circuits != "" {
			lines = 2
		}
	}
	h := lines*lead(p.size) + 2*p.padY()
	if p.inner() {
		h += p.headHeight()
	}
	return h
}

// inner tells whether each block has its own headers.
func (p *plan) inner() bool { return len(p.bands) > 1 }

func (p *plan) headHeight() float64 { return lead(p.size) + 1.5*p.padY() }

// ownSize is the type of a person's own dates.
func (p *plan) ownSize() float64 { return max(minSize, p.size-1) }
