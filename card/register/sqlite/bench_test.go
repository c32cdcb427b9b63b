// Benchmarks of what the service does all day: each is measured beside the least that the machine could do, in the same run.

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

const batch = 64

// rows is how many checks and receipts a register of the benchmarks has before they begin.
func rows() int {
	n, err := strconv.Atoi(os.Getenv("SCEAU_BENCH_ROWS"))
	if err != nil {
		return 20_000
	}
	return n
}

var benchStart = time.Unix(1_800_000_000, 0).UTC()

// benchRandom draws numbers that are spread as accords' numbers and requests' ids are.
var benchRandom = rand.New(rand.NewPCG(1, 2))

// benchNow rises as a clock would while 10^6 checks come in a month.
func benchNow() time.Time {
	benchTicks++
	return benchStart.Add(time.Duration(benchTicks) * benchTick)
}

var benchTicks int64

const benchTick = 2592 * time.Millisecond

func benchCounter() string { return fmt.Sprintf("counter%04d", benchRandom.IntN(5000)) }

func benchChecks(n int) ([]register.Request, []register.Check) {
	var requests []register.Request
	var checks []register.Check
	for range n {
		c := benchCounter()
		at := benchNow()
		requests = append(requests, register.Request{Counter: c, ID: fmt.Sprintf("%022x", benchRandom.Uint64()), Until: at})
		checks = append(checks, register.Check{Number: fmt.Sprintf("A%013X", benchRandom.Uint64()>>12), Counter: c, At: at, Insurer: fmt.Sprint("I", benchRandom.IntN(3)),
			Place: card.Place{List: 1, Index: uint32(benchRandom.IntN(1 << 20))}, Care: 20800, Domain: "OPTI", Person: 1, Status: "valid", Reason: "OK",
			Pay: register.Promise{Until: at, Euros: 100}})
	}
	return requests, checks
}

var benchSeq uint64

func benchReceipts(n int) []register.Receipt {
	var out []register.Receipt
	c := benchRandom.IntN(5000)
	for range n {
		benchSeq++
		r := register.Receipt{Device: fmt.Sprintf("%032x", c), Seq: benchSeq, Entry: make([]byte, 450), Counter: fmt.Sprintf("counter%04d", c),
			At: benchNow(), Insurer: fmt.Sprint("I", benchRandom.IntN(3)),
			Place: card.Place{List: 1, Index: uint32(benchRandom.IntN(1 << 20))}, Care: 20800, Domain: "OPTI", Mode: register.ModeOffline, Status: "valid",
			Age: benchRandom.Int64N(1 << 20), Answer: register.Answer(1 + benchRandom.IntN(3)), Reason: "OK"}
		r.Arrived = r.At
		for i := range 4 {
			for j, x := 0, benchRandom.Uint64(); j < 8; j++ {
				r.Hash[8*i+j] = byte(x >> (8 * j))
			}
		}
		out = append(out, r)
	}
	return out
}

func benchStore(b *testing.B, populate func(register.Tx) error) (*Store, string) {
	b.Helper()
	return benchStoreOf(b, rows(), populate)
}

func benchStoreOf(b *testing.B, size int, populate func(register.Tx) error) (*Store, string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "register.db")
	s, err := Create(path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	for done := 0; done < size; done += 5000 {
		if err := s.Update(context.Background(), populate); err != nil {
			b.Fatal(err)
		}
	}
	return s, path
}

// BenchmarkChecks commits 64 requests and checks at once. ratio: against writing as many bytes as the batch adds to the log
// into a file of the log's size, and one fsync.
func BenchmarkChecks(b *testing.B) {
	write := func(n int) func(tx register.Tx) error {
		requests, checks := benchChecks(n)
		return func(tx register.Tx) error {
			if _, err := tx.TakeRequests(requests); err != nil {
				return err
			}
			_, err := tx.AddChecks(checks)
			return err
		}
	}
	s, path := benchStore(b, func(tx register.Tx) error { return write(5000)(tx) })
	beside(b, s, path, func() func(register.Tx) error { return write(batch) })
}

// BenchmarkDropRequests forgets the 64 oldest of many requests: what one batch costs later.
func BenchmarkDropRequests(b *testing.B) {
	oldest := benchNow()
	s, _ := benchStore(b, func(tx register.Tx) error {
		requests, _ := benchChecks(5000)
		_, err := tx.TakeRequests(requests)
		return err
	})
	var drop time.Duration
	for b.Loop() {
		requests, _ := benchChecks(batch)
		oldest = oldest.Add(batch * benchTick)
		err := s.Update(context.Background(), func(tx register.Tx) error {
			t0 := time.Now()
			_, err := tx.DropRequests(oldest)
			drop += time.Since(t0)
			if err != nil {
				return err
			}
			_, err = tx.TakeRequests(requests)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(drop.Microseconds())/float64(b.N), "µs/drop")
}

// BenchmarkReceipts commits 64 receipts of one journal at once, with entries of 450 bytes.
func BenchmarkReceipts(b *testing.B) {
	write := func(n int) func(tx register.Tx) error {
		receipts := benchReceipts(n)
		return func(tx register.Tx) error { _, err := tx.AddReceipts(receipts); return err }
	}
	s, path := benchStore(b, func(tx register.Tx) error { return write(5000)(tx) })
	beside(b, s, path, func() func(register.Tx) error { return write(batch) })
}

// beside measures transactions and, turn by turn, the raw writes of as many bytes.
func beside(b *testing.B, s *Store, path string, make func() func(register.Tx) error) {
	w := <-s.writing
	if err := w.script("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		b.Fatal(err)
	}
	s.writing <- w
	run := func() {
		if err := s.Update(context.Background(), make()); err != nil {
			b.Fatal(err)
		}
	}
	run()
	log, err := os.Stat(path + "-wal")
	if err != nil {
		b.Fatal(err)
	}
	raw, size := benchFile(b, int(log.Size()))
	var store, bare time.Duration
	for n := 0; b.Loop(); n++ {
		change := make()
		t0 := time.Now()
		if err := s.Update(context.Background(), change); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		raw(n)
		store, bare = store+t1.Sub(t0), bare+time.Since(t1)
	}
	b.ReportMetric(float64(store)/float64(bare), "ratio")
	b.ReportMetric(float64(store.Microseconds())/float64(b.N), "µs/batch")
	b.ReportMetric(float64(bare.Microseconds())/float64(b.N), "µs/raw")
	b.ReportMetric(float64(size)/1024, "KiB/batch")
}

// benchFile returns what writes size bytes into a file of 32 MiB, the size at which the log is folded in, and flushes it.
func benchFile(b *testing.B, size int) (func(n int), int) {
	b.Helper()
	const whole = 32 << 20
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	block := make([]byte, size)
	if _, err := f.Write(make([]byte, whole+size)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return func(n int) {
		if _, err := f.WriteAt(block, int64(n*size%whole)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}, size
}

// BenchmarkHolding reads cards at random places. ratio: against reading one column of the card by its key, in the same run.
func BenchmarkHolding(b *testing.B) {
	next := uint32(0)
	s, path := benchStore(b, func(tx register.Tx) error {
		if next == 0 {
			if err := tx.PutInsurer(register.Insurer{Key: "I0", Document: []byte("{}")}); err != nil {
				return err
			}
			if _, err := tx.AddList("I0"); err != nil {
				return err
			}
		}
		for range 5000 {
			c, err := register.NewContract(rights.Contract{Insurer: "I0", Adherent: fmt.Sprintf("%010d", next), From: 20800, To: 21000}, 1)
			if err != nil {
				return err
			}
			if err := tx.PutContract(c); err != nil {
				return err
			}
			p := card.Place{List: 1, Index: next}
			if err := tx.AddCard(register.Card{Place: p, Contract: c.Key, Person: register.Household, From: 20800, To: 21000, Revision: 1, KID: "Xq3f9aLmQ2s",
				IssuedAt: benchStart, Payload: make([]byte, 500)}); err != nil {
				return err
			}
			if err := tx.SealCard(p, make([]byte, 64)); err != nil {
				return err
			}
			next++
		}
		return nil
	})
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	lookup, err := db.Prepare("SELECT payload FROM card WHERE list = ? AND idx = ?")
	if err != nil {
		b.Fatal(err)
	}
	defer lookup.Close()
	var store, bare time.Duration
	for b.Loop() {
		p := card.Place{List: 1, Index: benchRandom.Uint32N(next)}
		t0 := time.Now()
		if _, err := s.Holding(context.Background(), p); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		var payload []byte
		if err := lookup.QueryRow(p.List, p.Index).Scan(&payload); err != nil {
			b.Fatal(err)
		}
		store, bare = store+t1.Sub(t0), bare+time.Since(t1)
	}
	b.ReportMetric(float64(store)/float64(bare), "ratio")
	b.ReportMetric(float64(store.Nanoseconds())/float64(b.N), "ns/holding")
	b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N), "ns/lookup")
}

// BenchmarkReports asks for a month in which every receipt lies.
func BenchmarkReports(b *testing.B) {
	s, _ := benchStore(b, func(tx register.Tx) error {
		_, checks := benchChecks(5000)
		if _, err := tx.AddChecks(checks); err != nil {
			return err
		}
		for range 50 {
			if _, err := tx.AddReceipts(benchReceipts(100)); err != nil {
				return err
			}
		}
		return nil
	})
	from, to := benchStart.Add(time.Hour), benchNow().Add(-time.Hour)
	for name, ask := range map[string]func(tx register.Tx) (int, error){
		"Served":    func(tx register.Tx) (int, error) { l, err := tx.Served("I1", from, to); return len(l), err },
		"Sightings": func(tx register.Tx) (int, error) { l, err := tx.Sightings("I1", from, to, 4, 100); return len(l), err },
		"ListAges": func(tx register.Tx) (int, error) {
			l, err := tx.ListAges("I1", from, to, 500_000, 100)
			return len(l), err
		},
		"Disputed": func(tx register.Tx) (int, error) {
			l, err := tx.ReceiptsAfter(0, "I1", "", register.Disputed, 100)
			return len(l), err
		},
		"Counter": func(tx register.Tx) (int, error) {
			l, err := tx.ReceiptsAfter(0, "I1", "counter0007", register.Disputed, 100)
			return len(l), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := s.View(context.Background(), func(tx register.Tx) error { _, err := ask(tx); return err }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
