package optic

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A child that dies, lies or never ends costs an error of the right family, and its time at most.
func TestBadChildren(t *testing.T) {
	if f, err := reader("good").Read(t.Context(), strings.NewReader("x")); err != nil || len(f.Texts) != 1 || f.Texts[0] != "TP1ABC" || f.Pages != 2 {
		t.Fatalf("the control: %+v, %v", f, err)
	}
	for word, want := range map[string]error{"killed": ErrBroken, "dead": ErrBroken, "garbage": ErrBroken, "half": ErrBroken, "flood": ErrBroken,
		"lower": ErrBroken, "slow": ErrTimeout, "halfslow": ErrTimeout} {
		r := reader(word)
		r.Timeout = 300 * time.Millisecond
		start := time.Now()
		f, err := r.Read(t.Context(), bytes.NewReader(make([]byte, 1<<20))) // more than a pipe holds: nobody reads it
		if !errors.Is(err, want) || len(f.Texts) > 0 || time.Since(start) > 3*time.Second {
			t.Errorf("%s: %v after %v, not %v", word, err, time.Since(start), want)
		}
	}
	if _, err := (&Reader{Exe: filepath.Join(t.TempDir(), "none")}).Read(t.Context(), strings.NewReader("x")); !errors.Is(err, ErrBroken) {
		t.Errorf("no program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := reader("mute").Read(ctx, strings.NewReader("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("mute: %v", err)
	}
}

func TestSourcesRefused(t *testing.T) {
	r := &Reader{Exe: filepath.Join(t.TempDir(), "none")} // nothing may be started for these
	for name, c := range map[string]struct {
		src  io.Reader
		want error
	}{
		"empty": {strings.NewReader(""), ErrFormat},
		"large": {io.LimitReader(zeros{}, MaxBytes+1), ErrTooLarge},
		"torn":  {io.MultiReader(strings.NewReader("x"), torn{}), io.ErrUnexpectedEOF},
	} {
		if _, err := r.Read(t.Context(), c.src); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The kernel must hold the child, before it has seen a byte of a file.
func TestChildIsSealedBeforeTheFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the filter is Linux's")
	}
	cmd := exec.Command(made().exe)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	_, _ = in.Write(order{Cache: made().cache, Budget: time.Second}.line())
	if _, err := io.ReadFull(out, make([]byte, len(readyLine))); err != nil {
		t.Fatal(err)
	}
	proc := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid))
	tasks, err := filepath.Glob(filepath.Join(proc, "task", "*", "status"))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%d threads: %v", len(tasks), err)
	}
	for _, file := range tasks {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Seccomp:\t2\n", "NoNewPrivs:\t1\n"} {
			if !strings.Contains(string(b), want) {
				t.Errorf("a thread lacks %q", want)
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(proc, "limits"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(b)) {
		got[strings.TrimSpace(line[:min(26, len(line))])] = strings.Join(strings.Fields(line[min(26, len(line)):]), " ")
	}
	for what, want := range map[string]string{"Max file size": "0 0 bytes", "Max core file size": "0 0 bytes", "Max open files": "64 64 files"} {
		if got[what] != want {
			t.Errorf("%s is %q, not %q", what, got[what], want)
		}
	}
	for _, what := range []string{"Max data size", "Max cpu time"} {
		if got[what] == "" || strings.HasPrefix(got[what], "unlimited") {
			t.Errorf("%s is %q", what, got[what])
		}
	}
}

func TestSealedProcessCanReachNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the filter is Linux's")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(self, probeWord).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := "socket true\nfile true\nwrite true\nprogram true\nkill true\nend\n"; string(out) != want {
		t.Errorf("a sealed process says\n%s", out)
	}
}

// A cache that is spoilt, or a folder that cannot be, costs time and nothing else.
func TestCacheIsNoCondition(t *testing.T) {
	qr := qrPNG(t, "TP1CACHE")
	spoilt := filepath.Join(t.TempDir(), "spoilt")
	if err := os.CopyFS(spoilt, os.DirFS(made().cache)); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := filepath.WalkDir(spoilt, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		return os.WriteFile(path, bytes.Repeat([]byte("spoilt "), 1000), 0o600)
	})
	if err != nil || n < 2 {
		t.Fatalf("%d files in the cache: %v", n, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{spoilt, filepath.Join(file, "below")} {
		r := reader()
		r.Cache = dir
		if f, err := r.Read(t.Context(), bytes.NewReader(qr)); err != nil || f.Texts[0] != "TP1CACHE" {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
	}
}
