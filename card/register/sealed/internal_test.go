package sealed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"

	"sceau/card/register"
	"sceau/card/register/sqlite"
)

// TestCollisionRead: where another N° adhérent has the token of the one asked for, that one is not there.
func TestCollisionRead(t *testing.T) {
	k, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := sqlite.Create(filepath.Join(t.TempDir(), "register.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	asked := register.ContractKey{Insurer: "1", Adherent: "0000014"}
	row := register.Contract{Key: k.tokenKey(asked), Revision: 1, From: 1, To: 2}
	row.Hash = k.contractHash(row.Key, row.Hash)
	plain, err := named("0000099", make([]byte, 32), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if row.Canonical, err = k.seal(plain, contractBound(row.Key, row)); err != nil {
		t.Fatal(err)
	}
	err = inner.Update(context.Background(), func(tx register.Tx) error {
		return errors.Join(tx.PutInsurer(register.Insurer{Key: "1", Document: []byte("{}")}), tx.PutContract(row))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = New(inner, k).View(context.Background(), func(tx register.Tx) error { _, err := tx.Contract(asked); return err })
	if !errors.Is(err, register.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// TestIndexKey: the key of the tokens is the register's own, and the only one.
func TestIndexKey(t *testing.T) {
	a, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := sqlite.Create(filepath.Join(t.TempDir(), "register.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if err := New(inner, a).Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	mixed, err := newKeys(a.rows, b.index)
	if err != nil {
		t.Fatal(err)
	}
	if err := New(inner, mixed).Check(t.Context()); !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("another key of tokens: got %v, want ErrCorrupt", err)
	}
	m := keyset.NewManagerFromHandle(a.index)
	if _, err := m.Add(prf.HMACSHA256PRFKeyTemplate()); err != nil {
		t.Fatal(err)
	}
	two, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := a.Secret()
	if err != nil {
		t.Fatal(err)
	}
	var text keysText
	if err := json.Unmarshal(secret, &text); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := insecurecleartextkeyset.Write(two, keyset.NewBinaryWriter(&raw)); err != nil {
		t.Fatal(err)
	}
	text.Index = raw.Bytes()
	bad, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseKeys(bad); !errors.Is(err, ErrKeys) {
		t.Errorf("two keys of tokens: got %v, want ErrKeys", err)
	}
}
