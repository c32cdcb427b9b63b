// Rows of a batch in a handful of statements, whatever insurers they belong to and however many they are.

package issuer

import (
	"slices"

	"sceau/card"
	"sceau/card/register"
)

// batches of rows for the calls of the register that take only so many.
func batches[T any](all []T) func(yield func([]T) bool) {
	return slices.Chunk(all, register.MaxBatch)
}

// byInsurer groups N° adhérent by insurer, each insurer in the order of its first contract.
func byInsurer(keys []register.ContractKey) (insurers []string, adherents map[string][]string) {
	adherents = map[string][]string{}
	for _, k := range keys {
		if _, ok := adherents[k.Insurer]; !ok {
			insurers = append(insurers, k.Insurer)
		}
		adherents[k.Insurer] = append(adherents[k.Insurer], k.Adherent)
	}
	return insurers, adherents
}

// contractsNamed reads the contracts of these names that exist.
func contractsNamed(tx register.Tx, keys []register.ContractKey) (map[register.ContractKey]register.Contract, error) {
	out := make(map[register.ContractKey]register.Contract, len(keys))
	insurers, adherents := byInsurer(keys)
	for _, i := range insurers {
		for part := range batches(adherents[i]) {
			found, err := tx.ContractsNamed(i, part)
			if err != nil {
				return nil, err
			}
			for adherent, c := range found {
				out[register.ContractKey{Insurer: i, Adherent: adherent}] = c
			}
		}
	}
	return out, nil
}

// cardsOf reads all cards of these contracts, oldest first each.
func cardsOf(tx register.Tx, keys []register.ContractKey) (map[register.ContractKey][]register.Card, error) {
	out := make(map[register.ContractKey][]register.Card, len(keys))
	insurers, adherents := byInsurer(keys)
	for _, i := range insurers {
		for part := range batches(adherents[i]) {
			found, err := tx.CardsOfContracts(i, part)
			if err != nil {
				return nil, err
			}
			for adherent, cards := range found {
				out[register.ContractKey{Insurer: i, Adherent: adherent}] = cards
			}
		}
	}
	return out, nil
}

// cardsOfContracts is cardsOf for contracts that were read.
func cardsOfContracts(tx register.Tx, contracts []register.Contract) (map[register.ContractKey][]register.Card, error) {
	keys := make([]register.ContractKey, len(contracts))
	for i, c := range contracts {
		keys[i] = c.Key
	}
	return cardsOf(tx, keys)
}

// cardsAt reads the cards of these places that hold one.
func cardsAt(tx register.Tx, places []card.Place) (map[card.Place]register.Card, error) {
	out := make(map[card.Place]register.Card, len(places))
	for part := range batches(places) {
		found, err := tx.CardsAt(part)
		if err != nil {
			return nil, err
		}
		for p, c := range found {
			out[p] = c
		}
	}
	return out, nil
}

func addCards(tx register.Tx, cards []register.Card) error {
	for part := range batches(cards) {
		if err := tx.AddCards(part); err != nil {
			return err
		}
	}
	return nil
}

func sealCards(tx register.Tx, seals []register.Seal) error {
	for part := range batches(seals) {
		if err := tx.SealCards(part); err != nil {
			return err
		}
	}
	return nil
}

func logSigns(tx register.Tx, entries []register.SignEntry) ([]register.SignEntry, error) {
	var out []register.SignEntry
	for part := range batches(entries) {
		logged, err := tx.LogSigns(part)
		if err != nil {
			return nil, err
		}
		out = append(out, logged...)
	}
	return out, nil
}
