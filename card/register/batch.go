// Many rows in one call: what an import and a campaign do a million times, in a few statements for a thousand rows.

package register

import (
	"fmt"

	"sceau/card"
)

// MaxBatch is how many rows, names or places one call takes.
const MaxBatch = 1000

// CheckBatch refuses a call of more than MaxBatch, as a fault of the program. Stores call it before anything else.
func CheckBatch(n int) error {
	if n > MaxBatch {
		return fmt.Errorf("register: a batch of %d, at most %d are taken at once", n, MaxBatch)
	}
	return nil
}

// ContractBatches reads and stores contracts as Contracts does one by one.
//
// A change of many rows stores all of them or none: its error is that of the first row which the single form refuses, after
// which the transaction can only be given up: every later call returns the same error, and Update does, even when fn does not.
// An empty call changes nothing.
type ContractBatches interface {
	// ContractsNamed returns the contracts of an insurer that exist among the N° adhérent given, which may repeat, by N° adhérent.
	ContractsNamed(insurer string, adherents []string) (map[string]Contract, error)
	// PutContracts is PutContract for each; a contract that stands in the call twice is ErrConflict.
	PutContracts([]Contract) error
}

// Seal is the 64-byte signature of an intent.
type Seal struct {
	Place     card.Place
	Signature []byte
}

// CardBatches takes cards from intent to live, many at once; see ContractBatches for what an error means.
type CardBatches interface {
	// AddCards is AddCard for each, in this order.
	AddCards([]Card) error
	// LogSigns is LogSign for each, in this order, and returns the entries in it; a place may stand in the call more than once.
	LogSigns([]SignEntry) ([]SignEntry, error)
	// SealCards is SealCard for each, in this order.
	SealCards([]Seal) error
}

// CardSets reads cards, many at once. Names and places may repeat.
type CardSets interface {
	// CardsOfContracts returns the cards of those contracts of an insurer that have any, oldest first, by N° adhérent.
	CardsOfContracts(insurer string, adherents []string) (map[string][]Card, error)
	// CardsAt returns the cards of those places that hold one.
	CardsAt([]card.Place) (map[card.Place]Card, error)
	// TakenOf says of each of the places whether it holds a card.
	TakenOf([]card.Place) (map[card.Place]bool, error)
}
