// Budgets in virtual time: who walks through cards is stopped within a minute, and no pharmacy on its busiest day is.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/offline"
)

// fleet is a world whose counters' questions are made up, ten virtual seconds after the other.
type fleet struct {
	*shop
	watch  *watcher
	random *rand.Rand
	card   uint32
	number int
}

func newFleet(t testing.TB) *fleet {
	s := newShop(t)
	s.clock = s.clock.Truncate(time.Minute)
	return &fleet{shop: s, watch: s.issuer.watcher(), random: rand.New(rand.NewPCG(1, 2))}
}

// row is one question of a counter at a moment of the round that ends now; a new card unless place says which.
func (f *fleet) row(counter string, at time.Time, reason offline.Reason, place card.Place) register.Check {
	k := register.Check{Counter: counter, At: at, Care: date(f.t, "2027-03-01"), Domain: "PHAR", Status: string(offline.StatusOf(reason)), Reason: string(reason)}
	switch reason {
	case offline.OK, offline.NotIssued, offline.NotCovered:
		if place == (card.Place{}) {
			f.card++
			place = card.Place{List: 1 + f.card>>20, Index: f.card & card.MaxIndex}
		}
		f.number++
		k.Insurer, k.Place, k.Number = amc, place, fmt.Sprint("N", f.number)
	}
	return k
}

// round lets ten seconds pass with these rows, in order of their time, and has the watch look.
func (f *fleet) round(rows []register.Check) {
	f.t.Helper()
	slices.SortFunc(rows, func(a, b register.Check) int { return a.At.Compare(b.At) })
	if len(rows) > 0 {
		f.update(func(tx register.Tx) error { _, err := tx.AddChecks(rows); return err })
	}
	f.clock = f.clock.Add(WatchEvery)
	if err := f.watch.round(context.Background(), f.clock); err != nil {
		f.t.Fatal(err)
	}
}

// steady are the questions of one counter in a round at so many a second; done is how many there were before.
func (f *fleet) steady(counter string, perSecond float64, since time.Time, reason offline.Reason, place card.Place) []register.Check {
	var rows []register.Check
	from := f.clock.Sub(since).Seconds()
	for n := int(from*perSecond + 0.999999); float64(n)/perSecond < from+WatchEvery.Seconds(); n++ {
		rows = append(rows, f.row(counter, since.Add(time.Duration(float64(n)/perSecond*1e9)).Truncate(time.Millisecond), reason, place))
	}
	return rows
}

func (f *fleet) state(id string) CounterState {
	f.t.Helper()
	return must(f.issuer.Counter(context.Background(), id))(f.t).State
}

// T01: at every speed that a person can't reach, the counter is suspended within sixty seconds, and the alarm names the
// complete trace. Between two looks nothing is lost and nothing is asked after the suspension.
func TestWatchEnumeration(t *testing.T) {
	place := card.Place{List: 1, Index: 7}
	for _, c := range []struct {
		name   string
		speed  float64
		reason offline.Reason
		place  card.Place
		within time.Duration
		rule   string
	}{
		{"different cards, 0.7 a second", 0.7, offline.OK, card.Place{}, time.Minute, RuleCards},
		{"different cards, 2 a second", 2, offline.OK, card.Place{}, time.Minute, RuleCards},
		{"different cards, 20 a second", 20, offline.NotCovered, card.Place{}, time.Minute, RuleCards},
		{"different cards, 200 a second", 200, offline.OK, card.Place{}, time.Minute, RuleCards},
		{"different cards, one in two seconds", 0.55, offline.OK, card.Place{}, 10 * time.Minute, RuleCards},
		{"different cards, one in three seconds", 0.33, offline.OK, card.Place{}, time.Hour, RuleRate},
		{"one card, 1.2 a second", 1.2, offline.OK, place, time.Minute, RuleRate},
		{"one card, 50 a second", 50, offline.OK, place, time.Minute, RuleRate},
		{"forged, one in five seconds", 0.2, offline.BadSignature, card.Place{}, time.Minute, RuleForged},
		{"forged, 10 a second", 10, offline.UnknownKey, card.Place{}, time.Minute, RuleForged},
		{"never issued, one a second", 1, offline.NotIssued, place, time.Minute, RuleForged},
		{"forged, one in fifteen seconds", 1. / 15, offline.Malformed, card.Place{}, 10 * time.Minute, RuleForged},
		{"texts of nothing, 5 a second", 5, offline.Unreadable, card.Place{}, time.Minute, RuleRate},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t)
			since, id, sent := f.clock, f.counter.ID, 0
			quiet := must(f.issuer.Counter(context.Background(), f.enrolled()))(t).ID
			for f.state(id) == CounterActive {
				if f.clock.Sub(since) >= c.within {
					t.Fatalf("still active after %s and %d questions", f.clock.Sub(since), sent)
				}
				rows := f.steady(id, c.speed, since, c.reason, c.place)
				sent += len(rows)
				f.round(append(rows, f.row(quiet, f.clock, offline.OK, place)))
			}
			got := must(f.issuer.Counter(context.Background(), id))(t)
			if got.State != CounterSuspended || got.Why != c.rule {
				t.Errorf("%s, %s", got.State, got.Why)
			}
			if f.state(quiet) != CounterActive {
				t.Error("the other counter was suspended as well")
			}
			alarms := must(f.issuer.Alarms(context.Background(), id, "", 10))(t)
			if len(alarms) != 1 || alarms[0].Rule != c.rule || alarms[0].FINESS != finess || alarms[0].Count <= alarms[0].Limit {
				t.Fatalf("alarms %+v", alarms)
			}
			trace := f.trace()
			if len(trace) != sent {
				t.Errorf("trace of %d rows, %d were asked", len(trace), sent)
			}
			inside := 0
			for _, k := range trace {
				if k.Seq >= alarms[0].First && k.Seq <= alarms[0].Last {
					inside++
				}
			}
			if inside < alarms[0].Count {
				t.Errorf("range %d to %d holds %d of the %d questions counted", alarms[0].First, alarms[0].Last, inside, alarms[0].Count)
			}
			// Once restored it is judged by what it does from then on.
			must(f.issuer.RestoreCounter(context.Background(), id))(t)
			f.round([]register.Check{f.row(id, f.clock, offline.OK, place)})
			if f.state(id) != CounterActive {
				t.Error("suspended again for what it was restored from")
			}
		})
	}
}

// enrolled enrolls one more counter.
func (f *fleet) enrolled() string { c, _ := f.enrol(); return c.ID }

// The busiest days are nobody's fault: 200 questions a day at ten times the usual hour, counters that are five times as busy
// as the average, a January in which everybody is, a till that reads a card every two seconds for five minutes, and a scanner
// that is set wrongly.
func TestWatchPeaks(t *testing.T) {
	for _, c := range []struct {
		name     string
		counters int
		rate     float64 // questions a minute of the average counter
		minutes  int
	}{
		{"one counter alone", 1, 25, 20},
		{"small fleet", 3, 25, 12},
		{"ten times the hour", 100, 200. / 60, 15},
		{"January, everybody", 100, 20, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t)
			var ids []string
			for range c.counters {
				ids = append(ids, f.enrolled())
			}
			// Each carries out the fleet's rate; in large fleets one in ten is five times as busy, as far as hands reach.
			for range c.minutes * 6 {
				var rows []register.Check
				for i, id := range ids {
					rate := c.rate
					if c.counters > 3 && i%10 == 0 {
						rate = min(rate*5, 28)
					}
					n := int(rate/6 + f.random.Float64())
					for range n {
						rows = append(rows, f.row(id, f.clock.Add(time.Duration(f.random.Int64N(int64(WatchEvery)))).Truncate(time.Millisecond), offline.OK, card.Place{}))
					}
				}
				scanner := ids[len(ids)-1]
				rows = append(rows, f.row(scanner, f.clock, offline.Unreadable, card.Place{}), f.row(scanner, f.clock, offline.UnknownIssuer, card.Place{}))
				f.round(rows)
			}
			for _, id := range ids {
				if f.state(id) != CounterActive {
					t.Errorf("suspended: %+v", must(f.issuer.Alarms(context.Background(), id, "", 10))(t))
				}
			}
		})
	}
}

// In a fleet whose usual rate is high the floor is not the bound: ten times the median is.
func TestWatchMedian(t *testing.T) {
	f := newFleet(t)
	var ids []string
	for range minFleet {
		ids = append(ids, f.enrolled())
	}
	fast, since := ids[0], f.clock
	for range 7 {
		var rows []register.Check
		for _, id := range ids[1:] {
			rows = append(rows, f.steady(id, 0.4, since, offline.OK, card.Place{List: 1, Index: 1})...)
		}
		f.round(append(rows, f.steady(fast, 3, since, offline.OK, card.Place{List: 1, Index: 1})...))
	}
	if f.state(fast) != CounterActive { // 180 a minute, the others 24
		t.Error("suspended below ten times the median")
	}
	for range 7 {
		var rows []register.Check
		for _, id := range ids[1:] {
			rows = append(rows, f.steady(id, 0.4, since, offline.OK, card.Place{List: 1, Index: 1})...)
		}
		f.round(append(rows, f.steady(fast, 6, since, offline.OK, card.Place{List: 1, Index: 1})...))
	}
	if f.state(fast) != CounterSuspended {
		t.Error("active above ten times the median")
	}
}

// Two processes watch one register: one suspension, one alarm, each row bound once.
func TestWatchTwice(t *testing.T) {
	f := newFleet(t)
	second := f.issuer.watcher()
	since, id := f.clock, f.counter.ID
	for range 13 {
		f.round(f.steady(id, 2, since, offline.OK, card.Place{}))
		if err := second.round(context.Background(), f.clock); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(must(f.issuer.Alarms(context.Background(), "*", "", 10))(t)); n != 1 {
		t.Errorf("%d alarms", n)
	}
	if r := must(f.issuer.CheckTrace(context.Background()))(t); r.Rows+r.Unbound != 260 || len(r.Faults) != 0 {
		t.Errorf("%+v", r)
	}
}

// tampered is a register whose trace somebody has changed.
type tampered struct {
	register.Store
	change func([]register.Check) []register.Check
}

type tamperedTx struct {
	register.Tx
	s *tampered
}

func (s *tampered) View(ctx context.Context, fn func(register.Tx) error) error {
	return s.Store.View(ctx, func(tx register.Tx) error { return fn(&tamperedTx{tx, s}) })
}

func (t *tamperedTx) ChecksAfter(seq int64, counter, insurer string, limit int) ([]register.Check, error) {
	all, err := t.Tx.ChecksAfter(0, "", "", 1_000_000)
	if err != nil {
		return nil, err
	}
	all = t.s.change(slices.Clone(all))
	all = slices.DeleteFunc(all, func(k register.Check) bool { return k.Seq <= seq })
	return all[:min(limit, len(all))], nil
}

// T19: whatever is done to a bound row shows, with the range that it stands in.
func TestCheckTrace(t *testing.T) {
	f := newFleet(t)
	for range 22 { // four ranges and some rows more
		f.round(f.steady(f.counter.ID, 0.3, time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC), offline.OK, card.Place{}))
	}
	ctx := context.Background()
	whole := must(f.issuer.CheckTrace(ctx))(t)
	if whole.Ranges < 3 || whole.Unbound == 0 || len(whole.Faults) != 0 || whole.Rows+whole.Unbound != int64(len(f.trace())) {
		t.Fatalf("%+v of %d rows", whole, len(f.trace()))
	}
	change := func(fn func(*register.Check)) func(i int) func([]register.Check) []register.Check {
		return func(i int) func([]register.Check) []register.Check {
			return func(all []register.Check) []register.Check { fn(&all[i]); return all }
		}
	}
	for what, fault := range map[string]struct {
		do   func(i int) func([]register.Check) []register.Check
		want string
	}{
		"number":  {change(func(k *register.Check) { k.Number += "X" }), "altered"},
		"counter": {change(func(k *register.Check) { k.Counter = "x" }), "altered"},
		"time":    {change(func(k *register.Check) { k.At = k.At.Add(time.Millisecond) }), "altered"},
		"insurer": {change(func(k *register.Check) { k.Insurer = "1" }), "altered"},
		"list":    {change(func(k *register.Check) { k.Place.List++ }), "altered"},
		"index":   {change(func(k *register.Check) { k.Place.Index++ }), "altered"},
		"care":    {change(func(k *register.Check) { k.Care++ }), "altered"},
		"domain":  {change(func(k *register.Check) { k.Domain = "OPTI" }), "altered"},
		"person":  {change(func(k *register.Check) { k.Person++ }), "altered"},
		"status":  {change(func(k *register.Check) { k.Status = "refused" }), "altered"},
		"reason":  {change(func(k *register.Check) { k.Reason = "EXPIRED" }), "altered"},
		"promise": {change(func(k *register.Check) { k.Pay.Until = k.At }), "altered"},
		"euros":   {change(func(k *register.Check) { k.Pay.Euros++ }), "altered"},
		"taken away": {func(i int) func([]register.Check) []register.Check {
			return func(all []register.Check) []register.Check { return slices.Delete(all, i, i+1) }
		}, "missing"},
	} {
		for _, i := range []int{0, int(whole.Rows) / 2, int(whole.Rows) - 1} {
			other := &Issuer{Store: &tampered{f.store, fault.do(i)}, Online: f.online, Now: f.issuer.Now}
			r := must(other.CheckTrace(ctx))(t)
			if len(r.Faults) != 1 || r.Faults[0].What != fault.want {
				t.Errorf("%s of row %d: %+v", what, i, r.Faults)
			}
		}
	}
	insert := func(all []register.Check) []register.Check {
		k := all[1]
		all = slices.Delete(all, 1, 2)
		all[0].Seq, k.Seq = k.Seq, all[0].Seq // two rows in each other's place
		return slices.Insert(all, 0, k)
	}
	other := &Issuer{Store: &tampered{f.store, insert}, Online: f.online, Now: f.issuer.Now}
	if r := must(other.CheckTrace(ctx))(t); len(r.Faults) != 1 {
		t.Errorf("two rows exchanged: %+v", r.Faults)
	}
}

// A round that fails is made up for by the next one.
func TestWatchFailure(t *testing.T) {
	f := newFleet(t)
	failing := &failingStore{Store: f.store, err: errors.New("disk full")}
	f.watch.issuer.Store = failing
	since := f.clock
	f.update(func(tx register.Tx) error {
		_, err := tx.AddChecks(f.steady(f.counter.ID, 20, since, offline.OK, card.Place{}))
		return err
	})
	f.clock = f.clock.Add(WatchEvery)
	if err := f.watch.round(context.Background(), f.clock); err == nil {
		t.Fatal("a register that can't be written is no error")
	}
	f.watch.issuer.Store = f.store
	f.round(nil)
	if f.state(f.counter.ID) != CounterSuspended {
		t.Error("not suspended by the round after the failure")
	}
}

// Codes that were tried while the register was away are an alarm once it is back.
func TestWatchCodesAfterAFailure(t *testing.T) {
	f := newFleet(t)
	f.issuer.living().wrongCodes.Add(maxWrongCodes + 10)
	f.watch.issuer.Store = &failingStore{Store: f.store, err: errors.New("disk full")}
	if err := f.watch.codes(context.Background(), f.clock); err == nil {
		t.Fatal("a register that can't be written is no error")
	}
	f.watch.issuer.Store = f.store
	for range 2 { // told once
		if err := f.watch.codes(context.Background(), f.clock); err != nil {
			t.Fatal(err)
		}
	}
	all, err := f.issuer.Alarms(context.Background(), "*", "", 10)
	if err != nil || len(all) != 1 || all[0].Rule != RuleCodes || all[0].Count != maxWrongCodes+10 {
		t.Errorf("%v %+v", err, all)
	}
}
