//go:build !race

package issuer

const (
	theftCards  = 10_000
	theftRounds = 30
)
