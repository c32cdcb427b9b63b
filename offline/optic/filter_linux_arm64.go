// The numbers that only this processor's Linux has.

package optic

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

var allowedHere []uint32
