// A repository to hand on: what a counter keeps of it, verified whole, laid out as its operator publishes it.

package mirror

import (
	"fmt"
	"time"

	"sceau/signing/trust"
)

// Handed is a repository that was handed on.
type Handed struct {
	Fingerprint string
	Root        []byte // the first one, which has that fingerprint
	Version     int64  // one more at each publication
	Published   time.Time
	Expires     time.Time
	Insurers    int
	Files       int
	Bytes       int64
}

// Hand gives put every file that is kept of a followed repository, by its path in a static repository: whoever follows those
// files is where this counter is. All roots are among them, so that a counter which missed changes of keys takes them step by
// step. Everything is verified first: of a state in which a part can't be believed nothing is given. The timestamp comes last.
// Changes of lists are not kept, and those who follow fetch the lists whole. put may be nil, to look only; its error ends it.
// Errors: ErrNotFollowed, ErrDamaged, put's own.
func (v *View) Hand(fingerprint string, put func(path string, data []byte) error) (Handed, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r, err := v.fingerprinted(fingerprint)
	if err != nil {
		return Handed{}, err
	}
	h := Handed{Fingerprint: r.fingerprint, Root: r.trusted.Root(), Version: r.trusted.Version(), Published: r.trusted.Published(),
		Expires: r.trusted.Expires(), Insurers: len(r.trusted.Insurers())}
	if err := v.each(r, func(_ string, data []byte) error {
		h.Files++
		h.Bytes += int64(len(data))
		return nil
	}); err != nil {
		return Handed{}, err
	}
	if put == nil {
		return h, nil
	}
	if err := v.each(r, put); err != nil {
		return Handed{}, err
	}
	return h, nil
}

// fingerprinted finds a repository by its fingerprint.
func (v *View) fingerprinted(fingerprint string) (*followed, error) {
	ids, err := v.repositoryIDs()
	if err != nil {
		return nil, damaged("%w", err)
	}
	for _, id := range ids {
		var known string
		if err := v.row("SELECT fingerprint FROM repository WHERE id = ?", id).Scan(&known); err != nil {
			return nil, damaged("repository %d: %w", id, err)
		}
		if trust.SameFingerprint(known, fingerprint) {
			return v.repository(id)
		}
	}
	return nil, ErrNotFollowed
}

// each visits the files of a repository, its metadata after its targets and the timestamp last.
func (v *View) each(r *followed, visit func(path string, data []byte) error) error {
	metadata, err := r.trusted.Metadata()
	if err != nil {
		return damaged("%w", err)
	}
	for _, key := range append([]string{""}, r.trusted.Insurers()...) {
		infos, err := r.trusted.Targets(key)
		if err != nil {
			return damaged("%w", err)
		}
		listed := v.listed(r, key)
		for _, info := range infos {
			if !kept(info, listed) {
				continue
			}
			data, err := v.verified(r, info)
			if err != nil {
				return damaged("%s: %w", info.Path, err)
			}
			if err := visit(info.FetchPath(), data); err != nil {
				return fmt.Errorf("%s: %w", info.Path, err)
			}
		}
	}
	for _, f := range metadata {
		if err := visit(f.Path, f.Data); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

// Fingerprints names the repositories that are followed.
func (v *View) Fingerprints() ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	all, err := v.texts("SELECT fingerprint FROM repository ORDER BY fingerprint")
	if err != nil {
		return nil, damaged("%w", err)
	}
	return all, nil
}
