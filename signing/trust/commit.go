// Signing and publishing what has changed, read back through the counter's
// own code before anything leaves.
package trust

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Commit signs what has changed since the last one, and always a new
// timestamp, published now. It returns the new files in the order in which
// they must be written: a reader that comes in between sees the old state or
// the new one. Targets first, then insurers' roles, targets, snapshot, root if
// new, timestamp.json last. A file that is unchanged is not returned.
//
// The files have been read back as a counter will. On an error nothing has
// changed and Commit can be tried again; the state moves on in memory when
// Commit returns, so a caller whose store then fails must Load anew.
//
// Errors: ErrClockBackwards, ErrNoSigner (with every role that must be signed
// now and whose key is not at hand), ErrWrongKey,
// ErrExpiredAtPublication for a role that has expired and whose key is not at
// hand, or any refusal of the reader.
func (r *Repo) Commit(now time.Time, sign SignerFor) ([]File, error) {
	now = now.UTC().Truncate(time.Second)
	if r.view != nil && now.Before(r.view.Published()) {
		return nil, fmt.Errorf("%w: %s, clock says %s", ErrClockBackwards, r.view.Published().Format(timeForm), now.Format(timeForm))
	}
	c := &commit{r: r, now: now, sign: sign, roles: map[string]*metadata.Metadata[metadata.TargetsType]{}, files: map[string][]byte{}}
	for _, step := range []func() error{c.doRoot, c.doRoles, c.doSnapshot, c.doTimestamp} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if len(c.missing) > 0 {
		return nil, &missingKeys{c.missing}
	}
	return c.finish()
}

// commit is one Commit under way: everything new, nothing of Repo touched.
type commit struct {
	r     *Repo
	now   time.Time
	sign  SignerFor
	warn  []string
	files map[string][]byte

	missing []error // roles that must be signed now and whose keys are not at hand

	root         *metadata.Metadata[metadata.RootType]
	roles        map[string]*metadata.Metadata[metadata.TargetsType]
	data         [5][]File // by writing order: delegated, targets, snapshot, root, timestamp
	snapshot     metaRef
	stampVersion int64
}

const (
	putDelegated = iota
	putTargets
	putSnapshot
	putRoot
	putTimestamp
)

func (c *commit) put(rank int, path string, data []byte) {
	c.data[rank] = append(c.data[rank], File{path, data})
	c.files[path] = data
}

// near says whether a signature that expires then is to be renewed, and
// whether it must be, today.
func (c *commit) near(expires time.Time, life time.Duration) (soon, must bool) {
	left := expires.Sub(c.now)
	return left < life/3, left <= 0
}

// renewal asks for the signers of a role that has not changed but runs out.
// None, or fewer than its threshold, means: leave it for now, with a warning.
func (c *commit) renewal(role string, threshold int, expires time.Time, must bool) ([]crypto.Signer, error) {
	signers, err := c.sign(role)
	if err == nil && len(signers) < threshold {
		err = fmt.Errorf("%w: %s has %d of %d", ErrNoSigner, role, len(signers), threshold)
	}
	switch {
	case err == nil:
		return signers, nil
	case !errors.Is(err, ErrNoSigner):
		return nil, fmt.Errorf("%s: %w", role, err)
	case must:
		return nil, fmt.Errorf("%w: %s on %s: %w", ErrExpiredAtPublication, role, expires.Format(timeForm), err)
	}
	c.warn = append(c.warn, fmt.Sprintf("%s expires on %s and its key is not available", role, expires.Format(timeForm)))
	return nil, nil
}

func (c *commit) signers(role string) ([]crypto.Signer, error) {
	s, err := c.sign(role)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", role, err)
	}
	if len(s) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoSigner, role)
	}
	return s, nil
}

// missingKeys says all at once whose keys must be brought.
type missingKeys struct{ errs []error }

func (m *missingKeys) Error() string {
	parts := make([]string, len(m.errs))
	for i, err := range m.errs {
		parts[i] = err.Error()
	}
	return strings.Join(parts, "; ")
}

func (m *missingKeys) Unwrap() []error { return m.errs }

// needed gives the signers of a role that must be signed now. A missing key is
// noted, so that the others are asked for too; then there are no signers.
func (c *commit) needed(role string) ([]crypto.Signer, error) {
	s, err := c.signers(role)
	if errors.Is(err, ErrNoSigner) {
		c.missing = append(c.missing, err)
		return nil, nil
	}
	return s, err
}

func (c *commit) doRoot() error {
	for _, r := range c.r.installed {
		c.put(putRoot, metaPath(RoleRoot, r.version), r.data)
	}
	old := c.r.root
	by := old.Signed.Roles[RoleRoot]
	var signers []crypto.Signer
	var err error
	if c.r.newRoot {
		signers, err = c.signers(RoleRoot)
	} else if soon, must := c.near(old.Signed.Expires, c.r.life.Root); soon {
		signers, err = c.renewal(RoleRoot, by.Threshold, old.Signed.Expires, must)
	}
	c.root = old
	if err != nil || signers == nil {
		return err
	}
	next := *old
	next.Signed.Version++
	next.Signed.Expires = c.now.Add(c.r.life.Root)
	data, err := signMetadata(&next, RoleRoot, by.KeyIDs, by.Threshold, signers)
	if err != nil {
		return err
	}
	c.root = &next
	c.put(putRoot, metaPath(RoleRoot, next.Signed.Version), data)
	return nil
}

func (c *commit) doRoles() error {
	names := make([]string, 0, len(c.r.roles))
	for name := range c.r.roles {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := c.doRole(name, c.r.roles[name]); err != nil {
			return err
		}
	}
	return nil
}

func (c *commit) doRole(name string, old *role) error {
	life, rank := c.r.life.Insurer, putDelegated
	switch {
	case name == RoleTargets:
		life, rank = c.r.life.Targets, putTargets
	case strings.HasSuffix(name, "-status"):
		life = c.r.life.Status
	}
	ids, threshold, err := c.r.keysOf(name)
	if err != nil {
		return err
	}
	var signers []crypto.Signer
	if old.dirty {
		signers, err = c.needed(name)
	} else if soon, must := c.near(old.meta.Signed.Expires, life); soon {
		signers, err = c.renewal(name, threshold, old.meta.Signed.Expires, must)
	}
	if err != nil || signers == nil {
		return err
	}
	next := *old.meta
	next.Signed.Version++
	next.Signed.Expires = c.now.Add(life)
	data, err := signMetadata(&next, name, ids, threshold, signers)
	if err != nil {
		return err
	}
	if len(data) > maxTargets {
		return fmt.Errorf("%w: %s", ErrTooLarge, name)
	}
	c.roles[name] = &next
	c.put(rank, metaPath(name, next.Signed.Version), data)
	return nil
}

// doSnapshot makes a snapshot when any role is new, the old one runs out, or
// an installed root has replaced its keys.
func (c *commit) doSnapshot() error {
	by := c.root.Signed.Roles[RoleSnapshot]
	var signers []crypto.Signer
	var err error
	if v := c.r.view; len(c.roles) > 0 || v == nil || c.r.snapshotReplaced() || len(c.missing) > 0 {
		if signers, err = c.needed(RoleSnapshot); err != nil || len(c.missing) > 0 {
			return err
		}
	} else if soon, must := c.near(v.snapshot.expires, c.r.life.Snapshot); soon {
		signers, err = c.renewal(RoleSnapshot, by.Threshold, v.snapshot.expires, must)
	}
	if err != nil {
		return err
	}
	if signers == nil {
		c.snapshot = c.r.view.timestamp.snapshot
		return nil
	}
	m := metadata.Snapshot(c.now.Add(c.r.life.Snapshot))
	m.Signed.Version = c.r.snapshot + 1
	for name := range c.r.roles {
		var ref metaRef
		if next := c.roles[name]; next != nil {
			ref = refTo(next.Signed.Version, c.files[metaPath(name, next.Signed.Version)])
		} else {
			ref = c.r.view.snapshot.meta[name]
		}
		m.Signed.Meta[name+".json"] = ref.tuf()
	}
	data, err := signMetadata(m, RoleSnapshot, by.KeyIDs, by.Threshold, signers)
	if err != nil {
		return err
	}
	if len(data) > maxSnapshot {
		return fmt.Errorf("%w: snapshot", ErrTooLarge)
	}
	c.snapshot = refTo(m.Signed.Version, data)
	c.put(putSnapshot, metaPath(RoleSnapshot, m.Signed.Version), data)
	return nil
}

func (c *commit) doTimestamp() error {
	signers, err := c.needed(RoleTimestamp)
	if err != nil || len(c.missing) > 0 {
		return err
	}
	m := metadata.Timestamp(c.now.Add(c.r.life.Timestamp))
	m.Signed.Version = c.r.stamp + 1
	m.Signed.Meta["snapshot.json"] = c.snapshot.tuf()
	m.Signed.UnrecognizedFields = map[string]any{"published": c.now.Format(timeForm)}
	if c.r.anchor != "" {
		m.Signed.UnrecognizedFields["anchor"] = c.r.anchor
	}
	by := c.root.Signed.Roles[RoleTimestamp]
	data, err := signMetadata(m, RoleTimestamp, by.KeyIDs, by.Threshold, signers)
	if err != nil {
		return err
	}
	c.stampVersion = m.Signed.Version
	c.put(putTimestamp, timestampPath, data)
	return nil
}

// finish reads everything back as a counter would and, if that went well,
// makes it the Repo's state.
func (c *commit) finish() ([]File, error) {
	r := c.r
	var out []File
	paths := make([]string, 0, len(r.pending))
	for path := range r.pending {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		data := r.pending[path]
		info := Info{Path: path, Length: int64(len(data)), SHA256: sha256.Sum256(data)}
		c.files[info.FetchPath()] = data
		// Set and set back, or only its custom member changed: it is there already.
		if r.view != nil {
			if old, err := r.view.Target(path); err == nil && old.FetchPath() == info.FetchPath() {
				continue
			}
		}
		out = append(out, File{info.FetchPath(), data})
	}
	first := r.first
	if first == nil {
		first = c.data[putRoot][0].Data
	}
	view, _, err := Refresh(context.Background(), memory(c.files), RefreshOptions{
		Current: r.view, Root: first, Now: c.now,
		Want: func(_ context.Context, _ *Trusted, fetch func(string) ([]byte, error)) error {
			for _, path := range paths {
				got, err := fetch(path)
				if err != nil {
					return err
				}
				if !bytes.Equal(got, r.pending[path]) {
					return fmt.Errorf("%w: %s", ErrMixed, path)
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("reading back what was signed: %w", err)
	}
	if view.Version() != c.stampVersion || !view.Published().Equal(c.now) {
		return nil, fmt.Errorf("%w: what was signed is not what is read back", ErrMixed)
	}
	for _, files := range c.data {
		out = append(out, files...)
	}
	r.first, r.view, r.root, r.newRoot, r.installed = first, view, c.root, false, nil
	r.snapshot, r.stamp = c.snapshot.version, c.stampVersion
	for name, next := range c.roles {
		r.roles[name] = &role{meta: next}
	}
	r.pending, r.warnings = map[string][]byte{}, c.warn
	return out, nil
}

// keysOf is who signs for a role of targets.
func (r *Repo) keysOf(name string) (ids []string, threshold int, err error) {
	if name == RoleTargets {
		by := r.root.Signed.Roles[RoleTargets]
		return by.KeyIDs, by.Threshold, nil
	}
	key, status, err := splitRole(name)
	if err != nil {
		return nil, 0, err
	}
	parent := r.roles[RoleTargets]
	if status {
		parent = r.roles[InsurerRole(key)]
	}
	if parent == nil {
		return nil, 0, fmt.Errorf("%w: role %s", ErrNotFound, name)
	}
	for _, d := range parent.meta.Signed.Delegations.Roles {
		if d.Name == name {
			return d.KeyIDs, d.Threshold, nil
		}
	}
	return nil, 0, fmt.Errorf("%w: role %s", ErrNotFound, name)
}

func refTo(version int64, data []byte) metaRef {
	return metaRef{version: version, length: int64(len(data)), sha256: sha256.Sum256(data)}
}

func (m metaRef) tuf() *metadata.MetaFiles {
	return &metadata.MetaFiles{Version: m.version, Length: m.length, Hashes: metadata.Hashes{"sha256": slices.Clone(m.sha256[:])}}
}
