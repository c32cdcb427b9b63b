//go:build linux

package postgres_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/rights"
)

// keys are TEST keys in memory; the signatures of all are counted.
type keys struct {
	mu     sync.Mutex
	byName map[string]*signer
	signed atomic.Int64
}

type signer struct {
	*ecdsa.PrivateKey
	count *atomic.Int64
}

func (s *signer) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	s.count.Add(1)
	return s.PrivateKey.Sign(r, digest, o)
}

func (k *keys) Signer(name string) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.byName[name]; ok {
		return s, nil
	}
	return nil, fs.ErrNotExist
}

func (k *keys) Generate(name string) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.byName[name]; ok {
		return nil, fs.ErrExist
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if k.byName == nil {
		k.byName = map[string]*signer{}
	}
	k.byName[name] = &signer{key, &k.signed}
	return k.byName[name], nil
}

func (k *keys) Names() ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.byName)), nil
}

// world is an operator whose register may break under it.
type world struct {
	t       *testing.T
	store   *postgres.Store
	issuer  *issuer.Issuer
	online  *keys
	mu      sync.Mutex
	emitted map[card.Place]register.ContractKey
}

const amc = "775670482"

// newWorld makes an operator with one insurer and contracts that have no card yet.
func newWorld(t *testing.T, dsn string, o postgres.Options, contracts int) *world {
	t.Helper()
	w := &world{t: t, store: create(t, dsn, o), online: &keys{}, emitted: map[card.Place]register.ContractKey{}}
	w.issuer = &issuer.Issuer{Store: w.store, Online: w.online, Offline: &keys{}, Actor: "test", Batch: 4}
	facts := issuer.InsurerFacts{AMC: amc, Name: "Mutuelle Exemple", PhoneProfessionals: "01 23 45 67 89"}
	must(w.issuer.Init(t.Context(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{facts}}))(t)
	w.seed("A", contracts)
	w.online.signed.Store(0)
	return w
}

// use goes on with another store on the same register, such as one through a proxy.
func (w *world) use(s *postgres.Store) {
	w.store, w.issuer.Store = s, s
}

func (w *world) seed(prefix string, n int) {
	w.t.Helper()
	today := rights.DateAt(time.Now())
	err := w.store.Update(w.t.Context(), func(tx register.Tx) error {
		for i := range n {
			c, err := register.NewContract(rights.Contract{
				Insurer: amc, Adherent: fmt.Sprintf("%s%05d", prefix, i), Conventions: []string{"SP"}, Responsable: true, From: today, To: today + 300,
				Beneficiaries: []rights.Beneficiary{{Nom: "EXEMPLE", Prenom: "Zoé", Birth: "19800101", Rang: 1,
					Guarantees: map[string]rights.Guarantee{"PHAR": must(rights.ParseGuarantee("100%"))(w.t)}}},
			}, 1)
			if err != nil {
				return err
			}
			if err := tx.PutContract(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// issue issues what is missing.
func (w *world) issue(ctx context.Context) error {
	_, err := w.issuer.Issue(ctx, issuer.IssueRequest{All: true}, func(i issuer.Issued) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.emitted[i.Place] = i.Contract
		return nil
	})
	return err
}

// handed is how many cards left the program.
func (w *world) handed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.emitted)
}

// sound is what must hold after every fault, before anything is done again: nothing for fsck to find, and every card that left is
// live.
func (w *world) sound() *issuer.FsckReport {
	w.t.Helper()
	r := must(w.issuer.Fsck(context.Background(), issuer.FsckOptions{Keys: true}))(w.t)
	for _, f := range r.Findings {
		w.t.Errorf("fsck: %+v", f)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.store.View(context.Background(), func(tx register.Tx) error {
		for p := range w.emitted {
			c, err := tx.Card(p)
			if err != nil {
				return err
			}
			if c.State != register.Live {
				w.t.Errorf("card %s left and is %s", p, c.State)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// complete issues again as an operator does, and wants exactly one standing card for each contract, no half one, and an
// entry for every signature that was made.
func (w *world) complete(contracts int) {
	w.t.Helper()
	w.sound()
	if err := w.issue(context.Background()); err != nil {
		w.t.Fatalf("issue again: %v", err)
	}
	r := w.sound()
	if r.Cards != int64(contracts) || r.Intents != 0 || r.Contracts != int64(contracts) {
		w.t.Errorf("%d cards and %d intents for %d contracts, want %d", r.Cards, r.Intents, r.Contracts, contracts)
	}
	if signed := w.online.signed.Load(); r.Signatures < signed {
		w.t.Errorf("%d signatures were made, %d logged", signed, r.Signatures)
	}
	err := w.store.View(context.Background(), func(tx register.Tx) error {
		var cards []register.Card
		for after := int64(-1); ; {
			page, err := tx.CardsAfter(1, after, 500)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			cards, after = append(cards, page...), int64(page[len(page)-1].Place.Index)
		}
		standing := map[register.ContractKey]int{}
		for _, c := range cards {
			if c.State.Standing() {
				standing[c.Contract]++
			}
			log, err := tx.SignLog(c.Place)
			if err != nil || len(log) == 0 || !slices.ContainsFunc(log, func(e register.SignEntry) bool { return e.KID == c.KID }) {
				w.t.Errorf("card %s has no entry in the sign log: %v", c.Place, err)
			}
		}
		if len(standing) != contracts {
			w.t.Errorf("%d contracts have a standing card, want %d", len(standing), contracts)
		}
		for k, n := range standing {
			if n != 1 {
				w.t.Errorf("contract %s has %d standing cards", k.Adherent, n)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
