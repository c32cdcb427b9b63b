//go:build cgo && unix

// How the program starts, and what becomes of a PIN.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"sceau/signing/keystore"
)

func TestRefusedStarts(t *testing.T) {
	s := newSlot(t, "root-a", "twin", "twin")
	if err := os.WriteFile(filepath.Join(s.dir, "open"), []byte(userPIN), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run(t, "root-a")
	with := func(args ...string) *exec.Cmd { c := exec.Command(program, args...); c.Env = s.env; return c }
	free := filepath.Join(s.dir, "run", "free")
	for what, c := range map[string]struct {
		cmd  *exec.Cmd
		code int
		want string
	}{
		"wrong PIN":             {s.command(t, "root-a", "wrong-pin"), 1, "exists already"},
		"no such token":         {s.command(t, "root-b", userPIN), 1, "no token of that label is present"},
		"two of one label":      {s.command(t, "twin", userPIN), 1, "2 tokens of that label"},
		"no module":             {with("--module", "/nowhere.so", "--token", "x", "--socket", free, "--pin-file", filepath.Join(s.dir, "pin")), 1, "no PKCS#11 module"},
		"a module that is none": {with("--module", program, "--token", "x", "--socket", free, "--pin-file", filepath.Join(s.dir, "pin")), 1, "no PKCS#11 module"},
		"open PIN file":         {with("--module", s.module, "--token", "twin", "--socket", free, "--pin-file", filepath.Join(s.dir, "open")), 1, "chmod 600"},
		"no PIN file":           {with("--module", s.module, "--token", "twin", "--socket", free, "--pin-file", filepath.Join(s.dir, "none")), 1, "PIN file"},
		"no PIN":                {with("--module", s.module, "--token", "twin", "--socket", free), 1, "give --pin-file or SCEAU_PKCS11_PIN"},
		"no flags":              {with(), 2, "are needed"},
		"words":                 {with("x"), 2, ""},
	} {
		out, err := c.cmd.CombinedOutput()
		if c.cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.want) || strings.Contains(string(out), userPIN) || strings.Contains(string(out), "wrong-pin") {
			t.Errorf("%s: %v %s", what, err, out)
		}
	}
	s2 := newSlot(t, "root-a")
	out, err := s2.command(t, "root-a", "wrong-pin").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "refused the PIN: ") || !strings.Contains(string(out), "left") || strings.Contains(string(out), "wrong-pin") {
		t.Errorf("wrong PIN: %v %s", err, out)
	}
	for _, name := range []string{s2.socket("root-a"), free} {
		if _, err := os.Lstat(name); !os.IsNotExist(err) {
			t.Errorf("a socket is left behind: %v", err)
		}
	}
	env := with("--module", s.module, "--token", "root-a", "--socket", s2.socket("root-a"))
	env.Env = append(s2.env, pinVariable+"="+userPIN)
	pipe, err := env.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(pipe).ReadString('\n'); err != nil || !strings.Contains(line, "0 keys") {
		t.Errorf("PIN of the environment: %q %v", line, err)
	}
	if err := env.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := env.Wait(); err != nil {
		t.Error(err)
	}
}

func TestTriesLeft(t *testing.T) {
	for flags, want := range map[uint]string{0: "tells no number", pkcs11.CKF_USER_PIN_COUNT_LOW: "more than one", pkcs11.CKF_USER_PIN_FINAL_TRY: "one try is left",
		pkcs11.CKF_USER_PIN_COUNT_LOW | pkcs11.CKF_USER_PIN_FINAL_TRY: "one try is left", pkcs11.CKF_USER_PIN_LOCKED | pkcs11.CKF_USER_PIN_FINAL_TRY: "locked"} {
		if got := triesLeft(flags, pkcs11.CKR_PIN_INCORRECT); !strings.Contains(got, want) {
			t.Errorf("%x: %s", flags, got)
		}
	}
	if got := triesLeft(0, pkcs11.CKR_PIN_LOCKED); !strings.Contains(got, "locked") {
		t.Error(got)
	}
}

// TestPINChangedMeanwhile: a PIN that the token refused is not tried again, or the program would lock the token.
func TestPINChangedMeanwhile(t *testing.T) {
	s := newSlot(t, "root-a")
	t.Setenv("SOFTHSM2_CONF", filepath.Join(s.dir, "softhsm2.conf"))
	tok, err := openToken(s.module, "root-a", []byte(userPIN))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Generate("root-1"); err != nil {
		t.Fatal(err)
	}
	s.tool(t, "pkcs11-tool", "--module", s.module, "--token-label", "root-a", "--login", "--pin", userPIN, "--change-pin", "--new-pin", "pin-changed")
	if err := tok.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Names(); !errors.Is(err, keystore.ErrToken) || tok.refused == nil {
		t.Errorf("changed: %v", err)
	}
	s.tool(t, "pkcs11-tool", "--module", s.module, "--token-label", "root-a", "--login", "--pin", "pin-changed", "--change-pin", "--new-pin", userPIN)
	if _, err := tok.Names(); !errors.Is(err, tok.refused) {
		t.Errorf("the PIN was given a second time: %v", err)
	}
	if strings.Contains(fmt.Sprint(tok.refused), userPIN) {
		t.Error("the PIN is in the error")
	}
}
