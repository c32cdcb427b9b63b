//go:build cgo && unix

// The real program and tokens in software, for the tests of this package.

package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sceau/signing/keystore"
)

const (
	userPIN = "pin-7391-sceau"
	soPIN   = "so-82640-sceau"
)

// program is the real program, built as it is released.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sceau-pkcs11-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "sceau-pkcs11")
		build := exec.Command("go", "build", "-trimpath", "-o", program, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// softHSM is the module of a token in software.
func softHSM(t testing.TB) string {
	t.Helper()
	for _, name := range []string{os.Getenv("SOFTHSM2_MODULE"), "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(name); name != "" && err == nil {
			if _, err := exec.LookPath("softhsm2-util"); err == nil {
				return name
			}
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("SoftHSM is not installed")
	}
	t.Skip("SoftHSM is not installed")
	return ""
}

// slot is a place for tokens in software, and a socket for each.
type slot struct {
	dir, module string
	env         []string
}

func newSlot(t testing.TB, labels ...string) *slot {
	t.Helper()
	module := softHSM(t)
	dir, err := os.MkdirTemp("", "hsm-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &slot{dir: dir, module: module}
	conf := filepath.Join(dir, "softhsm2.conf")
	tokens := filepath.Join(dir, "tokens")
	if err := errors.Join(os.Mkdir(tokens, 0o700), os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	for _, label := range labels {
		s.tool(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--pin", userPIN, "--so-pin", soPIN)
	}
	return s
}

func (s *slot) tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = s.env
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// pkcs11Tool is OpenSC's program, another reader of the token.
func (s *slot) pkcs11Tool(t testing.TB, label string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("pkcs11-tool"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pkcs11-tool is not installed")
		}
		t.Skip("pkcs11-tool is not installed")
	}
	return s.tool(t, "pkcs11-tool", append([]string{"--module", s.module, "--token-label", label, "--login", "--pin", userPIN}, args...)...)
}

func (s *slot) socket(label string) string { return filepath.Join(s.dir, "run", label) }

func (s *slot) command(t testing.TB, label, pin string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(s.dir, "pin")
	if err := os.WriteFile(file, []byte(pin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--module", s.module, "--token", label, "--socket", s.socket(label), "--pin-file", file)
	c.Env = s.env
	return c
}

// running is the program at work; what it writes is kept.
type running struct {
	*exec.Cmd
	mu  sync.Mutex
	err bytes.Buffer
}

func (r *running) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err.Write(b)
}

func (r *running) said() string { r.mu.Lock(); defer r.mu.Unlock(); return r.err.String() }

// run starts the program and waits until it answers.
func (s *slot) run(t testing.TB, label string) *running {
	t.Helper()
	r := &running{Cmd: s.command(t, label, userPIN)}
	r.Stderr = r
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Process.Kill(); _ = r.Wait() }) // it may be gone
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "token "+label+": ") {
		t.Fatalf("%q %v %s", line, err, r.said())
	}
	return r
}

func (r *running) stop(t testing.TB) {
	t.Helper()
	if err := r.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Errorf("stopped: %v %s", err, r.said())
	}
}

func dial(t testing.TB, socket string) *keystore.Remote {
	t.Helper()
	r, err := keystore.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func signText(t testing.TB, k crypto.Signer, text string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(text))
	der, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
