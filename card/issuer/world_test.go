package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/rights"
	"sceau/signing/keystore"
)

// world is an operator in a temporary folder: a real register, real key folders, a clock that the test moves.
type world struct {
	t       testing.TB
	dir     string
	clock   time.Time
	store   *sqlite.Store
	online  Keys
	offline Keys
	issuer  *Issuer
	pass    []byte // of both key folders
}

const amc = "775670482"

var begin = time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// empty is a world before Init.
func empty(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: begin}
	w.pass = keystore.NewPassphrase()
	w.online = must(keystore.Create(filepath.Join(w.dir, "online"), w.pass, keystore.Options{ScryptLogN: 10}))(t)
	w.offline = must(keystore.Create(filepath.Join(w.dir, "offline"), w.pass, keystore.Options{ScryptLogN: 10}))(t)
	w.reopen()
	return w
}

// template is a world with one insurer, published once, that newWorld copies: making keys and a repository takes longer
// than most tests.
var template struct {
	once sync.Once
	dir  string
	pass []byte
}

// newWorld is a world with one insurer, published once.
func newWorld(t testing.TB) *world {
	t.Helper()
	template.once.Do(func() {
		w := empty(t)
		must(w.issuer.Init(context.Background(), InitOptions{Insurers: []InsurerFacts{facts(amc)}}))(t)
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		template.dir = must(os.MkdirTemp("", "sceau-issuer"))(t)
		if err := os.CopyFS(template.dir, os.DirFS(w.dir)); err != nil {
			t.Fatal(err)
		}
		template.pass = w.pass
	})
	w := &world{t: t, dir: t.TempDir(), clock: begin, pass: template.pass}
	if err := os.CopyFS(w.dir, os.DirFS(template.dir)); err != nil {
		t.Fatal(err)
	}
	// A copy does not keep the modes, and exposed keys are refused.
	err := filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		mode := fs.FileMode(0o600)
		if e.IsDir() {
			mode = 0o700
		}
		return errors.Join(err, os.Chmod(path, mode))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.online = must(keystore.Open(filepath.Join(w.dir, "online"), w.pass))(t)
	w.offline = must(keystore.Open(filepath.Join(w.dir, "offline"), w.pass))(t)
	w.reopen()
	return w
}

func facts(key string) InsurerFacts {
	return InsurerFacts{AMC: rights.AMC(key), Name: "Mutuelle Exemple", PhoneProfessionals: "01 23 45 67 89"}
}

// reopen closes the register, as a process that ends, and opens it again.
func (w *world) reopen() {
	w.t.Helper()
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	path := filepath.Join(w.dir, "register.db")
	s, err := sqlite.Create(path, sqlite.Options{})
	if errors.Is(err, fs.ErrExist) {
		s, err = sqlite.Open(path, sqlite.Options{})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = s
	w.t.Cleanup(func() { s.Close() })
	w.issuer = &Issuer{Store: s, Online: w.online, Offline: w.offline, Now: func() time.Time { return w.clock }, Actor: "test"}
}

// household makes the rights of one synthetic contract; variant changes what its card says.
func household(t testing.TB, adherent string, people, variant int) rights.Contract {
	t.Helper()
	c := rights.Contract{
		Insurer: amc, Adherent: adherent, Conventions: []string{"SP"}, Responsable: true,
		From: must(rights.ParseDate("2027-01-01"))(t), To: must(rights.ParseDate("2027-12-31"))(t),
	}
	rate := must(rights.ParseGuarantee(fmt.Sprintf("%d%%", 100+variant)))(t)
	pec := must(rights.ParseGuarantee("PEC"))(t)
	for i := range people {
		c.Beneficiaries = append(c.Beneficiaries, rights.Beneficiary{
			Nom: "EXEMPLE", Prenom: []string{"Camille", "Éloïse", "Noé", "Zoé"}[i%4], Birth: rights.BirthDate(fmt.Sprint(19800101 + i)), Rang: 1,
			Guarantees: map[string]rights.Guarantee{"PHAR": rate, "HOSP": pec},
		})
	}
	return c
}

// put stores a contract, as its next revision when it is there.
func (w *world) put(c rights.Contract) register.ContractKey {
	w.t.Helper()
	n := must(register.NewContract(c, 1))(w.t)
	w.update(func(tx register.Tx) error {
		old, err := tx.Contract(n.Key)
		if err == nil {
			n.Revision = old.Revision + 1
		}
		return tx.PutContract(n)
	})
	return n.Key
}

func (w *world) update(fn func(register.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) view(fn func(register.Tx) error) {
	w.t.Helper()
	if err := w.store.View(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// seed makes n contracts of 1 to 4 people.
func (w *world) seed(n int) []register.ContractKey {
	w.t.Helper()
	var keys []register.ContractKey
	w.update(func(tx register.Tx) error {
		for i := range n {
			c := must(register.NewContract(household(w.t, fmt.Sprintf("A%06d", i), 1+i%4, 0), 1))(w.t)
			if err := tx.PutContract(c); err != nil {
				return err
			}
			keys = append(keys, c.Key)
		}
		return nil
	})
	return keys
}

// issue issues everything and returns what was handed out.
func (w *world) issue(req IssueRequest) (*IssueReport, []Issued) {
	w.t.Helper()
	var out []Issued
	r, err := w.issuer.Issue(context.Background(), req, func(i Issued) error { out = append(out, i); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return r, out
}

// card reads a card's row.
func (w *world) card(p card.Place) register.Card {
	w.t.Helper()
	var c register.Card
	w.view(func(tx register.Tx) (err error) { c, err = tx.Card(p); return err })
	return c
}

// sound runs fsck and wants no finding.
func (w *world) sound() *FsckReport {
	w.t.Helper()
	r := must(w.issuer.Fsck(context.Background(), FsckOptions{Keys: true}))(w.t)
	for _, f := range r.Findings {
		w.t.Errorf("fsck: %+v", f)
	}
	return r
}

// codes are the findings' codes.
func (w *world) codes() map[string]int {
	w.t.Helper()
	out := map[string]int{}
	for _, f := range must(w.issuer.Fsck(context.Background(), FsckOptions{Keys: true}))(w.t).Findings {
		out[f.Code]++
	}
	return out
}

// counting hands out signers that count, and can fail or lie at the k-th signature.
type counting struct {
	Keys
	signed atomic.Int64
	failAt int64 // 0 for never
	fail   func(sig []byte) ([]byte, error)
}

func (c *counting) Signer(name string) (crypto.Signer, error) {
	s, err := c.Keys.Signer(name)
	if err != nil {
		return nil, err
	}
	return &countedSigner{s, c}, nil
}
