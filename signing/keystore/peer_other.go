//go:build !linux

// This file stands where the system is not asked who is at the other end of a socket: the modes of socket and folder decide.

package keystore

import "net"

func samePeer(*net.UnixConn) error { return nil }
