// Reports for insurers: what was served, what was disputed, cards seen in too many places, counters whose list is old, alarms.

package reconcile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing/journal"
)

// Scope is what a report covers: an insurer, or all of this operator's, from one moment up to another.
type Scope struct {
	Insurer  string // key; "" for all
	From, To time.Time
}

// Bounds of one report.
const (
	MaxRows      = 10_000
	MaxDays      = 1096
	maxSightings = 200_000
	// BusyCounters and BusyWindow are when a card is seen at too many counters.
	BusyCounters = 3
	BusyWindow   = 10 * time.Minute
	// OldList is when a list is old, for the report: the usual age is an hour.
	OldList = 24 * time.Hour
)

// insurers are those that a scope covers.
func (s Scope) insurers(tx register.Tx) ([]string, error) {
	if s.Insurer != "" {
		return []string{s.Insurer}, nil
	}
	all, err := tx.Insurers()
	var keys []string
	for _, i := range all {
		keys = append(keys, i.Key)
	}
	return keys, err
}

// each runs fn for every insurer of a scope in one state of the register.
func (r *Reconciler) each(ctx context.Context, s Scope, fn func(tx register.Tx, insurer string) error) error {
	return r.Store.View(ctx, func(tx register.Tx) error {
		keys, err := s.insurers(tx)
		for _, key := range keys {
			if err == nil {
				err = fn(tx, key)
			}
		}
		return err
	})
}

// Day is what was served on one day, in Paris.
type Day struct {
	Day      rights.Date `json:"day"`
	Online   int64       `json:"online"`
	Offline  int64       `json:"offline"`
	Honoured int64       `json:"honoured"`
	Disputed int64       `json:"disputed"`
	Noted    int64       `json:"noted"`
}

// Served counts receipts day by day; days without any are there too, at most MaxDays.
func (r *Reconciler) Served(ctx context.Context, s Scope) ([]Day, error) {
	days := map[rights.Date]*Day{}
	err := r.each(ctx, s, func(tx register.Tx, insurer string) error {
		rows, err := tx.Served(insurer, s.From, s.To)
		for _, row := range rows {
			d := days[row.Day]
			if d == nil {
				d = &Day{Day: row.Day}
				days[row.Day] = d
			}
			if row.Mode == receipt.Online {
				d.Online += row.Count
			} else {
				d.Offline += row.Count
			}
			switch row.Answer {
			case register.Honoured:
				d.Honoured += row.Count
			case register.Disputed:
				d.Disputed += row.Count
			default:
				d.Noted += row.Count
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []Day
	if !s.From.Before(s.To) {
		return out, nil
	}
	first, last := rights.DateAt(s.From), rights.DateAt(s.To.Add(-1))
	for day := max(first, last-MaxDays+1); day <= last; day++ {
		if d := days[day]; d != nil {
			out = append(out, *d)
		} else {
			out = append(out, Day{Day: day})
		}
	}
	return out, nil
}

// Dispute is one disputed receipt.
type Dispute struct {
	Number  receipt.Number
	Counter string
	At      time.Time // by the counter's clock
	Arrived time.Time
	Card    string // "<AMC key>/<list>-<index>"
	Care    rights.Date
	Domain  string
	Mode    string
	Reason  string
}

// Disputed returns the disputed receipts of a scope, by time, and whether there are more than MaxRows.
func (r *Reconciler) Disputed(ctx context.Context, s Scope) (out []Dispute, more bool, err error) {
	err = r.each(ctx, s, func(tx register.Tx, insurer string) error {
		for after := int64(0); len(out) <= MaxRows; {
			rows, err := tx.ReceiptsAfter(after, insurer, "", register.Disputed, page)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, row := range rows {
				after = row.Row
				if row.At.Before(s.From) || !row.At.Before(s.To) {
					continue
				}
				d := Dispute{Counter: row.Counter, At: row.At, Arrived: row.Arrived, Card: row.Insurer + "/" + row.Place.String(), Care: row.Care,
					Domain: row.Domain, Mode: row.Mode, Reason: row.Reason}
				if e, err := journal.DecodeEntry(row.Entry); err == nil {
					d.Number = receipt.NumberOf(row.Device, e)
				}
				out = append(out, d)
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	slices.SortStableFunc(out, func(a, b Dispute) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number, b.Number)) })
	if more = len(out) > MaxRows; more {
		out = out[:MaxRows]
	}
	return out, more, nil
}

// Sentence says why, in French ("fr") or English ("en").
func (d Dispute) Sentence(lang string) string { return accord.Sentence(lang, d.Reason) }

// BusyCard is a card that was seen at too many counters within a short time.
type BusyCard struct {
	Card     string    `json:"card"`
	Counters []string  `json:"counters"` // of the busiest window
	First    time.Time `json:"first"`    // of that window
	Last     time.Time `json:"last"`
	Windows  int       `json:"windows"` // how many such windows there were, apart from one another
}

// BusyCards returns the cards that were seen at at least counters different counters within a window, the busiest first. A
// photocopied card looks so, and so does a family at three desks: it is a hint.
func (r *Reconciler) BusyCards(ctx context.Context, s Scope, counters int, window time.Duration) ([]BusyCard, error) {
	var out []BusyCard
	err := r.each(ctx, s, func(tx register.Tx, insurer string) error {
		seen, err := tx.Sightings(insurer, s.From, s.To, counters, maxSightings)
		if err != nil {
			return err
		}
		for i := 0; i < len(seen); {
			j := i
			for j < len(seen) && seen[j].Place == seen[i].Place {
				j++
			}
			if b, ok := busiest(insurer, seen[i].Place, seen[i:j], counters, window); ok {
				out = append(out, b)
			}
			i = j
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b BusyCard) int {
		return cmp.Or(cmp.Compare(len(b.Counters), len(a.Counters)), cmp.Compare(b.Windows, a.Windows), a.First.Compare(b.First))
	})
	return out[:min(len(out), MaxRows)], nil
}

// busiest slides a window over the sightings of one card, which are in the order of time.
func busiest(insurer string, p card.Place, seen []register.Sighting, counters int, window time.Duration) (BusyCard, bool) {
	best := BusyCard{Card: insurer + "/" + p.String()}
	in := map[string]int{}
	first := 0
	var until time.Time // end of the last window counted
	for last, s := range seen {
		in[s.Counter]++
		for s.At.Sub(seen[first].At) > window {
			if in[seen[first].Counter]--; in[seen[first].Counter] == 0 {
				delete(in, seen[first].Counter)
			}
			first++
		}
		if len(in) < counters {
			continue
		}
		if best.Windows == 0 || seen[first].At.After(until) {
			best.Windows++
			until = s.At
		}
		if len(in) > len(best.Counters) {
			best.Counters, best.First, best.Last = nil, seen[first].At, seen[last].At
			for id := range in {
				best.Counters = append(best.Counters, id)
			}
			slices.Sort(best.Counters)
		}
	}
	return best, best.Windows > 0
}

// Lists returns the counters whose list was at least minimum old at a check without the service, the oldest first.
func (r *Reconciler) Lists(ctx context.Context, s Scope, minimum time.Duration) ([]register.ListAge, error) {
	byCounter := map[string]register.ListAge{}
	err := r.each(ctx, s, func(tx register.Tx, insurer string) error {
		rows, err := tx.ListAges(insurer, s.From, s.To, int64(minimum/time.Second), MaxRows)
		for _, row := range rows {
			old, ok := byCounter[row.Counter]
			if ok {
				row.Checks += old.Checks
				row.Oldest = max(row.Oldest, old.Oldest)
				if old.At.After(row.At) {
					row.At, row.Last = old.At, old.Last
				}
			}
			byCounter[row.Counter] = row
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []register.ListAge
	for _, row := range byCounter {
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b register.ListAge) int {
		return cmp.Or(cmp.Compare(b.Oldest, a.Oldest), cmp.Compare(a.Counter, b.Counter))
	})
	return out[:min(len(out), MaxRows)], nil
}

// Alarms returns the newest alarms of counters' journals that concern a scope, at most limit. Without From and To all of them.
func (r *Reconciler) Alarms(ctx context.Context, s Scope, limit int) ([]Alarm, error) {
	return view(ctx, r.Store, func(tx register.Tx) ([]Alarm, error) {
		var out []Alarm
		for after := ""; ; {
			docs, err := tx.DocumentsAfter(alarmKind, "*", after, page)
			if err != nil {
				return nil, err
			}
			for _, d := range docs {
				after = d.ID
				a, ok := readAlarm(d)
				if !ok || s.Insurer != "" && !slices.Contains(a.Insurers, s.Insurer) ||
					!s.From.IsZero() && a.At.Before(s.From) || !s.To.IsZero() && !a.At.Before(s.To) {
					continue
				}
				out = append(out, a)
			}
			if len(docs) < page {
				break
			}
		}
		slices.SortStableFunc(out, func(a, b Alarm) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
		return out[:min(len(out), max(0, limit))], nil
	})
}

// Chains returns at most limit chains whose id comes after the given one, in order.
func (r *Reconciler) Chains(ctx context.Context, after string, limit int) ([]Chain, error) {
	return view(ctx, r.Store, func(tx register.Tx) ([]Chain, error) {
		docs, err := tx.DocumentsAfter(chainKind, "*", after, limit)
		if err != nil {
			return nil, err
		}
		var out []Chain
		for _, d := range docs {
			c := Chain{ID: d.ID}
			if err := c.decode(d.Data); err != nil {
				return nil, register.ErrCorrupt
			}
			out = append(out, c)
		}
		return out, nil
	})
}
