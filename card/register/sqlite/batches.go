// Many rows in one call. Statements are prepared once for each connection, so that a row costs its own work and no parsing.

package sqlite

import (
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/register"
)

// storeEach stores rows one after the other. The first that is refused ends the transaction: rows before it are stored already.
func storeEach[T any](t *txn, rows []T, store func(T) error) error {
	if err := register.CheckBatch(len(rows)); err != nil {
		return err
	}
	if err := t.ready(true); err != nil {
		return err
	}
	for _, r := range rows {
		if err := store(r); err != nil {
			t.failed = err
			return err
		}
	}
	return nil
}

// PutContracts implements register.ContractBatches.
func (t *txn) PutContracts(contracts []register.Contract) error {
	met := make(map[register.ContractKey]bool, len(contracts))
	return storeEach(t, contracts, func(c register.Contract) error {
		if met[c.Key] {
			return fmt.Errorf("%w: a contract twice in one call", register.ErrConflict)
		}
		met[c.Key] = true
		return t.PutContract(c)
	})
}

// AddCards implements register.CardBatches.
func (t *txn) AddCards(cards []register.Card) error { return storeEach(t, cards, t.AddCard) }

// SealCards implements register.CardBatches.
func (t *txn) SealCards(seals []register.Seal) error {
	return storeEach(t, seals, func(s register.Seal) error { return t.SealCard(s.Place, s.Signature) })
}

// LogSigns implements register.CardBatches.
func (t *txn) LogSigns(entries []register.SignEntry) ([]register.SignEntry, error) {
	out := make([]register.SignEntry, 0, len(entries))
	err := storeEach(t, entries, func(e register.SignEntry) error {
		e, err := t.LogSign(e)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// lookUp asks for each key once and keeps what is there.
func lookUp[K comparable, V any](t *txn, keys []K, ask func(K) (V, bool, error)) (map[K]V, error) {
	if err := register.CheckBatch(len(keys)); err != nil {
		return nil, err
	}
	if err := t.ready(false); err != nil {
		return nil, err
	}
	out := make(map[K]V, len(keys))
	for _, k := range keys {
		v, found, err := ask(k)
		if err != nil {
			return nil, err
		}
		if found {
			out[k] = v
		}
	}
	return out, nil
}

// ContractsNamed implements register.ContractBatches.
func (t *txn) ContractsNamed(insurer string, adherents []string) (map[string]register.Contract, error) {
	return lookUp(t, adherents, func(a string) (register.Contract, bool, error) {
		return there(t.Contract(register.ContractKey{Insurer: insurer, Adherent: a}))
	})
}

// CardsOfContracts implements register.CardSets.
func (t *txn) CardsOfContracts(insurer string, adherents []string) (map[string][]register.Card, error) {
	return lookUp(t, adherents, func(a string) ([]register.Card, bool, error) {
		cards, err := t.CardsOf(register.ContractKey{Insurer: insurer, Adherent: a})
		return cards, len(cards) > 0, err
	})
}

// CardsAt implements register.CardSets.
func (t *txn) CardsAt(places []card.Place) (map[card.Place]register.Card, error) {
	return lookUp(t, places, func(p card.Place) (register.Card, bool, error) { return there(t.Card(p)) })
}

// TakenOf implements register.CardSets.
func (t *txn) TakenOf(places []card.Place) (map[card.Place]bool, error) {
	return lookUp(t, places, func(p card.Place) (bool, bool, error) {
		taken, err := t.Taken(p)
		return taken, true, err
	})
}

// there turns register.ErrNotFound into an answer.
func there[T any](v T, err error) (T, bool, error) {
	if errors.Is(err, register.ErrNotFound) {
		return v, false, nil
	}
	return v, err == nil, err
}
