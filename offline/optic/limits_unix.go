//go:build unix

// What the child forbids itself on Unix: core files and more descriptors at once, writing and CPU time before it reads a file.

package optic

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

func limit() {
	bound(unix.RLIMIT_CORE, 0)
	bound(unix.RLIMIT_NOFILE, 64)
	limitMemory()
}

// seal is called when the modules are loaded. What was used until then does not count.
func seal(budget time.Duration) {
	bound(unix.RLIMIT_FSIZE, 0)
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) == nil {
		used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
		// Several threads may burn CPU time at once: the collector's. The parent's clock ends the child long before this does.
		bound(unix.RLIMIT_CPU, uint64(math.Ceil((used+4*budget).Seconds()))+1)
	}
	filterCalls()
}

// bound lowers a limit for good; one that is lower already stays.
func bound(what int, n uint64) {
	var r unix.Rlimit
	if unix.Getrlimit(what, &r) != nil {
		return
	}
	r.Cur, r.Max = min(r.Cur, n), min(r.Max, n)
	_ = unix.Setrlimit(what, &r)
}
