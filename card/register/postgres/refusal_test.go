//go:build linux

package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/fixtures/pgserver"
)

// TestRefusals: what a method refuses by what is stored leaves the transaction whole, as callers that look at an error and go on
// expect, and nothing of the refused call in it. After AddCard and AddPublication, which have then done a part, nothing can be
// stored any more, even if the caller overlooks the error.
func TestRefusals(t *testing.T) {
	s := create(t, pgserver.Shared(t).Database(t), quick)
	filled(t, s) // card 1-7 of contract A is live, check "N" is stored
	second := register.Card{Place: card.Place{List: 1, Index: 8}, Contract: register.ContractKey{Insurer: "1", Adherent: "A"}, Person: register.Household, From: 20000, To: 20001,
		Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: time.Unix(1, 0), Payload: []byte("y")}
	if err := s.Update(t.Context(), func(tx register.Tx) error { return tx.AddCard(second) }); err != nil {
		t.Fatal(err)
	}
	ok := register.Check{Counter: "C", At: time.Unix(1, 0), Status: "valid"}
	numbered := func(n string) register.Check { c := ok; c.Number = n; return c }
	nobody := card.Place{List: 1, Index: 99}
	for name, c := range map[string]struct {
		want error
		run  func(register.Tx) error
	}{
		"taken number": {register.ErrConflict, func(tx register.Tx) error {
			_, err := tx.AddChecks([]register.Check{ok, numbered("M"), numbered("N")})
			return err
		}},
		"number twice": {register.ErrConflict, func(tx register.Tx) error {
			_, err := tx.AddChecks([]register.Check{ok, numbered("M"), numbered("M")})
			return err
		}},
		"second standing": {register.ErrConflict, func(tx register.Tx) error { return tx.SealCard(second.Place, make([]byte, 64)) }},
		"no intent":       {register.ErrConflict, func(tx register.Tx) error { return tx.SealCard(card.Place{List: 1, Index: 7}, make([]byte, 64)) }},
		"another state": {register.ErrConflict, func(tx register.Tx) error {
			return tx.SetCardState(card.Place{List: 1, Index: 7}, register.Void, register.Live)
		}},
		"free place": {register.ErrNotFound, func(tx register.Tx) error { return tx.SetCardState(nobody, register.Void, register.Live) }},
		"event of nobody": {register.ErrNotFound, func(tx register.Tx) error {
			_, err := tx.AddEvent(register.Event{Place: nobody, Kind: status.Void, From: 1})
			return err
		}},
		"log of nobody": {register.ErrNotFound, func(tx register.Tx) error {
			_, err := tx.LogSign(register.SignEntry{Place: nobody, KID: second.KID})
			return err
		}},
		"closed list": {register.ErrConflict, func(tx register.Tx) error { c := second; c.Place.List = 2; return tx.AddCard(c) }},
		"known contract": {register.ErrConflict, func(tx register.Tx) error {
			return tx.PutContract(register.Contract{Key: second.Contract, Revision: 1})
		}},
		"unknown insurer": {register.ErrNotFound, func(tx register.Tx) error {
			return tx.PutContract(register.Contract{Key: register.ContractKey{Insurer: "9", Adherent: "A"}, Revision: 1})
		}},
		"unknown insurer2": {register.ErrNotFound, func(tx register.Tx) error {
			return tx.PutContract(register.Contract{Key: register.ContractKey{Insurer: "9", Adherent: "A"}, Revision: 2})
		}},
		"list of nobody": {register.ErrNotFound, func(tx register.Tx) error { _, err := tx.AddList("9"); return err }},
		"page":           {register.ErrConflict, func(tx register.Tx) error { return tx.SetPage(1, 4, 5, nil) }},
		"publication":    {register.ErrConflict, func(tx register.Tx) error { return tx.AddPublication(register.Publication{Version: 7}, nil) }},
		"document":       {register.ErrConflict, func(tx register.Tx) error { return tx.PutDocument(register.Document{Kind: "job", ID: "x", Version: 2}) }},
	} {
		id := strings.ReplaceAll(name, " ", "-")
		err := s.Update(t.Context(), func(tx register.Tx) error {
			if err := c.run(tx); !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", name, err, c.want)
			}
			return tx.PutDocument(register.Document{Kind: "alarm", ID: id, Version: 1})
		})
		if err != nil {
			t.Errorf("%s: the transaction could not go on: %v", name, err)
		}
		err = s.View(t.Context(), func(tx register.Tx) error {
			checks, err := tx.ChecksAfter(0, "", "", 10)
			if len(checks) != 1 {
				t.Errorf("%s: %d checks are stored", name, len(checks))
			}
			_, err2 := tx.Document("alarm", id)
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		want error
		run  func(register.Tx) error
	}{
		"taken place":      {register.ErrConflict, func(tx register.Tx) error { return tx.AddCard(second) }},
		"unknown contract": {register.ErrNotFound, func(tx register.Tx) error { c := second; c.Contract.Adherent = "Z"; return tx.AddCard(c) }},
		"other bytes": {register.ErrConflict, func(tx register.Tx) error {
			return tx.AddPublication(register.Publication{Version: 1}, []register.NewFile{{Path: "a"}, {Path: "a", Data: []byte("b")}})
		}},
	} {
		err := s.Update(t.Context(), func(tx register.Tx) error { _ = c.run(tx); return nil })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: an overlooked error was stored over: %v", name, err)
		}
	}
	err := s.View(t.Context(), func(tx register.Tx) error {
		l, err := tx.OpenList("1")
		if l.Used != 2 {
			t.Errorf("the list counts %d cards of 2", l.Used)
		}
		if _, err := tx.LastPublication(); !errors.Is(err, register.ErrNotFound) {
			t.Errorf("half a publication: %v", err)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
