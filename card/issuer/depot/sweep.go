// What writers that were killed left behind in a folder.

package depot

import (
	"io/fs"
	"regexp"
	"strconv"
	"time"
)

// abandonedAfter is how long nothing was written to a temporary file before it is taken for one whose writer is dead: a live one
// needs moments. Should one have slept longer than that, its Put fails, and nothing else is lost.
const abandonedAfter = 24 * time.Hour

// temporary matches the names that write gives to files before they have their own: on Windows .new- and what rand.Text returns,
// elsewhere a dot, the file's own name and a random 63-bit number. A file's own name ends in an extension or begins with a hash. One
// number in a hundred is too short: those are left alone, as other programs put times to the millisecond or microsecond there.
var temporary = regexp.MustCompile(`^\.(?:new-[A-Z2-7]{26}|[^.].*\.[a-z]+([1-9][0-9]{17,18})|[0-9a-f]{64}\..+[1-9][0-9]{17,18})$`)

// abandoned says that a file is a temporary one, and old at that time. A number that is a time in nanoseconds, not far from the
// file's own, is another program's.
func abandoned(info fs.FileInfo, at time.Time) bool {
	m := temporary.FindStringSubmatch(info.Name())
	if m == nil {
		return false
	}
	if m[1] != "" {
		const near = 365 * 24 * time.Hour
		if n, err := strconv.ParseInt(m[1], 10, 64); err != nil || time.Unix(0, n).Sub(info.ModTime()).Abs() < near {
			return false
		}
	}
	return info.Mode().IsRegular() && at.Sub(info.ModTime()) > abandonedAfter
}

// sweep removes abandoned temporary files from where those of name lie, once for each such folder: it may hold very many files. The time
// is that of name, which was just written: by the clock that stamps the others too, be it this computer's or a file server's. What
// can't be looked at or removed stays: that is no reason to refuse a file that is in its place.
func (f *Folder) sweep(name string) {
	folder := temporaryFolder(name)
	f.mu.Lock()
	swept := f.swept[folder]
	f.swept[folder] = true
	f.mu.Unlock()
	if swept {
		return
	}
	written, err := f.root.Stat(name)
	if err != nil {
		return
	}
	for _, left := range f.temporaries(folder) {
		info, err := f.root.Lstat(left)
		if err == nil && abandoned(info, written.ModTime()) {
			_ = f.root.Remove(left)
		}
	}
}

// temporaries returns what has the name of a temporary file in a folder.
func (f *Folder) temporaries(folder string) []string {
	d, err := f.root.Open(folder)
	if err != nil {
		return nil
	}
	defer d.Close()
	var all []string
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			if temporary.MatchString(name) {
				all = append(all, folder+"/"+name)
			}
		}
		if err != nil || len(names) == 0 { // the end, or what can't be read
			return all
		}
	}
}
