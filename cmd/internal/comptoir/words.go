// Small French sentences with numbers in them.

package comptoir

import "fmt"

// count writes "1 liste", "2 listes".
func count(n int, noun string) string { return counted(n, noun, noun+"s") }

func counted(n int, one, many string) string {
	if n < 2 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}

// size writes a number of bytes as people do.
func size(n int64) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%d,%d Mo", n/1_000_000, n%1_000_000/100_000)
	case n >= 1000:
		return fmt.Sprintf("%d ko", (n+500)/1000)
	}
	return counted(int(n), "octet", "octets")
}
