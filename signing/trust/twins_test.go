// The valid twins of the attacks, and what is taken although it looks odd.
package trust

import (
	"crypto"
	"testing"
)

// rotateRootIn adds the next root to files only.
func (w *world) rotateRootIn(files memory, change func(map[string]any), signers ...crypto.Signer) {
	w.t.Helper()
	kept := w.store
	w.store = files
	defer func() { w.store = kept }()
	w.rotateRoot(change, signers...)
}

// The twins of the forgeries above: the same road, with nothing wrong on it.
func TestForgeTwins(t *testing.T) {
	w := newWorld(t)
	w.nextDay()
	cur := w.mustFollow(w.store, nil)
	for name, change := range map[string]func(f memory){
		"timestamp": func(f memory) { w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 }) },
		"largest step": func(f memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = maxVersionStep + 2 })
		},
		"edge of the future": func(f memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) {
				s["version"] = 9
				s["published"] = w.now.Add(maxFuture).Format(timeForm)
			})
		},
		"last second of validity": func(f memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["expires"] = s["published"] })
		},
		"unknown member": func(f memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["x-note"] = map[string]any{"a": []any{1, true}} })
		},
		"page in its folder": func(f memory) {
			w.forge(f, StatusRole(insurerA), func(s map[string]any) {
				s["version"] = 9
				obj(s["targets"])["amc/"+insurerA+"/status/4.1-2"] = obj(s["targets"])["amc/"+insurerA+"/status/3"]
			})
			f[mustInfo(t, w, f).FetchPath()] = f[mustInfo3(t, w).FetchPath()]
			w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9 })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		},
		"root by two of three": func(f memory) { w.rotateRootIn(f, nil) },
		"root by three":        func(f memory) { w.rotateRootIn(f, nil, w.keys[RoleRoot]...) },
		"resigned timestamp":   func(f memory) { w.forge(f, RoleTimestamp, func(map[string]any) {}) },
	} {
		files := w.copy()
		change(files)
		if _, err := w.follow(files, cur); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustInfo3(t *testing.T, w *world) Info {
	t.Helper()
	i, err := w.repo.View().Target("amc/" + insurerA + "/status/3")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// mustInfo is the same content under the path that the twin adds.
func mustInfo(t *testing.T, w *world, _ memory) Info {
	i := mustInfo3(t, w)
	i.Path = "amc/" + insurerA + "/status/4.1-2"
	return i
}

// A list that is older than its expiry is still taken when it is newer than
// ours: the verdict says how old it is.
func TestNewerButExpiredIsTaken(t *testing.T) {
	w := newWorld(t)
	cur := w.mustFollow(w.store, nil)
	w.nextDay()
	w.now = w.now.Add(40 * day)
	next := w.mustFollow(w.store, cur)
	if !next.Expires().Before(w.now) || !next.Published().Equal(day0.Add(day)) {
		t.Errorf("published %v expires %v", next.Published(), next.Expires())
	}
	// Frozen for a year: the same state, and its age is in plain sight.
	w.now = w.now.Add(365 * day)
	if got := w.mustFollow(w.store, next); got != next {
		t.Error("frozen mirror changed the state")
	}
	// A clock set back does not lock a counter out of the state it already has.
	w.now = day0.Add(-365 * day)
	if got := w.mustFollow(w.store, next); got != next {
		t.Error("clock set back")
	}
}
