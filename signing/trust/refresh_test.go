// Following an honest repository: what is fetched, what is reused, what is stored.
package trust

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFollow(t *testing.T) {
	w := newWorld(t)
	src := &countingSource{memory: w.store}
	cur, rep, err := Refresh(context.Background(), src, RefreshOptions{Root: w.root(), Now: w.now, Want: wantAll})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Changed || rep.Files != len(src.paths) || rep.Bytes == 0 || rep.Roots != 0 {
		t.Errorf("report %+v", rep)
	}
	if got := cur.Insurers(); !slices.Equal(got, []string{insurerB, insurerA, insurerC}) {
		t.Errorf("insurers %v", got)
	}
	if !cur.Published().Equal(day0) || !cur.Expires().Equal(day0.Add(7*24*time.Hour)) || cur.Version() != 1 || cur.RootVersion() != 1 {
		t.Errorf("published %v, expires %v, version %d", cur.Published(), cur.Expires(), cur.Version())
	}
	info, err := cur.Target("amc/" + insurerA + "/status/3")
	if err != nil || string(info.Custom) != `{"revision":1}` || info.Length != int64(len("page 1 of "+insurerA)) {
		t.Errorf("info %+v, %v", info, err)
	}
	if err := info.Check(w.store[info.FetchPath()]); err != nil {
		t.Error(err)
	}
	if cur.Fingerprint() != Fingerprint(w.root()) {
		t.Error("fingerprint of another root")
	}

	// Nothing new: the same state, one file looked at.
	src.paths = nil
	again, rep, err := Refresh(context.Background(), src, RefreshOptions{Current: cur, Now: w.now})
	if err != nil || again != cur || rep.Changed || !slices.Equal(src.paths, []string{timestampPath}) {
		t.Errorf("unchanged: %+v %v %v", rep, src.paths, err)
	}

	// One page changes: its role, snapshot and timestamp are fetched, the rest reused.
	w.nextDay()
	src.paths = nil
	next, rep, err := Refresh(context.Background(), src, RefreshOptions{Current: cur, Now: w.now, Want: func(_ context.Context, n *Trusted, fetch func(string) ([]byte, error)) error {
		_, err := fetch("amc/" + insurerA + "/status/3")
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	info, _ = next.Target("amc/" + insurerA + "/status/3")
	want := []string{timestampPath, "2.snapshot.json", "2." + StatusRole(insurerA) + ".json", info.FetchPath()}
	if !slices.Equal(src.paths, want) || rep.Reused != 6 {
		t.Errorf("fetched %v (reused %d), want %v", src.paths, rep.Reused, want)
	}
	if cur.Version() != 1 || !cur.Published().Equal(day0) {
		t.Error("the current state was changed")
	}

	// Stored and opened again, offline.
	files, err := next.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	stored := bundle{}
	for _, f := range files {
		stored[f.Path] = f.Data
	}
	if files[len(files)-1].Path != timestampPath || len(stored) != 10 {
		t.Errorf("%d files, last %s", len(stored), files[len(files)-1].Path)
	}
	opened, err := Open(stored.read, next.Root())
	if err != nil {
		t.Fatal(err)
	}
	back, err := opened.Target("amc/" + insurerA + "/status/3")
	if err != nil || back.SHA256 != info.SHA256 {
		t.Errorf("opened: %v", err)
	}
	if list, err := opened.Targets(insurerA); err != nil || len(list) != 2 || list[0].Path != "amc/"+insurerA+"/issuer.json" {
		t.Errorf("targets %v %v", list, err)
	}
}

// A verification in a fresh process reads one insurer's files only.
func TestOpenIsLazy(t *testing.T) {
	w := newWorld(t)
	var read []string
	files := func(path string) ([]byte, error) {
		read = append(read, path)
		return bundle(w.store).read(path)
	}
	tr, err := Open(files, w.root())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Target("amc/" + insurerB + "/issuer.json"); err != nil {
		t.Fatal(err)
	}
	want := []string{"2.root.json", timestampPath, "1.snapshot.json", "1.targets.json", "1.amc-" + insurerB + ".json"}
	if !slices.Equal(read, want) {
		t.Errorf("read %v, want %v", read, want)
	}
	for path, family := range map[string]error{
		"amc/123/issuer.json":                  ErrNotFound,
		"amc/" + insurerB + "/issued/none":     ErrNotFound,
		"other.json":                           ErrNotFound,
		"../codes.json":                        ErrUnsafePath,
		"amc/" + insurerB + "/other.json":      ErrUnsafePath,
		"amc/" + insurerB + "/status/3/deeper": ErrUnsafePath,
	} {
		if _, err := tr.Target(path); !errors.Is(err, family) {
			t.Errorf("%s: %v, want %v", path, err, family)
		}
	}
}

func TestOpenConcurrent(t *testing.T) {
	w := newWorld(t)
	tr, err := Open(bundle(w.store).read, w.root())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			key := []string{insurerA, insurerB, insurerC}[i%3]
			if _, err := tr.Target("amc/" + key + "/status/3"); err != nil {
				t.Error(err)
			}
			if _, err := tr.Metadata(); err != nil {
				t.Error(err)
			}
			if _, err := w.follow(w.store, tr); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// rotateRoot publishes the next root; change edits its signed part.
func (w *world) rotateRoot(change func(signed map[string]any), signers ...crypto.Signer) {
	w.t.Helper()
	path, v := w.latest(w.store, RoleRoot)
	signed := signedPart(w.t, w.store[path])
	signed["version"] = v + 1
	if change != nil {
		change(signed)
	}
	if signers == nil {
		signers = w.keys[RoleRoot][:2]
	}
	w.store[metaPath(RoleRoot, v+1)] = sealJSON(w.t, signed, signers...)
}

// replaceKey puts another key in place of a role's, in a root's signed part.
func replaceKey(t testing.TB, signed map[string]any, role string, k crypto.Signer) {
	t.Helper()
	key, id, err := tufKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	r := signed["roles"].(map[string]any)[role].(map[string]any)
	old := r["keyids"].([]any)[0].(string)
	keys := signed["keys"].(map[string]any)
	delete(keys, old)
	keys[id] = map[string]any{"keytype": key.Type, "scheme": key.Scheme, "keyval": map[string]any{"public": key.Value.PublicKey}}
	r["keyids"].([]any)[0] = id
}

func TestRootChain(t *testing.T) {
	w := newWorld(t)
	cur := w.mustFollow(w.store, nil)
	// Ten rotations missed, one root key replaced at each.
	for i := range 10 {
		fresh := newKey(t)
		w.rotateRoot(func(s map[string]any) {
			r := s["roles"].(map[string]any)[RoleRoot].(map[string]any)
			ids := r["keyids"].([]any)
			// replaceKey takes the first: rotate the list so that each goes in turn.
			for j, k := range w.keys[RoleRoot] {
				if _, id, _ := tufKey(k.Public()); id == ids[0] {
					w.keys[RoleRoot][0], w.keys[RoleRoot][j] = w.keys[RoleRoot][j], w.keys[RoleRoot][0]
				}
			}
			replaceKey(t, s, RoleRoot, fresh)
			r["keyids"] = append(ids[1:], ids[0])
		}, append(w.keys[RoleRoot][1:3:3], fresh)...)
		w.keys[RoleRoot][0] = fresh
		if i == 4 {
			cur = w.mustFollow(w.store, cur)
			if cur.RootVersion() != 6 {
				t.Fatalf("root %d", cur.RootVersion())
			}
		}
	}
	next := w.mustFollow(w.store, cur)
	if next.RootVersion() != 11 || next.Version() != cur.Version() || next.Fingerprint() != Fingerprint(w.root()) {
		t.Errorf("root %d, version %d", next.RootVersion(), next.Version())
	}
	if fresh := w.mustFollow(w.store, nil); fresh.RootVersion() != 11 {
		t.Errorf("fresh client is at root %d", fresh.RootVersion())
	}
	stored := bundle{}
	files, err := next.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		stored[f.Path] = f.Data
	}
	// From the first root, or from a later one.
	for _, v := range []int64{1, 7, 11} {
		o, err := Open(stored.read, stored[metaPath(RoleRoot, v)])
		if err != nil || o.RootVersion() != 11 {
			t.Errorf("open from root %d: %v", v, err)
		}
	}
	// The writer follows the chain too.
	if r, err := Load(bundle(w.store).read); err != nil || r.View().RootVersion() != 11 {
		t.Errorf("load: %v", err)
	}
	// A gap, and a chain without end.
	broken := w.copy()
	delete(broken, "5.root.json")
	if got := w.mustFollow(broken, nil); got.RootVersion() != 4 {
		t.Errorf("gap: root %d", got.RootVersion())
	}
	broken = w.copy()
	broken["2.root.json"] = broken["3.root.json"]
	if _, err := w.follow(broken, nil); !errors.Is(err, ErrMixed) {
		t.Errorf("skipped root: %v", err)
	}
	for range maxRootSteps {
		w.rotateRoot(nil)
	}
	if _, err := w.follow(w.store, nil); !errors.Is(err, ErrTooManyRoots) {
		t.Errorf("endless chain: %v", err)
	}
	if got := w.mustFollow(w.store, next); got.RootVersion() != 11+maxRootSteps {
		t.Errorf("root %d", got.RootVersion())
	}
}

// A thief of the timestamp key runs the versions up to the bound; replacing
// the key lets honest, smaller ones in again, and the thief's no more.
func TestFastForwardRecovery(t *testing.T) {
	w := newWorld(t)
	cur := w.mustFollow(w.store, nil)
	stolen := w.copy()
	w.forge(stolen, RoleTimestamp, func(s map[string]any) { s["version"] = maxVersionStep })
	cur = w.mustFollow(stolen, cur)
	if _, err := w.follow(w.store, cur); !errors.Is(err, ErrRollback) {
		t.Fatalf("before the rotation: %v", err)
	}
	fresh := newKey(t)
	w.rotateRoot(func(s map[string]any) { replaceKey(t, s, RoleTimestamp, fresh) })
	w.keys[RoleTimestamp][0] = fresh
	w.forge(w.store, RoleTimestamp, func(s map[string]any) { s["version"] = 2 })
	next, rep, err := Refresh(context.Background(), w.store, RefreshOptions{Current: cur, Now: w.now})
	if err != nil || next.Version() != 2 || !rep.Recovered || rep.Roots != 1 {
		t.Fatalf("after the rotation: %v %+v", err, rep)
	}
	stolen["2.root.json"] = w.store["2.root.json"]
	if _, err := w.follow(stolen, next); !errors.Is(err, ErrSignature) {
		t.Errorf("thief after the rotation: %v", err)
	}
}

// A store that lost a role's file gets it back, though nothing is new.
func TestRepair(t *testing.T) {
	w := newWorld(t)
	lame := bundle(w.copy())
	lost := "1." + StatusRole(insurerB) + ".json"
	delete(lame, lost)
	cur, err := Open(lame.read, w.root())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cur.Target("amc/" + insurerB + "/status/3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	src := &countingSource{memory: w.store}
	next, rep, err := Refresh(context.Background(), src, RefreshOptions{Current: cur, Now: w.now})
	if err != nil || !rep.Changed || next.Version() != 1 || !slices.Equal(src.paths, []string{timestampPath, lost}) {
		t.Fatalf("%v %+v %v", err, rep, src.paths)
	}
	if _, err := next.Target("amc/" + insurerB + "/status/3"); err != nil {
		t.Error(err)
	}
}

func TestWantErrorKeepsState(t *testing.T) {
	w := newWorld(t)
	boom := errors.New("disk full")
	next, _, err := Refresh(context.Background(), w.store, RefreshOptions{Root: w.root(), Now: w.now,
		Want: func(context.Context, *Trusted, func(string) ([]byte, error)) error { return boom }})
	if next != nil || !errors.Is(err, boom) {
		t.Errorf("%v, %v", next, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Refresh(ctx, w.store, RefreshOptions{Root: w.root(), Now: w.now}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFetchRootAndFingerprint(t *testing.T) {
	w := newWorld(t)
	root, print, err := FetchRoot(context.Background(), w.store)
	if err != nil || string(root) != string(w.root()) || len(print) != 79 || print != Fingerprint(root) {
		t.Fatalf("%q %v", print, err)
	}
	for _, typed := range []string{print, " " + print + "\n", strings.ToLower(strings.ReplaceAll(print, " ", ""))} {
		if !SameFingerprint(typed, print) {
			t.Errorf("%q refused", typed)
		}
	}
	for _, typed := range []string{"", print[:49], print + "0", "0" + print[1:] + "", "zz" + print[2:]} {
		if typed != print && SameFingerprint(typed, print) {
			t.Errorf("%q accepted", typed)
		}
	}
	bad := w.copy()
	bad["1.root.json"] = sealJSON(t, signedPart(t, w.root()), w.keys[RoleRoot][0])
	if _, _, err := FetchRoot(context.Background(), bad); !errors.Is(err, ErrSignature) {
		t.Errorf("one of two signatures: %v", err)
	}
	w.rotateRoot(nil)
	bad["1.root.json"] = w.store["2.root.json"]
	if _, _, err := FetchRoot(context.Background(), bad); !errors.Is(err, ErrMixed) {
		t.Errorf("second root as first: %v", err)
	}
	if _, _, err := FetchRoot(context.Background(), memory{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing there: %v", err)
	}
}
