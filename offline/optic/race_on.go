//go:build linux && (amd64 || arm64) && race

// The race detector maps shadows of all memory.

package optic

const raceFactor = 64
