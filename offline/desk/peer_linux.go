// Who is at the other end of a loopback connection.

package desk

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// foreign says that the socket at the other end belongs to another user of this computer. A one-time code stands for a moment
// in the browser's command line, which everybody may read here. A socket that the kernel doesn't list (a system without
// /proc) is not called foreign: the code and its single use are all there is then.
func foreign(remote, local string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return true
	}
	to, err := netip.ParseAddrPort(local)
	if err != nil {
		return true
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if uid, ok := ownerIn(table, from, to); ok {
			return uid != os.Getuid()
		}
	}
	return false
}

// ownerIn looks for the connection from one address to another in one of the kernel's tables, whose lines hold number, local
// and remote address, state, queues, timer, retransmissions and uid.
func ownerIn(table string, from, to netip.AddrPort) (uid int, ok bool) {
	f, err := os.Open(table)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	mine, theirs := kernelAddress(from), kernelAddress(to)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || !strings.HasSuffix(fields[1], mine) || !strings.HasSuffix(fields[2], theirs) {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		return uid, err == nil
	}
	return 0, false
}

// kernelAddress is an IPv4 address as the tables write it; in tcp6 it is the end of a longer one.
func kernelAddress(a netip.AddrPort) string {
	b := a.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(b[:]), a.Port())
}
