package depot

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keeps holds what every Depot promises.
func keeps(t *testing.T, d Depot) {
	t.Helper()
	ctx := t.Context()
	put := func(name, data string, want bool) {
		t.Helper()
		if written, err := d.Put(ctx, name, []byte(data)); err != nil || written != want {
			t.Errorf("put %s: written %v, %v", name, written, err)
		}
	}
	put("a/one.txt", "1", true)
	put("a/one.txt", "1", false)
	put("a/one.txt", "2", true)
	put("a/b/two.txt", "", true)
	put("a/b/two.txt", "", false)
	put("ab.txt", "é", true)
	put("z.txt", strings.Repeat("z", 1<<20), true)
	put("z.txt", strings.Repeat("z", 1<<20), false)
	put("z.txt", strings.Repeat("y", 1<<20), true)
	for name, want := range map[string]string{"a/one.txt": "2", "a/b/two.txt": "", "ab.txt": "é", "z.txt": strings.Repeat("y", 1<<20)} {
		if got, err := d.Get(ctx, name); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{"none", "a", "a/none", "none/one"} {
		if _, err := d.Get(ctx, name); err == nil || name != "a" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("get %s: %v", name, err)
		}
	}
	for prefix, want := range map[string]string{"": "a/b/two.txt=0 a/one.txt=1 ab.txt=2 z.txt=1048576", "a": "a/b/two.txt=0 a/one.txt=1 ab.txt=2", "a/": "a/b/two.txt=0 a/one.txt=1",
		"a/b/t": "a/b/two.txt=0", "q": "", "q/r": ""} {
		all, err := d.List(ctx, prefix)
		var got []string
		for _, e := range all {
			got = append(got, e.Name+"="+itoa(e.Size))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("list %q: %q %v", prefix, got, err)
		}
	}
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../../x", `a\b`, "a//b", "a/", ".hidden", "a/.hidden", "a\x00b", "c:x", "what?", strings.Repeat("n", 600)} {
		_, err1 := d.Put(ctx, name, []byte("x"))
		_, err2 := d.Get(ctx, name)
		for _, err := range []error{err1, err2, d.Delete(ctx, name)} {
			if !errors.Is(err, ErrName) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	for range 2 {
		if err := d.Delete(ctx, "ab.txt"); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Get(ctx, "ab.txt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("deleted: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.Put(ended, "late", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := d.List(ended, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func itoa(n int64) string {
	var b []byte
	for n > 9 {
		b = append([]byte{byte('0' + n%10)}, b...)
		n /= 10
	}
	return string(append([]byte{byte('0' + n)}, b...))
}

func TestFolder(t *testing.T) {
	parent := t.TempDir()
	for mode, folders := range map[fs.FileMode]fs.FileMode{0: 0o755, 0o600: 0o700} {
		name := filepath.Join(parent, mode.String())
		d, err := Open(t.Context(), name, Options{Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		keeps(t, d)
		if mode == 0 {
			mode = 0o644
		}
		err = filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
			want := mode
			if e.IsDir() {
				want = folders
			}
			if info, err := e.Info(); err != nil || info.Mode().Perm() != want || e.Name()[0] == '.' {
				t.Errorf("%s: %v %v", path, info.Mode(), err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFolderRefusals(t *testing.T) {
	parent := t.TempDir()
	file := filepath.Join(parent, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]error{file: ErrTarget, filepath.Join(parent, "a", "b"): fs.ErrNotExist, "https://example.fr/lists": ErrTarget, "": ErrTarget} {
		if _, err := Open(t.Context(), target, Options{}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", target, err, want)
		}
	}
	if _, err := OpenReadOnly(t.Context(), filepath.Join(parent, "absent"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	// A link that leads out is not followed, neither to read nor to write.
	inside := filepath.Join(parent, "in")
	d, err := Open(t.Context(), inside, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(parent, filepath.Join(inside, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(t.Context(), "out/file"); err == nil {
		t.Error("read through a link")
	}
	if _, err := d.Put(t.Context(), "out/new", []byte("x")); err == nil {
		t.Error("written through a link")
	}
	r, err := OpenReadOnly(t.Context(), inside, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := r.Put(t.Context(), "x", nil)
	for _, err := range []error{err1, r.Delete(t.Context(), "x"), r.(Swapper).Swap(t.Context(), "x", nil, Absent)} {
		if !errors.Is(err, ErrReadOnly) {
			t.Error(err)
		}
	}
}

// TestFolderLeavesAlone: bytes that are there are not written again, and a writer that dies leaves what was there.
func TestFolderLeavesAlone(t *testing.T) {
	name := t.TempDir()
	d, err := Open(t.Context(), name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(name, "a"), long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(name, "a")); err != nil || time.Since(info.ModTime()) < time.Minute {
		t.Errorf("written again: %v", err)
	}
	if err := os.WriteFile(filepath.Join(name, ".a123"), []byte("torn"), 0o600); err != nil { // of a writer that died
		t.Fatal(err)
	}
	if all, err := d.List(t.Context(), ""); err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
	if got, err := d.Get(t.Context(), "a"); err != nil || !bytes.Equal(got, []byte("x")) {
		t.Error(err)
	}
}

func TestFolderSwap(t *testing.T) {
	name := t.TempDir()
	swaps(t, func() Swapper {
		d, err := Open(t.Context(), name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return d.(Swapper)
	})
}
