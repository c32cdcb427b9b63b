// Package trust writes and follows trust repositories: directories of static
// signed files, in The Update Framework's format, through which a counter
// learns insurers' keys, status pages and tables from wherever the files were
// found.
//
// An operator's side is [Repo]: Create or Load, AddInsurer, SetTarget, Commit.
// A counter's side is [FetchRoot] once, then [Refresh] when a [Source] is at
// hand, and [Open] for every verification, which needs no source and no clock.
// Everything is bytes: the caller stores them where it likes.
//
// Keys change by DraftRoot, SignRoot (for holders, on any machine, after
// [ReviewRoot]) and InstallRoot, insurers' by ReplaceInsurerKeys; the next
// Commit signs anew what that requires. A reader then holds each role to what
// its own keys have signed, and no longer to what replaced ones have.
//
// Two readers look at every file that comes from outside. The strict one of
// this package accepts exactly one spelling of each file and is fast enough
// for one verification in a fresh process; go-tuf's runs the specification's
// client workflow beside it in Refresh. A file must pass both.
package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// File is one file of a repository, named as a TUF client requests it:
// "1.root.json", "7.snapshot.json", "timestamp.json",
// "amc/775670482/<sha256>.issuer.json". Every path but timestamp.json names
// one content for ever.
type File struct {
	Path string
	Data []byte
}

// Info is what a role has signed about one target.
type Info struct {
	Path   string // TUF target path, such as "amc/775670482/issuer.json"
	Length int64  // exact, in bytes
	SHA256 [sha256.Size]byte
	Custom json.RawMessage // canonical JSON, nil when the writer gave none
}

// FetchPath is where the target's bytes lie in the repository: the base name
// is prefixed with the content's SHA-256, so old and new never overwrite each
// other.
func (i Info) FetchPath() string {
	dir, base := "", i.Path
	if n := strings.LastIndexByte(i.Path, '/'); n >= 0 {
		dir, base = i.Path[:n+1], i.Path[n+1:]
	}
	return dir + hex.EncodeToString(i.SHA256[:]) + "." + base
}

// Check says whether data is the content that was signed; otherwise ErrMixed.
func (i Info) Check(data []byte) error {
	if int64(len(data)) != i.Length {
		return fmt.Errorf("%w: %s has %d bytes, %d were signed", ErrMixed, i.Path, len(data), i.Length)
	}
	if sha256.Sum256(data) != i.SHA256 {
		return fmt.Errorf("%w: %s is not the content that was signed", ErrMixed, i.Path)
	}
	return nil
}

// timeForm is the one spelling of a time in a repository: UTC, whole seconds.
const timeForm = "2006-01-02T15:04:05Z"

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeForm, s)
	if err != nil || t.Format(timeForm) != s {
		return time.Time{}, fmt.Errorf("%w: time is not of the form %s", ErrMalformed, timeForm)
	}
	return t, nil
}
