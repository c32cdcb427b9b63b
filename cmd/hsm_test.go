// A token in software for tests: SoftHSM, the real sceau-pkcs11 that answers for it, and openssl that checks what it signed.

package cmd

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sceau/signing/keystore"
)

const (
	userPIN = "pin-7391-sceau"
	soPIN   = "so-82640-sceau"
)

// tokenProgram builds sceau-pkcs11 as it is released, which needs a C compiler.
var tokenProgram = sync.OnceValues(func() (string, error) {
	name := filepath.Join(bin, "sceau-pkcs11")
	c := exec.Command("go", "build", "-trimpath", "-o", name, "sceau/cmd/sceau-pkcs11")
	c.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return name, nil
})

// hsm is a token in software, in a place of its own, and the program that answers for it.
type hsm struct {
	t                    *testing.T
	label, dir, module   string
	socket, pinFile, bin string
	env                  []string
	running              *process
}

func newHSM(t *testing.T, label string) *hsm {
	t.Helper()
	missing := func(what string) {
		if os.Getenv("CI") == "true" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	h := &hsm{t: t, label: label}
	for _, name := range []string{os.Getenv("SOFTHSM2_MODULE"), "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(name); name != "" && err == nil {
			h.module = name
			break
		}
	}
	if h.module == "" {
		missing("SoftHSM is missing: scripts/setup test")
	}
	for _, tool := range []string{"softhsm2-util", "pkcs11-tool", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(tool + " is missing: scripts/setup test")
		}
	}
	var err error
	if h.bin, err = tokenProgram(); err != nil {
		missing(err.Error())
	}
	h.dir, err = os.MkdirTemp("", "hsm-") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(h.dir)) })
	must(t, os.Mkdir(h.tokens(), 0o700))
	conf := filepath.Join(h.dir, "softhsm2.conf")
	must(t, os.WriteFile(conf, []byte("directories.tokendir = "+h.tokens()+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	h.env = []string{"SOFTHSM2_CONF=" + conf}
	h.socket, h.pinFile = filepath.Join(h.dir, "run", label), filepath.Join(h.dir, "pin")
	h.tool("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", userPIN, "--so-pin", soPIN)
	return h
}

func (h *hsm) tokens() string { return filepath.Join(h.dir, "tokens") }

func (h *hsm) tool(name string, args ...string) string {
	h.t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), h.env...)
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// launch starts the program with a PIN.
func (h *hsm) launch(pin string) *process {
	h.t.Helper()
	must(h.t, os.WriteFile(h.pinFile, []byte(pin+"\n"), 0o600))
	return begin(h.t, h.dir, h.env, h.bin, "--module", h.module, "--token", h.label, "--socket", h.socket, "--pin-file", h.pinFile)
}

// start waits until the program answers.
func (h *hsm) start() *hsm {
	h.t.Helper()
	h.running = h.launch(userPIN)
	eventually(h.t, 30*time.Second, "the token's program", func() bool {
		if h.running.done() {
			h.t.Fatalf("it ended: %s", h.running.errs.String())
		}
		return strings.HasPrefix(h.running.out.String(), "token "+h.label+": ")
	})
	return h
}

func (h *hsm) stop() {
	h.t.Helper()
	must(h.t, h.running.Process.Signal(syscall.SIGTERM))
	h.running.exits(h.t, 0, 30*time.Second)
}

// kill leaves the socket.
func (h *hsm) kill() {
	h.t.Helper()
	must(h.t, h.running.Process.Kill())
	<-h.running.ended
	if _, err := os.Stat(h.socket); err != nil {
		h.t.Fatal(err)
	}
}

// takeOut takes the token out of its reader; the program goes on.
func (h *hsm) takeOut() {
	h.t.Helper()
	must(h.t, errors.Join(os.Rename(h.tokens(), h.tokens()+"-away"), os.Mkdir(h.tokens(), 0o700)))
}

func (h *hsm) putBack() {
	h.t.Helper()
	must(h.t, errors.Join(os.Remove(h.tokens()), os.Rename(h.tokens()+"-away", h.tokens())))
}

// names are the keys that the token holds.
func (h *hsm) names() []string {
	h.t.Helper()
	r, err := keystore.Dial(h.socket)
	must(h.t, err)
	defer r.Close()
	names, err := r.Names()
	must(h.t, err)
	return names
}

func (h *hsm) kid(name string) string {
	h.t.Helper()
	r, err := keystore.Dial(h.socket)
	must(h.t, err)
	defer r.Close()
	k, err := r.Public(name)
	must(h.t, err)
	return k.KID
}

// verifies asks openssl, with the public half as OpenSC reads it from the token, which signatures of a published root are the
// key's.
func (h *hsm) verifies(name, rootFile string) int {
	h.t.Helper()
	b, err := os.ReadFile(rootFile)
	must(h.t, err)
	var doc struct {
		Signatures []struct{ Sig string }
		Signed     json.RawMessage
	}
	must(h.t, json.Unmarshal(b, &doc))
	// What is signed has a line's end as it is where the file has \n: canonical JSON.
	canonical := bytes.ReplaceAll(doc.Signed, []byte(`\n`), []byte("\n"))
	if bytes.ContainsRune(canonical, '\\') {
		h.t.Fatal("another escape in the file")
	}
	dir := h.t.TempDir()
	public, text, sig := filepath.Join(dir, "public.der"), filepath.Join(dir, "text"), filepath.Join(dir, "sig")
	h.tool("pkcs11-tool", "--module", h.module, "--token-label", h.label, "--login", "--pin", userPIN, "--read-object", "--type", "pubkey", "--label", name, "--output-file", public)
	n := 0
	for _, s := range doc.Signatures {
		der, err := hex.DecodeString(s.Sig)
		must(h.t, err)
		must(h.t, os.WriteFile(sig, der, 0o600))
		ok := func(signed []byte) bool {
			must(h.t, os.WriteFile(text, signed, 0o600))
			out, err := exec.Command("openssl", "dgst", "-sha256", "-verify", public, "-keyform", "DER", "-signature", sig, text).CombinedOutput()
			return err == nil && strings.Contains(string(out), "Verified OK")
		}
		if !ok(canonical) {
			continue
		}
		n++
		other := slices.Clone(canonical)
		other[len(other)/2] ^= 1
		if ok(other) {
			h.t.Error("openssl verifies another text as well: this test shows nothing")
		}
	}
	return n
}
