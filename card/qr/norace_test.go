//go:build !race

// The ordinary run: all symbols are drawn and speed is judged.

package qr

const raceDetector = false
