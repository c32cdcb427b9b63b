// Independent TUF clients, tuf-js and go-tuf's updater, follow what the real programs publish: through two rounds of ceremonies and
// a theft, down to the bytes; and they refuse what is to be refused.

package cmd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/status"
	"sceau/signing/trust"
)

// reader gives the files of a published folder.
func reader(folder string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(folder, filepath.FromSlash(path))) }
}

// agrees has a peer follow the published folder, and compares all it found with what a counter here would read.
func (v *vault) agrees(p peer, state string, first []byte, none ...string) *trust.Trusted {
	v.t.Helper()
	folder := filepath.Join(v.dir, "public")
	mine, err := trust.Open(reader(folder), first)
	must(v.t, err)
	var paths []string
	for _, insurer := range append(mine.Insurers(), "") {
		all, err := mine.Targets(insurer)
		must(v.t, err)
		for _, info := range all {
			paths = append(paths, info.Path)
		}
	}
	got, err := p.follow(v.t, folder, state, append(slices.Clone(paths), none...)...)
	if err != nil {
		v.t.Fatalf("%s: %v", p.name, err)
	}
	if got.Root != mine.RootVersion() || got.Timestamp != mine.Version() {
		v.t.Errorf("%s: root %d, timestamp %d; here root %d, timestamp %d", p.name, got.Root, got.Timestamp, mine.RootVersion(), mine.Version())
	}
	for _, path := range paths {
		info, err := mine.Target(path)
		must(v.t, err)
		theirs := got.Found[path]
		if theirs == nil || theirs.Length != info.Length || theirs.SHA256 != hex.EncodeToString(info.SHA256[:]) {
			v.t.Errorf("%s: %s: %+v", p.name, path, theirs)
		}
		if p.stored == nil || theirs == nil {
			continue
		}
		b, err := os.ReadFile(p.stored(state, path))
		must(v.t, err)
		must(v.t, info.Check(b))
	}
	for _, path := range none {
		if got.Found[path] != nil {
			v.t.Errorf("%s: it found %s", p.name, path)
		}
	}
	return mine
}

// newVaultToday is an operator of three insurers at this machine's time, by which other clients judge what has expired.
func newVaultToday(t *testing.T) *vault {
	t.Helper()
	v := &vault{t: t, dir: t.TempDir(), at: time.Now().UTC().Truncate(time.Second)}
	v.wait(0)
	v.run(0, "sceau", "sample", "roster.csv", "--households", "60", "--bad", "0", "--insurers", "1")
	out := v.run(0, "sceau", append([]string{"init", "operator", "--insurer", "775670482", "--name", "Mutuelle Exemple"}, v.media("abc")...)...)
	v.root = strings.TrimSpace(strings.Split(out, "\n")[2])
	v.run(0, "sceau", "insurer", "add", "operator", "--insurer", "302976568", "--name", "Mutuelle du Littoral")
	v.run(0, "sceau", "import", "operator", "roster.csv")
	v.run(0, "sceau", "issue", "operator", "--all", "--out", "cards")
	v.run(0, "sceau", "publish", "operator", "--to", "public")
	v.run(0, "sceau", "insurer", "add", "operator", "--insurer", "417934791", "--name", "Mutuelle de la Marne")
	v.run(0, "sceau", "publish", "operator", "--to", "public")
	return v
}

// copied is a copy of a folder that may be spoilt.
func copied(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(to, os.DirFS(folder)))
	return to
}

const amc = "775670482"

// TestKeysOtherClients: each of two rounds replaces the root's holders, the keys of every role and an insurer's; between them a card
// key is stolen. Clients that nobody here wrote follow: one that is always there, one that knows the first root alone.
func TestKeysOtherClients(t *testing.T) {
	t.Parallel()
	clients := peers(t)
	v := newVaultToday(t)
	public := filepath.Join(v.dir, "public")
	first, err := os.ReadFile(filepath.Join(public, "1.root.json"))
	must(t, err)
	none := []string{"amc/" + amc + "/issued/none", "amc/000000000/issuer.json"}
	daily := map[string]string{}
	for _, p := range clients {
		daily[p.name] = begun(t, first)
		v.agrees(p, daily[p.name], first, none...)
	}
	stolen := v.kid("operator/keys", "card-"+amc+"-1")
	genuine := v.cards("cards")
	var before string // the publication before the last round
	round := func(holders, next string) {
		steps := [][]string{
			append(append([]string{"root"}, v.flagged("--new-medium", next)...), v.media(holders[:2])...),
			append([]string{"online"}, v.media(next[1:])...),
			append([]string{"targets"}, v.media(next[:2])...),
			{"insurer", "--insurer", amc}, {"status", "--insurer", amc},
		}
		for _, step := range steps {
			v.wait(time.Minute)
			v.run(0, "sceau", append(append([]string{"keys", "rotate", "operator"}, step...), "--yes", "--to", "public")...)
		}
	}
	round("abc", "def")
	for _, p := range clients {
		v.agrees(p, daily[p.name], first, none...)
	}
	v.wait(time.Minute)
	v.run(0, "sceau", "keys", "compromise", "operator", "card", stolen, "--yes", "--to", "public")
	v.run(0, "sceau", "reprint", "operator", "--card", v.firstCard(), "--out", "later")
	v.run(0, "sceau", "publish", "operator", "--to", "public")
	for _, p := range clients {
		v.agrees(p, daily[p.name], first, none...)
	}
	before = copied(t, public)
	round("def", "ghi")
	var mine *trust.Trusted
	for _, p := range clients {
		mine = v.agrees(p, daily[p.name], first, none...)
		v.agrees(p, begun(t, first), first, none...)
	}
	if mine.RootVersion() != 7 {
		t.Fatalf("root %d, want 7: two rounds of three ceremonies", mine.RootVersion())
	}
	v.consistent(public)
	v.meaning(clients[0], daily["tuf-js"], mine, stolen, genuine)
	v.spoilt(clients, daily, first, before)
	v.oneHolder(clients, daily, first)
	all, err := mine.Targets(amc)
	must(t, err)
	t.Logf("count: %d roots, %d publications, %d targets of one insurer; followed by %d other clients", mine.RootVersion(), mine.Version(), len(all), len(clients))
}

// consistent fails unless every file but timestamp.json has its version or its digest in its name, and the bytes it names.
func (v *vault) consistent(public string) {
	v.t.Helper()
	n := 0
	must(v.t, filepath.WalkDir(public, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(public, path)
		must(v.t, err)
		b, err := os.ReadFile(path)
		must(v.t, err)
		head, _, _ := strings.Cut(filepath.Base(path), ".")
		sum := sha256.Sum256(b)
		var meta struct{ Signed struct{ Version int64 } }
		switch {
		case filepath.Ext(rel) == ".pack": // copies of other files, which counters of this project alone read, and believe nothing of
		case rel == "timestamp.json", strings.HasPrefix(rel, "statuslist"+string(filepath.Separator)): // the second is for verifiers of another standard
		case head == hex.EncodeToString(sum[:]):
			n++
		case json.Unmarshal(b, &meta) == nil && fmt.Sprint(meta.Signed.Version) == head:
			n++
		default:
			v.t.Errorf("%s is not named by what it holds", rel)
		}
		return nil
	}))
	if n < 20 {
		v.t.Errorf("only %d files are named by what they hold", n)
	}
}

// meaning reads, as its formats say, what the other client has downloaded.
func (v *vault) meaning(p peer, state string, mine *trust.Trusted, stolen string, genuine []string) {
	t := v.t
	t.Helper()
	read := func(target string) []byte {
		b, err := os.ReadFile(p.stored(state, target))
		must(t, err)
		return b
	}
	insurer, err := card.ParseInsurer(read("amc/" + amc + "/issuer.json"))
	must(t, err)
	states := map[string]string{}
	for _, k := range insurer.CardKeys {
		states[k.KID] = string(k.State)
	}
	if states[stolen] != "listed" || len(states) < 2 {
		t.Errorf("card keys: %v", states)
	}
	list, err := issued.Decode(read("amc/" + amc + "/issued/" + stolen))
	must(t, err)
	if list.Owner() != amc || list.KID() != stolen || list.Len() != len(genuine) {
		t.Errorf("the list of %s %s has %d cards, want %d", list.Owner(), list.KID(), list.Len(), len(genuine))
	}
	for _, code := range genuine {
		u, err := card.Parse(code)
		must(t, err)
		d := u.Digest()
		if !list.Has([issued.DigestSize]byte(d[:issued.DigestSize])) {
			t.Error("a genuine card is not on the list")
		}
		d[0] ^= 1
		if list.Has([issued.DigestSize]byte(d[:issued.DigestSize])) {
			t.Error("a card of nobody is on the list")
		}
	}
	targets, err := mine.Targets(amc)
	must(t, err)
	pages := 0
	for _, info := range targets {
		if rest, ok := strings.CutPrefix(info.Path, "amc/"+amc+"/status/"); ok && !strings.Contains(rest, ".") {
			_, err := status.Decode(read(info.Path))
			must(t, err)
			pages++
		}
	}
	if pages == 0 {
		t.Error("no status page")
	}
}

// spoilt shows spoilt copies of the repository to clients that know the first root, and to those that know the last state.
func (v *vault) spoilt(clients []peer, daily map[string]string, first []byte, before string) {
	t := v.t
	t.Helper()
	public := filepath.Join(v.dir, "public")
	type attack struct {
		name   string
		folder string
		to     []string // who refuses
	}
	const young, behind, old = "a client with the first root", "a client one publication behind", "a client with the last state"
	states := map[string]map[string]string{young: {}, behind: {}, old: daily}
	yesterday := copied(t, public)
	v.wait(time.Minute)
	v.run(0, "sceau", "notice", "add", "operator", "--kind", "info", "--id", "n1", "--title", "Message", "--text", "Texte.", "--until", v.at.AddDate(0, 1, 0).Format(time.DateOnly))
	v.run(0, "sceau", "publish", "operator", "--to", "public") // by the same keys
	for _, p := range clients {
		states[young][p.name], states[behind][p.name] = begun(t, first), copied(t, daily[p.name])
		v.agrees(p, daily[p.name], first)
	}
	var attacks []attack
	root, err := os.ReadFile(filepath.Join(public, "3.root.json"))
	must(t, err)
	for i := range 12 {
		at := (len(root) - 1) * i / 11
		folder, b := copied(t, public), slices.Clone(root)
		b[at] ^= 1
		must(t, os.WriteFile(filepath.Join(folder, "3.root.json"), b, 0o600))
		attacks = append(attacks, attack{fmt.Sprintf("byte %d of 3.root.json", at), folder, []string{young}})
	}
	snapshot := func(folder string) string {
		b, err := os.ReadFile(filepath.Join(folder, "timestamp.json"))
		must(t, err)
		var stamp struct {
			Signed struct {
				Meta map[string]struct{ Version int64 }
			}
		}
		must(t, json.Unmarshal(b, &stamp))
		return fmt.Sprintf("%d.snapshot.json", stamp.Signed.Meta["snapshot.json"].Version)
	}
	replay := func(name, from, file, as string, to ...string) {
		folder := copied(t, public)
		b, err := os.ReadFile(filepath.Join(from, file))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(folder, as), b, 0o600))
		attacks = append(attacks, attack{name, folder, to})
	}
	replay("the snapshot of before the ceremonies", before, snapshot(before), snapshot(public), young, behind)
	replay("the snapshot before this one", yesterday, snapshot(yesterday), snapshot(public), young, behind)
	replay("the timestamp of before the ceremonies", before, "timestamp.json", "timestamp.json", young, behind, old)
	replay("the timestamp before this one", yesterday, "timestamp.json", "timestamp.json", old)
	for _, a := range attacks {
		for _, p := range clients {
			for _, who := range a.to {
				got, err := p.follow(t, a.folder, copied(t, states[who][p.name]), "amc/"+amc+"/issuer.json")
				if err == nil {
					t.Errorf("%s: %s: %s accepted: %+v", a.name, p.name, who, got)
				} else if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
					t.Errorf("%s: %s: %v", a.name, p.name, err)
				}
			}
		}
	}
	// The servers were in order: the same clients follow what is not spoilt.
	for _, p := range clients {
		v.agrees(p, copied(t, daily[p.name]), first)
	}
	t.Logf("count: %d spoilt repositories refused by each of %d other clients", len(attacks), len(clients))
}

// oneHolder: a root that one of two holders signed is no root, wherever it is put; with the second signature it is one.
func (v *vault) oneHolder(clients []peer, daily map[string]string, first []byte) {
	t := v.t
	t.Helper()
	v.wait(time.Minute)
	v.run(3, "sceau", append([]string{"keys", "rotate", "operator", "root", "--to", "public"}, v.media("g")...)...)
	if _, err := os.Stat(filepath.Join(v.dir, "public", "8.root.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was published: %v", err)
	}
	v.run(0, "sceau", "keys", "ceremony", "show", "operator", "root-8", "--out", "root.draft")
	draft, err := os.ReadFile(filepath.Join(v.dir, "root.draft"))
	must(t, err)
	_, half, err := trust.ParseRootDraft(draft)
	must(t, err)
	if n := bytes.Count(half, []byte(`"sig":`)); n != 1 {
		t.Fatalf("%d signatures in the draft", n)
	}
	folder := copied(t, filepath.Join(v.dir, "public"))
	must(t, os.WriteFile(filepath.Join(folder, "8.root.json"), half, 0o600))
	for _, p := range clients {
		for _, state := range []string{begun(t, first), copied(t, daily[p.name])} {
			if got, err := p.follow(t, folder, state); err == nil {
				t.Errorf("%s: one holder's root was accepted: %+v", p.name, got)
			}
		}
	}
	v.run(0, "sceau", append([]string{"keys", "rotate", "operator", "root", "--to", "public"}, v.media("h")...)...)
	for _, p := range clients {
		if mine := v.agrees(p, daily[p.name], first); mine.RootVersion() != 8 {
			t.Errorf("root %d, want 8", mine.RootVersion())
		}
	}
}
