//go:build !race

package issuer

// sequenceRegisters times 100 sequences: 10,000.
const sequenceRegisters = 100
