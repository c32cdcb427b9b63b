package sealed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/registertest"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/rights"
)

const amc = "775670482"

func newKeys(t testing.TB) *sealed.Keys {
	t.Helper()
	k, err := sealed.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openFile(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	o := sqlite.Options{Wait: 1500 * time.Millisecond}
	s, err := sqlite.Create(path, o)
	if errors.Is(err, fs.ErrExist) {
		s, err = sqlite.Open(path, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestContract: the one suite of all stores, over an encrypted one.
func TestContract(t *testing.T) {
	keys := newKeys(t)
	registertest.Run(t, func(t *testing.T, place string) register.Store {
		t.Helper()
		return sealed.New(openFile(t, filepath.Join(place, "register.db")), keys).Powers()
	}, registertest.OwnOrder)
}

// clear are the methods of a transaction that the wrapper leaves alone: none takes or returns a name, a birth date, a NIR or a
// N° adhérent. A method that is new must be put here, with that question asked, or be overridden.
var clear = strings.Fields(`PutInsurer Insurer Insurers AddList OpenList Lists Page SetPage SealCard SetCardState Taken LogSign SignLog
	SignLogAfter AddEvent EventsOf EventsAfter PendingEvents MarkPublished LastPublication AddPublication File EachFile ListFiles DropFiles
	AppendAudit AuditHead AuditAfter DropDocument DropDocuments TakeRequests DropRequests AddChecks CheckByNumber ChecksAfter AddReceipts
	ReceiptsOf ReceiptsAfter Served Sightings ListAges SealCards LogSigns TakenOf`)

var overridden = strings.Fields(`Contract PutContract ContractsAfter AddImport Imports AddCard Card CardsOf CardsAfter Intents Document
	PutDocument DocumentsAfter ContractsNamed PutContracts AddCards CardsOfContracts CardsAt`)

func TestEveryMethodWasThoughtOf(t *testing.T) {
	tx := reflect.TypeFor[register.Tx]()
	for i := range tx.NumMethod() {
		name := tx.Method(i).Name
		if slices.Contains(clear, name) == slices.Contains(overridden, name) {
			t.Errorf("%s: does it hold an identity? Override it in the wrapper, or list it as clear", name)
		}
	}
	if n := len(clear) + len(overridden); n != tx.NumMethod() {
		t.Errorf("%d methods are listed, a transaction has %d", n, tx.NumMethod())
	}
}

// world is a sealed register with a contract and two cards.
type world struct {
	path  string
	inner *sqlite.Store
	keys  *sealed.Keys
	store *sealed.Store
}

func (w world) update(t testing.TB, fn func(register.Tx) error) {
	t.Helper()
	if err := w.store.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func contract(t testing.TB, adherent string, revision int64) register.Contract {
	t.Helper()
	from, _ := rights.ParseDate("2027-01-01")
	to, _ := rights.ParseDate("2027-12-31")
	c, err := register.NewContract(rights.Contract{Insurer: amc, Adherent: adherent, CSR: fmt.Sprint("R", revision), From: from, To: to}, revision)
	if err != nil {
		t.Fatal(err)
	}
	c.Changed = time.Unix(1796000000+revision, 0).UTC()
	return c
}

func intent(t testing.TB, adherent string, index uint32) register.Card {
	c := contract(t, adherent, 1)
	return register.Card{Place: card.Place{List: 1, Index: index}, Contract: c.Key, Person: register.Household, From: c.From, To: c.To,
		Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: time.Unix(1796000000, 0).UTC(), Payload: []byte("payload of " + adherent)}
}

func newWorld(t testing.TB) world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "register.db")
	w := world{path: path, inner: openFile(t, path), keys: newKeys(t)}
	t.Cleanup(func() { w.inner.Close() })
	w.store = sealed.New(w.inner, w.keys)
	if err := w.store.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.update(t, func(tx register.Tx) error {
		if err := tx.PutInsurer(register.Insurer{Key: amc, Document: []byte("{}")}); err != nil {
			return err
		}
		if _, err := tx.AddList(amc); err != nil {
			return err
		}
		for i, a := range []string{"0000012", "0000013"} {
			if err := tx.PutContract(contract(t, a, 1)); err != nil {
				return err
			}
			if err := tx.AddCard(intent(t, a, uint32(i))); err != nil {
				return err
			}
			if err := tx.PutDocument(register.Document{Kind: "session", ID: a, Version: 1, Data: []byte("data of " + a)}); err != nil {
				return err
			}
		}
		return tx.AddImport(register.Import{SHA256: [32]byte{1, 2, 3}, At: time.Unix(1796000000, 0), Lines: 2})
	})
	return w
}

func TestPseudonyms(t *testing.T) {
	w := newWorld(t)
	a, b := register.ContractKey{Insurer: amc, Adherent: "0000012"}, register.ContractKey{Insurer: amc, Adherent: "0000013"}
	p := w.store.Pseudonym(a)
	if len(p) != 16 || strings.Trim(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		t.Errorf("%q is no pseudonym", p)
	}
	for what, other := range map[string]string{
		"another number": w.store.Pseudonym(b), "another insurer": w.store.Pseudonym(register.ContractKey{Insurer: "1", Adherent: a.Adherent}),
		"a moved limit": w.store.Pseudonym(register.ContractKey{Insurer: amc + "0", Adherent: "000012"}), "another key": sealed.New(w.inner, newKeys(t)).Pseudonym(a),
	} {
		if other == p {
			t.Errorf("%s has the same pseudonym", what)
		}
	}
	err := w.store.View(t.Context(), func(tx register.Tx) error {
		c, err := w.store.ByPseudonym(tx, amc, p)
		if err != nil || !reflect.DeepEqual(c, contract(t, "0000012", 1)) {
			t.Errorf("by pseudonym: %v %v", c.Key, err)
		}
		if _, err := w.store.ByPseudonym(tx, "1", p); !errors.Is(err, register.ErrNotFound) {
			t.Errorf("another insurer's: %v", err)
		}
		if _, err := w.store.ByPseudonym(tx, amc, "0000012"); !errors.Is(err, register.ErrNotFound) {
			t.Errorf("a N° adhérent passed for a pseudonym: %v", err)
		}
		if _, err := tx.Contract(register.ContractKey{Insurer: amc, Adherent: p}); !errors.Is(err, register.ErrNotFound) {
			t.Errorf("a pseudonym passed for a N° adhérent: %v", err)
		}
		if _, err := sealed.New(w.inner, newKeys(t)).ByPseudonym(tx, amc, p); err == nil {
			t.Error("a transaction of another store was taken")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := w.inner.View(t.Context(), func(tx register.Tx) error { _, err := w.store.ByPseudonym(tx, amc, p); return err }); err == nil {
		t.Error("a plain transaction was taken")
	}
}

// TestCollision: of two numbers with one token the second is refused, and neither is read for the other.
func TestCollision(t *testing.T) {
	w := newWorld(t)
	other, err := w.keys.SealContract(contract(t, "0000099", 1))
	if err != nil {
		t.Fatal(err)
	}
	token := w.store.Pseudonym(register.ContractKey{Insurer: amc, Adherent: "0000014"})
	other.Key.Adherent = token
	if err := w.inner.Update(t.Context(), func(tx register.Tx) error { return tx.PutContract(other) }); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Update(t.Context(), func(tx register.Tx) error { return tx.PutContract(contract(t, "0000014", 1)) }); !errors.Is(err, register.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
}

// TestOtherKeys: a register that these keys did not seal is noticed before it looks empty.
func TestOtherKeys(t *testing.T) {
	w := newWorld(t)
	if err := w.store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Mark(t.Context()); err != nil {
		t.Errorf("marking again: %v", err)
	}
	other := sealed.New(w.inner, newKeys(t))
	if err := other.Check(t.Context()); !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("check: got %v, want ErrCorrupt", err)
	}
	if err := other.Mark(t.Context()); !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("mark: got %v, want ErrCorrupt", err)
	}
	read := map[string]func(register.Tx) error{
		"card":      func(tx register.Tx) error { _, err := tx.Card(card.Place{List: 1}); return err },
		"cards":     func(tx register.Tx) error { _, err := tx.CardsAfter(1, -1, 9); return err },
		"intents":   func(tx register.Tx) error { _, err := tx.Intents(9); return err },
		"contracts": func(tx register.Tx) error { _, err := tx.ContractsAfter(amc, "", 9); return err },
		"document":  func(tx register.Tx) error { _, err := tx.Document("session", "0000012"); return err },
		"documents": func(tx register.Tx) error { _, err := tx.DocumentsAfter("session", "*", "", 9); return err },
		"imports":   func(tx register.Tx) error { _, err := tx.Imports(9); return err },
	}
	for name, fn := range read {
		if err := other.View(t.Context(), fn); !errors.Is(err, register.ErrCorrupt) {
			t.Errorf("%s with other keys: got %v, want ErrCorrupt", name, err)
		}
		if err := w.store.View(t.Context(), fn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := openFile(t, filepath.Join(t.TempDir(), "register.db"))
	defer plain.Close()
	s := sealed.New(plain, w.keys)
	if err := s.Check(t.Context()); !errors.Is(err, sealed.ErrUnsealed) {
		t.Errorf("a plain register: got %v, want ErrUnsealed", err)
	}
	if err := plain.Update(t.Context(), func(tx register.Tx) error { return tx.PutInsurer(register.Insurer{Key: amc, Document: []byte("{}")}) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Mark(t.Context()); !errors.Is(err, register.ErrConflict) {
		t.Errorf("marking a plain register: got %v, want ErrConflict", err)
	}
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	rotated, err := w.keys.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := rotated.Secret()
	if err != nil {
		t.Fatal(err)
	}
	again, err := sealed.ParseKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := sealed.New(w.inner, again)
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("check with rotated keys: %v", err)
	}
	if err := s.Update(t.Context(), func(tx register.Tx) error {
		if err := tx.PutContract(contract(t, "0000012", 2)); err != nil {
			return err
		}
		for _, a := range []string{"0000012", "0000013"} {
			if _, err := tx.Contract(register.ContractKey{Insurer: amc, Adherent: a}); err != nil {
				t.Errorf("contract after rotation: %v", err)
			}
		}
		_, err := tx.Card(card.Place{List: 1, Index: 1})
		return err
	}); err != nil {
		t.Error(err)
	}
	// What the new primary key sealed, the keys before it can't read.
	err = w.store.View(t.Context(), func(tx register.Tx) error {
		if _, err := tx.Contract(register.ContractKey{Insurer: amc, Adherent: "0000013"}); err != nil {
			t.Error(err)
		}
		_, err := tx.Contract(register.ContractKey{Insurer: amc, Adherent: "0000012"})
		return err
	})
	if !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("a row of the new key under the old keys: got %v, want ErrCorrupt", err)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	k := newKeys(t)
	good, err := k.Secret()
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(good, &members); err != nil {
		t.Fatal(err)
	}
	change := func(name string, v any) []byte {
		m := map[string]any{}
		for k, v := range members {
			m[k] = v
		}
		m[name] = v
		b, _ := json.Marshal(m)
		return b
	}
	for what, bad := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("x"), "version": change("v", 2), "extra": change("z", 1), "more after it": append(slices.Clone(good), '{'),
		"rows cut": change("rows", "AAAA"), "no index": change("index", ""), "swapped": change("rows", members["index"]),
		"index is AEAD": change("index", members["rows"]),
	} {
		if _, err := sealed.ParseKeys(bad); !errors.Is(err, sealed.ErrKeys) {
			t.Errorf("%s: got %v, want ErrKeys", what, err)
		}
	}
	if _, err := sealed.ParseKeys(good); err != nil {
		t.Error(err)
	}
}

func FuzzParseKeys(f *testing.F) {
	k := newKeys(f)
	good, err := k.Secret()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := sealed.ParseKeys(b)
		if err == nil && k == nil || err != nil && !errors.Is(err, sealed.ErrKeys) {
			t.Errorf("%v", err)
		}
	})
}

func TestSilence(t *testing.T) {
	k := newKeys(t)
	secret, err := k.Secret()
	if err != nil {
		t.Fatal(err)
	}
	var keys struct{ Rows, Index []byte }
	if err := json.Unmarshal(secret, &keys); err != nil {
		t.Fatal(err)
	}
	s := sealed.New(nil, k)
	var out bytes.Buffer
	for _, v := range []any{k, s, []any{k}, map[string]any{"k": k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "keys", k)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "keys", k, "store", s)
	text := strings.ToLower(out.String())
	for _, b := range [][]byte{keys.Rows[len(keys.Rows)-20:], keys.Index[len(keys.Index)-20:]} {
		for _, form := range []string{fmt.Sprintf("%x", b[:8]), strings.Trim(fmt.Sprint(b[:8]), "[]"), fmt.Sprintf("%q", b[:6])} {
			if strings.Contains(text, strings.ToLower(form)) {
				t.Errorf("a key was printed")
			}
		}
	}
}
