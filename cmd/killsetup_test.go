package cmd

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var initArgs = []string{"init", "operator", "--insurer", "775670482", "--name", "Mutuelle Exemple"}

// timed runs a program to its end and says how long it took, so that kills can fall anywhere in its work.
func timed(t *testing.T, dir, name string, args ...string) time.Duration {
	t.Helper()
	start := time.Now()
	mustRun(t, 0, dir, name, args...)
	return time.Since(start)
}

// clocked is a new folder with a clock.
func clocked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := setClock(dir, "2026-11-21T10:00:00+01:00"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestKillInit kills init at any moment. The same command again must then make the operator, or say that it is made; it can
// publish in either case.
func TestKillInit(t *testing.T) {
	t.Parallel()
	cycles := 60
	if testing.Short() {
		cycles = 15
	}
	whole := timed(t, clocked(t), "sceau", initArgs...)
	killed, made := 0, 0
	for cycle := range cycles {
		dir := clocked(t)
		after := rand.N(whole * 5 / 4)
		if _, dead := killAfter(t, dir, after, "sceau", initArgs...); dead {
			killed++
		}
		out, errs, code := program(t, dir, "", "sceau", initArgs...)
		if code != 0 && (code != 1 || !strings.Contains(errs, "holds an operator already")) {
			t.Errorf("cycle %d, killed after %v of %v: the same init says %d\n%s%s%s", cycle, after, whole, code, out, errs, listing(dir))
			continue
		}
		if code == 0 {
			made++
		}
		for _, args := range [][]string{{"fsck", "operator", "--keys"}, {"publish", "operator", "--to", "public"}, {"fsck", "operator", "--public", "public"}} {
			if out, errs, code := program(t, dir, "", "sceau", args...); code != 0 {
				t.Errorf("cycle %d, killed after %v of %v: %v says %d\n%s%s%s", cycle, after, whole, args, code, out, errs, listing(dir))
			}
		}
	}
	if killed < cycles/3 {
		t.Errorf("only %d of %d were killed at work: the drill did not run", killed, cycles)
	}
	if t.Failed() {
		return
	}
	t.Logf("count: %d of %d inits killed at work, %d made by the second run; every operator whole", killed, cycles, made)
}

// TestKillImport kills the import of 2,000 households. What is there is sound, and one more run completes it.
func TestKillImport(t *testing.T) {
	t.Parallel()
	cycles := 12
	if testing.Short() {
		cycles = 4
	}
	dir := clocked(t)
	mustRun(t, 0, dir, "sceau", initArgs...)
	mustRun(t, 0, dir, "sceau", "sample", "roster.csv", "--households", "2000", "--bad", "0", "--seed", "7")
	want := len(contractsOf(t, filepath.Join(dir, "roster.csv")))
	copyOperator := func(name string) {
		t.Helper()
		to := filepath.Join(dir, name)
		if err := os.CopyFS(to, os.DirFS(filepath.Join(dir, "operator"))); err != nil {
			t.Fatal(err)
		}
		// CopyFS opens what it copies to everybody, and keys that others can read are refused.
		if err := filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(path, 0o700)
			}
			return os.Chmod(path, 0o600)
		}); err != nil {
			t.Fatal(err)
		}
	}
	copyOperator("whole")
	whole := timed(t, dir, "sceau", "import", "whole", "roster.csv")
	killed, partly := 0, 0
	for cycle := range cycles {
		name := fmt.Sprint("operator", cycle)
		copyOperator(name)
		after := rand.N(whole)
		if _, dead := killAfter(t, dir, after, "sceau", "import", name, "roster.csv"); dead {
			killed++
		}
		mustRun(t, 0, dir, "sceau", "fsck", name)
		for again := range 2 {
			var said struct{ Contracts, Created, Changed, Unchanged int }
			if err := json.Unmarshal([]byte(mustRun(t, 0, dir, "sceau", "import", name, "roster.csv", "--json")), &said); err != nil {
				t.Fatal(err)
			}
			if said.Contracts != want || said.Changed != 0 || said.Created+said.Unchanged != want || again == 1 && said.Created != 0 {
				t.Errorf("cycle %d, killed after %v of %v, run %d: %+v, want %d contracts", cycle, after, whole, again+1, said, want)
			}
			if again == 0 && said.Created > 0 && said.Unchanged > 0 {
				partly++
			}
		}
		mustRun(t, 0, dir, "sceau", "fsck", name)
	}
	if killed < cycles/3 {
		t.Errorf("only %d of %d were killed at work: the drill did not run", killed, cycles)
	}
	if t.Failed() {
		return
	}
	t.Logf("count: %d of %d imports killed at work, %d of them half done; one more run completed each", killed, cycles, partly)
}

// listing names the files of a folder, for a failure's text.
func listing(dir string) string {
	var b strings.Builder
	filepath.Walk(filepath.Join(dir, "operator"), func(name string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			fmt.Fprintf(&b, "  %s %d bytes\n", strings.TrimPrefix(name, dir), info.Size())
		}
		return nil
	})
	return b.String()
}
