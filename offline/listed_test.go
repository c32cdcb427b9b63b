// A stolen key: its genuine cards go on, and what the thief signs does not, however he dates it.
package offline_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/offline"
	"sceau/signing"
)

// digestOf is what stands on a list for a card.
func digestOf(t testing.TB, text string) [16]byte {
	t.Helper()
	u, err := card.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	d := u.Digest()
	return [16]byte(d[:16])
}

// steal makes the first insurer's key a stolen one, whose list holds these cards.
func (w *world) steal(t testing.TB, genuine ...string) {
	t.Helper()
	w.rekey(t, func(k *signing.PublicKey) { k.State = signing.StateListed })
	iss := w.issuers[mutuelle.Key()]
	kid := iss.Insurer.CardKeys[0].KID
	var digests [][16]byte
	for _, text := range genuine {
		digests = append(digests, digestOf(t, text))
	}
	files, err := issued.Parts(mutuelle.Key(), kid, digests)
	if err != nil {
		t.Fatal(err)
	}
	p, err := issued.Decode(files[issued.Name(kid, 0, 1)])
	if err != nil {
		t.Fatal(err)
	}
	iss.Issued = func(k string, d [16]byte) (bool, error) {
		if k != kid {
			return false, offline.ErrNoDigests
		}
		return p.Has(d), nil
	}
}

func TestListedKey(t *testing.T) {
	// forged is a card that the thief signed with the insurer's own key, dated as he likes.
	forged := func(t *testing.T, w *world, iat string, adherent string) string {
		c := contract(t, mutuelle)
		c.Adherent = adherent
		claims, err := card.FromContract(c, home, day(t, iat).Midnight(), -1)
		if err != nil {
			t.Fatal(err)
		}
		return w.seal(t, claims, mutuelle)
	}
	for name, tc := range map[string]struct {
		setup func(t *testing.T, w *world, genuine string) (text string)
		want  offline.Reason
		kept  bool // the card is authentic
	}{
		"genuine": {func(t *testing.T, w *world, genuine string) string { w.steal(t, genuine); return genuine }, offline.OK, true},
		"genuine, as a JWS": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			u, err := card.Parse(genuine)
			if err != nil {
				t.Fatal(err)
			}
			return u.JWS()
		}, offline.OK, true},
		"forged, of today": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			return forged(t, w, "2027-03-02", "0099999")
		}, offline.NotIssued, false},
		"forged, backdated to the day of a genuine one, on its place": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			return forged(t, w, "2026-11-15", "0099999")
		}, offline.NotIssued, false},
		"forged, before the key's window": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			return forged(t, w, "2025-06-01", "0099999")
		}, offline.NotIssued, false},
		"a genuine one before the key's window": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			w.rekey(t, func(k *signing.PublicKey) {
				if err := k.SetWindow(day(t, "2027-01-01").Midnight(), day(t, "2028-01-01").Midnight()); err != nil {
					t.Fatal(err)
				}
			})
			return genuine
		}, offline.KeyWindow, false},
		"an empty list": {func(t *testing.T, w *world, genuine string) string { w.steal(t); return genuine }, offline.NotIssued, false},
		"no list": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			w.issuers[mutuelle.Key()].Issued = nil
			return genuine
		}, offline.KeyListed, false},
		"a list of another key only": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			w.issuers[mutuelle.Key()].Issued = func(string, [16]byte) (bool, error) { return false, offline.ErrNoDigests }
			return genuine
		}, offline.KeyListed, false},
		"a list that can't be read": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			w.issuers[mutuelle.Key()].Issued = func(string, [16]byte) (bool, error) { return true, errors.New("flipped bit") }
			return genuine
		}, offline.KeyListed, false},
		"a forged one against a list that can't be read": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			w.issuers[mutuelle.Key()].Issued = func(string, [16]byte) (bool, error) { return false, errors.New("flipped bit") }
			return forged(t, w, "2027-03-02", "0099999")
		}, offline.KeyListed, false},
		"in the name of another insurer": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			return w.issue(t, other, mutuelle, home, nil)
		}, offline.WrongInsurer, false},
		"an altered genuine one": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			return splice(t, genuine, forged(t, w, "2026-11-15", "0099999"))
		}, offline.BadSignature, false},
		"a genuine one of a key withdrawn for good": {func(t *testing.T, w *world, genuine string) string {
			w.steal(t, genuine)
			w.rekey(t, func(k *signing.PublicKey) { k.State = signing.StateDead })
			return genuine
		}, offline.KeyDead, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text := tc.setup(t, w, w.issue(t, mutuelle, mutuelle, home, nil))
			v := offline.Check(w, offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now})
			if v.Reason != tc.want || (v.Card != nil) != tc.kept || (v.Issuer != nil) != tc.kept {
				t.Fatalf("%s (card %t), want %s", v.Reason, v.Card != nil, tc.want)
			}
			if v.Status == offline.Valid && tc.want != offline.OK {
				t.Error("green")
			}
			if asks := offline.Askable(v); asks == slices.Contains([]offline.Reason{offline.NotIssued, offline.KeyWindow, offline.KeyDead, offline.WrongInsurer, offline.BadSignature}, tc.want) {
				t.Errorf("a service is asked: %t", asks)
			}
		})
	}
}

// A good card of a stolen key is a good card: nothing in its words or its verdict says whose fault it isn't.
func TestListedCardSaysNothing(t *testing.T) {
	w := newWorld(t)
	text := w.issue(t, mutuelle, mutuelle, home, nil)
	q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}
	before := offline.Check(w, q)
	w.steal(t, text)
	after := offline.Check(w, q)
	for _, lang := range []offline.Language{offline.French, offline.English} {
		if before.Words(lang) != after.Words(lang) {
			t.Errorf("%s: %+v", lang, after.Words(lang))
		}
	}
	if after.Detail != "" || after.Behind || after.Status != before.Status || *after.Pay != *before.Pay {
		t.Errorf("%+v", after)
	}
}

// Behind: what a card itself shows of the age of what the counter holds.
func TestBehind(t *testing.T) {
	for name, tc := range map[string]struct {
		setup func(t *testing.T, w *world) (text string)
		want  offline.Reason
		said  bool
	}{
		"an older card": {func(t *testing.T, w *world) string { return w.issue(t, mutuelle, mutuelle, home, nil) }, offline.OK, false},
		"a card issued at the publication": {func(t *testing.T, w *world) string {
			w.issuers[mutuelle.Key()].Published = day(t, "2026-11-15").Midnight()
			w.issuers[mutuelle.Key()].Insurer.Outage.Default = card.Limits{ReserveHours: 9000, RefuseHours: 9000}
			w.issuers[mutuelle.Key()].Expires = w.now.Add(time.Hour)
			return w.issue(t, mutuelle, mutuelle, home, nil)
		}, offline.OK, false},
		"a card issued after the publication": {func(t *testing.T, w *world) string {
			w.issuers[mutuelle.Key()].Published = day(t, "2026-11-15").Midnight().Add(-time.Second)
			w.issuers[mutuelle.Key()].Insurer.Outage.Default = card.Limits{ReserveHours: 9000, RefuseHours: 9000}
			w.issuers[mutuelle.Key()].Expires = w.now.Add(time.Hour)
			return w.issue(t, mutuelle, mutuelle, home, nil)
		}, offline.OK, true},
		"a list that isn't there": {func(t *testing.T, w *world) string {
			return w.issue(t, mutuelle, mutuelle, card.Place{List: 9, Index: 1}, nil)
		}, offline.ListMissing, true},
		"an unknown key of a known insurer": {func(t *testing.T, w *world) string {
			w.signers[mutuelle] = newSigner(t)
			return w.issue(t, mutuelle, mutuelle, home, nil)
		}, offline.UnknownKey, true},
		"a stolen key without its list": {func(t *testing.T, w *world) string {
			w.rekey(t, func(k *signing.PublicKey) { k.State = signing.StateListed })
			return w.issue(t, mutuelle, mutuelle, home, nil)
		}, offline.KeyListed, true},
		"a card that was never issued": {func(t *testing.T, w *world) string {
			w.steal(t)
			return w.issue(t, mutuelle, mutuelle, home, nil)
		}, offline.NotIssued, false},
		"an unknown insurer": {func(t *testing.T, w *world) string {
			delete(w.issuers, mutuelle.Key())
			return w.issue(t, mutuelle, mutuelle, home, nil)
		}, offline.UnknownIssuer, false},
		"a card of another insurer's key": {func(t *testing.T, w *world) string { return w.issue(t, mutuelle, other, home, nil) }, offline.WrongInsurer, false},
		"a false signature": {func(t *testing.T, w *world) string {
			c := w.issue(t, mutuelle, mutuelle, card.Place{List: 9, Index: 1}, nil)
			d := w.issue(t, mutuelle, mutuelle, home, nil)
			return splice(t, d, c)
		}, offline.BadSignature, false},
		"not a card": {func(*testing.T, *world) string { return "TP1ABC" }, offline.Unreadable, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := offline.Check(w, offline.Query{Text: tc.setup(t, w), Domain: "PHAR", Person: 1, Now: w.now})
			if v.Reason != tc.want || v.Behind != tc.said {
				t.Fatalf("%s, behind %t; want %s, %t", v.Reason, v.Behind, tc.want, tc.said)
			}
			said := strings.Contains(v.Words(offline.French).Meaning, "plus récente que la liste de ce poste")
			if said != (tc.want == offline.OK && tc.said) {
				t.Errorf("%s", v.Words(offline.French).Meaning)
			}
		})
	}
}

func newSigner(t testing.TB) *signing.Signer {
	t.Helper()
	s, err := signing.NewSigner(card.Kind, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkListed is the verdict on a card of a stolen key whose list holds 500,000 cards, beside the same verdict under an
// active key, turn by turn in the same run.
func BenchmarkListed(b *testing.B) {
	active, stolen := newWorld(b), newWorld(b)
	const listed = 500_000
	texts := [2][]string{}
	var genuine [][16]byte
	for i := range 64 {
		place := card.Place{List: 1, Index: uint32(1000 + i)}
		texts[0] = append(texts[0], active.issue(b, mutuelle, mutuelle, place, nil))
		text := stolen.issue(b, mutuelle, mutuelle, place, nil)
		texts[1] = append(texts[1], text)
		genuine = append(genuine, digestOf(b, text))
	}
	stolen.steal(b)
	iss := stolen.issuers[mutuelle.Key()]
	kid := iss.Insurer.CardKeys[0].KID
	var seed [16]byte
	for i := range listed {
		d := [16]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i * 7), byte(i * 13)}
		d[0] ^= seed[0]
		genuine = append(genuine, d)
	}
	files, err := issued.Parts(mutuelle.Key(), kid, genuine)
	if err != nil {
		b.Fatal(err)
	}
	p, err := issued.Decode(files[issued.Name(kid, 0, 1)])
	if err != nil {
		b.Fatal(err)
	}
	iss.Issued = func(_ string, d [16]byte) (bool, error) { return p.Has(d), nil }
	var spent [2]time.Duration
	n := 0
	for b.Loop() {
		for turn, w := range []*world{active, stolen} {
			start := time.Now()
			for _, text := range texts[turn] {
				if v := offline.Check(w, offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}); v.Reason != offline.OK {
					b.Fatal(v.Reason)
				}
			}
			spent[turn] += time.Since(start)
		}
		n += len(texts[0])
	}
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "x-active-key")
	b.ReportMetric(float64(spent[1]-spent[0])/float64(n)/1000, "us-more/verdict")
	b.ReportMetric(float64(len(files[issued.Name(kid, 0, 1)])), "bytes/list")
}
