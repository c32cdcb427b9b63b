// Following a repository: from a trusted state to the next, or not at all.
package trust

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// RefreshOptions say what is trusted before a refresh.
type RefreshOptions struct {
	Current *Trusted // last good state; nil the first time
	Root    []byte   // pinned root; used when Current is nil
	Now     time.Time

	// Want, if set, is called once everything but targets is verified. It
	// decides which targets to bring: next.Target and next.Targets say what
	// there is (compare Info.SHA256 with what is stored), fetch brings one,
	// verified, and may be called from several goroutines. An error ends the
	// refresh. It is also called when nothing is new, so that a store can
	// repair itself.
	Want func(ctx context.Context, next *Trusted, fetch func(path string) ([]byte, error)) error
}

// Report counts what one refresh did.
type Report struct {
	Changed   bool  // the state returned is not Current: there is something to store
	Files     int   // files fetched
	Bytes     int64 // bytes fetched
	Reused    int   // metadata files taken from Current unchanged
	Roots     int   // steps of the root chain followed
	Recovered bool  // the timestamp's keys were replaced: its version and its date of publication start afresh

	// Replaced lists the roles (RoleTimestamp, RoleSnapshot, RoleTargets,
	// insurers' and status roles), sorted, whose keys in Current bind no more:
	// for these alone a version may start afresh.
	Replaced []string
}

// Refresh brings the newest state that src offers and that may follow
// o.Current. Nothing of o.Current changes; on any error the caller goes on
// with it. The result is complete (Open's laziness is over) and is meant to be
// stored, with the targets Want brought, in one transaction.
//
// Errors: a refusal (ErrSignature, ErrRollback, ErrMixed, …), ErrSource's
// family, or the context's. The Report counts up to the error.
func Refresh(ctx context.Context, src Source, o RefreshOptions) (*Trusted, Report, error) {
	r := &refresh{src: src, cur: o.Current, now: o.Now, replaced: map[string]bool{}}
	next, err := r.run(ctx, o.Root)
	if err == nil && o.Want != nil {
		err = o.Want(ctx, next, func(path string) ([]byte, error) { return r.target(ctx, next, path) })
	}
	r.report.Files, r.report.Bytes = r.files, r.bytes
	r.report.Replaced = slices.Sorted(maps.Keys(r.replaced))
	r.report.Recovered = r.replaced[RoleTimestamp]
	if err != nil {
		return nil, r.report, err
	}
	return next, r.report, nil
}

// FetchRoot gets a repository's first root, to be pinned once a person or a
// configuration has confirmed its fingerprint. Until then it is a stranger's file.
func FetchRoot(ctx context.Context, src Source) (root []byte, fingerprint string, err error) {
	data, err := src.Fetch(ctx, metaPath(RoleRoot, 1), maxRoot)
	if err != nil {
		return nil, "", err
	}
	r, err := parsePinned(data)
	if err != nil {
		return nil, "", err
	}
	if r.version != 1 {
		return nil, "", fmt.Errorf("%w: root %d in place of the first", ErrMixed, r.version)
	}
	return data, Fingerprint(data), nil
}

// refresh is one run.
type refresh struct {
	src    Source
	cur    *Trusted
	now    time.Time
	report Report

	replaced map[string]bool // roles whose keys in cur bind no more

	mu    sync.Mutex
	files int
	bytes int64
}

func (r *refresh) run(ctx context.Context, pinned []byte) (*Trusted, error) {
	var roots []*rootDoc
	if r.cur != nil {
		roots = append(roots, r.cur.roots...)
	} else {
		first, err := parsePinned(pinned)
		if err != nil {
			return nil, err
		}
		roots = []*rootDoc{first}
	}
	// Client workflow 5.3: the chain of roots, one by one.
	roots, err := r.followRoots(ctx, roots)
	if err != nil {
		return nil, err
	}
	root := roots[len(roots)-1]

	// 5.3.11 and what goes beyond it: see binds.
	r.judgeTop(root)

	// 5.4: the timestamp.
	ts, err := r.nextTimestamp(ctx, root)
	if err != nil {
		return nil, err
	}
	if r.cur != nil && r.report.Roots == 0 && ts == r.cur.timestamp {
		// It may have been opened lazily, from a store that lost a file: then
		// that file is fetched again.
		if _, err := r.cur.Metadata(); err == nil {
			return r.cur, nil
		}
	}

	// 5.5 and 5.6: all metadata, fetched or reused, then verified as one.
	files, err := r.gather(ctx, roots, ts)
	if err != nil {
		return nil, err
	}
	next, err := Open(files.read, roots[0].data)
	if err != nil {
		return nil, err
	}
	if r.cur != nil {
		if err := r.checkForward(next); err != nil {
			return nil, err
		}
	}
	if _, err := next.Metadata(); err != nil {
		return nil, err
	}
	if err := workflow(r.cur, next, r.replaced); err != nil {
		return nil, err
	}
	r.report.Changed = true
	return next, nil
}

func (r *refresh) followRoots(ctx context.Context, roots []*rootDoc) ([]*rootDoc, error) {
	for {
		last := roots[len(roots)-1]
		data, err := r.fetch(ctx, metaPath(RoleRoot, last.version+1), maxRoot)
		// Stores that hide what they do not list answer "forbidden" for it.
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
			return roots, nil
		}
		if err != nil {
			return nil, err
		}
		if r.report.Roots++; r.report.Roots > maxRootSteps {
			return nil, fmt.Errorf("%w: more than %d steps", ErrTooManyRoots, maxRootSteps)
		}
		next, err := parseRoot(data)
		if err != nil {
			return nil, err
		}
		if err := last.succeed(next); err != nil {
			return nil, err
		}
		// Never aliased: roots may share its array with the current state.
		roots = append(roots[:len(roots):len(roots)], next)
	}
}

// target brings one target, verified.
func (r *refresh) target(ctx context.Context, t *Trusted, path string) ([]byte, error) {
	info, err := t.Target(path)
	if err != nil {
		return nil, err
	}
	data, err := r.fetchExact(ctx, info.FetchPath(), info.Length)
	if err != nil {
		return nil, err
	}
	if err := info.Check(data); err != nil {
		return nil, err
	}
	return data, nil
}

// fetchExact brings a file whose length is signed: a longer one is not it.
func (r *refresh) fetchExact(ctx context.Context, path string, length int64) ([]byte, error) {
	data, err := r.fetch(ctx, path, length)
	if errors.Is(err, ErrTooLarge) && !errors.Is(err, errAllowance) {
		return nil, fmt.Errorf("%w: %w", ErrMixed, err)
	}
	return data, err
}

// errAllowance marks the refusal that is about all files together.
var errAllowance = fmt.Errorf("%w: more than %d bytes in one refresh", ErrTooLarge, int64(maxRefreshTotal))

// fetch asks the source, within what is left of the whole refresh's allowance.
func (r *refresh) fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	left := maxRefreshTotal - r.bytes
	r.mu.Unlock()
	if left < limit {
		return nil, errAllowance
	}
	data, err := r.src.Fetch(ctx, path, limit)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: %s", ErrTooLarge, path)
	}
	r.mu.Lock()
	r.files++
	r.bytes += int64(len(data))
	r.mu.Unlock()
	return data, nil
}
