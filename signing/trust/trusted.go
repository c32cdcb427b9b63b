// A verified view of one repository, opened from bytes without source or clock.
package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// Trusted is a verified state of one repository. It never changes; insurers'
// roles are read and verified on first use, so a verification in a fresh
// process touches one insurer. Safe for concurrent use.
type Trusted struct {
	roots     []*rootDoc // the pinned one first, the one in force last
	timestamp *timestampDoc
	snapshot  *snapshotDoc
	top       *targetsDoc
	read      func(path string) ([]byte, error)

	mu    sync.Mutex
	roles map[string]*targetsDoc // verified delegated roles, guarded by mu
}

// Open verifies stored files. root is the pinned root (the first one, or a
// later one); files gives any file by its path, and ErrNotFound or
// fs.ErrNotExist for one it does not have; it must stay usable while the
// result is. Each role must have been valid at the moment of publication; how
// old that is now is for the verdict to judge (Published, Expires).
func Open(files func(path string) ([]byte, error), root []byte) (*Trusted, error) {
	roots, err := openRoots(files, root)
	if err != nil {
		return nil, err
	}
	data, err := files(timestampPath)
	if err != nil {
		return nil, readError(timestampPath, err)
	}
	ts, err := openTimestamp(roots[len(roots)-1], data)
	if err != nil {
		return nil, err
	}
	t := &Trusted{roots: roots, timestamp: ts, read: files, roles: map[string]*targetsDoc{}}
	if err := t.openSnapshot(); err != nil {
		return nil, err
	}
	top := t.root().roles[RoleTargets]
	if t.top, err = t.openTargets(RoleTargets, func() (authority, error) { return top, nil }); err != nil {
		return nil, err
	}
	// A thief of the online keys could list roles that nobody delegates to, and
	// whoever had seen them would miss them in every honest state afterwards.
	for role := range t.snapshot.meta {
		if role == RoleTargets {
			continue
		}
		key, _, _ := splitRole(role)
		if _, ok := t.top.delegated[InsurerRole(key)]; !ok {
			return nil, fmt.Errorf("%w: the snapshot lists %s, to which nobody delegates", ErrScope, role)
		}
	}
	return t, nil
}

// openRoots follows the chain of roots from the pinned one as far as the files go.
func openRoots(files func(string) ([]byte, error), pinned []byte) ([]*rootDoc, error) {
	first, err := parsePinned(pinned)
	if err != nil {
		return nil, err
	}
	roots := []*rootDoc{first}
	for {
		last := roots[len(roots)-1]
		data, err := files(metaPath(RoleRoot, last.version+1))
		if isNotFound(err) {
			return roots, nil
		}
		if err != nil {
			return nil, readError(RoleRoot, err)
		}
		next, err := parseRoot(data)
		if err != nil {
			return nil, err
		}
		if err := last.succeed(next); err != nil {
			return nil, err
		}
		roots = append(roots, next)
	}
}

// parsePinned reads a root that is believed for its exact bytes; that it is
// signed by its own keys shows that it is whole.
func parsePinned(data []byte) (*rootDoc, error) {
	r, err := parseRoot(data)
	if err != nil {
		return nil, err
	}
	// Only a later root carries signatures of keys it does not name: its predecessor's.
	if err := r.verify(r.version > 1, r.roles[RoleRoot]); err != nil {
		return nil, err
	}
	return r, nil
}

// openTimestamp verifies a timestamp against the root in force. Expiry is
// judged at the time the operator published.
func openTimestamp(root *rootDoc, data []byte) (*timestampDoc, error) {
	ts, err := parseTimestamp(data)
	if err != nil {
		return nil, err
	}
	if err := ts.verify(false, root.roles[RoleTimestamp]); err != nil {
		return nil, err
	}
	if ts.published.IsZero() {
		return nil, ErrMissingPublished
	}
	if ts.published.After(root.expires) {
		return nil, fmt.Errorf("%w: root", ErrExpiredAtPublication)
	}
	if ts.published.After(ts.expires) {
		return nil, fmt.Errorf("%w: timestamp", ErrExpiredAtPublication)
	}
	return ts, nil
}

func (t *Trusted) openSnapshot() error {
	ref := t.timestamp.snapshot
	data, err := t.read(metaPath(RoleSnapshot, ref.version))
	if err != nil {
		return readError(RoleSnapshot, err)
	}
	if err := ref.check(RoleSnapshot, data); err != nil {
		return err
	}
	s, err := parseSnapshot(data)
	if err != nil {
		return err
	}
	if err := s.verify(false, t.root().roles[RoleSnapshot]); err != nil {
		return err
	}
	t.snapshot = s
	return t.checkFresh(RoleSnapshot, s.document, ref.version)
}

// openTargets reads and verifies one role's targets, top-level or delegated.
func (t *Trusted) openTargets(role string, by func() (authority, error)) (*targetsDoc, error) {
	ref, ok := t.snapshot.meta[role]
	if !ok {
		return nil, fmt.Errorf("%w: %s is not in the snapshot", ErrMixed, role)
	}
	data, err := t.read(metaPath(role, ref.version))
	if err != nil {
		return nil, readError(role, err)
	}
	if err := ref.check(role, data); err != nil {
		return nil, err
	}
	d, err := parseTargets(role, data)
	if err != nil {
		return nil, err
	}
	a, err := by()
	if err != nil {
		return nil, err
	}
	if err := d.verify(false, a); err != nil {
		return nil, err
	}
	if err := t.checkFresh(role, d.document, ref.version); err != nil {
		return nil, err
	}
	return d, nil
}

func (t *Trusted) checkFresh(role string, d *document, version int64) error {
	if d.version != version {
		return fmt.Errorf("%w: %s says version %d, %d was signed for", ErrMixed, role, d.version, version)
	}
	if t.timestamp.published.After(d.expires) {
		return fmt.Errorf("%w: %s", ErrExpiredAtPublication, role)
	}
	return nil
}

// role returns a delegated role's verified metadata. Failures are not kept:
// a store that could not be read is asked again.
func (t *Trusted) role(name string) (*targetsDoc, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.roleLocked(name)
}

func (t *Trusted) roleLocked(name string) (*targetsDoc, error) {
	if name == RoleTargets {
		return t.top, nil
	}
	if d := t.roles[name]; d != nil {
		return d, nil
	}
	key, status, err := splitRole(name)
	if err != nil {
		return nil, err
	}
	by := func() (authority, error) { return t.top.authority(name) }
	if _, known := t.top.delegated[InsurerRole(key)]; !known {
		return nil, fmt.Errorf("%w: insurer", ErrNotFound)
	}
	if status {
		parent, err := t.roleLocked(InsurerRole(key))
		if err != nil {
			return nil, err
		}
		by = func() (authority, error) { return parent.authority(name) }
	}
	d, err := t.openTargets(name, by)
	if err != nil {
		return nil, err
	}
	if _, there := d.targets[noticesPath(key)]; there && t.top.narrow[name] {
		return nil, fmt.Errorf("%w: %s was not given notices", ErrScope, name)
	}
	t.roles[name] = d
	return d, nil
}

// TakesNotices says whether an insurer's delegation names the path of its
// notices. One of before there were any must be signed anew by targets first.
func (t *Trusted) TakesNotices(key string) bool { return !t.top.narrow[InsurerRole(key)] }

func (t *Trusted) root() *rootDoc { return t.roots[len(t.roots)-1] }

// Target is what the owner of path signed about it. Only the role that owns
// the path is asked. ErrNotFound, ErrUnsafePath, or whatever is wrong with the
// role's metadata.
func (t *Trusted) Target(path string) (Info, error) {
	role, err := Owner(path)
	if err != nil {
		return Info{}, err
	}
	d, err := t.role(role)
	if err != nil {
		return Info{}, err
	}
	info, ok := d.targets[path]
	if !ok {
		return Info{}, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	return info, nil
}

// Targets lists all targets of one insurer (both of its roles), or the
// operator's own for "", by path.
func (t *Trusted) Targets(insurer string) ([]Info, error) {
	roles := []string{RoleTargets}
	if insurer != "" {
		roles = []string{InsurerRole(insurer), StatusRole(insurer)}
	}
	var list []Info
	for _, role := range roles {
		d, err := t.role(role)
		if err != nil {
			return nil, err
		}
		for _, info := range d.targets {
			list = append(list, info)
		}
	}
	slices.SortFunc(list, func(a, b Info) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	return list, nil
}

// Insurers lists the keys of all insurers of the repository, sorted.
func (t *Trusted) Insurers() []string {
	keys := make([]string, 0, len(t.top.delegated))
	for role := range t.top.delegated {
		key, _, _ := splitRole(role)
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// HasInsurer says whether the repository speaks for this insurer.
func (t *Trusted) HasInsurer(key string) bool {
	_, ok := t.top.delegated[InsurerRole(key)]
	return ok
}

// Published is when the operator published this state: the date of the list
// at the counter. UTC, whole seconds, signed.
func (t *Trusted) Published() time.Time { return t.timestamp.published }

// Expires is when the next publication was due at the latest: the earliest
// expiry among the four top-level roles. Past it the state is stale, not void.
func (t *Trusted) Expires() time.Time {
	first := t.timestamp.expires
	for _, e := range []time.Time{t.snapshot.expires, t.top.expires, t.root().expires} {
		if e.Before(first) {
			first = e
		}
	}
	return first
}

// Version is the timestamp's, one more at each publication.
func (t *Trusted) Version() int64 { return t.timestamp.version }

// RootVersion is that of the root in force.
func (t *Trusted) RootVersion() int64 { return t.root().version }

// Fingerprint is that of the pinned root.
func (t *Trusted) Fingerprint() string { return Fingerprint(t.roots[0].data) }

// Root is the pinned root's bytes, to be given to Open again.
func (t *Trusted) Root() []byte { return slices.Clone(t.roots[0].data) }

// Metadata gives every metadata file of this state verbatim, roots first and
// timestamp.json last, to be stored as one. After Open it reads and verifies
// what had not been asked for yet.
func (t *Trusted) Metadata() ([]File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var files []File
	for _, r := range t.roots {
		files = append(files, File{metaPath(RoleRoot, r.version), r.data})
	}
	files = append(files,
		File{metaPath(RoleSnapshot, t.snapshot.version), t.snapshot.data},
		File{metaPath(RoleTargets, t.top.version), t.top.data})
	for _, key := range t.Insurers() {
		for _, role := range []string{InsurerRole(key), StatusRole(key)} {
			d, err := t.roleLocked(role)
			if err != nil {
				return nil, err
			}
			files = append(files, File{metaPath(role, d.version), d.data})
		}
	}
	return append(files, File{timestampPath, t.timestamp.data}), nil
}

func isNotFound(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}

// readError keeps the store's own error and gives a missing file its family.
func readError(what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %s: %w", ErrNotFound, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
