//go:build !windows && !darwin

// Where other systems keep browsers: on the PATH.

package window

import (
	"fmt"
	"os/exec"
)

var names = []string{"microsoft-edge", "microsoft-edge-stable", "google-chrome", "google-chrome-stable", "chromium", "chromium-browser"}

// Browsers returns the browsers found that have an app mode, best first.
func Browsers() []string {
	var found []string
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	return existing(found)
}

func opener(url string) (string, []string, error) {
	path, err := exec.LookPath("xdg-open")
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrNoBrowser, err)
	}
	return path, []string{url}, nil
}
