//go:build linux && (amd64 || arm64)

// Linux: a bound on the data that the child may map, and a filter of system calls that leaves memory, threads, time, and pipes
// that are open already.

package optic

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dataRoom is what the child may map beyond what it had at its start; far more than it touches, because Go maps in large pieces.
const dataRoom = 768 << 20

func limitMemory() {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return
	}
	f := strings.Fields(string(b))
	if len(f) < 6 {
		return
	}
	pages, err := strconv.ParseUint(f[5], 10, 64)
	if err != nil {
		return
	}
	bound(unix.RLIMIT_DATA, pages*uint64(os.Getpagesize())+dataRoom*raceFactor)
}

// allowed is what a Go program needs to run on: memory, threads, time, signals to itself, and reading and writing what is open.
var allowed = append([]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_FCNTL,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP,
	unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_GETRUSAGE, unix.SYS_GETRANDOM, unix.SYS_MEMBARRIER,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_TGKILL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_SETITIMER,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PPOLL,
}, allowedHere...)

// filterCalls answers EPERM to every other call, in all threads. A kernel without filters leaves the child as it is.
func filterCalls() {
	const (
		load, jumpEqual, jumpSet, jumpMin, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
			unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		number, arch, flags = 0, 4, 16 // offsets in struct seccomp_data; flags is the low half of the first argument
		modeFilter, sync    = 1, 1
	)
	say := func(errno uint32) unix.SockFilter {
		return unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | errno}
	}
	allow := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}
	prog := []unix.SockFilter{
		{Code: load, K: arch},
		{Code: jumpEqual, K: auditArch, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: number},
		{Code: jumpMin, K: 0x40000000, Jf: 1}, // amd64's x32 numbers
		say(uint32(unix.EPERM)),
		// A new thread, never a new process. The C library's clone3 hides its flags and falls back on clone.
		{Code: jumpEqual, K: unix.SYS_CLONE3, Jf: 1},
		say(uint32(unix.ENOSYS)),
		{Code: jumpEqual, K: unix.SYS_CLONE, Jf: 4},
		{Code: load, K: flags},
		{Code: jumpSet, K: unix.CLONE_THREAD, Jf: 1},
		allow,
		say(uint32(unix.EPERM)),
	}
	for _, n := range allowed {
		prog = append(prog, unix.SockFilter{Code: jumpEqual, K: n, Jf: 1}, allow)
	}
	prog = append(prog, say(uint32(unix.EPERM)))
	runtime.LockOSThread() // the right to filter belongs to a thread until the filter is laid on all
	defer runtime.UnlockOSThread()
	if unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != nil {
		return
	}
	p := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, _ = unix.Syscall(unix.SYS_SECCOMP, modeFilter, sync, uintptr(unsafe.Pointer(&p)))
}
