package optic

import (
	"slices"
	"testing"
)

// A module that starts again finds zeros, at the same address, and no more than there is.
func TestPlot(t *testing.T) {
	p := &plot{b: make([]byte, 0, 100)}
	first := p.Allocate(0, 100).Reallocate(10)
	for i := range first {
		first[i] = 7
	}
	grown := p.Reallocate(100)
	if &grown[0] != &first[0] || len(grown) != 100 || grown[9] != 7 {
		t.Error("a memory that grows is another one")
	}
	grown[99] = 7
	if p.Reallocate(101) != nil {
		t.Error("it grew beyond its end")
	}
	p.Free()
	again := p.Allocate(0, 100).Reallocate(100)
	if &again[0] != &first[0] || slices.Max(again) != 0 {
		t.Error("the next module finds what the one before wrote")
	}
}
