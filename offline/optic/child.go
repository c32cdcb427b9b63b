// The child: bounds itself, loads the modules, seals itself, and only then reads what it was sent.

package optic

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Child is the whole main of the child process; its result is the exit code. It trusts the first line of stdin, which the
// parent writes, and nothing after it.
func Child(stdin io.Reader, stdout io.Writer) int {
	limit()
	debug.SetMemoryLimit(goMemory)
	debug.SetGCPercent(50)
	o, err := readOrder(stdin)
	if err != nil {
		return 2
	}
	in := hold(stdin, func() { os.Exit(6) })
	ctx := context.Background()
	s, err := load(ctx, o.Cache)
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // no file was read yet: for whoever starts a child by hand
		return 3
	}
	forget() // a start without a cache has just compiled megabytes
	seal(o.Budget)
	in.ready.Store(true)
	if _, err := io.WriteString(stdout, readyLine); err != nil {
		return 4
	}
	answer := &answerer{out: stdout}
	// What was found in good pages must not be lost to a bad one behind them. The parent kills a child that is late with this too.
	time.AfterFunc(o.Budget*9/10, func() { answer.give(ErrTimeout) })
	file, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
	switch {
	case err != nil:
		return 5
	case len(file) > MaxBytes:
		answer.give(ErrTooLarge)
	case len(file) == 0:
		answer.give(ErrNothing) // started only to be warm
	default:
		now := time.Now()
		answer.give(s.look(ctx, file, &sight{answer: answer, start: now, until: now.Add(o.Budget * 8 / 10)}))
	}
	return 0
}

// answerer gathers what was found and speaks once.
type answerer struct {
	mu            sync.Mutex
	out           io.Writer
	pages, looked int
	texts         []located
	whole         bool // every page was looked at once: what is not found by then is not there, as far as a person is concerned
	said          bool
}

// located is a text and the page that it stands on.
type located struct {
	page int
	text string
}

// give writes the answer: what was found, in the order of the pages, or why there is nothing.
func (a *answerer) give(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.said {
		return
	}
	a.said = true
	f := Found{Pages: a.pages, Looked: a.looked}
	slices.SortStableFunc(a.texts, func(x, y located) int { return cmp.Compare(x.page, y.page) })
	for _, t := range a.texts {
		f.Texts = append(f.Texts, t.text)
	}
	switch {
	case len(f.Texts) > 0:
		err = nil
	case err == nil, a.whole && err == ErrTimeout:
		err = ErrNothing
	}
	_, _ = a.out.Write(formatAnswer(f, err))
	if c, ok := a.out.(io.Closer); ok {
		_ = c.Close() // the parent need not wait for the end of the process
	}
}

// look notes that another page of so many is being looked at.
func (a *answerer) look(pages int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pages = pages
	a.looked++
}

// wholeLook notes that each page was looked at once.
func (a *answerer) wholeLook() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.whole = true
}

// add keeps a text that the parent would accept, once, and tells whether it is new.
func (a *answerer) add(page int, text string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.texts) == MaxCodes || !alphanumeric(text) {
		return false
	}
	for _, t := range a.texts {
		if t.text == text {
			return false
		}
	}
	a.texts = append(a.texts, located{page, text})
	return true
}

// forget gives memory back between steps that each need much.
func forget() {
	runtime.GC()
	debug.FreeOSMemory()
}
