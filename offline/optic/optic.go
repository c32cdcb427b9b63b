// Package optic reads the QR codes in a picture or a PDF, in a process of its own that can do nothing else.
//
// A file from outside is never parsed by the process that asks: Reader starts this program again as a child, writes the bytes
// to its standard input and reads a short answer. The child bounds itself (memory, CPU time, files, and on Linux a filter of
// system calls: no socket, no file, no program), and only then reads the bytes. PDF pages are drawn by PDFium and codes are read by rxing,
// both compiled to WebAssembly and run by wazero with a capped memory and no access to anything; PNG, JPEG and GIF are decoded by Go.
// The parent believes nothing of the answer but texts of QR's alphanumeric alphabet, bounded in length and number; whether a
// text is a card, and whose, only its signature tells.
//
// No name, number or content of what is read stands in an error.
package optic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// Families of refusals.
var (
	// ErrNothing: the file was read, and no QR code of the alphanumeric alphabet was found in it.
	ErrNothing = errors.New("optic: no code found")
	// ErrFormat: not a PNG, JPEG, GIF or PDF, or damaged beyond reading.
	ErrFormat = errors.New("optic: not a readable picture or PDF")
	// ErrLocked: a PDF that opens only with a password.
	ErrLocked = errors.New("optic: the PDF is locked by a password")
	// ErrTooLarge: more bytes, points or memory than the reader grants.
	ErrTooLarge = errors.New("optic: too large")
	// ErrTimeout: the time was over.
	ErrTimeout = errors.New("optic: not read in time")
	// ErrBroken: the reading process could not be started, died, or answered nonsense.
	ErrBroken = errors.New("optic: the reading process failed")
)

// Bounds of one reading.
const (
	MaxBytes  = 32 << 20   // of a file
	MaxPoints = 40_000_000 // of a picture, width times height
	MaxPages  = 20         // of a PDF, from the first
	MaxCodes  = 32         // in one file

	// DefaultTimeout is granted from the moment the child stands ready.
	DefaultTimeout = 3 * time.Second
	// startTimeout bounds a start that has to compile the modules first: seconds on a counter's old computer, once for each release.
	startTimeout = 2 * time.Minute
	// atOnce bounds the children of one Reader that run at the same time, each of less than 256 MB.
	atOnce = 2
)

// Reader reads pictures and PDFs. Its fields are set before the first use; it is safe for concurrent use and must not be copied after.
type Reader struct {
	Exe     string        // this program's file
	Args    []string      // what makes it call Child and nothing else
	Cache   string        // folder for the compiled modules, made where missing; its owner alone may write there. "" compiles at each start
	Timeout time.Duration // for one file once the child stands ready; 0 means DefaultTimeout

	once  sync.Once
	slots chan struct{}

	watched *watch
}

// watch is how tests measure the child. A child that is watched is not ended by its answer.
type watch struct {
	errs  io.Writer // what it says on standard error
	ready func()    // it is about to be sent the file
}

// Found is what a file holds.
type Found struct {
	Texts  []string // texts of QR codes in the order of the pages, each once, 1 to MaxCodes; of QR's alphanumeric alphabet
	Pages  int      // in the file; 1 for a picture
	Looked int      // pages that were looked at before the time, or MaxPages, was over
}

// Read returns the codes in src, whatever its name: the content tells the format. It reads MaxBytes of src at most.
// Errors: ErrNothing, ErrFormat, ErrLocked, ErrTooLarge, ErrTimeout, ErrBroken, the context's and src's own.
func (r *Reader) Read(ctx context.Context, src io.Reader) (Found, error) {
	file, err := io.ReadAll(io.LimitReader(src, MaxBytes+1))
	switch {
	case err != nil:
		return Found{}, fmt.Errorf("optic: %w", err)
	case len(file) > MaxBytes:
		return Found{}, fmt.Errorf("%w: more than %d MB", ErrTooLarge, MaxBytes>>20)
	case len(file) == 0:
		return Found{}, fmt.Errorf("%w: nothing there", ErrFormat)
	}
	return r.ask(ctx, file)
}

// Warm starts the child once for nothing, so that the modules are compiled and kept in Cache before the first file comes.
func (r *Reader) Warm(ctx context.Context) error {
	_, err := r.ask(ctx, nil)
	if errors.Is(err, ErrNothing) {
		return nil
	}
	return err
}

// ask runs one child. A child without a file answers ErrNothing.
func (r *Reader) ask(ctx context.Context, file []byte) (Found, error) {
	r.once.Do(func() { r.slots = make(chan struct{}, atOnce) })
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return Found{}, context.Cause(ctx)
	}
	budget := r.Timeout
	if budget <= 0 {
		budget = DefaultTimeout
	}
	// One clock for the start, another for the reading: a cold cache is no failure of the file.
	run, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	clock := time.AfterFunc(startTimeout, func() { stop(fmt.Errorf("%w: it was not ready in time", ErrBroken)) })
	defer clock.Stop()

	cmd := exec.CommandContext(run, r.Exe, r.Args...)
	cmd.Env = []string{"GOTRACEBACK=none"} // the child needs nothing of the environment
	cmd.SysProcAttr = childAttr()
	if r.watched != nil {
		cmd.Stderr = r.watched.errs
	}
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return Found{}, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Found{}, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	if err := cmd.Start(); err != nil {
		return Found{}, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	answered := talk(in, out, order{Cache: r.Cache, Budget: budget}, file, func() {
		if r.watched != nil {
			r.watched.ready()
		}
		clock.Stop()
		clock = time.AfterFunc(budget, func() { stop(ErrTimeout) })
	})
	why := context.Cause(run)
	if r.watched == nil {
		stop(nil) // whatever it still does, the child has said its word
	}
	_ = cmd.Wait()
	clock.Stop()
	found, err := parseAnswer(answered)
	if errors.Is(err, ErrBroken) && why != nil {
		return Found{}, why // a whole answer that came in time counts, whatever happened after it; half of one does not
	}
	return found, err
}

// talk sends the order, waits for the child to stand ready, sends the file, and returns what the child said then, at most
// maxAnswer+1 bytes.
func talk(in io.WriteCloser, out io.Reader, o order, file []byte, ready func()) []byte {
	defer in.Close()
	if _, err := in.Write(o.line()); err != nil {
		return nil
	}
	hello := make([]byte, len(readyLine))
	if _, err := io.ReadFull(out, hello); err != nil || string(hello) != readyLine {
		return nil
	}
	ready()
	sent := make(chan struct{})
	go func() { // a child may answer before it has read everything
		defer close(sent)
		_, _ = in.Write(file)
		in.Close()
	}()
	var answer bytes.Buffer
	_, _ = io.Copy(&answer, io.LimitReader(out, maxAnswer+1))
	in.Close()
	<-sent
	return answer.Bytes()
}
