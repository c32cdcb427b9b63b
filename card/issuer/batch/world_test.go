// An operator with real keys and a real register, for tests of campaigns.

package batch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/fixtures/gen"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/keystore"
	"sceau/signing/trust"
)

const amc = "775670482"

var begin = time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)

var operator = issuer.Staff{Actor: "operator", Roles: []issuer.Role{issuer.RoleOperator}}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// world is an operator with real keys, a real register and a folder for files.
type world struct {
	t      testing.TB
	dir    string
	clock  time.Time
	store  *sqlite.Store
	issuer *issuer.Issuer
	to     depot.Depot
}

func newWorld(t testing.TB, households int) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: begin}
	pass := keystore.NewPassphrase()
	online := must(keystore.Create(filepath.Join(w.dir, "online"), pass, keystore.Options{ScryptLogN: 10}))(t)
	offline := must(keystore.Create(filepath.Join(w.dir, "offline"), pass, keystore.Options{ScryptLogN: 10}))(t)
	w.store = must(sqlite.Create(filepath.Join(w.dir, "register.db"), sqlite.Options{}))(t)
	t.Cleanup(func() { w.store.Close() })
	w.issuer = &issuer.Issuer{Store: w.store, Online: online, Offline: offline, Now: func() time.Time { return w.clock }, Actor: "test"}
	facts := issuer.InsurerFacts{AMC: amc, Name: "Mutuelle Exemple", PhoneProfessionals: "+33 1 99 00 12 34"}
	must(w.issuer.Init(t.Context(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{facts}}))(t)
	w.seed(households)
	w.to = must(depot.Open(t.Context(), w.path(), depot.Options{Mode: 0o600}))(t)
	return w
}

func (w *world) path() string { return filepath.Join(w.dir, "files") }

// seed stores households of 1 to 4 people with addresses in the order of their numbers.
func (w *world) seed(n int) {
	w.t.Helper()
	for from := 0; from < n; from += 1000 {
		var some []register.Contract
		for i := from; i < min(n, from+1000); i++ {
			c := gen.Household(uint64(i), 1+i%4)
			c.Insurer, c.Adherent = amc, fmt.Sprintf("A%07d", i)
			c.Address = &rights.Address{Lines: []string{fmt.Sprintf("%d RUE DES ESSAIS", 1+i%99)}, PostalCode: fmt.Sprintf("%05d", 1000+i), City: "VILLENEUVE"}
			some = append(some, must(register.NewContract(c, 1))(w.t))
		}
		if err := w.store.Update(context.Background(), func(tx register.Tx) error { return tx.PutContracts(some) }); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) worker() *Worker {
	return &Worker{Issuer: w.issuer, Open: func(context.Context, string) (depot.Depot, error) { return w.to, nil }, Now: func() time.Time { return w.clock }}
}

// campaign creates and starts one.
func (w *world) campaign(edit func(s *issuer.CampaignSpec)) *issuer.Campaign {
	w.t.Helper()
	s := issuer.CampaignSpec{Name: "Renouvellement 2027", ShardSize: 3, FileSize: 6, Layout: issuer.LayoutLetter, Window: issuer.WindowC5, Marks: true,
		Outputs: manifest.FileKinds(), Destination: w.path()}
	if edit != nil {
		edit(&s)
	}
	c := must(w.issuer.CreateCampaign(w.t.Context(), operator, s, nil, nil))(w.t)
	return must(w.issuer.StartCampaign(w.t.Context(), operator, c.ID))(w.t)
}

// done is a campaign of n households, worked off.
func done(t testing.TB, n int, edit func(s *issuer.CampaignSpec)) (*world, *issuer.Campaign) {
	t.Helper()
	w := newWorld(t, n)
	c := w.campaign(edit)
	if err := w.worker().Run(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	return w, must(w.issuer.CampaignOf(t.Context(), operator, c.ID))(t)
}

// keys are what the operator publishes for manifests.
func (w *world) keys() []*signing.PublicKey {
	w.t.Helper()
	var keys []*signing.PublicKey
	err := w.issuer.Published(w.t.Context(), func(p *trust.Trusted) error {
		info, err := p.Target("service.json")
		if err != nil {
			return err
		}
		return w.store.View(w.t.Context(), func(tx register.Tx) error {
			b, err := tx.File(info.FetchPath())
			if err != nil {
				return err
			}
			doc, err := card.ParseService(b)
			if err == nil {
				keys = doc.ManifestKeys
			}
			return err
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

func (w *world) folder(c *issuer.Campaign) string { return filepath.Join(w.path(), c.ID, amc) }

func (w *world) read(name ...string) []byte {
	w.t.Helper()
	return must(os.ReadFile(filepath.Join(append([]string{w.path()}, name...)...)))(w.t)
}
