// Bringing together the metadata of one state: what has not changed is not
// fetched again.
package trust

import (
	"context"
	"fmt"
	"sync"
)

// bundle is a set of metadata files by path.
type bundle map[string][]byte

func (b bundle) read(path string) ([]byte, error) {
	if data, ok := b[path]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
}

// gather fills a bundle for the state that ts announces. It checks lengths and
// hashes as it goes, so that each file's size is bounded by what was signed;
// signatures are Open's business.
func (r *refresh) gather(ctx context.Context, roots []*rootDoc, ts *timestampDoc) (bundle, error) {
	files := bundle{timestampPath: ts.data}
	for _, root := range roots {
		files[metaPath(RoleRoot, root.version)] = root.data
	}
	have := r.currentFiles()

	snap, err := r.meta(ctx, have, RoleSnapshot, ts.snapshot)
	if err != nil {
		return nil, err
	}
	files[metaPath(RoleSnapshot, ts.snapshot.version)] = snap
	s, err := parseSnapshot(snap)
	if err != nil {
		return nil, err
	}
	// Verified before its sizes are believed.
	if err := s.verify(false, roots[len(roots)-1].roles[RoleSnapshot]); err != nil {
		return nil, err
	}
	ref, ok := s.meta[RoleTargets]
	if !ok {
		return nil, fmt.Errorf("%w: targets is not in the snapshot", ErrMixed)
	}
	top, err := r.meta(ctx, have, RoleTargets, ref)
	if err != nil {
		return nil, err
	}
	files[metaPath(RoleTargets, ref.version)] = top
	t, err := parseTargets(RoleTargets, top)
	if err != nil {
		return nil, err
	}
	if err := t.verify(false, roots[len(roots)-1].roles[RoleTargets]); err != nil {
		return nil, err
	}
	if err := r.gatherRoles(ctx, have, s, t, files); err != nil {
		return nil, err
	}
	return files, nil
}

// gatherRoles adds the insurers' roles, a few requests at a time.
func (r *refresh) gatherRoles(ctx context.Context, have bundle, s *snapshotDoc, t *targetsDoc, files bundle) error {
	type job struct {
		role string
		ref  metaRef
		data []byte
		err  error
	}
	var jobs []*job
	for role := range t.delegated {
		key, _, _ := splitRole(role)
		for _, name := range []string{role, StatusRole(key)} {
			ref, ok := s.meta[name]
			if !ok {
				return fmt.Errorf("%w: %s is not in the snapshot", ErrMixed, name)
			}
			jobs = append(jobs, &job{role: name, ref: ref})
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *job)
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for range min(fetchers, len(jobs)) {
		wg.Go(func() {
			for j := range queue {
				if j.data, j.err = r.meta(ctx, have, j.role, j.ref); j.err != nil {
					once.Do(func() { first = j.err; cancel() })
				}
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wg.Wait()
	if first != nil {
		return first
	}
	for _, j := range jobs {
		files[metaPath(j.role, j.ref.version)] = j.data
	}
	return nil
}

// meta gives the bytes of one version of a role, from the current state when
// it has exactly them.
func (r *refresh) meta(ctx context.Context, have bundle, role string, ref metaRef) ([]byte, error) {
	path := metaPath(role, ref.version)
	if data, ok := have[path]; ok && ref.check(role, data) == nil {
		r.mu.Lock()
		r.report.Reused++
		r.mu.Unlock()
		return data, nil
	}
	data, err := r.fetchExact(ctx, path, ref.length)
	if err != nil {
		return nil, err
	}
	if err := ref.check(role, data); err != nil {
		return nil, err
	}
	return data, nil
}

// currentFiles is what the current state holds. A store that lost a file is
// no reason to fail: the file is fetched again.
func (r *refresh) currentFiles() bundle {
	have := bundle{}
	if r.cur == nil {
		return have
	}
	have[metaPath(RoleSnapshot, r.cur.snapshot.version)] = r.cur.snapshot.data
	have[metaPath(RoleTargets, r.cur.top.version)] = r.cur.top.data
	for _, key := range r.cur.Insurers() {
		for _, role := range []string{InsurerRole(key), StatusRole(key)} {
			if d, err := r.cur.role(role); err == nil {
				have[metaPath(role, d.version)] = d.data
			}
		}
	}
	return have
}
