package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/issuer/static"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/fixtures/s3server"
	"sceau/signing/trust"
)

// mirrored is an operator whose publications are in a folder.
type mirrored struct {
	*issuer.Issuer
	t   *testing.T
	now time.Time
	dir string
}

type heldKeys map[string]*ecdsa.PrivateKey

func (k heldKeys) Signer(name string) (crypto.Signer, error) {
	if k[name] == nil {
		return nil, fs.ErrNotExist
	}
	return k[name], nil
}

func (k heldKeys) Generate(name string) (crypto.Signer, error) {
	if k[name] != nil {
		return nil, fs.ErrExist
	}
	p, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k[name] = p
	return p, err
}

func (k heldKeys) Names() ([]string, error) { return slices.Collect(maps.Keys(k)), nil }

func newMirrored(t *testing.T) *mirrored {
	t.Helper()
	store, err := sqlite.Create(filepath.Join(t.TempDir(), "register.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	k := heldKeys{}
	m := &mirrored{t: t, now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), dir: t.TempDir()}
	m.Issuer = &issuer.Issuer{Store: store, Online: k, Offline: k, Actor: "test", Now: func() time.Time { return m.now }}
	if _, err := m.Init(t.Context(), issuer.InitOptions{RootKeys: 1, RootThreshold: 1, Insurers: []issuer.InsurerFacts{{AMC: "775670482", Name: "Mutuelle Exemple"}}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Update(t.Context(), func(tx register.Tx) error { _, err := tx.AddList("775670482"); return err }); err != nil {
		t.Fatal(err)
	}
	m.publish(m.dir)
	return m
}

// publish publishes an hour later, into these targets.
func (m *mirrored) publish(targets ...string) {
	m.t.Helper()
	m.now = m.now.Add(time.Hour)
	if _, err := m.Publish(m.t.Context(), time.Time{}); err != nil {
		m.t.Fatal(err)
	}
	for _, target := range targets {
		d, err := depot.Open(m.t.Context(), target, depot.Options{AccessKey: s3server.Access, SecretKey: s3server.Secret})
		if err != nil {
			m.t.Fatal(err)
		}
		if _, err := static.Publish(m.t.Context(), m.Issuer, d.(static.Depot), static.Options{}); err != nil {
			m.t.Fatal(err)
		}
	}
}

// check checks a source, with the register or without.
func (m *mirrored) check(source string, against bool, patience time.Duration) *mirrorReport {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	c := &mirrorCheck{now: m.now.Add(time.Minute), report: &mirrorReport{Source: source}}
	if against {
		c.against = m.Issuer
	}
	done, err := c.open(ctx, source)
	if err != nil {
		m.t.Fatal(err)
	}
	defer done()
	if err := c.run(ctx); err != nil {
		m.t.Fatal(err)
	}
	said := map[string]bool{}
	for _, f := range c.report.Faults {
		if f.File != "" && said[f.File] {
			m.t.Errorf("%s is said twice: %+v", f.File, c.report.Faults)
		}
		said[f.File] = true
	}
	return c.report
}

// find returns the name of the first file of a folder that contains part.
func find(t *testing.T, dir, part string) string {
	t.Helper()
	found := ""
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(path, part) && found == "" {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no file %s: %v", part, err)
	}
	return found
}

// TestMirrorCheck: what is whole is called so; whatever was done to it is found, and the file is named.
func TestMirrorCheck(t *testing.T) {
	m, other := newMirrored(t), newMirrored(t)
	for _, against := range []bool{true, false} {
		if r := m.check(m.dir, against, time.Minute); r.State != mirrorCurrent || len(r.Faults) > 0 || r.Files < 5 {
			t.Errorf("%+v", r)
		}
	}
	if r := m.check(other.dir, true, time.Minute); r.State != mirrorFaulty || !strings.Contains(r.Faults[0].What, "another operator") {
		t.Errorf("%+v", r)
	}
	for _, part := range []string{"timestamp.json", "snapshot.json", "targets.json", "2.amc-775670482-status.json", "775670482.json", ".issuer.json", ".codes.json", "/status/", "statuslist/", "metadata/", "1.root.json"} {
		for what, spoil := range map[string]func(b []byte) []byte{
			"altered": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"cut":     func(b []byte) []byte { return b[:len(b)/2] },
			"longer":  func(b []byte) []byte { return append(b, ' ') },
			"missing": nil,
		} {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(m.dir)); err != nil {
				t.Fatal(err)
			}
			file := find(t, dir, part)
			if part == "timestamp.json" || part == "snapshot.json" || part == "targets.json" || part == "metadata/" {
				for _, f := range []string{"2.snapshot.json", "2.targets.json", "metadata/2.pack"} { // of the newest publication
					if _, err := os.Stat(filepath.Join(dir, f)); err == nil && strings.Contains(f, part) {
						file = f
					}
				}
			}
			name := filepath.Join(dir, file)
			if spoil == nil {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			} else {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, spoil(b), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r := m.check(dir, true, time.Minute)
			want := mirrorFaulty
			if part == "metadata/" {
				want = mirrorSlow
			}
			if r.State != want || len(r.Faults) == 0 || r.Faults[0].Do == "" {
				t.Errorf("%s %s: %s %+v", file, what, r.State, r.Faults)
			}
		}
	}
}

// TestMirrorBehind: yesterday's whole set is genuine and behind; two sets mixed are faulty; one ahead of the register is too.
func TestMirrorBehind(t *testing.T) {
	m := newMirrored(t)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	m.publish(m.dir)
	since := m.now
	m.publish(m.dir)
	r := m.check(old, true, time.Minute)
	if r.State != mirrorBehind || r.Behind != 2 || r.Since != since.Format(time.RFC3339) || len(r.Faults) > 0 {
		t.Errorf("%+v", r)
	}
	if r := m.check(old, false, time.Minute); r.State != mirrorCurrent {
		t.Errorf("without a register nobody knows: %+v", r)
	}
	m.now = m.now.Add(8 * 24 * time.Hour)
	if r := m.check(old, false, time.Minute); r.State != mirrorBehind {
		t.Errorf("its time is over: %+v", r)
	}
	m.now = m.now.Add(30 * 24 * time.Hour) // everything is signed anew
	m.publish(m.dir)
	stamp, err := os.ReadFile(filepath.Join(m.dir, "timestamp.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, "timestamp.json"), stamp, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := m.check(old, true, time.Minute); r.State != mirrorFaulty {
		t.Errorf("mixed: %+v", r)
	}
	// Files that no publication wrote are said, and are no fault.
	if err := os.WriteFile(filepath.Join(m.dir, "index.html"), []byte("<p>"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := m.check(m.dir, true, time.Minute); r.State != mirrorCurrent || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "index.html") {
		t.Errorf("%+v", r)
	}
}

// TestMirrorServers: whatever a web server does instead of serving the files has its own word.
func TestMirrorServers(t *testing.T) {
	m := newMirrored(t)
	files := http.FileServer(http.Dir(m.dir))
	release := make(chan struct{})
	defer close(release)
	for name, tc := range map[string]struct {
		serve    http.HandlerFunc
		want     string
		patience time.Duration
	}{
		"honest":  {files.ServeHTTP, mirrorCurrent, time.Minute},
		"500":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, mirrorUnreachable, time.Minute},
		"404":     {http.NotFound, mirrorFaulty, time.Minute},
		"403":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, mirrorFaulty, time.Minute},
		"a page":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><p>Welcome") }, mirrorFaulty, time.Minute},
		"circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, mirrorFaulty, time.Minute},
		"silent":  {func(_ http.ResponseWriter, r *http.Request) { <-release }, mirrorUnreachable, 300 * time.Millisecond},
		"truncated": {func(w http.ResponseWriter, r *http.Request) {
			b, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(r.URL.Path)))
			if err != nil || !strings.Contains(r.URL.Path, "/status/") {
				files.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			_, _ = w.Write(b[:len(b)/2])
		}, mirrorFaulty, time.Minute},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			junk := bytes.Repeat([]byte("{"), 1<<16)
			for {
				if _, err := w.Write(junk); err != nil {
					return
				}
			}
		}, mirrorFaulty, time.Minute},
		"other types": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			files.ServeHTTP(w, r)
		}, mirrorCurrent, time.Minute},
	} {
		server := httptest.NewServer(tc.serve)
		if r := m.check(server.URL, true, tc.patience); r.State != tc.want {
			t.Errorf("%s: %s %+v", name, r.State, r.Faults)
		}
		if name != "silent" {
			server.Close()
		}
	}
	if r := m.check("http://127.0.0.1:1/", true, time.Minute); r.State != mirrorUnreachable {
		t.Errorf("nobody: %+v", r)
	}
	if r := m.check(filepath.Join(m.dir, "absent"), true, time.Minute); r.State != mirrorUnreachable {
		t.Errorf("no folder: %+v", r)
	}
}

// TestMirrorBucket: a bucket is published into and checked like a folder.
func TestMirrorBucket(t *testing.T) {
	m, s := newMirrored(t), s3server.Start(t)
	t.Setenv(depot.EnvAccessKey, s3server.Access)
	t.Setenv(depot.EnvSecretKey, s3server.Secret)
	target := s.Target(s3server.Bucket + "/public")
	m.publish(target)
	if r := m.check(target, true, time.Minute); r.State != mirrorCurrent || r.Files < 5 {
		t.Errorf("%+v", r)
	}
	page := find(t, filepath.Join(s.Dir, s3server.Bucket, "public"), "/status/")
	if err := os.WriteFile(filepath.Join(s.Dir, s3server.Bucket, "public", page), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := m.check(target, true, time.Minute); r.State != mirrorFaulty || r.Faults[0].File != page {
		t.Errorf("%+v", r)
	}
	s.Kill()
	if r := m.check(target, true, 20*time.Second); r.State != mirrorUnreachable {
		t.Errorf("%+v", r)
	}
}

var _ trust.Source = depotSource{}
