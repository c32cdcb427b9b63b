// The page that the demonstration leaves: what was typed, what was said, and the cards to look at.

package main

import (
	_ "embed"
	"html/template"
	"os"
)

//go:embed demo.html
var demoHTML string

var demoTemplate = template.Must(template.New("demo").Parse(demoHTML))

// maxPictures is how many cards the page shows: the folder has all of them.
const maxPictures = 12

func (d *demo) writePage(revoked string, numbers []string, count map[string]int) error {
	f, err := os.Create(d.path("index.html"))
	if err != nil {
		return err
	}
	defer f.Close()
	shown := append([]string{revoked}, numbers[:min(len(numbers), maxPictures-1)]...)
	if err := demoTemplate.Execute(f, struct {
		Cards   int
		Shown   []string
		Revoked string
		Day     string
		Tally   string
		Steps   []step
	}{len(numbers), shown, revoked, d.day.French(), tally(count), d.steps}); err != nil {
		return err
	}
	return f.Sync()
}
