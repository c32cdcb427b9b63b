// A source that tells how far a sync is, and a look at what a source carries.

package refresh

import (
	"context"
	"strings"
	"sync"

	"sceau/signing/trust"
)

// The steps of a sync, in this order: stable codes for a page to put into words.
const (
	StepRoot     = "root"     // who signs here
	StepMetadata = "metadata" // what is signed, and when
	StepLists    = "lists"    // the lists, their changes, the insurers' facts
)

// Watched returns src, telling progress of each file that is begun and of each that came. It is a trust.Source that is to be
// closed, whatever src is. Nothing of what src says or refuses is changed.
func Watched(src trust.Source, progress Progress) trust.Source {
	return &watched{src: src, progress: progress}
}

type watched struct {
	src      trust.Source
	progress Progress

	mu    sync.Mutex // also orders the calls of progress
	step  string
	bytes int64
}

// Fetch implements trust.Source.
func (w *watched) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	w.tell(stepOf(path), 0)
	b, err := w.src.Fetch(ctx, path, limit)
	if err != nil {
		return nil, err
	}
	w.tell(stepOf(path), int64(len(b)))
	return b, nil
}

// Close closes the source.
func (w *watched) Close() error { return trust.CloseSource(w.src) }

// tell never goes back a step: files are fetched side by side.
func (w *watched) tell(step string, more int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before(w.step, step) {
		w.step = step
	}
	w.bytes += more
	w.progress(w.step, w.bytes)
}

func before(a, b string) bool { return rank(a) < rank(b) }

func rank(step string) int {
	for i, s := range []string{StepRoot, StepMetadata, StepLists} {
		if s == step {
			return i + 1
		}
	}
	return 0
}

// stepOf tells a file by its name: metadata lies at the top, as VERSION.ROLE.json; a target's name begins with its hash.
func stepOf(path string) string {
	version, rest, ok := strings.Cut(path, ".")
	switch {
	case path == "timestamp.json":
		return StepMetadata
	case !ok || len(version) > 19 || strings.Trim(version, "0123456789") != "":
		return StepLists
	case rest == "root.json":
		return StepRoot
	}
	return StepMetadata
}

// Peek returns the fingerprint of the repository that src carries, verified as a first root, and follows nothing: it is to be
// shown to a person, or compared with what that person was told. Errors are those of package trust.
func Peek(ctx context.Context, src trust.Source) (fingerprint string, err error) {
	_, fingerprint, err = trust.FetchRoot(ctx, src)
	return fingerprint, err
}
