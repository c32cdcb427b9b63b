package reconcile_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/issuer"
	"sceau/card/issuer/reconcile"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/journal"
	"sceau/signing/trust"
)

const (
	amc   = "775670482"
	other = "302927415"
)

var begin = time.Date(2027, 1, 4, 7, 0, 0, 0, time.UTC)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// ring is a key store in memory.
type ring struct {
	mu   sync.Mutex
	keys map[string]*ecdsa.PrivateKey
}

func (r *ring) Signer(name string) (crypto.Signer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.keys[name]; ok {
		return k, nil
	}
	return nil, errors.New("no key " + name)
}

func (r *ring) Names() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.keys)), nil
}

func (r *ring) Generate(name string) (crypto.Signer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[name] != nil {
		return nil, errors.New("there is a key " + name)
	}
	if r.keys == nil {
		r.keys = map[string]*ecdsa.PrivateKey{}
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.keys[name] = k
	return k, err
}

// world is an operator with two insurers and some cards, and a clock that the test moves.
type world struct {
	t      testing.TB
	store  register.Store
	issuer *issuer.Issuer
	rec    *reconcile.Reconciler
	clock  time.Time
	cards  []issuer.Issued
	seal   *signing.Signer
	who    issuer.Counter
	other  issuer.Counter
}

func day(t testing.TB, s string) rights.Date { return must(rights.ParseDate(s))(t) }

func newWorld(t testing.TB) *world {
	t.Helper()
	s := must(sqlite.Create(filepath.Join(t.TempDir(), "register.db"), sqlite.Options{}))(t)
	t.Cleanup(func() { s.Close() })
	w := &world{t: t, store: s, clock: begin}
	w.issuer = &issuer.Issuer{Store: s, Online: &ring{}, Offline: &ring{}, Now: func() time.Time { return w.clock }, Actor: "test"}
	facts := func(key string) issuer.InsurerFacts {
		return issuer.InsurerFacts{AMC: rights.AMC(key), Name: "Mutuelle Exemple", PhoneProfessionals: "01 99 00 12 34"}
	}
	must(w.issuer.Init(context.Background(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{facts(amc), facts(other)}}))(t)
	w.contracts(amc, 4)
	w.contracts(other, 2)
	w.issue()
	w.seal = must(signing.NewSigner(accord.SettlementKind, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)))(t)
	w.rec = &reconcile.Reconciler{Store: s, Now: func() time.Time { return w.clock }, Signer: func() (*signing.Signer, error) { return w.seal, nil }}
	w.who = issuer.Counter{ID: counterID(t), FINESS: "750012345", Name: "Pharmacie Exemple"}
	w.other = issuer.Counter{ID: counterID(t), FINESS: "690054321", Name: "Pharmacie Autre"}
	return w
}

// counterID is the id of a fresh request key.
func counterID(t testing.TB) string {
	t.Helper()
	return signing.KID(&must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t).PublicKey)
}

func (w *world) contracts(insurer string, n int) {
	w.t.Helper()
	value := func(s string) rights.Guarantee { return must(rights.ParseGuarantee(s))(w.t) }
	err := w.store.Update(context.Background(), func(tx register.Tx) error {
		for i := range n {
			c := rights.Contract{Insurer: rights.AMC(insurer), Adherent: fmt.Sprintf("A%06d", i), Conventions: []string{"SP"}, Responsable: true,
				From: day(w.t, "2027-01-01"), To: day(w.t, "2027-12-31")}
			for j := range 1 + i%3 {
				g := map[string]rights.Guarantee{"PHAR": value("100%"), "HOSP": value("PEC")}
				if j > 0 {
					g["OPTI"] = value("100%")
				}
				c.Beneficiaries = append(c.Beneficiaries, rights.Beneficiary{Nom: "EXEMPLE", Prenom: []string{"Camille", "Noé", "Zoé"}[j],
					Birth: rights.BirthDate(fmt.Sprint(19800101 + j)), Rang: 1, Guarantees: g})
			}
			row, err := register.NewContract(c, 1)
			if err != nil {
				return err
			}
			if err := tx.PutContract(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) issue() {
	w.t.Helper()
	_, err := w.issuer.Issue(context.Background(), issuer.IssueRequest{All: true}, func(i issuer.Issued) error {
		w.cards = append(w.cards, i)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.publish()
}

func (w *world) publish() *issuer.PublishReport {
	w.t.Helper()
	w.clock = w.clock.Add(time.Minute)
	return must(w.issuer.Publish(context.Background(), time.Time{}))(w.t)
}

func (w *world) set(kind status.Kind, c issuer.Issued, from rights.Date) error {
	_, err := w.issuer.SetStatus(context.Background(), issuer.StatusRequest{Kind: kind, Targets: []issuer.Target{{Place: c.Place}}, From: from})
	return err
}

// synced is what a counter holds after a synchronisation: what the signed files of one publication say, verified.
type synced struct {
	trusted *trust.Trusted
	issuers map[string]*offline.Issuer
	pages   map[string]*status.Page
	owners  map[string]string
}

// sync reads everything that is published now, as a counter does.
func (w *world) sync() *synced {
	w.t.Helper()
	files := map[string][]byte{}
	err := w.store.View(context.Background(), func(tx register.Tx) error {
		return tx.EachFile(func(f register.File) error { files[f.Path] = f.Data; return nil })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	read := func(path string) ([]byte, error) {
		if b, ok := files[path]; ok {
			return b, nil
		}
		return nil, trust.ErrNotFound
	}
	s := &synced{trusted: must(trust.Open(read, files["1.root.json"]))(w.t), issuers: map[string]*offline.Issuer{}, pages: map[string]*status.Page{}, owners: map[string]string{}}
	codes := must(rights.ParseCodes(files[must(s.trusted.Target(offline.CodesPath))(w.t).FetchPath()]))(w.t)
	for _, key := range s.trusted.Insurers() {
		for _, info := range must(s.trusted.Targets(key))(w.t) {
			data := files[info.FetchPath()]
			if err := info.Check(data); err != nil {
				w.t.Fatal(err)
			}
			kind, _, list := offline.Target(info.Path)
			switch kind {
			case offline.IssuerTarget:
				doc := must(card.ParseInsurer(data))(w.t)
				s.issuers[key] = &offline.Issuer{Insurer: doc, Keys: must(doc.Keyring())(w.t), Codes: codes, Published: s.trusted.Published(),
					Expires: s.trusted.Expires(), Floor: s.trusted.Published()}
				for _, k := range doc.CardKeys {
					s.owners[k.KID] = key
				}
			case offline.PageTarget:
				s.pages[fmt.Sprint(key, list)] = must(status.Decode(data))(w.t)
			}
		}
	}
	return s
}

func (s *synced) Issuer(key string) (*offline.Issuer, error) {
	if i, ok := s.issuers[key]; ok {
		return i, nil
	}
	return nil, offline.ErrUnknownIssuer
}

func (s *synced) Page(key string, list uint32) (*status.Page, error) {
	if p, ok := s.pages[fmt.Sprint(key, list)]; ok {
		return p, nil
	}
	return nil, offline.ErrNoPage
}

func (s *synced) OwnerOf(kid string) (string, error) {
	if key, ok := s.owners[kid]; ok {
		return key, nil
	}
	return "", offline.ErrUnknownIssuer
}

// device writes a journal.
type device struct {
	t       testing.TB
	id      string
	signer  *signing.Signer
	base    journal.Head
	head    journal.Head
	entries []journal.Entry
	at      time.Time // of the last entry
}

func newDevice(t testing.TB, at time.Time) *device {
	t.Helper()
	var id [16]byte
	rand.Read(id[:])
	d := &device{t: t, id: hex.EncodeToString(id[:]), signer: must(signing.NewSigner(journal.HeadKind, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)))(t)}
	d.head = must(journal.Start(d.id))(t)
	d.base = d.head
	d.write(must(receipt.Opening{Device: d.id, Key: d.signer.Public().JWK(), Because: receipt.First}.Body())(t), at)
	return d
}

func (d *device) write(body []byte, at time.Time) journal.Entry {
	d.t.Helper()
	e := must(journal.Append(d.head, body, at))(d.t)
	d.entries, d.head, d.at = append(d.entries, e), e.Head(), at
	return e
}

// check asks a card's rights and writes the receipt down.
func (d *device) check(facts offline.Facts, c issuer.Issued, q offline.Query) (receipt.Receipt, journal.Entry) {
	d.t.Helper()
	q.Text = c.CodeText
	r := receipt.Of(offline.Check(facts, q), receipt.Offline)
	return r, d.write(r.Body(), q.Now)
}

// clone is the same device on a copied disk.
func (d *device) clone() *device {
	c := *d
	c.entries = append([]journal.Entry(nil), d.entries...)
	return &c
}

func (d *device) seal(h journal.Head, at time.Time) string {
	d.t.Helper()
	return must(journal.SealHead(d.signer, d.id, h, at))(d.t)
}

// batch takes entries from one index to another.
func (d *device) batch(from, to int) receipt.Batch {
	d.t.Helper()
	return receipt.Batch{Device: d.id, Key: d.signer.Public().JWK(), Base: d.seal(d.base, d.at), Head: d.seal(d.head, d.at), Entries: d.entries[from:to]}
}

func (d *device) all() receipt.Batch { return d.batch(0, len(d.entries)) }

func (w *world) upload(d *device, b receipt.Batch) *reconcile.Result {
	w.t.Helper()
	return must(w.rec.Upload(context.Background(), w.who, d.id, b))(w.t)
}

// settled opens a settlement.
func (w *world) settled(token string) []accord.Settled {
	w.t.Helper()
	if token == "" {
		return nil
	}
	s := must(accord.OpenSettlement(w.seal.Public(), token))(w.t)
	return s.Entries
}

func codes(alarms []reconcile.Alarm) string {
	var out string
	for _, a := range alarms {
		out += fmt.Sprintf("%s %d-%d;", a.Code, a.From, a.To)
	}
	return out
}

// rows are the stored receipts of a chain.
func (w *world) rows(chain string) []register.Receipt {
	w.t.Helper()
	var out []register.Receipt
	err := w.store.View(context.Background(), func(tx register.Tx) error {
		for after := int64(0); ; {
			page, err := tx.ReceiptsAfter(after, "", "", 0, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, r := range page {
				if chain == "" || r.Device == chain {
					out = append(out, r)
				}
				after = r.Row
			}
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}
