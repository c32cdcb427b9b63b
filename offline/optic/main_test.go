package optic

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// workshop is the folder of the tests' child, "" while none was needed: a fuzzer's workers need none.
var workshop string

// made builds the program of testdata/child, without the race detector: it is the product's child that is measured. And it
// starts it twice, so that the modules are compiled.
var made = sync.OnceValue(func() (m struct{ exe, cache string }) {
	var err error
	if workshop, err = os.MkdirTemp("", "optic"); err != nil {
		panic(err)
	}
	m.exe, m.cache = filepath.Join(workshop, "child"), filepath.Join(workshop, "cache")
	if runtime.GOOS == "windows" {
		m.exe += ".exe"
	}
	build := exec.Command("go", "build", "-trimpath", "-o", m.exe, "./testdata/child")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	r := &Reader{Exe: m.exe, Cache: m.cache}
	for _, how := range []string{"cold", "with its cache"} {
		start := time.Now()
		if err := r.Warm(context.Background()); err != nil {
			panic(err)
		}
		fmt.Printf("start of the child, %s: %v\n", how, time.Since(start).Round(time.Millisecond))
	}
	return m
})

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == probeWord {
		probe()
		return
	}
	code := m.Run()
	if workshop != "" {
		_ = os.RemoveAll(workshop)
	}
	os.Exit(code)
}

func reader(args ...string) *Reader {
	// Machines that test are busier than counters: where the time itself is not the question, there is plenty.
	return &Reader{Exe: made().exe, Args: args, Cache: made().cache, Timeout: plenty}
}

// tool skips a test that needs a program which is not there; a CI that lacks it fails.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// measured is one reading with what it cost.
type measured struct {
	Found
	err  error
	took time.Duration // once the child stood ready
	peak int           // kB of the child, 0 where it was ended before it could tell
}

// measure reads a file as a counter does, or with the time that is given.
func measure(file []byte, timeout time.Duration) measured {
	var errs bytes.Buffer
	var start time.Time
	r := reader("peak")
	r.Timeout, r.watched = timeout, &watch{errs: &errs, ready: func() { start = time.Now() }}
	f, err := r.Read(context.Background(), bytes.NewReader(file))
	m := measured{Found: f, err: err, took: time.Since(start)}
	if start.IsZero() {
		m.took = 0
	}
	if words := strings.Fields(errs.String()); len(words) >= 3 {
		m.peak, _ = strconv.Atoi(words[1])
	}
	return m
}

const plenty = 30 * time.Second

// parallel runs n readings two at a time.
func parallel(n int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

const probeWord = "optic-probe"
