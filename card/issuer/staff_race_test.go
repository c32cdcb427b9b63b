//go:build race

package issuer

// The detector makes the database many times slower; the sequences themselves have nothing for it.
const sequenceRegisters = 5
