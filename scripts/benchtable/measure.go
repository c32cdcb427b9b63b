// Ways to measure: CPU time of this process, CPU time and memory of another one.

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// cpu is the CPU time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spent runs f and returns the CPU time that it took.
func spent(f func() error) (time.Duration, error) {
	start := cpu()
	err := f()
	return cpu() - start, err
}

// interleaved runs the functions in turn, rounds times, and returns the median CPU time of each.
func interleaved(rounds int, fs ...func() error) ([]float64, error) {
	times := make([][]float64, len(fs))
	for range rounds {
		for i, f := range fs {
			d, err := spent(f)
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], float64(d))
		}
	}
	out := make([]float64, len(fs))
	for i, t := range times {
		out[i] = median(t)
	}
	return out, nil
}

// process is what one run of a program used.
type process struct {
	wall, cpu time.Duration
	peakMB    float64
}

// measure runs a program; wanted lists the exit codes that are fine.
func measure(wanted int, stdin string, name string, args ...string) (process, error) {
	c := exec.Command(name, args...)
	if stdin != "" {
		c.Stdin = strings.NewReader(stdin)
	}
	start := time.Now()
	out, err := c.CombinedOutput()
	wall := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return process{}, err
	}
	if got := c.ProcessState.ExitCode(); got != wanted {
		return process{}, fmt.Errorf("%s %v: exit code %d, not %d: %s", name, args, got, wanted, out)
	}
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	return process{wall, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), float64(u.Maxrss) / 1024}, nil
}

func us(nanoseconds float64) string { return fmt.Sprintf("%.0f µs", nanoseconds/1000) }
