// The scenarios of The Update Framework's conformance suite, retold for this
// format: keys, rollback and recovery, delegations, rotations.
package trust

import (
	"crypto"
	"errors"
	"slices"
	"strings"
	"testing"
)

// setKeys makes keys and threshold those of a role, in a root's signed part.
func setKeys(t testing.TB, signed map[string]any, role string, threshold int, keys ...crypto.Signer) {
	t.Helper()
	r := obj(obj(signed["roles"])[role])
	for _, id := range r["keyids"].([]any) {
		delete(obj(signed["keys"]), id.(string))
	}
	ids := []any{}
	for _, k := range keys {
		addKey(t, signed, k)
		id, err := KeyID(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	r["keyids"], r["threshold"] = ids, threshold
}

// publishUnder signs a role's next version, and what binds it, under files' root.
func (w *world) publishUnder(f memory, role string, v int, signers ...crypto.Signer) {
	w.t.Helper()
	if role == RoleTimestamp {
		w.forge(f, role, func(s map[string]any) { s["version"] = v }, signers...)
		return
	}
	w.forge(f, role, func(s map[string]any) { s["version"] = v }, signers...)
	if role != RoleSnapshot {
		w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = v })
	}
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = v })
}

func TestTUFThreshold(t *testing.T) {
	for _, role := range []string{RoleSnapshot, RoleTimestamp, RoleTargets} {
		w := newWorld(t, insurerA)
		cur := w.mustFollow(w.store, nil)
		keys := []crypto.Signer{newKey(t), newKey(t), newKey(t)}
		f := w.copy()
		w.rotateRootIn(f, func(s map[string]any) { setKeys(t, s, role, 3, keys...) })
		w.publishUnder(f, role, 2, keys...)
		three, err := w.follow(f, cur)
		if err != nil {
			t.Fatalf("%s by three: %v", role, err)
		}
		if _, k, err := three.Authority(role); err != nil || k != 3 {
			t.Errorf("threshold %d, %v", k, err)
		}
		w.publishUnder(f, role, 3, keys[:2]...)
		if _, err := w.follow(f, three); !errors.Is(err, ErrSignature) {
			t.Errorf("%s by two: %v", role, err)
		}
		w.publishUnder(f, role, 3, keys[0], keys[1], newKey(t))
		if _, err := w.follow(f, three); !errors.Is(err, ErrSignature) {
			t.Errorf("%s by two and a stranger: %v", role, err)
		}
		// A threshold that no number of keys can meet, and keys named twice.
		for name, change := range map[string]func(s map[string]any){
			"too few keys": func(s map[string]any) { setKeys(t, s, role, 4, keys...) },
			"one key nine times": func(s map[string]any) {
				setKeys(t, s, role, 6, slices.Repeat(keys[:1], 9)...)
			},
			"no key":           func(s map[string]any) { setKeys(t, s, role, 1) },
			"threshold absent": func(s map[string]any) { delete(obj(obj(s["roles"])[role]), "threshold") },
		} {
			f := w.copy()
			w.rotateRootIn(f, change)
			w.refused(role+", "+name, f, cur, true, ErrMalformed)
		}
		// One signature nine times.
		f = w.copy()
		w.publishUnder(f, role, 2)
		path, _ := w.latest(f, role)
		outside(w, f, path, func(m map[string]any) { m["signatures"] = slices.Repeat(m["signatures"].([]any), 9) })
		want := ErrMalformed
		if role == RoleSnapshot {
			w.forge(f, RoleTimestamp, func(s map[string]any) { bind(s, role, 2, f[path]) })
		} else if role == RoleTargets {
			w.forge(f, RoleSnapshot, func(s map[string]any) { bind(s, role, 2, f[path]) })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
		}
		w.refused(role+", one signature nine times", f, cur, true, want)
	}
}

// One kind of key only; of that kind, a signature that looks right and is not.
func TestTUFKeyTypes(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	for _, c := range [][2]string{{"rsa", "rsassa-pss-sha256"}, {"ed25519", "ed25519"}, {"ecdsa", "ecdsa-sha2-nistp384"}, {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"}} {
		f := w.copy()
		w.rotateRootIn(f, func(s map[string]any) {
			k := obj(obj(s["keys"])[anyKey(s)])
			k["keytype"], k["scheme"] = c[0], c[1]
		})
		w.refused(strings.Join(c[:], "/"), f, cur, true, ErrMalformed)
	}
	f := w.copy()
	extra := newKey(t)
	w.rotateRootIn(f, func(s map[string]any) { setKeys(t, s, RoleTimestamp, 1, w.keys[RoleTimestamp][0], extra) })
	w.publishUnder(f, RoleTimestamp, 2, w.keys[RoleTimestamp][0], extra)
	if _, err := w.follow(f, cur); err != nil {
		t.Fatalf("two right signatures: %v", err)
	}
	// Theirs takes one right signature beside a wrong one; here a file with a
	// wrong signature has been touched.
	w.publishUnder(f, RoleTimestamp, 3, w.keys[RoleTimestamp][0], brokenSigner{extra, nil})
	w.refused("one right, one wrong", f, cur, true, ErrSignature)
	w.publishUnder(f, RoleTimestamp, 3, w.keys[RoleTimestamp][0], extra)
	outside(w, f, timestampPath, func(m map[string]any) { obj(m["signatures"].([]any)[0])["sig"] = "" })
	w.refused("one right, one empty", f, cur, true, ErrMalformed)
}

// Names of roles become names of files: none but insurers' is ever asked for.
func TestTUFRoleNames(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	for _, name := range []string{"?", "#", "/delegatedrole", "../delegatedrole", "..", "", "amc-", "amc-0", "amc-a", "amc-7/../8", "amc-12345678901", "amc-7-status-status", "root", "timestamp", "snapshot", "targets", "Targets"} {
		f := w.copy()
		w.forge(f, RoleTargets, func(s map[string]any) {
			s["version"] = 2
			d := obj(s["delegations"])
			first := obj(d["roles"].([]any)[0])
			d["roles"] = append(d["roles"].([]any), map[string]any{"name": name, "keyids": first["keyids"], "threshold": 1, "terminating": true, "paths": []any{"*"}})
		})
		w.rebind(f, 2)
		src := &askedSource{memory: f}
		_, _, err := Refresh(t.Context(), src, RefreshOptions{Current: cur, Now: w.now})
		if !errors.Is(err, ErrScope) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", name, err)
		}
		if last := src.asked[len(src.asked)-1]; last != "2.targets.json" {
			t.Errorf("%q: asked for %s", name, last)
		}
		w.refused(name, f, cur, true, ErrScope)
	}
}

func TestTUFRollback(t *testing.T) {
	w := newWorld(t, insurerA)
	day1 := w.copy()
	w.nextDay()
	w.set(RoleTargets, "codes.json", `{"codes":2}`, nil)
	w.set(InsurerRole(insurerA), "amc/"+insurerA+"/issuer.json", `{"name":"2"}`, nil)
	w.now = w.now.Add(day)
	w.publish()
	cur := w.mustFollow(w.store, nil)
	for _, role := range everyRole(insurerA) {
		if role == RoleRoot {
			continue // its numbers go up by one, see TestTUFRootRotation
		}
		f := w.copy()
		old := signedPart(t, day1[metaPathOf(role, 1)])
		switch role {
		case RoleTimestamp:
			w.forge(f, role, func(s map[string]any) { s["version"] = 1 })
		case RoleSnapshot:
			w.forge(f, RoleTimestamp, func(s map[string]any) {
				s["version"] = 9
				bind(s, role, 1, day1[metaPath(role, 1)])
			})
		default:
			// Bound again as it was, and signed again under the number of old.
			for _, data := range [][]byte{day1[metaPath(role, 1)], sealJSON(t, old, w.keys[role]...)} {
				f := w.copy()
				f[metaPath(role, 1)] = data
				w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9; bind(s, role, 1, data) })
				w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
				w.refused(role, f, cur, false, ErrRollback)
			}
			continue
		}
		w.refused(role, f, cur, false, ErrRollback)
	}
}

func metaPathOf(role string, v int64) string {
	if role == RoleTimestamp {
		return timestampPath
	}
	return metaPath(role, v)
}

// A role may go only when whoever delegates to it is replaced.
func TestTUFRoleRemoval(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	cur := w.mustFollow(w.store, nil)
	drop := func(f memory) {
		w.forge(f, RoleTargets, func(s map[string]any) {
			s["version"] = 9
			d := obj(s["delegations"])
			d["roles"] = slices.DeleteFunc(d["roles"].([]any), func(r any) bool { return obj(r)["name"] == InsurerRole(insurerB) })
		})
		w.forge(f, RoleSnapshot, func(s map[string]any) {
			s["version"] = 9
			delete(obj(s["meta"]), InsurerRole(insurerB)+".json")
			delete(obj(s["meta"]), StatusRole(insurerB)+".json")
		})
		w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
	}
	f := w.copy()
	drop(f)
	w.refused("same keys", f, cur, false, ErrRollback)
	for _, role := range []string{RoleSnapshot, RoleTimestamp, RoleTargets} {
		f, fresh := w.copy(), newKey(t)
		old := w.keys[role]
		w.rotateRootIn(f, func(s map[string]any) { replaceKey(t, s, role, fresh) })
		w.keys[role] = []crypto.Signer{fresh}
		drop(f)
		next, err := w.follow(f, cur)
		if role == RoleTargets && (err != nil || next.HasInsurer(insurerB)) || role != RoleTargets && !errors.Is(err, ErrRollback) {
			t.Errorf("new key of %s: %v", role, err)
		}
		w.keys[role] = old
	}
}

// A hundred versions ahead, and back by new keys: of the role itself. Theirs
// frees targets by new snapshot keys; here a thief of the snapshot key can't
// run targets ahead in the first place, because a state is kept whole.
func TestTUFFastForwardRecovery(t *testing.T) {
	for _, role := range everyRole(insurerA) {
		if role == RoleRoot {
			continue
		}
		w := newWorld(t, insurerA)
		cur := w.mustFollow(w.store, nil)
		f := w.copy()
		w.publishUnder(f, role, 100)
		w.rebindTo(f, 100)
		sick, err := w.follow(f, cur)
		if err != nil {
			t.Fatalf("%s 100: %v", role, err)
		}
		// The honest operator, at 2, with one key after the other replaced.
		for _, other := range everyRole(insurerA) {
			stolen := []string{RoleSnapshot, RoleTimestamp, other}
			v := *w
			v.store, v.keys = w.copy(), map[string][]crypto.Signer{}
			for r, k := range w.keys {
				v.keys[r] = k
			}
			if v.repo, err = Load(bundle(v.store).read); err != nil {
				t.Fatal(err)
			}
			v.replace(slices.Compact(slices.Sorted(slices.Values(stolen)))...)
			v.publish()
			next, err := v.follow(v.store, sick)
			if slices.Contains(stolen, role) {
				if err != nil || next.Version() != 2 {
					t.Errorf("%s ahead, %v replaced: %v", role, stolen, err)
				}
			} else if !errors.Is(err, ErrRollback) {
				t.Errorf("%s ahead, %v replaced: %v", role, stolen, err)
			}
		}
	}
	// The snapshot's key alone: a number that nobody has signed is never kept.
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	f := w.copy()
	w.forge(f, RoleSnapshot, func(s map[string]any) {
		s["version"] = 2
		obj(obj(s["meta"])["targets.json"])["version"] = 100
	})
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
	w.refused("targets 100 by the snapshot's thief", f, cur, true, ErrNotFound)
}

// rebindTo makes snapshot and timestamp of version v, if they are not yet.
func (w *world) rebindTo(f memory, v int) {
	if _, has := f[metaPath(RoleSnapshot, int64(v))]; has {
		w.rebind(f, v)
	} else {
		w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = v })
	}
}

// One role owns each path: a delegation that would let a search find it
// elsewhere is refused as a whole, so there is one place to look.
func TestTUFDelegations(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	cur := w.mustFollow(w.store, nil)
	roleA, roleB := InsurerRole(insurerA), InsurerRole(insurerB)
	paths := func(list ...any) func(role map[string]any) {
		return func(role map[string]any) { role["paths"] = append([]any{}, list...) }
	}
	for name, c := range map[string]struct {
		role   string
		change func(role map[string]any)
		family error
	}{
		"everything":             {RoleTargets, paths("*"), ErrScope},
		"one folder more":        {RoleTargets, paths("amc/"+insurerB+"/issuer.json", "amc/"+insurerB+"/issued/*", "amc/"+insurerB+"/notices.json", "amc/"+insurerB+"/status/*", "amc/"+insurerA+"/status/*"), ErrScope},
		"another order":          {RoleTargets, paths("amc/"+insurerB+"/status/*", "amc/"+insurerB+"/issuer.json", "amc/"+insurerB+"/issued/*"), ErrScope},
		"question mark":          {RoleTargets, paths("amc/?/issuer.json"), ErrScope},
		"no path":                {RoleTargets, paths(), ErrScope},
		"not terminating":        {RoleTargets, func(r map[string]any) { r["terminating"] = false }, ErrScope},
		"hash prefixes":          {RoleTargets, func(r map[string]any) { delete(r, "paths"); r["path_hash_prefixes"] = []any{"00"} }, ErrMalformed},
		"twice the same role":    {RoleTargets, func(r map[string]any) { r["name"] = roleA }, ErrMalformed},
		"a number for a path":    {RoleTargets, func(r map[string]any) { r["paths"] = append(r["paths"].([]any), 1) }, ErrScope},
		"a status role at top":   {RoleTargets, func(r map[string]any) { r["name"] = StatusRole(insurerA) }, ErrScope},
		"an insurer by insurer":  {roleA, func(r map[string]any) { r["name"] = roleB }, ErrScope},
		"another's status":       {roleA, func(r map[string]any) { r["name"] = StatusRole(insurerB) }, ErrScope},
		"itself":                 {roleA, func(r map[string]any) { r["name"] = roleA }, ErrScope},
		"its parent":             {roleA, func(r map[string]any) { r["name"] = RoleTargets }, ErrScope},
		"status with more paths": {roleA, paths("amc/"+insurerA+"/status/*", "amc/"+insurerA+"/issuer.json"), ErrScope},
	} {
		f := w.copy()
		w.forge(f, c.role, func(s map[string]any) {
			s["version"] = 2
			list := obj(s["delegations"])["roles"].([]any)
			c.change(obj(list[len(list)-1]))
		})
		w.rebind(f, 2)
		w.refused(name, f, cur, true, c.family)
	}
	// Searching: the owner is asked, alone, and spells matter.
	for path, found := range map[string]bool{
		"codes.json": true, "CODES.json": false, "none.json": false,
		"amc/" + insurerA + "/issuer.json": true, "amc/" + insurerA + "/status/3": true, "amc/" + insurerA + "/status/4": false,
		"amc/" + insurerA + "/notices.json": false, "amc/" + insurerA + "/Issuer.json": false, "amc/" + insurerA + "/status/3/x": false, "amc/5/issuer.json": false,
	} {
		if _, err := cur.Target(path); (err == nil) != found {
			t.Errorf("%s: %v", path, err)
		}
	}
	// A role that is not in the snapshot is not looked for.
	for _, role := range []string{roleB, StatusRole(insurerB)} {
		f := w.copy()
		w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 2; delete(obj(s["meta"]), role+".json") })
		w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
		w.refused(role+" not in the snapshot", f, nil, true, ErrMixed)
		w.refused(role+" not in the snapshot", f, cur, false, ErrMixed)
	}
}

// A role verified under one delegator is verified again under the next state's.
func TestTUFRoleUnderItsDelegator(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	// Targets names another key for A; A's file, verified before, stays as it is.
	f, other := w.copy(), newKey(t)
	w.forge(f, RoleTargets, func(s map[string]any) {
		s["version"] = 2
		d := obj(s["delegations"])
		key, id, err := tufKey(other.Public())
		if err != nil {
			t.Fatal(err)
		}
		d["keys"] = map[string]any{id: map[string]any{"keytype": key.Type, "scheme": key.Scheme, "keyval": map[string]any{"public": key.Value.PublicKey}}}
		obj(d["roles"].([]any)[0])["keyids"] = []any{id}
	})
	w.rebind(f, 2)
	w.refused("a role of the replaced key", f, cur, true, ErrSignature)
	// The twin: A's file by the key that is named now.
	w.forge(f, InsurerRole(insurerA), func(s map[string]any) { s["version"] = 2 }, other)
	w.rebind(f, 3)
	if _, err := w.follow(f, cur); err != nil {
		t.Error(err)
	}
}
