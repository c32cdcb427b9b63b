// Watch: budgets of counters, and their suspension without anybody asking.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/offline"
)

const (
	// WatchEvery is how often the trace is looked at: with a window of a minute a suspension comes within seventy seconds of
	// the first question of a burst, and within ten of the one that was too many.
	WatchEvery = 10 * time.Second
	// bindEvery is how often the trace is bound into the audit chain.
	bindEvery = time.Minute
	// overMedian is how many times the median rate of the active counters one of them may reach.
	overMedian = 10
	// minFleet is how many counters must be active for their median to say anything; below it the floors stand alone.
	minFleet = 20
	// maxWrongCodes is how many wrong invitation codes in WatchEvery are an alarm. They are 80 random bits: people mistype one
	// a minute, and who tries a thousand a second for a year has one chance in 10^13.
	maxWrongCodes = 50
)

// budget is one bound on what a counter may ask in a window: floor, or overMedian times the median of the active counters when
// that is more.
//
// Four million visits a day over 20,000 pharmacies are 200 a day each, 20 in an hour, at ten times the usual hour 200; a person
// with a scanner reads a card every two to three seconds at most, 30 in a minute and 300 in ten, and nobody keeps that up. A
// floor lies above what a busy counter can do, so that a small fleet, whose median says nothing, is safe too.
type budget struct {
	rule   string
	window time.Duration
	floor  int
	fixed  bool // the median does not raise it
	count  func(*activity, time.Time) int
}

var budgets = []budget{
	{RuleForged, time.Minute, 10, true, (*activity).forged},
	{RuleForged, windowLong, 30, true, (*activity).forged},
	{RuleCards, time.Minute, 40, false, (*activity).cards},
	{RuleCards, windowLong, 300, false, (*activity).cards},
	{RuleRate, time.Minute, 60, false, (*activity).total},
	{RuleRate, windowLong, 400, false, (*activity).total},
	{RuleRate, windowHour, 900, false, (*activity).total},
}

const (
	windowLong = 10 * time.Minute
	windowHour = time.Hour
)

// activity is what one counter did lately.
type activity struct {
	seen    []sighting      // of the last windowLong, by time of arrival
	minutes map[int64]int   // questions by minute of the last windowHour
	first   map[int64]int64 // first number of the trace in each of these minutes
}

type sighting struct {
	at     time.Time
	place  card.Place // zero when the card was not authentic
	forged bool
	seq    int64
}

func (a *activity) add(k register.Check, now time.Time) {
	at := k.At
	if at.After(now) { // another replica's clock
		at = now
	}
	a.seen = append(a.seen, sighting{at, k.Place, forgery(k.Reason), k.Seq})
	minute := at.Unix() / 60
	a.minutes[minute]++
	if _, ok := a.first[minute]; !ok {
		a.first[minute] = k.Seq
	}
}

// forgery says whether a reason speaks of a card that somebody made. What was misread and the cards of other operators are no
// forgeries: a wrongly set scanner or program must not cost a pharmacy its access; they count as questions.
func forgery(reason string) bool {
	switch offline.Reason(reason) {
	case offline.BadSignature, offline.Malformed, offline.WrongInsurer, offline.KeyWindow, offline.UnknownKey, offline.NotIssued:
		return true
	}
	return false
}

func (a *activity) since(from time.Time) []sighting {
	// Replicas commit in turn, so times are nearly in order; a search from the end stops a little early at worst.
	i := len(a.seen)
	for i > 0 && a.seen[i-1].at.After(from) {
		i--
	}
	return a.seen[i:]
}

func (a *activity) total(from time.Time) int {
	n := 0
	for m, k := range a.minutes {
		if m*60 >= from.Unix() {
			n += k
		}
	}
	return max(n, len(a.since(from)))
}

func (a *activity) forged(from time.Time) int {
	n := 0
	for _, s := range a.since(from) {
		if s.forged {
			n++
		}
	}
	return n
}

func (a *activity) cards(from time.Time) int {
	recent := a.since(from)
	if len(recent) < 2 {
		return len(recent)
	}
	places := make(map[card.Place]bool, len(recent))
	for _, s := range recent {
		if s.place != (card.Place{}) {
			places[s.place] = true
		}
	}
	return len(places)
}

// firstSince is the first number of the trace in a window.
func (a *activity) firstSince(from time.Time) int64 {
	first := int64(0)
	for m, seq := range a.first {
		if m*60+60 > from.Unix() && (first == 0 || seq < first) {
			first = seq
		}
	}
	return first
}

// forget drops what no window reaches any more; false when nothing is left.
func (a *activity) forget(now time.Time) bool {
	i := 0
	for i < len(a.seen) && !a.seen[i].at.After(now.Add(-windowLong)) {
		i++
	}
	a.seen = append(a.seen[:0], a.seen[i:]...)
	for m := range a.minutes {
		if m*60+60 <= now.Add(-windowHour).Unix() {
			delete(a.minutes, m)
			delete(a.first, m)
		}
	}
	return len(a.minutes) > 0
}

// watcher is one process's view of the trace.
type watcher struct {
	issuer   *Issuer
	started  bool
	seq      int64
	counters map[string]*activity
	bound    time.Time
	wrong    int64
}

// Watch looks at the trace of all servers every ten seconds until ctx ends: counters beyond a budget are suspended with an
// alarm, and once a minute the new rows are bound into the audit chain. Several processes may watch one register. An error of
// the register is told to Report, and the next round tries again.
func (s *Issuer) Watch(ctx context.Context) error {
	w := s.watcher()
	tick := time.NewTicker(WatchEvery)
	defer tick.Stop()
	for {
		if err := w.round(ctx, s.now()); err != nil && s.Report != nil && ctx.Err() == nil {
			s.Report(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *Issuer) watcher() *watcher {
	return &watcher{issuer: s.as("watch", s.tenant), counters: map[string]*activity{}}
}

// round is one look.
func (w *watcher) round(ctx context.Context, now time.Time) error {
	if err := w.read(ctx, now); err != nil {
		return err
	}
	err := w.judge(ctx, now)
	err = errors.Join(err, w.codes(ctx, now))
	if now.Sub(w.bound) >= bindEvery || now.Before(w.bound) {
		w.bound = now
		err = errors.Join(err, w.issuer.BindTrace(ctx), w.issuer.dropRequests(ctx, now))
	}
	return err
}

// read takes the new rows. A process that starts begins where the trace was bound last, a minute ago at most.
func (w *watcher) read(ctx context.Context, now time.Time) error {
	if !w.started {
		b, err := w.issuer.boundTrace(ctx)
		if err != nil {
			return err
		}
		w.seq, w.started = b.Last, true
	}
	for id, a := range w.counters {
		if !a.forget(now) {
			delete(w.counters, id)
		}
	}
	for {
		var page []register.Check
		err := w.issuer.Store.View(ctx, func(tx register.Tx) (err error) {
			page, err = tx.ChecksAfter(w.seq, "", "", tracePage)
			return err
		})
		if err != nil {
			return err
		}
		for _, k := range page {
			a := w.counters[k.Counter]
			if a == nil {
				a = &activity{minutes: map[int64]int{}, first: map[int64]int64{}}
				w.counters[k.Counter] = a
			}
			a.add(k, now)
			w.seq = k.Seq
		}
		if len(page) < tracePage {
			return nil
		}
	}
}

// judge suspends whoever is beyond a budget.
func (w *watcher) judge(ctx context.Context, now time.Time) error {
	var all error
	for _, b := range budgets {
		from := now.Add(-b.window)
		counts := make(map[string]int, len(w.counters))
		active := make([]int, 0, len(w.counters))
		over := false
		for id, a := range w.counters {
			n := b.count(a, from)
			if n > 0 {
				counts[id] = n
				active = append(active, n)
				over = over || n > b.floor
			}
		}
		if !over {
			continue
		}
		slices.Sort(active)
		median, limit := active[(len(active)-1)/2], b.floor
		if !b.fixed && len(active) >= minFleet {
			limit = max(limit, overMedian*median)
		}
		for id, n := range counts {
			if n <= limit || w.counters[id] == nil {
				continue
			}
			a := Alarm{Rule: b.rule, At: now.UTC().Truncate(time.Second), Counter: id, Count: n, Limit: limit, Median: median,
				Window: int(b.window / time.Second), First: w.counters[id].firstSince(from), Last: w.seq}
			if err := w.suspend(ctx, a); err != nil {
				all = errors.Join(all, err)
				continue
			}
			// What led to the suspension is not held against the counter once it is restored.
			delete(w.counters, id)
		}
	}
	return all
}

// suspend stops a counter, with its alarm, in one transaction.
func (w *watcher) suspend(ctx context.Context, a Alarm) error {
	a.ID = fmt.Sprintf("%s-%s-%d", a.Rule, a.Counter, a.Last)
	_, err := w.issuer.changeCounter(ctx, a.Counter, "counter.suspend", func(tx register.Tx, c *Counter) (bool, error) {
		if c.State != CounterActive {
			return false, nil // by somebody else, or by another process's watch
		}
		a.FINESS = c.FINESS
		if err := PutAlarm(tx, a); err != nil {
			return false, err
		}
		if err := w.issuer.audit(tx, "alarm", a.data()); err != nil {
			return false, err
		}
		return c.move(CounterSuspended, a.Rule, a.At)
	})
	if errors.Is(err, ErrUnknownCounter) {
		return nil
	}
	return err
}

// codes raises an alarm when somebody tries invitation codes.
func (w *watcher) codes(ctx context.Context, now time.Time) error {
	n := w.issuer.living().wrongCodes.Load()
	if fresh := n - w.wrong; fresh > maxWrongCodes {
		at := now.UTC().Truncate(time.Second)
		err := w.issuer.raise(ctx, Alarm{ID: RuleCodes + "-" + at.Format("20060102T15"), Rule: RuleCodes, At: at, Count: int(fresh),
			Limit: maxWrongCodes, Window: int(WatchEvery / time.Second)})
		if err != nil {
			return err // they are counted again in the next round
		}
	}
	w.wrong = n
	return nil
}

// dropRequests forgets the ids of requests that nobody believes any more.
func (s *Issuer) dropRequests(ctx context.Context, now time.Time) error {
	return s.Store.Update(ctx, func(tx register.Tx) error {
		_, err := tx.DropRequests(now)
		return err
	})
}
