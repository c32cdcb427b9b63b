package sealed_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/sealed"
)

// bare is a store without optional powers.
type bare struct{ register.Store }

func TestPowers(t *testing.T) {
	k := newKeys(t)
	full := openFile(t, filepath.Join(t.TempDir(), "register.db"))
	defer full.Close()
	inner := []register.Store{
		bare{full}, full,
		struct {
			bare
			register.Closer
		}{bare{full}, full},
		struct {
			bare
			register.Inspector
		}{bare{full}, full},
		struct {
			bare
			register.Holder
		}{bare{full}, full},
		struct {
			bare
			register.Closer
			register.Inspector
		}{bare{full}, full, full},
		struct {
			bare
			register.Closer
			register.Holder
		}{bare{full}, full, full},
		struct {
			bare
			register.Inspector
			register.Holder
		}{bare{full}, full, full},
	}
	type pseudonyms interface {
		Pseudonym(register.ContractKey) string
	}
	for i, in := range inner {
		s := sealed.New(in, k).Powers()
		var got, want [3]bool
		_, got[0] = s.(register.Closer)
		_, got[1] = s.(register.Inspector)
		_, got[2] = s.(register.Holder)
		_, want[0] = in.(register.Closer)
		_, want[1] = in.(register.Inspector)
		_, want[2] = in.(register.Holder)
		if got != want {
			t.Errorf("store %d: powers %v, want %v", i, got, want)
		}
		if _, ok := s.(pseudonyms); !ok {
			t.Errorf("store %d makes no pseudonyms", i)
		}
	}
}

func TestHolding(t *testing.T) {
	w := newWorld(t)
	h, err := w.store.Powers().(register.Holder).Holding(t.Context(), card.Place{List: 1, Index: 1})
	if err != nil || h.Card.Contract.Adherent != "0000013" || string(h.Card.Payload) != "payload of 0000013" || !reflect.DeepEqual(h.Contract, contract(t, "0000013", 1)) {
		t.Errorf("holding: %v %v", h.Card.Place, err)
	}
	if _, err := w.store.Powers().(register.Holder).Holding(t.Context(), card.Place{List: 1, Index: 7}); !errors.Is(err, register.ErrNotFound) {
		t.Errorf("free place: %v", err)
	}
	if _, err := sealed.New(w.inner, newKeys(t)).Powers().(register.Holder).Holding(t.Context(), card.Place{List: 1}); !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("other keys: %v", err)
	}
}
