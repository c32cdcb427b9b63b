// What one pair of eyes may do in a day, counted where it is done.

package issuer

import (
	"errors"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// Limits bound what staff may do. A zero value takes the default.
type Limits struct {
	StatusChanges int           // cards that one person revokes, suspends or restores in a day without another's consent; default 100
	Cards         int           // cards that one person issues or reprints in a day without another's consent; default 10,000
	Idle          time.Duration // a session without requests is over; default 20 minutes
	Session       time.Duration // a session is over; default 9 hours
	Approval      time.Duration // a second pair of eyes may be asked for; default 48 hours
}

func (l Limits) of(act string) int {
	switch {
	case act == actStatus && l.StatusChanges > 0:
		return l.StatusChanges
	case act == actStatus:
		return 100
	case l.Cards > 0:
		return l.Cards
	}
	return 10_000
}

func or(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

func (l Limits) idle() time.Duration     { return or(l.Idle, 20*time.Minute) }
func (l Limits) session() time.Duration  { return or(l.Session, 9*time.Hour) }
func (l Limits) approval() time.Duration { return or(l.Approval, 48*time.Hour) }

// Acts that are counted.
const (
	actStatus = "status"
	actIssue  = "issue"
)

// errOver says that a person has no more of a day's limit; the caller asks for another's consent.
var errOver = errors.New("issuer: over the day's limit")

// kindSpending: Data is spending; ID the act, the day and a digest of tenant and person; Owner the insurer.
const kindSpending = "spending"

type spending struct {
	Done    int `json:"done"`
	Granted int `json:"granted,omitempty"` // by another person, above the limit
}

// spend counts n of an act against today's limit of a person, or says errOver and counts nothing.
func (s *Issuer) spend(tx register.Tx, who Staff, act string, n int) error {
	return s.count(tx, who.Insurer, who.Person, act, func(v *spending) error {
		if n > 0 && v.Done+n > s.Limits.of(act)+v.Granted {
			return errOver
		}
		v.Done += n
		return nil
	})
}

func (s *Issuer) count(tx register.Tx, insurerKey, person, act string, fn func(*spending) error) error {
	today := rights.DateAt(s.now())
	var v spending
	id := act + "-" + today.Compact() + "-" + digestOf(insurerKey, person)
	d, err := readDocument(tx, kindSpending, insurerKey, id, &v)
	if errors.Is(err, ErrUnknownDocument) {
		d, err = register.Document{Kind: kindSpending, ID: id, Owner: insurerKey, Until: (today + 3).Midnight().UTC()}, nil
	}
	if err != nil {
		return err
	}
	if err := fn(&v); err != nil {
		return err
	}
	return writeDocument(tx, d, v)
}
