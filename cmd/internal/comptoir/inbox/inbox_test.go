//go:build !windows

package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// box is an inbox whose answers say what came in.
type box struct {
	Inbox
	asked []File
	now   time.Time
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{now: time.Now()}
	b.Inbox = Inbox{Folder: t.TempDir(), Now: func() time.Time { return b.now }, Whole: func(s string) bool { return strings.HasSuffix(s, ".") },
		Answer: func(_ context.Context, f File) []byte {
			b.asked = append(b.asked, f)
			text, _ := json.Marshal(string(f.Data))
			return fmt.Appendf(nil, `{"schema":"sceau-verdict-1","data":%s,"error":"%v"}`, text, f.Err)
		}}
	return b
}

func (b *box) path(name string) string { return filepath.Join(b.Folder, name) }

func (b *box) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *box) step(t *testing.T, want int) {
	t.Helper()
	n, err := b.Step(context.Background())
	if err != nil || n != want {
		t.Fatalf("answered %d, want %d, %v", n, want, err)
	}
}

func (b *box) names(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir(b.Folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestAnswers(t *testing.T) {
	b := newBox(t)
	b.put(t, "one.txt", "whole.")
	b.put(t, "TWO.TXT", "whole.")
	b.step(t, 2)
	if got := b.names(t); got != "TWO.json one.json" {
		t.Errorf("left: %s", got)
	}
	text, err := os.ReadFile(b.path("one.json"))
	if err != nil || !strings.Contains(string(text), `"data":"whole."`) {
		t.Errorf("%s %v", text, err)
	}
	b.put(t, "one.txt", "again.") // the same name, while its answer is still there
	b.step(t, 1)
	if text, _ := os.ReadFile(b.path("one.json")); !strings.Contains(string(text), "again.") {
		t.Errorf("an old answer stayed: %s", text)
	}
}

// What is still being written is left alone, and answered once it stopped growing.
func TestHalfWritten(t *testing.T) {
	b := newBox(t)
	b.put(t, "slow.txt", "be")
	b.step(t, 0)
	for _, more := range []string{"begin", "begin and", "begin and go on"} {
		b.put(t, "slow.txt", more)
		b.step(t, 0)
	}
	b.step(t, 1)
	if len(b.asked) != 1 || string(b.asked[0].Data) != "begin and go on" {
		t.Errorf("%+v", b.asked)
	}
	// A picture with its end mark waits for nothing, one without it waits.
	b.put(t, "a.pdf", "%PDF-1.7 … %%EOF\n")
	b.put(t, "b.pdf", "%PDF-1.7 …")
	b.put(t, "c.png", "\x89PNG\r\n\x1a\n…IEND\xaeB`\x82")
	b.put(t, "d.jpeg", "\xff\xd8\xff…")
	b.step(t, 2)
	b.step(t, 2)
}

func TestLeftAlone(t *testing.T) {
	b := newBox(t)
	outside := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(outside, []byte("secret."), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Symlink(outside, b.path("link.txt")), os.Symlink("real.doc", b.path("inside.txt")), os.Mkdir(b.path("folder.txt"), 0o700),
		syscall.Mkfifo(b.path("pipe.txt"), 0o600), os.Symlink("/dev/zero", b.path("zero.png"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".hidden.txt", ".txt", "a.txt.tmp", "a.part", "real.doc", "noext", "x.exe", "other.json"} {
		b.put(t, name, "whole.")
	}
	before := b.names(t)
	for range 3 {
		b.step(t, 0)
	}
	if len(b.asked) != 0 || b.names(t) != before {
		t.Errorf("asked %+v, left %s", b.asked, b.names(t))
	}
	b.put(t, "control.txt", "whole.") // positive control
	b.step(t, 1)
}

// Names are anybody's: each is answered in this folder and nowhere else.
func TestHostileNames(t *testing.T) {
	b := newBox(t)
	parent := filepath.Dir(b.Folder)
	before, _ := os.ReadDir(parent)
	names := []string{"$(reboot).txt", "a b\tc.txt", "x..txt.txt", "x....txt", "-rf.txt", "é\u0301\u202egnp.txt", "%2e%2e%2fx.txt", "a\nb.txt", `a..\..\x.txt`,
		"<script>.txt", "CON.txt", strings.Repeat("n", 245) + ".txt", "invalid\xff.txt", "';drop.txt"}
	for _, name := range names {
		b.put(t, name, "whole.")
	}
	b.step(t, len(names))
	for _, name := range names {
		if _, err := os.Stat(b.path(strings.TrimSuffix(name, ".txt") + ".json")); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if left, _ := os.ReadDir(b.Folder); len(left) != len(names) {
		t.Errorf("%d files left, want %d answers", len(left), len(names))
	}
	if after, _ := os.ReadDir(parent); len(after) != len(before) {
		t.Errorf("something was written outside: %v", after)
	}
}

// A name as long as a file name may be has no room for the answer's, which is one longer: that one file stays, and the others go on.
func TestLongestName(t *testing.T) {
	b := newBox(t)
	b.put(t, strings.Repeat("n", 251)+".txt", "whole.")
	b.put(t, "z.txt", "whole.")
	n, err := b.Step(context.Background())
	if n != 2 || err == nil {
		t.Errorf("%d %v", n, err)
	}
	if _, err := os.Stat(b.path("z.json")); err != nil {
		t.Error(err)
	}
	if n, _ := b.Step(context.Background()); n != 0 {
		t.Error("asked again")
	}
}

func TestTooLarge(t *testing.T) {
	b := newBox(t)
	b.put(t, "big.txt", strings.Repeat("x", MaxText+1))
	f, err := os.Create(b.path("big.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(MaxFile + 1); err != nil {
		t.Fatal(err)
	}
	f.Close()
	b.step(t, 0)
	b.step(t, 2)
	for _, f := range b.asked {
		if f.Err != ErrTooLarge || f.Data != nil {
			t.Errorf("%v, %d bytes", f.Err, len(f.Data))
		}
	}
}

// An answer that can't be written is kept, and the question is not asked again: it was recorded.
func TestAnswerNotWritten(t *testing.T) {
	b := newBox(t)
	b.put(t, "a.txt", "whole.")
	if err := os.Mkdir(b.path("a.json"), 0o700); err != nil { // no file can take its place
		t.Fatal(err)
	}
	b.put(t, "b.txt", "whole.")
	n, err := b.Step(context.Background())
	if n != 2 || err == nil {
		t.Errorf("%d %v", n, err)
	}
	if n, err := b.Step(context.Background()); n != 0 || err == nil {
		t.Errorf("%d %v", n, err)
	}
	if err := os.Remove(b.path("a.json")); err != nil {
		t.Fatal(err)
	}
	b.step(t, 0)
	if got := b.names(t); got != "a.json b.json" || len(b.asked) != 2 {
		t.Errorf("left %s, asked %d times", got, len(b.asked))
	}
}

func TestExpiry(t *testing.T) {
	b := newBox(t)
	b.put(t, "a.txt", "whole.")
	b.step(t, 1)
	b.put(t, "theirs.json", `{"invoice":1}`)
	b.put(t, "empty.json", "")
	b.now = time.Now().Add(KeptFor - time.Second)
	b.step(t, 0)
	if got := b.names(t); got != "a.json empty.json theirs.json" {
		t.Errorf("left %s", got)
	}
	b.now = time.Now().Add(KeptFor + time.Second)
	b.step(t, 0)
	if got := b.names(t); got != "empty.json theirs.json" {
		t.Errorf("left %s", got)
	}
}

// The folder may go away and come back, as shares do.
func TestFolderGone(t *testing.T) {
	b := newBox(t)
	gone := b.Folder + ".gone"
	if err := os.Rename(b.Folder, gone); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Step(context.Background()); err == nil {
		t.Error("no error")
	}
	if err := os.Rename(gone, b.Folder); err != nil {
		t.Fatal(err)
	}
	b.put(t, "a.txt", "whole.")
	b.step(t, 1)
}

func TestBurst(t *testing.T) {
	b := newBox(t)
	for i := range 250 {
		b.put(t, fmt.Sprintf("f%03d.txt", i), "whole.")
	}
	b.step(t, atOnce)
	b.step(t, 50)
	if len(b.asked) != 250 {
		t.Errorf("asked %d times", len(b.asked))
	}
}
