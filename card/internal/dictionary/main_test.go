// The list of pieces and the embedded dictionary must not drift apart.

package main

import (
	"os"
	"strings"
	"testing"
)

func TestPiecesAreTheDictionary(t *testing.T) {
	b, err := os.ReadFile("../../dictionary-1.bin")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != strings.Join(pieces, "") {
		t.Error("dictionary-1.bin isn't made of these pieces; it must not change")
	}
}
