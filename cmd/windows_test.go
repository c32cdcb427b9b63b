package cmd

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shim is what Debian's Wine lacks and Go's start needs: ProcessPrng, passed on to RtlGenRandom.
const shim = `#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }
`

// wine runs Windows programs on this computer.
type wine struct {
	dir string
	env []string
}

const wine64 = "/usr/lib/wine/wine64"

func newWine(t *testing.T) *wine {
	t.Helper()
	dir := t.TempDir()
	w := &wine{dir: dir, env: append(os.Environ(), "WINEPREFIX="+filepath.Join(dir, "prefix"), "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=",
		"SCEAU_CLOCK=Z:"+strings.ReplaceAll(filepath.Join(dir, ".clock"), "/", `\`))}
	must(t, os.Mkdir(filepath.Join(dir, "prefix"), 0o700))
	t.Cleanup(func() { // ends this prefix's server and whatever still runs on it
		c := exec.Command("/usr/lib/wine/wineserver", "-k", "-w")
		c.Env = w.env
		c.Run()
	})
	// Wine makes a prefix of its own within the minute even while programs that it doesn't need there are missing.
	c := exec.Command(wine64, "wineboot", "-i")
	c.Env = w.env
	// Into a file: Wine's own services outlive the command, and would hold a pipe open for ever.
	said, err := os.Create(filepath.Join(dir, "wineboot.txt"))
	must(t, err)
	defer said.Close()
	c.Stdout, c.Stderr = said, said
	if err := c.Run(); err != nil {
		b, _ := os.ReadFile(said.Name())
		t.Fatalf("wine: %v\n%s", err, b)
	}
	source := filepath.Join(dir, "shim.c")
	must(t, os.WriteFile(source, []byte(shim), 0o600))
	dll := filepath.Join(dir, "prefix", "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if out, err := exec.Command("x86_64-w64-mingw32-gcc-win32", "-shared", "-o", dll, source, "-ladvapi32").CombinedOutput(); err != nil {
		t.Fatalf("shim: %v\n%s", err, out)
	}
	return w
}

func (w *wine) command(args ...string) *exec.Cmd {
	c := exec.Command(wine64, append([]string{filepath.Join(w.dir, "comptoir.exe")}, args...)...)
	c.Dir, c.Env = w.dir, w.env
	return c
}

func (w *wine) run(t *testing.T, want int, args ...string) string {
	t.Helper()
	c := w.command(args...)
	out, err := os.CreateTemp(t.TempDir(), "said")
	must(t, err)
	defer out.Close()
	errs, err := os.CreateTemp(t.TempDir(), "said")
	must(t, err)
	defer errs.Close()
	c.Stdout, c.Stderr = out, errs // files: see newWine
	must(t, c.Start())
	kill := time.AfterFunc(2*time.Minute, func() { c.Process.Kill() })
	c.Wait()
	kill.Stop()
	said, err := os.ReadFile(out.Name())
	must(t, err)
	if got := c.ProcessState.ExitCode(); got != want {
		b, _ := os.ReadFile(errs.Name())
		t.Fatalf("comptoir.exe %v: exit code %d, want %d\n%s%s", args, got, want, said, b)
	}
	return string(said)
}

// TestWindows builds comptoir.exe and lives a day with it: it synchronises, verifies a scan and a picture, remembers, opens the
// desk, answers pharmacy software, finds its first instance, and ends well.
func TestWindows(t *testing.T) {
	t.Parallel()
	needTools(t, wine64, "x86_64-w64-mingw32-gcc-win32")
	start := time.Now()
	w := newWine(t)
	build := exec.Command("go", "build", "-trimpath", "-tags", "testclock", "-ldflags=-s -w", "-o", w.dir+string(filepath.Separator), "sceau/cmd/comptoir")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("prefix and build: %v", time.Since(start).Round(time.Second))
	p := pharmacyOf(t, w.dir, twoHouseholds)
	data := filepath.Join(w.dir, "comptoir é à") // by the drive Z:, on which Wine shows this computer's files

	w.run(t, 0, "sync", data, "--from", "public")
	if out := w.run(t, 0, "verify", data, "--domain", "PHAR", p.cards[0]+".txt"); !strings.Contains(out, "DROITS OUVERTS") || !strings.Contains(out, "preuve n°") {
		t.Errorf("verify said\n%s", out)
	}
	var a answer
	must(t, json.Unmarshal([]byte(w.run(t, 0, "verify", "--dir", data, "--json", p.cards[1]+".png")), &a))
	if a.Status != "valid" || !a.Recorded {
		t.Errorf("a picture through the sandbox: %+v", a)
	}
	if out := w.run(t, 0, "journal", "list", data); strings.Count(out, "✓ valid") != 2 {
		t.Errorf("journal list said\n%s", out)
	}
	w.run(t, 0, "journal", "verify", data)
	w.run(t, 2, "verify", filepath.Join(w.dir, "nowhere"))

	d, c := w.desk(t, data)
	a = d.verify(t, "application/json", asked(p.codes[0]))
	if a.Status != "valid" || !a.Recorded {
		t.Errorf("the desk: %+v", a)
	}
	png, err := os.ReadFile(p.cards[0] + ".png")
	must(t, err)
	if a := d.verify(t, "image/png", png); a.Status != "valid" || !a.Recorded {
		t.Errorf("a picture at the desk: %+v", a)
	}
	if out := w.run(t, 0, "--dir", data, "--no-window"); !strings.Contains(out, d.url+"/open/") {
		t.Errorf("the second instance said %q", out)
	}
	w.end(t, c)
	if out := w.run(t, 0, "journal", "verify", data); !strings.Contains(out, "4 vérifications") {
		t.Errorf("journal verify said\n%s", out)
	}
	w.run(t, 0, "fsck", data)
	t.Logf("count: a day under Wine in %v", time.Since(start).Round(time.Second))
}

// desk opens comptoir.exe's page without a window.
func (w *wine) desk(t *testing.T, data string) (*desk, *process) {
	t.Helper()
	c := begin(t, w.dir, w.env, wine64, filepath.Join(w.dir, "comptoir.exe"), "--no-window", "--dir", data)
	d := &desk{process: c}
	eventually(t, 60*time.Second, "the desk under Wine", func() bool {
		if c.done() {
			t.Fatalf("the desk ended\n%s%s", c.out.String(), c.errs.String())
		}
		info, ok := discover(data)
		if !ok {
			return false
		}
		d.url = fmt.Sprintf("http://127.0.0.1:%d", info.Port)
		b, err := os.ReadFile(filepath.Join(data, "api-token"))
		d.token = strings.TrimSpace(string(b))
		if err != nil {
			return false
		}
		l, err := net.DialTimeout("tcp4", strings.TrimPrefix(d.url, "http://"), time.Second)
		if err != nil {
			return false
		}
		l.Close()
		return true
	})
	return d, c
}

// end asks the program to end as Ctrl+C does, and waits.
func (w *wine) end(t *testing.T, c *process) {
	t.Helper()
	must(t, c.Process.Signal(os.Interrupt))
	c.exits(t, 0, 20*time.Second)
}
