// Colour on a terminal, and nowhere else.

package ui

import (
	"io"
	"os"

	"golang.org/x/term"
)

// IsTerminal says whether somebody sits at f.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Colour wraps s in an ANSI attribute when w is a terminal and NO_COLOR is not set.
func Colour(w io.Writer, attribute, s string) string {
	if !Colours(w) {
		return s
	}
	return "\x1b[" + attribute + "m " + s + " \x1b[0m"
}

// Colours says whether w takes colours.
func Colours(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && IsTerminal(f)
}
