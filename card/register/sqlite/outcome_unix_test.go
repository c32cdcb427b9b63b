//go:build unix

// Test of a commit that fails while it is written: nobody knows its outcome, and the register stays whole.

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"sceau/card/register"
	"sceau/card/register/sqlite"
)

// init makes the test program a child that may not write long files, for TestOutcomeUnknown.
func init() {
	path := os.Getenv("SCEAU_TEST_LIMIT")
	if path == "" {
		return
	}
	if err := limited(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func limited(path string) error {
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return err
	}
	put := func(id string, size int) error {
		return s.Update(context.Background(), func(tx register.Tx) error {
			return tx.PutDocument(register.Document{Kind: "job", ID: id, Version: 1, Data: make([]byte, size)})
		})
	}
	if err := put("small", 10); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit is then an error
	limit := syscall.Rlimit{Cur: 300_000, Max: 300_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := put("large", 900_000); !errors.Is(err, register.ErrOutcomeUnknown) {
		return fmt.Errorf("got %v, want ErrOutcomeUnknown", err)
	}
	if err := put("next", 10); err != nil { // the store goes on
		return fmt.Errorf("after it: %w", err)
	}
	return nil
}

func TestOutcomeUnknown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.db")
	create(t, path)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "SCEAU_TEST_LIMIT="+path)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if faults := inspect(t, path); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(context.Background(), func(tx register.Tx) error {
		_, err := tx.Document("job", "small")
		_, err2 := tx.Document("job", "next")
		d, err3 := tx.Document("job", "large")
		if !errors.Is(err3, register.ErrNotFound) && (err3 != nil || len(d.Data) != 900_000) {
			t.Errorf("neither stored nor not: %d bytes %v", len(d.Data), err3)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
}
