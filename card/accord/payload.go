// The one encoding of an accord, and what it may say.

package accord

import (
	"strconv"
	"time"

	"sceau/card"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
)

// Payload is the one encoding of an accord. It refuses what Decode would refuse.
func (a *Accord) Payload() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 256+len(a.Answers)*160)
	b = append(b, `{"number":"`...)
	b = append(b, a.Number...)
	b = append(b, `","req":"`...)
	b = append(b, a.Request...)
	b = append(b, `","iss":"`...)
	b = append(b, a.Insurer...)
	b = append(b, `","st":[`...)
	b = strconv.AppendUint(b, uint64(a.Place.List), 10)
	b = append(b, ',')
	b = strconv.AppendUint(b, uint64(a.Place.Index), 10)
	b = append(b, `],"kid":"`...)
	b = append(b, a.KID...)
	b = append(b, `","counter":"`...)
	b = append(b, a.Counter...)
	b = append(b, `","finess":"`...)
	b = append(b, a.FINESS...)
	b = append(b, `","care":"`...)
	b = append(b, a.Care.String()...)
	b = append(b, `","person":`...)
	b = strconv.AppendInt(b, int64(a.Person), 10)
	b = append(b, `,"at":`...)
	b = strconv.AppendInt(b, a.At.Unix(), 10)
	b = append(b, `,"until":`...)
	b = strconv.AppendInt(b, a.Until.Unix(), 10)
	b = append(b, `,"changed":`...)
	b = strconv.AppendBool(b, a.Changed)
	b = append(b, `,"answers":[`...)
	for i := range a.Answers {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.Answers[i].append(b)
	}
	return append(b, "]}"...), nil
}

func (a *Answer) append(b []byte) []byte {
	b = append(b, `{"domain":"`...)
	b = append(b, a.Domain...)
	b = append(b, `","status":"`...)
	b = append(b, a.Status...)
	b = append(b, `","reason":"`...)
	b = append(b, a.Reason...)
	b = append(b, '"')
	if a.Since != 0 {
		b = append(b, `,"since":"`...)
		b = append(b, a.Since.String()...)
		b = append(b, '"')
	}
	if a.Own {
		b = append(b, `,"own":true`...)
	}
	b = append(b, `,"people":[`...)
	for i, p := range a.People {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"n":`...)
		b = strconv.AppendInt(b, int64(p.Number), 10)
		b = append(b, `,"covered":`...)
		b = strconv.AppendBool(b, p.Covered)
		if !none(p.Value) {
			b = append(b, `,"value":"`...)
			b = append(b, p.Value.String()...)
			b = append(b, '"')
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if !a.PayUntil.IsZero() {
		b = append(b, `,"pay":{"until":`...)
		b = strconv.AppendInt(b, a.PayUntil.Unix(), 10)
		b = append(b, `,"euros":`...)
		b = strconv.AppendInt(b, int64(a.PayEuros), 10)
		b = append(b, '}')
	}
	return append(b, '}')
}

// Decode reads what Payload writes and nothing else: ErrMalformed.
func Decode(b []byte) (*Accord, error) {
	if len(b) > MaxAccord {
		return nil, malformed("accord_size", "accord larger than its bound")
	}
	r := reader{s: string(b)}
	a := new(Accord)
	r.lit(`{"number":"`)
	a.Number = Number(r.until('"'))
	r.lit(`,"req":"`)
	a.Request = r.until('"')
	r.lit(`,"iss":"`)
	a.Insurer = r.until('"')
	r.lit(`,"st":[`)
	a.Place.List = uint32(min(r.integer(), 1<<32-1))
	r.lit(`,`)
	a.Place.Index = uint32(min(r.integer(), 1<<32-1))
	r.lit(`],"kid":"`)
	a.KID = r.until('"')
	r.lit(`,"counter":"`)
	a.Counter = r.until('"')
	r.lit(`,"finess":"`)
	a.FINESS = r.until('"')
	r.lit(`,"care":"`)
	a.Care = r.date()
	r.lit(`,"person":`)
	a.Person = r.small()
	r.lit(`,"at":`)
	a.At = r.time()
	r.lit(`,"until":`)
	a.Until = r.time()
	r.lit(`,"changed":`)
	a.Changed = r.boolean()
	r.lit(`,"answers":[`)
	for r.ok() && !r.accept("]}") {
		if len(a.Answers) == MaxAnswers {
			r.fail("answers_count", "too many answers")
			break
		}
		if len(a.Answers) > 0 {
			r.lit(",")
		}
		a.Answers = append(a.Answers, r.answer())
	}
	return sameAgain(&r, a, b)
}

func (r *reader) answer() Answer {
	var a Answer
	r.lit(`{"domain":"`)
	a.Domain = r.until('"')
	r.lit(`,"status":"`)
	a.Status = r.until('"')
	r.lit(`,"reason":"`)
	a.Reason = r.until('"')
	if r.accept(`,"since":"`) {
		a.Since = r.date()
	}
	a.Own = r.accept(`,"own":true`)
	r.lit(`,"people":[`)
	for r.ok() && !r.accept("]") {
		if len(a.People) == card.MaxPeople {
			r.fail("people_count", "too many people")
			break
		}
		if len(a.People) > 0 {
			r.lit(",")
		}
		var p PersonValue
		r.lit(`{"n":`)
		p.Number = r.small()
		r.lit(`,"covered":`)
		p.Covered = r.boolean()
		if r.accept(`,"value":"`) {
			v, err := rights.ParseGuarantee(r.until('"'))
			if err != nil {
				r.fail("value_form", "guarantee value outside the grammar")
			}
			p.Value = v
		}
		r.lit("}")
		a.People = append(a.People, p)
	}
	if r.accept(`,"pay":{"until":`) {
		a.PayUntil = r.time()
		r.lit(`,"euros":`)
		a.PayEuros = r.small()
		r.lit("}")
	}
	r.lit("}")
	return a
}

func (r *reader) date() rights.Date {
	s := r.until('"')
	if r.err != nil {
		return 0
	}
	d, err := rights.ParseDate(s)
	if err != nil {
		r.fail("date_form", "not a date")
	}
	return d
}

// none says that a value is the zero one, which is left out.
func none(g rights.Guarantee) bool {
	return g.Kind == rights.None && g.Note == 0 && len(g.Circuits) == 0
}

func (a *Accord) check() error {
	if a.Number.Check() != nil {
		return malformed("number_form", "number outside its form")
	}
	if assertion.CheckID(a.Request) != nil {
		return malformed("req_form", "request is no 16 bytes of base64url")
	}
	if amc, err := rights.ParseAMC(a.Insurer); err != nil || amc.Key() != a.Insurer {
		return malformed("iss_form", "insurer is no key of a N° AMC")
	}
	if a.Place.List < 1 || a.Place.List > card.MaxList || a.Place.Index > card.MaxIndex {
		return malformed("place_range", "place out of range")
	}
	for _, kid := range []string{a.KID, a.Counter} {
		if _, err := signing.KIDBytes(kid); err != nil {
			return malformed("kid_form", "kid of the card or the counter outside its form")
		}
	}
	if _, err := rights.CheckFINESS(a.FINESS); err != nil {
		return malformed("finess_form", "N° FINESS outside its form")
	}
	for _, t := range []time.Time{a.At, a.Until, a.Care.Midnight()} {
		if err := checkTime(t); err != nil {
			return err
		}
	}
	switch {
	case !a.Until.After(a.At):
		return malformed("until_order", "ends before it was given")
	case a.Person < 0 || a.Person > card.MaxPeople:
		return malformed("person_range", "person out of range")
	case len(a.Answers) == 0 || len(a.Answers) > MaxAnswers:
		return malformed("answers_count", "no answer, or too many")
	}
	for i := range a.Answers {
		for _, before := range a.Answers[:i] {
			if before.Domain == a.Answers[i].Domain {
				return malformed("domain_twice", "two answers for one domain")
			}
		}
		if err := a.checkAnswer(&a.Answers[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *Accord) checkAnswer(n *Answer) error {
	if n.Domain != "" && rights.CheckDomain(n.Domain) != nil {
		return malformed("domain_form", "domain code outside its form")
	}
	open := n.Status == "valid" || n.Status == "reserve"
	if !open && n.Status != "refused" && n.Status != "unknown" {
		return malformed("status_unknown", "no such status")
	}
	if !code(n.Reason) {
		return malformed("reason_form", "reason is no code")
	}
	if n.Since < 0 || n.Since != 0 && checkTime(n.Since.Midnight()) != nil {
		return malformed("since_range", "day out of range")
	}
	if len(n.People) == 0 || len(n.People) > card.MaxPeople {
		return malformed("people_count", "nobody, or too many people")
	}
	covered := false
	for i, p := range n.People {
		switch {
		case p.Number < 1 || p.Number > card.MaxPeople:
			return malformed("person_range", "person out of range")
		case i > 0 && n.People[i-1].Number >= p.Number:
			return malformed("people_order", "people out of order or twice")
		case p.Covered && !open:
			return malformed("covered_refused", "covered under a refusal")
		case !none(p.Value) && (!p.Covered || n.Domain == ""):
			return malformed("value_uncovered", "a value for somebody who is not covered, or without a domain")
		case p.Value.Check() != nil:
			return malformed("value_form", "guarantee value outside the grammar")
		case p.Covered && n.Domain != "" && p.Value.Kind == rights.None:
			return malformed("value_missing", "covered without a value")
		}
		covered = covered || p.Covered
	}
	if open && !covered {
		return malformed("nobody_covered", "open, and nobody is covered")
	}
	return a.checkPay(n, open)
}

func (a *Accord) checkPay(n *Answer, open bool) error {
	if n.PayUntil.IsZero() {
		if n.PayEuros != 0 {
			return malformed("pay_incomplete", "a ceiling without a promise")
		}
		return nil
	}
	if err := checkTime(n.PayUntil); err != nil {
		return err
	}
	switch {
	case !open || n.Domain == "":
		return malformed("pay_refused", "a promise where nothing is open")
	case n.PayUntil.Before(a.Until):
		return malformed("pay_order", "the promise ends before the accord")
	case n.PayEuros < 0 || n.PayEuros > card.MaxPayableEuros:
		return malformed("pay_range", "amount out of range")
	}
	return nil
}
