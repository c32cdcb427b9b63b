//go:build !windows

package issuer

import (
	"syscall"
	"time"
)

// processor is the processor time that fn takes, with all that runs beside it in this process.
func processor(fn func()) time.Duration {
	before := used()
	fn()
	return used() - before
}

func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
