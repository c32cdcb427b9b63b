// A stolen card key, through a stick, a real database and real cards: what is genuine goes on, what the thief signs does not.
package refresh_test

import (
	"archive/zip"
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// press issues the cards of one insurer, and forges them with the same key.
type press struct {
	o      *operator
	key    string
	signer *signing.Signer
}

func (o *operator) press(key string) *press {
	s, err := signing.NewSigner(card.Kind, o.key("card-"+key).(*ecdsa.PrivateKey))
	o.must(err)
	return &press{o: o, key: key, signer: s}
}

// card makes the code text of a card.
func (p *press) card(place card.Place, adherent string, iat time.Time) string {
	first, err := rights.ParseDate("2027-01-01")
	p.o.must(err)
	g, err := rights.ParseGuarantee("SP 100%")
	p.o.must(err)
	c := rights.Contract{Insurer: rights.AMC(p.key), Adherent: adherent, From: first, To: first + 364, Beneficiaries: []rights.Beneficiary{
		{Nom: "LEFÈVRE", Prenom: "Zoé", Birth: "19810403", Rang: 1, Guarantees: map[string]rights.Guarantee{"PHAR": g, "OPTI": g}}}}
	claims, err := card.FromContract(c, place, iat, -1)
	p.o.must(err)
	draft, err := card.Prepare(claims, p.signer.KID())
	p.o.must(err)
	token, err := draft.Seal(p.signer)
	p.o.must(err)
	return token.CodeText()
}

// state publishes what the insurer says of its one card key from now on.
func (o *operator) state(key string, state signing.State) (kid string) {
	public, err := signing.NewPublicKey(card.Kind, o.key("card-"+key).Public().(*ecdsa.PublicKey))
	o.must(err)
	public.Owner, public.State = key, state
	o.must(public.SetWindow(o.begun, time.Time{}))
	doc, err := (&card.Insurer{AMC: rights.AMC(key), Name: "Mutuelle Exemple", CardKeys: []*signing.PublicKey{public},
		Outage: card.OutagePolicy{Default: card.Limits{ReserveHours: 48, RefuseHours: 720}}}).Bytes()
	o.must(err)
	o.must(o.repo.SetTarget(trust.InsurerRole(key), offline.IssuerPath(key), doc, nil))
	return public.KID
}

// list publishes the list of a stolen key, in as many parts as wished.
func (o *operator) list(key, kid string, digests [][16]byte) map[string][]byte {
	files, err := issued.Parts(key, kid, digests)
	o.must(err)
	for name, b := range files {
		o.must(o.repo.SetTarget(trust.InsurerRole(key), offline.IssuedPath(key, name), b, nil))
	}
	return files
}

func digestOf(t testing.TB, text string) [16]byte {
	t.Helper()
	u, err := card.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	d := u.Digest()
	return [16]byte(d[:16])
}

// stick writes the repository as a zip file.
func (o *operator) stick() string {
	o.t.Helper()
	name := filepath.Join(o.t.TempDir(), "clé USB.zip")
	f, err := os.Create(name)
	o.must(err)
	z := zip.NewWriter(f)
	for path, b := range o.files {
		w, err := z.Create(path)
		o.must(err)
		_, err = w.Write(b)
		o.must(err)
	}
	o.must(z.Close())
	o.must(f.Close())
	return name
}

func (o *operator) syncFrom(m *mirror.Mirror, spec string) (refresh.Report, error) {
	o.t.Helper()
	src, err := trust.NewSource(spec)
	o.must(err)
	defer trust.CloseSource(src)
	return refresh.Sync(o.t.Context(), m, src, o.options())
}

// Ten thousand genuine cards of a stolen key pass after one refresh from a stick, and ten thousand that the thief signed with
// the real key fail, whatever he writes on them.
func TestStolenKeyByStick(t *testing.T) {
	const n = 10_000
	o := newOperator(t, mutuelle)
	p := o.press(mutuelle)
	var genuine, forged []string
	var digests [][16]byte
	random := rand.New(rand.NewPCG(5, 5))
	for i := range n {
		iat := o.now.Add(time.Duration(i) * time.Second / 10)
		text := p.card(card.Place{List: 1, Index: uint32(i)}, fmt.Sprintf("%08d", i), iat)
		genuine = append(genuine, text)
		digests = append(digests, digestOf(t, text))
		// A third each: backdated onto the place of a genuine card, the very same second; a place of its own; of today.
		place, at := card.Place{List: 1, Index: uint32(i)}, iat
		switch i % 3 {
		case 1:
			place, at = card.Place{List: 1, Index: uint32(n + random.IntN(1_000_000))}, o.now.Add(time.Duration(random.IntN(3000))*time.Second)
		case 2:
			place, at = card.Place{List: 1, Index: uint32(n + random.IntN(1_000_000))}, o.now.Add(50*time.Minute)
		}
		forged = append(forged, p.card(place, fmt.Sprintf("9%07d", i), at))
	}
	m, dir := newCounter(t)
	o.publish()
	if _, err := o.syncFrom(m, o.stick()); err != nil {
		t.Fatal(err)
	}
	ask := func(texts []string) map[offline.Reason]int {
		v := view(t, m)
		found := map[offline.Reason]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for half := range slices.Chunk(texts, len(texts)/2) { // two at once: a view is for everybody
			all.Go(func() {
				for _, text := range half {
					reason := offline.Check(v, offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: o.now.Add(2 * time.Hour)}).Reason
					mu.Lock()
					found[reason]++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		return found
	}
	// Before: nobody can tell them apart.
	if found := ask(forged[:30]); found[offline.OK] != 30 {
		t.Fatalf("before the theft is known: %v", found)
	}

	kid := o.state(mutuelle, signing.StateListed)
	o.publish()
	if _, err := o.syncFrom(m, o.stick()); err != nil {
		t.Fatalf("listed, and no list yet: %v", err)
	}
	if found := ask(append(genuine[:30:30], forged[:30]...)); found[offline.KeyListed] != 60 {
		t.Fatalf("without the list nothing is known: %v", found)
	}

	files := o.list(mutuelle, kid, digests)
	o.publish()
	if r, err := o.syncFrom(m, o.stick()); err != nil || !r.Changed {
		t.Fatalf("%+v, %v", r, err)
	}
	if found := ask(genuine); found[offline.OK] != n {
		t.Errorf("genuine: %v", found)
	}
	if found := ask(forged); found[offline.NotIssued] != n {
		t.Errorf("forged: %v", found)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Errorf("%+v", f)
	}
	for name, b := range files {
		t.Logf("list %s of %d cards: %d bytes, %.1f a card", name, n, len(b), float64(len(b))/n)
	}

	// After a restart, from the file alone.
	m.Close()
	again, err := mirror.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	m = again
	if found := ask(append(genuine[:500:500], forged[:500]...)); found[offline.OK] != 500 || found[offline.NotIssued] != 500 {
		t.Errorf("after a restart: %v", found)
	}
}

// What is published of a stolen key and is not its list is refused, and the last good state stays.
func TestBadLists(t *testing.T) {
	o := newOperator(t, mutuelle, "302976568")
	p := o.press(mutuelle)
	genuine := p.card(card.Place{List: 1, Index: 1}, "1", o.now)
	m, _ := newCounter(t)
	kid := o.state(mutuelle, signing.StateListed)
	o.list(mutuelle, kid, [][16]byte{digestOf(t, genuine)})
	o.publish()
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	one := func(owner, kid string) []byte {
		files, err := issued.Parts(owner, kid, [][16]byte{{1}})
		o.must(err)
		return files[issued.Name(kid, 0, 1)]
	}
	set := func(name string, b []byte) func(*operator) {
		return func(twin *operator) {
			o.must(twin.repo.SetTarget(trust.InsurerRole(mutuelle), offline.IssuedPath(mutuelle, name), b, nil))
		}
	}
	half := func(twin *operator) {
		o.must(twin.repo.RemoveTarget(trust.InsurerRole(mutuelle), offline.IssuedPath(mutuelle, kid)))
		set(issued.Name(kid, 0, 2), one(mutuelle, kid))(twin)
	}
	// A good first part, and no second one.
	alone := func(twin *operator) {
		o.must(twin.repo.RemoveTarget(trust.InsurerRole(mutuelle), offline.IssuedPath(mutuelle, kid)))
		twin.parts(mutuelle, kid, 2, [][16]byte{digestOf(t, genuine)})
		o.must(twin.repo.RemoveTarget(trust.InsurerRole(mutuelle), offline.IssuedPath(mutuelle, issued.Name(kid, 1, 2))))
	}
	// A good list in one file, and the same in two.
	twice := func(twin *operator) { twin.parts(mutuelle, kid, 2, [][16]byte{digestOf(t, genuine)}) }
	stranger := newOperator(t, mutuelle)
	strangerKID := stranger.state(mutuelle, signing.StateActive)
	for name, tc := range map[string]struct {
		change func(*operator)
		want   error
	}{
		"not a list":               {set(kid, []byte("list")), refresh.ErrContent},
		"empty":                    {set(kid, nil), refresh.ErrContent},
		"of another insurer":       {set(kid, one("302976568", kid)), refresh.ErrWrongInsurer},
		"of another key":           {set(kid, one(mutuelle, strangerKID)), refresh.ErrContent},
		"a good part alone":        {alone, refresh.ErrContent},
		"the list in two forms":    {twice, refresh.ErrContent},
		"one part of two":          {half, refresh.ErrContent},
		"a part beside the whole":  {set(issued.Name(kid, 1, 2), one(mutuelle, kid)), refresh.ErrContent},
		"the whole under a part's": {func(twin *operator) { half(twin); set(issued.Name(kid, 1, 2), one(mutuelle, kid))(twin) }, refresh.ErrContent},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := refresh.Sync(t.Context(), m, o.twin(tc.change), o.options()); !errors.Is(err, tc.want) || !errors.Is(err, refresh.ErrContent) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			v := offline.Check(view(t, m), offline.Query{Text: genuine, Domain: "PHAR", Person: 1, Now: o.now.Add(time.Minute)})
			if v.Reason != offline.OK {
				t.Fatalf("the last good list: %s", v.Reason)
			}
		})
	}
	// A mirror that keeps the list back.
	later := o.twin(func(twin *operator) {
		o.must(twin.repo.SetTarget(trust.InsurerRole(mutuelle), offline.IssuedPath(mutuelle, kid), one(mutuelle, kid), nil))
	})
	for path := range later {
		if strings.Contains(path, "/issued/") && o.files[path] == nil {
			delete(later, path)
		}
	}
	if _, err := refresh.Sync(t.Context(), m, later, o.options()); !errors.Is(err, trust.ErrNotFound) {
		t.Errorf("list kept back: %v", err)
	}
	// A name that this version doesn't know harms nobody.
	odd := o.twin(set("README", []byte("?")))
	if _, err := refresh.Sync(t.Context(), m, odd, o.options()); err != nil {
		t.Errorf("another file: %v", err)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Errorf("%+v", f)
	}
}

// parts publishes a short list in n parts, as only a long one would be.
func (o *operator) parts(key, kid string, n int, digests [][16]byte) {
	groups := make([][][16]byte, n)
	for _, d := range digests {
		groups[issued.PartOf(d, n)] = append(groups[issued.PartOf(d, n)], d)
	}
	for i, group := range groups {
		files, err := issued.Parts(key, kid, group)
		o.must(err)
		b := files[issued.Name(kid, 0, 1)]
		at := len("TPI?") + 1 + len(key) + 8
		b[at], b[at+1] = byte(i), byte(n)
		o.must(o.repo.SetTarget(trust.InsurerRole(key), offline.IssuedPath(key, issued.Name(kid, i, n)), b, nil))
	}
}

// counting counts the lists of stolen keys that are fetched.
type counting struct {
	memory
	lists int
}

func (c *counting) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	if strings.Contains(path, "/issued/") {
		c.lists++
	}
	return c.memory.Fetch(ctx, path, limit)
}
