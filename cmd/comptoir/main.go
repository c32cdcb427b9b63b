// Comptoir is the counter's program: it follows insurers' signed lists and says whether the rights of a card are open.
package main

import (
	"os"

	"sceau/cmd/internal/comptoir"
	"sceau/cmd/internal/ui"
)

func main() {
	if code, child := comptoir.Child(os.Args[1:]); child {
		os.Exit(code)
	}
	os.Exit(ui.Main(comptoir.New(), ui.French))
}
