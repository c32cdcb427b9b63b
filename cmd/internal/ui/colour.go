// Colour on a terminal, and nowhere else.

package ui

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Colour wraps s in an ANSI attribute when w is a terminal and NO_COLOR is not set.
func Colour(w io.Writer, attribute, s string) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	return "\x1b[" + attribute + "m " + s + " \x1b[0m"
}
