package optic

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What comes is read whole, whenever it comes; an end before the child stands ready is the parent's, one afterwards is the file's.
func TestLifeline(t *testing.T) {
	for _, size := range []int{0, 1, 2, 70_000} {
		gone := make(chan bool, 1)
		r, w := io.Pipe()
		l := hold(r, func() { gone <- true })
		l.ready.Store(true)
		want := bytes.Repeat([]byte("ab"), size)[:size]
		go func() { _, _ = w.Write(want); _ = w.Close() }()
		if got, err := io.ReadAll(l); err != nil || !bytes.Equal(got, want) || len(gone) > 0 {
			t.Errorf("%d bytes: %d, %v, gone %d", size, len(got), err, len(gone))
		}
	}
	broken := errors.New("broken")
	for name, end := range map[string]error{"closed": io.EOF, "broken": broken} {
		gone := make(chan bool, 2)
		r, w := io.Pipe()
		l := hold(r, func() { gone <- true })
		_ = w.CloseWithError(end)
		<-gone
		if _, err := io.ReadAll(l); end == broken && !errors.Is(err, broken) || len(gone) > 0 {
			t.Errorf("%s: %v, gone %d times more", name, err, len(gone))
		}
	}
}

// A child that has no cache compiles for seconds: it ends when its parent does, not when it is done.
func TestChildOfNobody(t *testing.T) {
	c := exec.Command(made().exe)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	o := order{Cache: filepath.Join(t.TempDir(), "empty"), Budget: plenty}
	if _, err := in.Write(o.line()); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-ended:
	case <-time.After(plenty):
		_ = c.Process.Kill()
		t.Fatal("it went on")
	}
	if c.ProcessState.ExitCode() != 6 {
		t.Errorf("it ended by %v", c.ProcessState)
	}
}
