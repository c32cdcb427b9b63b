// Two registers that live the same life, one row after the other and many at once.

package registertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sceau/card"
	"sceau/card/register"
)

// state is all that bulk calls change, as text.
func state(t *testing.T, s register.Store) string {
	t.Helper()
	var b strings.Builder
	view(t, s, func(tx register.Tx) error {
		insurers, err := tx.Insurers()
		if err != nil {
			return err
		}
		for _, i := range insurers {
			contracts, err := tx.ContractsAfter(i.Key, "", 10_000)
			if err != nil {
				return err
			}
			var lines []string
			for _, c := range contracts {
				lines = append(lines, fmt.Sprintf("%+v\n", c))
			}
			slices.Sort(lines) // an encrypting store has an order of its own
			b.WriteString(strings.Join(lines, ""))
		}
		lists, err := tx.Lists()
		if err != nil {
			return err
		}
		for _, l := range lists {
			cards, err := tx.CardsAfter(l.Number, -1, 10_000)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%+v\n", l)
			for _, c := range cards {
				fmt.Fprintf(&b, "%+v\n", c)
			}
		}
		intents, e1 := tx.Intents(10_000)
		for _, c := range intents {
			fmt.Fprintln(&b, "intent", c.Place)
		}
		log, e2 := tx.SignLogAfter(0, 10_000)
		for _, e := range log {
			fmt.Fprintf(&b, "%+v\n", e)
		}
		return errors.Join(e1, e2)
	})
	return b.String()
}

// twins are the two registers and what a life of theirs is drawn from.
type twins struct {
	t             *testing.T
	single, batch register.Store
	r             *rand.Rand
	names         []string
	known         []register.ContractKey
	revisions     map[register.ContractKey]int64
	indexes       uint32
	lists         uint32
	intents       []card.Place
}

// testTwins: whatever is asked, in whatever order, one row after the other and many at once end in the same state and with the
// same error.
func testTwins(t *testing.T, open Opener) {
	w := &twins{t: t, single: seeded(t, open), batch: seeded(t, open), r: rand.New(rand.NewPCG(7, 11)), revisions: map[register.ContractKey]int64{}, indexes: 40, lists: 3}
	for i := range 14 {
		w.names = append(w.names, fmt.Sprint("A", i+1))
	}
	for _, s := range []register.Store{w.single, w.batch} {
		update(t, s, func(tx register.Tx) error {
			err := tx.PutInsurer(register.Insurer{Key: otherInsurer, Document: []byte("{}")})
			_, e1 := tx.AddList(otherInsurer)
			_, e2 := tx.AddList(otherInsurer)
			return errors.Join(err, e1, e2)
		})
	}
	outcomes, before := map[string]int{}, state(t, w.single)
	for round := range 140 {
		what, one, all := w.draw()
		errSingle := w.single.Update(context.Background(), one)
		errBatch := w.batch.Update(context.Background(), all)
		if (errSingle == nil) != (errBatch == nil) || familyOf(errSingle) != familyOf(errBatch) {
			t.Fatalf("round %d, %s: one by one %v, at once %v", round, what, errSingle, errBatch)
		}
		a, b := state(t, w.single), state(t, w.batch)
		if a != b {
			t.Fatalf("round %d, %s (%v): one by one:\n%s\nat once:\n%s", round, what, errSingle, a, b)
		}
		if errSingle != nil && a != before {
			t.Fatalf("round %d, %s: refused (%v), and something was stored", round, what, errSingle)
		}
		before = a
		outcomes[fmt.Sprint(what, " ", familyOf(errSingle), errSingle == nil)]++
		w.look()
	}
	if len(outcomes) < 10 {
		t.Errorf("only these were met: %v", outcomes)
	}
}

// look reads what the next draw is made from, and compares sets with the single forms.
func (w *twins) look() {
	w.t.Helper()
	clear(w.revisions)
	w.known = w.known[:0]
	view(w.t, w.batch, func(tx register.Tx) error {
		for _, insurer := range []string{insurerKey, otherInsurer} {
			contracts, err := tx.ContractsAfter(insurer, "", 100)
			if err != nil {
				return err
			}
			for _, c := range contracts {
				w.revisions[c.Key] = c.Revision
				w.known = append(w.known, c.Key)
			}
		}
		intents, err := tx.Intents(1000)
		if err != nil {
			return err
		}
		w.intents = w.intents[:0]
		for _, c := range intents {
			w.intents = append(w.intents, c.Place)
		}
		w.indexes = min(w.indexes+2, 400)
		var places []card.Place
		for range 12 {
			places = append(places, w.place())
		}
		sameReads(w.t, tx, w.names, places)
		return nil
	})
}

func (w *twins) insurer() string {
	if w.r.IntN(3) == 0 {
		return otherInsurer
	}
	return insurerKey
}

func (w *twins) place() card.Place {
	return card.Place{List: uint32(1 + w.r.IntN(4)), Index: w.r.Uint32N(w.indexes)}
}

// draw makes a call in its two forms. Most of its rows are such that they can be stored.
func (w *twins) draw() (what string, one, all func(register.Tx) error) {
	n := 1 + w.r.IntN(5)
	switch w.r.IntN(4) {
	case 0:
		contracts := map[register.ContractKey]register.Contract{} // one that stands there twice is the batch's own conflict
		for range n {
			c := contract(w.t, w.names[w.r.IntN(len(w.names))], 1)
			c.Key.Insurer = w.insurer()
			c.Revision = w.revisions[c.Key] + 1
			if w.r.IntN(12) == 0 {
				c.Revision += int64(w.r.IntN(3)) - 1
			}
			if w.r.IntN(16) == 0 {
				c.Key.Insurer = "9"
			}
			contracts[c.Key] = c
		}
		var rows []register.Contract
		for _, c := range contracts {
			rows = append(rows, c)
		}
		return "contracts", oneByOne(rows, register.Tx.PutContract), func(tx register.Tx) error { return tx.PutContracts(rows) }
	case 1:
		var rows []register.Card
		for range n {
			c := intent(w.t, w.names[w.r.IntN(len(w.names))], 1, w.r.Uint32N(w.indexes))
			if len(w.known) > 0 && w.r.IntN(20) > 0 {
				c.Contract = w.known[w.r.IntN(len(w.known))]
			}
			if c.Contract.Insurer == otherInsurer {
				c.Place.List = w.lists
			}
			if w.r.IntN(20) == 0 {
				c.Place.List = uint32(1 + w.r.IntN(4))
			}
			if c.Person = w.r.IntN(13) - 1; w.r.IntN(40) == 0 {
				c.Person = 12
			}
			if w.r.IntN(8) == 0 {
				c.Replaces, c.ReplacedFrom = w.mostlyIntent(), c.From
			}
			rows = append(rows, c)
		}
		return "cards", oneByOne(rows, register.Tx.AddCard), func(tx register.Tx) error { return tx.AddCards(rows) }
	case 2:
		var rows []register.SignEntry
		for range n {
			rows = append(rows, register.SignEntry{Place: w.mostlyIntent(), KID: "Xq3f9aLmQ2s", Digest: sum(fmt.Sprint(w.r.Int())), At: at})
		}
		log := func(tx register.Tx, e register.SignEntry) error { _, err := tx.LogSign(e); return err }
		return "log", oneByOne(rows, log), func(tx register.Tx) error { _, err := tx.LogSigns(rows); return err }
	}
	var rows []register.Seal
	for i := range min(n, 3) {
		rows = append(rows, register.Seal{Place: w.mostlyIntent(), Signature: signature(byte(i))})
	}
	seal := func(tx register.Tx, s register.Seal) error { return tx.SealCard(s.Place, s.Signature) }
	return "seals", oneByOne(rows, seal), func(tx register.Tx) error { return tx.SealCards(rows) }
}

func (w *twins) mostlyIntent() card.Place {
	if len(w.intents) == 0 || w.r.IntN(12) == 0 {
		return w.place()
	}
	return w.intents[w.r.IntN(len(w.intents))]
}

// oneByOne stops at the first row that is refused.
func oneByOne[T any](rows []T, store func(register.Tx, T) error) func(register.Tx) error {
	return func(tx register.Tx) error {
		for _, r := range rows {
			if err := store(tx, r); err != nil {
				return err
			}
		}
		return nil
	}
}
