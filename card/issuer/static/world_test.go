package static

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/card/status"
	"sceau/fixtures/s3server"
	"sceau/rights"
	"sceau/signing/trust"
)

const amc = "775670482"

// operator has one insurer, some cards, and publishes.
type operator struct {
	*issuer.Issuer
	t     *testing.T
	now   time.Time
	cards []issuer.Issued
}

// keys holds keys in memory.
type keys map[string]*ecdsa.PrivateKey

func (k keys) Signer(name string) (crypto.Signer, error) {
	if k[name] == nil {
		return nil, fmt.Errorf("key %s: %w", name, fs.ErrNotExist)
	}
	return k[name], nil
}

func (k keys) Generate(name string) (crypto.Signer, error) {
	if k[name] != nil {
		return nil, fmt.Errorf("key %s: %w", name, fs.ErrExist)
	}
	p, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k[name] = p
	return p, err
}

func (k keys) Names() ([]string, error) { return slices.Collect(maps.Keys(k)), nil }

func newOperator(t *testing.T) *operator {
	t.Helper()
	store, err := sqlite.Create(filepath.Join(t.TempDir(), "register.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	k := keys{}
	o := &operator{t: t, now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
	o.Issuer = &issuer.Issuer{Store: store, Online: k, Offline: k, Actor: "test", Now: func() time.Time { return o.now }}
	ctx := context.Background()
	if _, err := o.Init(ctx, issuer.InitOptions{RootKeys: 1, RootThreshold: 1, Insurers: []issuer.InsurerFacts{{AMC: amc, Name: "Mutuelle Exemple"}}}); err != nil {
		t.Fatal(err)
	}
	err = store.Update(ctx, func(tx register.Tx) error {
		for i := range 4 {
			from, _ := rights.ParseDate("2027-01-01")
			to, _ := rights.ParseDate("2027-12-31")
			rate, err := rights.ParseGuarantee("100%")
			if err != nil {
				return err
			}
			c, err := register.NewContract(rights.Contract{Insurer: amc, Adherent: fmt.Sprintf("A%06d", i), Conventions: []string{"SP"}, From: from, To: to,
				Beneficiaries: []rights.Beneficiary{{Nom: "EXEMPLE", Prenom: "Camille", Birth: "19800101", Rang: 1, Guarantees: map[string]rights.Guarantee{"PHAR": rate}}}}, 1)
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
		t.Fatal(err)
	}
	if _, err := o.Issue(ctx, issuer.IssueRequest{All: true}, func(i issuer.Issued) error { o.cards = append(o.cards, i); return nil }); err != nil {
		t.Fatal(err)
	}
	o.publish()
	return o
}

// publish makes the next publication an hour later, in the register alone.
func (o *operator) publish() {
	o.t.Helper()
	o.now = o.now.Add(time.Hour)
	if _, err := o.Publish(o.t.Context(), time.Time{}); err != nil {
		o.t.Fatal(err)
	}
}

// end ends one card and publishes.
func (o *operator) end(n int) {
	o.t.Helper()
	if _, err := o.SetStatus(o.t.Context(), issuer.StatusRequest{Kind: status.Void, Targets: []issuer.Target{{Place: o.cards[n].Place}}}); err != nil {
		o.t.Fatal(err)
	}
	o.publish()
}

// to writes the register's publication into a depot.
func (o *operator) to(d Depot, how Options) *Report {
	o.t.Helper()
	r, err := Publish(o.t.Context(), o.Issuer, d, how)
	if err != nil {
		o.t.Fatal(err)
	}
	return r
}

// seen is what a counter that trusts the first root reads in a depot: the version, and how many events the list has.
func (o *operator) seen(d depot.Depot) (version int64, events int) {
	o.t.Helper()
	var root []byte
	err := o.Catalogue(o.t.Context(), func(c *issuer.Catalogue) (err error) { root, err = c.Read(rootPath); return err })
	if err != nil {
		o.t.Fatal(err)
	}
	read := func(path string) ([]byte, error) { return d.Get(o.t.Context(), path) }
	t, err := trust.Open(read, root)
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := t.Metadata(); err != nil {
		o.t.Fatal(err)
	}
	for _, key := range append([]string{""}, t.Insurers()...) {
		infos, err := t.Targets(key)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, i := range infos {
			b, err := read(i.FetchPath())
			if err != nil || i.Check(b) != nil {
				o.t.Fatalf("publication %d: %s: %v", t.Version(), i.Path, err)
			}
			if p, err := status.Decode(b); err == nil {
				events += p.Len()
			}
		}
	}
	return t.Version(), events
}

// depots opens an empty depot of each kind.
func depots(t *testing.T, fn func(t *testing.T, open func() Depot)) {
	for kind, target := range map[string]func(t *testing.T) string{
		"folder": func(t *testing.T) string { return t.TempDir() },
		"bucket": func(t *testing.T) string { return s3server.Start(t).Target(s3server.Bucket + "/public") },
	} {
		t.Run(kind, func(t *testing.T) {
			at := target(t)
			fn(t, func() Depot {
				t.Helper()
				d, err := depot.Open(t.Context(), at, depot.Options{AccessKey: s3server.Access, SecretKey: s3server.Secret, CacheControl: CacheControl})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { depot.Close(d) })
				return d.(Depot)
			})
		})
	}
}
