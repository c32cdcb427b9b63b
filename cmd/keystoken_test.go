// Root shares on tokens: the real programs sceau and sceau-pkcs11 with SoftHSM, from init to a lost token, and everything that a
// token can do wrong in the middle of a ceremony.

package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tokenVault is an operator with two shares of the root on tokens and one in a folder.
func tokenVault(t *testing.T) (v *vault, a, b *hsm) {
	t.Helper()
	a, b = newHSM(t, "share-a").start(), newHSM(t, "share-b").start()
	v = &vault{t: t, dir: t.TempDir(), at: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	v.wait(0)
	out := v.run(0, "sceau", "init", "operator", "--insurer", "775670482", "--name", "Mutuelle Exemple", "--medium", a.socket, "--medium", b.socket, "--medium", "c/share=c.txt")
	v.root = strings.TrimSpace(strings.Split(out, "\n")[2])
	v.run(0, "sceau", "publish", "operator", "--to", "public")
	v.run(0, "comptoir", "sync", "counter", "--from", "public", "--root", v.root)
	return v, a, b
}

// roots counts the published ones.
func (v *vault) roots() int {
	v.t.Helper()
	all, err := filepath.Glob(filepath.Join(v.dir, "public", "*.root.json"))
	must(v.t, err)
	return len(all)
}

// tokens puts the flag before each socket.
func tokens(flag string, all ...*hsm) []string {
	var out []string
	for _, h := range all {
		out = append(out, flag, h.socket)
	}
	return out
}

// placesOf asks the audit where the shares in force are.
func (v *vault) placesOf(media ...string) map[string]string {
	v.t.Helper()
	var doc struct {
		Keys []struct{ Purpose, KID, State, Where string }
	}
	must(v.t, json.Unmarshal([]byte(v.run(0, "sceau", append([]string{"keys", "audit", "operator", "--json"}, media...)...)), &doc))
	places := map[string]string{}
	for _, k := range doc.Keys {
		if k.Purpose == "root" && k.State == "in force" {
			places[k.KID] = k.Where
		}
	}
	return places
}

// TestKeysOnTokens: made, renewed by the two tokens, one of them lost and another put in its place; a counter follows.
func TestKeysOnTokens(t *testing.T) {
	t.Parallel()
	v, a, b := tokenVault(t)
	if got := fmt.Sprint(a.names(), b.names()); got != "[root-1] [root-2]" {
		t.Fatalf("the tokens hold %s", got)
	}
	kidA, kidB, kidC := a.kid("root-1"), b.kid("root-2"), v.kid("c/share", "root-3")
	held := v.placesOf(append(tokens("--medium", a, b), "--medium", "c/share")...)
	if len(held) != 3 || held[kidA] != a.socket || held[kidB] != b.socket || held[kidC] != "c/share" {
		t.Errorf("the audit finds %v", held)
	}
	if held = v.placesOf("--medium", b.socket); held[kidA] != "" || held[kidB] != b.socket || held[kidC] != "" {
		t.Errorf("with one token the audit finds %v", held)
	}
	said := v.run(0, "sceau", append([]string{"keys", "audit", "operator"}, tokens("--medium", a)...)...)
	if !strings.Contains(said, "in "+a.socket) || strings.Count(said, "not attached") != 2 {
		t.Error(said)
	}

	v.wait(time.Hour)
	said = v.run(0, "sceau", append([]string{"keys", "rotate", "operator", "root", "--to", "public"}, tokens("--medium", a, b)...)...)
	if !strings.Contains(said, "root 2 is in force") {
		t.Error(said)
	}
	v.run(0, "comptoir", "sync", "counter")
	two := filepath.Join(v.dir, "public", "2.root.json")
	if x, y := a.verifies("root-1", two), b.verifies("root-2", two); x != 1 || y != 1 {
		t.Errorf("openssl verifies %d and %d signatures of the tokens, want one each", x, y)
	}

	// The first token is lost: its program is stopped for good. The other one and the folder put a third token in its place.
	a.stop()
	v.wait(time.Hour)
	d := newHSM(t, "share-d").start()
	v.run(0, "sceau", append(append([]string{"keys", "rotate", "operator", "root", "--leave", kidA, "--why", "loss", "--medium", "c/share=c.txt", "--to", "public"},
		tokens("--medium", b)...), tokens("--new-medium", d)...)...)
	v.run(0, "comptoir", "sync", "counter")
	if len(d.names()) != 1 {
		t.Fatalf("the new token holds %v", d.names())
	}
	three := filepath.Join(v.dir, "public", "3.root.json")
	if b.verifies("root-2", three) != 1 || d.verifies(d.names()[0], three) > 1 {
		t.Error("openssl finds other signatures")
	}
	held = v.placesOf(append(tokens("--medium", b, d), "--medium", "c/share")...)
	if len(held) != 3 || held[kidB] != b.socket || held[d.kid(d.names()[0])] != d.socket || held[kidC] != "c/share" {
		t.Errorf("the audit finds %v", held)
	}
	// Everything else by the tokens that are left.
	for _, what := range []string{"online", "targets"} {
		v.wait(time.Hour)
		v.run(0, "sceau", append([]string{"keys", "rotate", "operator", what, "--to", "public"}, tokens("--medium", d, b)...)...)
		v.run(0, "comptoir", "sync", "counter")
	}
	last := filepath.Join(v.dir, "public", "5.root.json")
	if x, y := d.verifies(d.names()[0], last), b.verifies("root-2", last); x != 1 || y != 1 {
		t.Errorf("openssl verifies %d and %d signatures of the tokens, want one each", x, y)
	}
	// Found again: it is nobody's.
	a.start()
	if said := v.refused(1, "", "sceau", append([]string{"keys", "rotate", "operator", "root"}, tokens("--medium", a)...)...); !strings.Contains(said, a.socket+" holds no share of this root") {
		t.Error(said)
	}
	v.run(0, "comptoir", "sync", "young", "--from", "public", "--root", v.root)
	v.run(0, "sceau", "fsck", "operator", "--public", "public", "--keys")
	t.Logf("count: %d roots, signed on tokens and in a folder", v.roots())
}

// TestKeysTokenTrouble: whatever a token or its program does in a ceremony, the message says it, and what was done stays done.
func TestKeysTokenTrouble(t *testing.T) {
	t.Parallel()
	v, a, b := tokenVault(t)
	rotate := func(media ...*hsm) []string {
		return append([]string{"keys", "rotate", "operator", "root", "--to", "public"}, tokens("--medium", media...)...)
	}
	open := func() string {
		for line := range strings.Lines(v.run(0, "sceau", "keys", "ceremony", "list", "operator")) {
			if strings.Contains(line, "open, ") {
				return line
			}
		}
		return ""
	}
	// clear fails unless the message says where and what, and nothing came of it.
	clear := func(what, said string, want ...string) {
		t.Helper()
		for _, w := range append(want, "error: ") {
			if !strings.Contains(said, w) {
				t.Errorf("%s: no %q in\n%s", what, w, said)
			}
		}
		if strings.Contains(said, userPIN) || strings.Contains(said, "panic") {
			t.Errorf("%s: %s", what, said)
		}
		if n := v.roots(); n != 1 {
			t.Errorf("%s: %d roots are published", what, n)
		}
	}

	// Before anything begins: nothing is begun.
	b.takeOut()
	clear("taken out", v.refused(1, "", "sceau", rotate(b)...), b.socket, "the token does not work")
	clear("taken out, audit", v.refused(1, "", "sceau", append([]string{"keys", "audit", "operator"}, tokens("--medium", b)...)...), b.socket, "the token does not work")
	b.putBack()
	b.kill()
	clear("killed", v.refused(1, "", "sceau", rotate(b)...), b.socket, "start sceau-pkcs11")
	b.start().stop()
	clear("stopped", v.refused(1, "", "sceau", rotate(b)...), b.socket, "start sceau-pkcs11")
	clear("stopped, audit", v.refused(1, "", "sceau", append([]string{"keys", "audit", "operator"}, tokens("--medium", b)...)...), b.socket, "start sceau-pkcs11")
	if line := open(); line != "" {
		t.Errorf("a ceremony was begun: %s", line)
	}

	// A wrong PIN: the program says so and leaves no socket.
	wrong := b.launch("wrong-pin-1")
	wrong.exits(t, 1, 30*time.Second)
	clear("wrong PIN", wrong.errs.String(), "refused the PIN", "share-b")
	if strings.Contains(wrong.errs.String(), "wrong-pin-1") {
		t.Error("the PIN is in the message")
	}
	if _, err := os.Lstat(b.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket is left: %v", err)
	}

	// In the middle: the first signature stays, the same command goes on.
	b.start()
	v.refused(3, "", "sceau", rotate(a)...)
	b.takeOut()
	clear("taken out in the middle", v.refused(1, "", "sceau", rotate(a, b)...), b.socket, "the token does not work")
	b.putBack()
	b.stop()
	clear("stopped in the middle", v.refused(1, "", "sceau", rotate(a, b)...), b.socket, "start sceau-pkcs11")
	v.run(0, "comptoir", "sync", "counter")
	v.run(0, "sceau", "fsck", "operator", "--public", "public", "--keys")
	if line := open(); !strings.Contains(line, "1 of 2 signatures") {
		t.Errorf("the ceremony: %q", line)
	}
	b.start()
	if said := v.run(0, "sceau", rotate(a, b)...); !strings.Contains(said, "signed already") || !strings.Contains(said, "root 2 is in force") {
		t.Error(said)
	}
	v.run(0, "comptoir", "sync", "counter")

	// A new share on a token that is not there: no root is drafted, and no key lies about.
	d := newHSM(t, "share-d").start()
	d.takeOut()
	add := append(append([]string{"keys", "rotate", "operator", "root", "--leave", a.kid("root-1")}, tokens("--medium", b)...), tokens("--new-medium", d)...)
	if said := v.refused(1, "", "sceau", add...); !strings.Contains(said, "the token does not work") || !strings.Contains(said, d.socket) {
		t.Error(said)
	}
	if line := open(); line != "" {
		t.Errorf("a ceremony was begun: %s", line)
	}
	d.putBack()
	if names := d.names(); len(names) != 0 {
		t.Errorf("the token holds %v", names)
	}
	v.quiet(a, b, d)
}

// TestKeysTokenInit: an init that a token lets down has made no operator, and no key on the other tokens.
func TestKeysTokenInit(t *testing.T) {
	t.Parallel()
	a, b := newHSM(t, "share-a").start(), newHSM(t, "share-b").start()
	v := &vault{t: t, dir: t.TempDir(), at: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	v.wait(0)
	init := append([]string{"init", "operator", "--insurer", "775670482", "--name", "Mutuelle Exemple", "--root-threshold", "2"}, tokens("--medium", a, b)...)
	refused := func(what string, args []string, want ...string) {
		t.Helper()
		said := v.refused(1, "", "sceau", args...)
		for _, w := range append(want, "error: ") {
			if !strings.Contains(said, w) {
				t.Errorf("%s: no %q in\n%s", what, w, said)
			}
		}
		if names := a.names(); len(names) != 0 {
			t.Errorf("%s: the first token holds %v", what, names)
		}
		if _, err := os.Stat(filepath.Join(v.dir, "operator", "register.db")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: there is a register: %v", what, err)
		}
	}
	b.takeOut()
	refused("taken out", init, b.socket, "the token does not work")
	b.putBack()
	b.kill()
	refused("killed", init, b.socket, "start sceau-pkcs11")
	b.start().stop()
	refused("stopped", init, b.socket, "sceau-pkcs11")
	if _, err := os.Lstat(b.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made in the socket's place: %v", err)
	}
	b.start()
	v.run(0, "sceau", init...)
	// Another operator does not take a token that is in use.
	init[1] = "other"
	if said := v.refused(1, "", "sceau", init...); !strings.Contains(said, "medium "+a.socket+" holds keys already") {
		t.Error(said)
	}
	if got := fmt.Sprint(a.names(), b.names()); got != "[root-1] [root-2]" {
		t.Errorf("the tokens hold %s", got)
	}
	v.quiet(a, b)
}

// quiet fails when a PIN is in anything that was written.
func (v *vault) quiet(all ...*hsm) {
	v.t.Helper()
	for _, h := range all {
		if said := h.running.out.String() + h.running.errs.String(); strings.Contains(said, userPIN) {
			v.t.Errorf("%s: %s", h.label, said)
		}
	}
	must(v.t, filepath.WalkDir(v.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && (strings.Contains(string(b), userPIN) || strings.Contains(string(b), soPIN)) {
			v.t.Errorf("%s holds a PIN", path)
		}
		return err
	}))
}
