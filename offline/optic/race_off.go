//go:build linux && (amd64 || arm64) && !race

// Without the race detector memory counts once.

package optic

const raceFactor = 1
