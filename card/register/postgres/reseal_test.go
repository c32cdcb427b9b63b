//go:build linux

package postgres_test

import (
	"errors"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/postgres"
)

// TestResealRights: rows are written anew by the owner alone; the service's role can't, whatever it sets, and nobody writes over a
// payload outside of it.
func TestResealRights(t *testing.T) {
	owner, service := restricted(t)
	s, o := open(t, service, quick), open(t, owner, quick)
	filled(t, s)
	put := func(register.SealedRow) ([]byte, error) { return []byte("another payload"), nil }
	marks := must(s.Unlike(t.Context(), register.CardRows, []byte("zz"), "", 9))(t)
	if len(marks) == 0 {
		t.Fatal("no cards")
	}
	if err := s.Reseal(t.Context(), register.CardRows, marks, put); !errors.Is(err, postgres.ErrRole) {
		t.Errorf("the service's role: %v", err)
	}
	for _, dsn := range []string{owner, service} {
		if _, err := connect(t, dsn).Exec(t.Context(), `UPDATE card SET payload = '\x00'`); err == nil {
			t.Error("a payload was written over")
		}
		if _, err := connect(t, dsn).Exec(t.Context(), `WITH s AS (SELECT set_config('sceau.reseal', 'on', false)) UPDATE card SET idx = idx + 1 FROM s`); err == nil {
			t.Error("a place was written over")
		}
	}
	if _, err := connect(t, service).Exec(t.Context(), `WITH s AS (SELECT set_config('sceau.reseal', 'on', false)) UPDATE card SET payload = '\x00' FROM s`); err == nil {
		t.Error("the service's role wrote over a payload")
	}
	if err := o.Reseal(t.Context(), register.CardRows, append(marks, "999999"), put); err != nil {
		t.Fatal(err)
	}
	for kind, bad := range map[register.RowKind]string{register.CardRows: "x", "audit": "1"} {
		if err := o.Reseal(t.Context(), kind, []string{bad}, put); err == nil {
			t.Errorf("%s %s was written anew", kind, bad)
		}
	}
	c := must(get(t, s, card.Place{List: 1, Index: 7}))(t)
	if string(c.Payload) != "another payload" || c.State != register.Live {
		t.Errorf("%q %v", c.Payload, c.State)
	}
	if n := must(o.Beginnings(t.Context(), register.CardRows, 3))(t); n["ano"] != int64(len(marks)) {
		t.Errorf("%v", n)
	}
}

func get(t *testing.T, s *postgres.Store, p card.Place) (c register.Card, err error) {
	t.Helper()
	err = s.View(t.Context(), func(tx register.Tx) error { c, err = tx.Card(p); return err })
	return c, err
}
