// The events of a page or of its changes, in index order, twelve bytes each.

package status

import (
	"fmt"
	"slices"

	"sceau/rights"
)

// event is an Entry without its index.
type event struct {
	fromKind  uint32 // From<<2 | Kind-1
	published rights.Date
}

func newEvent(from, published rights.Date, k Kind) event {
	return event{fromKind: uint32(from)<<2 | uint32(k-1), published: published}
}

func (e event) from() rights.Date { return rights.Date(e.fromKind >> 2) }
func (e event) kind() Kind        { return Kind(e.fromKind&3) + 1 }

// history holds events sorted by index; those of one index are in the order of their publication.
type history struct {
	index  []uint32
	events []event
}

func newHistory(n int) history {
	return history{index: make([]uint32, 0, n), events: make([]event, 0, n)}
}

func (h *history) add(index uint32, e event) {
	h.index = append(h.index, index)
	h.events = append(h.events, e)
}

func (h *history) len() int { return len(h.index) }

func (h *history) entry(i int) Entry {
	e := h.events[i]
	return Entry{Index: h.index[i], From: e.from(), Published: e.published, Kind: e.kind()}
}

// run returns the end of the run of one index that starts at i.
func (h *history) run(i int) int {
	j := i + 1
	for j < len(h.index) && h.index[j] == h.index[i] {
		j++
	}
	return j
}

// equal says that both hold the same events.
func (h *history) equal(o *history) bool {
	return slices.Equal(h.index, o.index) && slices.Equal(h.events, o.events)
}

// sorted checks entries given in publication order and puts them in index order.
func sorted(entries []Entry) (history, error) {
	for _, e := range entries {
		switch {
		case e.Index > MaxIndex:
			return history{}, fmt.Errorf("%w: index %d is above %d", ErrMalformed, e.Index, MaxIndex)
		case e.Kind < Void || e.Kind > Restored:
			return history{}, fmt.Errorf("%w: index %d: no such kind: %d", ErrMalformed, e.Index, e.Kind)
		case e.From < 1 || e.From > lastDay || e.Published < 1 || e.Published > lastDay:
			return history{}, fmt.Errorf("%w: index %d: a day is missing or out of range", ErrMalformed, e.Index)
		}
	}
	es := slices.Clone(entries)
	slices.SortStableFunc(es, func(a, b Entry) int { return int(a.Index) - int(b.Index) })
	h := newHistory(len(es))
	for _, e := range es {
		h.add(e.Index, newEvent(e.From, e.Published, e.Kind))
	}
	return h, nil
}

// merge adds events after those that each index already has. Publication days must not go back within one index.
func merge(old, added *history) (history, error) {
	if old.len()+added.len() > MaxEntries {
		return history{}, fmt.Errorf("%w: more than %d events in one list", ErrMalformed, MaxEntries)
	}
	h := newHistory(old.len() + added.len())
	i := 0
	for j := range added.index {
		at := added.index[j]
		k := i
		for k < old.len() && old.index[k] <= at {
			k++
		}
		h.index = append(h.index, old.index[i:k]...)
		h.events = append(h.events, old.events[i:k]...)
		i = k
		e := added.events[j]
		if n := h.len(); n > 0 && h.index[n-1] == at && h.events[n-1].published > e.published {
			return history{}, fmt.Errorf("%w: index %d: published %s after an event published %s", ErrMalformed, at, e.published, h.events[n-1].published)
		}
		h.add(at, e)
	}
	h.index = append(h.index, old.index[i:]...)
	h.events = append(h.events, old.events[i:]...)
	return h, nil
}

// missing returns the events that next has and h lacks. It fails when next is not h with events added behind those of their index.
func (h *history) missing(next *history) (history, error) {
	added := newHistory(max(next.len()-h.len(), 0))
	i := 0
	for j := 0; j < next.len(); {
		at, end := next.index[j], next.run(j)
		for i < h.len() && h.index[i] == at {
			if j == end || h.events[i] != next.events[j] {
				return history{}, fmt.Errorf("%w: index %d lost or changed an event", ErrShrunk, at)
			}
			i, j = i+1, j+1
		}
		for ; j < end; j++ {
			added.add(at, next.events[j])
		}
	}
	if i < h.len() {
		return history{}, fmt.Errorf("%w: index %d is gone", ErrShrunk, h.index[i])
	}
	return added, nil
}

// lacks returns the events of more that h doesn't hold, where h holds those of more up to some moment: of each index, what follows the longest beginning
// that h's events of that index end with.
func (h *history) lacks(more *history) history {
	rest := newHistory(more.len())
	i := 0
	for j := 0; j < more.len(); {
		at, end := more.index[j], more.run(j)
		for i < h.len() && h.index[i] < at {
			i++
		}
		mine := i
		for i < h.len() && h.index[i] == at {
			i++
		}
		for j += overlap(h.events[mine:i], more.events[j:end]); j < end; j++ {
			rest.add(at, more.events[j])
		}
	}
	return rest
}

// overlap returns the length of the longest beginning of next that all ends with, in time proportional to both: Knuth, Morris and Pratt's
// search, where whole finds go on.
func overlap(all, next []event) int {
	all = all[max(len(all)-len(next), 0):]
	if len(all) == 0 {
		return 0
	}
	shorter := make([]int, len(next)) // of a beginning, the longest shorter one that it ends with
	for i := 1; i < len(next); i++ {
		k := shorter[i-1]
		for k > 0 && next[k] != next[i] {
			k = shorter[k-1]
		}
		if next[k] == next[i] {
			k++
		}
		shorter[i] = k
	}
	k := 0
	for _, e := range all { // not longer than next: a whole find can only be the last
		for k > 0 && next[k] != e {
			k = shorter[k-1]
		}
		if next[k] == e {
			k++
		}
	}
	return k
}
