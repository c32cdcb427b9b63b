// Clients of the same kind of repository that others wrote, for tests.

package cmd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// peer is somebody else's client: it takes a base address, a folder for its state and targets, and prints what it found.
type peer struct {
	name    string
	command []string
	stored  func(dir, target string) string // where the bytes of a target lie; nil when only the last are kept
}

func peers(t *testing.T) []peer {
	t.Helper()
	needTools(t, "node")
	interop, err := filepath.Abs("../signing/trust/testdata/interop")
	must(t, err)
	if _, err := os.Stat(filepath.Join(interop, "node_modules", "tuf-js")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tuf-js is missing: scripts/setup test")
		}
		t.Skip("tuf-js is missing: scripts/setup test")
	}
	gotuf := filepath.Join(t.TempDir(), "gotuf")
	build := exec.Command("go", "build", "-o", gotuf, ".")
	build.Dir = filepath.Join(interop, "gotuf")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go-tuf's client: %v\n%s", err, out)
	}
	return []peer{
		{"tuf-js", []string{"node", filepath.Join(interop, "follow.js")}, func(dir, target string) string {
			sum := sha256.Sum256([]byte(target))
			return filepath.Join(dir, hex.EncodeToString(sum[:])+".target")
		}},
		{"go-tuf", []string{gotuf}, nil},
	}
}

// found is what a peer says of a repository.
type found struct {
	Root, Timestamp, Snapshot int64
	Found                     map[string]*struct {
		Length int64
		SHA256 string
	}
}

// follow serves a folder and has the peer follow it from the state that it has.
func (p peer) follow(t *testing.T, folder, state string, targets ...string) (f found, err error) {
	t.Helper()
	srv := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer srv.Close()
	c := exec.Command(p.command[0], append(append(slices.Clone(p.command[1:]), srv.URL, state), targets...)...)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return f, fmt.Errorf("%w: %s", err, errs.String())
	}
	must(t, json.Unmarshal(out, &f))
	return f, nil
}

// begun is the folder of a client that knows the first root and nothing else.
func begun(t *testing.T, root []byte) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "root.json"), root, 0o600))
	return dir
}
