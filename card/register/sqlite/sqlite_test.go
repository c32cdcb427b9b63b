package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/registertest"
	"sceau/card/register/sqlite"
)

func TestContract(t *testing.T) {
	registertest.Run(t, func(t *testing.T, place string) register.Store {
		t.Helper()
		path, o := filepath.Join(place, "register.db"), sqlite.Options{Wait: 1500 * time.Millisecond}
		s, err := sqlite.Create(path, o)
		if errors.Is(err, fs.ErrExist) {
			s, err = sqlite.Open(path, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func create(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Create(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(context.Background(), func(tx register.Tx) error {
		return tx.PutInsurer(register.Insurer{Key: "1", Document: []byte("{}")})
	})
	if err := errors.Join(err, s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.db")
	if _, err := sqlite.Open(path, sqlite.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 0 {
		t.Errorf("Open made %v", left)
	}
	create(t, path)
	if _, err := sqlite.Create(path, sqlite.Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
}

// TestForeignFiles: what is not a whole register of this version is refused and left as it was.
func TestForeignFiles(t *testing.T) {
	exec := func(path string, statements ...string) {
		db, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, make := range map[string]func(path string){
		"empty":              func(path string) { write(t, path, nil) },
		"text":               func(path string) { write(t, path, []byte(strings.Repeat("no database at all\n", 400))) },
		"another program's":  func(path string) { exec(path, "CREATE TABLE note (x)", "PRAGMA user_version = 1") },
		"newer":              func(path string) { create(t, path); exec(path, "PRAGMA user_version = 99") },
		"other application":  func(path string) { create(t, path); exec(path, "PRAGMA application_id = 7") },
		"interrupted create": func(path string) { exec(path, "PRAGMA journal_mode = WAL") },
		"truncated": func(path string) {
			create(t, path)
			if err := os.Truncate(path, 100); err != nil {
				t.Fatal(err)
			}
		},
	} {
		path := filepath.Join(t.TempDir(), "register.db")
		make(path)
		before := read(t, path)
		s, err := sqlite.Open(path, sqlite.Options{})
		if !errors.Is(err, register.ErrCorrupt) || s != nil {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
		if string(read(t, path)) != string(before) && name != "another program's" && name != "interrupted create" {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPrivate: nobody else reads the register, its log or its index, whatever the umask.
func TestPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dossier accentué é # ? %41 & b.db")
	create(t, path)
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(context.Background(), func(tx register.Tx) error { _, err := tx.AddList("1"); return err })
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v, want the file, its log and its index", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.db")
	create(t, path)
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.View(context.Background(), func(register.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, run := range []func(context.Context, func(register.Tx) error) error{s.Update, s.View} {
		if err := run(context.Background(), func(register.Tx) error { return nil }); !errors.Is(err, sqlite.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	if left, _ := filepath.Glob(path + "-*"); len(left) != 0 {
		t.Errorf("a closed register leaves %v: a connection was not closed", left)
	}
}

// TestBitRot: F10. A flipped bit is an error, a finding of Inspect, or harmless; never a panic.
func TestBitRot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.db")
	create(t, path)
	whole := read(t, path)
	noticed := 0
	for i := 0; i < len(whole); i += len(whole)/400 + 1 {
		b := append([]byte(nil), whole...)
		b[i] ^= 1 << (i % 8)
		write(t, path, b)
		s, err := sqlite.Open(path, sqlite.Options{})
		if err != nil {
			noticed++
			continue
		}
		faults, err := s.Inspect(context.Background())
		if err != nil || len(faults) > 0 {
			noticed++
		}
		if err := s.Close(); err != nil {
			noticed++
		}
	}
	if noticed == 0 {
		t.Error("no flip was noticed at all: the test looked at nothing")
	}
}
