// What no store keeps: rows that break their own rules, refused alike by all stores before any SQL.

package register

import (
	"fmt"
	"math"
	"strings"
	"time"

	"sceau/card"
	"sceau/signing/journal"
)

// Longest texts of a row, in bytes. They leave room for growth, and none for a sentence about a person.
const (
	maxKind   = 32
	maxID     = 128
	maxOwner  = 64
	maxCode   = 64  // an id of a counter, a number, a status, a reason, a domain
	maxKey    = 10  // of an insurer
	maxEntry  = 256 // journal.Entry.Encode beside its body
	requestID = 22
)

// refuse says what is wrong and never quotes it: what stands in the wrong member may be a person's.
func refuse(row, member string) error {
	return fmt.Errorf("register: %s: %s is not one that a register keeps", row, member)
}

// printable says that the text is ASCII without control characters, at least least and at most most bytes long.
func printable(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// calendar is the range of a time that a journal may hold as well.
func calendar(t time.Time) bool { y := t.UTC().Year(); return y >= 1 && y <= 9999 }

// pair says that an insurer and a place are there together, or neither of them.
func pair(insurer string, p card.Place) bool {
	if insurer == "" {
		return p == card.Place{}
	}
	return printable(insurer, 1, maxKey) && p.List >= 1 && p.List <= card.MaxList && p.Index <= card.MaxIndex
}

// Valid refuses what no store keeps. It is a fault of the program, so the error is of no family. Stores call it in
// PutDocument, where a Version below 1 is a conflict and not asked about here.
func (d Document) Valid() error {
	switch {
	case len(d.Kind) < 1 || len(d.Kind) > maxKind || strings.Trim(d.Kind, "abcdefghijklmnopqrstuvwxyz-") != "":
		return refuse("document", "kind")
	case !printable(d.ID, 1, maxID):
		return refuse("document", "id")
	case !printable(d.Owner, 0, maxOwner) || d.Owner == AnyOwner:
		return refuse("document", "owner")
	case !d.Until.IsZero() && !calendar(d.Until):
		return refuse("document", "until")
	case len(d.Data) > MaxDocument+SealRoom:
		return refuse("document", "data")
	}
	return nil
}

// Valid refuses what no store keeps, as a fault of the program.
func (r Request) Valid() error {
	switch {
	case !printable(r.Counter, 1, maxCode):
		return refuse("request", "counter")
	case !printable(r.ID, requestID, requestID):
		return refuse("request", "id")
	case r.Until.IsZero() || !calendar(r.Until):
		return refuse("request", "until")
	}
	return nil
}

// Valid refuses what no store keeps, as a fault of the program. Seq is not asked about: the store gives it.
func (c Check) Valid() error {
	switch {
	case !printable(c.Number, 0, maxCode):
		return refuse("check", "number")
	case !printable(c.Counter, 1, maxCode):
		return refuse("check", "counter")
	case c.At.IsZero() || !calendar(c.At):
		return refuse("check", "time")
	case !pair(c.Insurer, c.Place):
		return refuse("check", "place")
	case c.Care < 0:
		return refuse("check", "date of care")
	case !printable(c.Domain, 0, maxCode):
		return refuse("check", "domain")
	case c.Person < 0 || c.Person > card.MaxPeople:
		return refuse("check", "person")
	case !printable(c.Status, 1, maxCode) || !printable(c.Reason, 0, maxCode):
		return refuse("check", "status")
	case c.Pay.Euros < 0 || c.Pay.Until.IsZero() && c.Pay.Euros != 0 || !c.Pay.Until.IsZero() && !calendar(c.Pay.Until):
		return refuse("check", "promise")
	}
	return nil
}

// Valid refuses what no store keeps, as a fault of the program. Row is not asked about: the store gives it.
func (r Receipt) Valid() error {
	switch {
	case len(r.Device) != 32 || strings.Trim(r.Device, "0123456789abcdef") != "":
		return refuse("receipt", "device")
	case r.Seq < 1 || r.Seq > math.MaxInt64:
		return refuse("receipt", "number")
	case len(r.Entry) < 1 || len(r.Entry) > journal.MaxBody+maxEntry:
		return refuse("receipt", "entry")
	case !printable(r.Counter, 1, maxCode):
		return refuse("receipt", "counter")
	case !calendar(r.Arrived) || !calendar(r.At):
		return refuse("receipt", "time")
	case !pair(r.Insurer, r.Place):
		return refuse("receipt", "place")
	case r.Care < 0:
		return refuse("receipt", "date of care")
	case !printable(r.Domain, 0, maxCode):
		return refuse("receipt", "domain")
	case r.Mode != "" && r.Mode != ModeOffline && r.Mode != ModeOnline:
		return refuse("receipt", "mode")
	case !printable(r.Status, 0, maxCode) || !printable(r.Reason, 0, maxCode):
		return refuse("receipt", "status")
	case r.Age < 0:
		return refuse("receipt", "age")
	case r.Answer < Noted || r.Answer > Disputed:
		return refuse("receipt", "answer")
	}
	return nil
}
