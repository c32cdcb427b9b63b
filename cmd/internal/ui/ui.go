// Package ui is the voice of both programs on a terminal: results on standard output, messages on standard error,
// lower case, no final period, what went wrong and then a hint, and an exit code that scripts can rely on.
package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes shared by both programs. Verdicts have their own.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
)

// Voice is the language of the two words that start a message.
type Voice struct {
	Error, Hint string
	mistake     func(text string) string // for what the command-line library says by itself
}

var (
	English = Voice{"error: ", "hint: ", func(text string) string { return text }}
	French  = Voice{"erreur : ", "conseil : ", inFrench}
)

type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// WithHint adds what the person can do about err.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if h := (hinted{}); errors.As(err, &h) {
		return err // the hint nearest to the fault knows best
	}
	return hinted{err, fmt.Sprintf(format, args...)}
}

type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// Usage marks err as a mistake on the command line: exit code 2.
func Usage(format string, args ...any) error { return coded{fmt.Errorf(format, args...), ExitUsage} }

// WithCode makes err end the program with code.
func WithCode(err error, code int) error { return coded{err, code} }

// Exit ends the program with code, without any message: the result already said it.
func Exit(code int) error {
	if code == ExitOK {
		return nil
	}
	return coded{nil, code}
}

// Main runs root and returns the exit code.
func Main(root *cobra.Command, v Voice) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return WithHint(coded{err, ExitUsage}, "%s --help", c.CommandPath())
	})
	err := root.Execute()
	if err == nil {
		return ExitOK
	}
	var c coded
	isCoded := errors.As(err, &c)
	if isCoded && c.error == nil {
		return c.code
	}
	v.Report(root.ErrOrStderr(), err)
	switch {
	case isCoded:
		return c.code
	case strings.HasPrefix(err.Error(), "unknown command"):
		return ExitUsage
	}
	return ExitFailure
}

// Report writes err and its hint, if any.
func (v Voice) Report(w io.Writer, err error) {
	fmt.Fprintln(w, v.Error+v.mistake(strings.TrimSpace(err.Error())))
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintln(w, v.Hint+h.hint)
	}
}

// Args wraps a cobra argument check so that its failure is a usage error with the command's own usage line as hint.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return WithHint(coded{err, ExitUsage}, "%s", c.UseLine())
		}
		return nil
	}
}
