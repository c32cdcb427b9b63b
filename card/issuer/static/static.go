// Package static puts published files where others fetch them: a depot (folder, share, stick, bucket) or a zip.
package static

import (
	"errors"
	"strings"

	"sceau/card/issuer"
)

var _ issuer.Destination = (*Zip)(nil)

// ErrForeign says that a file of this name holds other bytes although its name promises that they never change: the folder
// belongs to another operator, or was damaged. Nothing was overwritten.
var ErrForeign = errors.New("static: another file has this name")

// ErrOlder says that the folder holds a newer edition of this file: another publisher was faster, or this register was
// restored from a backup. Nothing was overwritten: counters refuse a list that goes back.
var ErrOlder = errors.New("static: the folder already holds a newer publication")

// Mutable says whether a published path may change its content: timestamp.json and the Token Status Lists. All others carry
// a version or a hash in their name.
func Mutable(path string) bool {
	return path == timestampPath || strings.HasPrefix(path, "statuslist/")
}

// CacheControl is how a web server should let caches keep a published file.
func CacheControl(path string) string {
	if Mutable(path) {
		return "no-cache"
	}
	return "public, max-age=31536000, immutable"
}
