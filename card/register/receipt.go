// Receipts: what counters' journals said, entry by entry, and what was answered.

package register

import (
	"time"

	"sceau/card"
	"sceau/rights"
)

// Answer is what the insurer says of one receipt.
type Answer uint8

// Answers.
const (
	Noted    Answer = 1 // nothing was promised, so nothing is owed
	Honoured Answer = 2
	Disputed Answer = 3
)

// How a check was made: the Mode of a receipt.
const (
	ModeOffline = "offline"
	ModeOnline  = "online"
)

// Receipt is one entry of a counter's journal as it was uploaded, verbatim. Its identity is (Device, Seq, Hash): a fork of
// a journal gives two receipts with one Seq, and both are kept.
type Receipt struct {
	Row     int64  // given by the store, rising: the order of arrival
	Device  string // id of the journal's chain: 32 hexadecimal digits
	Seq     uint64 // of the entry
	Hash    [32]byte
	Entry   []byte    // journal.Entry.Encode
	Counter string    // id of the counter that sent it
	Arrived time.Time // to the second

	// What the entry says, for reports.
	At      time.Time  // when it was checked, by the counter's clock, to the second
	Insurer string     // key; "" for an opening, and where the card was not authentic
	Place   card.Place // zero as well then
	Care    rights.Date
	Domain  string
	Mode    string // ModeOffline or ModeOnline; "" for an opening
	Status  string
	Age     int64 // of the list relied on, seconds; 0 for none

	Answer Answer
	Reason string // code of the answer
}

// Receipts is append-only. Who walks it by Row misses nothing: a row with a lower Row is never committed after one with a
// higher one. Rows may have gaps.
type Receipts interface {
	// AddReceipts stores those that are new by (Device, Seq, Hash) and says for each, in order, whether it was. What is known
	// keeps its first row, with its first answer. One that Valid refuses ends the call, and the transaction must be given up.
	AddReceipts([]Receipt) ([]bool, error)
	// ReceiptsOf returns at most limit receipts of a chain with a Seq after the given one, by Seq, then Row, and with the last
	// of them all others of its Seq, so that who pages by Seq misses no fork.
	ReceiptsOf(device string, seq uint64, limit int) ([]Receipt, error)
	// ReceiptsAfter returns at most limit receipts with a Row after the given one, oldest first, narrowed by an insurer's key,
	// a counter's id and an answer where these are not "" or 0.
	ReceiptsAfter(row int64, insurer, counter string, answer Answer, limit int) ([]Receipt, error)
}

// ServedDay counts receipts of one day, for reports.
type ServedDay struct {
	Day    rights.Date // of the check, in Paris
	Mode   string
	Answer Answer
	Count  int64
}

// SameCheck is how far the times of an online check and of its receipt may lie apart: one is the service's, the other by the
// counter's clock.
const SameCheck = 10 * time.Minute

// Sighting is one check of a card at a counter, from a receipt or from an online check without one: no receipt of ModeOnline
// in the same report has its counter and card and a time at most SameCheck before or after it.
type Sighting struct {
	Place   card.Place
	Counter string
	At      time.Time // to the millisecond for an online check, to the second for a receipt
}

// ListAge says how old the lists were that a counter relied on: receipts of ModeOffline with an Age.
type ListAge struct {
	Counter string
	Checks  int64     // such receipts, whatever their Age
	Oldest  int64     // seconds
	Last    int64     // seconds, at its last check: the latest At, then Row
	At      time.Time // of that
}

// Reports are the counts behind one insurer's reports, over [from, to) of At, of receipts and of checks. They may read every
// row of that span. Nothing belongs to the insurer "".
type Reports interface {
	// Served returns the counts that are not 0, by day, mode and answer.
	Served(insurer string, from, to time.Time) ([]ServedDay, error)
	// Sightings returns the sightings of cards that were seen at at least counters different counters, by place, then time,
	// then counter, at most limit of them.
	Sightings(insurer string, from, to time.Time, counters, limit int) ([]Sighting, error)
	// ListAges returns the counters whose Oldest is at least minimum seconds, oldest first, then by id, at most limit.
	ListAges(insurer string, from, to time.Time, minimum int64, limit int) ([]ListAge, error)
}
