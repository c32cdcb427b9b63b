// Many rows in one call: their encryption is shared out over the processors, their order stays.

package sealed

import (
	"runtime"
	"sync"

	"sceau/card"
	"sceau/card/register"
)

// share is how many rows are worth a goroutine.
const share = 32

// each makes what fn makes of every row, on all processors, in the order of the rows. The error is that of the first row that has
// one.
func each[T, U any](rows []T, fn func(T) (U, error)) ([]U, error) {
	out, errs := make([]U, len(rows)), make([]error, len(rows))
	workers := max(1, min(runtime.GOMAXPROCS(0), len(rows)/share))
	size := (len(rows) + workers - 1) / workers
	var wg sync.WaitGroup
	for from := 0; from < len(rows); from += size {
		part := func() {
			for i := from; i < min(from+size, len(rows)); i++ {
				if out[i], errs[i] = fn(rows[i]); errs[i] != nil {
					return
				}
			}
		}
		if workers == 1 {
			part()
			break
		}
		wg.Go(part)
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tokens are the tokens of N° adhérents of one insurer, and which numbers were asked for.
func (t *txn) tokens(insurer string, adherents []string) (tokens []string, asked map[string]bool, err error) {
	asked = make(map[string]bool, len(adherents))
	for _, a := range adherents {
		asked[a] = true
	}
	tokens, err = each(adherents, func(a string) (string, error) {
		return t.keys.token(register.ContractKey{Insurer: insurer, Adherent: a}), nil
	})
	return tokens, asked, err
}

// ContractsNamed implements register.ContractBatches.
func (t *txn) ContractsNamed(insurer string, adherents []string) (map[string]register.Contract, error) {
	if err := register.CheckBatch(len(adherents)); err != nil {
		return nil, err
	}
	tokens, asked, err := t.tokens(insurer, adherents)
	if err != nil {
		return nil, err
	}
	found, err := t.Tx.ContractsNamed(insurer, tokens)
	if err != nil {
		return nil, err
	}
	rows := make([]register.Contract, 0, len(found))
	for _, c := range found {
		rows = append(rows, c)
	}
	if rows, err = each(rows, t.openContract); err != nil {
		return nil, err
	}
	out := make(map[string]register.Contract, len(rows))
	for _, c := range rows {
		if asked[c.Key.Adherent] { // else two numbers, one token: this is the other one
			out[c.Key.Adherent] = c
		}
	}
	return out, nil
}

// PutContracts implements register.ContractBatches.
func (t *txn) PutContracts(contracts []register.Contract) error {
	if err := register.CheckBatch(len(contracts)); err != nil {
		return err
	}
	rows, err := each(contracts, t.keys.SealContract)
	if err != nil {
		return err
	}
	return t.Tx.PutContracts(rows)
}

// AddCards implements register.CardBatches.
func (t *txn) AddCards(cards []register.Card) error {
	if err := register.CheckBatch(len(cards)); err != nil {
		return err
	}
	rows, err := each(cards, t.keys.SealCard)
	if err != nil {
		return err
	}
	return t.Tx.AddCards(rows)
}

// CardsOfContracts implements register.CardSets.
func (t *txn) CardsOfContracts(insurer string, adherents []string) (map[string][]register.Card, error) {
	if err := register.CheckBatch(len(adherents)); err != nil {
		return nil, err
	}
	tokens, asked, err := t.tokens(insurer, adherents)
	if err != nil {
		return nil, err
	}
	found, err := t.Tx.CardsOfContracts(insurer, tokens)
	if err != nil {
		return nil, err
	}
	var rows []register.Card
	for _, cards := range found { // the order of each contract's cards stays
		rows = append(rows, cards...)
	}
	if rows, err = each(rows, t.openCard); err != nil {
		return nil, err
	}
	out := make(map[string][]register.Card, len(found))
	for _, c := range rows {
		if a := c.Contract.Adherent; asked[a] {
			out[a] = append(out[a], c)
		}
	}
	return out, nil
}

// CardsAt implements register.CardSets.
func (t *txn) CardsAt(places []card.Place) (map[card.Place]register.Card, error) {
	found, err := t.Tx.CardsAt(places)
	if err != nil {
		return nil, err
	}
	rows := make([]register.Card, 0, len(found))
	for _, c := range found {
		rows = append(rows, c)
	}
	if rows, err = each(rows, t.openCard); err != nil {
		return nil, err
	}
	for _, c := range rows {
		found[c.Place] = c
	}
	return found, nil
}
