// Alarms: what people must look at. They are documents, so that every replica and every report sees them.

package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sceau/card/register"
)

// Alarm is one thing that people must look at. It names no person.
type Alarm struct {
	ID      string    // 1 to 128 of printable ASCII: what makes it one alarm and not two
	Rule    string    // stable code, such as RuleRate
	At      time.Time // when it was raised, whole seconds
	Counter string    // id of the counter, "" for none
	FINESS  string    // of its establishment, when it was suspended
	Card    string    // "<AMC key>/<list>-<index>", "" for none
	Count   int       // what was counted
	Limit   int       // and what was allowed
	Median  int       // of the active counters, in the same window
	Window  int       // seconds
	First   int64     // range of the trace that it is about; 0 for none
	Last    int64
}

// Rules of this package's alarms. A counter was suspended for those of a budget.
const (
	RuleRate      = "budget-rate"   // too many questions
	RuleCards     = "budget-cards"  // too many different cards
	RuleForged    = "budget-forged" // too many cards that are not authentic
	RuleNotIssued = "not-issued"    // a signature that holds on a card that was never issued: a stolen key
	RuleCodes     = "wrong-codes"   // somebody tries invitation codes
)

// alarmKind are documents of this package: id = Alarm.ID, owner = the counter's id, Data = alarmData.
const alarmKind = "alarm"

type alarmData struct {
	Rule    string    `json:"rule"`
	At      time.Time `json:"at"`
	FINESS  string    `json:"finess,omitempty"`
	Card    string    `json:"card,omitempty"`
	Count   int       `json:"count,omitempty"`
	Limit   int       `json:"limit,omitempty"`
	Median  int       `json:"median,omitempty"`
	Window  int       `json:"window_seconds,omitempty"`
	First   int64     `json:"first,omitempty"`
	Last    int64     `json:"last,omitempty"`
	Counter string    `json:"counter,omitempty"`
}

func (a Alarm) data() alarmData {
	return alarmData{a.Rule, a.At.UTC(), a.FINESS, a.Card, a.Count, a.Limit, a.Median, a.Window, a.First, a.Last, a.Counter}
}

// PutAlarm raises an alarm in the transaction of what it speaks of. One that was there already stays as it is.
func PutAlarm(tx register.Tx, a Alarm) error {
	_, err := putAlarm(tx, a)
	return err
}

func putAlarm(tx register.Tx, a Alarm) (raised bool, err error) {
	if _, err := tx.Document(alarmKind, a.ID); err == nil {
		return false, nil
	} else if !errors.Is(err, register.ErrNotFound) {
		return false, err
	}
	b, err := json.Marshal(a.data())
	if err != nil {
		return false, fmt.Errorf("issuer: alarm: %w", err)
	}
	err = tx.PutDocument(register.Document{Kind: alarmKind, ID: a.ID, Owner: a.Counter, Version: 1, Data: b})
	return err == nil, err
}

// raise stores an alarm by itself, with its audit entry, unless it is there.
func (s *Issuer) raise(ctx context.Context, a Alarm) error {
	known := false
	err := s.Store.View(ctx, func(tx register.Tx) error { // a write transaction is dear, and most are known
		_, err := tx.Document(alarmKind, a.ID)
		known = err == nil
		if errors.Is(err, register.ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil || known {
		return err
	}
	return s.Store.Update(ctx, func(tx register.Tx) error {
		raised, err := putAlarm(tx, a)
		if err != nil || !raised {
			return err
		}
		return s.audit(tx, "alarm", a.data())
	})
}

// Alarms returns at most limit alarms whose id comes after the given one in byte order, of one counter or, with "*", of all.
func (s *Issuer) Alarms(ctx context.Context, counter, after string, limit int) ([]Alarm, error) {
	var out []Alarm
	err := s.Store.View(ctx, func(tx register.Tx) error {
		docs, err := tx.DocumentsAfter(alarmKind, counter, after, limit)
		if err != nil {
			return err
		}
		for _, d := range docs {
			var a alarmData
			if err := json.Unmarshal(d.Data, &a); err != nil {
				return fmt.Errorf("%w: alarm", ErrDamaged)
			}
			out = append(out, Alarm{d.ID, a.Rule, a.At, a.Counter, a.FINESS, a.Card, a.Count, a.Limit, a.Median, a.Window, a.First, a.Last})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
