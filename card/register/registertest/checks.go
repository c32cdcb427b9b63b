// What a store must do with online checks, and with the one read that a check needs.

package registertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
)

// check makes a check with a number of its own; all its members are set.
func check(n int) register.Check {
	return register.Check{
		Number: fmt.Sprintf("A%03d-0000-0000", n), Counter: "Xq3f9aLmQ2s", At: at.Add(time.Duration(n)*time.Second + 7*time.Millisecond),
		Insurer: insurerKey, Place: card.Place{List: 1, Index: uint32(n)}, Care: 20788, Domain: "OPTI", Person: 3,
		Status: "valid", Reason: "OK", Pay: register.Promise{Until: at.Add(time.Hour), Euros: 250},
	}
}

func testChecks(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	stranger := register.Check{Counter: "Xq3f9aLmQ2s", At: at, Status: "unknown"} // a card that was not authentic, no accord
	household := check(3)
	household.Person, household.Pay, household.Domain, household.Place = 0, register.Promise{}, "", card.Place{List: card.MaxList, Index: 0}
	open2 := check(4)
	open2.Pay.Euros, open2.At = 0, at.Add(-time.Hour) // earlier than what came before it
	all := []register.Check{check(1), stranger, check(2), stranger, household, open2}
	update(t, s, func(tx register.Tx) error {
		if first, err := tx.AddChecks(nil); err != nil || first != 0 {
			t.Errorf("nothing: %d %v", first, err)
		}
		first, err := tx.AddChecks(all[:4])
		if err != nil {
			return err
		}
		second, err := tx.AddChecks(all[4:])
		if first < 1 || second != first+4 {
			t.Errorf("Seq %d, then %d: the second batch follows the first", first, second)
		}
		return err
	})
	view(t, s, func(tx register.Tx) error {
		got, err := tx.ChecksAfter(0, "", "", 100)
		if err != nil || len(got) != len(all) {
			t.Fatalf("%d checks %v", len(got), err)
		}
		for i := range got {
			if !sameCheck(got[i], all[i]) || i > 0 && got[i].Seq != got[i-1].Seq+1 {
				t.Errorf("check %d: %+v, want %+v", i, got[i], all[i])
			}
			if all[i].Number == "" {
				continue
			}
			if one, err := tx.CheckByNumber(all[i].Number); err != nil || !reflect.DeepEqual(one, got[i]) {
				t.Errorf("by number: %+v %v", one, err)
			}
		}
		for _, number := range append([]string{"A999-0000-0000", strings.ToLower(all[0].Number), all[0].Number + " "}, strangeIDs...) {
			if one, err := tx.CheckByNumber(number); !errors.Is(err, register.ErrNotFound) || !reflect.DeepEqual(one, register.Check{}) {
				t.Errorf("number %.20q: %v", number, err)
			}
		}
		return nil
	})
	for _, again := range [][]register.Check{{check(1)}, {check(9), check(9)}, {check(8), check(2), check(7)}} {
		refuse(t, s, register.ErrConflict, func(tx register.Tx) error { _, err := tx.AddChecks(again); return err })
	}
	view(t, s, func(tx register.Tx) error {
		if got, err := tx.ChecksAfter(0, "", "", 100); err != nil || len(got) != len(all) {
			t.Errorf("a refused batch left something: %d checks %v", len(got), err)
		}
		return nil
	})
}

func testCheckRefused(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	for what, change := range map[string]func(*register.Check){
		"no counter":          func(c *register.Check) { c.Counter = "" },
		"no status":           func(c *register.Check) { c.Status = "" },
		"NUL":                 func(c *register.Check) { c.Reason = "A\x00" },
		"accent":              func(c *register.Check) { c.Domain = "é" },
		"a sentence":          func(c *register.Check) { c.Domain = strings.Repeat("word ", 20) },
		"no time":             func(c *register.Check) { c.At = time.Time{} },
		"a place of nobody":   func(c *register.Check) { c.Insurer = "" },
		"no place":            func(c *register.Check) { c.Place = card.Place{} },
		"a place beyond":      func(c *register.Check) { c.Place.Index = 1 << 20 },
		"a list beyond":       func(c *register.Check) { c.Place.List = card.MaxList + 1 },
		"person 13":           func(c *register.Check) { c.Person = 13 },
		"person -1":           func(c *register.Check) { c.Person = register.Household },
		"a ceiling of naught": func(c *register.Check) { c.Pay.Until = time.Time{} },
		"less than nothing":   func(c *register.Check) { c.Pay.Euros = -1 },
		"a long insurer":      func(c *register.Check) { c.Insurer = "12345678901" },
	} {
		bad := check(2)
		change(&bad)
		fault(t, s, what, func(tx register.Tx) error { _, err := tx.AddChecks([]register.Check{check(1), bad}); return err })
	}
	view(t, s, func(tx register.Tx) error {
		if got, err := tx.ChecksAfter(0, "", "", 100); err != nil || len(got) != 0 {
			t.Errorf("%d refused checks were kept: %v", len(got), err)
		}
		return nil
	})
}

func testChecksNarrowed(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	counters, insurers := []string{"", "A", "B", "C"}, []string{"", "1", "2", "3"}
	var all []register.Check
	update(t, s, func(tx register.Tx) error {
		for n := range 60 {
			c := check(n)
			c.Counter, c.Insurer = counters[1+n%2], insurers[n*7/3%3]
			if c.Insurer == "" {
				c.Place = card.Place{}
			}
			all = append(all, c)
		}
		_, err := tx.AddChecks(all)
		return err
	})
	view(t, s, func(tx register.Tx) error {
		for _, counter := range counters {
			for _, insurer := range insurers {
				var want, got []string
				for _, c := range all {
					if (counter == "" || c.Counter == counter) && (insurer == "" || c.Insurer == insurer) {
						want = append(want, c.Number)
					}
				}
				for after := int64(0); ; {
					page, err := tx.ChecksAfter(after, counter, insurer, 7)
					if err != nil || len(page) > 7 {
						t.Fatalf("%d checks %v", len(page), err)
					}
					if len(page) == 0 {
						break
					}
					for _, c := range page {
						got = append(got, c.Number)
					}
					after = page[len(page)-1].Seq
					ends(t, len(got))
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("counter %q, insurer %q: %v, want %v", counter, insurer, got, want)
				}
			}
		}
		return nil
	})
}

// testCheckRace: who walks by Seq while others write misses nothing and sees nothing twice.
func testCheckRace(t *testing.T, open Opener) {
	place := t.TempDir()
	stores := []register.Store{start(t, open, place), start(t, open, place)}
	const writers, batches, size = 4, 8, 3
	var wg sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		wg.Go(func() {
			for b := range batches {
				var batch []register.Check
				for i := range size {
					batch = append(batch, check(w*100+b*size+i))
				}
				var first int64
				err := stores[w%2].Update(t.Context(), func(tx register.Tx) (err error) { first, err = tx.AddChecks(batch); return err })
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				view(t, stores[w%2], func(tx register.Tx) error {
					for i := range batch {
						got, err := tx.ChecksAfter(first+int64(i)-1, "", "", 1)
						if err != nil || len(got) != 1 || got[0].Number != batch[i].Number || got[0].Seq != first+int64(i) {
							t.Errorf("a batch is not in one piece: %+v %v", got, err)
						}
					}
					return nil
				})
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	seen := map[string]bool{}
	last := int64(0)
	walk := func() {
		view(t, stores[0], func(tx register.Tx) error {
			for {
				page, err := tx.ChecksAfter(last, "", "", 5)
				if err != nil || len(page) == 0 {
					return err
				}
				for _, c := range page {
					if c.Seq <= last || seen[c.Number] {
						t.Fatalf("Seq %d after %d", c.Seq, last)
					}
					last, seen[c.Number] = c.Seq, true
				}
			}
		})
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		walk()
	}
	if len(seen) != writers*batches*size {
		t.Errorf("met %d of %d checks: some were committed behind the walker", len(seen), writers*batches*size)
	}
}

// testHolding: a holding is what View reads, from one committed state.
func testHolding(t *testing.T, open Opener) {
	place := t.TempDir()
	s := start(t, open, place)
	seed(t, s)
	h, ok := s.(register.Holder)
	if !ok {
		return // the power is optional: callers use View
	}
	c := intent(t, "A1", 1, 77)
	want := func(events int) {
		t.Helper()
		var w register.Holding
		view(t, s, func(tx register.Tx) (err error) {
			var e1, e2, e3 error
			w.Card, e1 = tx.Card(c.Place)
			w.Contract, e2 = tx.Contract(c.Contract)
			w.Events, e3 = tx.EventsOf(c.Place)
			return errors.Join(e1, e2, e3)
		})
		got, err := h.Holding(t.Context(), c.Place)
		if err != nil || !reflect.DeepEqual(got, w) || len(got.Events) != events {
			t.Errorf("got %+v %v, want %+v", got, err, w)
		}
	}
	for _, free := range []card.Place{c.Place, {}, {List: 9, Index: 1}, {List: 1, Index: 1 << 20}} {
		if got, err := h.Holding(t.Context(), free); !errors.Is(err, register.ErrNotFound) || !reflect.DeepEqual(got, register.Holding{}) {
			t.Errorf("place %s: %v", free, err)
		}
	}
	update(t, s, func(tx register.Tx) error { return errors.Join(tx.AddCard(c), tx.AddCard(intent(t, "A2", 1, 78))) })
	want(0) // an intent
	update(t, s, func(tx register.Tx) error { return tx.SealCard(c.Place, signature(1)) })
	want(0)
	event := register.Event{Place: c.Place, Kind: status.Void, From: day(t, "2027-03-01"), Class: "closed", Actor: "test", At: at}
	for n := range 3 {
		update(t, s, func(tx register.Tx) error { _, err := tx.AddEvent(event); return err })
		want(n + 1)
	}
	next := intent(t, "A1", 1, 79)
	next.Replaces, next.ReplacedFrom = c.Place, day(t, "2027-04-01")
	update(t, s, func(tx register.Tx) error {
		_, err := tx.MarkPublished(1, 1<<40, 1, day(t, "2027-02-01"))
		return errors.Join(err, tx.PutContract(contract(t, "A1", 2)), tx.AddCard(next))
	})
	want(3)
	c = next
	want(0)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Holding(gone, c.Place); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	testHoldingRace(t, open, place, s, h)
}

// testHoldingRace: each writer's transaction adds an event and a revision; a holding has both or neither, and never an older
// state than the one before it.
func testHoldingRace(t *testing.T, open Opener, place string, s register.Store, h register.Holder) {
	other := start(t, open, place)
	p := card.Place{List: 1, Index: 78} // of contract A2, still at revision 1
	done := make(chan error, 1)
	const rounds = 30
	go func() {
		for n := range rounds {
			err := other.Update(t.Context(), func(tx register.Tx) error {
				_, err := tx.AddEvent(register.Event{Place: p, Kind: status.Void, From: 20800, Actor: "test", At: at})
				return errors.Join(err, tx.PutContract(contract(t, "A2", int64(n+2))))
			})
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	last, running := 0, true
	for running {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		got, err := h.Holding(t.Context(), p)
		if err != nil || got.Contract.Revision != int64(1+len(got.Events)) || len(got.Events) < last {
			t.Fatalf("revision %d with %d events after %d: %v", got.Contract.Revision, len(got.Events), last, err)
		}
		last = len(got.Events)
	}
	if last != rounds {
		t.Errorf("%d of %d events", last, rounds)
	}
}
