// Package cmd tests the two programs as a user runs them: real binaries, real files, a clock that the test holds.
package cmd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// bin holds sceau and comptoir built with -tags testclock.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sceau-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := build(dir, "testclock"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		bin = dir
		return m.Run()
	}())
}

// build makes both programs without CGO, as they are released.
func build(dir, tags string) error {
	c := exec.Command("go", "build", "-trimpath", "-tags", tags, "-o", dir+string(filepath.Separator), "sceau/cmd/sceau", "sceau/cmd/comptoir")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %v\n%s", err, out)
	}
	return nil
}

// TestScripts runs testdata/script/*.txt. Their words besides testscript's own:
//
//	clock 2027-03-02T10:00:00+01:00    sets the time that both programs read
//	exits N program args…              runs a program that must exit with code N
//	firstcard VAR FOLDER               sets VAR to the number of the first card in a folder
//	azerty IN OUT                      types a file as a scanner set to a US keyboard does on an AZERTY computer
//	cat FILE… > OUT                    puts files together, each ending with its line
//	cut IN OUT N                       keeps the first N bytes of a file
//	flip FILE OLD NEW                  replaces every OLD by NEW, of the same length, as a person with an editor would
//	proof VAR                          sets VAR to the number of the newest check in the journal of COMPTOIR_DIR
func TestScripts(t *testing.T) {
	sample, err := filepath.Abs("../fixtures/sample/roster.csv")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Setenv("SAMPLE", sample)
			e.Setenv("SCEAU_CLOCK", filepath.Join(e.WorkDir, ".clock"))
			e.Setenv("NO_COLOR", "1")
			e.Setenv("HOME", e.WorkDir) // a counter's folder, when none is given, is this script's own
			e.Setenv("XDG_DATA_HOME", "")
			return setClock(e.WorkDir, "2026-11-21T10:00:00+01:00")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"clock": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(setClock(ts.Getenv("WORK"), args[0]))
			},
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				err := ts.Exec(args[1], args[2:]...)
				code := 0
				if err != nil {
					exit, ok := err.(*exec.ExitError)
					if !ok {
						ts.Fatalf("%v", err)
					}
					code = exit.ExitCode()
				}
				if fmt.Sprint(code) != args[0] {
					ts.Fatalf("%s exited with %d, want %s", strings.Join(args[1:], " "), code, args[0])
				}
			},
			"firstcard": func(ts *testscript.TestScript, _ bool, args []string) {
				names, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), "*.txt"))
				ts.Check(err)
				if len(names) == 0 {
					ts.Fatalf("no card in %s", args[1])
				}
				ts.Setenv(args[0], strings.TrimSuffix(filepath.Base(names[0]), ".txt"))
			},
			"azerty": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(azerty.Replace(ts.ReadFile(args[0]))), 0o600))
			},
			"cut": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[2])
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(ts.ReadFile(args[0])[:n]), 0o600))
			},
			"flip": func(ts *testscript.TestScript, _ bool, args []string) {
				text := ts.ReadFile(args[0])
				if !strings.Contains(text, args[1]) || len(args[1]) != len(args[2]) {
					ts.Fatalf("no %q in %s", args[1], args[0])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
			},
			"proof": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(ts.Exec("comptoir", "journal", "list", "--limit", "1"))
				number, _, _ := strings.Cut(ts.ReadFile("stdout"), " ")
				ts.Setenv(args[0], number)
			},
			"cat": func(ts *testscript.TestScript, _ bool, args []string) {
				n := len(args) - 2
				if n < 1 || args[n] != ">" {
					ts.Fatalf("usage: cat FILE… > OUT")
				}
				var all strings.Builder
				for _, name := range args[:n] {
					all.WriteString(strings.TrimSuffix(ts.ReadFile(name), "\n") + "\n")
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[n+1]), []byte(all.String()), 0o600))
			},
		},
	})
}

// azerty is what the keys of a US keyboard give on a French computer; capitals are typed with Shift, digits without.
var azerty = strings.NewReplacer("Q", "A", "A", "Q", "W", "Z", "Z", "W", "M", "?",
	"1", "&", "2", "é", "3", `"`, "4", "'", "5", "(", "6", "-", "7", "è", "8", "_", "9", "ç", "0", "à")

func setClock(work, text string) error {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(work, ".clock"), []byte(text+"\n"), 0o600)
}

// A release holds nothing of the test clock: no variable can turn a pharmacist's clock.
func TestReleaseHasNoTestClock(t *testing.T) {
	dir := t.TempDir()
	if err := build(dir, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sceau", "comptoir"} {
		for from, want := range map[string]bool{bin: true, dir: false} {
			b, err := os.ReadFile(filepath.Join(from, name))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(b), "SCEAU_CLOCK"); got != want {
				t.Errorf("%s in %s mentions SCEAU_CLOCK: %v, want %v", name, from, got, want)
			}
		}
	}
}
