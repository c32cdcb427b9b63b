//go:build !windows

// Elsewhere a port that somebody listens on can't be taken; Go's SO_REUSEADDR only passes over connections that are ending.

package desk

import "syscall"

func exclusive(_, _ string, _ syscall.RawConn) error { return nil }
