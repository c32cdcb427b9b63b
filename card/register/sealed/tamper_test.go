package sealed_test

import (
	"database/sql"
	"errors"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/sealed"
)

// TestTampered: whoever writes into the database without the keys is noticed where the row is used.
func TestTampered(t *testing.T) {
	first := func(tx register.Tx) error {
		_, err := tx.Contract(register.ContractKey{Insurer: amc, Adherent: "0000012"})
		return err
	}
	walk := func(tx register.Tx) error { _, err := tx.ContractsAfter(amc, "", 10); return err }
	cards := func(tx register.Tx) error { _, err := tx.CardsAfter(1, -1, 10); return err }
	document := func(tx register.Tx) error { _, err := tx.Document("session", "0000012"); return err }
	const noTriggers = `DROP TRIGGER card_same; DROP TRIGGER card_payload; DROP TRIGGER IF EXISTS document_same; `
	for _, c := range []struct {
		name, sql string
		read      func(register.Tx) error
	}{
		{"two contracts' rights swapped", `UPDATE contract SET canonical = (SELECT canonical FROM contract o WHERE o.id <> contract.id)`, first},
		{"rights and hash swapped", `UPDATE contract SET (canonical, hash) = (SELECT canonical, hash FROM contract o WHERE o.id <> contract.id)`, first},
		{"two tokens swapped", `UPDATE contract SET adherent = 'AAAAAAAAAAAAAAAA' WHERE id = 1; UPDATE contract SET adherent = (SELECT adherent FROM contract WHERE id = 2) || '' WHERE 0;
			CREATE TEMP TABLE x AS SELECT adherent a FROM contract WHERE id = 2; UPDATE contract SET adherent = 'BBBBBBBBBBBBBBBB' WHERE id = 2; UPDATE contract SET adherent = (SELECT a FROM x) WHERE id = 1`, walk},
		{"a hash of another content", `UPDATE contract SET hash = randomblob(32)`, first},
		{"a longer period", `UPDATE contract SET valid_to = valid_to + 365`, first},
		{"a later change", `UPDATE contract SET changed_at = changed_at + 1`, first},
		{"a change that nobody knows", `UPDATE contract SET changed_at = 0`, first},
		{"a change in a set", `UPDATE contract SET changed_at = 1`, func(tx register.Tx) error { _, err := tx.ContractsNamed(amc, []string{"0000012"}); return err }},
		{"two contracts' rights swapped, in a set", `UPDATE contract SET canonical = (SELECT canonical FROM contract o WHERE o.id <> contract.id)`,
			func(tx register.Tx) error {
				_, err := tx.ContractsNamed(amc, []string{"0000012", "0000013"})
				return err
			}},
		{"cards of a set", noTriggers + `UPDATE card SET payload = (SELECT payload FROM card o WHERE o.id <> card.id)`,
			func(tx register.Tx) error { _, err := tx.CardsOfContracts(amc, []string{"0000012"}); return err }},
		{"a card among places", noTriggers + `UPDATE card SET payload = CAST('{"a":1}' AS BLOB)`,
			func(tx register.Tx) error {
				_, err := tx.CardsAt([]card.Place{{List: 1}, {List: 1, Index: 1}})
				return err
			}},
		{"an older revision's number", `UPDATE contract SET revision = revision + 1`, first},
		{"one bit of the rights", `UPDATE contract SET canonical = CAST(substr(canonical, 1, 40) || x'00' || substr(canonical, 42) AS BLOB)`, first},
		{"rights cut", `UPDATE contract SET canonical = substr(canonical, 1, 20)`, first},
		{"no rights", `UPDATE contract SET canonical = x''`, first},
		{"two cards' payloads swapped", noTriggers + `UPDATE card SET payload = (SELECT payload FROM card o WHERE o.id <> card.id)`, cards},
		{"a card of another contract", noTriggers + `DROP INDEX card_intent; UPDATE card SET contract = 3 - contract`, cards},
		{"a card at another place", noTriggers + `PRAGMA foreign_keys = OFF; UPDATE card SET idx = idx + 7`, cards},
		{"a card in clear", noTriggers + `UPDATE card SET payload = CAST('{"a":1}' AS BLOB)`, cards},
		{"two documents swapped", noTriggers + `UPDATE document SET data = (SELECT data FROM document o WHERE o.kind = 'session' AND o.id <> document.id) WHERE kind = 'session'`, document},
		{"a document of another kind", noTriggers + `UPDATE document SET kind = 'session', id = '0000099' WHERE kind = 'seal'`, func(tx register.Tx) error { _, err := tx.Document("session", "0000099"); return err }},
		{"an import's digest", `UPDATE import SET sha256 = randomblob(32)`, func(tx register.Tx) error { _, err := tx.Imports(1); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if err := w.store.View(t.Context(), c.read); err != nil && c.name != "a document of another kind" {
				t.Fatalf("before: %v", err)
			}
			db, err := sql.Open("sqlite", w.path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			if _, err := db.Exec(c.sql); err != nil {
				t.Fatal(err)
			}
			if err := w.store.View(t.Context(), c.read); !errors.Is(err, register.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
		})
	}
}

// TestMarkTampered: the mark of one register is not that of another, and one without it is not taken for sealed.
func TestMarkTampered(t *testing.T) {
	w := newWorld(t)
	db, err := sql.Open("sqlite", w.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE document SET data = randomblob(90) WHERE kind = 'seal'`); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Check(t.Context()); !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("a false mark: got %v, want ErrCorrupt", err)
	}
	if _, err := db.Exec(`DELETE FROM document WHERE kind = 'seal'`); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Check(t.Context()); !errors.Is(err, sealed.ErrUnsealed) {
		t.Errorf("no mark: got %v, want ErrUnsealed", err)
	}
	if err := w.store.Mark(t.Context()); !errors.Is(err, register.ErrConflict) {
		t.Errorf("marking again: got %v, want ErrConflict", err)
	}
}

// BenchmarkFields is the price of one field, keys made once.
func BenchmarkFields(b *testing.B) {
	k := newKeys(b)
	c := contract(b, "0000012", 1)
	c.Canonical = append(c.Canonical, make([]byte, 900)...) // as a household of three has
	row, err := k.SealContract(c)
	if err != nil {
		b.Fatal(err)
	}
	cd := intent(b, "0000012", 1)
	cd.Payload = make([]byte, 700)
	sealedCard, err := k.SealCard(cd)
	if err != nil {
		b.Fatal(err)
	}
	s := sealed.New(nil, k)
	for name, fn := range map[string]func() error{
		"pseudonym":     func() error { s.Pseudonym(c.Key); return nil },
		"seal contract": func() error { _, err := k.SealContract(c); return err },
		"open contract": func() error { _, err := k.OpenContract(row); return err },
		"seal card":     func() error { _, err := k.SealCard(cd); return err },
		"open card":     func() error { _, err := k.OpenCard(sealedCard); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
