package ui

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestMainExitCodes(t *testing.T) {
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		args []string
		run  error
		code int
		says string
	}{
		"fine":            {[]string{"do", "x"}, nil, 0, ""},
		"failure":         {[]string{"do", "x"}, boom, 1, "error: boom"},
		"hint":            {[]string{"do", "x"}, WithHint(boom, "try %d", 2), 1, "hint: try 2"},
		"usage":           {[]string{"do", "x"}, Usage("no"), 2, "error: no"},
		"verdict":         {[]string{"do", "x"}, Exit(4), 4, ""},
		"bad flag":        {[]string{"do", "x", "--nope"}, nil, 2, "hint: prog do --help"},
		"missing arg":     {[]string{"do"}, nil, 2, "hint: prog do DIR"},
		"unknown command": {[]string{"undo"}, nil, 2, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			root := &cobra.Command{Use: "prog"}
			root.AddCommand(&cobra.Command{Use: "do DIR", Args: Args(cobra.ExactArgs(1)), RunE: func(*cobra.Command, []string) error { return tc.run }})
			root.SetArgs(tc.args)
			old := os.Stderr
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			os.Stderr = w
			code := Main(root, English)
			os.Stderr = old
			w.Close()
			said, _ := io.ReadAll(r)
			if code != tc.code || !strings.Contains(string(said), tc.says) || (tc.says == "" && len(said) > 0) {
				t.Errorf("code %d, said %q; want %d, %q", code, said, tc.code, tc.says)
			}
		})
	}
}
