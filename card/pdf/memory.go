// What a run remembers from card to card: texts that come again are measured, set and drawn once.

package pdf

import (
	"fmt"
	"slices"
	"strconv"

	"sceau/card"
	"sceau/rights"
)

// maxShared bounds what a run remembers, and the small print that it shares between cards; beyond it each card has its own.
const maxShared = 400

// memory is of one run. What it gives back depends on what is asked only, never on what was asked before.
type memory struct {
	prose   map[string]*prose
	legends map[legendKey][]span
	signs   [64][]span // of the keys of signs, by which signs there are
	table   table
	key     []byte // scratch

	insurer insurerTexts // of the last card
	phones  []para       // its telephone numbers, apart from each other
	apart   float64      // by that much
	still   [2]string    // and what is printed for all its cards: without and with R
}

// insurerTexts is what cards print of an insurer.
type insurerTexts struct{ name, professionals, members string }

type legendKey struct {
	codes   *rights.Codes
	at      rights.Date
	domains string
}

// prose returns paras measured; they are kept and must not change.
func (r *Run) prose(paras []para) *prose {
	m := &r.memory
	m.key = appendKey(m.key[:0], paras)
	if p := m.prose[string(m.key)]; p != nil {
		return p
	}
	p := r.rep.newProse(slices.Clone(paras))
	if m.prose == nil {
		m.prose = map[string]*prose{}
	}
	if len(m.prose) < maxShared {
		p.id = "flow " + strconv.Itoa(len(m.prose)) + " "
		m.prose[string(m.key)] = p
	}
	return p
}

// shared makes furniture of a set text when it may come again, or draws it on c.
func (r *Run) shared(c *canvas, f *flow, x, y float64) []furniture {
	if f.id == "" {
		c.drawFlow(f, x, y)
		return nil
	}
	key := string(strconv.AppendFloat(append([]byte(f.id), ' '), x, 'f', 2, 64))
	if _, ok := r.furniture[key]; !ok && len(r.furniture) >= maxShared {
		c.drawFlow(f, x, y)
		return nil
	}
	return []furniture{{key: key, down: y, draw: func(c *canvas) { c.drawFlow(f, x, 0) }}}
}

// table gathers the content of a card in the memory of the one before.
func (r *Run) table(c *card.Claims) *table {
	r.memory.table.fill(c, r.rep)
	return &r.memory.table
}

// legend names the domains of a table.
func (r *Run) legend(t *table, codes *rights.Codes, at rights.Date) []span {
	m := &r.memory
	m.key = m.key[:0]
	for _, d := range t.domains {
		m.key = append(append(m.key, d...), 0)
	}
	if s, ok := m.legends[legendKey{codes, at, string(m.key)}]; ok {
		return s
	}
	s := domainKey(t, codes, at)
	if m.legends == nil {
		m.legends = map[legendKey][]span{}
	}
	if len(m.legends) < maxShared {
		m.legends[legendKey{codes, at, string(m.key)}] = s
	}
	return s
}

// signs explains the signs that a card uses.
func (r *Run) signs(c *card.Claims, t *table) []span {
	n := signsOf(c, len(t.domains))
	if r.memory.signs[n] == nil {
		r.memory.signs[n] = valueKey(n)
	}
	return r.memory.signs[n]
}

// knows makes sure that what is remembered of an insurer is of this one.
func (m *memory) knows(i *card.Insurer) {
	if t := (insurerTexts{i.Name, i.PhoneProfessionals, i.PhoneMembers}); m.insurer != t {
		m.insurer, m.phones, m.still = t, nil, [2]string{}
	}
}

// phones are an insurer's numbers to call; they must not change.
func (r *Run) phones(i *card.Insurer, gap float64) []para {
	m := &r.memory
	if m.knows(i); m.phones == nil || m.apart != gap {
		m.phones, m.apart = phoneParas(i, gap), gap
	}
	return m.phones
}

// stillKey is the key of what is the same for all cards of an insurer.
func (r *Run) stillKey(s *Sheet) string {
	m, with := &r.memory, 0
	if s.Claims.Responsable {
		with = 1
	}
	if m.knows(s.Insurer); m.still[with] == "" {
		m.still[with] = fmt.Sprintf("still %t %q", s.Claims.Responsable, m.insurer)
	}
	return m.still[with]
}
