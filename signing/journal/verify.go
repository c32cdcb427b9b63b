// This file walks a chain and names the first entry that is wrong, and how.

package journal

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// The ways in which a journal can be wrong. A [*Fault] wraps one of them.
var (
	// ErrEdited: the entry is not the one that was written.
	ErrEdited = errors.New("edited")
	// ErrDeleted: the entry is missing, and later ones are there.
	ErrDeleted = errors.New("deleted")
	// ErrInserted: the entry was not written when its place in the chain says.
	ErrInserted = errors.New("inserted")
	// ErrReordered: the entry stands at another place than its number says.
	ErrReordered = errors.New("reordered")
	// ErrTruncated: the entry and all after it are missing, and a known head
	// says that they were there.
	ErrTruncated = errors.New("truncated")
	// ErrRewritten: the chain holds together and is not the one that a known
	// head vouches for: it was computed anew, somewhere up to this entry.
	ErrRewritten = errors.New("rewritten")
)

// Fault is the first thing that is wrong with a journal. It quotes no body.
type Fault struct {
	Seq  uint64 // the first bad entry
	What error  // one of the errors above
}

func (f *Fault) Error() string { return fmt.Sprintf("journal: entry %d: %v", f.Seq, f.What) }

// Unwrap gives What.
func (f *Fault) Unwrap() error { return f.What }

// Verify walks the entries that follow start, in the order in which they are
// stored, and gives the head it arrives at. known are heads that are vouched
// for from elsewhere (a signed one, a printed one, the register's own head
// row), in any order: the journal must pass through each of them that does not
// lie before start. A *[Fault] says what is wrong; any error of the iteration itself is given back as it is.
// It holds three entries in memory.
//
// The place is exact where a later entry or a known head has seen the entry as
// it was. What happened is a judgement from the shape that is left: someone who
// drops an entry and renumbers the others has also edited them.
func Verify(start Head, entries iter.Seq2[Entry, error], known ...Head) (Head, error) {
	known = slices.Clone(known)
	slices.SortFunc(known, func(a, b Head) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return 0
	})
	next, stop := iter.Pull2(entries)
	defer stop()
	w := &walk{next: next, head: start, known: known}
	if err := w.meet(); err != nil {
		return Head{}, err
	}
	for {
		e, ok, err := w.read()
		if err != nil {
			return Head{}, err
		}
		if !ok {
			break
		}
		if e.Seq != w.head.Seq+1 {
			return Head{}, w.misnumbered(e)
		}
		if e.Prev != w.head.Hash {
			return Head{}, w.unlinked(e)
		}
		if e.check() != nil {
			return Head{}, &Fault{e.Seq, ErrEdited}
		}
		w.before, w.head = w.head, e.Head()
		w.walked++
		if err := w.meet(); err != nil {
			return Head{}, err
		}
	}
	if len(w.known) > 0 {
		return Head{}, &Fault{w.head.Seq + 1, ErrTruncated}
	}
	return w.head, nil
}

// walk is one pass over a journal.
type walk struct {
	next   func() (Entry, error, bool)
	head   Head   // after the last good entry
	before Head   // before it
	walked uint64 // good entries so far
	known  []Head // not met yet, ascending
}

func (w *walk) read() (Entry, bool, error) {
	e, err, ok := w.next()
	if !ok {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, err
	}
	return e, true, nil
}

// meet compares the walk's head with the known heads of its number.
func (w *walk) meet() error {
	for len(w.known) > 0 && w.known[0].Seq <= w.head.Seq {
		k := w.known[0]
		if k.Seq < w.head.Seq {
			// Before the start of this walk: nothing to compare it with.
			w.known = w.known[1:]
			continue
		}
		if k.Hash != w.head.Hash {
			return w.mismatch()
		}
		w.known = w.known[1:]
	}
	return nil
}

// mismatch judges an entry that follows from the one before and is not what a
// known head says: the last entry, edited, or a chain that goes on from it,
// computed anew.
func (w *walk) mismatch() error {
	seq := w.head.Seq
	if w.walked == 0 {
		return &Fault{seq, ErrRewritten} // the walk begins on another chain
	}
	e, ok, err := w.read()
	if err != nil {
		return err
	}
	if !ok {
		return &Fault{seq, ErrEdited} // nothing was left to renew behind it
	}
	switch {
	case e.Prev == w.known[0].Hash:
		return &Fault{seq, ErrEdited} // the next one still points to the true entry
	case e.Prev == w.before.Hash:
		return &Fault{seq, ErrInserted}
	}
	return &Fault{seq, ErrRewritten}
}

// unlinked judges an entry with the right number that does not point to the
// entry before it.
func (w *walk) unlinked(e Entry) error {
	if w.walked > 0 && e.Prev == w.before.Hash {
		// It points past the entry before: that one was slipped in, and this one
		// renumbered.
		return &Fault{w.head.Seq, ErrInserted}
	}
	if w.walked == 0 {
		return &Fault{e.Seq, ErrEdited} // or the first entry of another chain
	}
	// Either the entry before was edited, or this one's pointer was. Whoever
	// comes next has seen this one as it was.
	after, ok, err := w.read()
	if err != nil {
		return err
	}
	whole := ok && after.Prev == e.Hash()
	if !ok {
		whole = slices.Contains(w.known, e.Head())
	}
	if whole {
		return &Fault{w.head.Seq, ErrEdited}
	}
	return &Fault{e.Seq, ErrEdited}
}

// misnumbered judges an entry whose number is not the next one.
func (w *walk) misnumbered(e Entry) error {
	want := w.head.Seq + 1
	if e.Seq < want {
		if e.Prev == w.head.Hash {
			return &Fault{want, ErrEdited} // in its place, with another number
		}
		return &Fault{e.Seq, ErrInserted} // there is an entry of that number already
	}
	// A gap. Is what is missing further down, and does this one come again?
	first := true
	for {
		later, ok, err := w.read()
		if err != nil {
			return err
		}
		if !ok {
			return &Fault{want, ErrDeleted}
		}
		switch {
		case first && later.Seq == want+1 && e.Prev == w.head.Hash:
			return &Fault{want, ErrEdited} // in its place, with another number
		case later.Seq == e.Seq:
			return &Fault{want, ErrInserted}
		case later.Seq == want:
			return &Fault{want, ErrReordered}
		}
		first = false
	}
}
