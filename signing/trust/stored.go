// What a counter keeps of a repository between two refreshes.
package trust

import (
	"errors"
	"time"
)

// ErrMoved: what is kept is no longer what the refresh started from, because
// another one finished meanwhile. Nothing was stored: refresh again.
var ErrMoved = errors.New("another refresh finished meanwhile")

// Stored is what a counter kept of one repository. The zero value means that
// the repository is not followed.
type Stored struct {
	Trusted *Trusted // nil when nothing is kept, or when it can't be believed any more
	Target  func(path string) ([]byte, error)
	State   string    // names what is kept now, for a compare-and-swap; "" when nothing is
	Floor   time.Time // newest publication ever accepted, also when the files are damaged
	Damage  error     // why Trusted is nil although something is kept
}
