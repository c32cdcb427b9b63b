//go:build !testclock

package clock

import "time"

// wall returns the computer's time.
func wall() time.Time { return time.Now() }
