// What a keeper tells of itself.

package refresh

import (
	"errors"
	"os"
	"strings"
	"time"

	"sceau/signing/trust"
)

// State is a keeper at one moment. Times are of the counter's clock.
type State struct {
	Running   bool
	Source    string // the one that Step and Bytes are about: the first that runs
	Step      string // StepRoot and the others; "" before the first
	Bytes     int64
	Next      time.Time // when something is due next; zero when nothing is followed
	LastOK    time.Time // newest sync that succeeded, since Run began
	LastError error     // newest error of a source that fails now, or why it is not known what is followed; nil: nothing fails
	Failing   string    // the source of LastError; "" when it is about none
	Sources   []SourceState
}

// SourceState is one source at one moment, in the order of Keeper.Sources.
type SourceState struct {
	Source   string
	Running  bool
	Step     string
	Bytes    int64
	Absent   bool // its medium was not there: a stick in a drawer is no alarm
	Failures int  // in a row
	Next     time.Time
	LastOK   time.Time
	Err      error  // nil: the last sync succeeded, or there was none
	Report   Report // of LastOK
}

// State returns what the keeper does now.
func (k *Keeper) State() State {
	k.init()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state()
}

// Watch returns the state, and a channel that is closed once it may be another. Bytes change often: whoever shows them to
// people waits a little between two looks.
func (k *Keeper) Watch() (State, <-chan struct{}) {
	k.init()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changed == nil {
		k.changed = make(chan struct{})
	}
	return k.state(), k.changed
}

// tell wakes those who watch. The mutex is held.
func (k *Keeper) tell() {
	if k.changed != nil {
		close(k.changed)
		k.changed = nil
	}
}

func (k *Keeper) state() State {
	st := State{LastError: k.listing}
	elapsed, now := time.Since(k.started), k.date()
	var newest uint64
	for _, name := range k.order {
		s := k.sources[name]
		if s == nil {
			continue
		}
		one := SourceState{Source: name, Running: s.running, Step: s.step, Bytes: s.bytes, Absent: s.absent, Failures: s.failures,
			LastOK: s.lastOK, Err: s.err, Report: s.report}
		if !s.running {
			// Reckoned anew from the clock that nobody sets, so that a date that was put right shows a time that is.
			one.Next = now.Add(max(s.due-elapsed, 0))
			if st.Next.IsZero() || one.Next.Before(st.Next) {
				st.Next = one.Next
			}
		} else if !st.Running {
			st.Running, st.Source, st.Step, st.Bytes = true, name, s.step, s.bytes
		}
		if one.LastOK.After(now) {
			one.LastOK = now // the date was put back since
		}
		if one.LastOK.After(st.LastOK) {
			st.LastOK = one.LastOK
		}
		if s.err != nil && k.listing == nil && s.errNews > newest {
			newest, st.LastError, st.Failing = s.errNews, s.err, name
		}
		st.Sources = append(st.Sources, one)
	}
	return st
}

// IsAbsent says that source is a folder or a file on a medium that is not there: a stick that was pulled out, a share that is
// off. One that is there and fails, or holds something else, is not absent.
func IsAbsent(source string, err error) bool {
	if !errors.Is(err, trust.ErrUnreachable) || strings.Contains(source, "://") {
		return false
	}
	_, gone := os.Stat(source)
	return gone != nil
}
