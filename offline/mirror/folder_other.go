//go:build !windows

// The counter's folder belongs to one user of the computer.

package mirror

import "os"

// MakeFolder makes a counter's folder where there is none, for this user alone. One that is there already is left as it is.
func MakeFolder(dir string) error { return os.MkdirAll(dir, 0o700) }
