// An independent TUF client, tuf-js, follows what this package writes.
package trust

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestInteropTUFJS(t *testing.T) {
	need := func(ok bool, what string) {
		if ok {
			return
		}
		if os.Getenv("CI") == "true" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	node, err := exec.LookPath("node")
	need(err == nil, "node is not installed")
	_, err = os.Stat(filepath.Join("testdata", "interop", "node_modules", "tuf-js"))
	need(err == nil, "tuf-js is not installed: npm install --no-package-lock in signing/trust/testdata/interop")

	// tuf-js judges expiry by this machine's clock.
	w := newWorldAt(t, time.Now().UTC().Truncate(time.Second), insurerA, insurerB, insurerC)
	// The server answers from a copy: its goroutines outlive the requests that are awaited.
	var served atomic.Pointer[memory]
	serve := func(files memory) {
		own := maps.Clone(files)
		served.Store(&own)
	}
	serve(w.store)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		data, ok := (*served.Load())[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			rw.WriteHeader(404)
			return
		}
		_, _ = rw.Write(data)
	}))
	defer srv.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "root.json"), w.root(), 0o600); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Root, Timestamp, Snapshot int64
		Found                     map[string]*struct {
			Length int64
			SHA256 string
		}
	}
	followIn := func(dir string, targets ...string) (answer, error) {
		args := append([]string{filepath.Join("testdata", "interop", "follow.js"), srv.URL, dir}, targets...)
		out, err := exec.Command(node, args...).Output()
		var a answer
		if err != nil {
			return a, err
		}
		return a, json.Unmarshal(out, &a)
	}
	follow := func(targets ...string) (answer, error) { return followIn(dir, targets...) }
	compare := func(targets ...string) {
		t.Helper()
		got, err := follow(targets...)
		if err != nil {
			t.Fatal(err)
		}
		mine := w.mustFollow(*served.Load(), nil)
		if got.Root != mine.RootVersion() || got.Timestamp != mine.Version() || got.Snapshot != mine.snapshot.version {
			t.Errorf("tuf-js has %+v, this client timestamp %d", got, mine.Version())
		}
		for _, path := range targets {
			info, err := mine.Target(path)
			theirs := got.Found[path]
			if (err == nil) != (theirs != nil) {
				t.Errorf("%s: tuf-js found it: %v; this client: %v", path, theirs != nil, err)
			} else if theirs != nil && (theirs.Length != info.Length || theirs.SHA256 != hex.EncodeToString(info.SHA256[:])) {
				t.Errorf("%s: different contents", path)
			}
		}
	}

	all := []string{"codes.json", "none.json", "amc/" + insurerA + "/issuer.json", "amc/" + insurerA + "/status/3", "amc/" + insurerC + "/status/3", "amc/" + insurerB + "/status/4"}
	compare(all...)
	day1 := w.copy()
	w.rotateRoot(nil)
	w.nextDay()
	w.set(InsurerRole(insurerA), "amc/"+insurerA+"/issued/Xq3f9aLmQ2s", "digests", map[string]int{"cards": 1})
	w.publish()
	serve(w.store)
	compare(append(all, "amc/"+insurerA+"/issued/Xq3f9aLmQ2s")...)

	// What this client refuses, tuf-js refuses too.
	for name, spoil := range map[string]func(f memory){
		"rollback":         func(f memory) { f[timestampPath] = day1[timestampPath] },
		"false signature":  func(f memory) { w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 99 }, newKey(t)) },
		"mixed role":       func(f memory) { f["3.snapshot.json"] = f["2.snapshot.json"] },
		"one of two roots": func(f memory) { w.rotateRootIn(f, nil, w.keys[RoleRoot][0]) },
	} {
		files := w.copy()
		spoil(files)
		// A change that both must look at: a fresh timestamp over the spoiled files.
		if name == "mixed role" {
			w.forge(files, RoleTimestamp, func(s map[string]any) {
				s["version"] = 98
				bind(s, RoleSnapshot, 4, w.store["3.snapshot.json"])
			})
			files["4.snapshot.json"] = files["2.snapshot.json"]
		}
		serve(files)
		// tuf-js keeps what it had accepted before a refusal: each on its own copy.
		copied := filepath.Join(t.TempDir(), "state")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if _, err := followIn(copied, "codes.json"); err == nil {
			t.Errorf("%s: tuf-js accepted it", name)
		}
		if _, err := w.follow(files, w.repo.View()); err == nil {
			t.Errorf("%s: this client accepted it", name)
		}
	}
	serve(w.store)
	compare(all...)
}
