// Lists: by the changes since the page that is held where these are shorter, else whole.

package refresh

import (
	"fmt"
	"strconv"
	"strings"

	"sceau/card/status"
	"sceau/signing/trust"
)

// takePage brings one list up to date.
func (r *run) takePage(key string, list uint32, info trust.Info, all map[string]trust.Info, fetch func(path string) ([]byte, error)) error {
	if b, ok := r.unchanged(info); ok {
		r.targets[info.Path] = b
		return nil
	}
	old := r.heldPage(info.Path)
	if old != nil {
		if b, ok := applyPacked(old, info, r.changes[info.Path]); ok {
			r.targets[info.Path] = b
			r.byChanges++
			return nil
		}
		if b, ok := applyChanges(old, info, all, fetch); ok {
			r.targets[info.Path] = b
			r.byChanges++
			return nil
		}
	}
	b, err := fetch(info.Path)
	if err != nil {
		return err
	}
	page, err := status.Decode(b)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrContent, info.Path, err)
	}
	switch {
	case page.Issuer() != key:
		return fmt.Errorf("%w: %s holds a list of %s", ErrWrongInsurer, info.Path, page.Issuer())
	case page.List() != list:
		return fmt.Errorf("%w: %s holds another list", ErrContent, info.Path)
	case old != nil && !r.renewed(r.next, key):
		if err := status.Follows(old, page); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrShrunk, info.Path, err)
		}
	}
	r.targets[info.Path] = b
	return nil
}

func (r *run) heldPage(path string) *status.Page {
	if r.held.Target == nil {
		return nil
	}
	b, err := r.held.Target(path)
	if err != nil {
		return nil
	}
	p, err := status.Decode(b)
	if err != nil {
		return nil
	}
	return p
}

// applyChanges follows the changes from the revision held to the one signed, when their files are there and together
// shorter than the page. Whatever goes wrong, the whole page is the answer: the result must hash to what was signed.
func applyChanges(old *status.Page, info trust.Info, all map[string]trust.Info, fetch func(path string) ([]byte, error)) ([]byte, bool) {
	chain, ok := chainOf(old.Revision(), info, all)
	if !ok {
		return nil, false
	}
	page := old
	for _, path := range chain {
		b, err := fetch(path)
		if err != nil {
			return nil, false
		}
		changes, err := status.DecodeChanges(b)
		if err != nil {
			return nil, false
		}
		if page, err = changes.Apply(page); err != nil {
			return nil, false
		}
	}
	b := page.Encode()
	if info.Check(b) != nil {
		return nil, false
	}
	return b, true
}

// maxChain bounds the number of change files that one list may take: each costs a request.
const maxChain = 32

// chainOf names the change files "<list>.<from>-<to>" that lead from revision held to the newest.
func chainOf(held uint64, info trust.Info, all map[string]trust.Info) ([]string, bool) {
	next := map[uint64]trust.Info{}
	to := map[uint64]uint64{}
	newest := held
	for path, change := range all {
		span, ok := strings.CutPrefix(path, info.Path+".")
		if !ok {
			continue
		}
		a, b, ok := strings.Cut(span, "-")
		from, err1 := strconv.ParseUint(a, 10, 63)
		until, err2 := strconv.ParseUint(b, 10, 63)
		if !ok || err1 != nil || err2 != nil || until <= from {
			continue
		}
		newest = max(newest, until)
		if until > to[from] { // the longest step from here
			next[from], to[from] = change, until
		}
	}
	var chain []string
	var length int64
	for at := held; at != newest; at = to[at] {
		step, ok := next[at]
		length += step.Length
		if !ok || len(chain) == maxChain || length >= info.Length {
			return nil, false
		}
		chain = append(chain, step.Path)
	}
	return chain, len(chain) > 0
}
