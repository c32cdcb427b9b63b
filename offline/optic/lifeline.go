// The parent's end of stdin, held from the first moment on.

package optic

import (
	"io"
	"sync/atomic"
)

// lifeline is stdin behind the order. Its first byte is asked for at once: where there is an end instead before the child stands ready, the
// parent is gone, and compiling modules for nobody, for many seconds, would only take the processor from the next counter.
type lifeline struct {
	in    io.Reader
	first chan taste
	ready atomic.Bool // the file may come, or nothing: the parent only wanted a child to be warm
}

// taste is what the first reading brought.
type taste struct {
	b   []byte
	err error
}

// hold begins to watch; gone is called, once, when the parent is.
func hold(in io.Reader, gone func()) *lifeline {
	l := &lifeline{in: in, first: make(chan taste, 1)}
	go func() {
		b := make([]byte, 1)
		n, err := io.ReadFull(in, b)
		if n == 0 && !l.ready.Load() {
			gone()
		}
		l.first <- taste{b[:n], err}
		close(l.first)
	}()
	return l
}

// Read implements io.Reader.
func (l *lifeline) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if t, ok := <-l.first; ok {
		return copy(b, t.b), t.err
	}
	return l.in.Read(b)
}
