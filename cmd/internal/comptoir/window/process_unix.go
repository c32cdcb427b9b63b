//go:build !windows

// How a window's process is started and ended where there are signals.

package window

import (
	"os"
	"os/exec"
	"syscall"
)

// own keeps Ctrl+C in the terminal from reaching the browser: the desk ends it in its own order.
func own(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func end(p *os.Process) { p.Signal(syscall.SIGTERM) }

// raise can't be done for another process's window: a new one comes up in front instead.
func raise(int) bool { return false }
