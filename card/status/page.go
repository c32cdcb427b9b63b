// A page: the whole history of one list at one revision, and the question that a verdict asks of it.

package status

import (
	"fmt"
	"iter"
	"math/bits"

	"sceau/rights"
)

// Page is the history of one list. It never changes: Append and Changes.Apply return another one, so readers need no lock.
type Page struct {
	issuer   string
	list     uint32
	revision uint64
	history
	buckets []uint32 // buckets[i] is the first event whose index is at least i<<shift; one more entry ends the last bucket
	shift   int
}

// New returns the empty page of a list, revision 0. issuerKey is rights.AMC.Key(), list 1 to 2^31-1; Append refuses others.
func New(issuerKey string, list uint32) *Page { return newPage(issuerKey, list, 0, history{}) }

func newPage(issuer string, list uint32, revision uint64, h history) *Page {
	// About eight events a bucket: half a byte an event, and a look-up stays inside two cache lines.
	width := bits.Len32(uint32(h.len() / 8))
	p := &Page{issuer: issuer, list: list, revision: revision, history: h, shift: indexBits - min(width, indexBits)}
	p.buckets = make([]uint32, (1<<indexBits>>p.shift)+1)
	b := 0
	for i, x := range h.index {
		for ; b <= int(x>>p.shift); b++ {
			p.buckets[b] = uint32(i)
		}
	}
	for ; b < len(p.buckets); b++ {
		p.buckets[b] = uint32(h.len())
	}
	return p
}

// Issuer returns the key of the insurer's N° AMC.
func (p *Page) Issuer() string { return p.issuer }

// List returns the list number.
func (p *Page) List() uint32 { return p.list }

// Revision returns how many times events were added, 0 for a new list.
func (p *Page) Revision() uint64 { return p.revision }

// Len returns the number of events, which is not the number of cards.
func (p *Page) Len() int { return p.history.len() }

// All yields every event in index order, those of one index in the order of their publication.
func (p *Page) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range p.Len() {
			if !yield(p.entry(i)) {
				return
			}
		}
	}
}

// Append returns the next revision, with entries (in the order of their publication, any order of index) behind those of their index.
// No entries, no new revision: p itself comes back. It fails with ErrMalformed for a value out of range, for a publication day before that of
// the event it follows, and for a list that became too long; p stays as it was.
func (p *Page) Append(entries []Entry) (*Page, error) {
	if err := checkPlace(p.issuer, p.list); err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return p, nil
	}
	added, err := sorted(entries)
	if err != nil {
		return nil, err
	}
	if p.revision >= maxRevision {
		return nil, fmt.Errorf("%w: no revision after %d", ErrMalformed, p.revision)
	}
	return p.with(&added, p.revision+1)
}

func (p *Page) with(added *history, revision uint64) (*Page, error) {
	h, err := merge(&p.history, added)
	if err != nil {
		return nil, err
	}
	next := newPage(p.issuer, p.list, revision, h)
	if h.len() > sureEntries && len(next.Encode()) > MaxBytes {
		return nil, fmt.Errorf("%w: the page would pass %d bytes", ErrMalformed, MaxBytes)
	}
	return next, nil
}

// At says what the card at index is worth for care given on a day. The last event published whose From is not after care decides; without one, and
// after Restored, the card is OK. An index that the page does not hold is OK.
func (p *Page) At(index uint32, care rights.Date) State {
	if index > MaxIndex {
		return State{}
	}
	b := index >> p.shift
	low, high := int(p.buckets[b]), int(p.buckets[b+1])
	for low < high { // the end of the index's run
		mid := int(uint(low+high) >> 1)
		if p.index[mid] <= index {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return p.at(low-1, index, care)
}

// at walks back from the last event published, i. Each event holds from its own day up to the first day of those published later, which took over.
func (p *Page) at(i int, index uint32, care rights.Date) State {
	var s State
	for until := lastDay + 1; i >= 0 && p.index[i] == index; i-- {
		e := p.events[i]
		from := e.from()
		switch {
		case from >= until: // events published later cover all its days
		case from > care:
			until = from
			if e.kind() != Restored {
				s.End, s.EndFrom, s.EndPublished = e.kind(), from, e.published
			}
		case e.kind() == Restored:
			s.From, s.Published = from, e.published
			return s
		default:
			return State{Kind: e.kind(), From: from, Published: e.published}
		}
	}
	return s
}
