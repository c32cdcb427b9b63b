// What a store must do with many rows in one call: the same as with one after the other, or nothing at all.

package registertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// otherInsurer is a second synthetic insurer.
const otherInsurer = "331010018"

// testBatches takes a whole batch from contracts to live cards.
func testBatches(t *testing.T, open Opener) {
	s := seeded(t, open)
	const n = register.MaxBatch
	var contracts []register.Contract
	var cards []register.Card
	var log []register.SignEntry
	var seals []register.Seal
	var names []string
	var places []card.Place
	for i := range n {
		c := contract(t, fmt.Sprintf("B%04d", i), 1)
		k := intent(t, c.Key.Adherent, 1, uint32(i*7919%(1<<20)))
		contracts, cards = append(contracts, c), append(cards, k)
		log = append(log, register.SignEntry{Place: k.Place, KID: k.KID, Digest: sum(c.Key.Adherent), At: at})
		seals = append(seals, register.Seal{Place: k.Place, Signature: signature(byte(i))})
		names, places = append(names, c.Key.Adherent), append(places, k.Place)
	}
	contracts[1].Changed = time.Time{} // a writer that says nothing
	update(t, s, func(tx register.Tx) error {
		if err := errors.Join(tx.PutContracts(nil), tx.AddCards(nil), tx.SealCards(nil)); err != nil {
			t.Errorf("nothing: %v", err)
		}
		if got, err := tx.LogSigns(nil); err != nil || len(got) != 0 {
			t.Errorf("nothing logged: %v %v", got, err)
		}
		if err := errors.Join(tx.PutContracts(contracts), tx.AddCards(cards)); err != nil {
			return err
		}
		got, err := tx.LogSigns(log)
		for i, e := range got {
			want := log[i]
			want.Seq, want.Attempt = got[0].Seq+int64(i), 1
			if e.Place != want.Place || e.Seq != want.Seq || e.Attempt != 1 || e.Digest != want.Digest {
				t.Fatalf("entry %d: %+v, want %+v", i, e, want)
			}
		}
		if len(got) != n {
			t.Errorf("%d entries", len(got))
		}
		return err
	})
	view(t, s, func(tx register.Tx) error {
		if got, err := tx.Intents(2 * n); err != nil || len(got) != n || got[0].Place != places[0] || got[n-1].Place != places[n-1] {
			t.Errorf("%d intents, not in the order of the call: %v", len(got), err)
		}
		return nil
	})
	update(t, s, func(tx register.Tx) error { return tx.SealCards(seals) })
	again := slices.Clone(contracts)
	for i := range again {
		again[i] = contract(t, again[i].Key.Adherent, 2)
	}
	update(t, s, func(tx register.Tx) error {
		if _, err := tx.LogSigns([]register.SignEntry{log[5], log[4], log[5]}); err != nil {
			return err
		}
		return tx.PutContracts(again[1:])
	})
	view(t, s, func(tx register.Tx) error {
		if l, err := tx.OpenList(insurerKey); err != nil || l.Used != n {
			t.Errorf("the list counts %d: %v", l.Used, err)
		}
		if got, err := tx.SignLog(places[5]); err != nil || len(got) != 3 || got[2].Attempt != 3 || got[2].Seq != n+3 {
			t.Errorf("a place twice in one call: %+v %v", got, err)
		}
		got, err := tx.ContractsNamed(insurerKey, append(names[:n-3:n-3], "nobody", names[0], ""))
		if err != nil || len(got) != n-3 || !reflect.DeepEqual(got[names[0]], contracts[0]) || !reflect.DeepEqual(got[names[1]], again[1]) {
			t.Errorf("%d contracts: %v", len(got), err)
		}
		if got, err := tx.ContractsNamed("nobody", names); err != nil || len(got) != 0 {
			t.Errorf("%d contracts of nobody: %v", len(got), err)
		}
		sameReads(t, tx, append(names[:n-1:n-1], "nobody"), append(places[:n-1:n-1], card.Place{List: 1, Index: 5}))
		return nil
	})
}

// sameReads compares the sets with the single forms.
func sameReads(t *testing.T, tx register.Tx, names []string, places []card.Place) {
	t.Helper()
	for _, insurer := range []string{insurerKey, otherInsurer} {
		contracts, e1 := tx.ContractsNamed(insurer, names)
		cards, e2 := tx.CardsOfContracts(insurer, names)
		if err := errors.Join(e1, e2); err != nil {
			t.Fatal(err)
		}
		known, held := 0, map[string]bool{}
		for _, a := range names {
			k := register.ContractKey{Insurer: insurer, Adherent: a}
			c, err := tx.Contract(k)
			if got, found := contracts[a]; found != (err == nil) || !reflect.DeepEqual(got, c) {
				t.Fatalf("contract: %+v, want %+v %v", got, c, err)
			}
			if err == nil && !held[a] {
				known++
			}
			of, err := tx.CardsOf(k)
			if got, found := cards[a]; err != nil || found != (len(of) > 0) || !slices.EqualFunc(got, of, func(a, b register.Card) bool { return reflect.DeepEqual(a, b) }) {
				t.Fatalf("cards: %+v, want %+v %v", got, of, err)
			}
			held[a] = true
		}
		if len(contracts) != known {
			t.Fatalf("%d contracts of %d", len(contracts), known)
		}
	}
	cards, e1 := tx.CardsAt(places)
	taken, e2 := tx.TakenOf(places)
	if err := errors.Join(e1, e2); err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		c, err := tx.Card(p)
		if got, found := cards[p]; found != (err == nil) || !reflect.DeepEqual(got, c) {
			t.Fatalf("card %s: %+v, want %+v %v", p, got, c, err)
		}
		is, err := tx.Taken(p)
		if got, said := taken[p]; err != nil || !said || got != is {
			t.Fatalf("taken %s: %v %v, want %v %v", p, got, said, is, err)
		}
	}
}

// testBatchRefused: a call of which one row is refused stores none, whatever its author does with the error.
func testBatchRefused(t *testing.T, open Opener) {
	s := seeded(t, open)
	base := []register.Card{intent(t, "A1", 1, 1), intent(t, "A2", 1, 2), intent(t, "A3", 1, 3)}
	second := intent(t, "A2", 1, 4)
	update(t, s, func(tx register.Tx) error {
		if err := errors.Join(tx.PutInsurer(register.Insurer{Key: otherInsurer, Document: []byte("{}")}), tx.AddCards(base)); err != nil {
			return err
		}
		err := errors.Join(tx.SealCard(base[1].Place, signature(2)), tx.AddCard(second))
		_, e1 := tx.AddList(otherInsurer) // 2
		_, e2 := tx.AddList(otherInsurer) // 3, which closes it
		return errors.Join(err, e1, e2)
	})
	fresh := func(adherent string, index uint32) register.Card { return intent(t, adherent, 1, index) }
	with := func(c register.Card, change func(*register.Card)) register.Card { change(&c); return c }
	of := func(insurer string, c register.Contract) register.Contract { c.Key.Insurer = insurer; return c }
	entry := func(index uint32) register.SignEntry {
		return register.SignEntry{Place: card.Place{List: 1, Index: index}, KID: "Xq3f9aLmQ2s", Digest: sum("x"), At: at}
	}
	puts := func(c ...register.Contract) func(register.Tx) error {
		return func(tx register.Tx) error { return tx.PutContracts(c) }
	}
	adds := func(c ...register.Card) func(register.Tx) error {
		return func(tx register.Tx) error { return tx.AddCards(c) }
	}
	logs := func(e ...register.SignEntry) func(register.Tx) error {
		return func(tx register.Tx) error { _, err := tx.LogSigns(e); return err }
	}
	seals := func(s ...register.Seal) func(register.Tx) error {
		return func(tx register.Tx) error { return tx.SealCards(s) }
	}
	seal := func(index uint32) register.Seal {
		return register.Seal{Place: card.Place{List: 1, Index: index}, Signature: signature(9)}
	}
	anything := errors.New("an error of no family")
	for name, c := range map[string]struct {
		want error
		run  func(register.Tx) error
	}{
		"contract known":              {register.ErrConflict, puts(contract(t, "N1", 1), contract(t, "A1", 1))},
		"contract twice":              {register.ErrConflict, puts(contract(t, "N1", 1), contract(t, "N2", 1), contract(t, "N1", 1))},
		"contract twice, in turn":     {register.ErrConflict, puts(contract(t, "A1", 2), contract(t, "A1", 3))},
		"contract revision 3":         {register.ErrConflict, puts(contract(t, "A1", 2), contract(t, "A2", 3))},
		"contract revision 0":         {register.ErrConflict, puts(contract(t, "A1", 2), contract(t, "A2", 0))},
		"contract unknown, changed":   {register.ErrConflict, puts(contract(t, "A1", 2), contract(t, "N1", 2))},
		"contract of nobody":          {register.ErrNotFound, puts(contract(t, "N1", 1), of("9", contract(t, "N2", 1)))},
		"conflict before nobody":      {register.ErrConflict, puts(contract(t, "A1", 1), of("9", contract(t, "N2", 1)))},
		"nobody before conflict":      {register.ErrNotFound, puts(of("9", contract(t, "N2", 1)), contract(t, "A1", 1))},
		"nobody before revision":      {register.ErrNotFound, puts(of("9", contract(t, "N2", 1)), contract(t, "A1", 9))},
		"other insurer's revision":    {register.ErrConflict, puts(contract(t, "A1", 2), of(otherInsurer, contract(t, "A1", 2)))},
		"contract ends before":        {anything, puts(contract(t, "N1", 1), func() register.Contract { c := contract(t, "N2", 1); c.To = c.From - 1; return c }())},
		"place taken":                 {register.ErrConflict, adds(fresh("A4", 11), fresh("A2", 1))},
		"place twice":                 {register.ErrConflict, adds(fresh("A4", 11), with(fresh("A3", 11), func(c *register.Card) { c.Person = 3 }))},
		"intent known":                {register.ErrConflict, adds(fresh("A4", 11), fresh("A1", 12))},
		"intent twice":                {register.ErrConflict, adds(fresh("A4", 11), fresh("A4", 12))},
		"intent twice, other period":  {register.ErrConflict, adds(fresh("A4", 11), with(fresh("A4", 12), func(c *register.Card) { c.From++ }))},
		"unknown contract":            {register.ErrNotFound, adds(fresh("A4", 11), fresh("nobody", 12))},
		"other insurer's contract":    {register.ErrNotFound, adds(fresh("A4", 11), with(fresh("A4", 12), func(c *register.Card) { c.Place.List, c.Contract.Insurer = 3, otherInsurer }))},
		"other insurer's list":        {register.ErrConflict, adds(fresh("A4", 11), with(fresh("A3", 12), func(c *register.Card) { c.Place.List, c.Person = 3, 1 }))},
		"closed list":                 {register.ErrConflict, adds(fresh("A4", 11), with(fresh("A3", 12), func(c *register.Card) { c.Place.List, c.Contract.Insurer = 2, otherInsurer }))},
		"no list":                     {register.ErrConflict, adds(fresh("A4", 11), with(fresh("A3", 12), func(c *register.Card) { c.Place.List = 9 }))},
		"closed list before unknown":  {register.ErrConflict, adds(with(fresh("A3", 12), func(c *register.Card) { c.Place.List = 2 }), fresh("nobody", 11))},
		"unknown before closed list":  {register.ErrNotFound, adds(fresh("nobody", 11), with(fresh("A3", 12), func(c *register.Card) { c.Place.List = 2 }))},
		"replaces nothing":            {register.ErrNotFound, adds(fresh("A4", 11), with(fresh("A3", 12), func(c *register.Card) { c.Person, c.Replaces = 1, card.Place{List: 1, Index: 999} }))},
		"replaces a later one":        {register.ErrNotFound, adds(with(fresh("A4", 11), func(c *register.Card) { c.Replaces = card.Place{List: 1, Index: 12} }), with(fresh("A3", 12), func(c *register.Card) { c.Person = 1 }))},
		"beyond the list":             {anything, adds(fresh("A4", 11), with(fresh("A3", 1<<20), func(c *register.Card) { c.Person = 1 }))},
		"no such person":              {anything, adds(fresh("A4", 11), with(fresh("A3", 12), func(c *register.Card) { c.Person = 12 }))},
		"log of nobody":               {register.ErrNotFound, logs(entry(1), entry(999))},
		"log of nobody first":         {register.ErrNotFound, logs(entry(999), entry(1))},
		"log of a short kid":          {anything, logs(entry(1), func() register.SignEntry { e := entry(2); e.KID = "x"; return e }())},
		"seal of nobody":              {register.ErrConflict, seals(seal(1), seal(999))},
		"seal of a live card":         {register.ErrConflict, seals(seal(1), seal(2))},
		"seal twice":                  {register.ErrConflict, seals(seal(1), seal(3), seal(1))},
		"seal of a second standing":   {register.ErrConflict, seals(seal(1), seal(3), seal(4))},
		"seal of 63 bytes":            {anything, seals(seal(1), register.Seal{Place: base[2].Place, Signature: make([]byte, 63)})},
		"seal of 63 bytes, conflict":  {anything, seals(register.Seal{Place: base[2].Place, Signature: make([]byte, 63)}, seal(999))},
		"seal of no bytes":            {anything, seals(seal(1), register.Seal{Place: base[2].Place})},
		"conflict before 63 bytes":    {register.ErrConflict, seals(seal(999), register.Seal{Place: base[2].Place, Signature: make([]byte, 63)})},
		"conflict before intent more": {register.ErrConflict, seals(seal(2), seal(1), seal(3))},
	} {
		before := state(t, s)
		var said error
		err := s.Update(context.Background(), func(tx register.Tx) error {
			if err := tx.PutContract(contract(t, "before", 1)); err != nil {
				return err
			}
			said = c.run(tx)
			if _, err := tx.Insurers(); err == nil {
				t.Errorf("%s: a transaction of which a part is stored goes on", name)
			}
			return nil // overlooks it
		})
		if !fits(said, c.want, anything) || !fits(err, c.want, anything) {
			t.Errorf("%s: the call said %v, Update said %v; want %v", name, said, err, c.want)
		}
		if after := state(t, s); after != before {
			t.Errorf("%s: something was stored:\n%s\nbefore:\n%s", name, after, before)
		}
	}
}

func fits(err, want, anything error) bool {
	if want == anything {
		return err != nil && !family(err)
	}
	return errors.Is(err, want)
}

// testBatchLimits: more than a batch is a fault of the program that costs nothing, and readers change nothing.
func testBatchLimits(t *testing.T, open Opener) {
	s := seeded(t, open)
	const n = register.MaxBatch + 1
	many := map[string]func(register.Tx, int) error{
		"ContractsNamed": func(tx register.Tx, n int) error {
			_, err := tx.ContractsNamed(insurerKey, make([]string, n))
			return err
		},
		"CardsOfContracts": func(tx register.Tx, n int) error {
			_, err := tx.CardsOfContracts(insurerKey, make([]string, n))
			return err
		},
		"CardsAt":      func(tx register.Tx, n int) error { _, err := tx.CardsAt(make([]card.Place, n)); return err },
		"TakenOf":      func(tx register.Tx, n int) error { _, err := tx.TakenOf(make([]card.Place, n)); return err },
		"PutContracts": func(tx register.Tx, n int) error { return tx.PutContracts(make([]register.Contract, n)) },
		"AddCards":     func(tx register.Tx, n int) error { return tx.AddCards(make([]register.Card, n)) },
		"LogSigns":     func(tx register.Tx, n int) error { _, err := tx.LogSigns(make([]register.SignEntry, n)); return err },
		"SealCards":    func(tx register.Tx, n int) error { return tx.SealCards(make([]register.Seal, n)) },
	}
	var kept register.Tx
	update(t, s, func(tx register.Tx) error {
		kept = tx
		for name, ask := range many {
			if err := ask(tx, n); err == nil || family(err) {
				t.Errorf("%s of %d: %v", name, n, err)
			}
		}
		return tx.PutContracts([]register.Contract{contract(t, "A9", 1)}) // goes on
	})
	for name, ask := range many {
		reads := name == "ContractsNamed" || name == "CardsOfContracts" || name == "CardsAt" || name == "TakenOf"
		for _, n := range []int{0, 1} {
			err := s.View(context.Background(), func(tx register.Tx) error { return ask(tx, n) })
			if reads && err != nil || !reads && !errors.Is(err, register.ErrReadOnly) {
				t.Errorf("%s of %d inside View: %v", name, n, err)
			}
			if err := ask(kept, n); err == nil {
				t.Errorf("%s of %d: a transaction that is over goes on", name, n)
			}
		}
	}
	view(t, s, func(tx register.Tx) error { _, err := tx.Contract(contract(t, "A9", 1).Key); return err })
}
