package optic

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// probe seals its own process and tells what it can still do.
func probe() {
	limit()
	seal(time.Minute)
	conn, err := net.DialTimeout("tcp", "127.0.0.1:1", time.Second)
	fmt.Println("socket", conn == nil && errors.Is(err, syscall.EPERM))
	_, err = os.ReadFile("/etc/passwd")
	fmt.Println("file", errors.Is(err, syscall.EPERM))
	err = os.WriteFile(filepath.Join(os.TempDir(), "optic-probe"), nil, 0o600)
	fmt.Println("write", errors.Is(err, syscall.EPERM))
	err = exec.Command("/bin/true").Run()
	fmt.Println("program", errors.Is(err, syscall.EPERM))
	err = syscall.Kill(os.Getppid(), 0)
	fmt.Println("kill", errors.Is(err, syscall.EPERM))
	fmt.Println("end")
}
