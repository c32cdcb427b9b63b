// Changes: the events that one revision of a page has more than another. They carry no signature of their own.

package status

import "fmt"

// Changes are the events added between two revisions of one list.
//
// Nothing proves them. Whoever applies them hashes Apply's Encode and compares it with what the repository signed; when it differs, or Apply fails,
// the whole page is fetched.
type Changes struct {
	issuer   string
	list     uint32
	from, to uint64
	added    history
}

// Issuer returns the key of the insurer's N° AMC.
func (c *Changes) Issuer() string { return c.issuer }

// List returns the list number.
func (c *Changes) List() uint32 { return c.list }

// From returns the revision that the changes apply to.
func (c *Changes) From() uint64 { return c.from }

// To returns the revision that they lead to, always above From.
func (c *Changes) To() uint64 { return c.to }

// Len returns the number of events added.
func (c *Changes) Len() int { return c.added.len() }

// Diff returns the changes that lead from old to next, a later revision of the same list (ErrGap otherwise).
// It fails with ErrShrunk, naming the index, when next lacks an event of old or tells an index's past otherwise.
func Diff(old, next *Page) (*Changes, error) {
	if err := sameList(old, next); err != nil {
		return nil, err
	}
	if next.revision <= old.revision {
		return nil, fmt.Errorf("%w: revision %d is not after %d", ErrGap, next.revision, old.revision)
	}
	added, err := old.missing(&next.history)
	if err != nil {
		return nil, fmt.Errorf("list %d, revision %d to %d: %w", old.list, old.revision, next.revision, err)
	}
	return &Changes{issuer: old.issuer, list: old.list, from: old.revision, to: next.revision, added: added}, nil
}

// Follows says whether next may take the place of old: the same list (ErrGap otherwise), and a later revision that keeps every event, or the same
// revision with the same events (ErrShrunk otherwise). A counter asks it before it believes a page that was fetched whole.
func Follows(old, next *Page) error {
	if err := sameList(old, next); err != nil {
		return err
	}
	switch {
	case next.revision < old.revision:
		return fmt.Errorf("%w: list %d went back from revision %d to %d", ErrShrunk, old.list, old.revision, next.revision)
	case next.revision == old.revision && !old.equal(&next.history):
		return fmt.Errorf("%w: list %d has two different revisions %d", ErrShrunk, old.list, old.revision)
	}
	_, err := old.missing(&next.history)
	if err != nil {
		return fmt.Errorf("list %d, revision %d to %d: %w", old.list, old.revision, next.revision, err)
	}
	return nil
}

func sameList(old, next *Page) error {
	if old.issuer != next.issuer || old.list != next.list {
		return fmt.Errorf("%w: list %d of %s, not list %d of %s", ErrGap, next.list, next.issuer, old.list, old.issuer)
	}
	return nil
}

// Apply returns the page at revision To. It fails with ErrGap when old is another list or revision, with ErrMalformed when the events do not follow
// those of old; old stays as it was.
func (c *Changes) Apply(old *Page) (*Page, error) {
	if c.issuer != old.issuer || c.list != old.list || c.from != old.revision {
		return nil, fmt.Errorf("%w: changes of list %d of %s from revision %d, page of list %d of %s at revision %d",
			ErrGap, c.list, c.issuer, c.from, old.list, old.issuer, old.revision)
	}
	return old.with(&c.added, c.to)
}

// Then returns the changes that lead from c's From to next's To. It fails with ErrGap when next doesn't begin where c ends, with ErrMalformed when its
// events do not follow those of c or are too many together; both stay as they were.
func (c *Changes) Then(next *Changes) (*Changes, error) {
	if c.issuer != next.issuer || c.list != next.list || c.to != next.from {
		return nil, fmt.Errorf("%w: changes of list %d of %s up to revision %d, then of list %d of %s from revision %d",
			ErrGap, c.list, c.issuer, c.to, next.list, next.issuer, next.from)
	}
	added, err := merge(&c.added, &next.added)
	if err != nil {
		return nil, err
	}
	return &Changes{issuer: c.issuer, list: c.list, from: c.from, to: next.to, added: added}, nil
}

// ApplyRest is Apply for a page that may be past From: events that it holds already are left out. It fails with ErrGap when old is another list, before
// From, or not before To. Where an index was told the same thing twice it can't know which of them the page holds: the hash of what comes out says so.
func (c *Changes) ApplyRest(old *Page) (*Page, error) {
	if old.revision <= c.from || c.issuer != old.issuer || c.list != old.list {
		return c.Apply(old)
	}
	if old.revision >= c.to {
		return nil, fmt.Errorf("%w: changes of list %d of %s up to revision %d, page at revision %d", ErrGap, c.list, c.issuer, c.to, old.revision)
	}
	rest := old.lacks(&c.added)
	return old.with(&rest, c.to)
}
