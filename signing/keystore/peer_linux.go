// This file asks the system who is at the other end of a socket.

package keystore

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// samePeer refuses a process of another user. Root is another user, too: it can take the keys anyway, but not by mistake.
func samePeer(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var peer *syscall.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if int(peer.Uid) != os.Geteuid() {
		return errors.New("a program of another user is at the other end of the socket")
	}
	return nil
}
