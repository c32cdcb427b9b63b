// A keeper's bounds and how it fails.

package refresh

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// Bounds of a Keeper, each with its reason.
const (
	// MinEvery is the shortest period: a list changes once an hour.
	MinEvery = time.Minute
	// FirstRetry doubles at each failure in a row, up to LastRetry: a mirror that comes back is found within the hour, and
	// the counters that wait for it are spread over half of one.
	FirstRetry = time.Minute
	LastRetry  = time.Hour
	// AbsentRetry is how soon a stick or a share that was not there is looked for again.
	AbsentRetry = 5 * time.Minute
	// StartSpread spreads what counters do when they are switched on or wake up together.
	StartSpread = 30 * time.Second
	// DefaultLimit ends a sync that hangs.
	DefaultLimit = 10 * time.Minute
	// glance is how often an idle keeper looks at the clock, to notice that the computer slept. One look is one comparison
	// of times for each source.
	glance = time.Minute
	// grace is how long Run waits, once it is told to end, for what it started.
	grace = 5 * time.Second
)

var (
	// ErrPanicked: a sync failed by a fault of the program; the error is a *Panic.
	ErrPanicked = errors.New("refresh: sync panicked")
	// ErrTooSlow: a sync did not end within its limit.
	ErrTooSlow = errors.New("refresh: sync too slow")
	// ErrLeft: Run ended while a sync did not: what it uses must not be closed yet.
	ErrLeft = errors.New("refresh: a sync is still running")
)

// Panic is what a sync panicked with. Its text holds what the runtime says, or else the value's type: the value may be anything.
type Panic struct {
	Value any
	Stack []byte
}

// Error names the fault.
func (p *Panic) Error() string {
	if err, ok := p.Value.(runtime.Error); ok {
		return fmt.Sprintf("%v: %v", ErrPanicked, err)
	}
	return fmt.Sprintf("%v: %T", ErrPanicked, p.Value)
}

// Unwrap returns ErrPanicked.
func (p *Panic) Unwrap() error { return ErrPanicked }

// guarded turns a panic into an error.
func guarded(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn()
}
