// Independent TUF clients, tuf-js and go-tuf's updater, follow what this
// package writes: through rotations, thefts and recoveries.
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

// needs skips a test on a developer's machine that lacks something, and fails
// it where everything is to be there.
func needs(t *testing.T, ok bool, what string) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func TestInteropTUFJS(t *testing.T) {
	node, err := exec.LookPath("node")
	needs(t, err == nil, "node is not installed")
	_, err = os.Stat(filepath.Join("testdata", "interop", "node_modules", "tuf-js"))
	needs(t, err == nil, "tuf-js is not installed: npm install --no-package-lock in signing/trust/testdata/interop")
	followHistory(t, node, filepath.Join("testdata", "interop", "follow.js"))
}

func TestInteropGoTUF(t *testing.T) {
	client := filepath.Join(t.TempDir(), "gotuf")
	build := exec.Command("go", "build", "-o", client, ".")
	build.Dir = filepath.Join("testdata", "interop", "gotuf")
	out, err := build.CombinedOutput()
	needs(t, err == nil, "go-tuf's updater was not built: "+string(out))
	followHistory(t, client)
}

// answer is what a client says it found.
type answer struct {
	Root, Timestamp, Snapshot int64
	Found                     map[string]*struct {
		Length int64
		SHA256 string
	}
}

// history is a repository on a web server, and a client that follows it.
type history struct {
	*world
	t       *testing.T
	command []string
	url     string
	served  atomic.Pointer[memory]
}

// serve answers from a copy: the server's goroutines outlive the requests that are awaited.
func (h *history) serve(files memory) {
	own := maps.Clone(files)
	h.served.Store(&own)
}

// counter is a new client's folder: it holds the first root.
func (h *history) counter() string {
	dir := h.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "root.json"), h.root(), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return dir
}

func (h *history) follow(dir string, targets ...string) (answer, error) {
	args := append(append(h.command[1:len(h.command):len(h.command)], h.url, dir), targets...)
	out, err := exec.Command(h.command[0], args...).Output()
	var a answer
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(out, &a)
}

// compare has both clients follow, each from where it was, and find the same.
func (h *history) compare(dir string, mine *Trusted, targets ...string) *Trusted {
	h.t.Helper()
	got, err := h.follow(dir, targets...)
	if err != nil {
		h.t.Fatal(err)
	}
	mine = h.mustFollow(*h.served.Load(), mine)
	if got.Root != mine.RootVersion() || got.Timestamp != mine.Version() || got.Snapshot != mine.snapshot.version {
		h.t.Errorf("it has %+v; here root %d, timestamp %d", got, mine.RootVersion(), mine.Version())
	}
	for _, path := range targets {
		info, err := mine.Target(path)
		theirs := got.Found[path]
		if (err == nil) != (theirs != nil) {
			h.t.Errorf("%s: it found it: %v; here: %v", path, theirs != nil, err)
		} else if theirs != nil && (theirs.Length != info.Length || theirs.SHA256 != hex.EncodeToString(info.SHA256[:])) {
			h.t.Errorf("%s: different contents", path)
		}
	}
	return mine
}

func followHistory(t *testing.T, command ...string) {
	// These clients judge expiry by this machine's clock.
	w := newWorldAt(t, time.Now().UTC().Truncate(time.Second), insurerA, insurerB, insurerC)
	h := &history{world: w, t: t, command: command}
	h.serve(w.store)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		data, ok := (*h.served.Load())[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			rw.WriteHeader(404)
			return
		}
		_, _ = rw.Write(data)
	}))
	defer srv.Close()
	h.url = srv.URL

	all := []string{"codes.json", "none.json", "amc/" + insurerA + "/issuer.json", "amc/" + insurerA + "/status/3", "amc/" + insurerA + "/notices.json",
		"amc/" + insurerA + "/issued/Xq3f9aLmQ2s.0-2", "amc/" + insurerC + "/status/3", "amc/" + insurerB + "/status/4"}
	// Three counters: one that is always there, one that sleeps through both
	// rotations, one that meets a thief.
	daily, sleeper, victim := h.counter(), h.counter(), h.counter()
	first := h.compare(daily, nil, all...)
	h.compare(sleeper, nil, all...)
	mine := first

	w.nextDay()
	poison := w.rob(StatusRole(insurerA), RoleSnapshot, RoleTimestamp)
	h.serve(poison)
	sick := h.compare(victim, nil, all...)
	h.serve(w.store)
	mine = h.compare(daily, mine, all...)
	before := w.copy()
	if _, err := h.follow(victim, all...); err == nil {
		t.Error("the victim went back without a rotation")
	}

	for range 2 {
		w.replace(RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp, InsurerRole(insurerA), StatusRole(insurerA))
		w.set(InsurerRole(insurerA), "amc/"+insurerA+"/issued/Xq3f9aLmQ2s.0-2", "digests "+w.now.String(), map[string]int{"cards": 1})
		w.set(InsurerRole(insurerA), "amc/"+insurerA+"/notices.json", "notices "+w.now.String(), nil)
		if err := w.repo.SetAnchor("12:" + strings.Repeat("ab", 32)); err != nil {
			t.Fatal(err)
		}
		w.nextDay()
		h.serve(w.store)
		mine = h.compare(daily, mine, all...)
		sick = h.compare(victim, sick, all...)
	}
	if mine.RootVersion() != 3 || mine.Anchor() == "" || sick.Version() != mine.Version() {
		t.Errorf("root %d, anchor %q", mine.RootVersion(), mine.Anchor())
	}
	h.compare(sleeper, first, all...)
	h.compare(h.counter(), nil, all...)

	// What this client refuses, it refuses too.
	path, snap := w.latest(w.store, RoleSnapshot)
	for name, spoil := range map[string]func(f memory){
		"rollback":          func(f memory) { w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 1 }) },
		"before the change": func(f memory) { f[timestampPath] = before[timestampPath] },
		"thief's, replayed": func(f memory) { maps.Copy(f, merge(poison, w.store, "2.root.json", "3.root.json")) },
		"false signature":   func(f memory) { w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 99 }, newKey(t)) },
		"one of two roots":  func(f memory) { w.rotateRootIn(f, nil, w.keys[RoleRoot][0]) },
		"mixed": func(f memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) {
				s["version"] = 98
				bind(s, RoleSnapshot, snap+1, f[path])
			})
			f[metaPath(RoleSnapshot, snap+1)] = before["2.snapshot.json"]
		},
	} {
		files := w.copy()
		spoil(files)
		h.serve(files)
		// It keeps what it had accepted before a refusal: each on its own copy.
		copied := filepath.Join(t.TempDir(), "state")
		if err := os.CopyFS(copied, os.DirFS(daily)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.follow(copied, "codes.json"); err == nil {
			t.Errorf("%s: it was accepted there", name)
		}
		if _, err := w.follow(files, mine); err == nil {
			t.Errorf("%s: it was accepted here", name)
		}
	}
	h.serve(w.store)
	h.compare(daily, mine, all...)
}
