// The verdict, step by step: text, issuer, signature, clock, calendar, status page, domain, age of the list.

package offline

import (
	"errors"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
)

// Check answers q from facts. It never fails: what can't be decided is a verdict of status Unknown.
func Check(facts Facts, q Query) Verdict { return Read(facts, q.Text).Judge(facts, q) }

// authenticate turns the unverified card into a verified one, or names the reason why not.
func (v *Verdict) authenticate(facts Facts, u *card.Unverified) (Reason, error) {
	iss, err := facts.Issuer(u.IssuerUnsafe().Key())
	if errors.Is(err, ErrUnknownIssuer) {
		return v.foreignKey(facts, u, UnknownIssuer, err)
	}
	if err != nil {
		return FactsUnreadable, err
	}
	key, err := iss.Keys.Lookup(u.KID())
	if err != nil {
		reason, err := v.foreignKey(facts, u, UnknownKey, err)
		v.Behind = reason == UnknownKey
		return reason, err
	}
	c, reason, err := iss.verify(u, key)
	if reason != "" {
		v.Behind = reason == KeyListed
		return reason, err
	}
	v.Card, v.Issuer = c, iss
	return "", nil
}

// verify authenticates a card under a key of its insurer. Of a stolen key, the thief has signed since whatever he liked, dated
// as he liked: only the insurer's list tells his cards from the genuine ones, and without it nothing is said of either.
func (iss *Issuer) verify(u *card.Unverified, key *signing.PublicKey) (*card.Card, Reason, error) {
	if key.State != signing.StateListed {
		c, err := u.Verify(key)
		if err != nil {
			return nil, refusal(err), err
		}
		return c, "", nil
	}
	listed := false // the list was read
	c, err := u.VerifyListed(key, func(digest [16]byte) bool {
		if iss.Issued == nil {
			return false
		}
		genuine, err := iss.Issued(key.KID, digest)
		listed = err == nil
		return listed && genuine
	})
	switch {
	case err == nil:
		return c, "", nil
	case listed && errors.Is(err, card.ErrKeyListed):
		return nil, NotIssued, err
	}
	return nil, refusal(err), err
}

// foreignKey looks for the insurer that really owns the key, so that a card signed by A in the name of B is refused as
// such, and not taken for the card of an issuer that is merely unknown here.
func (v *Verdict) foreignKey(facts Facts, u *card.Unverified, otherwise Reason, cause error) (Reason, error) {
	owner, err := facts.OwnerOf(u.KID())
	if errors.Is(err, ErrUnknownIssuer) {
		return otherwise, cause
	}
	if err != nil {
		return FactsUnreadable, err
	}
	iss, err := facts.Issuer(owner)
	if err != nil {
		return FactsUnreadable, err
	}
	key, err := iss.Keys.Lookup(u.KID())
	if err != nil {
		return otherwise, cause
	}
	if _, err = u.Verify(key); err == nil {
		// The owner of the key and the issuer named on the card differ, so Verify can't have accepted it.
		return FactsUnreadable, errors.New("offline: key owner and issuer disagree")
	}
	return refusal(err), err
}

func refusal(err error) Reason {
	switch {
	case errors.Is(err, card.ErrWrongInsurer):
		return WrongInsurer
	case errors.Is(err, card.ErrKeyWindow):
		return KeyWindow
	case errors.Is(err, card.ErrKeyDead):
		return KeyDead
	case errors.Is(err, card.ErrKeyListed):
		return KeyListed
	case errors.Is(err, signing.ErrBadSignature):
		return BadSignature
	case errors.Is(err, signing.ErrUnknownKey):
		return UnknownKey
	}
	return Malformed
}

// judge weighs an authentic card.
func (v *Verdict) judge(facts Facts, q Query) Verdict {
	claims := v.Card.Claims()
	v.people(claims, q.Domain)
	v.Behind = time.Unix(claims.IssuedAt, 0).After(v.Issuer.Published)

	floor := v.Issuer.Published
	if v.Issuer.Floor.After(floor) {
		floor = v.Issuer.Floor
	}
	if iat := time.Unix(claims.IssuedAt, 0); iat.After(floor) {
		floor = iat
	}
	if q.Now.Before(floor.Add(-ClockTolerance)) {
		return v.say(ClockWrong, nil)
	}
	if q.Person < 0 || q.Person > len(v.People) {
		return v.say(NotListed, nil)
	}
	if reason := v.calendar(claims, q.Person); reason != "" {
		return v.say(reason, nil)
	}

	place := v.Card.Place()
	page, err := facts.Page(claims.Issuer.Key(), place.List)
	if errors.Is(err, ErrNoPage) {
		v.Behind = true
		return v.say(ListMissing, nil)
	}
	if err != nil {
		return v.say(FactsUnreadable, err)
	}
	v.List = &List{List: place.List, Revision: page.Revision(), Published: v.Issuer.Published,
		Age: max(0, q.Now.Sub(v.Issuer.Published))}

	state := page.At(place.Index, v.Care)
	if reason := ended(state); reason != "" {
		v.Since = state.From
		return v.say(reason, nil)
	}
	reason := v.coverage(q)
	if StatusOf(reason) == Refused || StatusOf(reason) == Unknown {
		return v.say(reason, nil)
	}
	return v.say(v.freshness(q, reason, state), nil)
}

// people lists the beneficiaries with what the card gives them on the date of care.
func (v *Verdict) people(claims card.Claims, domain string) {
	v.People = make([]Person, len(claims.People))
	for i, p := range claims.People {
		covered := within(v.Care, p.From, p.To)
		person := Person{Number: i + 1, Person: p, Covered: covered}
		if domain != "" {
			value, ok := claims.Value(i, domain)
			person.Value = value
			person.Covered = covered && ok && value.Kind != rights.None
		}
		v.People[i] = person
	}
}

// within says whether day lies in [from, to], either end open when 0.
func within(day, from, to rights.Date) bool {
	return (from == 0 || day >= from) && (to == 0 || day <= to)
}

// calendar compares the date of care with the card's days, then with the chosen beneficiary's own, or with everybody's when
// the whole household is asked for.
func (v *Verdict) calendar(claims card.Claims, person int) Reason {
	first, last := claims.ValidFrom(), claims.ValidTo()
	if reason := v.outside(first, last); reason != "" {
		return reason
	}
	// The earliest and the latest day on which somebody asked for is insured.
	v.Own = true
	from, to := last, first
	for i, p := range claims.People {
		if person > 0 && person != i+1 {
			continue
		}
		from = min(from, max(first, p.From))
		if p.To == 0 {
			to = last
		}
		to = max(to, p.To)
	}
	if reason := v.outside(from, to); reason != "" {
		return reason
	}
	for i, p := range claims.People {
		if (person == 0 || person == i+1) && within(v.Care, p.From, p.To) {
			v.Own = false
			return ""
		}
	}
	// Between the end of some and the beginning of the others.
	v.Since = to
	return Expired
}

// outside says when the date of care is not in [from, to].
func (v *Verdict) outside(from, to rights.Date) Reason {
	switch {
	case v.Care < from:
		v.Since = from
		return NotYet
	case v.Care > to:
		v.Since = to
		return Expired
	}
	return ""
}

func ended(s status.State) Reason {
	switch s.Kind {
	case status.Void:
		return Revoked
	case status.Replaced:
		return Replaced
	case status.Suspended:
		return Suspended
	}
	return ""
}

// coverage answers for the domain, or without one for being insured on that day.
func (v *Verdict) coverage(q Query) Reason {
	asked := v.People
	if q.Person > 0 {
		asked = v.People[q.Person-1 : q.Person]
	}
	covered := 0
	for _, p := range asked {
		if p.Covered {
			covered++
		}
	}
	switch {
	case covered == 0:
		if _, known := v.Issuer.Codes.Domain(q.Domain, v.Care); !known && !v.mentions(q.Domain) {
			return UnknownDomain
		}
		return NotCovered
	case covered < len(asked):
		// "Open" would be wrong for one of them, and "refused" for another.
		return ChoosePerson
	case v.request(q):
		return OKPEC
	}
	return OK
}

// mentions says whether the card has a column for the domain, whatever its value.
func (v *Verdict) mentions(domain string) bool {
	for _, g := range v.Card.Claims().Guarantees {
		for _, d := range g.Values {
			if d.Domain == domain {
				return true
			}
		}
	}
	return false
}

// freshness weighs the age of the list against the limits of the outage policy, and makes the payment promise.
func (v *Verdict) freshness(q Query, reason Reason, state status.State) Reason {
	limits := v.Issuer.Insurer.Outage.For(q.Domain)
	refuse := time.Duration(limits.RefuseHours) * time.Hour
	reserve := time.Duration(limits.ReserveHours) * time.Hour
	if v.List.Age > refuse {
		return ListTooOld
	}
	switch {
	case reason == ChoosePerson:
	case v.List.Age > reserve || q.Now.After(v.Issuer.Expires):
		reason = StaleList
	case state.Ended() && state.End != status.Replaced:
		v.Since = state.EndFrom
		if reason == OK {
			reason = BeforeEnd
		}
	}
	// The policy speaks of domains. Nothing is promised for a day to come, whose end of rights no list can know, nor where the
	// insurer's agreement is still to be asked for.
	v.Ahead = v.Care > rights.DateAt(q.Now)
	if q.Domain != "" && !v.Ahead && !v.request(q) && (reason == OK || reason == BeforeEnd || reason == StaleList) {
		v.Pay = &Payment{Until: v.Issuer.Published.Add(refuse), Euros: limits.PayableEuros}
	}
	return reason
}

// request says whether somebody asked for needs the insurer's agreement first.
func (v *Verdict) request(q Query) bool {
	for _, p := range v.People {
		if (q.Person == 0 || q.Person == p.Number) && p.Covered && p.Value.Kind == rights.PEC {
			return true
		}
	}
	return false
}

// say closes the verdict with its reason.
func (v *Verdict) say(r Reason, err error) Verdict {
	v.Reason, v.Status = r, StatusOf(r)
	if v.Status == Refused || v.Status == Unknown {
		// The card's values stay, as what is written on it; nobody is covered by it today.
		for i := range v.People {
			v.People[i].Covered = false
		}
	}
	if err != nil {
		v.Detail = signing.CodeOf(err)
	}
	return *v
}
