// Checks: what counters asked online, and what they were answered.

package register

import (
	"context"
	"time"

	"sceau/card"
	"sceau/rights"
)

// Request is one signed request of a counter, kept as long as its signature would be believed, so that it is taken once.
type Request struct {
	Counter string    // id of the counter
	ID      string    // unique id of the request, 22 characters of base64url
	Until   time.Time // to the second
}

// Requests refuses replays, also between several servers on one register.
type Requests interface {
	// TakeRequests stores those that are new and says for each, in order, whether it was. Of two equal ones in one call the
	// first is new. A request that is over but was not dropped is known. One that Valid refuses ends the call, and the
	// transaction must be given up.
	TakeRequests([]Request) ([]bool, error)
	// DropRequests forgets those whose Until lies before a moment, and returns how many.
	DropRequests(before time.Time) (int64, error)
}

// Check is one online check: the trace of who read which card's rights, and the accord that was given. It holds no name.
type Check struct {
	Seq     int64      // given by the store, rising
	Number  string     // of the accord, unique; "" when none was given
	Counter string     // id of the counter
	At      time.Time  // to the millisecond
	Insurer string     // key; "" when the card was not authentic
	Place   card.Place // zero when the card was not authentic
	Care    rights.Date
	Domain  string
	Person  int     // 0 for the household
	Status  string  // offline.Status
	Reason  string  // offline.Reason
	Pay     Promise // zero for no promise
}

// Promise is until when, and up to what AMC share, an answer is paid.
type Promise struct {
	Until time.Time // to the second; zero for no promise
	Euros int       // 0 for no ceiling
}

// Checks is append-only. Who walks it by Seq misses nothing: a row with a lower Seq is never committed after one with a
// higher one.
type Checks interface {
	// AddChecks appends all of them, in order, and returns the Seq of the first; the others follow it without a gap. Nothing to
	// append is 0. ErrConflict when a Number is taken, also within the call; the transaction must then be given up.
	AddChecks([]Check) (int64, error)
	// CheckByNumber returns the check that an accord's number belongs to, or ErrNotFound, also for "" and for what is no number.
	CheckByNumber(number string) (Check, error)
	// ChecksAfter returns at most limit checks with a Seq after the given one, oldest first, narrowed by a counter's id and an
	// insurer's key where these are not "".
	ChecksAfter(seq int64, counter, insurer string, limit int) ([]Check, error)
}

// Holding is a card with all that a check of it needs.
type Holding struct {
	Card     Card
	Contract Contract
	Events   []Event // of the card, oldest first
}

// Holder is the optional power of a store to read a holding in one committed state with one round trip. It sees every
// Update that returned before it was called.
type Holder interface {
	// Holding returns ErrNotFound for a free place.
	Holding(ctx context.Context, p card.Place) (Holding, error)
}
