// Package refresh brings a counter up to date: it follows a repository from any source, takes the changes of a list where
// they are shorter than the whole page, and hands everything over at once. A source that fails or lies changes nothing.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sceau/card"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing/trust"
)

// Families of errors; those of package trust come through as they are.
var (
	// ErrOtherRoot: the source carries another repository than the one expected. Nothing was followed.
	ErrOtherRoot = errors.New("refresh: the source carries another root")
	// ErrForgotten: the repository was forgotten while it was synced. Nothing was followed.
	ErrForgotten = errors.New("refresh: repository forgotten meanwhile")
	// ErrContent: signed, but not what it should be: an unreadable page, facts of another insurer, a list that lost an
	// entry. Only the operator can mend it; the last good state stays.
	ErrContent = errors.New("refresh: signed content not acceptable")
	// ErrWrongInsurer: one insurer's key signed facts, a list or digests of another insurer. It matches ErrContent.
	ErrWrongInsurer = fmt.Errorf("%w: another insurer's", ErrContent)
	// ErrShrunk: a list lost what it had announced, or is no longer published. It matches ErrContent.
	ErrShrunk = fmt.Errorf("%w: a list shrank", ErrContent)
)

// Shelf is where the counter keeps what it verified.
type Shelf interface {
	// Held returns what is kept of the repository with that root fingerprint, and how to release it once Replace was called
	// or is not needed. An error means that the shelf itself can't be read.
	Held(ctx context.Context, fingerprint string) (held trust.Stored, release func(), err error)
	// Replace stores the new state with exactly these targets in place of base: all of it, durably, or nothing.
	// trust.ErrMoved when base is no longer what is kept. It returns the insurers that stay with another repository.
	Replace(ctx context.Context, base trust.Stored, root []byte, t *trust.Trusted, targets map[string][]byte) (contested []string, err error)
}

// Options of one sync.
type Options struct {
	Root string           // expected fingerprint, as shown; "" accepts a new repository and reports it
	Now  func() time.Time // the counter's clock

	// Followed: the repository was followed when the sync began. Where it was forgotten meanwhile, it must not come back by
	// itself: ErrForgotten.
	Followed bool
}

// Report says what a sync did.
type Report struct {
	Fingerprint string
	New         bool // the repository wasn't followed before: show the fingerprint
	Changed     bool
	Published   time.Time
	Expires     time.Time // when the next list is due at the latest: a source that brings this one later than that is frozen
	Insurers    int
	Lists       int
	Files       int      // read from the source, metadata included
	Bytes       int64    // read from the source
	ByChanges   int      // lists brought up to date by their changes alone
	Contested   []string // AMC keys of insurers that are followed through another repository, and stay with it
}

// attempts bounds how often a sync starts again because another one finished meanwhile.
const attempts = 3

// Sync brings the repository that src carries up to date on shelf.
func Sync(ctx context.Context, shelf Shelf, src trust.Source, o Options) (Report, error) {
	root, fingerprint, err := trust.FetchRoot(ctx, src)
	if err != nil {
		return Report{}, err
	}
	if o.Root != "" && !trust.SameFingerprint(o.Root, fingerprint) {
		return Report{}, fmt.Errorf("%w: %s", ErrOtherRoot, fingerprint)
	}
	report := Report{}
	p := &packed{Source: src}
	for range attempts {
		p.forget()
		report, err = once(ctx, shelf, p, root, o)
		if err != nil && p.served.Load() > 0 && ctx.Err() == nil && !errors.Is(err, trust.ErrMoved) {
			// A pack proves nothing: what is wrong may be wrong with it alone.
			p.plain = true
			p.forget()
			report, err = once(ctx, shelf, p, root, o)
		}
		if !errors.Is(err, trust.ErrMoved) {
			break
		}
	}
	report.Fingerprint = fingerprint
	return report, err
}

func once(ctx context.Context, shelf Shelf, src *packed, root []byte, o Options) (Report, error) {
	held, release, err := shelf.Held(ctx, trust.Fingerprint(root))
	if err != nil {
		return Report{}, err
	}
	released := sync.OnceFunc(release)
	defer released()
	report := Report{New: held.Floor.IsZero()}
	if report.New && o.Followed {
		return report, ErrForgotten
	}
	if held.Trusted != nil && !src.plain {
		src.held = held.Trusted.Version()
	}
	r := &run{held: held, src: src, targets: map[string][]byte{}}
	next, did, err := trust.Refresh(ctx, src, trust.RefreshOptions{Current: held.Trusted, Root: root, Now: o.Now(), Want: r.take})
	if err != nil {
		return report, err
	}
	// Damaged files are read anew from the pinned root, and then only this floor keeps an old state out. After the theft of
	// an online key and the change of root that ends it, versions and times start afresh.
	if next.Published().Before(held.Floor) && !did.Recovered {
		return report, fmt.Errorf("%w: published %s", trust.ErrRollback, next.Published().Format(time.RFC3339))
	}
	report.Published, report.Expires, report.Insurers = next.Published(), next.Expires(), len(next.Insurers())
	report.Lists, report.ByChanges = r.lists, r.byChanges
	report.Files, report.Bytes = int(src.fetched.Load())+1, src.bytes.Load()+int64(len(root))
	report.Changed = did.Changed
	if !report.Changed && r.fetched == 0 {
		return report, nil
	}
	released() // everything that is kept was read
	report.Contested, err = shelf.Replace(ctx, held, root, next, r.targets)
	return report, err
}

// run gathers the targets of one new state.
type run struct {
	held      trust.Stored
	src       *packed
	changes   map[string][][]byte // of packs, oldest first, by their list's path
	next      *trust.Trusted
	targets   map[string][]byte
	lists     int
	byChanges int
	fetched   int // targets that weren't held, or were damaged
}

// take gathers every target that a counter needs, from what it holds where the hash is the same, else from the source.
func (r *run) take(ctx context.Context, t *trust.Trusted, source func(path string) ([]byte, error)) error {
	fetch := func(path string) ([]byte, error) {
		r.fetched++
		return source(path)
	}
	r.next = t
	if err := r.keepsLists(t); err != nil {
		return err
	}
	if err := r.takePacks(ctx, t); err != nil {
		return err
	}
	for _, key := range append([]string{""}, t.Insurers()...) {
		infos, err := t.Targets(key)
		if err != nil {
			return err
		}
		byPath := map[string]trust.Info{}
		for _, info := range infos {
			byPath[info.Path] = info
		}
		for _, info := range infos {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.takeOne(info, byPath, fetch); err != nil {
				return err
			}
		}
		if key == "" {
			continue
		}
		if err := r.takeIssued(key, infos, fetch); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) takeOne(info trust.Info, all map[string]trust.Info, fetch func(path string) ([]byte, error)) error {
	switch kind, key, list := offline.Target(info.Path); kind {
	case offline.CodesTarget:
		return r.takeChecked(info, fetch, func(b []byte) error { _, err := rights.ParseCodes(b); return err })
	case offline.ServiceTarget:
		return r.takeChecked(info, fetch, func(b []byte) error { _, err := card.ParseService(b); return err })
	case offline.IssuerTarget:
		return r.takeChecked(info, fetch, func(b []byte) error {
			i, err := card.ParseInsurer(b)
			if err == nil && i.AMC.Key() != key {
				err = fmt.Errorf("%w: facts of %s", ErrWrongInsurer, i.AMC.Key())
			}
			return err
		})
	case offline.NoticesTarget:
		// Kept as it is, whatever it says: words of a later version must not keep the lists from coming.
		if info.Length > offline.MaxNotices {
			return nil
		}
		return r.takeChecked(info, fetch, func([]byte) error { return nil })
	case offline.PageTarget:
		r.lists++
		return r.takePage(key, list, info, all, fetch)
	}
	return nil // digests of a stolen key: see takeIssued; changes: when they are needed
}

// renewed says whether an insurer's status keys were replaced since what is held. Whoever stole the old ones may have published
// any list, and the honest one need not continue that: it stands for itself.
func (r *run) renewed(next *trust.Trusted, insurer string) bool {
	return r.held.Trusted != nil && !next.SameKeys(r.held.Trusted, trust.StatusRole(insurer))
}

// keepsLists refuses a state in which a list that is held is no longer signed: it could come back without its history.
func (r *run) keepsLists(next *trust.Trusted) error {
	if r.held.Trusted == nil {
		return nil
	}
	for _, key := range r.held.Trusted.Insurers() {
		if next.HasInsurer(key) && r.renewed(next, key) {
			continue
		}
		infos, err := r.held.Trusted.Targets(key)
		if err != nil {
			return err
		}
		for _, info := range infos {
			if kind, _, _ := offline.Target(info.Path); kind != offline.PageTarget {
				continue
			}
			if _, err := next.Target(info.Path); errors.Is(err, trust.ErrNotFound) {
				return fmt.Errorf("%w: %s is no longer published", ErrShrunk, info.Path)
			}
		}
	}
	return nil
}

// takeChecked keeps a target whose content check accepts.
func (r *run) takeChecked(info trust.Info, fetch func(path string) ([]byte, error), check func([]byte) error) error {
	b, ok := r.unchanged(info)
	if !ok {
		var err error
		if b, err = fetch(info.Path); err != nil {
			return err
		}
		if err := check(b); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrContent, info.Path, err)
		}
	}
	r.targets[info.Path] = b
	return nil
}

func (r *run) unchanged(info trust.Info) ([]byte, bool) {
	if r.held.Target == nil {
		return nil, false
	}
	b, err := r.held.Target(info.Path)
	if err != nil || info.Check(b) != nil {
		return nil, false
	}
	return b, true
}
