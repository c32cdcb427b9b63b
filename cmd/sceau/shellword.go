// Words of a command as a shell reads them: a hint is there to be copied, and a folder's name may hold a space.

package main

import (
	"strings"
	"unicode"
)

// shellWord quotes a word for a shell where it has to be.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_./:@%+,=-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
