// The operator's side: the state of a repository between two publications.
package trust

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// SignerFor gives the signers of a role when Commit needs them. The root may
// have several. An error matching ErrNoSigner says that the key is not at hand
// now; Commit then goes on if the role need not be signed today.
type SignerFor func(role string) ([]crypto.Signer, error)

// Lifetimes are how long each role's signature is good for. A role with less
// than a third left is signed again at the next Commit that has its key.
type Lifetimes struct {
	Root, Targets, Insurer, Status, Snapshot, Timestamp time.Duration
}

const day = 24 * time.Hour

// DefaultLifetimes: offline keys are brought out once a year at most (root
// every second year, for three), online keys work every day. A counter never
// goes green on an expired timestamp, so a week outlasts the days that the
// default outage policy grants before its own reserve.
func DefaultLifetimes() Lifetimes {
	return Lifetimes{Root: 3 * 365 * day, Targets: 365 * day, Insurer: 365 * day, Status: 30 * day, Snapshot: 30 * day, Timestamp: 7 * day}
}

// CreateOptions are the keys of a new repository, all ECDSA P-256 and all
// different: one key, one purpose.
type CreateOptions struct {
	Root          []crypto.PublicKey
	RootThreshold int // how many of Root must sign, 1..len(Root)
	Targets       crypto.PublicKey
	Snapshot      crypto.PublicKey
	Timestamp     crypto.PublicKey
	Lifetimes     Lifetimes // zero value: DefaultLifetimes
}

// Repo is a repository that is being written. Not safe for concurrent use; two
// writers of one repository are kept apart by the caller's transaction around
// Load and the storing of Commit's files.
type Repo struct {
	life     Lifetimes
	root     *metadata.Metadata[metadata.RootType]
	newRoot  bool
	first    []byte // bytes of the pinned root, once committed
	snapshot int64  // last committed version, 0 before
	stamp    int64
	anchor   string
	roles    map[string]*role // targets and delegated roles
	pending  map[string][]byte
	view     *Trusted // last committed state
	warnings []string

	installed []*rootDoc // roots that the next Commit publishes, the last one being root
}

// role is one role of targets with what has changed since the last Commit.
type role struct {
	meta  *metadata.Metadata[metadata.TargetsType]
	dirty bool // content differs from the last signed version
}

// Create starts a repository. Nothing is signed before Commit.
func Create(now time.Time, o CreateOptions) (*Repo, error) {
	if o.Lifetimes == (Lifetimes{}) {
		o.Lifetimes = DefaultLifetimes()
	}
	if o.RootThreshold < 1 || o.RootThreshold > len(o.Root) {
		return nil, fmt.Errorf("%w: root threshold must be 1 to the number of root keys", ErrWrongKey)
	}
	r := &Repo{life: o.Lifetimes, newRoot: true, roles: map[string]*role{}, pending: map[string][]byte{}}
	r.root = metadata.Root(now.UTC())
	r.root.Signed.Version = 0 // Commit makes it 1
	add := func(pub crypto.PublicKey, name string) error {
		key, id, err := tufKey(pub)
		if err != nil {
			return err
		}
		if _, used := r.root.Signed.Keys[id]; used {
			return fmt.Errorf("%w: %s shares a key with another role", ErrWrongKey, name)
		}
		return r.root.Signed.AddKey(key, name)
	}
	for _, pub := range o.Root {
		if err := add(pub, RoleRoot); err != nil {
			return nil, err
		}
	}
	r.root.Signed.Roles[RoleRoot].Threshold = o.RootThreshold
	for name, pub := range map[string]crypto.PublicKey{RoleTargets: o.Targets, RoleSnapshot: o.Snapshot, RoleTimestamp: o.Timestamp} {
		if err := add(pub, name); err != nil {
			return nil, err
		}
	}
	top := newTargets()
	top.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}, Roles: []metadata.DelegatedRole{}}
	r.roles[RoleTargets] = &role{meta: top, dirty: true}
	return r, nil
}

// Load rebuilds the state from stored files, the newest of each being what
// timestamp.json leads to. read gives a file by its path, and ErrNotFound or
// fs.ErrNotExist. Lifetimes are the defaults; see SetLifetimes.
func Load(read func(path string) ([]byte, error)) (*Repo, error) {
	first, err := read(metaPath(RoleRoot, 1))
	if err != nil {
		return nil, readError(RoleRoot, err)
	}
	view, err := Open(read, first)
	if err != nil {
		return nil, err
	}
	files, err := view.Metadata()
	if err != nil {
		return nil, err
	}
	held := bundle{}
	for _, f := range files {
		held[f.Path] = f.Data
	}
	// From here on the state depends on no store.
	if view, err = Open(held.read, first); err != nil {
		return nil, err
	}
	r := &Repo{life: DefaultLifetimes(), first: first, view: view, snapshot: view.snapshot.version, stamp: view.Version(), anchor: view.Anchor(),
		roles: map[string]*role{}, pending: map[string][]byte{}}
	if r.root, err = new(metadata.Metadata[metadata.RootType]).FromBytes(view.root().data); err != nil {
		return nil, tufError(err)
	}
	for name, ref := range view.snapshot.meta {
		data, err := held.read(metaPath(name, ref.version))
		if err != nil {
			return nil, err
		}
		m, err := new(metadata.Metadata[metadata.TargetsType]).FromBytes(data)
		if err != nil {
			return nil, tufError(err)
		}
		r.roles[name] = &role{meta: m}
	}
	return r, nil
}

// SetLifetimes changes how long the next signatures are good for.
func (r *Repo) SetLifetimes(l Lifetimes) { r.life = l }

// View is the last committed state as a counter sees it; nil before the first Commit.
func (r *Repo) View() *Trusted { return r.view }

// SetTarget puts data at path, to be signed by roleName at the next Commit,
// which must own path (ErrScope otherwise). custom may be nil, or anything that
// marshals to JSON of integers, ASCII text, objects, arrays and booleans, of at
// most 1 KiB, such as map[string]int{"revision": 7}. Setting what is already
// there changes nothing. data is kept until Commit.
func (r *Repo) SetTarget(roleName, path string, data []byte, custom any) error {
	t, err := r.owner(roleName, path)
	if err != nil {
		return err
	}
	if len(data) > maxTarget {
		return fmt.Errorf("%w: %s", ErrTooLarge, path)
	}
	extra, err := canonicalCustom(custom)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	old := t.meta.Signed.Targets[path]
	if old != nil && old.Length == int64(len(data)) && bytes.Equal(old.Hashes["sha256"], sum[:]) && bytes.Equal(rawCustom(old.Custom), extra) {
		return nil
	}
	target := &metadata.TargetFiles{Length: int64(len(data)), Hashes: metadata.Hashes{"sha256": sum[:]}, Path: path}
	if extra != nil {
		raw := json.RawMessage(extra)
		target.Custom = &raw
	}
	t.meta.Signed.Targets[path] = target
	t.dirty = true
	if key, status, err := splitRole(roleName); err == nil && !status && path == noticesPath(key) {
		r.widen(key)
	}
	r.pending[path] = bytes.Clone(data)
	if r.pending[path] == nil {
		r.pending[path] = []byte{}
	}
	return nil
}

// RemoveTarget takes path out at the next Commit; ErrNotFound if it is not there.
func (r *Repo) RemoveTarget(roleName, path string) error {
	t, err := r.owner(roleName, path)
	if err != nil {
		return err
	}
	if _, ok := t.meta.Signed.Targets[path]; !ok {
		return fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	delete(t.meta.Signed.Targets, path)
	delete(r.pending, path)
	t.dirty = true
	return nil
}

func (r *Repo) owner(name, path string) (*role, error) {
	owner, err := Owner(path)
	if err != nil {
		return nil, err
	}
	if owner != name {
		return nil, fmt.Errorf("%w: %s belongs to %s", ErrScope, path, owner)
	}
	t := r.roles[name]
	if t == nil {
		return nil, fmt.Errorf("%w: role %s", ErrNotFound, name)
	}
	return t, nil
}

// Warnings are what the last Commit could not do today and somebody must do
// soon: roles near expiry whose key was not at hand. English, one line each.
func (r *Repo) Warnings() []string { return r.warnings }

func newTargets() *metadata.Metadata[metadata.TargetsType] {
	m := metadata.Targets(time.Unix(0, 0).UTC())
	m.Signed.Version = 0 // Commit makes it 1
	return m
}

func rawCustom(m *json.RawMessage) []byte {
	if m == nil {
		return nil
	}
	return *m
}

// canonicalCustom spells custom data in the one way the reader accepts.
func canonicalCustom(custom any) ([]byte, error) {
	if custom == nil {
		return nil, nil
	}
	data, err := json.Marshal(custom)
	if err != nil {
		return nil, fmt.Errorf("%w: custom member: %v", ErrMalformed, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: custom member: %v", ErrMalformed, err)
	}
	if data, err = json.Marshal(v); err != nil {
		return nil, fmt.Errorf("%w: custom member: %v", ErrMalformed, err)
	}
	if len(data) > maxCustom {
		return nil, fmt.Errorf("%w: custom member", ErrTooLarge)
	}
	// Inside a file it stands four levels deep.
	jr := &jsonReader{in: data, depth: 4}
	if _, err := jr.value(); err != nil {
		return nil, fmt.Errorf("custom member: %w", err)
	}
	if jr.pos != len(data) {
		return nil, fmt.Errorf("%w: custom member: not an integer", ErrMalformed)
	}
	return data, nil
}

// tufKey is pub as the metadata carries it, with its identifier.
func tufKey(pub crypto.PublicKey) (*metadata.Key, string, error) {
	ec, ok := pub.(*ecdsa.PublicKey)
	if !ok || ec == nil || ec.Curve != elliptic.P256() {
		return nil, "", fmt.Errorf("%w: ECDSA P-256 keys only", ErrWrongKey)
	}
	key, err := metadata.KeyFromPublicKey(ec)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %v", ErrWrongKey, err)
	}
	id, err := key.ID()
	if err != nil {
		return nil, "", fmt.Errorf("%w: %v", ErrWrongKey, err)
	}
	return key, id, nil
}

// memory is a Source over bytes, for reading one's own files back.
type memory map[string][]byte

func (m memory) Fetch(_ context.Context, path string, limit int64) ([]byte, error) {
	data, ok := m[path]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: %s", ErrTooLarge, path)
	}
	return data, nil
}
