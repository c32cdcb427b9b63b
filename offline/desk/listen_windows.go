// On Windows a second program may take a port that was bound without asking for it alone.

package desk

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// soExclusiveAddrUse is SO_EXCLUSIVEADDRUSE of winsock2.h: ((int)(~SO_REUSEADDR)).
const soExclusiveAddrUse = ^windows.SO_REUSEADDR

func exclusive(_, _ string, c syscall.RawConn) error {
	var inner error
	if err := c.Control(func(fd uintptr) {
		inner = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soExclusiveAddrUse, 1)
	}); err != nil {
		return err
	}
	return inner
}
