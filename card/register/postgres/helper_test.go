//go:build linux

package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// place is one that no card has.
var place = card.Place{List: 1, Index: 1048575}

// everything does one of each kind of access and hands over what came of it.
func everything(t *testing.T, s register.Store, check func(name string, err error)) {
	t.Helper()
	check("Update", s.Update(t.Context(), func(tx register.Tx) error {
		return tx.PutDocument(register.Document{Kind: "job", ID: fmt.Sprint(time.Now().UnixNano()), Version: 1})
	}))
	check("View", s.View(t.Context(), func(tx register.Tx) error { _, err := tx.Insurers(); return err }))
	if h, ok := s.(register.Holder); ok {
		_, err := h.Holding(t.Context(), place)
		check("Holding", err)
	}
	if i, ok := s.(register.Inspector); ok {
		lines, err := i.Inspect(t.Context())
		check("Inspect", err)
		if len(lines) > 0 {
			t.Errorf("inspect: %q", lines)
		}
	}
}
