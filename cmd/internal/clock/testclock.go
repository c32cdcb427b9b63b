//go:build testclock

// The clock of the build for tests, which a file holds.

package clock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"sceau/rights"
)

// wall returns the time in the file that SCEAU_CLOCK names (RFC 3339, a bare date for 12:00 in Paris, or Unix seconds),
// and the computer's time when the variable is not set. A file that can't be read stops the program: a test that means
// to set the clock must not run on the real one.
func wall() time.Time {
	name := os.Getenv("SCEAU_CLOCK")
	if name == "" {
		return time.Now()
	}
	b, err := os.ReadFile(name)
	if err != nil {
		stop(fmt.Errorf("SCEAU_CLOCK: %w", err))
	}
	text := strings.TrimSpace(string(b))
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t
	}
	if d, err := rights.ParseDate(text); err == nil {
		return d.Midnight().Add(12 * time.Hour)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0)
	}
	stop(fmt.Errorf("SCEAU_CLOCK: %s: %q is not a time", name, text))
	return time.Time{}
}
