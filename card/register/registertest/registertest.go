// Package registertest is the contract of card/register in executable form: the one suite that every store must pass.
package registertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// Opener opens the register that is kept at place (a folder of the test's own), making it the first time. Two stores on
// one place are two processes on one register. The suite closes what it opens when the store is a register.Closer.
type Opener func(t *testing.T, place string) register.Store

// Option says what a store does otherwise.
type Option int

// OwnOrder is for a store that encrypts above another one: ContractsAfter walks in an order of its own, not in byte order of
// the N° adhérent, and it needs SealRoom for itself.
const OwnOrder Option = 1

// Run runs the suite.
func Run(t *testing.T, open Opener, options ...Option) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"empty", testEmpty},
		{"insurers", testInsurers},
		{"contracts", testContracts},
		{"contract order", testContractOrder},
		{"contract rows that lie", testContractRows},
		{"imports", testImports},
		{"lists", testLists},
		{"card life", testCardLife},
		{"one standing card", testOneStanding},
		{"places", testPlaces},
		{"card walk", testCardWalk},
		{"sign log", testSignLog},
		{"batches", testBatches},
		{"batches refused", testBatchRefused},
		{"batch limits", testBatchLimits},
		{"batch or one by one", testTwins},
		{"events", testEvents},
		{"pages", testPages},
		{"publications", testPublications},
		{"audit", testAudit},
		{"atomicity", testAtomicity},
		{"panic", testPanic},
		{"read only", testReadOnly},
		{"stale transaction", testStale},
		{"cancelled", testCancelled},
		{"view beside update", testSnapshot},
		{"concurrent updates", testConcurrent},
		{"two processes", testTwoProcesses},
		{"busy", testBusy},
		{"reopen", testReopen},
		{"documents", testDocuments},
		{"documents refused", testDocumentRefused},
		{"sealed document", testSealedDocument},
		{"document lists", testDocumentLists},
		{"documents that are over", testDocumentsOver},
		{"document race", testDocumentRace},
		{"requests", testRequests},
		{"request race", testRequestRace},
		{"checks", testChecks},
		{"checks refused", testCheckRefused},
		{"checks narrowed", testChecksNarrowed},
		{"check race", testCheckRace},
		{"holding", testHolding},
		{"receipts", testReceipts},
		{"receipts refused", testReceiptRefused},
		{"receipts narrowed", testReceiptsNarrowed},
		{"receipt race", testReceiptRace},
		{"reports", testReports},
		{"report edges", testReportEdges},
		{"atomicity of the service", testServiceAtomicity},
	} {
		if (c.name == "contract order" || c.name == "sealed document") && slices.Contains(options, OwnOrder) {
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// at is the time of everything in the suite.
var at = time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)

// insurerKey is a synthetic insurer.
const insurerKey = "775670482"

func start(t *testing.T, open Opener, place string) register.Store {
	t.Helper()
	s := open(t, place)
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s register.Store) {
	t.Helper()
	if c, ok := s.(register.Closer); ok {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func update(t *testing.T, s register.Store, fn func(register.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatalf("update: %v", err)
	}
}

func view(t *testing.T, s register.Store, fn func(register.Tx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// ends fails the test of a walk that a faulty store would let go on for ever.
func ends(t *testing.T, met int) {
	t.Helper()
	if met > 10_000 {
		t.Fatal("the walk does not end")
	}
}

// refuse runs fn and wants its error to be of a family.
func refuse(t *testing.T, s register.Store, want error, fn func(register.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func day(t *testing.T, text string) rights.Date {
	t.Helper()
	d, err := rights.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// contract makes a synthetic contract; only its bytes and its period matter to a store.
func contract(t *testing.T, adherent string, revision int64) register.Contract {
	t.Helper()
	c, err := register.NewContract(rights.Contract{
		Insurer: insurerKey, Adherent: adherent, CSR: fmt.Sprint("R", revision),
		From: day(t, "2027-01-01"), To: day(t, "2027-12-31"),
	}, revision)
	if err != nil {
		t.Fatal(err)
	}
	c.Changed = at.Add(time.Duration(revision) * time.Second)
	return c
}

// intent makes a card of a contract; digest is what LogSign would log of it.
func intent(t *testing.T, adherent string, list, index uint32) register.Card {
	t.Helper()
	return register.Card{
		Place:    card.Place{List: list, Index: index},
		Contract: register.ContractKey{Insurer: insurerKey, Adherent: adherent},
		Person:   register.Household, From: day(t, "2027-01-01"), To: day(t, "2027-12-31"), Revision: 1,
		KID: "Xq3f9aLmQ2s", IssuedAt: at, Payload: fmt.Appendf(nil, "payload of %d-%d", list, index),
	}
}

// seeded opens a register with an insurer, an open list (number 1) and contracts A1 to A4.
func seeded(t *testing.T, open Opener) register.Store {
	t.Helper()
	s := start(t, open, t.TempDir())
	seed(t, s)
	return s
}

func seed(t *testing.T, s register.Store) {
	t.Helper()
	update(t, s, func(tx register.Tx) error {
		if err := tx.PutInsurer(register.Insurer{Key: insurerKey, Document: []byte("{}")}); err != nil {
			return err
		}
		if l, err := tx.AddList(insurerKey); err != nil || l.Number != 1 {
			return fmt.Errorf("first list is %d: %w", l.Number, err)
		}
		for i := range 4 {
			if err := tx.PutContract(contract(t, fmt.Sprint("A", i+1), 1)); err != nil {
				return err
			}
		}
		return nil
	})
}

func signature(b byte) []byte {
	s := make([]byte, 64)
	for i := range s {
		s[i] = b
	}
	return s
}

func sum(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }
