package sqlite_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/register/sqlite"
)

// TestMain makes the test program a child that does nothing but Create, for TestCreateKilled, or Open, for TestVersion1Killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("SCEAU_TEST_CREATE"); path != "" {
		s, err := sqlite.Create(path, sqlite.Options{})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv("SCEAU_TEST_OPEN"); path != "" {
		s, err := sqlite.Open(path, sqlite.Options{})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestCreateKilled: whenever Create is killed, the register is whole or not there, and the next Create leaves nothing behind.
func TestCreateKilled(t *testing.T) {
	midway := 0
	for n := range 30 {
		dir := t.TempDir()
		path := filepath.Join(dir, "register.db")
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "SCEAU_TEST_CREATE="+path)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			if files, _ := os.ReadDir(dir); len(files) > 0 {
				break
			}
		}
		time.Sleep(time.Duration(n) * 300 * time.Microsecond)
		_ = child.Process.Kill() // fails when it ended by itself
		if child.Wait() != nil {
			midway++
		}
		s, err := sqlite.Open(path, sqlite.Options{})
		if errors.Is(err, fs.ErrNotExist) {
			s, err = sqlite.Create(path, sqlite.Options{})
		}
		if err != nil {
			t.Fatalf("killed in round %d: %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if midway == 0 {
		t.Error("no Create was killed midway: the test looked at nothing")
	}
}

// TestCreateCleans: what a killed Create left goes, and nothing else.
func TestCreateCleans(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "register.db")
	for _, name := range []string{".register.db.new-1", ".register.db.new-1-wal", ".register.db.new-1-shm", ".other.db.new-1", "register.db.old"} {
		write(t, filepath.Join(dir, name), []byte("x"))
	}
	create(t, path)
	files, err := os.ReadDir(dir)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != ".other.db.new-1 register.db register.db.old" {
		t.Errorf("%s %v", got, err)
	}
	if _, err := sqlite.Create(filepath.Join(dir, "none", "register.db"), sqlite.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := sqlite.Create(filepath.Join(dir, "register.db.old"), sqlite.Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another file: %v", err)
	}
	if b := read(t, filepath.Join(dir, "register.db.old")); string(b) != "x" {
		t.Error("another file was touched")
	}
}
