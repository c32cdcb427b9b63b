// What a rights service answered becomes a verdict: newer than any list, and bound by what the signed facts say of the card itself.

package offline

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/rights"
)

// ErrAccord: an accord that does not answer this question; the list answers then. The text says which member is another.
var ErrAccord = errors.New("offline: not the accord of this question")

// AccordTolerance is how far an accord's time may be from the counter's, either way, beside its own validity.
const AccordTolerance = 2 * time.Minute

// answerable are the reasons that a service may give, with what they mean for the card. Those of a list or of a computer are
// none of its business, and those that find a signature wrong come without an accord.
var answerable = []Reason{OK, OKPEC, BeforeEnd, ChoosePerson, NotCovered, NotYet, Expired, Revoked, Replaced, Suspended, RightsEnded, NotListed, NotIssued, UnknownDomain}

// Askable says whether a rights service is asked after the local verdict: not for what is no card, not for one that the
// signed facts refuse for good, not with a clock that they know to be wrong, and not for the card of an insurer that no
// followed list speaks for: a question holds the names on the card, and no service is known that may have them.
func Askable(local Verdict) bool {
	switch local.Reason {
	case Unreadable, Malformed, BadSignature, WrongInsurer, KeyWindow, KeyDead, NotIssued, NotListed, ClockWrong, UnknownIssuer:
		return false
	}
	return true
}

// closed says that no register opens this card on that day any more, whatever changed since: the card's own signed days don't
// hold it, or a newer card took its place. A day that is only the beneficiaries' own may have moved.
func closed(local Verdict) bool {
	return local.Reason == Replaced || (local.Reason == Expired || local.Reason == NotYet) && !local.Own
}

// Answered is the verdict of a rights service on q. local is what Check said of q from the signed facts, and a an accord
// whose signature was verified under a key of the operator that speaks for the card's insurer; q.Now is the counter's clock,
// corrected by the service's. The accord is newer than the list and wins, except that it never makes a card green that this
// counter could not verify itself, nor opens one that can't be opened again. Errors are ErrAccord, and then local stands.
func Answered(local Verdict, q Query, a *accord.Accord) (Verdict, error) {
	other := func(member string) (Verdict, error) { return Verdict{}, fmt.Errorf("%w: %s", ErrAccord, member) }
	if !Askable(local) {
		return other("verdict")
	}
	u, err := card.Parse(q.Text)
	if err != nil {
		return other("card")
	}
	answer := a.Answers[0]
	reason := Reason(answer.Reason)
	open := StatusOf(reason) == Valid || StatusOf(reason) == Reserve
	switch {
	case a.Insurer != u.IssuerUnsafe().Key() || a.Place != u.PlaceUnsafe() || a.KID != u.KID():
		return other("card")
	case a.Care != local.Care:
		return other("care")
	case a.Person != q.Person:
		return other("person")
	case answer.Domain != q.Domain:
		return other("domain")
	case !slices.Contains(answerable, reason) || answer.Status != string(StatusOf(reason)):
		return other("reason")
	case q.Now.Sub(a.At).Abs() > AccordTolerance || q.Now.After(a.Until.Add(AccordTolerance)):
		return other("time") // an accord is given to the question that is being asked, and to no later one
	case local.Issuer != nil && a.At.Before(local.Issuer.Published):
		return other("age") // what the lists say is newer, also where none of them was needed to refuse
	case open && closed(local):
		return other("opened")
	case !open && !answer.PayUntil.IsZero():
		return other("promise")
	}
	v := Verdict{Care: local.Care, Domain: q.Domain, Person: q.Person, Issuer: local.Issuer, Card: local.Card, Since: answer.Since, Own: answer.Own, Behind: local.Behind,
		Ahead:  local.Care > rights.DateAt(q.Now),
		Online: &Online{Number: a.Number, Insurer: a.Insurer, Place: a.Place, KID: a.KID, At: a.At, Until: a.Until, Changed: a.Changed}}
	claims := u.PeekUnsafe()
	if v.Card != nil {
		v.people(claims, q.Domain)
	}
	if err := v.today(answer, open, len(claims.People)); err != nil {
		return Verdict{}, err
	}
	if !answer.PayUntil.IsZero() {
		v.Pay = &Payment{Until: answer.PayUntil, Euros: answer.PayEuros}
	}
	if v.Card == nil && StatusOf(reason) == Valid {
		reason = OnlineOnly
	}
	return v.say(reason, nil), nil
}

// today puts the values of now in the place of those that the card prints. Of a card that was not verified here there is
// nobody to name.
func (v *Verdict) today(answer accord.Answer, open bool, people int) error {
	listed := map[int]bool{}
	for _, p := range answer.People {
		listed[p.Number] = true
		if p.Number < 1 || p.Number > people {
			return fmt.Errorf("%w: people", ErrAccord)
		}
		if v.Card == nil {
			continue
		}
		one := &v.People[p.Number-1]
		one.Covered = p.Covered
		if open { // under a refusal the card's values stay, as what is written on it
			one.Value = p.Value
		}
	}
	for i := range v.People {
		if n := v.People[i].Number; !listed[n] && (v.Person == 0 || v.Person == n) {
			v.People[i].Covered = false // nothing was said of somebody who was asked for
		}
	}
	if open && v.Person > 0 && !listed[v.Person] {
		return fmt.Errorf("%w: people", ErrAccord)
	}
	return nil
}
