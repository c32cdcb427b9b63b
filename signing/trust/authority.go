// Who may sign for a role: as the writer has it, and as a reader sees it.
package trust

import (
	"cmp"
	"crypto/ecdsa"
	"fmt"
	"maps"
	"slices"
)

// sorted lists the keys, ascending by KeyID.
func (a authority) sorted() []*ecdsa.PublicKey {
	out := make([]*ecdsa.PublicKey, 0, len(a.keys))
	for _, id := range slices.SortedFunc(maps.Keys(a.keys), cmp.Compare) {
		out = append(out, a.keys[id])
	}
	return out
}

// same says that the same keys must sign, as many of them.
func (a authority) same(b authority) bool {
	return a.threshold == b.threshold && maps.EqualFunc(a.keys, b.keys, func(x, y *ecdsa.PublicKey) bool { return x.Equal(y) })
}

// Authority is who signs for a role at the next Commit, installed root and
// replaced insurers' keys included, and how many of them must. ErrNotFound for
// a role that is not there.
func (r *Repo) Authority(role string) ([]*ecdsa.PublicKey, int, error) {
	var ids []string
	var threshold int
	if by := r.root.Signed.Roles[role]; by != nil {
		ids, threshold = by.KeyIDs, by.Threshold
	} else {
		var err error
		if ids, threshold, err = r.keysOf(role); err != nil {
			return nil, 0, fmt.Errorf("%w: role %s", ErrNotFound, role)
		}
	}
	out := make([]*ecdsa.PublicKey, 0, len(ids))
	for _, id := range slices.Sorted(slices.Values(ids)) {
		key := r.root.Signed.Keys[id]
		for _, x := range r.roles {
			if d := x.meta.Signed.Delegations; key == nil && d != nil {
				key = d.Keys[id]
			}
		}
		if key == nil {
			return nil, 0, fmt.Errorf("%w: key of %s", ErrNotFound, role)
		}
		pub, err := key.ToPublicKey()
		if err != nil {
			return nil, 0, tufError(err)
		}
		ec, ok := pub.(*ecdsa.PublicKey)
		if !ok {
			return nil, 0, malformed("key of " + role + " is not ECDSA")
		}
		out = append(out, ec)
	}
	return out, threshold, nil
}

// Authority is who signs for a role in this state, and how many of them must.
// ErrNotFound for a role that is not there.
func (t *Trusted) Authority(role string) ([]*ecdsa.PublicKey, int, error) {
	a, err := t.authority(role)
	if err != nil {
		return nil, 0, err
	}
	return a.sorted(), a.threshold, nil
}

func (t *Trusted) authority(role string) (authority, error) {
	if a, ok := t.root().roles[role]; ok {
		return a, nil
	}
	key, status, err := splitRole(role)
	if err != nil {
		return authority{}, fmt.Errorf("%w: role %s", ErrNotFound, role)
	}
	parent := t.top
	if status {
		if parent, err = t.role(InsurerRole(key)); err != nil {
			return authority{}, err
		}
	}
	return parent.authority(role)
}

// SameKeys says that a role is signed by the same keys, as many of them, in
// both states. A state that does not have the role, or can't read who signs
// for it, has not the same.
func (t *Trusted) SameKeys(other *Trusted, role string) bool {
	a, err := t.authority(role)
	if err != nil {
		return false
	}
	b, err := other.authority(role)
	return err == nil && a.same(b)
}

// Anchor is the text that the operator has bound to this publication (see
// Repo.SetAnchor), "" when there is none.
func (t *Trusted) Anchor() string { return t.timestamp.anchor }

// SetAnchor binds a text to the next publications, until it is set again: at
// most 128 characters of printable ASCII without " \ < > &. "" takes it out.
func (r *Repo) SetAnchor(text string) error {
	if text != "" && !isAnchor(text) {
		return malformed("anchor must be 1 to 128 characters of printable ASCII")
	}
	r.anchor = text
	return nil
}

func isAnchor(text string) bool {
	if len(text) == 0 || len(text) > maxAnchor {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c < 0x20 || c > 0x7e, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
