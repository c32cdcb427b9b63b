// The contract as it is now, beside what the card printed: the card says who and until when, the register says what.

package issuer

import (
	"slices"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
)

// comparison is one card against its contract of today. people[i] is the beneficiary of claims.People[i], nil for one who
// left the contract.
type comparison struct {
	claims  card.Claims
	now     rights.Contract
	people  []*rights.Beneficiary
	changed bool
}

// compare finds the card's people in the contract. It returns nil when the contract was renewed since: the register then no
// longer speaks of the card's days, and the card's own word stands.
func compare(claims card.Claims, now rights.Contract) *comparison {
	if now.From > claims.ValidTo() {
		return nil
	}
	c := &comparison{claims: claims, now: now, people: make([]*rights.Beneficiary, len(claims.People)),
		changed: now.From != claims.ValidFrom() || now.To != claims.ValidTo()}
	for i, p := range claims.People {
		at := position(now, identity(p.Nom, p.Prenom, p.Birth, p.Rang))
		if at < 0 {
			c.changed = true
			continue
		}
		c.people[i] = &now.Beneficiaries[at]
		c.changed = c.changed || c.differs(i)
	}
	return c
}

// differs says whether a person has other days or other values than those printed.
func (c *comparison) differs(i int) bool {
	b, p := c.people[i], c.claims.People[i]
	from, to := own(*b, c.now)
	if from != p.From || to != p.To {
		return true
	}
	for domain := range b.Guarantees {
		if v, ok := c.claims.Value(i, domain); !ok || !v.Equal(c.value(i, domain)) {
			return true
		}
	}
	for _, g := range c.claims.Guarantees {
		if !slices.Contains(g.People, i) {
			continue
		}
		for _, v := range g.Values {
			if _, ok := b.Guarantees[v.Domain]; !ok {
				return true
			}
		}
	}
	return false
}

// own are a person's own days where they are narrower than the contract's, as cards print them.
func own(b rights.Beneficiary, c rights.Contract) (from, to rights.Date) {
	if b.From > c.From {
		from = b.From
	}
	if b.To != 0 && b.To < c.To {
		to = b.To
	}
	return from, to
}

// value is what a person has in a domain now. A footnote is named by its number on the card, where people read it; one that
// the card does not have is left out.
func (c *comparison) value(i int, domain string) rights.Guarantee {
	v := c.people[i].Guarantees[domain]
	if v.Note == 0 {
		return v
	}
	note := 0
	if v.Note <= len(c.now.Notes) {
		note = slices.Index(c.claims.Notes, c.now.Notes[v.Note-1]) + 1
	}
	v.Note = note
	return v
}

// judge is the second half of offline.Check over the contract of now: v is what the counter's own code said of the card as
// printed. Whatever is against the card itself, its days or its state, stands.
func (c *comparison) judge(v offline.Verdict, q offline.Query, page *status.Page) offline.Verdict {
	switch v.Reason {
	case offline.OK, offline.OKPEC, offline.BeforeEnd, offline.ChoosePerson, offline.NotCovered, offline.UnknownDomain:
	case offline.NotYet, offline.Expired:
		if !v.Own {
			return v
		}
	default:
		return v
	}
	printed := v.Reason
	v.Since, v.Own, v.Pay = 0, false, nil
	v.People = slices.Clone(v.People)
	for i := range v.People {
		v.People[i].Covered, v.People[i].Value = c.covers(i, v.Care, q.Domain)
	}
	if reason := c.calendar(&v); reason != "" {
		return conclude(v, reason)
	}
	// The printed verdict did not look at the card's state when the calendar decided first.
	state := page.At(v.Card.Place().Index, v.Care)
	if reason := stateReason(state); reason != "" {
		v.Since = state.From
		return conclude(v, reason)
	}
	reason := c.coverage(&v, q, printed)
	if reason == offline.OK {
		if end := c.end(state); end != 0 {
			v.Since, reason = end, offline.BeforeEnd
		}
	}
	v.Ahead = v.Care > rights.DateAt(q.Now)
	if q.Domain != "" && !v.Ahead && (reason == offline.OK || reason == offline.BeforeEnd) {
		v.Pay = promise(v.Issuer, q)
	}
	return conclude(v, reason)
}

// covers says whether a person is insured on that day and, when a domain is asked for, in it.
func (c *comparison) covers(i int, care rights.Date, domain string) (bool, rights.Guarantee) {
	b := c.people[i]
	if b == nil {
		return false, rights.Guarantee{}
	}
	inside := (b.From == 0 || care >= b.From) && (b.To == 0 || care <= b.To)
	if domain == "" {
		return inside, rights.Guarantee{}
	}
	v := c.value(i, domain)
	return inside && v.Kind != rights.None, v
}

// calendar compares the date of care with the contract's days and with those of the people asked for.
func (c *comparison) calendar(v *offline.Verdict) offline.Reason {
	switch {
	case v.Care > c.now.To:
		v.Since = c.now.To + 1
		return offline.RightsEnded
	case v.Care < c.now.From:
		v.Since = c.now.From
		return offline.NotYet
	}
	listed, inside := false, false
	from, to := c.now.To, c.now.From
	for i, b := range c.people {
		if b == nil || v.Person > 0 && v.Person != i+1 {
			continue
		}
		listed = true
		first, last := max(b.From, c.now.From), c.now.To
		if b.To != 0 {
			last = min(last, b.To)
		}
		from, to = min(from, first), max(to, last)
		inside = inside || v.Care >= first && v.Care <= last
	}
	switch {
	case !listed:
		return offline.NotListed
	case inside:
		return ""
	}
	v.Own = true
	if v.Care < from {
		v.Since = from
		return offline.NotYet
	}
	v.Since = to
	return offline.Expired
}

// coverage answers for the domain, or without one for being insured on that day.
func (c *comparison) coverage(v *offline.Verdict, q offline.Query, printed offline.Reason) offline.Reason {
	covered, asked, request := 0, 0, false
	for i, p := range v.People {
		if v.Person > 0 && v.Person != i+1 {
			continue
		}
		asked++
		if p.Covered {
			covered++
			request = request || p.Value.Kind == rights.PEC
		}
	}
	switch {
	case covered == 0 && printed == offline.UnknownDomain:
		return offline.UnknownDomain
	case covered == 0:
		return offline.NotCovered
	case covered < asked:
		return offline.ChoosePerson
	case request:
		return offline.OKPEC
	}
	return offline.OK
}

// end is the first day without rights that is known already and that the card does not print: of the contract, or of the
// card's own state. 0 for none.
func (c *comparison) end(state status.State) rights.Date {
	var end rights.Date
	if c.now.To < c.claims.ValidTo() {
		end = c.now.To + 1
	}
	if state.Ended() && state.End != status.Replaced && (end == 0 || state.EndFrom < end) {
		end = state.EndFrom
	}
	return end
}

// stateReason is what a card's state says against it.
func stateReason(s status.State) offline.Reason {
	switch s.Kind {
	case status.Void:
		return offline.Revoked
	case status.Replaced:
		return offline.Replaced
	case status.Suspended:
		return offline.Suspended
	}
	return ""
}

// conclude closes a verdict: under a refusal and an unknown nobody is covered.
func conclude(v offline.Verdict, reason offline.Reason) offline.Verdict {
	v.Reason, v.Status = reason, offline.StatusOf(reason)
	if v.Status == offline.Refused || v.Status == offline.Unknown {
		v.Pay = nil
		v.People = slices.Clone(v.People)
		for i := range v.People {
			v.People[i].Covered = false
		}
	}
	return v
}

// promise is what the outage policy says of care that was checked now.
func promise(i *offline.Issuer, q offline.Query) *offline.Payment {
	limits := i.Insurer.Outage.For(q.Domain)
	return &offline.Payment{Until: q.Now.Add(time.Duration(limits.RefuseHours) * time.Hour), Euros: limits.PayableEuros}
}
