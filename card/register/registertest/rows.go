// What a store must do with insurers, contracts, imports, lists and the audit chain.

package registertest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing/journal"
)

func testEmpty(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	p := card.Place{List: 1, Index: 5}
	for name, read := range map[string]func(register.Tx) error{
		"insurer":     func(tx register.Tx) error { _, err := tx.Insurer("1"); return err },
		"contract":    func(tx register.Tx) error { _, err := tx.Contract(register.ContractKey{}); return err },
		"card":        func(tx register.Tx) error { _, err := tx.Card(p); return err },
		"open list":   func(tx register.Tx) error { _, err := tx.OpenList("1"); return err },
		"page":        func(tx register.Tx) error { _, err := tx.Page(1); return err },
		"publication": func(tx register.Tx) error { _, err := tx.LastPublication(); return err },
		"file":        func(tx register.Tx) error { _, err := tx.File("timestamp.json"); return err },
	} {
		view(t, s, func(tx register.Tx) error {
			if err := read(tx); !errors.Is(err, register.ErrNotFound) {
				t.Errorf("%s: got %v, want ErrNotFound", name, err)
			}
			return nil
		})
	}
	view(t, s, func(tx register.Tx) error {
		start, err := journal.Start(register.AuditChain)
		head, err2 := tx.AuditHead()
		if err != nil || err2 != nil || head != start {
			t.Errorf("audit head of an empty register: %+v %v %v", head, err, err2)
		}
		lists, err := tx.Lists()
		if err != nil || len(lists) != 0 {
			t.Errorf("lists: %v %v", lists, err)
		}
		return nil
	})
}

func testInsurers(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	a := register.Insurer{Key: "B2", Document: []byte(`{"name":"é"}`), Keys: register.KeyNames{Card: "card-B2-1", Insurer: "amc-B2"}}
	b := register.Insurer{Key: "A1", Document: []byte(`{}`)}
	update(t, s, func(tx register.Tx) error { return errors.Join(tx.PutInsurer(a), tx.PutInsurer(b)) })
	a.Document, a.Keys.Card = []byte(`{"name":"è"}`), "card-B2-2"
	update(t, s, func(tx register.Tx) error { return tx.PutInsurer(a) })
	view(t, s, func(tx register.Tx) error {
		got, err := tx.Insurer("B2")
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("got %+v %v, want %+v", got, err, a)
		}
		every, err := tx.Insurers()
		if err != nil || len(every) != 2 || every[0].Key != "A1" || every[1].Key != "B2" {
			t.Errorf("insurers: %+v %v", every, err)
		}
		return nil
	})
}

func testContracts(t *testing.T, open Opener) {
	s := seeded(t, open)
	second := contract(t, "A2", 2)
	update(t, s, func(tx register.Tx) error { return tx.PutContract(second) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.PutContract(contract(t, "A2", 2)) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.PutContract(contract(t, "A2", 4)) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.PutContract(contract(t, "A2", 1)) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.PutContract(contract(t, "A9", 2)) })
	stranger := contract(t, "A1", 1)
	stranger.Key.Insurer = "999"
	refuse(t, s, register.ErrNotFound, func(tx register.Tx) error { return tx.PutContract(stranger) })
	view(t, s, func(tx register.Tx) error {
		got, err := tx.Contract(second.Key)
		if err != nil || !reflect.DeepEqual(got, second) {
			t.Errorf("got %+v %v, want %+v", got, err, second)
		}
		if _, err := got.Rights(); err != nil {
			t.Error(err)
		}
		return nil
	})
	// A walk meets every contract once, in an order that neither its page size nor later contracts change.
	before := walkContracts(t, s, 3)
	if fmt.Sprint(slices.Sorted(slices.Values(before))) != "[A1 A2 A3 A4]" {
		t.Errorf("walk: %v", before)
	}
	update(t, s, func(tx register.Tx) error {
		for i := range 20 {
			if err := tx.PutContract(contract(t, fmt.Sprint("B", i), 1)); err != nil {
				return err
			}
		}
		return tx.PutContract(contract(t, "A3", 2))
	})
	after := walkContracts(t, s, 1)
	if len(after) != 24 || !reflect.DeepEqual(after, walkContracts(t, s, 100)) {
		t.Errorf("walk: %v", after)
	}
	old := slices.DeleteFunc(after, func(a string) bool { return a[0] == 'B' })
	if !reflect.DeepEqual(old, before) {
		t.Errorf("the order changed: %v, then %v", before, old)
	}
	update(t, s, func(tx register.Tx) error {
		if err := tx.PutInsurer(register.Insurer{Key: "1", Document: []byte("{}")}); err != nil {
			return err
		}
		if page, err := tx.ContractsAfter("1", "", 10); err != nil || len(page) != 0 {
			t.Errorf("another insurer's contracts: %v %v", page, err)
		}
		_, err := tx.ContractsAfter(insurerKey, "nobody", 10)
		return err
	})
}

func walkContracts(t *testing.T, s register.Store, limit int) []string {
	t.Helper()
	var seen []string
	view(t, s, func(tx register.Tx) error {
		for after := ""; ; {
			page, err := tx.ContractsAfter(insurerKey, after, limit)
			if err != nil || len(page) == 0 {
				return err
			}
			if len(page) > limit {
				t.Errorf("%d of at most %d", len(page), limit)
			}
			for _, c := range page {
				if _, err := c.Rights(); err != nil {
					t.Error(err)
				}
				seen = append(seen, c.Key.Adherent)
			}
			after = page[len(page)-1].Key.Adherent
			ends(t, len(seen))
		}
	})
	return seen
}

// testContractOrder: a store that keeps the N° adhérent itself walks in its byte order.
func testContractOrder(t *testing.T, open Opener) {
	s := seeded(t, open)
	update(t, s, func(tx register.Tx) error {
		for _, adherent := range []string{"a1", "A10", "0", "A-1", "Z", "A11"} {
			if err := tx.PutContract(contract(t, adherent, 1)); err != nil {
				return err
			}
		}
		page, err := tx.ContractsAfter(insurerKey, "A12", 1) // of nobody
		if err != nil || len(page) != 1 || page[0].Key.Adherent != "A2" {
			t.Errorf("after A12: %v %v", page, err)
		}
		return err
	})
	if got := fmt.Sprint(walkContracts(t, s, 3)); got != "[0 A-1 A1 A10 A11 A2 A3 A4 Z a1]" {
		t.Errorf("walk: %s", got)
	}
}

// testContractRows: a row whose bytes were changed, or belong to another row, is found when it is used.
func testContractRows(t *testing.T, open Opener) {
	s := seeded(t, open)
	lies := []func(*register.Contract){
		func(c *register.Contract) { c.Canonical = bytes.Replace(c.Canonical, []byte("R2"), []byte("R9"), 1) },
		func(c *register.Contract) { c.Hash[0] ^= 1 },
		func(c *register.Contract) { c.To++ },
		func(c *register.Contract) { o := contract(t, "A3", 2); c.Canonical, c.Hash = o.Canonical, o.Hash },
	}
	for i, lie := range lies {
		c := contract(t, "A1", int64(i+2))
		if i == 0 {
			c = contract(t, "A1", 2)
		}
		lie(&c)
		update(t, s, func(tx register.Tx) error { return tx.PutContract(c) })
		view(t, s, func(tx register.Tx) error {
			got, err := tx.Contract(c.Key)
			if err != nil {
				return err
			}
			if _, err := got.Rights(); !errors.Is(err, register.ErrCorrupt) {
				t.Errorf("lie %d: got %v, want ErrCorrupt", i, err)
			}
			return nil
		})
	}
}

func testImports(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	a := register.Import{SHA256: sum("one"), At: at, Lines: 9, Contracts: 4, Created: 3, Changed: 1, Rejected: 2, Strict: true}
	b := register.Import{SHA256: sum("one"), At: at, Lines: 9, Contracts: 4, Unchanged: 4}
	update(t, s, func(tx register.Tx) error { return errors.Join(tx.AddImport(a), tx.AddImport(b)) })
	view(t, s, func(tx register.Tx) error {
		got, err := tx.Imports(10)
		if err != nil || !reflect.DeepEqual(got, []register.Import{b, a}) {
			t.Errorf("imports: %+v %v", got, err)
		}
		return nil
	})
}

func testLists(t *testing.T, open Opener) {
	s := seeded(t, open)
	update(t, s, func(tx register.Tx) error {
		if err := tx.PutInsurer(register.Insurer{Key: "1", Document: []byte("{}")}); err != nil {
			return err
		}
		other, err := tx.AddList("1")
		if err != nil || other.Number != 2 || other.Insurer != "1" || !other.Open {
			t.Errorf("list numbers must be unique in the register: %+v %v", other, err)
		}
		next, err := tx.AddList(insurerKey)
		if err != nil || next.Number != 3 {
			t.Errorf("next list: %+v %v", next, err)
		}
		return nil
	})
	refuse(t, s, register.ErrNotFound, func(tx register.Tx) error { _, err := tx.AddList("unknown"); return err })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.AddCard(intent(t, "A1", 1, 0)) }) // closed
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.AddCard(intent(t, "A1", 2, 0)) }) // another's
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.AddCard(intent(t, "A1", 9, 0)) }) // none
	update(t, s, func(tx register.Tx) error { return tx.AddCard(intent(t, "A1", 3, 0)) })
	view(t, s, func(tx register.Tx) error {
		lists, err := tx.Lists()
		want := []register.List{{Number: 1, Insurer: insurerKey}, {Number: 2, Insurer: "1", Open: true}, {Number: 3, Insurer: insurerKey, Open: true, Used: 1}}
		if err != nil || !reflect.DeepEqual(lists, want) {
			t.Errorf("lists: %+v %v", lists, err)
		}
		open, err := tx.OpenList(insurerKey)
		if err != nil || open.Number != 3 {
			t.Errorf("open list: %+v %v", open, err)
		}
		return nil
	})
}

func testAudit(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	const entries = 20
	for i := range entries {
		update(t, s, func(tx register.Tx) error {
			e, err := tx.AppendAudit(fmt.Appendf(nil, `{"i":%d}`, i), at.Add(1234567))
			if err == nil && e.Seq != uint64(i+1) {
				t.Errorf("entry %d has number %d", i+1, e.Seq)
			}
			return err
		})
	}
	view(t, s, func(tx register.Tx) error {
		end, err := register.CheckAudit(tx)
		if err != nil || end.Seq != entries {
			t.Errorf("chain: %+v %v", end, err)
		}
		if _, err := register.CheckAudit(tx, journal.Head{Seq: 7, Hash: sum("another")}); err == nil {
			t.Error("a chain that misses a known head was accepted")
		}
		list, err := tx.AuditAfter(entries-5, 3)
		if err != nil || len(list) != 3 || list[0].Seq != entries-4 || string(list[0].Body) != `{"i":15}` || !list[0].At.Equal(at.Add(1234000)) {
			t.Errorf("page: %+v %v", list, err)
		}
		return nil
	})
	// An entry is stored only with the change it speaks of.
	gone := errors.New("gone")
	refuse(t, s, gone, func(tx register.Tx) error {
		if _, err := tx.AppendAudit([]byte("lost"), at); err != nil {
			return err
		}
		return gone
	})
	view(t, s, func(tx register.Tx) error {
		if head, err := tx.AuditHead(); err != nil || head.Seq != entries {
			t.Errorf("head after a rollback: %+v %v", head, err)
		}
		return nil
	})
}
