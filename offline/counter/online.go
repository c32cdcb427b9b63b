// Asking the service first: what it is asked, what of its answer is believed, and why the lists answer when it is not.

package counter

import (
	"context"
	"errors"

	"sceau/card"
	"sceau/offline"
)

// ErrOffline is the family of what an Online may say.
var ErrOffline = errors.New("counter: not answered online")

// Codes of why a counter that is enrolled answers offline, beside those of an Online's own.
const (
	RescueNoKeys   = "no_service_keys"  // no followed repository speaks for the insurer, or it names no service: whom to ask, and to believe, is not known
	RescueOther    = "other_operator"   // enrolled, but not with the operator that speaks for this card's insurer
	RescueMismatch = "answer_mismatch"  // what came back answers another question, or an older one
	RescueCard     = "card_not_checked" // not asked: the card was not read, or is refused by the signed facts themselves
	RescueClock    = "clock"            // the computer's clock is known to be wrong
	RescueUnknown  = "unknown"
	RescueOff      = "off"  // somebody at the desk switched the online check off
	RescueNone     = "none" // enrolled nowhere: the state of a counter, and the reason of no answer
)

// Rescue is an error of ErrOffline with its code.
type Rescue struct {
	Code string
	Err  error
}

func (r *Rescue) Error() string { return ErrOffline.Error() + ": " + r.Code }

// Unwrap gives the family and what lies underneath.
func (r *Rescue) Unwrap() []error { return []error{ErrOffline, r.Err} }

// RescueCode is the code of why nothing was answered online.
func RescueCode(err error) string {
	var r *Rescue
	if errors.As(err, &r) && r.Code != "" {
		return r.Code
	}
	return RescueUnknown
}

// askOnline puts the question to the service, after the signed facts have had their say, and takes its answer where it is to
// be believed. Whatever goes wrong, the local verdict stands.
func (a *Answer) askOnline(ctx context.Context, o Online, facts Facts, query offline.Query, q Question) {
	if o == nil || !o.Enrolled() {
		return
	}
	if !offline.Askable(a.Verdict) || a.Code == "" {
		switch a.Reason {
		case offline.ClockWrong:
			a.Rescue = RescueClock
		case offline.UnknownIssuer:
			a.Rescue = RescueNoKeys
		default:
			a.Rescue = RescueCard
		}
		return
	}
	operators, ok := facts.(Operators)
	if !ok {
		a.Rescue = RescueNoKeys
		return
	}
	u, err := card.Parse(query.Text)
	if err != nil {
		a.Rescue = RescueCard
		return
	}
	if a.Card == nil && q.Domain == "" {
		query.Domain = ownOf(q.Domains, u.PeekUnsafe().Domains())
	}
	e := Enquiry{Card: u.CodeText(), Insurer: u.IssuerUnsafe().Key(), Domain: query.Domain, Care: a.Care, Person: query.Person, Service: operators.Service}
	if e.Root, err = operators.Operator(e.Insurer); err != nil {
		a.Rescue = RescueNoKeys
		return
	}
	got, err := o.Ask(ctx, e)
	if err != nil {
		a.Rescue = RescueCode(err)
		return
	}
	query.Now = got.Now
	v, err := offline.Answered(a.Verdict, query, got.Accord)
	if err != nil {
		a.Rescue = RescueMismatch
		return
	}
	a.Verdict, a.Mode = v, ModeOnline
}

// ownOf chooses among the counter's domains: the first that a card speaks of, else the first.
func ownOf(own, onCard []string) string {
	if len(own) == 0 {
		return ""
	}
	on := map[string]bool{}
	for _, d := range onCard {
		on[d] = true
	}
	for _, d := range own {
		if on[d] {
			return d
		}
	}
	return own[0]
}
