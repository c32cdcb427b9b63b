package refresh_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/signing/trust"
)

// Whatever the source does, the last good state stays and keeps answering.
func TestHostileSourceChangesNothing(t *testing.T) {
	o := newOperator(t, mutuelle)
	m, _ := newCounter(t)
	before := o.files.clone()
	if _, err := refresh.Sync(t.Context(), m, before, o.options()); err != nil {
		t.Fatal(err)
	}
	o.end(1, many(0, 1000)...)
	o.publish()
	stranger := newOperator(t, mutuelle)

	cases := map[string]struct {
		source func() memory
		want   error
	}{
		"pages cut short": {func() memory {
			f := o.files.clone()
			for name := range f {
				if strings.Contains(name, "/status/") && before[name] == nil {
					f[name] = f[name][:len(f[name])-1]
				}
			}
			return f
		}, trust.ErrMixed},
		"pages of the old state":    {func() memory { return dropPages(o.files.clone(), before) }, trust.ErrNotFound},
		"timestamp of nobody":       {func() memory { f := o.files.clone(); f["timestamp.json"] = stranger.files["timestamp.json"]; return f }, trust.ErrSignature},
		"another root of that name": {func() memory { f := stranger.files.clone(); f["1.root.json"] = o.files["1.root.json"]; return f }, trust.ErrSignature},
		"everything is gone":        {func() memory { return memory{} }, trust.ErrNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := refresh.Sync(t.Context(), m, tc.source(), o.options())
			if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			if f := m.Fsck(t.Context()); len(f) > 0 {
				t.Fatalf("%+v", f)
			}
			if p, err := view(t, m).Page(mutuelle, 1); err != nil || p.Len() != 0 {
				t.Fatalf("the last good list is not what it was: %v", err)
			}
		})
	}
	// The valid twin.
	if r, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil || !r.Changed {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := refresh.Sync(t.Context(), m, before, o.options()); !errors.Is(err, trust.ErrRollback) {
		t.Fatalf("yesterday's folder: %v", err)
	}
}

// dropPages removes the new targets, so that neither page nor changes can be fetched.
func dropPages(files, before memory) memory {
	for name := range files {
		if strings.Contains(name, "/status/") && before[name] == nil {
			delete(files, name)
		}
	}
	return files
}

// twin publishes, with the operator's own keys, something that the operator never would.
func (o *operator) twin(change func(twin *operator)) memory {
	twin := *o
	twin.files, twin.pages = o.files.clone(), map[uint32]*status.Page{}
	for list, page := range o.pages {
		twin.pages[list] = page
	}
	var err error
	twin.repo, err = trust.Load(func(path string) ([]byte, error) {
		b, ok := twin.files[path]
		if !ok {
			return nil, trust.ErrNotFound
		}
		return b, nil
	})
	o.must(err)
	change(&twin)
	twin.now = o.now.Add(30*time.Second - time.Hour)
	twin.publish()
	return twin.files
}

// What is signed and yet not acceptable: only the operator can have made it, and only the operator can mend it.
func TestSignedNonsenseIsRefused(t *testing.T) {
	o := newOperator(t, mutuelle, "302976568")
	o.end(1, many(0, 400)...)
	o.publish()
	m, _ := newCounter(t)
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	replace := func(page *status.Page) func(*operator) {
		return func(twin *operator) {
			o.must(twin.repo.SetTarget(trust.StatusRole(mutuelle), "amc/"+mutuelle+"/status/1", page.Encode(), nil))
		}
	}
	longer := func(key string, list uint32) *status.Page {
		p, err := status.New(key, list).Append([]status.Entry{{Index: 9, From: 20900, Published: 20900, Kind: status.Void}})
		o.must(err)
		for range 3 {
			p, err = p.Append([]status.Entry{{Index: 9 + uint32(p.Revision()), From: 20900, Published: 20900, Kind: status.Void}})
			o.must(err)
		}
		return p
	}
	for name, change := range map[string]func(*operator){
		"a list without its history":  replace(longer(mutuelle, 1)),
		"the page of another insurer": replace(longer("302976568", 1)),
		"the page of another list":    replace(longer(mutuelle, 2)),
		"a page that is none": func(twin *operator) {
			o.must(twin.repo.SetTarget(trust.StatusRole(mutuelle), "amc/"+mutuelle+"/status/1", []byte("page"), nil))
		},
		"a list that is gone": func(twin *operator) {
			o.must(twin.repo.RemoveTarget(trust.StatusRole(mutuelle), "amc/"+mutuelle+"/status/1"))
		},
		"facts of another insurer": func(twin *operator) {
			for path, b := range o.files {
				if strings.HasPrefix(path, "amc/302976568/") && strings.HasSuffix(path, ".issuer.json") {
					o.must(twin.repo.SetTarget(trust.InsurerRole(mutuelle), "amc/"+mutuelle+"/issuer.json", b, nil))
				}
			}
		},
		"tables that are none": func(twin *operator) {
			o.must(twin.repo.SetTarget(trust.RoleTargets, "codes.json", []byte("{}"), nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := refresh.Sync(t.Context(), m, o.twin(change), o.options()); !errors.Is(err, refresh.ErrContent) {
				t.Fatalf("%v", err)
			}
			if p, err := view(t, m).Page(mutuelle, 1); err != nil || p.Len() != 400 {
				t.Fatalf("the last good list: %v", err)
			}
		})
	}
	// The valid twin.
	good := o.twin(func(twin *operator) { twin.end(1, 700_001) })
	if r, err := refresh.Sync(t.Context(), m, good, o.options()); err != nil || !r.Changed {
		t.Fatalf("%+v, %v", r, err)
	}
}

// A change file needs no signature: one that leads elsewhere only costs the whole page.
func TestForgedChangesCostThePage(t *testing.T) {
	o := newOperator(t, mutuelle)
	o.end(1, many(0, 4000)...)
	o.publish()
	m, _ := newCounter(t)
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	forged := o.twin(func(twin *operator) {
		old := twin.pages[1]
		twin.end(1, 700_001)
		other, err := old.Append([]status.Entry{{Index: 700_002, From: 20900, Published: 20900, Kind: status.Void}})
		o.must(err)
		changes, err := status.Diff(old, other)
		o.must(err)
		o.must(twin.repo.SetTarget(trust.StatusRole(mutuelle), fmt.Sprintf("%s.%d-%d", pagePath(old), old.Revision(), other.Revision()), changes.Encode(), nil))
	})
	r, err := refresh.Sync(t.Context(), m, forged, o.options())
	if err != nil || r.ByChanges != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	v := view(t, m)
	p, err := v.Page(mutuelle, 1)
	if err != nil || p.At(700_001, 30000).Kind != status.Void || p.At(700_002, 30000).Kind != status.OK {
		t.Fatalf("%v", err)
	}
}

// slowSource lets another sync finish in the middle of one.
type slowSource struct {
	memory
	once func()
}

func (s *slowSource) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	if path == "timestamp.json" && s.once != nil {
		b, err := s.memory.Fetch(ctx, path, limit)
		f := s.once
		s.once = nil
		f()
		return b, err
	}
	return s.memory.Fetch(ctx, path, limit)
}

func TestTwoSyncsAtOnceNeverRollBack(t *testing.T) {
	o := newOperator(t, mutuelle)
	m, _ := newCounter(t)
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	o.end(1, 1)
	o.publish()
	older := o.files.clone()
	o.end(1, 2)
	o.publish()
	slow := &slowSource{memory: older, once: func() {
		if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
			t.Error(err)
		}
	}}
	if _, err := refresh.Sync(t.Context(), m, slow, o.options()); !errors.Is(err, trust.ErrRollback) {
		t.Fatalf("the slow sync of an older state: %v", err)
	}
	if p, err := view(t, m).Page(mutuelle, 1); err != nil || p.Len() != 2 {
		t.Fatalf("%v", err)
	}
}

// The floor outlives the files: a damaged counter can't be led back.
func TestDamagedCounterKeepsItsFloor(t *testing.T) {
	o := newOperator(t, mutuelle)
	before := o.files.clone()
	o.end(1, 1)
	o.publish()
	m, dir := newCounter(t)
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	exec(t, dir, "UPDATE file SET data = x'00' WHERE path = 'timestamp.json'")
	if _, err := refresh.Sync(t.Context(), m, before, o.options()); !errors.Is(err, trust.ErrRollback) {
		t.Fatalf("an older mirror: %v", err)
	}
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatalf("the present one: %v", err)
	}
}

// A view answers from one state, whatever is synced meanwhile; rows that route elsewhere or are missing are damage.
func TestViewsAndRoutes(t *testing.T) {
	o := newOperator(t, mutuelle)
	m, dir := newCounter(t)
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	old := view(t, m)
	o.end(1, 5)
	o.publish()
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	if p, err := old.Page(mutuelle, 1); err != nil || p.Len() != 0 {
		t.Fatalf("the old view: %v", err)
	}
	if p, err := view(t, m).Page(mutuelle, 1); err != nil || p.Len() != 1 {
		t.Fatalf("a new view: %v", err)
	}
	if _, err := view(t, m).Page(mutuelle, 9); !errors.Is(err, offline.ErrNoPage) {
		t.Fatalf("a list that nobody signed for: %v", err)
	}
	exec(t, dir, "INSERT INTO insurer SELECT '302976568', id FROM repository")
	if _, err := view(t, m).Issuer("302976568"); !mirror.IsDamaged(err) {
		t.Fatalf("routed to a repository that does not know it: %v", err)
	}
	if f := m.Fsck(t.Context()); len(f) != 1 || f[0].Code != "routing" {
		t.Fatalf("%+v", f)
	}
	exec(t, dir, "DELETE FROM insurer WHERE key = '302976568'")
	exec(t, dir, "DELETE FROM file WHERE path LIKE '%-status.json'")
	if _, err := view(t, m).Page(mutuelle, 1); !mirror.IsDamaged(err) {
		t.Fatalf("a role that is missing: %v", err)
	}
}

func exec(t *testing.T, dir, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, mirror.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}
