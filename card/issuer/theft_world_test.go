package issuer

import (
	"context"
	"crypto"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// counterView is what a counter has after one refresh: everything in it came out of the published files, verified.
type counterView struct {
	trusted *trust.Trusted
	files   map[string][]byte
	issuers map[string]*offline.Issuer
	parts   map[string][]*issued.Part // by kid
	pages   sync.Map                  // by path
}

// refreshed follows the published files from the first root.
func (w *world) refreshed() *counterView {
	w.t.Helper()
	m, tr := w.export()
	v := &counterView{trusted: tr, files: m.files, issuers: map[string]*offline.Issuer{}, parts: map[string][]*issued.Part{}}
	codes := must(rights.ParseCodes(v.target(w.t, codesPath)))(w.t)
	for _, key := range tr.Insurers() {
		doc := must(card.ParseInsurer(v.target(w.t, insurerPath(key))))(w.t)
		v.issuers[key] = &offline.Issuer{Insurer: doc, Keys: must(doc.Keyring())(w.t), Codes: codes, Published: tr.Published(), Expires: tr.Expires(), Issued: v.issued}
		for _, info := range must(tr.Targets(key))(w.t) {
			name, ok := strings.CutPrefix(info.Path, issuedPath(key, ""))
			if !ok {
				continue
			}
			kid, i, n, ok := issued.ParseName(name)
			p := must(issued.Decode(v.target(w.t, info.Path)))(w.t)
			if !ok || p.Owner() != key || p.KID() != kid || p.Index() != i || p.Count() != n {
				w.t.Fatalf("%s: %+v", info.Path, p)
			}
			v.parts[kid] = append(v.parts[kid], p)
		}
	}
	return v
}

func (v *counterView) target(t testing.TB, path string) []byte {
	t.Helper()
	info := must(v.trusted.Target(path))(t)
	b := v.files[info.FetchPath()]
	if err := info.Check(b); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}

func (v *counterView) issued(kid string, digest [16]byte) (bool, error) {
	if len(v.parts[kid]) == 0 || len(v.parts[kid]) != v.parts[kid][0].Count() {
		return false, offline.ErrNoDigests
	}
	return slices.ContainsFunc(v.parts[kid], func(p *issued.Part) bool { return p.Has(digest) }), nil
}

func (v *counterView) Issuer(key string) (*offline.Issuer, error) {
	if i := v.issuers[key]; i != nil {
		return i, nil
	}
	return nil, offline.ErrUnknownIssuer
}

func (v *counterView) Page(key string, list uint32) (*status.Page, error) {
	path := pagePath(key, list)
	if p, ok := v.pages.Load(path); ok {
		return p.(*status.Page), nil
	}
	info, err := v.trusted.Target(path)
	if err != nil {
		return nil, offline.ErrNoPage
	}
	page, err := status.Decode(v.files[info.FetchPath()])
	if err == nil {
		v.pages.Store(path, page)
	}
	return page, err
}

func (v *counterView) OwnerOf(kid string) (string, error) {
	for key, i := range v.issuers {
		if _, err := i.Keys.Lookup(kid); err == nil {
			return key, nil
		}
	}
	return "", offline.ErrUnknownIssuer
}

// check asks the counter's own code about a card, in the middle of its days.
func (v *counterView) check(text string) offline.Verdict {
	return offline.Check(v, offline.Query{Text: text, Domain: "PHAR", Care: midYear, Now: v.trusted.Published().Add(time.Hour)})
}

var midYear = func() rights.Date {
	d, err := rights.ParseDate("2027-06-15")
	if err != nil {
		panic(err)
	}
	return d
}()

// accepted says whether a counter takes the card for a genuine one in force.
func accepted(v offline.Verdict) bool { return v.Status == offline.Valid }

// inParallel is for signing and verifying thousands.
func inParallel(n int, fn func(i int)) {
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				fn(i)
			}
		})
	}
	all.Wait()
}

// thief has copied a card key: the private half, whatever the issuer does with its own copy.
type thief struct {
	signer *signing.Signer
	kid    string
}

func (w *world) steal(name string) *thief {
	w.t.Helper()
	s := must(signing.NewSigner(card.Kind, must(w.online.Signer(name))(w.t)))(w.t)
	return &thief{s, s.KID()}
}

// forge signs claims with the stolen key.
func (f *thief) forge(t testing.TB, claims card.Claims) string {
	t.Helper()
	draft := must(card.Prepare(claims, f.kid))(t)
	return must(draft.Seal(f.signer))(t).CodeText()
}

// keyState reads the state of a card key in the register.
func (w *world) keyState(kid string) *signing.PublicKey {
	w.t.Helper()
	var out *signing.PublicKey
	w.view(func(tx register.Tx) error {
		_, doc, err := ownerOf(tx, kid)
		if err == nil {
			out = keyOfKID(doc.CardKeys, kid)
		}
		return err
	})
	return out
}

// signing kid of an insurer, now.
func (w *world) signingKID() string {
	w.t.Helper()
	var kid string
	w.view(func(tx register.Tx) error {
		k, err := w.issuer.keyCache().forIssuing(tx, amc, w.clock)
		if err == nil {
			kid = k.signer.KID()
		}
		return err
	})
	return kid
}

// all are the cards of the register, by place.
func (w *world) all() map[card.Place]register.Card {
	w.t.Helper()
	out := map[card.Place]register.Card{}
	w.view(func(tx register.Tx) error {
		lists, err := tx.Lists()
		for _, l := range lists {
			cards, err := tx.CardsAfter(l.Number, -1, 1<<20)
			if err != nil {
				return err
			}
			for _, c := range cards {
				out[c.Place] = c
			}
		}
		return err
	})
	return out
}

// without is a store of keys that can make and list, and has lost one.
type without struct {
	Keys
	gone []string
}

func (k *without) Signer(name string) (crypto.Signer, error) {
	if slices.Contains(k.gone, name) {
		return nil, fmt.Errorf("key %s is gone", name)
	}
	return k.Keys.Signer(name)
}

func (k *without) Names() ([]string, error) {
	names, err := k.Keys.Names()
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(k.gone, n) }), err
}

// between is a store that does something before each of its write transactions.
type between struct {
	register.Store
	count int
	at    int
	do    func()
}

func (b *between) Update(ctx context.Context, fn func(register.Tx) error) error {
	if b.count++; b.count == b.at {
		b.do()
	}
	return b.Store.Update(ctx, fn)
}
