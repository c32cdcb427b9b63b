// Where something lies below a target, as a person or a program may give it back.

package depot

import (
	"net/url"
	"path/filepath"
	"strings"
)

// Below is the target of what lies under name, slash-separated, in a target: a folder below a folder, or a prefix below a bucket's.
// What follows ? in the address of a bucket stays behind all of it, so that the result is a target again.
func Below(target, name string) string {
	if !IsBucket(target) {
		name = filepath.FromSlash(name)
		if target == "" || strings.HasSuffix(target, "/") || strings.HasSuffix(target, string(filepath.Separator)) {
			return target + name
		}
		return target + string(filepath.Separator) + name
	}
	address, query, has := strings.Cut(target, "?")
	address = bucketScheme + strings.TrimRight(strings.TrimPrefix(address, bucketScheme), "/") + "/" + (&url.URL{Path: name}).EscapedPath()
	if has {
		address += "?" + query
	}
	return address
}
