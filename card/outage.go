// The outage policy: for how long after the newest list a card verified offline is payable, and up to what amount.

package card

import "sceau/rights"

// OutagePolicy says how long, and up to what amount, a card verified offline is payable after the last list.
type OutagePolicy struct {
	Default Limits
	Domains map[string]Limits // domain code → its own limits
}

// Limits are ages of the newest list, in hours, and what is promised below them.
type Limits struct {
	ReserveHours int // beyond it the verdict is a reserve; 1 to RefuseHours
	RefuseHours  int // beyond it no tiers payant; at most MaxRefuseHours
	PayableEuros int // highest AMC share promised, 0 to MaxPayableEuros; 0 means that no ceiling is set
}

// For returns the limits of a domain. A code that the policy doesn't name, also "", has the default.
func (p OutagePolicy) For(domain string) Limits {
	if l, ok := p.Domains[domain]; ok {
		return l
	}
	return p.Default
}

// DefaultOutage is a policy to start from. Medicines are small amounts and can't wait: three days without a word and
// thirty days in all, for 150 euros. Optics, hearing aids, dental care and hospital are dear and planned, and their
// networks ask for a prise en charge anyway: one day, then a week, for 50 euros.
func DefaultOutage() OutagePolicy {
	strict := Limits{ReserveHours: 24, RefuseHours: 7 * 24, PayableEuros: 50}
	p := OutagePolicy{
		Default: Limits{ReserveHours: 72, RefuseHours: 30 * 24, PayableEuros: 150},
		Domains: make(map[string]Limits),
	}
	for _, code := range []string{"AUDI", "DENT", "DEOR", "DEPR", "HOSP", "OPAU", "OPTI"} {
		p.Domains[code] = strict
	}
	return p
}

func (p OutagePolicy) check() error {
	if err := p.Default.check(); err != nil {
		return err
	}
	if len(p.Domains) > MaxDomains {
		return malformed("outage_domain_count", "too many domains")
	}
	for code, l := range p.Domains {
		if rights.CheckDomain(code) != nil {
			return malformed("outage_domain_form", "domain code outside its form")
		}
		if err := l.check(); err != nil {
			return err
		}
	}
	return nil
}

func (l Limits) check() error {
	switch {
	case l.ReserveHours < 1 || l.RefuseHours < 1 || l.RefuseHours > MaxRefuseHours:
		return malformed("outage_hours_range", "hours out of range")
	case l.ReserveHours > l.RefuseHours:
		return malformed("outage_hours_order", "reserve after refusal")
	case l.PayableEuros < 0 || l.PayableEuros > MaxPayableEuros:
		return malformed("outage_euros_range", "amount out of range")
	}
	return nil
}

func (p OutagePolicy) append(b []byte) []byte {
	b = p.Default.append(append(b, `{"default":`...))
	b = append(b, `,"domains":{`...)
	for n, code := range sortedDomains(p.Domains) {
		b = appendString(comma(b, n), code)
		b = p.Domains[code].append(append(b, ':'))
	}
	return append(b, "}}"...)
}

func (l Limits) append(b []byte) []byte {
	b = appendInt(b, `{"reserve_hours":`, int64(l.ReserveHours))
	b = appendInt(b, `,"refuse_hours":`, int64(l.RefuseHours))
	b = appendInt(b, `,"payable_euros":`, int64(l.PayableEuros))
	return append(b, '}')
}

func (r *jsonReader) outage() OutagePolicy {
	p := OutagePolicy{Domains: make(map[string]Limits)}
	cur := memberCursor{names: []string{"default", "domains"}}
	r.expect('{')
	for r.err == nil {
		m := r.member(&cur)
		if m < 0 {
			break
		}
		if m == 0 {
			p.Default = r.limits()
			continue
		}
		r.expect('{')
		for r.err == nil && r.peek() != '}' {
			if len(p.Domains) > 0 {
				r.expect(',')
			}
			code := r.str()
			r.expect(':')
			l := r.limits()
			if _, twice := p.Domains[code]; twice {
				r.fail("json_duplicate", "member name twice")
			}
			p.Domains[code] = l
		}
		r.expect('}')
	}
	r.require(&cur, cur.names)
	return p
}

func (r *jsonReader) limits() Limits {
	var l Limits
	cur := memberCursor{names: []string{"reserve_hours", "refuse_hours", "payable_euros"}}
	r.expect('{')
	for r.err == nil {
		m := r.member(&cur)
		if m < 0 {
			break
		}
		v := int(min(r.integer(), 1<<30)) // far above every bound, and an int everywhere
		switch m {
		case 0:
			l.ReserveHours = v
		case 1:
			l.RefuseHours = v
		case 2:
			l.PayableEuros = v
		}
	}
	r.require(&cur, cur.names)
	return l
}
