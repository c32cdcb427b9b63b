package static

import (
	"archive/zip"
	"bytes"
	"errors"
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
		if got, err := d.Read(path); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	if _, err := d.Read("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
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
