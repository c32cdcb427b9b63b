// Changing a repository's root: drafting the next one, collecting it signed,
// and letting the next Commit publish it with all that it requires.
package trust

import (
	"crypto"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// RootChange says what the next root changes. Nil and 0 keep what is there;
// the zero value keeps all keys and makes the root expire later.
type RootChange struct {
	Root          []crypto.PublicKey // all holders of the next root, those who stay too
	RootThreshold int
	Targets       crypto.PublicKey
	Snapshot      crypto.PublicKey
	Timestamp     crypto.PublicKey
}

// DraftRoot makes the next root, unsigned, inside a draft for SignRoot,
// ReviewRoot and InstallRoot. Nothing in r changes. It follows the root in
// force, which is the last installed one.
//
// ErrWrongKey for a key that has or had another role, or that was replaced
// once; ErrNotFound when nothing has been published yet.
func (r *Repo) DraftRoot(now time.Time, ch RootChange) ([]byte, error) {
	if r.view == nil {
		return nil, fmt.Errorf("%w: no root has been published yet", ErrNotFound)
	}
	next := metadata.Root(now.UTC().Truncate(time.Second).Add(r.life.Root))
	next.Signed.Version = r.root.Signed.Version + 1
	for _, role := range topRoles {
		old := r.root.Signed.Roles[role]
		var pubs []crypto.PublicKey
		threshold := old.Threshold
		switch role {
		case RoleRoot:
			pubs = ch.Root
			if ch.RootThreshold != 0 {
				threshold = ch.RootThreshold
			}
		case RoleTargets:
			pubs, threshold = one(ch.Targets, threshold)
		case RoleSnapshot:
			pubs, threshold = one(ch.Snapshot, threshold)
		case RoleTimestamp:
			pubs, threshold = one(ch.Timestamp, threshold)
		}
		if len(pubs) == 0 {
			for _, id := range old.KeyIDs {
				next.Signed.Keys[id] = r.root.Signed.Keys[id]
			}
			next.Signed.Roles[role] = &metadata.Role{KeyIDs: slices.Clone(old.KeyIDs), Threshold: threshold}
		} else {
			ids := []string{}
			for _, pub := range pubs {
				key, id, err := tufKey(pub)
				if err != nil {
					return nil, err
				}
				if slices.Contains(ids, id) {
					return nil, fmt.Errorf("%w: %s names one key twice", ErrWrongKey, role)
				}
				ids = append(ids, id)
				next.Signed.Keys[id] = key
			}
			next.Signed.Roles[role] = &metadata.Role{KeyIDs: ids, Threshold: threshold}
		}
		// Enough old and enough new signatures must fit into one file.
		if n := len(next.Signed.Roles[role].KeyIDs); threshold < 1 || threshold > n || n > maxSignatures/2 {
			return nil, fmt.Errorf("%w: threshold of %s must be 1 to the number of its keys, which are at most %d", ErrWrongKey, role, maxSignatures/2)
		}
	}
	next.Signatures = []metadata.Signature{}
	data, err := next.ToBytes(false)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	n, err := parseStrict(data)
	if err != nil {
		return nil, err
	}
	d := &rootDraft{roots: r.roots(), next: &rootDoc{document: &document{signed: n.get("signed")}}}
	// Read as a holder will, with all that a holder's machine checks.
	out := d.bytes()
	if d, err = parseDraft(out); err != nil {
		return nil, err
	}
	if err := r.checkRootKeys(d.next); err != nil {
		return nil, err
	}
	return out, nil
}

// one is the list of a role with a single key: a new key is the only one.
func one(pub crypto.PublicKey, threshold int) ([]crypto.PublicKey, int) {
	if pub == nil {
		return nil, threshold
	}
	return []crypto.PublicKey{pub}, 1
}

// roots is the chain up to the last installed root.
func (r *Repo) roots() []*rootDoc {
	return append(slices.Clone(r.view.roots), r.installed...)
}

// checkRootKeys refuses a root that names a key of an insurer's role.
func (r *Repo) checkRootKeys(next *rootDoc) error {
	for _, role := range topRoles {
		for id := range next.roles[role].keys {
			if r.delegatedKey(id) {
				return fmt.Errorf("%w: %s shares a key with an insurer", ErrWrongKey, role)
			}
		}
	}
	return nil
}

// draft reads a draft that must follow this repository's root in force.
func (r *Repo) draft(data []byte) (*rootDraft, error) {
	if r.view == nil {
		return nil, fmt.Errorf("%w: no root has been published yet", ErrNotFound)
	}
	d, err := parseDraft(data)
	if err != nil {
		return nil, err
	}
	if !d.follows(r.roots()) {
		return nil, fmt.Errorf("%w: the root in force is %d", ErrStaleDraft, r.root.Signed.Version)
	}
	if err := r.checkRootKeys(d.next); err != nil {
		return nil, err
	}
	return d, nil
}

// RootMissing counts the signatures that the draft still lacks: by the present
// root's threshold and by the next one's. Both 0: it can be installed. A false
// or foreign signature is ErrSignature, a draft upon another root ErrStaleDraft.
func (r *Repo) RootMissing(draft []byte) (old, next int, err error) {
	d, err := r.draft(draft)
	if err != nil {
		return 0, 0, err
	}
	old, next = d.missing()
	return old, next, nil
}

// InstallRoot takes a draft that has its signatures. The next Commit publishes
// the root and signs anew what the change requires: targets and snapshot when
// their keys were replaced, the timestamp as always; it asks SignerFor for the
// new keys. Until then nothing is published, and Load forgets it. Installing
// what is the root in force already changes nothing.
//
// Errors: as RootMissing; ErrSignature when signatures are missing.
func (r *Repo) InstallRoot(signed []byte) error {
	if r.view != nil {
		roots := r.roots()
		if d, err := parseDraft(signed); err == nil && d.next.digest == roots[len(roots)-1].digest {
			return nil
		}
	}
	d, err := r.draft(signed)
	if err != nil {
		return err
	}
	if old, next := d.missing(); old > 0 || next > 0 {
		return fmt.Errorf("%w: root %d lacks %d signatures of the present root and %d of the next", ErrSignature, d.next.version, old, next)
	}
	next, err := parseRoot(d.file())
	if err != nil {
		return err
	}
	if err := d.present().succeed(next); err != nil {
		return err
	}
	root, err := new(metadata.Metadata[metadata.RootType]).FromBytes(next.data)
	if err != nil {
		return tufError(err)
	}
	// A role whose file carries a signature that the new root does not know
	// would be refused as a whole.
	if r.view.top.verify(false, next.roles[RoleTargets]) != nil {
		r.roles[RoleTargets].dirty = true
	}
	r.root, r.installed = root, append(r.installed, next)
	return nil
}

// delegatedKey says whether a key has the role of an insurer.
func (r *Repo) delegatedKey(id string) bool {
	for x := range maps.Values(r.roles) {
		if d := x.meta.Signed.Delegations; d != nil {
			if _, ok := d.Keys[id]; ok {
				return true
			}
		}
	}
	return false
}

// snapshotReplaced says whether the last snapshot is dead under an installed root.
func (r *Repo) snapshotReplaced() bool {
	k := len(r.installed)
	return k > 0 && r.view.snapshot.verify(false, r.installed[k-1].roles[RoleSnapshot]) != nil
}
