// Keys that change: step by step for whoever missed it, at once for what a thief of the old ones had published.
package refresh_test

import (
	"crypto"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// replace gives a role a new key.
func (o *operator) replace(role string) crypto.PublicKey {
	delete(o.keys, role)
	return o.key(role).Public()
}

// renew replaces the root's key and those of the online or top roles named, and publishes.
func (o *operator) renew(roles ...string) {
	o.t.Helper()
	old := o.key("root")
	change := trust.RootChange{Root: []crypto.PublicKey{o.replace("root")}, RootThreshold: 1}
	for _, role := range roles {
		switch role {
		case trust.RoleTargets:
			change.Targets = o.replace(role)
		case trust.RoleSnapshot:
			change.Snapshot = o.replace(role)
		case trust.RoleTimestamp:
			change.Timestamp = o.replace(role)
		}
	}
	draft, err := o.repo.DraftRoot(o.now, change)
	o.must(err)
	for _, k := range []crypto.Signer{old, o.key("root")} {
		draft, err = trust.SignRoot(draft, k)
		o.must(err)
	}
	o.must(o.repo.InstallRoot(draft))
	o.publish()
}

// handed is what a counter hands on.
func handed(t *testing.T, m *mirror.Mirror, fingerprint string) memory {
	t.Helper()
	files := memory{}
	if _, err := view(t, m).Hand(fingerprint, func(path string, b []byte) error { files[path] = b; return nil }); err != nil {
		t.Fatal(err)
	}
	return files
}

// A counter that was switched off while ten roots came and went, and every other key with them, follows step by step: from the
// operator, or from what a neighbour hands on.
func TestTenRotationsMissed(t *testing.T) {
	o := newOperator(t, mutuelle, "302976568")
	begin := func() *mirror.Mirror {
		m, _ := newCounter(t)
		if _, err := refresh.Sync(t.Context(), m, o.files.clone(), o.options()); err != nil {
			t.Fatal(err)
		}
		return m
	}
	first, second, third := begin(), begin(), begin()
	for i := range 10 {
		switch i % 5 {
		case 0:
			o.renew(trust.RoleTimestamp)
		case 1:
			o.renew(trust.RoleSnapshot, trust.RoleTimestamp)
		case 2:
			o.renew(trust.RoleTargets)
		case 3:
			o.must(o.repo.ReplaceInsurerKeys(mutuelle, nil, o.replace(trust.StatusRole(mutuelle))))
			o.renew()
		case 4:
			o.must(o.repo.ReplaceInsurerKeys(mutuelle, o.replace(trust.InsurerRole(mutuelle)), nil))
			o.renew(trust.RoleTargets, trust.RoleSnapshot, trust.RoleTimestamp)
		}
		o.end(1, uint32(100+i))
		o.publish()
	}
	check := func(m *mirror.Mirror) {
		t.Helper()
		page, err := view(t, m).Page(mutuelle, 1)
		if err != nil || page.Len() != 10 {
			t.Errorf("the newest list: %v", err)
		}
		if f := m.Fsck(t.Context()); len(f) > 0 {
			t.Errorf("%+v", f)
		}
	}
	// One root is missing on the way: nothing is believed, and nothing is lost.
	broken := o.files.clone()
	delete(broken, "6.root.json")
	if _, err := refresh.Sync(t.Context(), first, broken, o.options()); !errors.Is(err, trust.ErrSignature) {
		t.Errorf("a step is missing: %v", err)
	}
	if p, err := view(t, first).Page(mutuelle, 1); err != nil || p.Len() != 0 {
		t.Errorf("the last good state: %v", err)
	}
	r, err := refresh.Sync(t.Context(), first, o.files, o.options())
	if err != nil || !r.Changed {
		t.Fatalf("%+v, %v", r, err)
	}
	check(first)

	share := handed(t, first, r.Fingerprint)
	for i := range 11 {
		if share[fmt.Sprintf("%d.root.json", i+1)] == nil {
			t.Errorf("root %d is not handed on", i+1)
		}
	}
	if _, err := refresh.Sync(t.Context(), second, share, o.options()); err != nil {
		t.Fatal(err)
	}
	check(second)
	again := handed(t, second, r.Fingerprint)
	if !maps.EqualFunc(share, again, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Error("a share of a share is another")
	}
	if _, err := refresh.Sync(t.Context(), third, again, o.options()); err != nil {
		t.Fatal(err)
	}
	check(third)
	stranger, _ := newCounter(t)
	if _, err := refresh.Sync(t.Context(), stranger, again, refresh.Options{Root: r.Fingerprint, Now: o.options().Now}); err != nil {
		t.Fatal(err)
	}
	check(stranger)
}

// Whoever broke in publishes with the status key that 1,000 good cards are void, and a list of his own. Once the insurer replaced
// that key, counters that believed him are right again, and a list can shrink no more than before.
func TestStolenStatusKeyRecovers(t *testing.T) {
	o := newOperator(t, mutuelle, "302976568")
	p := o.press(mutuelle)
	o.end(1, 5000)
	o.publish()
	honest := o.pages[1]
	good := p.card(card.Place{List: 1, Index: 70}, "70", o.now) // many(0, 1000) has every seventh
	ended := p.card(card.Place{List: 1, Index: 5000}, "5000", o.now)
	m, _ := newCounter(t)
	sync := func() error { _, err := refresh.Sync(t.Context(), m, o.files, o.options()); return err }
	reason := func(text string) offline.Reason {
		return offline.Check(view(t, m), offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: o.now.Add(time.Minute)}).Reason
	}
	o.must(sync())
	if a, b := reason(good), reason(ended); a != offline.OK || b != offline.Revoked {
		t.Fatalf("before: %s, %s", a, b)
	}

	o.end(1, many(0, 1000)...)
	o.pages[9] = status.New(mutuelle, 9)
	o.setPage(9)
	o.publish()
	o.must(sync())
	if got := reason(good); got != offline.Revoked {
		t.Fatalf("the thief is believed while his key is: %s", got)
	}

	// Without a new key, putting the list right looks like the theft itself.
	twin := o.twin(func(twin *operator) {
		o.must(twin.repo.SetTarget(trust.StatusRole(mutuelle), offline.PagePath(mutuelle, 1), honest.Encode(), nil))
	})
	if _, err := refresh.Sync(t.Context(), m, twin, o.options()); !errors.Is(err, refresh.ErrShrunk) {
		t.Fatalf("shrunk under the same key: %v", err)
	}

	// The key is replaced: what the thief wrote binds nobody.
	o.must(o.repo.ReplaceInsurerKeys(mutuelle, nil, o.replace(trust.StatusRole(mutuelle))))
	o.must(o.repo.RemoveTarget(trust.StatusRole(mutuelle), offline.PagePath(mutuelle, 9)))
	o.pages[1] = honest
	o.end(1, 5001) // the insurer goes on from its own register
	o.publish()
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	if a, b := reason(good), reason(ended); a != offline.OK || b != offline.Revoked {
		t.Errorf("after: %s, %s", a, b)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Errorf("%+v", f)
	}
	// The other insurer's key was not replaced, and its list may not shrink meanwhile; nor may this one again.
	o.end(2, 1)
	o.publish()
	o.must(sync())
	for list, key := range map[uint32]string{1: mutuelle, 2: "302976568"} {
		twin := o.twin(func(twin *operator) {
			o.must(twin.repo.SetTarget(trust.StatusRole(key), offline.PagePath(key, list), status.New(key, list).Encode(), nil))
		})
		if _, err := refresh.Sync(t.Context(), m, twin, o.options()); !errors.Is(err, refresh.ErrShrunk) {
			t.Errorf("list %d: %v", list, err)
		}
	}
}

// A mirror that freezes: what is said of a card changes exactly at the limits that its insurer signed, for 1, 7 and 30 days, and
// nothing is green after the list's own expiry.
func TestFreezeAtTheLimits(t *testing.T) {
	policies := map[string]card.OutagePolicy{
		"as proposed":          card.DefaultOutage(),
		"beyond the expiry":    {Default: card.Limits{ReserveHours: 20 * 24, RefuseHours: 30 * 24}, Domains: map[string]card.Limits{"OPTI": {ReserveHours: 24, RefuseHours: 10 * 24}}},
		"one day and no more":  {Default: card.Limits{ReserveHours: 24, RefuseHours: 24}, Domains: map[string]card.Limits{"OPTI": {ReserveHours: 1, RefuseHours: 7 * 24}}},
		"the longest that may": {Default: card.Limits{ReserveHours: 1, RefuseHours: card.MaxRefuseHours}, Domains: map[string]card.Limits{}},
	}
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t, mutuelle)
			public, err := signing.NewSigner(card.Kind, o.key("card-"+mutuelle))
			o.must(err)
			k := public.Public()
			k.Owner = mutuelle
			o.must(k.SetWindow(o.begun, time.Time{}))
			doc, err := (&card.Insurer{AMC: mutuelle, Name: "Mutuelle Exemple", CardKeys: []*signing.PublicKey{k}, Outage: policy}).Bytes()
			o.must(err)
			o.must(o.repo.SetTarget(trust.InsurerRole(mutuelle), offline.IssuerPath(mutuelle), doc, nil))
			o.publish()
			text := o.press(mutuelle).card(card.Place{List: 1, Index: 1}, "1", o.begun)
			m, _ := newCounter(t)
			published := o.now
			options := o.options()
			if _, err := refresh.Sync(t.Context(), m, o.files, options); err != nil {
				t.Fatal(err)
			}
			v := view(t, m)
			iss, err := v.Issuer(mutuelle)
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for _, domain := range []string{"PHAR", "OPTI"} {
				limits := policy.For(domain)
				reserve, refuse := time.Duration(limits.ReserveHours)*time.Hour, time.Duration(limits.RefuseHours)*time.Hour
				edges := []time.Duration{0, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, reserve, refuse, iss.Expires.Sub(published)}
				for _, edge := range edges {
					for _, off := range []time.Duration{-time.Second, 0, time.Second} {
						age := edge + off
						now := published.Add(age)
						options.Now = func() time.Time { return now }
						// The frozen mirror answers, and changes nothing.
						if r, err := refresh.Sync(t.Context(), m, o.files, options); err != nil || r.Changed || !r.Expires.Equal(iss.Expires) {
							t.Fatalf("%+v, %v", r, err)
						}
						want := offline.Valid
						switch {
						case age > refuse:
							want = offline.Refused
						case age > reserve || now.After(iss.Expires):
							want = offline.Reserve
						}
						got := offline.Check(v, offline.Query{Text: text, Domain: domain, Person: 1, Now: now, Care: rights.DateAt(published)})
						if got.Status != want {
							t.Errorf("%s after %v: %s (%s), want %s", domain, age, got.Status, got.Reason, want)
						}
						if got.Status == offline.Valid && now.After(iss.Expires) {
							t.Errorf("%s after %v: green after the expiry", domain, age)
						}
						if got.Status == offline.Refused && got.Pay != nil {
							t.Errorf("%s after %v: a promise", domain, age)
						}
						seen++
					}
				}
			}
			if seen != 42 {
				t.Errorf("%d moments", seen)
			}
		})
	}
}
