// The answer to one receipt: what the counter promised, against what its own check gives from what it could have known.

package reconcile

import (
	"bytes"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
)

// Tolerances.
const (
	// Slack is how far the time of an entry may lie from the time of its check: the clock may be set in between, and a busy
	// disk makes an entry wait.
	Slack = offline.ClockTolerance
	// Ahead is how far a counter's clock may be ahead of its upload's arrival. A clock that is ahead makes lists look older than
	// they are, so it earns nothing; a day is what a wrong time zone and a wrong date can make together.
	Ahead = 24 * time.Hour
)

// Facts are what the register knows about one receipt.
type Facts struct {
	Ours     bool   // the card's insurer is one of this operator's
	Card     string // the card's compact JWS; "" when the register knows no such signed card of that insurer
	Events   []register.Event
	Released []Release       // what was published on the date of the receipt's list
	Check    *register.Check // that gave the receipt's accord; nil for none
	Stolen   bool            // the key that the receipt names is listed by now: it signed cards that the insurer never issued
	Counters []string        // ids that the chain's counter has had; nil when the chain is another counter's
	Arrived  time.Time
}

// Release is a publication, as far as one card is concerned.
type Release struct {
	At, Expires time.Time
	Revision    uint64 // of the page of the card's list
	Listed      bool   // it had such a page
	Policy      string // of the insurer's issuer.json
	Insurer     *card.Insurer
}

// Answer to an entry.
type Answer struct {
	Answer register.Answer
	Reason string // code of package accord; "" when honoured
	Faith  bool   // honoured although the card was forged, or never seen: see forged
}

func disputed(reason string) Answer { return Answer{Answer: register.Disputed, Reason: reason} }

func noted(reason string) Answer { return Answer{Answer: register.Noted, Reason: reason} }

// Judge answers a receipt that was written down at a moment of the counter's clock. It reads nothing but its arguments.
func Judge(at time.Time, r receipt.Receipt, f Facts) Answer {
	switch {
	case r.PayUntil.IsZero():
		return noted(accord.ReasonNoPromise)
	case !f.Ours:
		return noted(accord.ReasonOtherOperator)
	case f.Counters == nil:
		return disputed(accord.ReasonOtherCounter)
	case at.After(f.Arrived.Add(Ahead)), r.Care > rights.DateAt(f.Arrived.Add(Ahead)):
		return disputed(accord.ReasonFuture)
	case f.Card == "" && r.Mode == receipt.Online:
		return disputed(accord.ReasonUnknownCard)
	case r.Mode == receipt.Online:
		return online(r, f)
	}
	answer := disputed(accord.ReasonUnknownCard)
	if f.Card != "" {
		answer = list(at, r, f)
	}
	if f.Stolen && notThisCard[answer.Reason] && forged(at, r, f) {
		return Answer{Answer: register.Honoured, Faith: true}
	}
	return answer
}

// notThisCard are the disputes that another card in the same place explains.
var notThisCard = map[string]bool{accord.ReasonUnknownCard: true, accord.ReasonCareOutside: true, accord.ReasonNotCovered: true, accord.ReasonOtherVerdict: true}

// forged says whether a counter, with the list that it names, had to believe whatever card was signed by a key that was stolen:
// that list still vouched for the key. Which card it was nobody knows any more, and the theft is not the pharmacist's. What was
// promised is compared with the policy.
func forged(at time.Time, r receipt.Receipt, f Facts) bool {
	place, ok := placeOf(r.Card)
	if !ok || r.List != place.List || r.Status != offline.Valid && r.Status != offline.Reserve || at.Before(r.Published.Add(-Slack)) {
		return false
	}
	if d := at.Sub(r.Published.Add(r.Age)); d < -Slack || d > Slack+time.Second {
		return false
	}
	for _, p := range f.Released {
		if !p.Listed || p.Revision != r.Revision || !p.At.Equal(r.Published) || p.Insurer == nil || p.Policy != r.Policy {
			continue
		}
		limits := p.Insurer.Outage.For(r.Domain)
		refuse := time.Duration(limits.RefuseHours) * time.Hour
		if r.Age > refuse || !r.PayUntil.Equal(p.At.Add(refuse)) || r.PayEuros != limits.PayableEuros {
			continue
		}
		for _, k := range p.Insurer.CardKeys {
			if k.KID == r.KID && (k.State == signing.StateActive || k.State == signing.StateRetired) {
				return true
			}
		}
	}
	return false
}

// list judges a check that relied on a signed list.
func list(at time.Time, r receipt.Receipt, f Facts) Answer {
	place, ok := placeOf(r.Card)
	if !ok {
		return disputed(accord.ReasonUnknownCard)
	}
	var known []Release
	for _, p := range f.Released {
		if p.Listed && r.List == place.List && p.Revision == r.Revision && p.At.Equal(r.Published) {
			known = append(known, p)
		}
	}
	if len(known) == 0 {
		return disputed(accord.ReasonUnknownList)
	}
	if at.Before(r.Published.Add(-Slack)) {
		return disputed(accord.ReasonBeforeList)
	}
	checked := r.Published.Add(r.Age)
	if d := at.Sub(checked); d < -Slack || d > Slack+time.Second {
		return disputed(accord.ReasonAge)
	}
	answer := disputed(accord.ReasonOtherPolicy)
	for _, p := range known {
		if p.Insurer == nil || p.Policy != r.Policy {
			continue
		}
		if answer = recheck(at, checked, r, f, p); answer.Answer == register.Honoured {
			break
		}
	}
	return answer
}

// recheck runs the counter's own check on what one publication said. A receipt holds whole seconds: the check may have been
// made anywhere in its second. Before the list's own date (the clock may lag a little) the age says nothing, and the entry's
// time does.
func recheck(at, checked time.Time, r receipt.Receipt, f Facts, p Release) Answer {
	known, err := newSheet(r, f, p)
	if err != nil {
		return disputed(accord.ReasonUnknownList)
	}
	moments := []time.Time{checked, checked.Add(time.Second - 1)}
	if r.Age == 0 {
		moments = append(moments, at)
	}
	var first Answer
	for i, now := range moments {
		v := offline.Check(known, offline.Query{Text: f.Card, Domain: r.Domain, Person: r.Person, Care: r.Care, Now: now})
		answer := compare(r, v)
		if answer.Answer == register.Honoured {
			return answer
		}
		if i == 0 {
			first = answer
		}
	}
	return first
}

// compare says whether a verdict is the one of the receipt, word for word.
func compare(r receipt.Receipt, v offline.Verdict) Answer {
	want := receipt.Of(v, r.Mode)
	// Compared before: the revision is that of the page as published (not of the sheet), the age belongs to the moment.
	want.Version, want.Revision, want.Age = r.Version, r.Revision, r.Age
	if v.Pay != nil && bytes.Equal(want.Body(), r.Body()) {
		return Answer{Answer: register.Honoured}
	}
	switch v.Reason {
	case offline.BadSignature, offline.UnknownKey, offline.KeyDead, offline.KeyWindow, offline.KeyListed, offline.WrongInsurer, offline.Malformed, offline.Unreadable, offline.UnknownIssuer:
		return disputed(accord.ReasonUnknownCard)
	case offline.ListTooOld:
		return disputed(accord.ReasonListTooOld)
	case offline.NotYet, offline.Expired:
		return disputed(accord.ReasonCareOutside)
	case offline.Revoked, offline.Replaced, offline.Suspended:
		return disputed(accord.ReasonEnded)
	case offline.NotCovered, offline.NotListed, offline.UnknownDomain, offline.ChoosePerson:
		return disputed(accord.ReasonNotCovered)
	case offline.ClockWrong:
		return disputed(accord.ReasonBeforeList)
	}
	if want.KID != r.KID || want.Card != r.Card {
		return disputed(accord.ReasonUnknownCard)
	}
	if want.Status == r.Status && want.Reason == r.Reason && (!want.PayUntil.Equal(r.PayUntil) || want.PayEuros != r.PayEuros) {
		return disputed(accord.ReasonOtherPromise)
	}
	return disputed(accord.ReasonOtherVerdict)
}

// online judges a check that the service itself answered: it wrote down what it said.
func online(r receipt.Receipt, f Facts) Answer {
	c := f.Check
	if c == nil || r.Accord == "" || c.Number != string(r.Accord) {
		return disputed(accord.ReasonUnknownAccord)
	}
	mine := false
	for _, id := range f.Counters {
		mine = mine || id == c.Counter
	}
	switch {
	case !mine:
		return disputed(accord.ReasonAccordCounter)
	case c.Insurer+"/"+c.Place.String() != r.Card:
		return disputed(accord.ReasonAccordCard)
	case c.Care != r.Care || c.Domain != r.Domain || c.Person != r.Person:
		return disputed(accord.ReasonAccordCare)
	case c.Status != string(r.Status) || c.Reason != string(r.Reason):
		return disputed(accord.ReasonOtherVerdict)
	case !c.Pay.Until.Equal(r.PayUntil) || c.Pay.Euros != r.PayEuros:
		return disputed(accord.ReasonOtherPromise)
	}
	return Answer{Answer: register.Honoured}
}

// sheet is what the counter held, as far as one card is concerned. It implements offline.Facts.
type sheet struct {
	key    string
	issuer *offline.Issuer
	page   *status.Page
}

// newSheet writes the card's line of the page as it stood at the receipt's revision: what was published later is not on it.
func newSheet(r receipt.Receipt, f Facts, p Release) (*sheet, error) {
	key, _, _ := strings.Cut(r.Card, "/")
	ring, err := p.Insurer.Keyring()
	if err != nil {
		return nil, err
	}
	page := status.New(key, r.List)
	var entries []status.Entry
	for _, e := range f.Events {
		if e.Revision > 0 && e.Revision <= r.Revision {
			entries = append(entries, status.Entry{Index: e.Place.Index, From: e.From, Published: e.Published, Kind: e.Kind})
		}
	}
	if page, err = page.Append(entries); err != nil {
		return nil, err
	}
	// No promise depends on the tables of codes: they only tell two refusals apart.
	return &sheet{key: key, page: page, issuer: &offline.Issuer{Insurer: p.Insurer, Keys: ring, Codes: rights.DefaultCodes(),
		Published: p.At, Expires: p.Expires, Issued: inRegister}}, nil
}

// inRegister speaks for the list of a stolen key: the card that is judged is the register's own, and the list is made of these.
func inRegister(string, [16]byte) (bool, error) { return true, nil }

func (s *sheet) Issuer(key string) (*offline.Issuer, error) {
	if key != s.key {
		return nil, offline.ErrUnknownIssuer
	}
	return s.issuer, nil
}

func (s *sheet) Page(key string, list uint32) (*status.Page, error) {
	if key != s.key || list != s.page.List() {
		return nil, offline.ErrNoPage
	}
	return s.page, nil
}

func (s *sheet) OwnerOf(string) (string, error) { return "", offline.ErrUnknownIssuer }

// placeOf reads the place of a receipt's card.
func placeOf(text string) (card.Place, bool) {
	_, place, _ := strings.Cut(text, "/")
	p, err := card.ParsePlace(place)
	return p, err == nil
}
