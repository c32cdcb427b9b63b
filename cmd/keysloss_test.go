package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kept is an empty folder with only what docs/keys.md says to keep, and a clock.
func (v *vault) kept(t *testing.T, names ...string) *vault {
	t.Helper()
	empty := &vault{t: t, dir: t.TempDir(), root: v.root, at: v.at}
	for _, name := range names {
		to := filepath.Join(empty.dir, name)
		must(t, os.MkdirAll(filepath.Dir(to), 0o700))
		copyKept(t, filepath.Join(v.dir, name), to)
	}
	empty.wait(time.Hour)
	return empty
}

// save makes the copies that the page asks for.
func (v *vault) save() {
	v.t.Helper()
	v.run(0, "sceau", "backup", "operator", "--to", "saved.age")
	copyKept(v.t, filepath.Join(v.dir, "operator", "passphrase"), filepath.Join(v.dir, "pass"))
	must(v.t, os.MkdirAll(filepath.Join(v.dir, "safe"), 0o700))
	copyKept(v.t, filepath.Join(v.dir, "operator", "offline"), filepath.Join(v.dir, "safe", "offline"))
}

// machineTime runs commands and adds up how long they took.
type machineTime struct {
	v     *vault
	total time.Duration
}

func (m *machineTime) run(name string, args ...string) string {
	m.v.t.Helper()
	start := time.Now()
	out := m.v.run(0, name, args...)
	m.total += time.Since(start)
	return out
}

// within is what the task allows: a person's coffee, not a person's day.
func (m *machineTime) within(what string) {
	m.v.t.Helper()
	m.v.t.Logf("count: %s: %.1f s of machine time, of 900", what, m.total.Seconds())
	if m.total > 15*time.Minute {
		m.v.t.Errorf("%s took %v", what, m.total)
	}
}

// goesOn issues a card in the restored place and shows it to a counter that has followed the operator since before the loss.
func (m *machineTime) goesOn(before *vault, number string) {
	m.v.t.Helper()
	m.run("sceau", "reprint", "operator", "--card", number, "--out", "later", "--passphrase-file", "pass")
	m.run("sceau", "publish", "operator", "--to", "public", "--passphrase-file", "pass")
	copyKept(m.v.t, filepath.Join(before.dir, "counter"), filepath.Join(m.v.dir, "counter"))
	m.v.run(0, "comptoir", "sync", "counter", "--from", "public")
	m.v.accepted("counter", m.v.cards("later"))
	m.v.accepted("counter", before.cards("cards")[1:])
}

// TestLoss plays what docs/keys.md says about losses, each from an empty folder.
func TestLoss(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save()
	number := v.firstCard()

	t.Run("the server's disk", func(t *testing.T) {
		e := v.kept(t, "saved.age", "pass", "public")
		m := &machineTime{v: e}
		m.run("sceau", "recover", "saved.age", "operator", "--public", "public", "--passphrase-file", "pass")
		m.goesOn(v, number)
		e.run(0, "sceau", "fsck", "operator", "--public", "public", "--keys", "--passphrase-file", "pass", "--offline-keys", v.dir+"/safe/offline")
		m.within("the server's disk")
	})
	t.Run("one share of the root", func(t *testing.T) {
		e := v.kept(t, "saved.age", "pass", "public", "safe", "a", "a.txt", "c", "c.txt") // b is gone
		m := &machineTime{v: e}
		m.run("sceau", "recover", "saved.age", "operator", "--passphrase-file", "pass")
		audit := m.run("sceau", append([]string{"keys", "audit", "operator", "--offline-keys", "safe/offline"}, e.media("ac")...)...)
		lost := ""
		for line := range strings.Lines(audit) {
			if f := strings.Fields(line); strings.Contains(line, "not attached") && len(f) > 1 {
				if lost != "" {
					t.Fatalf("more than one share is said to be elsewhere:\n%s", audit)
				}
				lost = f[1]
			}
		}
		if lost == "" {
			t.Fatalf("the audit names no share that is elsewhere:\n%s", audit)
		}
		args := append(append([]string{"keys", "rotate", "operator", "root", "--leave", lost, "--why", "loss", "--offline-keys", "safe/offline", "--passphrase-file", "pass", "--to", "public"},
			e.flagged("--new-medium", "d")...), e.media("ac")...)
		m.run("sceau", args...)
		m.goesOn(v, number)
		// The new share signs with any other one.
		m.run("sceau", append([]string{"keys", "rotate", "operator", "online", "--passphrase-file", "pass", "--to", "public"}, e.media("cd")...)...)
		e.run(0, "comptoir", "sync", "counter", "--from", "public")
		m.within("one share of the root")
	})
	t.Run("the operator's laptop", func(t *testing.T) {
		e := v.kept(t, "operator", "pass", "public", "safe")
		must(t, os.RemoveAll(filepath.Join(e.dir, "operator", "offline")))
		m := &machineTime{v: e}
		e.refused(1, "", "sceau", "insurer", "add", "operator", "--insurer", "302976568", "--name", "Mutuelle du Littoral")
		copyKept(t, filepath.Join(e.dir, "safe", "offline"), filepath.Join(e.dir, "offline"))
		if said := m.run("sceau", "keys", "audit", "operator", "--offline-keys", "offline"); !strings.Contains(said, "in offline") {
			t.Error(said)
		}
		m.run("sceau", "insurer", "add", "operator", "--insurer", "302976568", "--name", "Mutuelle du Littoral", "--offline-keys", "offline")
		m.run("sceau", "keys", "rotate", "operator", "insurer", "--insurer", "775670482", "--offline-keys", "offline", "--to", "public")
		m.goesOn(v, number)
		m.within("the operator's laptop")
	})
	t.Run("the laptop and the copy of its folder", func(t *testing.T) {
		e := v.kept(t, "operator", "pass", "public", "a", "a.txt", "b", "b.txt")
		must(t, os.RemoveAll(filepath.Join(e.dir, "operator", "offline")))
		m := &machineTime{v: e}
		m.run("sceau", append([]string{"keys", "rotate", "operator", "targets", "--why", "loss", "--offline-keys", "offline", "--to", "public"}, e.media("ab")...)...)
		m.run("sceau", "keys", "rotate", "operator", "insurer", "--offline-keys", "offline", "--to", "public")
		m.run("sceau", "insurer", "add", "operator", "--insurer", "302976568", "--name", "Mutuelle du Littoral", "--offline-keys", "offline")
		m.goesOn(v, number)
		m.within("the laptop and the copy of its folder")
	})
	t.Run("the server's disk, a day after the last backup", func(t *testing.T) {
		names := v.numbers()
		ended, late := names[1], names[2]
		v.run(0, "sceau", "revoke", "operator", "--card", ended, "--from", "2026-11-01")
		v.run(0, "sceau", "reprint", "operator", "--card", late, "--out", "late")
		for range 3 {
			v.wait(time.Hour)
			v.run(0, "sceau", "publish", "operator", "--to", "public")
		}
		v.run(0, "comptoir", "sync", "counter")
		e := v.kept(t, "saved.age", "pass", "public", "safe", "a", "a.txt", "b", "b.txt")
		m := &machineTime{v: e}
		said := e.refused(3, "", "sceau", "recover", "saved.age", "operator", "--public", "public", "--go-on", "--passphrase-file", "pass")
		for _, text := range []string{"2 ends of rights brought back", "list 2", "keys rotate operator status --insurer 775670482", "keys rotate operator online"} {
			if !strings.Contains(said, text) {
				t.Errorf("nothing says %q:\n%s", text, said)
			}
		}
		secrets := []string{"--offline-keys", "safe/offline", "--passphrase-file", "pass"}
		m.run("sceau", append([]string{"keys", "rotate", "operator", "status"}, secrets...)...)
		m.run("sceau", append(append([]string{"keys", "rotate", "operator", "online", "--to", "public-new"}, secrets...), e.media("ab")...)...)
		m.run("sceau", "reprint", "operator", "--card", number, "--out", "later", "--passphrase-file", "pass")
		m.run("sceau", "publish", "operator", "--to", "public-new", "--passphrase-file", "pass")
		copyKept(t, filepath.Join(v.dir, "counter"), filepath.Join(e.dir, "counter"))
		e.run(0, "comptoir", "sync", "counter", "--from", "public-new")
		e.accepted("counter", e.cards("later"))
		e.accepted("counter", v.cards("late"))
		for _, n := range []string{ended, late} {
			b, err := os.ReadFile(filepath.Join(v.dir, "cards", n+".txt"))
			must(t, err)
			if got := e.judged("counter", []string{strings.TrimSpace(string(b))}); got["REVOKED"] != 1 {
				t.Errorf("card %s, which had ended: %v", n, got)
			}
		}
		e.run(0, "sceau", append([]string{"fsck", "operator", "--public", "public-new", "--keys"}, secrets...)...)
		m.within("the server's disk, a day after the last backup")
	})
}

// numbers are those of all cards.
func (v *vault) numbers() []string {
	v.t.Helper()
	names, err := filepath.Glob(filepath.Join(v.dir, "cards", "*.txt"))
	must(v.t, err)
	for i, name := range names {
		names[i] = strings.TrimSuffix(filepath.Base(name), ".txt")
	}
	return names
}
