//go:build linux

package sealed_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/fixtures/pgserver"
	"sceau/rights"
)

// openAt opens or makes the register of an address: a PostgreSQL one, or a file's name.
func openAt(address string) (interface {
	register.Store
	register.Closer
}, error) {
	if strings.HasPrefix(address, "postgres") {
		o := postgres.Options{Wait: 20 * time.Second, Volatile: true}
		s, err := postgres.Create(context.Background(), address, o)
		if errors.Is(err, fs.ErrExist) {
			s, err = postgres.Open(context.Background(), address, o)
		}
		return s, err
	}
	o := sqlite.Options{Wait: 20 * time.Second}
	s, err := sqlite.Create(address, o)
	if errors.Is(err, fs.ErrExist) {
		s, err = sqlite.Open(address, o)
	}
	return s, err
}

// keyFolder is where keys lie as in a key store: one file for each number, the highest in force.
type keyFolder string

func (f keyFolder) put(t testing.TB, n int, k *sealed.Keys) {
	t.Helper()
	b, err := k.Secret()
	if err == nil {
		err = os.WriteFile(filepath.Join(string(f), fmt.Sprintf("%04d.tmp", n)), b, 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(string(f), fmt.Sprintf("%04d.tmp", n)), filepath.Join(string(f), fmt.Sprintf("%04d", n)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (f keyFolder) read() (*sealed.Keys, error) {
	names, err := filepath.Glob(filepath.Join(string(f), "????"))
	if err != nil || len(names) == 0 {
		return nil, errors.Join(err, errors.New("no keys"))
	}
	b, err := os.ReadFile(slices.Max(names))
	if err != nil {
		return nil, err
	}
	return sealed.ParseKeys(b)
}

// busy is a register that others read and write while its keys change, and what they know of it.
type busy struct {
	address string
	keys    keyFolder
	inner   register.Store
	store   *sealed.Store

	mu        sync.Mutex
	contracts map[string]register.Contract // by N° adhérent
	cards     map[uint32]register.Card     // by index
	documents map[string]register.Document
	next      uint32
	did       atomic.Int64
}

func newBusy(t *testing.T, address string, n int) *busy {
	t.Helper()
	inner, err := openAt(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	b := &busy{address: address, keys: keyFolder(t.TempDir()), inner: inner, contracts: map[string]register.Contract{}, cards: map[uint32]register.Card{},
		documents: map[string]register.Document{}}
	k := newKeys(t)
	b.keys.put(t, 1, k)
	b.store = sealed.New(inner, k, b.keys.read)
	if err := b.store.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = b.store.Update(t.Context(), func(tx register.Tx) error {
		if err := tx.PutInsurer(register.Insurer{Key: amc, Document: []byte("{}")}); err != nil {
			return err
		}
		if _, err := tx.AddList(amc); err != nil {
			return err
		}
		return tx.AddImport(register.Import{SHA256: [32]byte{1, 2, 3}, At: time.Unix(1796000000, 0), Lines: 2})
	})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := b.add(); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// add makes a contract with a card and a document.
func (b *busy) add() error {
	i := b.next
	adherent := fmt.Sprintf("%07d", i)
	c, err := register.NewContract(contractOf(adherent, 1), 1)
	if err != nil {
		return err
	}
	p := register.Card{Place: card.Place{List: 1, Index: i}, Contract: c.Key, Person: register.Household, From: c.From, To: c.To,
		Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: time.Unix(1796000000, 0).UTC(), Payload: []byte("payload of " + adherent), State: register.Intent}
	d := register.Document{Kind: "session", ID: adherent, Version: 1, Data: []byte("data of " + adherent)}
	err = b.store.Update(context.Background(), func(tx register.Tx) error {
		return errors.Join(tx.PutContract(c), tx.AddCard(p), tx.PutDocument(d))
	})
	if err == nil {
		b.next++
		b.contracts[adherent], b.cards[i], b.documents[adherent] = c, p, d
	}
	return err
}

// step reads or changes something at random, and says what is not as it was left.
func (b *busy) step(r *rand.Rand) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.did.Add(1)
	ctx := context.Background()
	i := r.Uint32N(b.next)
	adherent := fmt.Sprintf("%07d", i)
	switch r.IntN(8) {
	case 0:
		return b.add()
	case 1:
		c, err := register.NewContract(contractOf(adherent, b.contracts[adherent].Revision+1), b.contracts[adherent].Revision+1)
		if err == nil {
			err = b.store.Update(ctx, func(tx register.Tx) error { return tx.PutContract(c) })
		}
		if err == nil {
			b.contracts[adherent] = c
		}
		return err
	case 2:
		d := b.documents[adherent]
		d.Version++
		d.Data = fmt.Appendf(nil, "data %d of %s", d.Version, adherent)
		err := b.store.Update(ctx, func(tx register.Tx) error { return tx.PutDocument(d) })
		if err == nil {
			b.documents[adherent] = d
		}
		return err
	case 3:
		h, err := b.store.Powers().(register.Holder).Holding(ctx, card.Place{List: 1, Index: i})
		if err == nil && (!reflect.DeepEqual(h.Contract, b.contracts[adherent]) || !reflect.DeepEqual(h.Card, b.cards[i])) {
			err = fmt.Errorf("the card %d is another", i)
		}
		return err
	}
	return b.store.View(ctx, func(tx register.Tx) error { return b.look(tx, i) })
}

func (b *busy) look(tx register.Tx, i uint32) error {
	adherent := fmt.Sprintf("%07d", i)
	key := register.ContractKey{Insurer: amc, Adherent: adherent}
	c, err := tx.Contract(key)
	p, err2 := tx.Card(card.Place{List: 1, Index: i})
	d, err3 := tx.Document("session", adherent)
	own, err4 := tx.CardsOf(key)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return fmt.Errorf("row %d: %w", i, err)
	}
	if !reflect.DeepEqual(c, b.contracts[adherent]) || !reflect.DeepEqual(p, b.cards[i]) || !reflect.DeepEqual(d, b.documents[adherent]) || len(own) != 1 {
		return fmt.Errorf("row %d is another", i)
	}
	return nil
}

// whole reads everything.
func (b *busy) whole(t *testing.T, s *sealed.Store) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	err := s.View(t.Context(), func(tx register.Tx) error {
		for i := range b.next {
			if err := b.look(tx, i); err != nil {
				return err
			}
		}
		all, err := tx.CardsAfter(1, -1, 1<<20)
		if err == nil && len(all) != int(b.next) {
			err = fmt.Errorf("%d cards of %d", len(all), b.next)
		}
		imports, err2 := tx.Imports(9)
		if err2 == nil && (len(imports) != 1 || imports[0].SHA256 != [32]byte{1, 2, 3}) {
			err2 = errors.New("the import is another")
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
	inspector, ok := b.inner.(register.Inspector)
	if !ok {
		t.Fatal("no inspector")
	}
	if faults, err := inspector.Inspect(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("faults: %v %v", faults, err)
	}
}

func (b *busy) work(t *testing.T) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r := rand.New(rand.NewPCG(7, 11))
		for {
			select {
			case <-quit:
				return
			default:
			}
			if err := b.step(r); err != nil {
				t.Errorf("while the key changed: %v", err)
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(quit); <-done })
}

// eachStore runs a test on a register in a file and on one in PostgreSQL.
func eachStore(t *testing.T, fn func(t *testing.T, address string)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, filepath.Join(t.TempDir(), "register.db")) })
	t.Run("postgres", func(t *testing.T) { fn(t, pgserver.Shared(t).Database(t)) })
}

func noRest(int64) error { return nil }

// TestRotateOnline: three rotations, each with its retirement, beside a program that reads and writes all the time, knows nothing of
// them, and is never restarted.
func TestRotateOnline(t *testing.T) {
	eachStore(t, func(t *testing.T, address string) {
		b := newBusy(t, address, 250)
		before, err := b.keys.read()
		if err != nil {
			t.Fatal(err)
		}
		stop := b.work(t)
		defer stop()
		other, err := openAt(address) // the program that rotates is another
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		for round := range 3 {
			keys, err := b.keys.read()
			if err != nil {
				t.Fatal(err)
			}
			next, err := keys.Rotated()
			if err != nil {
				t.Fatal(err)
			}
			b.keys.put(t, 2*round+2, next)
			s := sealed.New(other, next)
			did := b.did.Load()
			if turned, err := s.Turn(t.Context()); err != nil || !turned {
				t.Fatalf("turn: %v %v", turned, err)
			}
			n, err := s.Rotate(t.Context(), func(int64) error { // until somebody else has had a turn
				for until := time.Now().Add(10 * time.Second); b.did.Load() == did && time.Now().Before(until); {
					time.Sleep(time.Millisecond)
				}
				return nil
			})
			if err != nil || n < 500 {
				t.Fatalf("%d rows: %v", n, err)
			}
			all, old, err := s.Count(t.Context())
			if err != nil || old != 0 || all < 750 {
				t.Fatalf("%d rows, %d of an older key: %v", all, old, err)
			}
			if again, err := s.Rotate(t.Context(), noRest); err != nil || again != 0 {
				t.Errorf("once more: %d rows, %v", again, err)
			}
			if turned, err := s.Turn(t.Context()); err != nil || turned {
				t.Errorf("turned twice: %v %v", turned, err)
			}
			alone, err := next.Alone()
			if err != nil || alone.Len() != 1 || next.Len() != 2 {
				t.Fatalf("%v %v", alone, err)
			}
			b.keys.put(t, 2*round+3, alone)
			if b.did.Load() == did {
				t.Error("nothing was done meanwhile")
			}
		}
		stop()
		last, err := b.keys.read()
		if err != nil {
			t.Fatal(err)
		}
		b.whole(t, b.store)
		b.whole(t, sealed.New(b.inner, last))
		// The first key opens nothing any more.
		if err := sealed.New(b.inner, before).Check(t.Context()); !errors.Is(err, register.ErrCorrupt) {
			t.Errorf("the retired key: %v", err)
		}
		if err := sealed.New(b.inner, before).Update(t.Context(), func(register.Tx) error { t.Error("a writer with the retired key"); return nil }); !errors.Is(err, register.ErrCorrupt) {
			t.Errorf("the retired key: %v", err)
		}
	})
}

// TestWriterBehind: whoever has the old key alone when the mark has changed writes nothing with it.
func TestWriterBehind(t *testing.T) {
	b := newBusy(t, filepath.Join(t.TempDir(), "register.db"), 3)
	keys, err := b.keys.read()
	if err != nil {
		t.Fatal(err)
	}
	next, err := keys.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealed.New(b.inner, next).Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	put := func(tx register.Tx) error {
		return tx.PutDocument(register.Document{Kind: "session", ID: "x", Version: 1, Data: []byte("x")})
	}
	gone := errors.New("the folder is gone")
	for what, s := range map[string]*sealed.Store{
		"cannot read keys": sealed.New(b.inner, keys), "reads the old ones": sealed.New(b.inner, keys, func() (*sealed.Keys, error) { return keys, nil }),
		"reads others": sealed.New(b.inner, keys, func() (*sealed.Keys, error) { return newKeys(t), nil }),
		"fails to":     sealed.New(b.inner, keys, func() (*sealed.Keys, error) { return nil, gone }),
	} {
		err := s.Update(t.Context(), put)
		if err == nil || what == "fails to" != errors.Is(err, gone) || what != "fails to" && !errors.Is(err, register.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
	reads := 0
	s := sealed.New(b.inner, keys, func() (*sealed.Keys, error) { reads++; return next, nil })
	for range 3 {
		if err := s.Update(t.Context(), func(tx register.Tx) error { _, err := tx.Document("session", "0000001"); return err }); err != nil {
			t.Error(err)
		}
	}
	if err := s.Update(t.Context(), put); err != nil || reads != 1 {
		t.Errorf("%v, the keys were read %d times", err, reads)
	}
	// Who can't read the keys for a moment can't read the row either; nobody altered it.
	look := func(tx register.Tx) error { _, err := tx.Document("session", "x"); return err }
	late := sealed.New(b.inner, keys, func() (*sealed.Keys, error) { return nil, gone })
	if err := late.View(t.Context(), look); !errors.Is(err, gone) || errors.Is(err, register.ErrCorrupt) {
		t.Errorf("read without the keys: %v", err)
	}
	if err := sealed.New(b.inner, keys).View(t.Context(), look); !errors.Is(err, register.ErrCorrupt) {
		t.Errorf("read with other keys: %v", err)
	}
	if _, old, err := sealed.New(b.inner, next).Count(t.Context()); err != nil || old != 3+3+3+1 {
		t.Errorf("%d rows of the old key, %v: what was written is of the new one", old, err)
	}
}

// TestRotateCorrupt: a row that no key opens ends the rotation, and is not lost.
func TestRotateCorrupt(t *testing.T) {
	eachStore(t, func(t *testing.T, address string) {
		b := newBusy(t, address, 5)
		err := b.inner.Update(t.Context(), func(tx register.Tx) error {
			return tx.PutDocument(register.Document{Kind: "alarm", ID: "1", Version: 1, Data: []byte(strings.Repeat("x", 60))})
		})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := b.keys.read()
		if err != nil {
			t.Fatal(err)
		}
		next, err := keys.Rotated()
		if err != nil {
			t.Fatal(err)
		}
		s := sealed.New(b.inner, next)
		if _, err := s.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Rotate(t.Context(), noRest); !errors.Is(err, register.ErrCorrupt) || !strings.Contains(err.Error(), "alarm") {
			t.Errorf("got %v", err)
		}
		if _, old, err := s.Count(t.Context()); err != nil || old < 1 {
			t.Errorf("%d of an older key, %v", old, err)
		}
		if _, err := sealed.New(struct{ register.Store }{b.inner}, next).Rotate(t.Context(), noRest); !errors.Is(err, sealed.ErrNoReseal) {
			t.Errorf("a store without the power: %v", err)
		}
	})
}

// TestPayloadStaysGuarded: outside a rotation nobody writes over a payload.
func TestPayloadStaysGuarded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.db")
	b := newBusy(t, path, 2)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	guarded := func() {
		t.Helper()
		if _, err := db.Exec(`UPDATE card SET payload = zeroblob(40)`); err == nil || !strings.Contains(err.Error(), "immutable") {
			t.Errorf("a payload was written over: %v", err)
		}
		var n int
		if err := db.QueryRow(`SELECT count(*) FROM resealing`).Scan(&n); err != nil || n != 0 {
			t.Errorf("the guard is open: %d %v", n, err)
		}
	}
	guarded()
	keys, err := b.keys.read()
	if err != nil {
		t.Fatal(err)
	}
	next, err := keys.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := sealed.New(b.inner, next).Rotate(t.Context(), noRest); err != nil || n < 6 {
		t.Fatal(n, err)
	}
	guarded()
}

const rotateEnv = "SCEAU_TEST_ROTATE"

// TestMain is also the program that TestRotateKilled kills.
func TestMain(m *testing.M) {
	address, folder, child := strings.Cut(os.Getenv(rotateEnv), "\n")
	if !child {
		os.Exit(m.Run())
	}
	if err := rotateUntilKilled(address, folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// rotateUntilKilled writes one line for each batch.
func rotateUntilKilled(address, folder string) error {
	inner, err := openAt(address)
	if err != nil {
		return err
	}
	defer inner.Close()
	keys, err := keyFolder(folder).read()
	if err != nil {
		return err
	}
	ctx := context.Background()
	s := sealed.New(inner, keys)
	if _, err := s.Turn(ctx); err != nil {
		return err
	}
	_, err = s.Rotate(ctx, func(int64) error {
		_, err := os.Stdout.WriteString("\n")
		time.Sleep(2 * time.Millisecond) // for the killer to find it in the middle
		return err
	})
	return err
}

// TestRotateKilled: the rotation is killed at random, again and again, beside readers and writers; each time it goes on, and in the end
// every row is of the new key and none is lost.
func TestRotateKilled(t *testing.T) {
	eachStore(t, func(t *testing.T, address string) {
		b := newBusy(t, address, 700)
		stop := b.work(t)
		defer stop()
		rounds, killed := 12, 0
		if testing.Short() {
			rounds = 4
		}
		for round := range rounds {
			if round%4 == 0 {
				keys, err := b.keys.read()
				if err != nil {
					t.Fatal(err)
				}
				next, err := keys.Rotated()
				if err != nil {
					t.Fatal(err)
				}
				b.keys.put(t, round/4+2, next)
			}
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), rotateEnv+"="+address+"\n"+string(b.keys))
			var out bytes.Buffer
			child.Stderr = &out
			lines, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := lines.Read(make([]byte, 1)); err != nil { // a batch is done
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.IntN(12)) * time.Millisecond)
			_ = child.Process.Kill() // fails when it ended by itself
			if err := child.Wait(); err != nil {
				if child.ProcessState.Exited() {
					t.Fatalf("the rotation failed: %s", out.String())
				}
				killed++
			}
		}
		stop()
		if killed == 0 {
			t.Error("no rotation was killed midway")
		}
		last, err := b.keys.read()
		if err != nil {
			t.Fatal(err)
		}
		s := sealed.New(b.inner, last)
		b.whole(t, s)
		if _, err := s.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		left, err := s.Rotate(t.Context(), noRest)
		if err != nil {
			t.Fatal(err)
		}
		if _, old, err := s.Count(t.Context()); err != nil || old != 0 {
			t.Errorf("%d rows of an older key: %v", old, err)
		}
		alone, err := last.Alone()
		if err != nil {
			t.Fatal(err)
		}
		b.whole(t, sealed.New(b.inner, alone))
		t.Logf("%d of %d rotations killed, %d rows at the end, %d of them left for the last; %d steps beside them", killed, rounds, 3*b.next, left, b.did.Load())
	})
}

func contractOf(adherent string, revision int64) rights.Contract {
	from, _ := rights.ParseDate("2027-01-01")
	to, _ := rights.ParseDate("2027-12-31")
	return rights.Contract{Insurer: amc, Adherent: adherent, CSR: fmt.Sprint("R", revision), From: from, To: to}
}
