package sealed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

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
	err = New(inner, k).View(context.Background(), func(tx register.Tx) error {
		got, err := tx.ContractsNamed("1", []string{asked.Adherent})
		if len(got) != 0 {
			t.Errorf("in a set: %+v", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBoundBefore: a row of before contracts said when they changed opens as it did: nothing of it is bound otherwise.
func TestBoundBefore(t *testing.T) {
	c := register.Contract{Key: register.ContractKey{Insurer: "1", Adherent: "T"}, Revision: 2, From: 3, To: 4}
	want := []byte("\x00\x00\x00\x08contract\x00\x00\x00\x011\x00\x00\x00\x01T\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04")
	if got := contractBound(c.Key, c); !bytes.Equal(got, want) {
		t.Errorf("bound to %q, want %q", got, want)
	}
	for _, at := range []time.Time{time.Unix(1, 0), time.Unix(-1, 0), time.Unix(1<<40, 0)} {
		c.Changed = at
		if bytes.Equal(contractBound(c.Key, c), want) {
			t.Errorf("%v is bound to nothing", at)
		}
		k := c
		k.Changed = at.Add(999 * time.Millisecond)
		if !bytes.Equal(contractBound(k.Key, k), contractBound(c.Key, c)) {
			t.Error("a part of a second is bound, and no store keeps it")
		}
	}
	c.Changed = time.Unix(0, 0) // which a store gives back as the zero time
	if !bytes.Equal(contractBound(c.Key, c), want) {
		t.Error("the first second of all is bound, and no store keeps it")
	}
}

// TestEach: rows are made on all processors and stay in their order, and the first that fails is the one that is told.
func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 63, 64, 65, 1000} {
		rows := make([]int, n)
		for i := range rows {
			rows[i] = i
		}
		out, err := each(rows, func(i int) (int, error) { return 2 * i, nil })
		for i := range rows {
			if err != nil || len(out) != n || out[i] != 2*i {
				t.Fatalf("%d rows: %v %v", n, out, err)
			}
		}
		for _, bad := range []int{0, n / 3, n / 2, n - 1} {
			out, err := each(rows, func(i int) (int, error) {
				if i >= bad {
					return 0, fmt.Errorf("row %d", i)
				}
				return i, nil
			})
			if n > 0 && (err == nil || out != nil || err.Error() != fmt.Sprint("row ", bad)) {
				t.Fatalf("%d rows, the first faulty one is %d: %v %v", n, bad, out, err)
			}
		}
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
