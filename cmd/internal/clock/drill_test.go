package clock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var winter = time.Date(2024, time.January, 15, 8, 0, 0, 0, time.FixedZone("", 3600))

// newDrill makes a drill's folder and returns its name without links.
func newDrill(t *testing.T) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := Make(root, winter); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestOpen(t *testing.T) {
	root := newDrill(t)
	if got, err := open(root); err != nil || got != root {
		t.Fatalf("%q %v", got, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	if got, err := open(link); err != nil || got != root {
		t.Errorf("a link to a drill: %q %v", got, err)
	}
	spoil := func(change func(root string)) string {
		root := newDrill(t)
		change(root)
		return root
	}
	write := func(name, text string) func(string) {
		return func(root string) {
			if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(string) {
		return func(root string) { _ = os.Remove(filepath.Join(root, name)) }
	}
	linked := func(name string) func(string) {
		return func(root string) {
			remove(name)(root)
			if err := os.Symlink(filepath.Join(newDrill(t), name), filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, root := range map[string]string{
		"relative":             "drill",
		"not there":            filepath.Join(root, "nowhere"),
		"a file":               filepath.Join(root, ExerciseName),
		"everything":           filepath.VolumeName(root) + string(filepath.Separator),
		"no mark":              spoil(remove(ExerciseName)),
		"a linked mark":        spoil(linked(ExerciseName)),
		"no clock":             spoil(remove(TimeName)),
		"a linked clock":       spoil(linked(TimeName)),
		"an empty clock":       spoil(write(TimeName, "")),
		"a garbled clock":      spoil(write(TimeName, "hier")),
		"a clock of a day":     spoil(write(TimeName, "2024-01-15")),
		"a clock without zone": spoil(write(TimeName, "2024-01-15T08:00:00")),
		"a long clock":         spoil(write(TimeName, "2024-01-15T08:00:00Z"+strings.Repeat(" ", 100))),
		"two clocks":           spoil(write(TimeName, "2024-01-15T08:00:00Z\n2024-01-16T08:00:00Z")),
	} {
		if got, err := open(root); !errors.Is(err, ErrDrill) || got != "" && name != "" && err == nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestInside(t *testing.T) {
	root, other := newDrill(t), newDrill(t)
	for _, dir := range []string{"counter", "operator/keys"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": other, "file": filepath.Join(other, TimeName), "nowhere": filepath.Join(other, "nothing"), "in": filepath.Join(root, "counter"), "up": ".."} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{
		".": true, "counter": true, "counter/new": true, "counter/a/b/c": true, "operator/keys": true, "in": true, "in/new": true, "counter/../operator": true,
		"out": false, "out/new": false, "file": false, "nowhere": false, "nowhere/new": false, "up": false, "up/" + filepath.Base(root): true,
		"..": false, "../" + filepath.Base(root) + "-beside": false, "counter/../..": false,
	} {
		if err := inside(root, filepath.Join(root, path)); (err == nil) != want && path != "counter/../.." {
			t.Errorf("%s: %v, want inside %v", path, err, want)
		}
	}
	for _, path := range []string{other, "/", root + "-beside", filepath.Dir(root), filepath.Join(root, "out", "..")} {
		if err := inside(root, path); path != filepath.Join(root, "out", "..") && !errors.Is(err, ErrOutside) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSetAndRead(t *testing.T) {
	root := newDrill(t)
	for _, at := range []time.Time{winter, winter.Add(1234567 * time.Microsecond), winter.UTC()} {
		if err := Set(root, at); err != nil {
			t.Fatal(err)
		}
		if got, err := read(root); err != nil || !got.Equal(at) {
			t.Errorf("%s: %s %v", at, got, err)
		}
	}
	// Who reads while it is set sees the one time or the other.
	done := make(chan error, 1)
	go func() {
		for i := range 200 {
			if err := Set(root, winter.Add(time.Duration(i)*time.Second)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		if _, err := read(root); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}
