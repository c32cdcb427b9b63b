// Keys that are replaced on a day of the operator's choosing: what is signed
// anew, by whom, and that every counter follows from wherever it stopped.
package trust

import (
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// everyRole lists the roles whose keys can be replaced in a world with these insurers.
func everyRole(insurers ...string) []string {
	roles := []string{RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp}
	for _, key := range insurers {
		roles = append(roles, InsurerRole(key), StatusRole(key))
	}
	return roles
}

// replace gives these roles new keys, through the writer's own calls, with all
// ceremonies; the next publication brings them. It returns the keys before.
func (w *world) replace(roles ...string) (old map[string][]crypto.Signer) {
	w.t.Helper()
	old = maps.Clone(w.keys)
	var ch RootChange
	ceremony := false
	for _, role := range roles {
		w.keys[role] = []crypto.Signer{newKey(w.t)}
		pub := w.keys[role][0].Public()
		switch role {
		case RoleRoot:
			w.keys[role] = append(w.keys[role], newKey(w.t), newKey(w.t))
			for _, k := range w.keys[role] {
				ch.Root = append(ch.Root, k.Public())
			}
			ceremony = true
		case RoleTargets:
			ch.Targets, ceremony = pub, true
		case RoleSnapshot:
			ch.Snapshot, ceremony = pub, true
		case RoleTimestamp:
			ch.Timestamp, ceremony = pub, true
		default:
			key, status, err := splitRole(role)
			if err != nil {
				w.t.Fatal(err)
			}
			if status {
				err = w.repo.ReplaceInsurerKeys(key, nil, pub)
			} else {
				err = w.repo.ReplaceInsurerKeys(key, pub, nil)
			}
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
	if ceremony {
		draft, err := w.repo.DraftRoot(w.now, ch)
		if err != nil {
			w.t.Fatal(err)
		}
		signers := old[RoleRoot][:2:2]
		if ch.Root != nil {
			signers = append(signers, w.keys[RoleRoot][:2]...)
		}
		if err := w.repo.InstallRoot(signDraft(w.t, draft, signers...)); err != nil {
			w.t.Fatal(err)
		}
	}
	return old
}

func signDraft(t testing.TB, draft []byte, signers ...crypto.Signer) []byte {
	t.Helper()
	for _, s := range signers {
		var err error
		if draft, err = SignRoot(draft, s); err != nil {
			t.Fatal(err)
		}
	}
	return draft
}

// Each key replaced alone: which files are new, whose keys are asked for, what
// the counter reports, and that the old key is worth nothing any more.
func TestReplaceEachKey(t *testing.T) {
	roleA, statusA := InsurerRole(insurerA), StatusRole(insurerA)
	for role, want := range map[string]struct {
		files, asked []string
	}{
		RoleRoot:      {[]string{"2.root.json", timestampPath}, []string{RoleTimestamp}},
		RoleTimestamp: {[]string{"2.root.json", timestampPath}, []string{RoleTimestamp}},
		RoleSnapshot:  {[]string{"2.snapshot.json", "2.root.json", timestampPath}, []string{RoleSnapshot, RoleTimestamp}},
		RoleTargets:   {[]string{"2.targets.json", "2.snapshot.json", "2.root.json", timestampPath}, []string{RoleTargets, RoleSnapshot, RoleTimestamp}},
		roleA:         {[]string{"2." + roleA + ".json", "2.targets.json", "2.snapshot.json", timestampPath}, []string{roleA, RoleTargets, RoleSnapshot, RoleTimestamp}},
		statusA:       {[]string{"2." + roleA + ".json", "2." + statusA + ".json", "2.snapshot.json", timestampPath}, []string{roleA, statusA, RoleSnapshot, RoleTimestamp}},
	} {
		t.Run(role, func(t *testing.T) {
			w := newWorld(t)
			cur := w.mustFollow(w.store, nil)
			day1 := w.copy()
			w.now = w.now.Add(day)
			old := w.replace(role)
			keys, threshold, err := w.repo.Authority(role)
			if err != nil || len(keys) != len(w.keys[role]) || !slices.ContainsFunc(w.keys[role], func(s crypto.Signer) bool { return keys[0].Equal(s.Public()) }) {
				t.Fatalf("authority %v %d %v", keys, threshold, err)
			}
			// Without a key that must sign, nothing is published and it is named.
			for _, away := range want.asked {
				w.away = map[string]bool{away: true}
				before := w.repo.View()
				if files, err := w.repo.Commit(w.now, w.sign); files != nil || !errors.Is(err, ErrNoSigner) || !strings.Contains(err.Error(), away) || w.repo.View() != before {
					t.Errorf("%s away: %v", away, err)
				}
			}
			// All at once: each is named.
			w.away = map[string]bool{}
			for _, away := range want.asked {
				w.away[away] = true
			}
			if _, err := w.repo.Commit(w.now, w.sign); !errors.Is(err, ErrNoSigner) || strings.Count(err.Error(), ErrNoSigner.Error()) != len(want.asked) {
				t.Errorf("all away: %v", err)
			}
			w.away, w.asked = map[string]bool{}, nil
			// With the old key instead: it is not the role's.
			fresh := w.keys[role]
			if role != RoleRoot {
				w.keys[role] = old[role]
				if _, err := w.repo.Commit(w.now, w.sign); !errors.Is(err, ErrWrongKey) {
					t.Errorf("old key: %v", err)
				}
			}
			w.keys[role], w.asked = fresh, nil
			if got := paths(w.publish()); !slices.Equal(got, want.files) || !slices.Equal(w.asked, want.asked) {
				t.Errorf("published %v, asked %v", got, w.asked)
			}
			next := w.mustFollow(w.store, cur)
			wantReplaced := []string{role}
			if role == RoleRoot {
				wantReplaced = nil
			}
			_, rep, err := Refresh(t.Context(), w.store, RefreshOptions{Current: cur, Now: w.now})
			if err != nil || !slices.Equal(rep.Replaced, wantReplaced) || rep.Recovered != (role == RoleTimestamp) {
				t.Errorf("report %+v, %v", rep, err)
			}
			for _, r := range everyRole(insurerA, insurerB) {
				if next.SameKeys(cur, r) != (r != role) || cur.SameKeys(next, r) != (r != role) {
					t.Errorf("same keys of %s: %v", r, next.SameKeys(cur, r))
				}
			}
			// Old files with the old key come back no more.
			for path, data := range day1 {
				src := w.copy()
				if src[path] = data; path == timestampPath || string(w.store[path]) != string(data) {
					if got, err := w.follow(src, next); err == nil && got != next {
						t.Errorf("%s of the day before taken", path)
					}
				}
			}
			if role != RoleRoot {
				src := w.copy()
				w.forge(src, role, func(s map[string]any) { s["version"] = 9 }, old[role]...)
				for range 2 {
					w.forge(src, RoleSnapshot, func(s map[string]any) { s["version"] = 9 }, pick(role == RoleSnapshot, old, w.keys)[RoleSnapshot]...)
				}
				w.forge(src, RoleTimestamp, func(s map[string]any) { s["version"] = 9 }, pick(role == RoleTimestamp, old, w.keys)[RoleTimestamp]...)
				if _, err := w.follow(src, next); !errors.Is(err, ErrSignature) {
					t.Errorf("old key after its replacement: %v", err)
				}
			}
			// The writer comes back from its files, and publishes on.
			if w.repo, err = Load(bundle(w.store).read); err != nil {
				t.Fatal(err)
			}
			w.nextDay()
			w.mustFollow(w.store, next)
			w.mustFollow(w.store, nil)
		})
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// Ten rotations of every key. A counter that stopped at any of the states
// before follows step by step, as does one that was never there.
func TestTenRotationsOfEverything(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	type stop struct {
		state *Trusted
		files bundle
	}
	var stops []stop
	keep := func() {
		state := w.mustFollow(w.store, nil)
		files, err := state.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		held := bundle{}
		for _, f := range files {
			held[f.Path] = f.Data
		}
		stops = append(stops, stop{state, held})
	}
	keep()
	for i := range 10 {
		var err error
		if w.repo, err = Load(bundle(w.store).read); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(300 * day)
		w.replace(everyRole(insurerA, insurerB)...)
		w.set(StatusRole(insurerA), "amc/"+insurerA+"/status/3", fmt.Sprint("page ", i), nil)
		w.publish()
		keep()
	}
	last := stops[10].state
	for i, s := range stops[:10] {
		// Each opens what it stored: ten to three hundred months past every expiry.
		cur, err := Open(s.files.read, w.root())
		if err != nil {
			t.Fatal(err)
		}
		next, rep, err := Refresh(t.Context(), w.store, RefreshOptions{Current: cur, Now: w.now, Want: wantAll})
		if err != nil || next.RootVersion() != 11 || next.Version() != 11 || rep.Roots != 10-i || !rep.Recovered || len(rep.Replaced) != 7 {
			t.Errorf("from state %d: %v %+v", i, err, rep)
		}
		// Not past a root that is missing, and not by a jump over it.
		if i < 9 {
			gap := w.copy()
			delete(gap, metaPath(RoleRoot, int64(i+2)))
			if _, err := w.follow(gap, cur); !errors.Is(err, ErrSignature) {
				t.Errorf("gap after %d: %v", i, err)
			}
			gap[metaPath(RoleRoot, int64(i+2))] = w.store[metaPath(RoleRoot, int64(i+3))]
			if _, err := w.follow(gap, cur); !errors.Is(err, ErrMixed) {
				t.Errorf("jump after %d: %v", i, err)
			}
		}
		// Whoever is at the end takes nothing of the past.
		past := w.copy()
		maps.Copy(past, memory(s.files))
		if got, err := w.follow(past, last); err == nil && got != last {
			t.Errorf("the last state went back to %d", i)
		}
	}
}

// Years without a word: everything has expired, on both sides. The counter's
// state stays open; the operator comes back, changes all keys, and is followed.
func TestExpiredDuringOutage(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	stored := bundle(w.copy())
	w.now = w.now.Add(5 * 365 * day)
	if cur.root().expires.After(w.now) {
		t.Fatal("nothing has expired")
	}
	cur, err := Open(stored.read, w.root())
	if err != nil {
		t.Fatalf("the counter's own state: %v", err)
	}
	if got := w.mustFollow(w.store, cur); got != cur {
		t.Error("a state nobody published")
	}
	// Online keys alone can't mend it, and say whose key would.
	if w.repo, err = Load(stored.read); err != nil {
		t.Fatal(err)
	}
	w.away = map[string]bool{RoleRoot: true}
	if _, err := w.repo.Commit(w.now, w.sign); !errors.Is(err, ErrExpiredAtPublication) || !strings.Contains(err.Error(), "root") {
		t.Errorf("root away: %v", err)
	}
	// The expired root still says who makes the next one.
	w.replace(everyRole(insurerA)...)
	w.publish()
	next := w.mustFollow(w.store, cur)
	if next.RootVersion() != 2 || !next.Expires().After(w.now) {
		t.Errorf("root %d, expires %s", next.RootVersion(), next.Expires())
	}
	// A later root alone, same keys: nothing else is signed but the timestamp.
	w.now = w.now.Add(5 * day)
	draft, err := w.repo.DraftRoot(w.now, RootChange{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.repo.InstallRoot(signDraft(t, draft, w.keys[RoleRoot][:2]...)); err != nil {
		t.Fatal(err)
	}
	if got := paths(w.publish()); !slices.Equal(got, []string{"3.root.json", timestampPath}) {
		t.Errorf("published %v", got)
	}
	_, rep, err := Refresh(t.Context(), w.store, RefreshOptions{Current: next, Now: w.now})
	if err != nil || rep.Roots != 1 || rep.Replaced != nil {
		t.Errorf("%+v %v", rep, err)
	}
}

// A machine that stops before anything is stored has changed nothing; stored
// by halves, every counter keeps its state or has the new one.
func TestRotationCrash(t *testing.T) {
	w := newWorld(t, insurerA, insurerB)
	cur := w.mustFollow(w.store, nil)
	stored := w.copy()
	keys := maps.Clone(w.keys)
	w.now = w.now.Add(day)
	w.replace(everyRole(insurerA, insurerB)...)
	files, err := w.repo.Commit(w.now, w.sign)
	if err != nil {
		t.Fatal(err)
	}
	fresh := maps.Clone(w.keys)
	// Before storing: the old keys go on as if nothing had been.
	w.keys, w.store = keys, stored
	if w.repo, err = Load(bundle(stored).read); err != nil {
		t.Fatal(err)
	}
	again := w.copy()
	w.nextDay()
	if got := w.mustFollow(w.store, cur); got.RootVersion() != 1 || got.Version() != 2 {
		t.Errorf("root %d, version %d", got.RootVersion(), got.Version())
	}
	// By halves.
	half := again
	for i, f := range files {
		half[f.Path] = f.Data
		got, err := w.follow(half, cur)
		switch {
		case i == len(files)-1:
			if err != nil || got.RootVersion() != 2 || got.Version() != 2 {
				t.Errorf("whole: %v", err)
			}
		case f.Path == "2.root.json":
			// The root is there and its timestamp is not, for one write.
			if !errors.Is(err, ErrSignature) {
				t.Errorf("after %s: %v", f.Path, err)
			}
		case err != nil || got != cur:
			t.Errorf("after %s: %v", f.Path, err)
		}
	}
	w.store, w.keys = half, fresh
	if w.repo, err = Load(bundle(half).read); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.nextDay()
	w.mustFollow(w.store, cur)
}

// Two ceremonies before one publication, and one on the day of a renewal.
func TestTwoRootsInOneCommit(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	w.now = w.now.Add(800 * day) // in the root's last third
	w.replace(RoleRoot, RoleTimestamp)
	w.replace(RoleRoot, RoleSnapshot)
	got := paths(w.publish())
	if !slices.Contains(got, "2.root.json") || !slices.Contains(got, "3.root.json") || slices.Contains(got, "4.root.json") || got[len(got)-1] != timestampPath {
		t.Errorf("published %v", got)
	}
	if next := w.mustFollow(w.store, cur); next.RootVersion() != 3 {
		t.Errorf("root %d", next.RootVersion())
	}
}
