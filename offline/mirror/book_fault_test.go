//go:build linux

// Tests of the journal under faults of the machine, with real processes: killed at any moment, no room, no right to write.

package mirror

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sceau/offline/receipt"
)

// The test binary is also the process that is killed or starved: see TestMain.
const childVar = "SCEAU_BOOK_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVar) {
	case "":
		os.Exit(m.Run())
	case "append":
		childAppend(os.Args[1], os.Args[2])
	case "starved":
		childStarved(os.Args[1])
	case "readonly":
		childReadOnly(os.Args[1])
	}
}

func child(t *testing.T, kind string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), childVar+"="+kind)
	return c
}

func fatal(err error) {
	if err != nil {
		fmt.Println("child:", err)
		os.Exit(1)
	}
}

// childAppend appends for ever, and writes each number elsewhere once Append has returned.
func childAppend(dir, acknowledged string) {
	f, err := os.OpenFile(acknowledged, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	fatal(err)
	fmt.Println("started")
	b, err := OpenBook(dir, BookOptions{})
	fatal(err)
	for i := 0; ; i++ {
		rec, err := b.Append(ctx, check(i))
		fatal(err)
		_, err = fmt.Fprintln(f, rec.Number)
		fatal(err)
	}
}

// Killed 200 times in the middle of its work, at the making of the file too: what was acknowledged is there, and a restart
// needs nobody.
func TestKilledWhileAppending(t *testing.T) {
	root := t.TempDir()
	acknowledged := filepath.Join(root, "acknowledged")
	rnd := rand.New(rand.NewPCG(3, 3))
	cycles := 200
	if testing.Short() {
		cycles = 40
	}
	folder := func(i int) string { return filepath.Join(root, fmt.Sprint("counter-", i/20)) } // a new folder now and then: its making is cut too
	for i := range cycles {
		c := child(t, "append", folder(i), acknowledged+fmt.Sprint(i/20))
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("cycle %d: %q %v", i, line, err)
		}
		// Some are killed before the first entry, most during one.
		timer := time.NewTimer(time.Duration(rnd.IntN(60_000)) * time.Microsecond)
		go func() { <-timer.C; c.Process.Kill() }()
		rest, _ := io.ReadAll(out)
		if err := c.Wait(); err == nil || len(rest) > 0 {
			t.Fatalf("cycle %d: ended by itself: %v %s", i, err, rest)
		}
	}
	total := 0
	for n := range (cycles + 19) / 20 {
		b, err := OpenBook(folder(n*20), BookOptions{})
		must(t, err)
		if b.Notice() != (Notice{}) {
			t.Errorf("folder %d: %+v", n, b.Notice())
		}
		_, count, err := b.Verify(ctx)
		if err != nil || count.Devices != 1 {
			t.Errorf("folder %d: %+v %v", n, count, err)
		}
		there := map[receipt.Number]bool{}
		must(t, b.Each(ctx, Search{}, func(r Record) error { there[r.Number] = true; return nil }))
		data, err := os.ReadFile(acknowledged + fmt.Sprint(n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, number := range strings.Fields(string(data)) {
			total++
			if !there[receipt.Number(number)] {
				t.Errorf("folder %d: %s was acknowledged and is lost", n, number)
			}
		}
		must(t, b.Close())
	}
	if total < cycles {
		t.Errorf("only %d were acknowledged", total)
	}
	t.Logf("%d kills, %d acknowledged, 0 lost", cycles, total)
}

// TestFullDisk fills a small disk: nothing acknowledged is lost, the cause is named, searching goes on, and with room the
// same Book writes again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := mount(dir); err != nil {
		t.Logf("no small disk can be mounted here (%v): a limit on the size of files stands for it", err)
		out, err := child(t, "starved", dir).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("held")) {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	defer unmount(dir)
	home := filepath.Join(dir, "counter")
	b, err := OpenBook(home, BookOptions{})
	must(t, err)
	defer b.Close()
	var recs []Record
	var refused error
	for i := 0; refused == nil && i < 100_000; i++ {
		rec, err := b.Append(ctx, check(i))
		if err == nil {
			recs = append(recs, rec)
		}
		refused = err
	}
	full(t, refused)
	t.Logf("full after %d", len(recs))
	for range 5 {
		_, err := b.Append(ctx, check(1))
		full(t, err)
		full(t, b.SaveSettings(ctx, bytes.Repeat([]byte("x"), MaxSettings)))
		if n, err := b.Find(ctx, Search{Number: string(recs[len(recs)-1].Number)}); err != nil || len(n) != 1 {
			t.Fatalf("searching on a full disk: %v %v", n, err)
		}
	}
	// A counter that starts on the full disk says so, and can still search.
	if _, err := OpenBook(filepath.Join(dir, "another"), BookOptions{}); err == nil || !errors.Is(err, ErrFull) {
		t.Errorf("a journal made on a full disk: %v", err)
	}
	empty := ReadBook(filepath.Join(dir, "another"), BookOptions{})
	defer empty.Close()
	_, err = empty.Append(ctx, check(1))
	full(t, err)
	if n, err := empty.Find(ctx, Search{}); err != nil || len(n) != 0 {
		t.Errorf("%v %v", n, err)
	}
	// Room again.
	must(t, grow(dir))
	for i, x := range []*Book{b, empty} {
		rec, err := x.Append(ctx, check(7))
		must(t, err)
		if i == 0 {
			recs = append(recs, rec)
		}
		if _, _, err := x.Verify(ctx); err != nil {
			t.Error(err)
		}
	}
	n := 0
	must(t, b.Each(ctx, Search{}, func(r Record) error {
		if r != recs[n] {
			t.Fatalf("record %d: %+v, want %+v", n, r, recs[n])
		}
		n++
		return nil
	}))
	if n != len(recs) {
		t.Errorf("%d of %d", n, len(recs))
	}
}

func full(t *testing.T, err error) {
	t.Helper()
	var n *NotRecorded
	if !errors.As(err, &n) || n.Cause != CauseFull || !errors.Is(err, ErrNotRecorded) || !errors.Is(err, ErrFull) {
		t.Fatalf("%v", err)
	}
}

// childStarved has the same fault where nothing can be mounted: no file may grow above a limit, and then it may.
func childStarved(dir string) {
	b, err := OpenBook(dir, BookOptions{})
	fatal(err)
	rec, err := b.Append(ctx, check(1))
	fatal(err)
	var free syscall.Rlimit
	fatal(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free))
	fatal(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 300 << 10, Max: free.Max}))
	refused := error(nil)
	written := 1
	for i := 0; refused == nil && i < 100_000; i++ {
		if _, refused = b.Append(ctx, check(i)); refused == nil {
			written++
		}
	}
	var n *NotRecorded
	if !errors.As(refused, &n) || n.Cause != CauseFull && n.Cause != CauseDisk {
		fatal(fmt.Errorf("refused with %w", refused))
	}
	if found, err := b.Find(ctx, Search{Number: string(rec.Number)}); err != nil || len(found) != 1 {
		fatal(fmt.Errorf("searching: %v %w", found, err))
	}
	fatal(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &free))
	_, err = b.Append(ctx, check(2))
	fatal(err)
	_, count, err := b.Verify(ctx)
	fatal(err)
	if count.Checks != written+1 {
		fatal(fmt.Errorf("%d of %d", count.Checks, written+1))
	}
	fmt.Println("held")
}

// The limit on files is tested where a disk can be mounted too: it is another fault, in the middle of a file.
func TestFilesThatMayNotGrow(t *testing.T) {
	out, err := child(t, "starved", t.TempDir()).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("held")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// A folder that can't be written: searched, said, and written again once it can be.
func TestReadOnlyFolder(t *testing.T) {
	for _, kind := range []string{"rights", "left open", "missing"} {
		t.Run(kind, func(t *testing.T) {
			root := t.TempDir()
			must(t, os.Chmod(root, 0o755))
			for dir := root; dir != "/"; dir = filepath.Dir(dir) { // the child has another user's rights
				if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
					if err := os.Chmod(dir, info.Mode().Perm()|0o011); err == nil {
						t.Cleanup(func() { os.Chmod(dir, info.Mode().Perm()) })
					}
				}
			}
			dir := filepath.Join(root, "counter")
			if kind == "missing" {
				must(t, os.Mkdir(dir, 0o700))
			} else {
				b := openTest(t, dir, newClock())
				fill(t, b, 20)
				if kind == "rights" {
					must(t, b.Close())
				}
			}
			c := child(t, "readonly", dir)
			if os.Getuid() == 0 { // rights don't bind root
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
				must(t, filepath.Walk(dir, func(p string, _ fs.FileInfo, err error) error { return errors.Join(err, os.Chown(p, 65534, 65534)) }))
			}
			must(t, filepath.Walk(dir, func(p string, i fs.FileInfo, err error) error {
				if err == nil && !i.IsDir() {
					err = os.Chmod(p, 0o400)
				}
				return err
			}))
			must(t, os.Chmod(dir, 0o500))
			exe, err := os.Executable()
			must(t, err)
			own := filepath.Join(root, "program") // where the other user may run it
			data, err := os.ReadFile(exe)
			must(t, err)
			must(t, os.WriteFile(own, data, 0o755))
			c.Path = own
			c.Env = append(c.Env, "SCEAU_BOOK_KIND="+kind)
			out, err := c.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("held")) {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

func childReadOnly(dir string) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			fatal(fmt.Errorf(format, args...))
		}
	}
	b, err := OpenBook(dir, BookOptions{})
	want(b == nil && errors.Is(err, ErrReadOnly), "opened for writing: %v", err)
	b = ReadBook(dir, BookOptions{})
	here := 20
	if os.Getenv("SCEAU_BOOK_KIND") == "missing" {
		here = 0
	}
	for range 2 {
		found, err := b.Find(ctx, Search{})
		want(err == nil && len(found) == here, "searching: %d %v", len(found), err)
		var n *NotRecorded
		_, err = b.Append(ctx, check(1))
		want(errors.As(err, &n) && n.Cause == CauseReadOnly && errors.Is(err, ErrReadOnly), "append: %v", err)
		err = b.SaveSettings(ctx, []byte("{}"))
		want(errors.As(err, &n) && n.Cause == CauseReadOnly, "settings: %v", err)
		_, err = b.Prune(ctx, time.Now())
		want(errors.As(err, &n) && n.Cause == CauseReadOnly, "prune: %v", err)
	}
	if here > 0 {
		_, count, err := b.Verify(ctx)
		want(err == nil && count.Checks == here, "verify: %+v %v", count, err)
	}
	// The right to write comes back: the same Book goes on.
	fatal(os.Chmod(dir, 0o700))
	files, err := os.ReadDir(dir)
	fatal(err)
	for _, f := range files {
		fatal(os.Chmod(filepath.Join(dir, f.Name()), 0o600))
	}
	rec, err := b.Append(ctx, check(1))
	fatal(err)
	_, count, err := b.Verify(ctx)
	want(err == nil && count.Checks == here+1 && count.Devices == 1, "after: %+v %v", count, err)
	found, err := b.Find(ctx, Search{Number: string(rec.Number)})
	want(err == nil && len(found) == 1, "%v %v", found, err)
	fatal(b.Close())
	fmt.Println("held")
}

// A disk of one megabyte, where the system lets tests mount one.
func mount(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0777") }
func grow(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m")
}
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
