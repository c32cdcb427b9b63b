// Reading: one card, read and authenticated once, for several questions.

package offline

import (
	"errors"

	"sceau/card"
	"sceau/rights"
)

// Reading is a text after the steps of Check that no question changes: parsing, issuer, key and signature.
type Reading struct{ v Verdict }

// Read reads and authenticates a text. It never fails: Judge says what was wrong.
func Read(facts Facts, text string) *Reading {
	r := new(Reading)
	u, err := card.Parse(text)
	switch {
	case errors.Is(err, card.ErrUnreadable):
		r.v.say(Unreadable, err)
	case err != nil:
		r.v.say(Malformed, err)
	default:
		if reason, err := r.v.authenticate(facts, u); reason != "" {
			r.v.say(reason, err)
		}
	}
	return r
}

// Card is the card, nil unless its signature held.
func (r *Reading) Card() *card.Card { return r.v.Card }

// Judge answers a question about the card that was read; q's Text is not looked at.
func (r *Reading) Judge(facts Facts, q Query) Verdict {
	v := r.v
	v.Care, v.Domain, v.Person = q.Care, q.Domain, q.Person
	if v.Care == 0 {
		v.Care = rights.DateAt(q.Now)
	}
	if v.Card == nil {
		return v
	}
	return v.judge(facts, q)
}
