// Package register is the contract of the issuer's memory: what must never be forgotten, and in which transactions.
//
// A register keeps insurers, contracts, cards, the log of every signature, status events, publications and an audit chain.
// The stores (sqlite and whatever follows) are written natively and apart; package registertest holds the one suite that
// every store must pass, and is the contract in executable form.
//
// # Life of a card in the register
//
//  1. AddCard writes an intent: the place (list, index), the payload that will be signed, and no signature.
//  2. LogSign writes, in the same transaction, the digest of the signing input. Only after that commit may a key be touched.
//  3. SealCard stores the signature and makes the card live. Only after that commit may the card be shown to anyone.
//  4. AddEvent and SetCardState record what becomes of it. Nothing is ever deleted.
//
// A crash between 1 and 3 leaves an intent. It is finished by signing the same payload again, after one more LogSign.
//
// # Personal data
//
// Contracts hold names and NIR. They stay in the register: no error of a store carries a value of a row.
package register

import (
	"context"
	"errors"
)

// Errors that a store returns; test them with errors.Is.
var (
	// ErrNotFound says that no such row is there. The caller decides whether that is a fault.
	ErrNotFound = errors.New("register: not found")

	// ErrConflict says that the change contradicts what is stored: a place already taken, a second live card, a
	// compare-and-swap whose expectation is stale. The transaction must be given up and decided anew from what is stored.
	ErrConflict = errors.New("register: conflict")

	// ErrCorrupt says that the register is not what this program wrote: damaged pages, a foreign or newer schema, a row
	// that breaks its own rules. Nothing may be issued from it; restore a backup.
	ErrCorrupt = errors.New("register: corrupt")

	// ErrBusy says that another process held the register for longer than the store waits. Nothing was written: try again.
	ErrBusy = errors.New("register: busy")

	// ErrOutcomeUnknown says that the connection was lost while the change was being committed: it may be stored or not. Look
	// before deciding; doing an idempotent change again is always right.
	ErrOutcomeUnknown = errors.New("register: unknown whether the change was stored")

	// ErrReadOnly says that a change was asked for inside View: a fault of the program.
	ErrReadOnly = errors.New("register: change inside a read transaction")

	// ErrProtected says that the register may only be read: its file, its folder or the medium is write-protected.
	ErrProtected = errors.New("register: write-protected, it can only be read")
)

// Store is a register. It is safe for concurrent use, by goroutines and by processes.
type Store interface {
	// Update runs fn in the one write transaction of the register: it sees every earlier commit, no other Update of any
	// process runs meanwhile, and when Update returns nil all that fn changed is durable (it survives a power cut).
	// If fn fails or panics, nothing of it is stored. ErrBusy means that fn did not run or that nothing of it was stored.
	// ErrOutcomeUnknown, which only the commit itself gives, means that fn ran to its end: all of it is stored or nothing.
	// fn is run once, never retried. The Tx must not outlive fn nor be shared between goroutines.
	Update(ctx context.Context, fn func(Tx) error) error

	// View runs fn on one committed state of the register, beside any writer. Changes fail with ErrReadOnly.
	View(ctx context.Context, fn func(Tx) error) error
}

// Closer ends a store. Closing twice is harmless.
type Closer interface{ Close() error }

// Inspector is the optional power of a store to check its own medium.
type Inspector interface {
	// Inspect returns one line for each fault of the storage itself (pages, indexes, foreign keys), none when sound.
	Inspect(ctx context.Context) ([]string, error)
}

// Tx is one transaction: all that the register can do.
type Tx interface {
	Insurers
	Contracts
	ContractBatches
	Imports
	Lists
	Pages
	Cards
	CardStates
	CardWalk
	CardBatches
	CardSets
	SignLog
	Events
	EventQueue
	Publications
	Files
	Shelf
	Audit
	Documents
	Requests
	Checks
	Receipts
	Reports
}
