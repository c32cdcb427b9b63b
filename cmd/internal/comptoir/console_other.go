//go:build !windows

// Where a double click opens no console.

package comptoir

import (
	"io/fs"
	"os"
	"syscall"
)

func leaveConsole() bool { return false }

func box(string) {}

func allowFront(int) {}

func private(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }

var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
