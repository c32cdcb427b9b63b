// A write-protected register: read as it is, left as it is. Rights bind nobody who runs as root, so that the tests give up this
// right of their own thread.

package sqlite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	sys "golang.org/x/sys/unix"

	"sceau/card/register"
)

// asNobody runs what follows in this test with the file rights of nobody.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	runtime.LockOSThread()
	if err := sys.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sys.Setfsuid(0); err != nil {
			panic(err)
		}
		runtime.UnlockOSThread()
	})
}

// evidence is a folder with a register of two entries, the second of which stands in the log alone if it is asked to.
func evidence(t *testing.T, log, index bool) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "evidence") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700); os.RemoveAll(dir) })
	work := filepath.Join(t.TempDir(), "register.db")
	s, err := Create(work, Options{})
	if err != nil {
		t.Fatal(err)
	}
	add := func(tx register.Tx) error { _, err := tx.AppendAudit([]byte("{}"), time.Unix(0, 0)); return err }
	for range 2 {
		if err := s.Update(t.Context(), add); err != nil {
			t.Fatal(err)
		}
	}
	if !log {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		b, err := os.ReadFile(work + suffix)
		if errors.Is(err, os.ErrNotExist) && !log || suffix == "-shm" && !index {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "register.db"+suffix), b, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if log {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "register.db")
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		if out[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestProtected(t *testing.T) {
	for _, c := range []struct {
		name         string
		log, index   bool
		file, folder os.FileMode
		unreadable   bool
	}{
		{name: "file and folder", file: 0o444, folder: 0o555},
		{name: "folder alone", file: 0o666, folder: 0o555},
		{name: "file alone", file: 0o444, folder: 0o777},
		{name: "with a log and its index", log: true, index: true, file: 0o444, folder: 0o555},
		{name: "with a log and no index", log: true, file: 0o444, folder: 0o555, unreadable: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := evidence(t, c.log, c.index)
			dir := filepath.Dir(path)
			before := contents(t, dir)
			if err := errors.Join(os.Chmod(path, c.file), os.Chmod(dir, c.folder)); err != nil {
				t.Fatal(err)
			}
			asNobody(t)
			s, err := Open(path, Options{})
			if c.unreadable {
				if !errors.Is(err, register.ErrProtected) {
					t.Fatalf("got %v, want ErrProtected", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			err = s.View(t.Context(), func(tx register.Tx) error {
				head, err := register.CheckAudit(tx)
				if err == nil && head.Seq != 2 {
					t.Errorf("the chain has %d entries, want 2", head.Seq)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if err := s.Update(context.Background(), func(register.Tx) error { t.Error("a change"); return nil }); !errors.Is(err, register.ErrProtected) {
				t.Errorf("a change: got %v, want ErrProtected", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			after := contents(t, dir)
			for name, b := range before {
				if name != "register.db-shm" && !bytes.Equal(b, after[name]) {
					t.Errorf("%s was changed", name)
				}
				delete(after, name)
			}
			if len(after) > 0 {
				names := []string{}
				for name := range after {
					names = append(names, name)
				}
				slices.Sort(names)
				t.Errorf("new files: %v", names)
			}
		})
	}
}
