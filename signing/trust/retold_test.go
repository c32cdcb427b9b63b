// The scenarios of The Update Framework's conformance suite, retold for this
// format: basic workflow, times and files. CONFORMANCE.md has the table.
package trust

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// askedSource notes every request, answered or not.
type askedSource struct {
	memory
	mu    sync.Mutex
	asked []string
}

func (a *askedSource) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	a.mu.Lock()
	a.asked = append(a.asked, path)
	a.mu.Unlock()
	return a.memory.Fetch(ctx, path, limit)
}

// refused says that neither a counter with cur nor, if fresh, a new one takes
// files, with this family, and that the honest files are taken afterwards.
func (w *world) refused(what string, files memory, cur *Trusted, fresh bool, family error) {
	w.t.Helper()
	counters := []*Trusted{cur}
	if fresh {
		counters = append(counters, nil)
	}
	for _, c := range counters {
		if next, err := w.follow(files, c); next != nil || !errors.Is(err, family) {
			w.t.Errorf("%s: %v (counter with a state: %v), want %v", what, err, c != nil, family)
		}
		w.mustFollow(w.store, c)
	}
}

// rebind signs the newest snapshot and timestamp again, as version v.
func (w *world) rebind(f memory, v int) {
	w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = v })
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = v })
}

func TestTUFRequests(t *testing.T) {
	w := newWorld(t, "7")
	src := &askedSource{memory: w.store}
	want := []string{"2.root.json", timestampPath, "1.snapshot.json", "1.targets.json"}
	next, _, err := Refresh(t.Context(), src, RefreshOptions{Root: w.root(), Now: w.now})
	if err != nil || !slices.Equal(src.asked[:4], want) || len(src.asked) != 6 {
		t.Fatalf("asked %v, %v", src.asked, err)
	}
	// What is kept is what was served, byte for byte.
	files, err := next.Metadata()
	if err != nil || len(files) != 6 {
		t.Fatal(err)
	}
	for _, f := range files {
		if !bytes.Equal(f.Data, w.store[f.Path]) {
			t.Errorf("%s is not what was served", f.Path)
		}
	}
	// A target can be asked for through a verified state only; one that is not
	// there leaves nothing behind.
	src.asked = nil
	next, _, err = Refresh(t.Context(), src, RefreshOptions{Root: w.root(), Now: w.now, Want: func(_ context.Context, _ *Trusted, fetch func(string) ([]byte, error)) error {
		_, err := fetch("none.json")
		return err
	}})
	if next != nil || !errors.Is(err, ErrNotFound) || !slices.Equal(src.asked[:4], want) || len(src.asked) != 6 {
		t.Errorf("target that is not there: %v, asked %v", err, src.asked)
	}
}

func TestTUFInitialRoot(t *testing.T) {
	w := newWorld(t, "7")
	noVersion := signedPart(t, w.root())
	delete(noVersion, "version")
	for name, c := range map[string]struct {
		family error
		root   []byte
	}{
		"without a version": {ErrMalformed, sealJSON(t, noVersion, w.keys[RoleRoot]...)},
		"signed by another": {ErrSignature, sealJSON(t, signedPart(t, w.root()), newKey(t), newKey(t))},
		"signed by one":     {ErrSignature, sealJSON(t, signedPart(t, w.root()), w.keys[RoleRoot][0])},
		"another signature": {ErrSignature, bytes.Replace(w.root(), w.root()[len(`{"signatures":[{"keyid":"`)+64+9:][:140], bytes.Repeat([]byte("0"), 140), 1)},
		"empty":             {ErrMalformed, nil},
	} {
		src := &askedSource{memory: w.store}
		next, _, err := Refresh(t.Context(), src, RefreshOptions{Root: c.root, Now: w.now})
		if next != nil || !errors.Is(err, c.family) || len(src.asked) != 0 {
			t.Errorf("%s: %v, asked %v", name, err, src.asked)
		}
	}
}

func TestTUFUnsigned(t *testing.T) {
	for _, role := range everyRole(insurerA) {
		w := newWorld(t, insurerA)
		cur := w.mustFollow(w.store, nil)
		f := w.copy()
		if role == RoleRoot {
			w.rotateRootIn(f, nil, newKey(t), newKey(t))
		} else {
			w.forge(f, role, func(s map[string]any) { s["version"] = 2 }, newKey(t))
			if role != RoleTimestamp && role != RoleSnapshot {
				w.rebind(f, 3)
			}
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 3 }, pick(role == RoleTimestamp, w.keys[RoleSnapshot], w.keys[RoleTimestamp])...)
		}
		w.refused(role, f, cur, true, ErrSignature)
		if cur.Version() != 1 || cur.RootVersion() != 1 {
			t.Errorf("%s: the state moved", role)
		}
	}
}

func TestTUFVersionMismatch(t *testing.T) {
	for _, role := range everyRole(insurerA) {
		if role == RoleTimestamp {
			continue // it has no number in its name
		}
		w := newWorld(t, insurerA)
		cur := w.mustFollow(w.store, nil)
		f := w.copy()
		if role == RoleRoot {
			w.rotateRootIn(f, func(s map[string]any) { s["version"] = 3 })
		} else {
			// The file is called 2 and says 3, signed and bound as 2.
			w.forge(f, role, func(s map[string]any) { s["version"] = 2 })
			signed := signedPart(t, f[metaPath(role, 2)])
			signed["version"] = 3
			f[metaPath(role, 2)] = sealJSON(t, signed, w.keys[role]...)
			if role == RoleSnapshot {
				w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2; bind(s, role, 2, f[metaPath(role, 2)]) })
			} else {
				w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 2; bind(s, role, 2, f[metaPath(role, 2)]) })
				w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
			}
		}
		w.refused(role, f, cur, true, ErrMixed)
	}
}

// Other content under the number that is known: theirs goes on in silence,
// this reader says that there are two registers; the state is kept either way.
func TestTUFTimestampContentChanges(t *testing.T) {
	w := newWorld(t, "7")
	cur := w.mustFollow(w.store, nil)
	f := w.copy()
	w.forge(f, RoleTimestamp, func(s map[string]any) { obj(obj(s["meta"])["snapshot.json"])["version"] = 100 })
	src := &askedSource{memory: f}
	_, _, err := Refresh(t.Context(), src, RefreshOptions{Current: cur, Now: w.now})
	if !errors.Is(err, ErrForked) || src.asked[len(src.asked)-1] != timestampPath {
		t.Errorf("%v, asked %v", err, src.asked)
	}
}

func TestTUFHashes(t *testing.T) {
	for _, c := range []struct {
		in, of string
	}{{RoleTimestamp, RoleSnapshot}, {RoleSnapshot, RoleTargets}, {RoleSnapshot, InsurerRole(insurerA)}, {RoleSnapshot, StatusRole(insurerA)}} {
		w := newWorld(t, insurerA)
		cur := w.mustFollow(w.store, nil)
		for name, change := range map[string]struct {
			family error
			do     func(ref map[string]any)
		}{
			"another hash":   {ErrMixed, func(ref map[string]any) { obj(ref["hashes"])["sha256"] = strings.Repeat("0", 64) }},
			"one byte more":  {ErrMixed, func(ref map[string]any) { ref["length"] = json.Number(fmt.Sprint(must64(t, ref["length"]) + 1)) }},
			"no hash":        {ErrMalformed, func(ref map[string]any) { delete(ref, "hashes") }},
			"no length":      {ErrMalformed, func(ref map[string]any) { delete(ref, "length") }},
			"SHA-512 beside": {ErrMalformed, func(ref map[string]any) { obj(ref["hashes"])["sha512"] = strings.Repeat("0", 128) }},
		} {
			f := w.copy()
			// A new version, so that nothing is reused; then the false entry.
			w.forge(f, c.of, func(s map[string]any) { s["version"] = 2 })
			w.forge(f, c.in, func(s map[string]any) { s["version"] = 2; change.do(obj(obj(s["meta"])[c.of+".json"])) })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
			w.refused(name+" of "+c.of, f, cur, true, change.family)
		}
		f := w.copy()
		w.forge(f, c.of, func(s map[string]any) { s["version"] = 2 })
		w.rebind(f, 3)
		if _, err := w.follow(f, cur); err != nil {
			t.Errorf("the twin of %s: %v", c.of, err)
		}
	}
}

func must64(t testing.TB, v any) int64 {
	n, err := v.(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Theirs keeps another spelling as it came; this format has one spelling.
func TestTUFOneSpelling(t *testing.T) {
	w := newWorld(t, "7")
	cur := w.mustFollow(w.store, nil)
	for _, other := range [][]byte{append(bytes.Clone(w.store[timestampPath]), ' '), bytes.Replace(w.store[timestampPath], []byte(`,"signed"`), []byte(`, "signed"`), 1)} {
		f := w.copy()
		f[timestampPath] = other
		w.refused("another spelling", f, cur, true, ErrMalformed)
	}
}

func TestTUFUnknownMembers(t *testing.T) {
	w := newWorld(t, "7")
	cur := w.mustFollow(w.store, nil)
	f := w.copy()
	w.rotateRootIn(f, func(s map[string]any) { s["custom-field"] = "value" })
	if next, err := w.follow(f, cur); err != nil || next.RootVersion() != 2 {
		t.Errorf("unknown member of a root: %v", err)
	}
	for name, change := range map[string]func(s map[string]any){
		"of a role": func(s map[string]any) { obj(obj(s["roles"])[RoleRoot])["another-field"] = "value" },
		"of a key":  func(s map[string]any) { obj(obj(s["keys"])[anyKey(s)])["keyid_hash_algorithms"] = []any{"md5"} },
	} {
		f := w.copy()
		w.rotateRootIn(f, change)
		w.refused("unknown member "+name, f, cur, true, ErrMalformed)
	}
}

func TestTUFMissingFiles(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	for _, role := range []string{RoleSnapshot, RoleTargets, InsurerRole(insurerA), StatusRole(insurerA)} {
		f := w.copy()
		w.forge(f, role, func(s map[string]any) { s["version"] = 2 })
		if role != RoleSnapshot {
			w.rebind(f, 2)
		} else {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
		}
		delete(f, metaPath(role, 2))
		src := &askedSource{memory: f}
		_, _, err := Refresh(t.Context(), src, RefreshOptions{Current: cur, Now: w.now})
		if !errors.Is(err, ErrNotFound) || src.asked[len(src.asked)-1] != metaPath(role, 2) {
			t.Errorf("%s: %v, asked %v", role, err, src.asked)
		}
		w.refused(role, f, cur, true, ErrNotFound)
	}
	f := w.copy()
	delete(f, timestampPath)
	w.refused(timestampPath, f, cur, true, ErrNotFound)
}

// A snapshot that would do as a timestamp but for its type, signed by the
// timestamp's key.
func TestTUFWrongType(t *testing.T) {
	w := newWorld(t, "7")
	cur := w.mustFollow(w.store, nil)
	for _, kind := range []string{RoleSnapshot, RoleTargets, RoleRoot, "Timestamp", ""} {
		f := w.copy()
		w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2; s["_type"] = kind })
		w.refused(kind, f, cur, true, ErrMalformed)
	}
	f := w.copy()
	w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
	if _, err := w.follow(f, cur); err != nil {
		t.Error(err)
	}
}

// Expiry is judged at the publication, never by the reader's clock.
func TestTUFExpired(t *testing.T) {
	for _, role := range everyRole(insurerA) {
		w := newWorld(t, insurerA)
		cur := w.mustFollow(w.store, nil)
		f := w.copy()
		past := func(s map[string]any) {
			s["version"] = 2
			s["expires"] = w.now.Add(-time.Second).Format(timeForm)
		}
		switch role {
		case RoleRoot:
			w.rotateRootIn(f, past)
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
		case RoleTimestamp:
			w.forge(f, role, past)
		default:
			w.forge(f, role, past)
			w.rebind(f, 2)
		}
		if role == RoleSnapshot {
			w.forge(f, role, past)
		}
		w.refused(role, f, cur, true, ErrExpiredAtPublication)
	}
}

// A counter whose own root or timestamp has expired comes back; so it does by
// whatever clock it is given.
func TestTUFExpiredLocal(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	// The timestamp's week is over: the same list is still the list.
	w.now = w.now.Add(18 * day)
	if got := w.mustFollow(w.store, cur); got != cur {
		t.Error("another state")
	}
	w.set(StatusRole(insurerA), "amc/"+insurerA+"/status/3", "later", nil)
	w.publish()
	cur = w.mustFollow(w.store, cur)
	// The root's years are over, and a new one is there.
	w.now = w.now.Add(4 * 365 * day)
	w.publish()
	if next := w.mustFollow(w.store, cur); next.RootVersion() != 2 || !next.Published().Equal(w.now) {
		t.Errorf("root %d", next.RootVersion())
	}
	// The same files by a clock that is behind: a list from the future.
	w.now = w.now.Add(-day)
	if _, err := w.follow(w.store, cur); !errors.Is(err, ErrFromFuture) {
		t.Errorf("clock a day behind: %v", err)
	}
}
