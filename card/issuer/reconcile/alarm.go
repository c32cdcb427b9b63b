// Alarms: what is wrong with a counter's journal, for people to look at. An alarm never costs a line.

package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card/register"
)

// alarmKind are documents of one alarm each: id is "journal.<code>.<chain>.<from>-<to>", owner the counter's id, data an
// alarmText.
const alarmKind = "alarm"

// Codes of alarms.
const (
	AlarmFork      = "FORK"      // an entry that contradicts another: same number and other hash, or another one before it
	AlarmGap       = "GAP"       // entries are missing below those that came
	AlarmHead      = "HEAD"      // a signed head or base speaks of another entry than the one that is here
	AlarmShort     = "SHORT"     // a newer signed head stands before an older one: the journal was shortened or put back
	AlarmTime      = "TIME"      // an entry is dated before the one before it
	AlarmClock     = "CLOCK"     // an entry is dated after its arrival
	AlarmOrder     = "ORDER"     // entries of a batch came in another order than their numbers
	AlarmOpening   = "OPENING"   // the first entry is not the opening of this device and key
	AlarmBody      = "BODY"      // an entry is no receipt
	AlarmAnew      = "ANEW"      // the journal was begun anew because the one before was damaged, and entries were lost
	AlarmCounter   = "COUNTER"   // the chain belongs to another counter
	AlarmEnrolled  = "ENROLLED"  // the same establishment goes on under another counter's id
	AlarmName      = "NAME"      // another chain has the same device's id
	AlarmSignature = "SIGNATURE" // nobody vouched for a batch: it was refused
	AlarmForged    = "FORGED"    // receipts for cards that a stolen key signed, or that nobody ever saw, were honoured
)

// Alarm is one of them.
type Alarm struct {
	ID       string    `json:"id"`
	Code     string    `json:"code"`
	Counter  string    `json:"counter"`
	Device   string    `json:"device"` // the chain's name
	From     uint64    `json:"from,omitempty"`
	To       uint64    `json:"to,omitempty"`
	Count    int       `json:"count,omitempty"` // of the entries from the first to the last, where not all are meant
	At       time.Time `json:"at"`
	Closed   time.Time `json:"closed,omitzero"` // a gap that was filled
	Insurers []string  `json:"insurers,omitempty"`
}

// alarmText has the members of every alarm of the service (rule, at, counter), and its own.
type alarmText struct {
	Rule     string    `json:"rule"` // "journal-fork"
	At       time.Time `json:"at"`
	Counter  string    `json:"counter"`
	Source   string    `json:"source"` // "journal"
	Code     string    `json:"code"`
	Device   string    `json:"device"`
	From     uint64    `json:"from,omitempty"`
	To       uint64    `json:"to,omitempty"`
	Count    int       `json:"count,omitempty"`
	Closed   time.Time `json:"closed,omitzero"`
	Insurers []string  `json:"insurers,omitempty"`
}

const alarmSource = "journal"

func alarmID(code, chain string, from, to uint64) string {
	return fmt.Sprintf("%s.%s.%s.%d-%d", alarmSource, code, chain, from, to)
}

func (a Alarm) put(tx register.Documents, d register.Document) error {
	t := alarmText{Rule: alarmSource + "-" + strings.ToLower(a.Code), At: a.At.UTC(), Counter: a.Counter, Source: alarmSource, Code: a.Code, Device: a.Device,
		From: a.From, To: a.To, Count: a.Count, Closed: a.Closed.UTC(), Insurers: a.Insurers}
	b, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("reconcile: encode an alarm: %w", err)
	}
	d.Version, d.Data = d.Version+1, b
	return tx.PutDocument(d)
}

// readAlarm reads an alarm of this package; false for what another part of the service raised.
func readAlarm(d register.Document) (Alarm, bool) {
	var t alarmText
	if json.Unmarshal(d.Data, &t) != nil || t.Source != alarmSource {
		return Alarm{}, false
	}
	return Alarm{ID: d.ID, Code: t.Code, Counter: d.Owner, Device: t.Device, From: t.From, To: t.To, Count: t.Count, At: t.At, Closed: t.Closed, Insurers: t.Insurers}, true
}

// raise stores an alarm unless it was raised before, and says whether it was new.
func raise(tx register.Documents, chain string, a Alarm) (bool, error) {
	id := alarmID(a.Code, chain, a.From, a.To)
	_, err := tx.Document(alarmKind, id)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, register.ErrNotFound) {
		return false, err
	}
	return true, a.put(tx, register.Document{Kind: alarmKind, ID: id, Owner: a.Counter})
}

// closeGaps marks the alarms of gaps that were filled.
func closeGaps(tx register.Documents, chain string, gaps []Span, at time.Time) error {
	for _, g := range gaps {
		d, err := tx.Document(alarmKind, alarmID(AlarmGap, chain, g.From, g.To))
		if errors.Is(err, register.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if a, ok := readAlarm(d); ok && a.Closed.IsZero() {
			a.Closed = at
			if err := a.put(tx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// insurersOf are the insurers whose cards a batch speaks of, at most 16 of them.
func insurersOf(rows []register.Receipt) []string {
	var out []string
	for _, r := range rows {
		if r.Insurer != "" && !slices.Contains(out, r.Insurer) && len(out) < 16 {
			out = append(out, r.Insurer)
		}
	}
	slices.Sort(out)
	return out
}

var alarmWords = map[string]struct{ fr, en string }{
	AlarmFork:      {"Deux suites différentes du même journal : poste cloné, sauvegarde remise en place ou journal modifié.", "Two different continuations of one journal: a cloned computer, a restored backup, or a journal that was changed."},
	AlarmGap:       {"Des entrées manquent.", "Entries are missing."},
	AlarmHead:      {"La tête signée du journal parle d’une autre entrée que celle reçue.", "The signed head speaks of another entry than the one received."},
	AlarmShort:     {"Le journal est plus court qu’auparavant : raccourci, ou remis à un jour antérieur.", "The journal is shorter than before: shortened, or put back to an earlier day."},
	AlarmTime:      {"L’horloge du poste a reculé.", "The counter’s clock went back."},
	AlarmClock:     {"L’horloge du poste avance.", "The counter’s clock is ahead."},
	AlarmOrder:     {"Des entrées sont arrivées dans le désordre.", "Entries came out of order."},
	AlarmOpening:   {"La première entrée n’est pas l’ouverture de ce journal.", "The first entry is not the opening of this journal."},
	AlarmBody:      {"Une entrée n’est pas une attestation de vérification.", "An entry is no receipt."},
	AlarmAnew:      {"Le journal a été recommencé après un dommage ; des entrées ont été perdues.", "The journal was begun anew after damage; entries were lost."},
	AlarmCounter:   {"Ce journal appartient à un autre poste.", "This journal belongs to another counter."},
	AlarmEnrolled:  {"Le même établissement continue son journal sous un nouveau numéro de poste.", "The same establishment goes on with its journal under a new counter’s id."},
	AlarmName:      {"Deux journaux portent le même numéro d’appareil.", "Two journals have the same device’s id."},
	AlarmSignature: {"Un envoi que personne n’avait signé a été refusé.", "An upload that nobody had signed was refused."},
	AlarmForged:    {"Des promesses sur des cartes inconnues ont été honorées : leur clé, volée, était encore admise par la liste du poste. À comparer aux délivrances.", "Promises about unknown cards were honoured: the counter’s list still vouched for their stolen key. Compare them with what was dispensed."},
}

// AlarmSentence says an alarm to people, in English for "en" and in French for anything else.
func AlarmSentence(lang, code string) string {
	w, ok := alarmWords[code]
	switch {
	case !ok:
		return code
	case lang == "en":
		return w.en
	}
	return spaced(w.fr)
}
