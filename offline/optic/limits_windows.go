// What the child forbids itself on Windows: a job of one process with little memory, that ends with it.

package optic

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const jobMemory = 768 << 20 // committed, which is more than is ever touched

// limit bounds memory and forbids other processes.
func limit() {
	h, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{ProcessMemoryLimit: jobMemory}
	info.BasicLimitInformation.ActiveProcessLimit = 1
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY | windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS |
		windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
	if _, err := windows.SetInformationJobObject(h, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil {
		_ = windows.CloseHandle(h)
		return
	}
	_ = windows.AssignProcessToJobObject(h, windows.CurrentProcess()) // the handle stays open as long as the process
}

// seal has nothing to add: the parent's clock bounds the time, and the modules can reach nothing.
func seal(time.Duration) {}
