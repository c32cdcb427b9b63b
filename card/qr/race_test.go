//go:build race

// The race detector slows symbols fiftyfold and empties pools at random.

package qr

const raceDetector = true
