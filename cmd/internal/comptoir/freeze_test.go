// Mirrors that stand still, run ahead, or never end.
package comptoir

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sceau/offline"
	"sceau/signing/trust"
)

// A thief of the online keys who runs ahead as far as counters let him is left behind when the root replaces those keys.
func TestFastForwardRecovers(t *testing.T) {
	p := newPublisher(t, amc)
	dir := filepath.Join(t.TempDir(), "poste")
	ok(t, "sync", dir, "--from", p.dir)
	evil := p.folder("forward")
	p.later(evil, 900_000)
	ok(t, "sync", dir, "--from", evil) // signed by keys that are still believed
	p.end(4)
	p.publish()
	if out, code := run(t, "", "sync", dir, "--from", p.dir); code != 1 || !strings.Contains(out, "plus ancienne") {
		t.Fatalf("honest and behind: %d %s", code, out)
	}
	p.renewRoot(trust.RoleTimestamp, trust.RoleSnapshot)
	ok(t, "sync", dir, "--from", p.dir)
	ok(t, "fsck", dir)
	if got := asked(t, dir, p.card(4, "4")); got != "REVOKED" {
		t.Errorf("after the recovery: %s", got)
	}
	before := kept(t, dir)
	if out, code := run(t, "", "sync", dir, "--from", evil); code != 1 || kept(t, dir) != before {
		t.Errorf("the thief's mirror afterwards: %d %s", code, out)
	}
}

// A mirror that stands still is shown as such, whether others went on or not.
func TestFrozenSource(t *testing.T) {
	p := newPublisher(t, amc)
	dir := filepath.Join(t.TempDir(), "poste")
	still := p.folder("still")
	since := instant(p.now)
	ok(t, "sync", dir, "--from", p.dir, "--from", still)
	if out := ok(t, "status", dir, "--offline"); strings.Contains(out, "figée") {
		t.Errorf("equal: %s", out)
	}
	p.end(4)
	p.publish()
	if out, code := run(t, "", "sync", dir); code != 1 || !strings.Contains(out, "plus ancienne") {
		t.Errorf("%d %s", code, out)
	}
	out := ok(t, "status", dir, "--offline")
	if strings.Count(out, "figée depuis") != 1 || !strings.Contains(out, "depuis "+still+", le ") || !strings.Contains(out, "figée depuis le "+since) {
		t.Errorf("one is behind: %s", out)
	}
	var doc struct {
		Repositories []struct {
			Sources []struct {
				Source    string
				Frozen    bool
				Published time.Time
			}
		}
	}
	decodeLine(t, ok(t, "status", dir, "--offline", "--json"), &doc)
	for _, s := range doc.Repositories[0].Sources {
		if s.Frozen != (s.Source == still) || s.Published.IsZero() {
			t.Errorf("%+v", s)
		}
	}
	// As the desk lists them, in either language.
	for lang, want := range map[offline.Language]string{offline.French: ", figée depuis le " + since, offline.English: ", frozen since " + since} {
		s := newShop(dir, silent)
		s.lang = lang
		list, err := (shelf{s}).Overview(t.Context())
		if err != nil || len(list) != 1 || strings.Count(strings.Join(list[0].Sources, "\n"), want) != 1 {
			t.Errorf("%s: %+v, %v", lang, list, err)
		}
		s.close()
	}
	// It catches up, and is as good as any.
	for path, data := range p.published {
		p.must(os.MkdirAll(filepath.Dir(filepath.Join(still, path)), 0o755))
		p.must(os.WriteFile(filepath.Join(still, path), data, 0o644))
	}
	ok(t, "sync", dir)
	if out := ok(t, "status", dir, "--offline"); strings.Contains(out, "figée") {
		t.Errorf("caught up: %s", out)
	}

	// Alone and overdue: nobody else says so, and it is said.
	q := newPublisher(t, "302976568")
	q.repo.SetLifetimes(trust.Lifetimes{Root: 9000 * time.Hour, Targets: 9000 * time.Hour, Insurer: 9000 * time.Hour, Status: 900 * time.Hour, Snapshot: 900 * time.Hour, Timestamp: 2 * time.Hour})
	q.end(1)
	q.publish()
	lone := filepath.Join(t.TempDir(), "seul")
	out = ok(t, "sync", lone, "--from", q.dir)
	wants(t, "overdue", out, "attention : liste figée depuis le "+instant(q.now), "conseil : essayer une autre source")
	wants(t, "overdue, json", ok(t, "sync", lone, "--json"), `"frozen":true`, `"code":"frozen"`, `"ok":true`)
	wants(t, "overdue, status", ok(t, "status", lone, "--offline"), ", figée depuis le "+instant(q.now))
}

// A server that never stops sending, whatever it is asked for: little is read, less is held, and the words are the same.
func TestEndlessData(t *testing.T) {
	p := newPublisher(t, amc)
	dir := filepath.Join(t.TempDir(), "poste")
	ok(t, "sync", dir, "--from", p.folder("honest"))
	p.end(4)
	p.publish()
	before := kept(t, dir)
	for name, endless := range map[string]func(path string) bool{
		"next root": func(path string) bool { return path == "/2.root.json" },
		"timestamp": func(path string) bool { return path == "/timestamp.json" },
		"snapshot":  func(path string) bool { return strings.HasSuffix(path, ".snapshot.json") },
		"a role":    func(path string) bool { return strings.HasSuffix(path, "-status.json") },
		"a list":    func(path string) bool { return strings.HasPrefix(path, "/amc/") },
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			files := http.FileServer(http.Dir(p.dir))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !endless(r.URL.Path) {
					files.ServeHTTP(w, r)
					return
				}
				block := []byte(strings.Repeat(`{"signed":{`, 6000))
				for r.Context().Err() == nil {
					n, err := w.Write(block)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			}))
			defer server.Close()
			var a, b runtime.MemStats
			runtime.ReadMemStats(&a)
			out, code := run(t, "", "sync", dir, "--from", server.URL, "--root", p.fingerprint(), "--json")
			runtime.ReadMemStats(&b)
			if code != 1 || !strings.Contains(out, `"code":"too_large"`) || !strings.Contains(out, "plus gros que ce qui est permis") {
				t.Errorf("%d %s", code, out)
			}
			// All that was allocated, also by the server in this process, held or not.
			if got := b.TotalAlloc - a.TotalAlloc; got > 64<<20 {
				t.Errorf("%d MB allocated", got>>20)
			}
			if got := sent.Load(); got > 16<<20 {
				t.Errorf("%d MB sent before it was cut off", got>>20)
			}
			if kept(t, dir) != before {
				t.Error("the last good state was touched")
			}
		})
	}
	ok(t, "sync", dir, "--from", p.dir)
}
