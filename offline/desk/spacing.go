// French spacing, so that the catalogue above can be written as one types.

package desk

import "strings"

var noBreak = strings.NewReplacer(" ;", "\u00a0;", " :", "\u00a0:", " !", "\u00a0!", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»")

// spaced puts no-break spaces before high punctuation and inside quotation marks.
func spaced(s string) string { return noBreak.Replace(s) }
