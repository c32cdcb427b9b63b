//go:build !testclock

// Package clock is where both programs read the time.
package clock

import "time"

// Now returns the computer's time.
func Now() time.Time { return time.Now() }
