// What became of the cards, and what of it was published.

package register

import (
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing/journal"
)

// Event is one change of a card's status. Events are never altered nor deleted; a correction is another event.
type Event struct {
	Seq       int64 // given by the store, rising: the order of publication
	Place     card.Place
	Kind      status.Kind
	From      rights.Date // first day on which it holds
	Class     string      // class of reason, for the insurer alone: never published, never a free text about a person
	Actor     string      // who asked
	At        time.Time   // to the second
	Revision  uint64      // of the page that published it; 0 while pending
	Published rights.Date // day of that publication; 0 while pending
}

// Events is append-only.
type Events interface {
	// AddEvent appends a pending event and returns its Seq. ErrNotFound when the place holds no card.
	AddEvent(Event) (int64, error)
	// EventsOf returns the events of one card, oldest first.
	EventsOf(card.Place) ([]Event, error)
	// EventsAfter returns at most limit events with a Seq after the given one; 0 begins.
	EventsAfter(seq int64, limit int) ([]Event, error)
}

// EventQueue hands pending events to the publisher.
type EventQueue interface {
	// PendingEvents returns the events of a list that no page holds yet, oldest first.
	PendingEvents(list uint32) ([]Event, error)
	// MarkPublished says that revision of the list's page holds its pending events up to and including Seq upTo, and
	// returns how many these are.
	MarkPublished(list uint32, upTo int64, revision uint64, day rights.Date) (int64, error)
}

// Publication is one version of the trust repository.
type Publication struct {
	Version int64        // of timestamp.json: 1, 2…
	At      time.Time    // to the second
	Audit   journal.Head // where the audit chain stood when it was made
}

// File is one file of the published directory. Files with a hash or a version in their name never change; timestamp.json
// and the Token Status Lists do, and then move to the end of the order.
type File struct {
	Path        string // slash-separated, relative
	Data        []byte
	Publication int64 // that wrote it
}

// Publications keeps the history of publications. It is how two publishers are kept apart.
type Publications interface {
	// LastPublication returns ErrNotFound before the first.
	LastPublication() (Publication, error)
	// AddPublication stores a version together with the files it wrote, in writing order. ErrConflict unless the version is
	// the last one plus one, or when a file of a publication before has the same name, other bytes and Mutable is not set.
	AddPublication(p Publication, files []NewFile) error
}

// NewFile is a file to publish.
type NewFile struct {
	Path    string
	Data    []byte
	Mutable bool // may replace an earlier file of that name
}

// Files reads what was published.
type Files interface {
	// File returns the bytes of one file, or ErrNotFound.
	File(path string) ([]byte, error)
	// EachFile calls fn for each file in writing order, timestamp.json last; an error of fn ends it and is returned.
	EachFile(fn func(File) error) error
}

// Shelf keeps the published files from growing for ever.
type Shelf interface {
	// ListFiles returns every file in writing order, without its Data.
	ListFiles() ([]File, error)
	// DropFiles forgets superseded files; an unknown path is not an error.
	DropFiles(paths []string) error
}
