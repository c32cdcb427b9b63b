// Who signs for what, insurers' replaced keys, the anchor, and notices.
package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestReplaceInsurerKeysRefusals(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	gone := w.keys[RoleTimestamp][0].Public()
	w.replace(RoleTimestamp)
	w.publish()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub := func(role string) crypto.PublicKey { return w.keys[role][0].Public() }
	roleA, statusA, roleB := InsurerRole(insurerA), StatusRole(insurerA), InsurerRole(insurerB)
	k := newKey(t).Public()
	for name, c := range map[string]struct {
		family          error
		key             string
		offline, status crypto.PublicKey
	}{
		"unknown insurer":            {ErrNotFound, "5", k, nil},
		"no insurer's key":           {ErrNotFound, "../5", k, nil},
		"the operator's key":         {ErrWrongKey, insurerA, pub(RoleTargets), nil},
		"a root key":                 {ErrWrongKey, insurerA, nil, pub(RoleRoot)},
		"a key that a root once had": {ErrWrongKey, insurerA, gone, nil},
		"another insurer's key":      {ErrWrongKey, insurerA, pub(roleB), nil},
		"its own other key":          {ErrWrongKey, insurerA, pub(statusA), nil},
		"exchanged":                  {ErrWrongKey, insurerA, pub(statusA), pub(roleA)},
		"one new key for both":       {ErrWrongKey, insurerA, k, k},
		"P-384":                      {ErrWrongKey, insurerA, &p384.PublicKey, nil},
		"second key is bad":          {ErrWrongKey, insurerA, k, "key"},
	} {
		if err := w.repo.ReplaceInsurerKeys(c.key, c.offline, c.status); !errors.Is(err, c.family) {
			t.Errorf("%s: %v, want %v", name, err, c.family)
		}
	}
	// What is there already, and nothing at all.
	if err := w.repo.ReplaceInsurerKeys(insurerA, pub(roleA), pub(statusA)); err != nil {
		t.Error(err)
	}
	if err := w.repo.ReplaceInsurerKeys(insurerA, nil, nil); err != nil {
		t.Error(err)
	}
	w.now = w.now.Add(day)
	if got := paths(w.publish()); !slices.Equal(got, []string{timestampPath}) {
		t.Errorf("after refusals: %v", got)
	}
	// Both at once; then the old keys are strangers to AddInsurer.
	old := w.replace(roleA, statusA)
	if got := paths(w.publish()); !slices.Contains(got, "2."+roleA+".json") || !slices.Contains(got, "2."+statusA+".json") || !slices.Contains(got, "2.targets.json") {
		t.Errorf("both: %v", got)
	}
	if err := w.repo.AddInsurer(insurerA, old[roleA][0].Public(), old[statusA][0].Public()); !errors.Is(err, ErrInsurerExists) {
		t.Errorf("old keys added again: %v", err)
	}
	if err := w.repo.AddInsurer(insurerA, pub(roleA), pub(statusA)); err != nil {
		t.Errorf("new keys added again: %v", err)
	}
}

func TestAuthority(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	for _, role := range everyRole(insurerA) {
		threshold := pick(role == RoleRoot, 2, 1)
		for name, ask := range map[string]func(string) ([]*ecdsa.PublicKey, int, error){"writer": w.repo.Authority, "reader": cur.Authority} {
			keys, k, err := ask(role)
			if err != nil || k != threshold || len(keys) != len(w.keys[role]) {
				t.Fatalf("%s, %s: %d of %d, %v", name, role, k, len(keys), err)
			}
			for _, s := range w.keys[role] {
				if !slices.ContainsFunc(keys, func(p *ecdsa.PublicKey) bool { return p.Equal(s.Public()) }) {
					t.Errorf("%s, %s: a key is missing", name, role)
				}
			}
			if !slices.IsSortedFunc(keys, func(a, b *ecdsa.PublicKey) int {
				x, _ := KeyID(a)
				y, _ := KeyID(b)
				return strings.Compare(x, y)
			}) {
				t.Errorf("%s, %s: not sorted", name, role)
			}
		}
		if !cur.SameKeys(cur, role) {
			t.Errorf("%s differs from itself", role)
		}
	}
	for _, role := range []string{"", "amc-5", "amc-5-status", "nobody", "amc-../x"} {
		if keys, _, err := w.repo.Authority(role); keys != nil || !errors.Is(err, ErrNotFound) {
			t.Errorf("writer, %q: %v", role, err)
		}
		if keys, _, err := cur.Authority(role); keys != nil || !errors.Is(err, ErrNotFound) {
			t.Errorf("reader, %q: %v", role, err)
		}
		if cur.SameKeys(cur, role) {
			t.Errorf("%q has keys", role)
		}
	}
	// The threshold is part of it.
	w.rotateRoot(func(s map[string]any) { obj(obj(s["roles"])[RoleRoot])["threshold"] = 3 }, w.keys[RoleRoot]...)
	next := w.mustFollow(w.store, cur)
	if next.SameKeys(cur, RoleRoot) || !next.SameKeys(cur, RoleTargets) {
		t.Error("threshold not seen")
	}
	// A key beside the old one: the role differs, what the old one signed binds.
	extra := newKey(t)
	w.rotateRoot(func(s map[string]any) { setKeys(t, s, RoleTimestamp, 1, w.keys[RoleTimestamp][0], extra) }, w.keys[RoleRoot]...)
	w.forge(w.store, RoleTimestamp, func(s map[string]any) { s["version"] = 7 })
	more, rep, err := Refresh(t.Context(), w.store, RefreshOptions{Current: next, Now: w.now})
	if err != nil || rep.Replaced != nil || rep.Recovered || more.SameKeys(next, RoleTimestamp) {
		t.Fatalf("%v %+v", err, rep)
	}
	f := w.copy()
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 6 }, extra)
	if _, err := w.follow(f, more); !errors.Is(err, ErrRollback) {
		t.Errorf("by the added key: %v", err)
	}
}

func TestAnchor(t *testing.T) {
	w := newWorld(t, insurerA)
	if w.repo.View().Anchor() != "" {
		t.Error("an anchor nobody has set")
	}
	head := "123456:" + strings.Repeat("9f", 32)
	for _, bad := range []string{strings.Repeat("a", 129), "é", "a\nb", "a\x00", `a"b`, `a\b`, "<a>", "a&b", "\x7f"} {
		if err := w.repo.SetAnchor(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{strings.Repeat("a", 128), "a b ~!", head} {
		if err := w.repo.SetAnchor(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	w.nextDay()
	cur := w.mustFollow(w.store, nil)
	if cur.Anchor() != head {
		t.Errorf("anchor %q", cur.Anchor())
	}
	// It stays until it is set again, over a Load too.
	var err error
	if w.repo, err = Load(bundle(w.store).read); err != nil {
		t.Fatal(err)
	}
	w.nextDay()
	if w.repo.View().Anchor() != head {
		t.Error("forgotten")
	}
	if err := w.repo.SetAnchor(""); err != nil {
		t.Fatal(err)
	}
	w.nextDay()
	if w.mustFollow(w.store, cur).Anchor() != "" {
		t.Error("not taken out")
	}
	// What a reader refuses; another anchor under one version is another state.
	for name, v := range map[string]any{"number": 7, "empty": "", "too long": strings.Repeat("a", 129), "line feed": "a\nb", "list": []any{"a"}} {
		f := w.copy()
		w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["anchor"] = v })
		w.refused(name, f, cur, true, ErrMalformed)
	}
	f := w.copy()
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["anchor"] = "1:00" })
	if _, err := w.follow(f, w.repo.View()); !errors.Is(err, ErrForked) {
		t.Errorf("another anchor: %v", err)
	}
}

// narrow takes notices.json out of an insurer's delegation, as repositories
// had it before there were any.
func (w *world) narrow(key string) {
	w.forge(w.store, RoleTargets, func(s map[string]any) {
		s["version"] = 2
		for _, r := range obj(s["delegations"])["roles"].([]any) {
			if obj(r)["name"] == InsurerRole(key) {
				obj(r)["paths"] = []any{"amc/" + key + "/issuer.json", "amc/" + key + "/issued/*", "amc/" + key + "/status/*"}
			}
		}
	})
	w.rebind(w.store, 2)
}

func TestNotices(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	notices := "amc/" + insurerA + "/notices.json"
	if owner, err := Owner(notices); err != nil || owner != InsurerRole(insurerA) {
		t.Fatalf("%s %v", owner, err)
	}
	if owner, err := Owner("notices.json"); err != nil || owner != RoleTargets {
		t.Fatalf("%s %v", owner, err)
	}
	w.narrow(insurerA)
	cur := w.mustFollow(w.store, nil)
	if cur.TakesNotices(insurerA) || !cur.TakesNotices(insurerB) {
		t.Error("which delegation takes notices")
	}
	// Notices that a delegation of old does not give are refused: another TUF
	// client would not find them.
	f := w.copy()
	w.forge(f, InsurerRole(insurerA), func(s map[string]any) { s["version"] = 2; obj(s["targets"])[notices] = targetEntry("x") })
	w.rebind(f, 3)
	w.refused("notices under an old delegation", f, cur, true, ErrScope)
	// Neither role but the insurer's own may sign them.
	for _, role := range []string{RoleTargets, StatusRole(insurerA), InsurerRole(insurerB)} {
		f := w.copy()
		w.forge(f, role, func(s map[string]any) { s["version"] = 3; obj(s["targets"])[notices] = targetEntry("x") })
		w.rebind(f, 3)
		w.refused("notices by "+role, f, cur, true, ErrScope)
		if err := w.repo.SetTarget(role, notices, nil, nil); !errors.Is(err, ErrScope) {
			t.Errorf("%s: %v", role, err)
		}
	}
	// The writer takes an old repository up; a publication without notices
	// leaves the delegation as it is.
	var err error
	if w.repo, err = Load(bundle(w.store).read); err != nil {
		t.Fatal(err)
	}
	w.set(InsurerRole(insurerA), "amc/"+insurerA+"/issuer.json", `{"name":"2"}`, nil)
	w.nextDay()
	if got, _ := w.latest(w.store, RoleTargets); got != "2.targets.json" {
		t.Errorf("targets signed for nothing: %s", got)
	}
	// With notices, targets is signed again, and its key is asked for.
	w.set(InsurerRole(insurerA), notices, "notices", nil)
	w.away[RoleTargets] = true
	if _, err := w.repo.Commit(w.now, w.sign); !errors.Is(err, ErrNoSigner) || !strings.Contains(err.Error(), RoleTargets) {
		t.Errorf("targets' key away: %v", err)
	}
	delete(w.away, RoleTargets)
	if got := paths(w.publish()); !slices.Contains(got, "3.targets.json") || !slices.Contains(got, "3."+InsurerRole(insurerA)+".json") {
		t.Errorf("published %v", got)
	}
	next := w.mustFollow(w.store, cur)
	if _, err := next.Target(notices); err != nil || !next.TakesNotices(insurerA) {
		t.Errorf("notices: %v", err)
	}
	// The next notices need the insurer's key alone.
	w.away[RoleTargets] = true
	w.now = w.now.Add(day)
	w.set(InsurerRole(insurerA), notices, "notices 2", nil)
	w.publish()
	w.mustFollow(w.store, next)
}
