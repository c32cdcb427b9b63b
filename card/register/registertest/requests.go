// What a store must do with the requests of counters: each is taken once.

package registertest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/register"
)

func request(counter string, n int, until time.Time) register.Request {
	return register.Request{Counter: counter, ID: fmt.Sprintf("%022d", n), Until: until}
}

func take(t *testing.T, s register.Store, want string, requests ...register.Request) {
	t.Helper()
	update(t, s, func(tx register.Tx) error {
		got, err := tx.TakeRequests(requests)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("taken %v %v, want %s", got, err, want)
		}
		return err
	})
}

func testRequests(t *testing.T, open Opener) {
	place := t.TempDir()
	s := start(t, open, place)
	until := at.Add(5 * time.Minute)
	a, b, other := request("A", 1, until), request("A", 2, until), request("B", 1, until)
	take(t, s, "[]")
	take(t, s, "[true false true true]", a, a, other, b)
	take(t, s, "[false false false true]", b, other, a, request("A", 3, until))
	take(t, start(t, open, place), "[false true false]", a, request("A", 4, until), a)
	a.Until = until.Add(time.Hour) // a replay can't lengthen its life
	take(t, s, "[false]", a)
	drop := func(before time.Time, want int64) {
		t.Helper()
		update(t, s, func(tx register.Tx) error {
			n, err := tx.DropRequests(before)
			if err != nil || n != want {
				t.Errorf("dropped %d %v, want %d", n, err, want)
			}
			return err
		})
	}
	drop(until, 0)
	take(t, s, "[false]", b)
	drop(until.Add(time.Millisecond), 5)
	drop(until.AddDate(1, 0, 0), 0)
	take(t, s, "[true]", b) // unknown again: its signature is over

	// What was given up was not taken.
	refuse(t, s, errGiveUp, func(tx register.Tx) error {
		if _, err := tx.TakeRequests([]register.Request{request("A", 9, until)}); err != nil {
			return err
		}
		return errGiveUp
	})
	take(t, s, "[true]", request("A", 9, until))

	for what, change := range map[string]func(*register.Request){
		"no counter":     func(r *register.Request) { r.Counter = "" },
		"strange id":     func(r *register.Request) { r.ID = strings.Repeat("x", 21) + "\x00" },
		"short id":       func(r *register.Request) { r.ID = "x" },
		"no end":         func(r *register.Request) { r.Until = time.Time{} },
		"strange letter": func(r *register.Request) { r.Counter = "é" },
	} {
		r := request("A", 100, until)
		change(&r)
		fault(t, s, what, func(tx register.Tx) error {
			_, err := tx.TakeRequests([]register.Request{request("A", 99, until), r})
			return err
		})
	}
	take(t, s, "[true]", request("A", 99, until))
}

// testRequestRace: many servers are given the same requests; each request is new to one of them, once.
func testRequestRace(t *testing.T, open Opener) {
	place := t.TempDir()
	stores := []register.Store{start(t, open, place), start(t, open, place)}
	const requests, servers = 40, 6
	var mu sync.Mutex
	taken := map[string]int{}
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			for from := 0; from < requests; from += 10 {
				batch := make([]register.Request, 10)
				for n := range batch {
					batch[n] = request("A", (from+n+i*7)%requests, at)
				}
				var got []bool
				err := stores[i%2].Update(t.Context(), func(tx register.Tx) (err error) { got, err = tx.TakeRequests(batch); return err })
				if err != nil || len(got) != len(batch) {
					t.Errorf("%d answers %v", len(got), err)
					return
				}
				mu.Lock()
				for n, isNew := range got {
					if isNew {
						taken[batch[n].ID]++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(taken) != requests {
		t.Errorf("%d of %d requests were taken", len(taken), requests)
	}
	for id, n := range taken {
		if n != 1 {
			t.Errorf("request %s was taken %d times", id, n)
		}
	}
}

// testServiceAtomicity: what the service writes in one transaction is stored together or not at all.
func testServiceAtomicity(t *testing.T, open Opener) {
	place := t.TempDir()
	s := open(t, place)
	write := func(tx register.Tx) error {
		_, err := tx.TakeRequests([]register.Request{request("A", 1, at)})
		_, err2 := tx.AddChecks([]register.Check{check(1)})
		_, err3 := tx.AddReceipts([]register.Receipt{receipt(1, 1)})
		return errors.Join(err, err2, err3, tx.PutDocument(document("job", "one", "", 1)))
	}
	refuse(t, s, errGiveUp, func(tx register.Tx) error { return errors.Join(write(tx), errGiveUp) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { // the last of them fails
		if err := write(tx); err != nil {
			return err
		}
		_, err := tx.AddChecks([]register.Check{check(2), check(1)})
		return err
	})
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(t.Context(), func(tx register.Tx) error { _ = write(tx); panic("as a crash would") })
	}()
	counts := func(want int) {
		t.Helper()
		view(t, s, func(tx register.Tx) error {
			documents, err := tx.DocumentsAfter("job", register.AnyOwner, "", 10)
			checks, err2 := tx.ChecksAfter(0, "", "", 10)
			receipts, err3 := tx.ReceiptsAfter(0, "", "", 0, 10)
			days, err4 := tx.Served(insurerKey, at.AddDate(0, 0, -3), at.AddDate(0, 0, 3))
			if err := errors.Join(err, err2, err3, err4); err != nil || len(documents) != want || len(checks) != want || len(receipts) != want || len(days) != want {
				t.Errorf("%d documents, %d checks, %d receipts, %d days %v, want %d of each", len(documents), len(checks), len(receipts), len(days), err, want)
			}
			return nil
		})
	}
	counts(0)
	update(t, s, write)
	counts(1)
	stop(t, s)
	s = start(t, open, place)
	counts(1)
	take(t, s, "[false]", request("A", 1, at))
	view(t, s, func(tx register.Tx) error {
		got, err := tx.CheckByNumber(check(1).Number)
		if want := check(1); err != nil || !sameCheck(got, want) {
			t.Errorf("after reopening: %+v %v, want %+v", got, err, want)
		}
		list, err := tx.ReceiptsOf(receipt(1, 1).Device, 0, 10)
		if want := receipt(1, 1); err != nil || len(list) != 1 || !sameReceipt(list[0], want) {
			t.Errorf("after reopening: %+v %v, want %+v", list, err, want)
		}
		return nil
	})
}

// sameCheck compares what was stored with what was given, which has no Seq yet.
func sameCheck(got, want register.Check) bool {
	given := got.Seq > 0
	got.Seq, want.Seq = 0, 0
	return given && reflect.DeepEqual(got, want)
}

func sameReceipt(got, want register.Receipt) bool {
	given := got.Row > 0
	got.Row, want.Row = 0, 0
	return given && reflect.DeepEqual(got, want)
}
