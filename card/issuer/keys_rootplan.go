// From a plan to the keys of the next root.

package issuer

import (
	"crypto"
	"fmt"
	"slices"

	"sceau/signing"
	"sceau/signing/trust"
)

// rootChange makes the keys of a plan.
func (s *Issuer) rootChange(e *edition, p RootPlan) (trust.RootChange, error) {
	change := trust.RootChange{RootThreshold: p.Threshold}
	holders, threshold, err := e.repo.Authority(trust.RoleRoot)
	if err != nil {
		return change, fmt.Errorf("%w: root: %w", ErrDamaged, err)
	}
	leave := p.Leave
	if leave == nil && len(p.Holders) > 0 {
		leave = kids(holders)
	}
	for _, kid := range leave {
		if !slices.Contains(kids(holders), kid) {
			return change, fmt.Errorf("%w: the root has no key %.20q", ErrUnknownKey, kid)
		}
	}
	count := len(p.Holders)
	for _, h := range holders {
		if !slices.Contains(leave, signing.KID(h)) {
			count++
		}
	}
	// Before any key is made for nothing.
	if k := max(p.Threshold, 0); k > count || k == 0 && threshold > count {
		return change, fmt.Errorf("%w: %d keys of the root can't give %d signatures", ErrPlan, count, max(k, threshold))
	}
	if p.Targets && s.Offline == nil {
		return change, ErrNoOfflineKeys
	}
	if len(leave) > 0 || len(p.Holders) > 0 {
		for _, h := range holders {
			if !slices.Contains(leave, signing.KID(h)) {
				change.Root = append(change.Root, h)
			}
		}
		made, err := newHolders(p.Holders, s.Offline, e.current.RootVersion()+1)
		if err != nil {
			return change, err
		}
		change.Root = append(change.Root, made...)
	}
	for _, k := range []struct {
		wanted bool
		keys   Keys
		f      family
		to     *crypto.PublicKey
	}{{p.Targets, s.Offline, keyTargets, &change.Targets}, {p.Snapshot, s.Online, keySnapshot, &change.Snapshot}, {p.Timestamp, s.Online, keyTimestamp, &change.Timestamp}} {
		if !k.wanted {
			continue
		}
		signer, _, err := nextKey(k.keys, k.f)
		if err != nil {
			return change, err
		}
		*k.to = signer.Public()
	}
	return change, nil
}

// newHolders makes a root key on each medium. "root-2.5" is the key that holder 2 got for root 5; a medium that had a root key
// keeps its holder's number.
func newHolders(media []Keys, others Keys, version int64) ([]crypto.PublicKey, error) {
	names := make([][]string, len(media))
	taken := map[int]bool{}
	for i, k := range media {
		var err error
		if names[i], err = k.Names(); err != nil {
			return nil, err
		}
		for _, name := range names[i] {
			taken[rootFamily.number(name)] = true
		}
	}
	if others != nil {
		if held, err := others.Names(); err == nil { // locked away: nothing to keep clear of
			for _, name := range held {
				taken[rootFamily.number(name)] = true
			}
		}
	}
	var out []crypto.PublicKey
	given := map[int]bool{}
	for i, k := range media {
		number := 0
		for _, name := range names[i] {
			if n := rootFamily.number(name); n > 0 && !given[n] && (number == 0 || n < number) {
				number = n
			}
		}
		for n := 1; number == 0; n++ {
			if !taken[n] && !given[n] {
				number = n
			}
		}
		given[number] = true
		name := fmt.Sprintf("%s.%d", rootKey(number), version)
		for v := version + 1; slices.Contains(names[i], name); v++ { // left by a ceremony that was given up
			name = fmt.Sprintf("%s.%d", rootKey(number), v)
		}
		signer, err := k.Generate(name)
		if err != nil {
			return nil, fmt.Errorf("issuer: make the key %s: %w", name, err)
		}
		out = append(out, signer.Public())
	}
	return out, nil
}
