// The specification's client workflow, run by go-tuf beside the strict reader:
// a state must pass both.
package trust

import (
	"errors"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

// workflow replays the step from old (nil the first time) to next in go-tuf.
// Times are judged as of next's own publication. What replaced keys have signed
// in old is kept from go-tuf, which would be bound by it.
func workflow(old, next *Trusted, replaced map[string]bool) error {
	tm, err := trustedmetadata.New(next.roots[0].data)
	if err != nil {
		return tufError(err)
	}
	for _, root := range next.roots[1:] {
		if _, err := tm.UpdateRoot(root.data); err != nil {
			return tufError(err)
		}
	}
	tm.RefTime = next.Published()
	// The same timestamp under a new root is no update of the timestamp.
	if old != nil && old.timestamp.version != next.timestamp.version && !replaced[RoleTimestamp] {
		if tm.Timestamp, err = new(metadata.Metadata[metadata.TimestampType]).FromBytes(old.timestamp.data); err != nil {
			return tufError(err)
		}
		if replaced[RoleSnapshot] {
			tm.Timestamp.Signed.Meta["snapshot.json"].Version = 0
		}
	}
	if _, err := tm.UpdateTimestamp(next.timestamp.data); err != nil {
		return tufError(err)
	}
	if old != nil {
		if tm.Snapshot, err = new(metadata.Metadata[metadata.SnapshotType]).FromBytes(old.snapshot.data); err != nil {
			return tufError(err)
		}
		for role := range replaced {
			delete(tm.Snapshot.Signed.Meta, role+".json")
		}
	}
	if _, err := tm.UpdateSnapshot(next.snapshot.data, false); err != nil {
		return tufError(err)
	}
	if _, err := tm.UpdateTargets(next.top.data); err != nil {
		return tufError(err)
	}
	for _, key := range next.Insurers() {
		parent := RoleTargets
		for _, role := range []string{InsurerRole(key), StatusRole(key)} {
			d, err := next.role(role)
			if err != nil {
				return err
			}
			if _, err := tm.UpdateDelegatedTargets(d.data, role, parent); err != nil {
				return tufError(err)
			}
			parent = role
		}
	}
	return nil
}

// tufError gives go-tuf's error the family of this package.
func tufError(err error) error {
	var (
		unsigned *metadata.ErrUnsignedMetadata
		version  *metadata.ErrBadVersionNumber
		equal    *metadata.ErrEqualVersionNumber
		expired  *metadata.ErrExpiredMetadata
		length   *metadata.ErrLengthOrHashMismatch
	)
	family := ErrMalformed
	switch {
	case errors.As(err, &unsigned):
		family = ErrSignature
	case errors.As(err, &version), errors.As(err, &equal):
		family = ErrRollback
	case errors.As(err, &expired):
		family = ErrExpiredAtPublication
	case errors.As(err, &length):
		family = ErrMixed
	}
	return fmt.Errorf("%w: %v", family, err)
}
