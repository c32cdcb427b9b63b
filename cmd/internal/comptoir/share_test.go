package comptoir

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/offline/mirror"
	"sceau/signing/trust"
)

func decodeLine(t *testing.T, out string, into any) {
	t.Helper()
	line, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(line), into); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func ok(t *testing.T, args ...string) string {
	t.Helper()
	out, code := run(t, "", args...)
	if code != 0 {
		t.Fatalf("%v: %d %s", args, code, out)
	}
	return out
}

// said is what a command wrote while it goes on.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var sharedAt = regexp.MustCompile(`http://\S+/`)

// listening shares a counter's lists on this computer until the test ends, and returns the address.
func listening(t *testing.T, dir string) (address string, words *said) {
	t.Helper()
	words = &said{}
	ctx, stop := context.WithCancel(t.Context())
	c := New()
	c.SetArgs([]string{"share", dir, "--listen", "127.0.0.1:0"})
	c.SetOut(words)
	c.SetErr(words)
	ended := make(chan error, 1)
	go func() { ended <- c.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("share ended with %v", err)
		}
	})
	until(t, "the share's address", func() bool { return strings.Contains(words.String(), "Ctrl+C") })
	return sharedAt.FindString(words.String()), words
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

// A share of a share of a share: folder, zip and network, through the theft of a card key and two changes of root.
func TestShareChain(t *testing.T) {
	p := newPublisher(t, amc)
	genuine, forged := p.card(1, "1"), p.card(2, "2")
	home := t.TempDir()
	at := func(name string) string { return filepath.Join(home, name) }
	stick, archive := at("clé USB"), at("listes.zip")
	root := p.fingerprint()

	ok(t, "sync", at("a"), "--from", p.dir)
	out := ok(t, "share", at("a"), "--to", stick)
	wants(t, "folder", out, "dépôt "+root, "liste du ", "remise dans "+stick, "sur l’autre poste : comptoir sync --from \""+stick+"\" --root \""+root+"\"")
	ok(t, "sync", at("b"), "--from", stick, "--root", root)
	wants(t, "zip", ok(t, "share", at("b"), "--zip", archive), "remise dans "+archive)
	ok(t, "sync", at("c"), "--from", archive, "--root", root)
	address, words := listening(t, at("c"))
	wants(t, "network", words.String(), root, "en lecture seule", address)
	ok(t, "sync", at("d"), "--from", address, "--root", root)
	for _, dir := range []string{"a", "b", "c", "d"} {
		if a, b := asked(t, at(dir), genuine), asked(t, at(dir), forged); a != "OK" || b != "OK" {
			t.Fatalf("%s, before anybody knows: %s, %s", dir, a, b)
		}
	}

	p.renewRoot(trust.RoleTimestamp)
	p.stolen(genuine)
	p.renewRoot(trust.RoleTargets, trust.RoleSnapshot)
	p.end(7)
	p.publish()
	ok(t, "sync", at("a"))
	ok(t, "share", at("a"), "--to", stick)
	ok(t, "sync", at("b"))
	ok(t, "share", at("b"), "--zip", archive)
	ok(t, "sync", at("c"))
	until(t, "new list on the network", func() bool { return strings.Contains(words.String(), "nouvelle liste partagée") })
	ok(t, "sync", at("d"))
	// One that follows nothing yet starts at the first root, which the share still has.
	ok(t, "sync", at("e"), "--from", address, "--root", root, "--once")
	if out, code := run(t, "", "sync", at("e")); code != 2 || !strings.Contains(out, "aucune source connue") {
		t.Errorf("a source of one day was remembered: %d %s", code, out)
	}
	for _, dir := range []string{"a", "b", "c", "d", "e"} {
		if a, b := asked(t, at(dir), genuine), asked(t, at(dir), forged); a != "OK" || b != "NOT_ISSUED" {
			t.Errorf("%s, after the theft: %s, %s", dir, a, b)
		}
		ok(t, "fsck", at(dir))
	}

	// Nothing but what the operator published, and not more of it than is needed.
	shared := 0
	if err := filepath.WalkDir(stick, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		shared++
		name, err := filepath.Rel(stick, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if want, published := p.published[filepath.ToSlash(name)]; err != nil || !published || !bytes.Equal(data, want) {
			t.Errorf("%s is not as published, %v", name, err)
		}
		return err
	}); err != nil || shared != 12 { // 3 roots, 3 top roles, 2 of the insurer, codes, issuer, page, list
		t.Errorf("%d files shared, %v", shared, err)
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != shared || z.File[shared-1].Name != timestampName {
		t.Errorf("%d files in the archive, the last one %s", len(z.File), z.File[len(z.File)-1].Name)
	}
	for _, dir := range []string{"a", "b", "c"} {
		left, err := filepath.Glob(filepath.Join(at(dir), handoutName))
		if err != nil || (dir != "c" && len(left) > 0) {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}

// What a share must not touch, and what must not be shared.
func TestShareRefuses(t *testing.T) {
	p, q := newPublisher(t, amc), newPublisher(t, "302976568")
	home := t.TempDir()
	dir, other, both := filepath.Join(home, "a"), filepath.Join(home, "b"), filepath.Join(home, "both")
	ok(t, "sync", dir, "--from", p.dir)
	ok(t, "sync", other, "--from", q.dir)
	ok(t, "sync", both, "--from", p.dir, "--from", q.dir)
	notes := filepath.Join(home, "notes")
	if err := os.MkdirAll(notes, 0o755); err != nil {
		t.Fatal(err)
	}
	letter := filepath.Join(notes, "lettre.txt")
	text := filepath.Join(home, "lettre.zip")
	for _, name := range []string{letter, text} {
		if err := os.WriteFile(name, []byte("chère consœur"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stick, archive := filepath.Join(home, "stick"), filepath.Join(home, "x.zip")
	ok(t, "share", other, "--to", stick)
	ok(t, "share", other, "--zip", archive)
	before, err := os.ReadFile(filepath.Join(stick, timestampName))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no way":             {[]string{dir}, 2, "comment partager"},
		"two ways":           {[]string{dir, "--to", notes, "--zip", "y.zip"}, 2, "une seule façon"},
		"no counter":         {[]string{filepath.Join(home, "none"), "--to", stick}, 2, "aucun comptoir"},
		"unknown repository": {[]string{dir, "--to", stick, "--root", q.fingerprint()}, 1, "aucun dépôt suivi"},
		"which of two":       {[]string{both, "--to", filepath.Join(home, "new")}, 2, "--root"},
		"a folder in use":    {[]string{dir, "--to", notes}, 1, "autre chose à cet endroit"},
		"another's share":    {[]string{dir, "--to", stick}, 1, "autre chose à cet endroit"},
		"another's zip":      {[]string{dir, "--zip", archive}, 1, "autre chose à cet endroit"},
		"no zip at all":      {[]string{dir, "--zip", text}, 1, "autre chose à cet endroit"},
		"a file as a folder": {[]string{dir, "--to", letter}, 1, "n’est pas un dossier"},
		"not named .zip":     {[]string{dir, "--zip", filepath.Join(home, "listes")}, 1, "utilisable"},
		"no address":         {[]string{dir, "--listen", "ici"}, 2, "n’est pas une adresse"},
		"another's address":  {[]string{dir, "--listen", "192.0.2.1:8037"}, 1, "choisir un autre port"},
		"no such port":       {[]string{dir, "--listen", "127.0.0.1:99999"}, 1, "choisir un autre port"},
	} {
		if out, code := run(t, "", append([]string{"share"}, tc.args...)...); code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	if now, err := os.ReadFile(letter); err != nil || string(now) != "chère consœur" {
		t.Error("somebody's letter")
	}
	if now, err := os.ReadFile(filepath.Join(stick, timestampName)); err != nil || !bytes.Equal(now, before) {
		t.Error("another operator's share was touched")
	}
	// A new stick isn't quite empty, and what is on it stays there.
	fresh := filepath.Join(home, "fresh")
	for _, name := range []string{"System Volume Information", "lost+found", ".Trash-1000"} {
		if err := os.MkdirAll(filepath.Join(fresh, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ok(t, "share", dir, "--to", fresh)
	ok(t, "share", dir, "--to", fresh)
	if _, err := os.Stat(filepath.Join(fresh, "lost+found")); err != nil {
		t.Error(err)
	}
	// Chosen, each of two can be shared.
	ok(t, "share", both, "--to", filepath.Join(home, "new"), "--root", q.fingerprint())

	// A counter that is behind does not overwrite a newer share.
	late := filepath.Join(home, "late")
	ok(t, "sync", late, "--from", p.dir)
	p.end(3)
	p.publish()
	ok(t, "sync", dir)
	mine := filepath.Join(home, "mine")
	ok(t, "share", dir, "--to", mine)
	ok(t, "share", dir, "--to", mine) // again, and nothing changes
	if out, code := run(t, "", "share", late, "--to", mine); code != 1 || !strings.Contains(out, "plus récent que les listes de ce poste") {
		t.Errorf("older over newer: %d %s", code, out)
	}

	// A state in which one byte was flipped.
	db, err := sql.Open("sqlite", filepath.Join(dir, mirror.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE file SET data = zeroblob(length(data)) WHERE path LIKE '%/status/1'"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--to", filepath.Join(home, "damaged")}, {"--zip", filepath.Join(home, "damaged.zip")}, {"--listen", "127.0.0.1:0"}} {
		if out, code := run(t, "", append([]string{"share", dir}, args...)...); code != 1 || !strings.Contains(out, "abîmées") {
			t.Errorf("damaged, %s: %d %s", args[0], code, out)
		}
		if _, err := os.Lstat(args[1]); err == nil {
			t.Errorf("damaged, and %s was written", args[0])
		}
	}
}

// mustHand is the timestamp that was frozen last.
func (h *handouts) mustHand(t *testing.T) []byte {
	t.Helper()
	for _, one := range h.now {
		b, err := os.ReadFile(filepath.Join(one.name, timestampName))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Fatal("nothing is shared")
	return nil
}

// Kicks by cards are bounded, whatever they say and however the date is set.
func TestBehindIsBounded(t *testing.T) {
	passed := time.Duration(0)
	s := &spell{every: behindEvery, since: func(time.Time) time.Duration { return passed }}
	kicks := 0
	for range 10_000 {
		if s.due() {
			kicks++
		}
	}
	if kicks != 1 {
		t.Errorf("%d kicks of 10,000 cards", kicks)
	}
	passed = behindEvery - time.Nanosecond
	if s.due() {
		t.Error("too early")
	}
	passed = behindEvery
	if !s.due() {
		t.Error("never again")
	}
}
