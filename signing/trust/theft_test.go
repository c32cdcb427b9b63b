// What a thief of each key can do, before and after it is replaced; and that
// replacing it lets the honest operator in again, for that key's role alone.
package trust

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// ahead is how far thieves run the numbers up: as far as one step may.
const ahead = maxVersionStep

// rob makes what a thief with these roles' keys could publish at best: each
// role's metadata under a number far ahead, with what only the thief would
// say, the whole bound by snapshot and timestamp. Whatever must be signed by a
// key that was not stolen is signed by the thief's own.
func (w *world) rob(stolen ...string) memory {
	w.t.Helper()
	f := w.copy()
	thief := newKey(w.t)
	signers := func(role string) []crypto.Signer {
		if slices.Contains(stolen, role) {
			return w.keys[role]
		}
		return []crypto.Signer{thief}
	}
	for _, role := range stolen {
		if role == RoleRoot || role == RoleSnapshot || role == RoleTimestamp {
			continue
		}
		path, v := w.latest(f, role)
		signed := signedPart(w.t, f[path])
		signed["version"] = v + ahead
		if key, status, err := splitRole(role); err == nil && status {
			page := "amc/" + key + "/status/3"
			content := []byte("nothing is revoked")
			info := refTo(0, content)
			obj(signed["targets"])[page] = map[string]any{"length": info.length, "hashes": map[string]any{"sha256": fmt.Sprintf("%x", info.sha256)}}
			f[Info{Path: page, SHA256: info.sha256}.FetchPath()] = content
		}
		f[metaPath(role, v+ahead)] = sealJSON(w.t, signed, w.keys[role]...)
	}
	_, v := w.latest(f, RoleSnapshot)
	snap := signedPart(w.t, f[metaPath(RoleSnapshot, v)])
	changed := false
	for _, role := range stolen {
		if role == RoleRoot || role == RoleSnapshot || role == RoleTimestamp {
			continue
		}
		_, rv := w.latest(w.store, role)
		bind(snap, role, rv+ahead, f[metaPath(role, rv+ahead)])
		changed = true
	}
	stamp := signedPart(w.t, f[timestampPath])
	if changed || slices.Contains(stolen, RoleSnapshot) {
		snap["version"] = v + ahead
		f[metaPath(RoleSnapshot, v+ahead)] = sealJSON(w.t, snap, signers(RoleSnapshot)...)
		bind(stamp, RoleSnapshot, v+ahead, f[metaPath(RoleSnapshot, v+ahead)])
	}
	stamp["version"] = int(w.repo.View().Version()) + ahead
	stamp["published"] = w.now.Add(maxFuture).Format(timeForm)
	stamp["expires"] = w.now.Add(300 * day).Format(timeForm)
	f[timestampPath] = sealJSON(w.t, stamp, signers(RoleTimestamp)...)
	return f
}

var online = []string{RoleSnapshot, RoleTimestamp}

// One key stolen: alone it gets nothing past a counter, but the timestamp's.
// With the online keys beside it, it is believed until it is replaced.
func TestThiefOfEachKey(t *testing.T) {
	for _, role := range everyRole(insurerA) {
		t.Run(role, func(t *testing.T) {
			w := newWorld(t, insurerA, insurerB)
			cur := w.mustFollow(w.store, nil)
			alone := w.rob(role)
			got, err := w.follow(alone, cur)
			if role == RoleTimestamp {
				if err != nil || got.Version() != 1+ahead {
					t.Fatalf("thief of the timestamp key: %v", err)
				}
			} else if !errors.Is(err, ErrSignature) {
				t.Errorf("thief of %s alone: %v", role, err)
			}
			// One root key of three makes no root.
			if role == RoleRoot {
				w.rotateRootIn(alone, nil, w.keys[RoleRoot][0])
				if _, err := w.follow(alone, cur); !errors.Is(err, ErrSignature) {
					t.Errorf("root by one of two: %v", err)
				}
				return
			}
			// A thief who also has the server.
			stolen := append([]string{role}, online...)
			poison := w.rob(stolen...)
			sick, err := w.follow(poison, cur)
			if err != nil {
				t.Fatalf("with the online keys, before: %v", err)
			}
			old := w.keys
			// The operator replaces the online keys only: the role's own number
			// binds still, since the thief still has its key. The honest date is
			// before the thief's.
			w.now = w.now.Add(time.Minute)
			if role != RoleTimestamp && role != RoleSnapshot {
				half := *w
				half.t, half.store = t, w.copy()
				if half.repo, err = Load(bundle(half.store).read); err != nil {
					t.Fatal(err)
				}
				half.keys = map[string][]crypto.Signer{}
				for r, k := range old {
					half.keys[r] = k
				}
				half.replace(online...)
				half.publish()
				if got, err := half.follow(half.store, sick); got != nil || !errors.Is(err, ErrRollback) {
					t.Errorf("without replacing %s: %v", role, err)
				}
				// Whoever never met the thief is not concerned.
				half.mustFollow(half.store, cur)
			}
			old = w.replace(stolen...)
			w.publish()
			next, rep, err := Refresh(t.Context(), w.store, RefreshOptions{Current: sick, Now: w.now, Want: wantAll})
			if err != nil || next.Version() != 2 {
				t.Fatalf("honest state after the replacement: %v %+v", err, rep)
			}
			want := slices.Compact(slices.Sorted(slices.Values(stolen)))
			if !slices.Equal(rep.Replaced, want) || !rep.Recovered {
				t.Errorf("replaced %v, want %v", rep.Replaced, want)
			}
			w.mustFollow(w.store, cur)
			// The thief's files, as they were and made anew over the honest ones.
			fresh := w.keys
			for name, f := range map[string]memory{"replayed": poison, "replayed over the new root": merge(poison, w.store, "2.root.json")} {
				for _, counter := range []*Trusted{next, w.mustFollow(w.store, nil)} {
					if got, err := w.follow(f, counter); !errors.Is(err, ErrSignature) {
						t.Errorf("%s: %v %v", name, got != nil, err)
					}
				}
			}
			w.keys = old
			again := w.rob(stolen...)
			w.keys = fresh
			for _, counter := range []*Trusted{next, cur, sick, nil} {
				if _, err := w.follow(again, counter); !errors.Is(err, ErrSignature) {
					t.Errorf("old keys over the new root: %v", err)
				}
			}
			w.nextDay()
			w.mustFollow(w.store, next)
		})
	}
}

func merge(a, b memory, paths ...string) memory {
	out := memory{}
	for p, d := range a {
		out[p] = d
	}
	for _, p := range paths {
		out[p] = b[p]
	}
	return out
}

// The targets key and the online ones: the thief gives insurer A other keys,
// and invents an insurer. Replacing the operator's keys is enough: what the
// thief's delegations said falls with them, what insurers signed does not.
func TestThiefOfTargetsDelegates(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	w.nextDay()
	cur := w.mustFollow(w.store, nil)
	roleA, statusA, invented := InsurerRole(insurerA), StatusRole(insurerA), "99999"
	// The thief works with the operator's own program.
	thief := *w
	thief.store, thief.keys = w.copy(), map[string][]crypto.Signer{}
	for r, k := range w.keys {
		thief.keys[r] = k
	}
	var err error
	if thief.repo, err = Load(bundle(thief.store).read); err != nil {
		t.Fatal(err)
	}
	thief.replace(roleA, statusA)
	thief.addInsurer(invented)
	thief.set(InsurerRole(invented), "amc/"+invented+"/issuer.json", "{}", nil)
	for i := range 5 {
		thief.set(statusA, "amc/"+insurerA+"/status/3", fmt.Sprint("nothing is revoked ", i), nil)
		thief.publish()
	}
	sick := w.mustFollow(thief.store, cur)
	if !sick.HasInsurer(invented) || sick.SameKeys(cur, roleA) {
		t.Fatal("the thief was not believed")
	}
	// Before: the honest operator's next states are refused.
	w.now = w.now.Add(day)
	if _, err := w.follow(w.store, sick); !errors.Is(err, ErrRollback) {
		t.Errorf("before: %v", err)
	}
	// Online keys alone: refused, the invented insurer would disappear.
	half := *w
	half.store, half.keys = w.copy(), map[string][]crypto.Signer{}
	for r, k := range w.keys {
		half.keys[r] = k
	}
	if half.repo, err = Load(bundle(half.store).read); err != nil {
		t.Fatal(err)
	}
	half.replace(online...)
	half.publish()
	if got, err := half.follow(half.store, sick); got != nil || !errors.Is(err, ErrRollback) {
		t.Errorf("online keys alone: %v", err)
	}
	// All three: in.
	w.replace(RoleTargets, RoleSnapshot, RoleTimestamp)
	w.publish()
	next, rep, err := Refresh(t.Context(), w.store, RefreshOptions{Current: sick, Now: w.now, Want: wantAll})
	if err != nil || next.HasInsurer(invented) || !next.SameKeys(cur, roleA) || !next.SameKeys(cur, statusA) {
		t.Fatalf("after: %v", err)
	}
	want := []string{roleA, statusA, InsurerRole(invented), StatusRole(invented), RoleSnapshot, RoleTargets, RoleTimestamp}
	slices.Sort(want)
	if !slices.Equal(rep.Replaced, want) {
		t.Errorf("replaced %v, want %v", rep.Replaced, want)
	}
	// Insurer B, whom nothing befell, is held to its numbers through all this.
	back := w.copy()
	path, _ := w.latest(back, RoleSnapshot)
	statusB := StatusRole(insurerB)
	w.set(statusB, "amc/"+insurerB+"/status/3", "page 2", nil)
	w.publish()
	newer := w.mustFollow(w.store, next)
	old := signedPart(t, back[path])
	w.replace(RoleSnapshot, RoleTimestamp)
	w.publish()
	w.forge(w.store, RoleSnapshot, func(s map[string]any) {
		s["version"] = 50
		obj(s["meta"])[statusB+".json"] = obj(old["meta"])[statusB+".json"]
	})
	w.forge(w.store, RoleTimestamp, func(s map[string]any) { s["version"] = 50 })
	if _, err := w.follow(w.store, newer); !errors.Is(err, ErrRollback) {
		t.Errorf("a role whose keys stayed, taken back under new online keys: %v", err)
	}
}

// An insurer's offline key and the online ones: the thief gives the insurer
// another status key. Only that insurer is touched, and only its key and the
// online ones need be replaced.
func TestThiefOfInsurerDelegates(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	cur := w.mustFollow(w.store, nil)
	roleA, statusA := InsurerRole(insurerA), StatusRole(insurerA)
	thief := *w
	thief.store, thief.keys = w.copy(), map[string][]crypto.Signer{}
	for r, k := range w.keys {
		thief.keys[r] = k
	}
	var err error
	if thief.repo, err = Load(bundle(thief.store).read); err != nil {
		t.Fatal(err)
	}
	thief.replace(statusA)
	for i := range 3 {
		thief.set(statusA, "amc/"+insurerA+"/status/3", fmt.Sprint("nothing is revoked ", i), nil)
		thief.set(roleA, "amc/"+insurerA+"/issuer.json", fmt.Sprint("{\"stolen\":", i, "}"), nil)
		thief.publish()
	}
	sick := w.mustFollow(thief.store, cur)
	// With the insurer's key replaced and the status key as it always was.
	w.now = w.now.Add(day)
	w.replace(roleA, RoleSnapshot, RoleTimestamp)
	w.publish()
	next, rep, err := Refresh(t.Context(), w.store, RefreshOptions{Current: sick, Now: w.now, Want: wantAll})
	if err != nil || !slices.Equal(rep.Replaced, []string{roleA, statusA, RoleSnapshot, RoleTimestamp}) || !next.SameKeys(cur, statusA) {
		t.Errorf("after: %v %+v", err, rep)
	}
	// The insurer's key never vouches for another insurer, before or after.
	for _, role := range []string{InsurerRole(insurerB), StatusRole(insurerB), RoleTargets} {
		f := w.copy()
		w.forge(f, role, func(s map[string]any) { s["version"] = 9 }, thief.keys[roleA]...)
		w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9 })
		w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		for _, c := range []*Trusted{cur, next, nil} {
			if _, err := w.follow(f, c); !errors.Is(err, ErrSignature) {
				t.Errorf("insurer A's key for %s: %v", role, err)
			}
		}
	}
}

// A thief of the online keys lists roles that nobody delegates to, or drops
// insurers from the delegations while the snapshot goes on listing them.
func TestOrphanRoles(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	w.nextDay()
	cur := w.mustFollow(w.store, nil)
	f := w.copy()
	w.forge(f, RoleSnapshot, func(s map[string]any) {
		s["version"] = 9
		obj(s["meta"])["amc-99999.json"] = obj(s["meta"])[InsurerRole(insurerA)+".json"]
	})
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
	for _, c := range []*Trusted{cur, nil} {
		if _, err := w.follow(f, c); !errors.Is(err, ErrScope) {
			t.Errorf("role without a delegation: %v", err)
		}
	}
	f = w.copy()
	w.forge(f, RoleTargets, func(s map[string]any) {
		s["version"] = 9
		d := obj(s["delegations"])
		d["roles"] = d["roles"].([]any)[:1]
	})
	w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9 })
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
	if _, err := w.follow(f, cur); !errors.Is(err, ErrScope) {
		t.Errorf("delegation dropped: %v", err)
	}
}
