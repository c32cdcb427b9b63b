// Where Windows keeps browsers, and how a process there is shown, hidden and ended.

package window

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var programs = []struct{ exe, path string }{
	{"msedge.exe", `Microsoft\Edge\Application\msedge.exe`},
	{"chrome.exe", `Google\Chrome\Application\chrome.exe`},
	{"chromium.exe", `Chromium\Application\chrome.exe`},
}

// Browsers returns the browsers found that have an app mode, best first: Edge is on every Windows.
func Browsers() []string {
	var names []string
	for _, p := range programs {
		for _, hive := range []registry.Key{registry.CURRENT_USER, registry.LOCAL_MACHINE} {
			if name, ok := appPath(hive, p.exe); ok {
				names = append(names, name)
			}
		}
		for _, variable := range []string{"ProgramFiles(x86)", "ProgramFiles", "ProgramW6432", "LOCALAPPDATA"} {
			if root := os.Getenv(variable); root != "" {
				names = append(names, filepath.Join(root, p.path))
			}
		}
	}
	return existing(names)
}

func appPath(hive registry.Key, exe string) (string, bool) {
	k, err := registry.OpenKey(hive, `SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\`+exe, registry.QUERY_VALUE)
	if err != nil {
		return "", false
	}
	defer k.Close()
	name, _, err := k.GetStringValue("")
	return name, err == nil && filepath.IsAbs(name)
}

func opener(url string) (string, []string, error) {
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(system, "rundll32.exe"), []string{"url.dll,FileProtocolHandler", url}, nil
}

func own(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{} }

// end kills the process: a window of another process has no gentler way from outside.
func end(p *os.Process) { p.Kill() }

var (
	user32              = windows.NewLazySystemDLL("user32.dll")
	showWindow          = user32.NewProc("ShowWindow")
	setForegroundWindow = user32.NewProc("SetForegroundWindow")
	isIconic            = user32.NewProc("IsIconic")
)

// search is one look for the window of a process.
type search struct {
	pid   int
	found windows.HWND
}

// each is made once: Windows never gives a callback back.
var each = sync.OnceValue(func() uintptr {
	return syscall.NewCallback(func(w windows.HWND, s *search) uintptr {
		var owner uint32
		windows.GetWindowThreadProcessId(w, &owner)
		if int(owner) == s.pid && windows.IsWindowVisible(w) {
			s.found = w
			return 0
		}
		return 1
	})
})

// raise brings the visible windows of a process to the front. The program that a person just started gave its right to do so.
func raise(pid int) bool {
	const restore = 9
	s := &search{pid: pid}
	windows.EnumWindows(each(), unsafe.Pointer(s))
	if s.found == 0 {
		return false
	}
	if iconic, _, _ := isIconic.Call(uintptr(s.found)); iconic != 0 {
		showWindow.Call(uintptr(s.found), restore)
	}
	done, _, _ := setForegroundWindow.Call(uintptr(s.found))
	return done != 0
}
