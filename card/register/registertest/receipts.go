// What a store must do with receipts.

package registertest

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing/journal"
)

// receipt makes a receipt of a device's journal; all its members are set.
func receipt(device, seq int) register.Receipt {
	return register.Receipt{
		Device: fmt.Sprintf("%032x", device), Seq: uint64(seq), Hash: sum(fmt.Sprint(device, seq)), Entry: fmt.Appendf(nil, "entry %d", seq),
		Counter: "Xq3f9aLmQ2s", Arrived: at.Add(time.Hour), At: at.Add(time.Duration(seq) * time.Minute), Insurer: insurerKey,
		Place: card.Place{List: 1, Index: uint32(seq)}, Care: 20788, Domain: "OPTI", Mode: register.ModeOffline, Status: "valid", Age: 3600,
		Answer: register.Honoured, Reason: "OK",
	}
}

// fork makes another entry with a receipt's number.
func fork(r register.Receipt, n int) register.Receipt {
	r.Hash, r.Entry = sum(fmt.Sprint(r.Device, r.Seq, "fork", n)), fmt.Appendf(nil, "fork %d", n)
	r.Answer, r.Reason = register.Disputed, "FORK"
	return r
}

func add(t *testing.T, s register.Store, want string, receipts ...register.Receipt) {
	t.Helper()
	update(t, s, func(tx register.Tx) error {
		got, err := tx.AddReceipts(receipts)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("new: %v %v, want %s", got, err, want)
		}
		return err
	})
}

// ofDevice wants the receipts of a chain, page by page.
func ofDevice(t *testing.T, s register.Store, device string, limit int, want ...register.Receipt) {
	t.Helper()
	view(t, s, func(tx register.Tx) error {
		var got []register.Receipt
		for after := uint64(0); ; {
			page, err := tx.ReceiptsOf(device, after, limit)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1].Seq
			ends(t, len(got))
		}
		if len(got) != len(want) {
			t.Fatalf("by %d: %d receipts, want %d", limit, len(got), len(want))
		}
		for i := range got {
			if !sameReceipt(got[i], want[i]) {
				t.Errorf("by %d: receipt %d is %+v, want %+v", limit, i, got[i], want[i])
			}
			if i > 0 && got[i].Seq == got[i-1].Seq && got[i].Row <= got[i-1].Row {
				t.Errorf("by %d: of one number, row %d comes after %d", limit, got[i].Row, got[i-1].Row)
			}
		}
		return nil
	})
}

func testReceipts(t *testing.T, open Opener) {
	place := t.TempDir()
	s := start(t, open, place)
	one, two, three := receipt(1, 1), receipt(1, 2), receipt(1, 3)
	opening := register.Receipt{Device: one.Device, Seq: math.MaxInt64, Hash: sum("opening"), Entry: bytes.Repeat([]byte{0, 255}, journal.MaxBody/2),
		Counter: "Xq3f9aLmQ2s", Arrived: at, At: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), Answer: register.Noted} // by a clock that is at fault
	elsewhere := receipt(2, 1)
	elsewhere.Mode, elsewhere.Age, elsewhere.Answer, elsewhere.Place = register.ModeOnline, 0, register.Noted, card.Place{List: card.MaxList, Index: 0}
	add(t, s, "[]")
	add(t, s, "[true true false true true]", three, one, three, opening, elsewhere) // numbers may come in any order
	changed := one
	changed.Answer, changed.Reason, changed.Counter, changed.Arrived, changed.Entry = register.Disputed, "LATER", "other", at.Add(time.Minute), []byte("x")
	add(t, s, "[false true]", changed, two) // the first answer stays
	add(t, start(t, open, place), "[false false]", two, one)
	// Forks: the hashes are in neither order of arrival nor its reverse.
	forks := []register.Receipt{fork(two, 1), fork(two, 2), fork(two, 3), fork(two, 4)}
	add(t, s, "[true true true true]", forks...)
	add(t, s, "[false false true]", forks[2], two, fork(three, 1))
	want := append(append([]register.Receipt{one, two}, forks...), three, fork(three, 1), opening)
	for _, limit := range []int{1, 2, 3, 4, 7, 100} {
		ofDevice(t, s, one.Device, limit, want...)
	}
	ofDevice(t, s, elsewhere.Device, 2, elsewhere)
	view(t, s, func(tx register.Tx) error {
		for _, device := range append([]string{strings.Repeat("f", 32), strings.ToUpper(fmt.Sprintf("%032x", 0xabc))}, strangeIDs...) {
			if got, err := tx.ReceiptsOf(device, 0, 10); err != nil || len(got) != 0 {
				t.Errorf("device %.40q: %d receipts %v", device, len(got), err)
			}
		}
		for seq, want := range map[uint64]int{0: 9, 1: 8, 2: 3, 3: 1, math.MaxInt64 - 1: 1, math.MaxInt64: 0, math.MaxInt64 + 1: 0, math.MaxUint64: 0} {
			if got, err := tx.ReceiptsOf(one.Device, seq, 100); err != nil || len(got) != want {
				t.Errorf("after %d: %d receipts %v, want %d", seq, len(got), err, want)
			}
		}
		return nil
	})
}

func testReceiptRefused(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	for what, change := range map[string]func(*register.Receipt){
		"no device":       func(r *register.Receipt) { r.Device = "" },
		"capitals":        func(r *register.Receipt) { r.Device = strings.Repeat("A", 32) },
		"half a device":   func(r *register.Receipt) { r.Device = r.Device[:31] },
		"number 0":        func(r *register.Receipt) { r.Seq = 0 },
		"a huge number":   func(r *register.Receipt) { r.Seq = math.MaxInt64 + 1 },
		"no entry":        func(r *register.Receipt) { r.Entry = nil },
		"a huge entry":    func(r *register.Receipt) { r.Entry = make([]byte, journal.MaxBody+1000) },
		"no counter":      func(r *register.Receipt) { r.Counter = "" },
		"no place":        func(r *register.Receipt) { r.Place = card.Place{} },
		"nobody's place":  func(r *register.Receipt) { r.Insurer = "" },
		"another mode":    func(r *register.Receipt) { r.Mode = "telephone" },
		"an age below 0":  func(r *register.Receipt) { r.Age = -1 },
		"no answer":       func(r *register.Receipt) { r.Answer = 0 },
		"another answer":  func(r *register.Receipt) { r.Answer = 4 },
		"NUL":             func(r *register.Receipt) { r.Reason = "\x00" },
		"accent":          func(r *register.Receipt) { r.Status = "é" },
		"beyond the year": func(r *register.Receipt) { r.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		bad := receipt(1, 2)
		change(&bad)
		fault(t, s, what, func(tx register.Tx) error {
			_, err := tx.AddReceipts([]register.Receipt{receipt(1, 1), bad})
			return err
		})
	}
	view(t, s, func(tx register.Tx) error {
		if got, err := tx.ReceiptsAfter(0, "", "", 0, 100); err != nil || len(got) != 0 {
			t.Errorf("%d refused receipts were kept: %v", len(got), err)
		}
		return nil
	})
}

func testReceiptsNarrowed(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	insurers, counters := []string{"", "1", "2", "3"}, []string{"", "A", "B", "C"}
	var all []register.Receipt
	for n := range 80 {
		r := receipt(n%3, n+1)
		r.Insurer, r.Counter, r.Answer = insurers[n*5/3%3], counters[1+n/2%2], register.Answer(1+n*n%7%3)
		if r.Insurer == "" {
			r.Place = card.Place{}
		}
		all = append(all, r)
	}
	update(t, s, func(tx register.Tx) error { _, err := tx.AddReceipts(all); return err })
	view(t, s, func(tx register.Tx) error {
		for _, insurer := range insurers {
			for _, counter := range counters {
				for answer := range register.Answer(4) {
					var want, got []uint64
					for _, r := range all {
						if (insurer == "" || r.Insurer == insurer) && (counter == "" || r.Counter == counter) && (answer == 0 || r.Answer == answer) {
							want = append(want, r.Seq)
						}
					}
					for after := int64(0); ; {
						page, err := tx.ReceiptsAfter(after, insurer, counter, answer, 6)
						if err != nil || len(page) > 6 {
							t.Fatalf("%d receipts %v", len(page), err)
						}
						if len(page) == 0 {
							break
						}
						for _, r := range page {
							if r.Row <= after {
								t.Fatalf("row %d after %d", r.Row, after)
							}
							after = r.Row
							got = append(got, r.Seq)
						}
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("insurer %q, counter %q, answer %d: %v, want %v", insurer, counter, answer, got, want)
					}
				}
			}
		}
		return nil
	})
}

// testReceiptRace: a journal that is uploaded to several servers at once is stored once.
func testReceiptRace(t *testing.T, open Opener) {
	place := t.TempDir()
	stores := []register.Store{start(t, open, place), start(t, open, place)}
	const entries, batch, uploads = 40, 10, 4
	var mu sync.Mutex
	isNew := map[uint64]int{}
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			for from := 0; from < entries; from += batch {
				var rows []register.Receipt
				for n := range batch {
					rows = append(rows, receipt(1, 1+(from+n+i*7)%entries))
				}
				var got []bool
				err := stores[i%2].Update(t.Context(), func(tx register.Tx) (err error) { got, err = tx.AddReceipts(rows); return err })
				if err != nil || len(got) != len(rows) {
					t.Errorf("%d answers %v", len(got), err)
					return
				}
				mu.Lock()
				for n := range got {
					if got[n] {
						isNew[rows[n].Seq]++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for seq := uint64(1); seq <= entries; seq++ {
		if isNew[seq] != 1 {
			t.Errorf("entry %d was new %d times", seq, isNew[seq])
		}
	}
	view(t, stores[0], func(tx register.Tx) error {
		got, err := tx.ReceiptsOf(receipt(1, 1).Device, 0, 1000)
		if err != nil || len(got) != entries {
			t.Errorf("%d receipts %v", len(got), err)
		}
		days, err := tx.Served(insurerKey, at.AddDate(0, 0, -1), at.AddDate(0, 0, 2))
		if err != nil || len(days) != 1 || days[0].Count != entries {
			t.Errorf("counted %+v %v", days, err)
		}
		return nil
	})
}
