// Cells that a spreadsheet would take for a formula get a leading apostrophe, and lose it again when read.

package roster

import "strings"

// guard prefixes a cell that a spreadsheet could take for a formula with an apostrophe; unguard(guard(s)) == s for every
// s. Triggers: = + - @ and their full-width forms, TAB, CR and LF, also behind spaces or apostrophes. A lone "-" is no
// formula and is what an empty guarantee looks like.
func guard(s string) string {
	if isFormula(s) {
		return "'" + s
	}
	return s
}

// unguard takes back what guard did, and the same apostrophe typed by a person.
func unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && isFormula(s[1:]) {
		return s[1:]
	}
	return s
}

func isFormula(s string) bool {
	s = strings.TrimLeft(s, "'")
	if s == "" || s == "-" {
		return false
	}
	if s[0] == '\t' || s[0] == '\r' || s[0] == '\n' {
		return true
	}
	s = strings.TrimLeft(s, " '\u00a0\u202f")
	for _, trigger := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, trigger) {
			return true
		}
	}
	return false
}
