// How many pages a PDF has, read from the file itself: what the manifest says is what is there.

package batch

import (
	"bytes"
	"errors"
	"strconv"
)

// errPages says that a file is no PDF of this program's, whole.
var errPages = errors.New("batch: not a whole PDF with a page tree")

// pages reads the count of the page tree, and holds it against the pages that follow.
func pages(b []byte) (int64, error) {
	if !bytes.HasPrefix(b, []byte("%PDF-1.")) || !bytes.HasSuffix(bytes.TrimRight(b, "\r\n"), []byte("%%EOF")) {
		return 0, errPages
	}
	tree := bytes.Index(b, []byte("/Type /Pages"))
	if tree < 0 {
		return 0, errPages
	}
	_, rest, ok := bytes.Cut(b[tree:], []byte("/Count "))
	if !ok {
		return 0, errPages
	}
	digits := 0
	for digits < len(rest) && digits < 9 && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(string(rest[:digits]), 10, 64)
	if err != nil {
		return 0, errPages
	}
	if found := int64(bytes.Count(b, []byte("<</Type /Page\n"))); found != n {
		return 0, errPages
	}
	return n, nil
}
