// What a store must count for the reports: random journals against the model, and the cases that random data seldom meets.

package registertest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// autumn is the day of 25 hours: the clocks of Paris go back at 01:00 UTC.
var autumn = time.Date(2026, 10, 25, 0, 0, 0, 0, rights.Paris()).UTC()

// moments are chosen so that days, the change of the clocks and SameCheck are met at their very ends.
var moments = func() []time.Duration {
	var out []time.Duration
	for _, base := range []time.Duration{0, time.Hour, 2 * time.Hour, 3 * time.Hour, 24 * time.Hour, 25 * time.Hour, 49 * time.Hour, 73 * time.Hour} {
		for _, off := range []time.Duration{-register.SameCheck - time.Second, -register.SameCheck, -time.Second, 0, time.Second, register.SameCheck, register.SameCheck + time.Second} {
			out = append(out, base+off)
		}
	}
	return out
}()

// testReports compares every report with the model, for random receipts and checks that come in random batches.
func testReports(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		// Each round has insurers, counters and journals of its own, so that one register serves all.
		insurers := []string{fmt.Sprint("I", round), fmt.Sprint("J", round), ""}
		moment := rapid.Custom(func(rt *rapid.T) time.Time { return autumn.Add(rapid.SampledFrom(moments).Draw(rt, "moment")) })
		place := rapid.Custom(func(rt *rapid.T) card.Place {
			return card.Place{List: rapid.Uint32Range(1, 2).Draw(rt, "list"), Index: rapid.Uint32Range(0, 1).Draw(rt, "index")}
		})
		counter := rapid.Custom(func(rt *rapid.T) string { return fmt.Sprint("C", round, "-", rapid.IntRange(1, 3).Draw(rt, "counter")) })
		var m model
		for range rapid.IntRange(1, 3).Draw(rt, "batches") {
			var receipts []register.Receipt
			var checks []register.Check
			for range rapid.IntRange(0, 12).Draw(rt, "receipts") {
				r := receipt(round, len(m.receipts)+len(receipts)+1)
				r.Insurer, r.Place, r.Counter, r.At = rapid.SampledFrom(insurers).Draw(rt, "insurer"), place.Draw(rt, "place"), counter.Draw(rt, "at"), moment.Draw(rt, "at")
				if r.Insurer == "" {
					r.Place = card.Place{}
				}
				r.Mode = rapid.SampledFrom([]string{"", register.ModeOffline, register.ModeOnline}).Draw(rt, "mode")
				r.Answer = register.Answer(rapid.IntRange(1, 3).Draw(rt, "answer"))
				r.Age = rapid.SampledFrom([]int64{0, 1, 60, 86400}).Draw(rt, "age")
				receipts = append(receipts, r)
			}
			for range rapid.IntRange(0, 8).Draw(rt, "checks") {
				c := check(0)
				c.Number = ""
				c.Insurer, c.Place, c.Counter = rapid.SampledFrom(insurers).Draw(rt, "insurer"), place.Draw(rt, "place"), counter.Draw(rt, "at")
				c.At = moment.Draw(rt, "at").Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, 999 * time.Millisecond}).Draw(rt, "ms"))
				if c.Insurer == "" {
					c.Place = card.Place{}
				}
				checks = append(checks, c)
			}
			again := append([]register.Receipt(nil), receipts...)
			err := s.Update(t.Context(), func(tx register.Tx) error {
				if _, err := tx.AddChecks(checks); err != nil {
					return err
				}
				if _, err := tx.AddReceipts(receipts); err != nil {
					return err
				}
				_, err := tx.AddReceipts(again) // what is known counts once
				return err
			})
			if err != nil {
				rt.Fatal(err)
			}
			m.receipts, m.checks = append(m.receipts, receipts...), append(m.checks, checks...)
		}
		for range 4 {
			from, to := moment.Draw(rt, "from"), moment.Draw(rt, "to")
			switch rapid.IntRange(0, 4).Draw(rt, "span") {
			case 0:
				from = autumn.AddDate(0, 0, -3)
			case 1:
				to = autumn.AddDate(0, 0, 9)
			case 2: // whole days
				from, to = rights.DateAt(from).Midnight(), (rights.DateAt(to) + 1).Midnight()
			case 3:
				from, to = from.Add(300*time.Microsecond), to.Add(999*time.Millisecond)
			}
			insurer := rapid.SampledFrom(insurers[:2]).Draw(rt, "insurer")
			counters, limit := rapid.IntRange(0, 4).Draw(rt, "counters"), rapid.IntRange(1, 9).Draw(rt, "limit")
			minimum := rapid.SampledFrom([]int64{-1, 0, 1, 61, 86400, 86401}).Draw(rt, "minimum")
			err := s.View(t.Context(), func(tx register.Tx) error {
				days, err := tx.Served(insurer, from, to)
				same(rt, "served", days, m.served(insurer, from, to), err)
				for _, limit := range []int{limit, 1000} {
					seen, err := tx.Sightings(insurer, from, to, counters, limit)
					same(rt, "sightings", seen, m.sightings(insurer, from, to, counters, limit), err)
					ages, err := tx.ListAges(insurer, from, to, minimum, limit)
					same(rt, "list ages", ages, m.listAges(insurer, from, to, minimum, limit), err)
				}
				return nil
			})
			if err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func same[T any](t interface{ Fatalf(string, ...any) }, what string, got, want []T, err error) {
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %+v %v, want %+v", what, got, err, want)
	}
}

// testReportEdges: nobody's rows, empty spans, and a card that was seen online and in a receipt by two clocks.
func testReportEdges(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	nobody := receipt(1, 9)
	nobody.Insurer, nobody.Place = "", card.Place{}
	nobodys := check(9)
	nobodys.Insurer, nobodys.Place = "", card.Place{}
	online := receipt(1, 1)
	online.Mode, online.At, online.Place = register.ModeOnline, at, card.Place{List: 1, Index: 1}
	elsewhere := receipt(1, 2)
	elsewhere.Counter, elsewhere.Place, elsewhere.At = "other", online.Place, at.Add(time.Hour)
	early, late, outside := check(1), check(2), check(3)
	early.Place, early.At = online.Place, at.Add(-register.SameCheck)
	late.Place, late.At = online.Place, at.Add(register.SameCheck)
	outside.Place, outside.At = online.Place, at.Add(register.SameCheck+time.Millisecond)
	update(t, s, func(tx register.Tx) error {
		if _, err := tx.AddChecks([]register.Check{early, late, outside, nobodys}); err != nil {
			return err
		}
		_, err := tx.AddReceipts([]register.Receipt{online, elsewhere, nobody})
		return err
	})
	from, to := at.Add(-2*time.Hour), at.Add(2*time.Hour)
	sighting := func(c string, at time.Time) register.Sighting {
		return register.Sighting{Place: online.Place, Counter: c, At: at}
	}
	view(t, s, func(tx register.Tx) error {
		got, err := tx.Sightings(insurerKey, from, to, 2, 10)
		same(t, "sightings", got, []register.Sighting{sighting(online.Counter, at), sighting(outside.Counter, outside.At), sighting("other", elsewhere.At)}, err)
		got, err = tx.Sightings(insurerKey, from, to, 3, 10)
		same(t, "three counters", got, nil, err)
		got, err = tx.Sightings(insurerKey, at.Add(time.Second), to, 2, 10) // its receipt belongs to the report before
		same(t, "another report", got, []register.Sighting{sighting(late.Counter, late.At), sighting(outside.Counter, outside.At), sighting("other", elsewhere.At)}, err)
		// The ends of a span are exact, whatever a column is kept to: a check to the millisecond, a receipt to the second.
		for _, c := range []struct {
			from, to time.Duration
			want     int
		}{{0, 1, 1}, {1, time.Minute, 0}, {-1, 0, 0}, {-1, 1, 1}, {-999 * time.Microsecond, -1, 0}, {-time.Microsecond, time.Microsecond, 1}} {
			got, err := tx.Sightings(insurerKey, outside.At.Add(c.from), outside.At.Add(c.to), 1, 10)
			if err != nil || len(got) != c.want {
				t.Errorf("a check from %v to %v: %+v %v, want %d", c.from, c.to, got, err, c.want)
			}
			days, err := tx.Served(insurerKey, elsewhere.At.Add(c.from), elsewhere.At.Add(c.to))
			if err != nil || len(days) != c.want {
				t.Errorf("a receipt from %v to %v: %+v %v, want %d", c.from, c.to, days, err, c.want)
			}
		}
		for _, span := range [][2]time.Time{{from, from}, {to, from}, {to, to.AddDate(1, 0, 0)}, {from.AddDate(-1, 0, 0), from}} {
			days, err := tx.Served(insurerKey, span[0], span[1])
			same(t, "empty span", days, nil, err)
			seen, err := tx.Sightings(insurerKey, span[0], span[1], 0, 10)
			same(t, "empty span", seen, nil, err)
			ages, err := tx.ListAges(insurerKey, span[0], span[1], 0, 10)
			same(t, "empty span", ages, nil, err)
		}
		for _, insurer := range []string{"", "unknown", "\x00", "\xff"} {
			days, err := tx.Served(insurer, from, to)
			same(t, "nobody's", days, nil, err)
			seen, err := tx.Sightings(insurer, from, to, 0, 10)
			same(t, "nobody's", seen, nil, err)
			ages, err := tx.ListAges(insurer, from, to, 0, 10)
			same(t, "nobody's", ages, nil, err)
		}
		return nil
	})
}
