// Keys, played with the two programs: every key replaced while a counter looks away, a card key stolen, and what is lost restored
// on an empty machine by what docs/keys.md says to keep.

package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/signing"
	"sceau/signing/keystore"
)

// vault is an operator whose root has three shares on media of their own, with cards, and a counter that follows it.
type vault struct {
	t    *testing.T
	dir  string
	root string // fingerprint
	at   time.Time
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{t: t, dir: t.TempDir(), at: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	v.wait(0)
	out := v.run(0, "sceau", append([]string{"init", "operator", "--insurer", "775670482", "--name", "Mutuelle Exemple"}, v.media("abc")...)...)
	lines := strings.Split(out, "\n")
	v.root = strings.TrimSpace(lines[2])
	sample, err := filepath.Abs("../fixtures/sample/roster.csv")
	must(t, err)
	v.run(3, "sceau", "import", "operator", sample)
	v.run(0, "sceau", "issue", "operator", "--all", "--out", "cards")
	v.run(0, "sceau", "publish", "operator", "--to", "public")
	v.run(0, "comptoir", "sync", "counter", "--from", "public", "--root", v.root)
	return v
}

// media are the flags for media of these letters.
func (v *vault) media(letters string) []string { return v.flagged("--medium", letters) }

func (v *vault) flagged(flag, letters string) []string {
	var all []string
	for _, l := range letters {
		all = append(all, flag, fmt.Sprintf("%c/share=%c.txt", l, l))
	}
	return all
}

// wait moves the clock.
func (v *vault) wait(d time.Duration) {
	v.t.Helper()
	v.at = v.at.Add(d)
	must(v.t, setClock(v.dir, v.at.Format(time.RFC3339)))
}

func (v *vault) run(want int, name string, args ...string) string {
	v.t.Helper()
	return mustRun(v.t, want, v.dir, name, args...)
}

// refused runs a command that must fail, and returns what it said.
func (v *vault) refused(want int, stdin, name string, args ...string) string {
	v.t.Helper()
	out, errs, code := program(v.t, v.dir, stdin, name, args...)
	if code != want {
		v.t.Fatalf("%s %v: exit code %d, want %d\n%s%s", name, args, code, want, out, errs)
	}
	return out + errs
}

// cards are the code texts of a folder, in the order of their numbers.
func (v *vault) cards(folder string) []string {
	v.t.Helper()
	names, err := filepath.Glob(filepath.Join(v.dir, folder, "*.txt"))
	must(v.t, err)
	if len(names) == 0 {
		v.t.Fatalf("no card in %s", folder)
	}
	var all []string
	for _, name := range names {
		b, err := os.ReadFile(name)
		must(v.t, err)
		all = append(all, strings.TrimSpace(string(b)))
	}
	return all
}

// judged asks a counter about many codes at once, and counts its reasons.
func (v *vault) judged(counter string, codes []string) map[string]int {
	v.t.Helper()
	out, errs, _ := program(v.t, v.dir, strings.Join(codes, "\n")+"\n", "comptoir", "verify", counter, "--json", "--domain", "PHAR", "--on", "2027-03-02", "-")
	reasons := map[string]int{}
	for line := range strings.Lines(out) {
		var a struct{ Status, Reason string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			v.t.Fatalf("%v\n%s%s", err, line, errs)
		}
		reasons[a.Reason]++
		reasons[a.Status]++
	}
	return reasons
}

// accepted fails unless no card is refused or unknown for its signature, its key or the list: rights differ between households.
func (v *vault) accepted(counter string, codes []string) {
	v.t.Helper()
	got := v.judged(counter, codes)
	fine := got["valid"] + got["reserve"] + got["NOT_COVERED"] + got["NOT_YET"] + got["EXPIRED"]
	if fine != len(codes) || got["valid"] == 0 {
		v.t.Errorf("of %d cards: %v", len(codes), got)
	}
}

func (v *vault) kid(store, name string) string {
	v.t.Helper()
	k, err := keystore.Public(filepath.Join(v.dir, store), name)
	must(v.t, err)
	return k.KID
}

// TestKeysRotateEverything: a counter looks away while every key is replaced, some more than once, for more than a year.
func TestKeysRotateEverything(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	old := v.cards("cards")
	month := 30 * 24 * time.Hour
	steps := [][]string{
		{"card", "--from", "2026-12-28"}, {"list", "--from", "2026-12-28"}, {"status"}, {"insurer"},
		append([]string{"online"}, v.media("ab")...),
		append([]string{"targets"}, v.media("bc")...),
		{"accord"}, {"settlement"}, {"manifest"},
		append(append([]string{"root"}, v.flagged("--new-medium", "def")...), v.media("ac")...),
		append([]string{"root"}, v.media("de")...), // a later expiry
		append(append([]string{"root", "--leave", "KID"}, v.flagged("--new-medium", "g")...), v.media("df")...),
		append([]string{"online"}, v.media("dg")...),
		append([]string{"targets"}, v.media("fg")...),
		{"status"}, {"insurer"},
	}
	for i, step := range steps {
		if i%4 == 3 {
			v.wait(month)
		} else {
			v.wait(time.Hour)
		}
		if at := slices.Index(step, "KID"); at >= 0 {
			step[at] = v.kid("e/share", v.only("e/share"))
		}
		v.run(0, "sceau", append([]string{"keys", "rotate", "operator"}, append(step, "--to", "public")...)...)
		v.run(0, "sceau", "fsck", "operator", "--public", "public", "--keys")
	}
	v.run(0, "sceau", "reprint", "operator", "--card", v.firstCard(), "--out", "later")
	v.run(0, "sceau", "publish", "operator", "--to", "public")
	later := v.cards("later")
	u, err := card.Parse(later[0])
	must(t, err)
	if u.KID() == v.kid("operator/keys", "card-775670482-1") {
		t.Error("the card made after the rotation is signed with the old key")
	}
	roots, err := filepath.Glob(filepath.Join(v.dir, "public", "*.root.json"))
	must(t, err)
	t.Logf("count: %d rotations missed, %d roots, publication of %s", len(steps), len(roots), v.at.Format(time.DateOnly))
	if len(steps) < 10 || len(roots) < 7 {
		t.Fatalf("%d rotations, %d roots: too few to show anything", len(steps), len(roots))
	}
	v.run(0, "comptoir", "sync", "counter")
	v.accepted("counter", old[1:])
	v.accepted("counter", later)
	// One that begins today pins the first root all the same.
	v.run(0, "comptoir", "sync", "young", "--from", "public", "--root", v.root)
	v.accepted("young", append(old[1:], later...))
	v.run(0, "comptoir", "fsck", "counter")
	// The holders of before are nobody any more.
	said := v.refused(1, "", "sceau", append([]string{"keys", "rotate", "operator", "root"}, v.media("ab")...)...)
	if !strings.Contains(said, "holds no share of this root") {
		t.Error(said)
	}
}

// only is the one key of a folder.
func (v *vault) only(store string) string {
	v.t.Helper()
	names, err := keystore.Names(filepath.Join(v.dir, store))
	must(v.t, err)
	if len(names) != 1 {
		v.t.Fatalf("%s holds %v", store, names)
	}
	return names[0]
}

// firstCard is the number of a card.
func (v *vault) firstCard() string {
	v.t.Helper()
	names, err := filepath.Glob(filepath.Join(v.dir, "cards", "*.txt"))
	must(v.t, err)
	return strings.TrimSuffix(filepath.Base(names[0]), ".txt")
}

// TestKeysCardKeyStolen: the card key is copied from the server, with its passphrase. What it forged before and after is refused
// at a counter that synchronises once, whatever day it bears; what the insurer issued lives on.
func TestKeysCardKeyStolen(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	genuine := v.cards("cards")
	stolen := filepath.Join(v.dir, "loot")
	must(t, os.CopyFS(stolen, os.DirFS(filepath.Join(v.dir, "operator", "keys"))))
	must(t, ownOnly(stolen))
	pass, err := os.ReadFile(filepath.Join(v.dir, "operator", "passphrase"))
	must(t, err)
	store, err := keystore.Open(stolen, []byte(strings.TrimSpace(string(pass))))
	must(t, err)
	private, err := store.Signer("card-775670482-1")
	must(t, err)
	signer, err := signing.NewSigner(card.Kind, private)
	must(t, err)
	var forged []string
	for i, code := range genuine {
		u, err := card.Parse(code)
		must(t, err)
		c := u.PeekUnsafe()
		switch i % 4 {
		case 0: // another N° adhérent on a genuine place
			c.Adherent += "9"
		case 1: // a place of its own
			c.Place.Index ^= 0x55555
		case 2: // dated before the theft
			c.IssuedAt -= 3600
			c.Place.Index ^= 1
		case 3: // the same rights for another household's people
			c.People[0].Prenom = "CAMILLE"
		}
		d, err := card.Prepare(c, signer.KID())
		must(t, err)
		token, err := d.Seal(signer)
		must(t, err)
		p, err := card.Parse(token.JWS())
		must(t, err)
		forged = append(forged, p.CodeText())
	}
	before := v.judged("counter", forged)
	if before["valid"] == 0 {
		t.Fatalf("the stolen key forges nothing: %v", before)
	}
	v.wait(time.Hour)
	said := v.run(0, "sceau", "keys", "compromise", "operator", "card", signer.KID(), "--yes", "--to", "public")
	if !strings.Contains(said, fmt.Sprintf("%d genuine cards", len(genuine))) {
		t.Error(said)
	}
	v.run(0, "comptoir", "sync", "counter")
	v.accepted("counter", genuine)
	after := v.judged("counter", forged)
	if after["refused"] != len(forged) || after["NOT_ISSUED"] != len(forged) {
		t.Errorf("of %d forged cards: %v", len(forged), after)
	}
	v.run(0, "sceau", "reprint", "operator", "--card", v.firstCard(), "--out", "later")
	v.run(0, "sceau", "publish", "operator", "--to", "public")
	v.run(0, "comptoir", "sync", "counter")
	v.accepted("counter", v.cards("later"))
	v.run(0, "sceau", "fsck", "operator", "--public", "public", "--keys")
	t.Logf("count: %d genuine cards accepted, %d forged refused (%d of them accepted before)", len(genuine), len(forged), before["valid"])
}

// TestKeysAnnouncedStolen: the key that was announced for the campaign lay beside the stolen one. Whoever answers the theft is told
// that it goes, before and after; the audit says of each key what that key can do; a command given again does nothing twice.
func TestKeysAnnouncedStolen(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	stolen := v.kid("operator/keys", "card-775670482-1")
	v.run(0, "sceau", "keys", "rotate", "operator", "card", "--from", "2026-12-28", "--to", "public")
	next := v.kid("operator/keys", "card-775670482-2")
	v.wait(time.Hour)
	if said := v.refused(1, "no\n", "sceau", "keys", "compromise", "operator", "card", stolen); !strings.Contains(said, "The key "+next+", announced for 2026-12-27 23:00 UTC, lay beside it and is withdrawn") {
		t.Error(said)
	}
	said := v.refused(0, "yes\n", "sceau", "keys", "compromise", "operator", "card", stolen, "--to", "public")
	if !strings.Contains(said, "card key "+next+", announced for 2026-12-27 23:00 UTC, was withdrawn") ||
		!strings.Contains(said, "sceau keys rotate operator card --insurer 775670482 --from 2026-12-27T23:00:00Z") {
		t.Error(said)
	}
	said = v.run(0, "sceau", "keys", "audit", "operator")
	_, section, _ := strings.Cut(said, "CARD of insurer")
	section, _, _ = strings.Cut(section, "\n\n")
	lines := strings.Split(section, "\n")
	order := []string{"active", "can    sign cards of insurer", "theft  forged cards", "listed", "can    nothing new", "dead", "can    nothing: whatever it signed is refused"}
	for _, l := range lines {
		if len(order) > 0 && strings.Contains(l, order[0]) {
			order = order[1:]
		}
	}
	if len(order) > 0 || strings.Contains(section, "card "+next) || strings.Contains(section, "card "+stolen) || strings.Contains(said, "warning") {
		t.Errorf("%v not found in\n%s", order, said)
	}
	// A stolen key again: the same page, whose hours run.
	pages := func() int {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(v.dir, "operator/ceremonies/*-theft-*"))
		must(t, err)
		return len(all)
	}
	v.wait(time.Hour)
	v.run(0, "sceau", "keys", "compromise", "operator", "card", stolen, "--yes", "--to", "public")
	if n := pages(); n != 1 {
		t.Errorf("%d pages", n)
	}
	// A share that left: done, or what else to do.
	lost := v.kid("c/share", "root-3")
	leave := append([]string{"keys", "rotate", "operator", "root", "--leave", lost, "--to", "public"}, v.media("ab")...)
	replaced := append(slices.Clone(leave), v.flagged("--new-medium", "d")...)
	v.run(0, "sceau", replaced...)
	for _, again := range [][]string{leave, replaced} {
		if said := v.run(0, "sceau", again...); !strings.Contains(said, "nothing to do: "+lost+" left the root with ceremony root-2, at ") {
			t.Error(said)
		}
	}
	for _, other := range [][]string{append(slices.Clone(leave), v.flagged("--new-medium", "e")...), append(slices.Clone(leave), "--leave", v.kid("a/share", "root-1"))} {
		if said := v.refused(2, "", "sceau", other...); !strings.Contains(said, lost+" is no share of the root any more: it left with ceremony root-2") || !strings.Contains(said, "root --keep --new-medium") {
			t.Error(said)
		}
	}
	if said := v.refused(2, "", "sceau", append([]string{"keys", "compromise", "operator", "root", lost, "--yes"}, v.flagged("--new-medium", "e")...)...); !strings.Contains(said, "root --keep --new-medium") {
		t.Error(said)
	}
}

// ownOnly gives a copied key folder the modes that it must have.
func ownOnly(dir string) error {
	list, err := os.ReadDir(dir)
	err = errors.Join(err, os.Chmod(dir, 0o700))
	for _, e := range list {
		err = errors.Join(err, os.Chmod(filepath.Join(dir, e.Name()), 0o600))
	}
	return err
}

// copyKept copies what somebody kept elsewhere, with its modes.
func copyKept(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.Command("cp", "-a", from, to).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
