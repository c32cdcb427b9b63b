// The program that the tests start as the sandboxed child. A product does the same as the default behind a hidden word of its
// command line; the other words play a child that went bad.
package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"sceau/offline/optic"
)

func main() {
	word := ""
	if len(os.Args) > 1 {
		word = os.Args[1]
	}
	switch word {
	case "":
		os.Exit(optic.Child(os.Stdin, os.Stdout))
	case "peak": // says on standard error how much memory it took at most
		status, err := os.Open("/proc/self/status")
		if err != nil {
			os.Exit(9)
		}
		code := optic.Child(os.Stdin, os.Stdout)
		b := make([]byte, 8<<10)
		n, _ := status.Read(b)
		for line := range bytes.Lines(b[:n]) {
			if bytes.HasPrefix(line, []byte("VmHWM:")) {
				_, _ = os.Stderr.Write(line)
			}
		}
		os.Exit(code)
	case "dial": // what the tracer must see, were it to happen
		_, _ = net.DialTimeout("tcp", "127.0.0.1:1", time.Second)
		os.Exit(optic.Child(os.Stdin, os.Stdout))
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if word == "mute" {
		time.Sleep(time.Hour)
	}
	if word == "dead" {
		os.Exit(1)
	}
	_, _ = io.WriteString(os.Stdout, "sceau-optic-1 ready\n")
	switch word {
	case "killed":
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill()
	case "slow":
		time.Sleep(time.Hour)
	case "garbage":
		_, _ = io.WriteString(os.Stdout, "<html>\x00\xff")
	case "half":
		_, _ = io.WriteString(os.Stdout, "found 1 1 1\nTP1ABC")
	case "halfslow":
		_, _ = io.WriteString(os.Stdout, "found 1 1 1\nTP1ABC\n")
		time.Sleep(time.Hour)
	case "flood":
		for {
			if _, err := io.WriteString(os.Stdout, strings.Repeat("A", 4096)); err != nil {
				return
			}
		}
	case "lower":
		_, _ = io.WriteString(os.Stdout, "found 1 1 1\ntp1 <script>\nend\n")
	case "good": // the control: this much is believed
		_, _ = io.WriteString(os.Stdout, "found 2 1 1\nTP1ABC\nend\n")
	}
}
