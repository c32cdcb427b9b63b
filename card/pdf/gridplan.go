// Planning the table: the largest type in which it fits a given space, and how its columns, names and rows are laid there.

package pdf

import (
	"fmt"
	"slices"
)

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
	wanted  int // number of bands that it is to have
}

// nameLine is a line of a name that needs several.
type nameLine struct {
	face face // condBold for the nom
	s    string
}

// sizes and ways of setting a table that are tried.
const (
	planStep = 0.25 // points
	planWays = 16   // stacked or not, tight or not, one to four bands
)

// planner remembers, while one table is set in places of different heights, what each way came to.
type planner struct {
	width, largest float64
	tried          []outcome
	scratch        plan
}

// outcome is what one way of setting a table came to.
type outcome struct {
	known, ok     bool
	height, score float64
}

// fit returns the most legible plan for a table in a space of width × height mm, from the largest size down.
func (t *table) fit(width, height, largest float64) (*plan, error) {
	m := &t.planned
	steps := int((largest-minSize)/planStep) + 1
	if m.width != width || m.largest != largest || len(m.tried) != steps*planWays {
		m.width, m.largest = width, largest
		m.tried = slices.Grow(m.tried[:0], steps*planWays)[:steps*planWays]
		clear(m.tried)
	}
	var best plan
	found, most := false, float64(len(t.people))
	for step := range steps {
		size := largest - planStep*float64(step)
		if found && best.score >= size {
			break
		}
		if most*lead(size) > height {
			continue
		}
		for way := range planWays {
			if way&1 != 0 && !t.circuits || way>>2 > 0 && way>>2 >= len(t.domains) {
				continue
			}
			p := newPlan(size, way)
			if found && best.score >= p.score || !t.may(&p, width) {
				continue
			}
			o := &m.tried[step*planWays+way]
			if !o.known {
				m.scratch.reuse(p)
				*o = outcome{known: true, ok: t.set(&m.scratch, width), height: m.scratch.height, score: m.scratch.score}
			}
			if o.ok && o.height <= height && (!found || o.score > best.score) {
				best, found = p, true
				best.score = o.score
			}
		}
	}
	if !found {
		return nil, fmt.Errorf("%w for %d people in %d groups with %d domains", ErrNoRoom, len(t.people), len(t.blocks), len(t.domains))
	}
	t.set(&best, width)
	t.nameLines(&best)
	if best.tight {
		best.loosen(max(1, min(1.25, (height-0.6)/best.height)))
	}
	return &best, nil
}

// newPlan is a way of setting a table before it is worked out.
func newPlan(size float64, way int) plan {
	p := plan{size: size, stacked: way&1 != 0, tight: way&2 != 0, wanted: 1 + way>>2}
	p.score = size - 1.5*float64(way>>2)
	if p.stacked {
		p.score -= 0.3
	}
	if p.tight {
		p.score -= 0.8
	}
	return p
}

// reuse makes p the plan q with the memory of p.
func (p *plan) reuse(q plan) {
	q.bands, q.cols, q.rows, q.blocks = p.bands[:0], p.cols[:0], p.rows[:0], p.blocks[:0]
	*p = q
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
func (t *table) may(p *plan, width float64) bool {
	sum := t.sumOne
	if p.stacked {
		sum = t.sumTwo
	}
	cols := (p.mm(sum) + 2*p.padX()*float64(len(t.domains))) / float64(p.wanted)
	return cols+p.mm(t.dateUnits)+2*p.padX()+t.bracketRoom()+max(9, 2.2*p.size) <= width
}

// set works a plan out, but for the lines of names, or reports that the columns do not fit the width in its bands.
func (t *table) set(p *plan, width float64) bool {
	units := t.oneLine
	if p.stacked {
		units = t.twoLines
	}
	p.date = p.mm(t.dateUnits) + 2*p.padX() + 0.3 + t.bracketRoom()
	total := 0.0
	for _, u := range units {
		w := p.mm(u) + 2*p.padX()
		p.cols = append(p.cols, w)
		total += w
	}
	p.name = p.mm(t.nameUnits) + 2*p.padX()
	if p.cut(total); len(p.bands) != p.wanted {
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
	t.heights(p)
	return true
}

// band is a run of columns, from lo to just before hi.
type band struct{ lo, hi int }

// cut divides the columns, total mm wide, into consecutive bands of about the same width.
func (p *plan) cut(total float64) {
	lo := 0
	used, goal := 0.0, total/float64(p.wanted)
	for i, w := range p.cols {
		if i > lo && len(p.bands) < p.wanted-1 && used+w/2 > goal {
			p.bands = append(p.bands, band{lo, i})
			lo = i
			total -= used
			used, goal = 0, total/float64(p.wanted-len(p.bands))
		}
		used += w
	}
	p.bands = append(p.bands, band{lo, len(p.cols)})
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

// broken tells whether a name does not fit one line.
func (p *plan) broken(who *person) bool { return p.mm(who.nameUnits) > p.name-2*p.padX()+0.01 }

// nameLimit is the room for a line of a name, in thousandths of the size.
func (p *plan) nameLimit() int { return int((p.name - 2*p.padX()) * 1000 * ptPerMM / p.size) }

// nameLines breaks the names that need it.
func (t *table) nameLines(p *plan) {
	p.names = make([][]nameLine, len(t.people))
	for i := range t.people {
		who := &t.people[i]
		if !p.broken(who) {
			continue
		}
		for _, l := range t.rep.wrap(style{condBold, p.size}, who.nom, p.name-2*p.padX()) {
			p.names[i] = append(p.names[i], nameLine{condBold, l})
		}
		for _, l := range t.rep.wrap(style{cond, p.size}, who.prenom, p.name-2*p.padX()) {
			p.names[i] = append(p.names[i], nameLine{cond, l})
		}
	}
}

func (t *table) heights(p *plan) {
	for i := range t.people {
		who, lines := &t.people[i], 1
		if p.broken(who) {
			limit := p.nameLimit()
			lines = t.rep.lines(condBold, t.parts[who.nomParts[0]:who.nomParts[1]], limit) +
				t.rep.lines(cond, t.parts[who.prenomParts[0]:who.prenomParts[1]], limit)
		}
		h := lead(p.size) * float64(lines)
		if who.own != "" {
			h += lead(p.ownSize())
		}
		p.rows = append(p.rows, h+2*p.padY())
	}
	p.height = 0
	if !p.inner() {
		p.height = p.headHeight()
	}
	for i := range t.blocks {
		b, h := &t.blocks[i], 0.0
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
		p.blocks = append(p.blocks, h)
		p.height += h
	}
}

// bandHeight is the least height of one block's cells in a band, with the header that stands over them.
func (p *plan) bandHeight(b *block, run band) float64 {
	lines := 1.0
	for i := run.lo; p.stacked && i < run.hi && lines < 2; i++ {
		if b.cells[i].circuits != "" {
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
