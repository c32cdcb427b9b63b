// French typography of this package's sentences.

package reconcile

import "strings"

// spaced puts the no-break spaces.
func spaced(s string) string { return french.Replace(s) }

var french = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " !", "\u00a0!", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»")
