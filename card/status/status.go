// Package status keeps, for the cards of one list, the events that end them: what is not plainly valid, from which day, and since when that is public.
//
// A [Page] is a history: events are only ever added, several for one index in the order of their publication. What a card is worth on a day of care
// is said by the last event published whose first day is not after that day. The package is pure: no file, no network, no clock.
package status

import (
	"errors"

	"sceau/rights"
)

// Kind says what an event does to a card. The zero value is OK and is never an event's kind.
type Kind uint8

const (
	OK        Kind = iota // nothing ends the card on that day
	Void                  // annulée: not valid from the event's day
	Replaced              // another card took its place
	Suspended             // not valid for the time being
	Restored              // valid again from the event's day; a state never has this kind, it is OK then
)

var kindNames = [...]string{"ok", "void", "replaced", "suspended", "restored"}

// String returns the lower-case name, "ok" to "restored".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Entry is one event of a card's history.
type Entry struct {
	Index     uint32      // 0 to 2^20-1
	From      rights.Date // first day of care it holds for
	Published rights.Date // day it became public; never earlier than that of the index's event before it
	Kind      Kind        // Void, Replaced, Suspended or Restored
}

// State is what a page says about one card on one day of care.
type State struct {
	Kind      Kind        // OK, Void, Replaced or Suspended
	From      rights.Date // first day of the event that decides, 0 when none does
	Published rights.Date // its publication day, 0 when none does

	// The first day after the day of care on which the card is not OK, whatever Kind is when it is OK today: care given before a
	// revocation. End is OK (0) and both days are 0 when the page knows of no later end, or when the card is already not OK.
	End          Kind
	EndFrom      rights.Date
	EndPublished rights.Date
}

// Ended says that care is covered and that the card ends later: the verdict BEFORE_REVOCATION.
func (s State) Ended() bool { return s.End != OK }

// Families of errors. A message names the list and the index, never a person.
var (
	// ErrMalformed: bytes or entries that the format does not allow. Fetch the whole page again; report the source if it comes back.
	ErrMalformed = errors.New("status: malformed")
	// ErrVersion: a later version of the format. Update the software.
	ErrVersion = errors.New("status: unknown version")
	// ErrShrunk: a newer page lacks an event of the older one, or two pages of one revision differ. Keep the old page and report it.
	ErrShrunk = errors.New("status: history shrank")
	// ErrGap: the changes do not start at the revision (or list) that they are applied to. Fetch the whole page.
	ErrGap = errors.New("status: changes do not follow this revision")
)
