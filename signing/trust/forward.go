// What may follow what: versions only grow, unless whoever signed them may sign
// no more.
package trust

import (
	"context"
	"fmt"
)

// binds says whether what the current state has of a role still holds the next
// one: whether its signatures would still do under the role's next authority.
// When they would not, its keys were replaced, and the numbers they ran up
// bind no more: that is the way back from a fast-forward attack, for this role
// alone. Signatures of unknown keys are passed over: a thief could strip them
// and replay the rest.
func binds(current *document, next authority) bool { return current.verify(true, next) == nil }

// judgeTop finds the replaced ones among the roles whose keys a root names.
func (r *refresh) judgeTop(root *rootDoc) {
	if r.cur == nil || r.report.Roots == 0 {
		return
	}
	for role, d := range map[string]*document{RoleTimestamp: r.cur.timestamp.document, RoleSnapshot: r.cur.snapshot.document, RoleTargets: r.cur.top.document} {
		if !binds(d, root.roles[role]) {
			r.replaced[role] = true
		}
	}
}

// nextTimestamp fetches the timestamp and checks that it may follow the
// current one, which is returned when the source has nothing newer.
func (r *refresh) nextTimestamp(ctx context.Context, root *rootDoc) (*timestampDoc, error) {
	data, err := r.fetch(ctx, timestampPath, maxTimestamp)
	if err != nil {
		return nil, err
	}
	var floor *timestampDoc
	if r.cur != nil && !r.replaced[RoleTimestamp] {
		floor = r.cur.timestamp
	}
	if floor != nil && string(data) == string(floor.data) {
		return floor, nil
	}
	ts, err := openTimestamp(root, data)
	if err != nil {
		return nil, err
	}
	if floor != nil {
		if ts.version == floor.version {
			if ts.digest != floor.digest {
				return nil, fmt.Errorf("%w: timestamp %d", ErrForked, ts.version)
			}
			// The same signed statement, signed again, is still the same; under
			// another root its signatures may be what matters.
			if r.report.Roots == 0 {
				return floor, nil
			}
			return ts, nil
		}
		if err := checkStep(RoleTimestamp, floor.version, ts.version); err != nil {
			return nil, err
		}
		if ts.published.Before(floor.published) {
			return nil, fmt.Errorf("%w: published %s, this machine has %s", ErrRollback,
				ts.published.Format(timeForm), floor.published.Format(timeForm))
		}
	}
	if r.cur != nil && !r.replaced[RoleSnapshot] {
		if err := checkStep(RoleSnapshot, r.cur.snapshot.version, ts.snapshot.version); err != nil {
			return nil, err
		}
	}
	known := floor != nil && ts.published.Equal(floor.published)
	if !known && ts.published.After(r.now.Add(maxFuture)) {
		return nil, fmt.Errorf("%w: published %s, clock says %s", ErrFromFuture,
			ts.published.Format(timeForm), r.now.UTC().Format(timeForm))
	}
	return ts, nil
}

// checkForward refuses a state that takes back any role's version, drops a
// role, runs ahead, or has other bytes for a version that is already known.
// Each role is held by what it has signed itself, so that new keys of one role
// free no other; only a role that is gone may be so because whoever delegated
// to it was replaced.
func (r *refresh) checkForward(next *Trusted) error {
	for role, ref := range r.cur.snapshot.meta {
		now, ok := next.snapshot.meta[role]
		if !ok {
			if !r.replaced[RoleTargets] {
				return fmt.Errorf("%w: %s has disappeared", ErrRollback, role)
			}
			r.replaced[role] = true
			continue
		}
		if now == ref {
			continue
		}
		if gone, err := r.isReplaced(next, role); err != nil {
			return err
		} else if gone {
			r.replaced[role] = true
			continue
		}
		if err := checkStep(role, ref.version, now.version); err != nil {
			return err
		}
		if now.version == ref.version {
			return fmt.Errorf("%w: %s %d", ErrForked, role, now.version)
		}
	}
	if a, b := r.cur.timestamp.snapshot, next.timestamp.snapshot; a.version == b.version && a != b && !r.replaced[RoleSnapshot] {
		return fmt.Errorf("%w: snapshot %d", ErrForked, a.version)
	}
	return nil
}

// isReplaced judges a role of targets that has changed. What a damaged store
// can no longer show goes on binding.
func (r *refresh) isReplaced(next *Trusted, role string) (bool, error) {
	if role == RoleTargets {
		return r.replaced[role], nil
	}
	d, err := r.cur.role(role)
	if err != nil {
		return false, nil
	}
	by, err := next.authority(role)
	if err != nil {
		return false, err
	}
	return !binds(d.document, by), nil
}

func checkStep(role string, from, to int64) error {
	if to < from {
		return fmt.Errorf("%w: %s %d, this machine has %d", ErrRollback, role, to, from)
	}
	if to-from > maxVersionStep {
		return fmt.Errorf("%w: %s jumps from %d to %d", ErrFastForward, role, from, to)
	}
	return nil
}
