// What only Windows has: a console that opens with a double click, a message box, and the right to come to the front.

package comptoir

import (
	"io/fs"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32          = windows.NewLazySystemDLL("kernel32.dll")
	consoleProcesses  = kernel32.NewProc("GetConsoleProcessList")
	freeConsole       = kernel32.NewProc("FreeConsole")
	user32            = windows.NewLazySystemDLL("user32.dll")
	allowSetForegound = user32.NewProc("AllowSetForegroundWindow")
)

// leaveConsole closes the console that Windows opened for a program that was double-clicked, and says whether there was one.
// A console that a person typed in has a shell beside this program, and stays.
func leaveConsole() bool {
	var ids [2]uint32
	n, _, _ := consoleProcesses.Call(uintptr(unsafe.Pointer(&ids[0])), uintptr(len(ids)))
	if n != 1 {
		return false
	}
	freeConsole.Call()
	// What is written from now on goes nowhere, instead of failing.
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		os.Stdin, os.Stdout, os.Stderr = null, null, null
	}
	return true
}

// box shows a message to somebody who has no console.
func box(text string) {
	t, err := windows.UTF16PtrFromString(text)
	if err != nil {
		return
	}
	title, _ := windows.UTF16PtrFromString("Comptoir")
	windows.MessageBox(0, t, title, windows.MB_OK|windows.MB_ICONWARNING|windows.MB_SETFOREGROUND)
}

// allowFront lets the first program bring its window to the front: only the one that a person just started may.
func allowFront(pid int) {
	if pid > 0 {
		allowSetForegound.Call(uintptr(pid))
	}
}

// private can’t be told from the mode on Windows: the folder’s access list keeps others out (mirror.MakeFolder).
func private(fs.FileInfo) bool { return true }

var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM} // SIGTERM: the console closes, the session ends
