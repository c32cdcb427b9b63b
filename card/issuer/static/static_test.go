package static

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDir(t *testing.T) {
	root := filepath.Join(t.TempDir(), "public")
	d, err := NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	put := func(path, data string) {
		t.Helper()
		if err := d.Put(path, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	put("amc/1/status/ab.3", "page")
	put("timestamp.json", "one")
	put("timestamp.json", "two")
	put("statuslist/1/3.jwt", "a")
	put("statuslist/1/3.jwt", "b")
	full := filepath.Join(root, "amc/1/status/ab.3")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(full, long, long); err != nil {
		t.Fatal(err)
	}
	put("amc/1/status/ab.3", "page")
	if info, err := os.Stat(full); err != nil || !info.ModTime().Equal(long.Truncate(time.Microsecond)) && time.Since(info.ModTime()) < time.Minute {
		t.Errorf("a file that was there was written again: %v", err)
	}
	if err := d.Put("amc/1/status/ab.3", []byte("other")); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	for _, path := range []string{"../x", "/x", "a/../../x", "", `a\b`, "."} {
		if err := d.Put(path, []byte("x")); err == nil {
			t.Errorf("%q was written", path)
		}
	}
	for path, want := range map[string]string{"timestamp.json": "two", "statuslist/1/3.jwt": "b", "amc/1/status/ab.3": "page"} {
		if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o644 || e.Name()[0] == '.' {
				t.Errorf("%s: %v %v", path, info.Mode(), err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewDir(full); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// TestOlder: a publisher that was overtaken does not put the folder back.
func TestOlder(t *testing.T) {
	root := t.TempDir()
	d, err := NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	stamp := func(version int) string {
		return fmt.Sprintf(`{"signatures":[],"signed":{"_type":"timestamp","version":%d}}`, version)
	}
	list := func(iat int) string {
		return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":99,"iat":%d}`, iat)) + ".c2ln"
	}
	for path, edition := range map[string]func(int) string{"timestamp.json": stamp, "statuslist/1/3.jwt": list} {
		for _, step := range []struct {
			data string
			want error
		}{
			{edition(9), nil}, {edition(8), ErrOlder}, {"", ErrOlder}, {"no edition", ErrOlder}, {edition(9), nil}, {edition(10), nil}, {edition(9), ErrOlder},
		} {
			old, _ := os.ReadFile(filepath.Join(root, path))
			if err := d.Put(path, []byte(step.data)); !errors.Is(err, step.want) {
				t.Errorf("%s: %s: got %v, want %v", path, step.data, err, step.want)
			}
			want := step.data
			if step.want != nil {
				want = string(old)
			}
			if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(got) != want {
				t.Errorf("%s holds %s after %s", path, got, step.data)
			}
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte("{torn"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := d.Put(path, []byte(edition(3))); err != nil {
			t.Errorf("%s: a damaged file is not replaced: %v", path, err)
		}
	}
}

func TestZip(t *testing.T) {
	make := func() []byte {
		var b bytes.Buffer
		z := NewZip(&b, time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC))
		for _, p := range []string{"amc/1/status/ab.3", "1.root.json", "timestamp.json"} {
			if err := z.Put(p, []byte("data of "+p)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	b := make()
	if !bytes.Equal(b, make()) {
		t.Error("the same files give other bytes")
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(r.File) != 3 || r.File[2].Name != "timestamp.json" {
		t.Fatal(err)
	}
	f, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != "data of amc/1/status/ab.3" {
		t.Errorf("%q %v", got, err)
	}
}
