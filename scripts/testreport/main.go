// Testreport reads the event stream of "go test -json" and says in a few lines what ran, what failed and what was skipped.
// In CI a skipped test is a failure: nothing may hide behind a missing tool.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: testreport FILE")
		os.Exit(2)
	}
	f, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	output := map[string]*strings.Builder{}
	var passed int
	var failed, skipped, noted []string
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // what the go command says outside the stream
			continue
		}
		name := e.Package + " " + e.Test
		switch e.Action {
		case "output":
			if output[name] == nil {
				output[name] = &strings.Builder{}
			}
			output[name].WriteString(e.Output)
			if i := strings.Index(e.Output, "count: "); i >= 0 {
				noted = append(noted, strings.TrimPrefix(e.Package, "sceau/")+": "+strings.TrimSpace(e.Output[i+len("count: "):]))
			}
		case "build-output":
			fmt.Print(e.Output)
		case "pass":
			if e.Test != "" {
				passed++
			} else {
				fmt.Printf("ok %7.1fs %s\n", e.Elapsed, e.Package)
			}
		case "fail":
			failed = append(failed, name)
		case "skip":
			if e.Test != "" {
				skipped = append(skipped, name)
			}
		}
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	sort.Strings(noted)
	for _, line := range noted {
		fmt.Println("  " + line)
	}
	for _, name := range skipped {
		fmt.Printf("SKIPPED %s\n%s", name, text(output[name]))
	}
	for _, name := range failed {
		fmt.Printf("FAILED %s\n%s", name, text(output[name]))
	}
	fmt.Printf("%d tests passed, %d failed, %d skipped\n", passed, len(failed), len(skipped))
	if len(failed) > 0 || passed == 0 || (os.Getenv("CI") == "true" && len(skipped) > 0) {
		os.Exit(1)
	}
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()
}
