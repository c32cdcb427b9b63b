// What a store must do with transactions: atomic, isolated, durable, one writer at a time.

package registertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sceau/card/register"
)

var errGiveUp = errors.New("give up")

func testAtomicity(t *testing.T, open Opener) {
	s := seeded(t, open)
	refuse(t, s, errGiveUp, func(tx register.Tx) error {
		if err := errors.Join(tx.AddCard(intent(t, "A1", 1, 1)), tx.PutContract(contract(t, "A1", 2))); err != nil {
			return err
		}
		return errGiveUp
	})
	untouched(t, s)
}

func testPanic(t *testing.T, open Opener) {
	s := seeded(t, open)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(context.Background(), func(tx register.Tx) error {
			if err := errors.Join(tx.AddCard(intent(t, "A1", 1, 1)), tx.PutContract(contract(t, "A1", 2))); err != nil {
				return err
			}
			panic("as a crash would")
		})
	}()
	untouched(t, s) // and the store still works
}

func untouched(t *testing.T, s register.Store) {
	t.Helper()
	update(t, s, func(tx register.Tx) error {
		c, err := tx.Contract(register.ContractKey{Insurer: insurerKey, Adherent: "A1"})
		if err != nil || c.Revision != 1 {
			t.Errorf("contract: revision %d %v", c.Revision, err)
		}
		l, err := tx.OpenList(insurerKey)
		if err != nil || l.Used != 0 {
			t.Errorf("list: %+v %v", l, err)
		}
		cards, err := tx.Intents(10)
		if err != nil || len(cards) != 0 {
			t.Errorf("cards: %v %v", cards, err)
		}
		return nil
	})
}

func testReadOnly(t *testing.T, open Opener) {
	s := seeded(t, open)
	for name, change := range map[string]func(register.Tx) error{
		"insurer":     func(tx register.Tx) error { return tx.PutInsurer(register.Insurer{Key: "2", Document: []byte("{}")}) },
		"contract":    func(tx register.Tx) error { return tx.PutContract(contract(t, "A9", 1)) },
		"import":      func(tx register.Tx) error { return tx.AddImport(register.Import{At: at}) },
		"list":        func(tx register.Tx) error { _, err := tx.AddList(insurerKey); return err },
		"card":        func(tx register.Tx) error { return tx.AddCard(intent(t, "A1", 1, 1)) },
		"page":        func(tx register.Tx) error { return tx.SetPage(1, 0, 1, []byte("x")) },
		"publication": func(tx register.Tx) error { return tx.AddPublication(register.Publication{Version: 1, At: at}, nil) },
		"drop":        func(tx register.Tx) error { return tx.DropFiles([]string{"x"}) },
		"audit":       func(tx register.Tx) error { _, err := tx.AppendAudit([]byte("x"), at); return err },
		"document":    func(tx register.Tx) error { return tx.PutDocument(document("job", "one", "", 1)) },
		"no document": func(tx register.Tx) error { return tx.DropDocument("job", "one") },
		"over":        func(tx register.Tx) error { _, err := tx.DropDocuments("job", at); return err },
		"request": func(tx register.Tx) error {
			_, err := tx.TakeRequests([]register.Request{request("A", 1, at)})
			return err
		},
		"requests":  func(tx register.Tx) error { _, err := tx.DropRequests(at); return err },
		"check":     func(tx register.Tx) error { _, err := tx.AddChecks([]register.Check{check(1)}); return err },
		"receipt":   func(tx register.Tx) error { _, err := tx.AddReceipts([]register.Receipt{receipt(1, 1)}); return err },
		"published": func(tx register.Tx) error { _, err := tx.MarkPublished(1, 1, 1, 1); return err },
	} {
		if err := s.View(context.Background(), change); !errors.Is(err, register.ErrReadOnly) {
			t.Errorf("%s: got %v, want ErrReadOnly", name, err)
		}
	}
}

func testStale(t *testing.T, open Opener) {
	s := seeded(t, open)
	var kept register.Tx
	update(t, s, func(tx register.Tx) error { kept = tx; return nil })
	if err := kept.PutContract(contract(t, "A9", 1)); err == nil {
		t.Error("a transaction that is over still writes")
	}
	if _, err := kept.AddChecks([]register.Check{check(1)}); err == nil {
		t.Error("a transaction that is over still appends")
	}
	if _, err := kept.Served(insurerKey, at, at.AddDate(0, 0, 1)); err == nil {
		t.Error("a transaction that is over still counts")
	}
	if _, err := kept.Insurers(); err == nil {
		t.Error("a transaction that is over still reads")
	}
}

func testCancelled(t *testing.T, open Opener) {
	s := seeded(t, open)
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Update(ctx, func(tx register.Tx) error {
		if err := tx.PutContract(contract(t, "A1", 2)); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := s.Update(ctx, func(register.Tx) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	untouched(t, s)
}

// testSnapshot: a reader sees one committed state, whatever is written meanwhile, and does not block the writer.
func testSnapshot(t *testing.T, open Opener) {
	s := seeded(t, open)
	view(t, s, func(tx register.Tx) error {
		key := register.ContractKey{Insurer: insurerKey, Adherent: "A1"}
		if _, err := tx.Contract(key); err != nil {
			return err
		}
		update(t, s, func(w register.Tx) error { return w.PutContract(contract(t, "A1", 2)) })
		if c, err := tx.Contract(key); err != nil || c.Revision != 1 {
			t.Errorf("the reader's state moved: revision %d %v", c.Revision, err)
		}
		return nil
	})
}

func increments(t *testing.T, stores []register.Store, each int) {
	t.Helper()
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			for range each {
				err := s.Update(context.Background(), func(tx register.Tx) error {
					c, err := tx.Contract(register.ContractKey{Insurer: insurerKey, Adherent: "A1"})
					if err != nil {
						return err
					}
					if _, err := tx.AppendAudit([]byte("step"), at); err != nil {
						return err
					}
					return tx.PutContract(contract(t, "A1", c.Revision+1))
				})
				if err != nil {
					t.Errorf("concurrent update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	view(t, stores[0], func(tx register.Tx) error {
		c, err := tx.Contract(register.ContractKey{Insurer: insurerKey, Adherent: "A1"})
		if want := int64(len(stores)*each + 1); err != nil || c.Revision != want {
			t.Errorf("revision %d %v, want %d: an update was lost", c.Revision, err, want)
		}
		end, err := register.CheckAudit(tx)
		if err != nil || end.Seq != uint64(len(stores)*each) {
			t.Errorf("chain: %+v %v", end, err)
		}
		return nil
	})
}

func testConcurrent(t *testing.T, open Opener) {
	s := seeded(t, open)
	increments(t, []register.Store{s, s, s, s}, 25)
}

func testTwoProcesses(t *testing.T, open Opener) {
	place := t.TempDir()
	a := start(t, open, place)
	seed(t, a)
	increments(t, []register.Store{a, start(t, open, place)}, 40)
}

// testBusy: who waits too long for another process gets ErrBusy, and nothing of it is stored. The opener under test should
// wait for less than a few seconds.
func testBusy(t *testing.T, open Opener) {
	place := t.TempDir()
	a := start(t, open, place)
	seed(t, a)
	b := start(t, open, place)
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- a.Update(context.Background(), func(tx register.Tx) error {
			close(held)
			<-release
			return tx.PutContract(contract(t, "A2", 2))
		})
	}()
	<-held
	began := time.Now()
	err := b.Update(context.Background(), func(tx register.Tx) error { return tx.PutContract(contract(t, "A1", 2)) })
	if !errors.Is(err, register.ErrBusy) {
		t.Errorf("got %v after %v, want ErrBusy", err, time.Since(began))
	}
	view(t, b, func(tx register.Tx) error { _, err := tx.Insurers(); return err }) // reading goes on
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	untouched(t, b)
}

func testReopen(t *testing.T, open Opener) {
	place := t.TempDir()
	s := open(t, place)
	seed(t, s)
	for i := range 3 {
		update(t, s, func(tx register.Tx) error {
			c := intent(t, fmt.Sprint("A", i+1), 1, uint32(i))
			if err := tx.AddCard(c); err != nil {
				return err
			}
			if i > 0 {
				if err := tx.SealCard(c.Place, signature(byte(i))); err != nil {
					return err
				}
			}
			_, err := tx.AppendAudit([]byte("card"), at)
			return err
		})
		stop(t, s)
		s = open(t, place)
	}
	defer stop(t, s)
	view(t, s, func(tx register.Tx) error {
		cards, err := tx.CardsAfter(1, -1, 10)
		intents, err2 := tx.Intents(10)
		end, err3 := register.CheckAudit(tx)
		if err != nil || err2 != nil || err3 != nil || len(cards) != 3 || len(intents) != 1 || end.Seq != 3 {
			t.Errorf("after reopening: %d cards, %d intents, %+v: %v %v %v", len(cards), len(intents), end, err, err2, err3)
		}
		return nil
	})
}
