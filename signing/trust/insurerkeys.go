// Insurers in the writer: their two roles, and replacing the keys of either.
package trust

import (
	"crypto"
	"fmt"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// AddInsurer gives an insurer (CheckInsurerKey) its two roles. Adding it again
// with the same keys does nothing; with others it is ErrInsurerExists (see
// ReplaceInsurerKeys). A key that already has any role in the repository is
// ErrWrongKey.
func (r *Repo) AddInsurer(key string, offline, status crypto.PublicKey) error {
	if err := CheckInsurerKey(key); err != nil {
		return err
	}
	offKey, offID, err := tufKey(offline)
	if err != nil {
		return err
	}
	statKey, statID, err := tufKey(status)
	if err != nil {
		return err
	}
	top := &r.roles[RoleTargets].meta.Signed
	if r.roles[InsurerRole(key)] != nil {
		offIDs, _, err := r.keysOf(InsurerRole(key))
		if err != nil {
			return err
		}
		statIDs, _, err := r.keysOf(StatusRole(key))
		if err != nil {
			return err
		}
		if slices.Equal(offIDs, []string{offID}) && slices.Equal(statIDs, []string{statID}) {
			return nil
		}
		return fmt.Errorf("%w: %s", ErrInsurerExists, key)
	}
	if offID == statID || r.keyUsed(offID) || r.keyUsed(statID) {
		return fmt.Errorf("%w: a key of %s already has a role", ErrWrongKey, key)
	}
	if len(top.Delegations.Roles) >= maxInsurers {
		return fmt.Errorf("%w: at most %d insurers", ErrTooLarge, maxInsurers)
	}
	insurer := newTargets()
	insurer.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{statID: statKey}, Roles: []metadata.DelegatedRole{delegation(key, true, statID)}}
	top.Delegations.Keys[offID] = offKey
	top.Delegations.Roles = append(top.Delegations.Roles, delegation(key, false, offID))
	r.roles[RoleTargets].dirty = true
	r.roles[InsurerRole(key)] = &role{meta: insurer, dirty: true}
	r.roles[StatusRole(key)] = &role{meta: newTargets(), dirty: true}
	return nil
}

// ReplaceInsurerKeys gives an insurer's roles other keys; nil keeps a key. The
// next Commit signs the role with its new key and whoever delegates to it with
// theirs: targets for the offline key, the insurer's offline key for the
// status key. What the old key signed is dead from then on, and counters take
// the role's version up from wherever the honest one is. A key that has any
// role in the repository, or had one in a root, is ErrWrongKey; keys that this
// insurer had earlier are the caller's to keep out: what they signed would
// come back with them. An insurer that is not there is ErrNotFound.
func (r *Repo) ReplaceInsurerKeys(key string, offline, status crypto.PublicKey) error {
	type change struct {
		parent, role string
		key          *metadata.Key
		id           string
	}
	var changes []change
	for _, c := range []struct {
		parent, role string
		pub          crypto.PublicKey
	}{{RoleTargets, InsurerRole(key), offline}, {InsurerRole(key), StatusRole(key), status}} {
		ids, _, err := r.keysOf(c.role)
		if err != nil {
			return fmt.Errorf("%w: insurer", ErrNotFound)
		}
		if c.pub == nil {
			continue
		}
		pub, id, err := tufKey(c.pub)
		if err != nil {
			return err
		}
		if slices.Equal(ids, []string{id}) {
			continue
		}
		if r.keyUsed(id) || len(changes) > 0 && changes[0].id == id {
			return fmt.Errorf("%w: a key of %s already has a role, or had one", ErrWrongKey, key)
		}
		changes = append(changes, change{c.parent, c.role, pub, id})
	}
	for _, c := range changes {
		parent := r.roles[c.parent]
		list := parent.meta.Signed.Delegations
		for i, d := range list.Roles {
			if d.Name != c.role {
				continue
			}
			for _, id := range d.KeyIDs {
				delete(list.Keys, id)
			}
			list.Keys[c.id] = c.key
			list.Roles[i] = delegation(key, c.role == StatusRole(key), c.id)
		}
		parent.dirty, r.roles[c.role].dirty = true, true
	}
	return nil
}

func delegation(key string, status bool, id string) metadata.DelegatedRole {
	name := InsurerRole(key)
	if status {
		name = StatusRole(key)
	}
	return metadata.DelegatedRole{Name: name, KeyIDs: []string{id}, Threshold: 1, Terminating: true, Paths: rolePaths(key, status)}
}

// keyUsed says whether a key has a role, or had one in any root.
func (r *Repo) keyUsed(id string) bool {
	if _, ok := r.root.Signed.Keys[id]; ok {
		return true
	}
	if r.view != nil {
		for _, root := range r.roots() {
			for _, a := range root.roles {
				if a.keys[id] != nil {
					return true
				}
			}
		}
	}
	return r.delegatedKey(id)
}

// widen gives an insurer's delegation the paths of today, when it was written
// before there were as many.
func (r *Repo) widen(key string) {
	top := r.roles[RoleTargets]
	for i, d := range top.meta.Signed.Delegations.Roles {
		if d.Name == InsurerRole(key) && !slices.Equal(d.Paths, rolePaths(key, false)) {
			top.meta.Signed.Delegations.Roles[i].Paths = rolePaths(key, false)
			top.dirty = true
		}
	}
}
