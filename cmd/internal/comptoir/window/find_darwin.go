// Where macOS keeps browsers.

package window

import (
	"os"
	"path/filepath"
)

var bundles = []string{"Google Chrome", "Microsoft Edge", "Chromium"}

// Browsers returns the browsers found that have an app mode, best first.
func Browsers() []string {
	home, _ := os.UserHomeDir()
	var names []string
	for _, b := range bundles {
		for _, root := range []string{"/Applications", filepath.Join(home, "Applications")} {
			names = append(names, filepath.Join(root, b+".app", "Contents", "MacOS", b))
		}
	}
	return existing(names)
}

func opener(url string) (string, []string, error) { return "/usr/bin/open", []string{url}, nil }
