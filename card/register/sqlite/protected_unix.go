//go:build unix

// Whether a register may be written, on Unix.

package sqlite

import (
	"io/fs"

	sys "golang.org/x/sys/unix"
)

// writable asks without opening the file: closing it again would give up the locks of this process on it.
func writable(path string, _ fs.FileInfo) bool {
	return sys.Faccessat(sys.AT_FDCWD, path, sys.W_OK, sys.AT_EACCESS) == nil
}
