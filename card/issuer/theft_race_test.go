//go:build race

package issuer

// The detector makes the database many times slower; the race itself is what it is for.
const (
	theftCards  = 500
	theftRounds = 8
)
