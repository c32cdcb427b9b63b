package comptoir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/offline/counter"
	"sceau/offline/mirror"
)

func TestUserFolder(t *testing.T) {
	home := func() (string, error) { return filepath.FromSlash("/home/z"), nil }
	none := func() (string, error) { return "", errors.New("no home") }
	for name, tc := range map[string]struct {
		system string
		env    map[string]string
		home   func() (string, error)
		want   string // "" for an error
	}{
		"windows":          {"windows", map[string]string{"LOCALAPPDATA": "/L"}, none, "/L/Sceau/comptoir"},
		"windows, nothing": {"windows", nil, home, ""},
		"macOS":            {"darwin", map[string]string{"XDG_DATA_HOME": "/x"}, home, "/home/z/Library/Application Support/Sceau/comptoir"},
		"linux":            {"linux", nil, home, "/home/z/.local/share/sceau/comptoir"},
		"linux, XDG":       {"linux", map[string]string{"XDG_DATA_HOME": "/x"}, none, "/x/sceau/comptoir"},
		"relative XDG":     {"linux", map[string]string{"XDG_DATA_HOME": "x"}, home, "/home/z/.local/share/sceau/comptoir"},
		"no home":          {"linux", nil, none, ""},
	} {
		got, err := userFolder(tc.system, func(k string) string { return tc.env[k] }, tc.home)
		if filepath.ToSlash(got) != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// The log stays small, and what can't be written stops nobody.
func TestLogIsCapped(t *testing.T) {
	dir := t.TempDir()
	log, c := openLog(dir)
	for range 20_000 {
		log.Info("a line of the usual length, with some room to spare", "code", "unreachable")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{logName, logName + ".1"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() > maxLog || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	log, _ = openLog(filepath.Join(dir, "nowhere"))
	log.Info("lost")
}

func TestRefusal(t *testing.T) {
	for name, tc := range map[string]struct{ err, want error }{
		"full":      {&mirror.NotRecorded{Cause: mirror.CauseFull, Err: mirror.ErrFull}, counter.ErrFull},
		"read-only": {&mirror.NotRecorded{Cause: mirror.CauseReadOnly, Err: mirror.ErrReadOnly}, counter.ErrReadOnly},
		"rights":    {os.ErrPermission, counter.ErrReadOnly},
	} {
		if got := refusal(tc.err); !errors.Is(got, tc.want) || !errors.Is(got, tc.err) {
			t.Errorf("%s: %v", name, got)
		}
	}
	busy := &mirror.NotRecorded{Cause: mirror.CauseBusy, Err: errors.New("locked")}
	if got := refusal(busy); errors.Is(got, counter.ErrFull) || errors.Is(got, counter.ErrReadOnly) || !errors.Is(got, mirror.ErrNotRecorded) {
		t.Errorf("busy: %v", got)
	}
}

// A token is made once, and anew when others could have read it or it is not whole.
func TestToken(t *testing.T) {
	dir := t.TempDir()
	first, err := token(dir)
	if err != nil || len(first) != tokenSize {
		t.Fatalf("%q %v", first, err)
	}
	if again, err := token(dir); err != nil || again != first {
		t.Errorf("changed: %v", err)
	}
	name := filepath.Join(dir, tokenName)
	for what, spoil := range map[string]func() error{
		"readable by others": func() error { return os.Chmod(name, 0o644) },
		"cut short":          func() error { return os.Truncate(name, 10) },
		"a link": func() error {
			return errors.Join(os.Rename(name, name+".moved"), os.Symlink(name+".moved", name))
		},
		"too long": func() error { return os.WriteFile(name, []byte(strings.Repeat("a", 500)), 0o600) },
	} {
		before, _ := token(dir)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		after, err := token(dir)
		if err != nil || after == before || len(after) != tokenSize {
			t.Errorf("%s: kept, %v", what, err)
		}
		if info, err := os.Lstat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v", what, info.Mode(), err)
		}
	}
}
