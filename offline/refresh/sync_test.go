package refresh_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// operator publishes into memory: a folder that can be served, cut, swapped and rolled back.
type operator struct {
	t     *testing.T
	begun time.Time
	now   time.Time
	keys  map[string]crypto.Signer
	repo  *trust.Repo
	files memory
	pages map[uint32]*status.Page
}

// memory is a Source.
type memory map[string][]byte

func (m memory) Fetch(_ context.Context, path string, limit int64) ([]byte, error) {
	b, ok := m[path]
	switch {
	case !ok:
		return nil, trust.ErrNotFound
	case int64(len(b)) > limit:
		return nil, trust.ErrTooLarge
	}
	return bytes.Clone(b), nil
}

func (m memory) clone() memory {
	out := memory{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

const mutuelle = "775670482"

func newOperator(t *testing.T, insurers ...string) *operator {
	t.Helper()
	start := time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	o := &operator{t: t, begun: start, now: start, keys: map[string]crypto.Signer{}, files: memory{}, pages: map[uint32]*status.Page{}}
	var err error
	o.repo, err = trust.Create(o.now, trust.CreateOptions{Root: []crypto.PublicKey{o.key("root").Public()}, RootThreshold: 1,
		Targets: o.key("targets").Public(), Snapshot: o.key("snapshot").Public(), Timestamp: o.key("timestamp").Public()})
	o.must(err)
	o.must(o.repo.SetTarget(trust.RoleTargets, "codes.json", rights.DefaultCodes().Bytes(), nil))
	for i, key := range insurers {
		o.add(key, uint32(i+1))
	}
	o.publish()
	return o
}

func (o *operator) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *operator) key(name string) crypto.Signer {
	if k, ok := o.keys[name]; ok {
		return k
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	o.must(err)
	o.keys[name] = k
	return k
}

func (o *operator) add(key string, list uint32) {
	o.must(o.repo.AddInsurer(key, o.key(trust.InsurerRole(key)).Public(), o.key(trust.StatusRole(key)).Public()))
	public, err := signing.NewPublicKey(card.Kind, o.key("card-"+key).Public().(*ecdsa.PublicKey))
	o.must(err)
	public.Owner = key
	o.must(public.SetWindow(o.now, time.Time{}))
	doc, err := (&card.Insurer{AMC: rights.AMC(key), Name: "Mutuelle Exemple", CardKeys: []*signing.PublicKey{public},
		Outage: card.OutagePolicy{Default: card.Limits{ReserveHours: 48, RefuseHours: 720}}}).Bytes()
	o.must(err)
	o.must(o.repo.SetTarget(trust.InsurerRole(key), "amc/"+key+"/issuer.json", doc, nil))
	o.pages[list] = status.New(key, list)
	o.setPage(list)
}

func (o *operator) setPage(list uint32) {
	p := o.pages[list]
	o.must(o.repo.SetTarget(trust.StatusRole(p.Issuer()), pagePath(p), p.Encode(), nil))
}

func pagePath(p *status.Page) string { return fmt.Sprintf("amc/%s/status/%d", p.Issuer(), p.List()) }

// end adds events to a list, with its change file.
func (o *operator) end(list uint32, indexes ...uint32) {
	old := o.pages[list]
	var entries []status.Entry
	for _, i := range indexes {
		entries = append(entries, status.Entry{Index: i, From: rights.DateAt(o.now), Published: rights.DateAt(o.now), Kind: status.Void})
	}
	next, err := old.Append(entries)
	o.must(err)
	changes, err := status.Diff(old, next)
	o.must(err)
	o.pages[list] = next
	o.setPage(list)
	o.must(o.repo.SetTarget(trust.StatusRole(old.Issuer()), fmt.Sprintf("%s.%d-%d", pagePath(old), old.Revision(), next.Revision()), changes.Encode(), nil))
}

func (o *operator) publish() {
	o.t.Helper()
	o.now = o.now.Add(time.Hour)
	files, err := o.repo.Commit(o.now, func(role string) ([]crypto.Signer, error) { return []crypto.Signer{o.key(role)}, nil })
	o.must(err)
	for _, f := range files {
		o.files[f.Path] = f.Data
	}
}

func (o *operator) options() refresh.Options {
	return refresh.Options{Now: func() time.Time { return o.now.Add(time.Minute) }}
}

func newCounter(t *testing.T) (*mirror.Mirror, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "comptoir à l’étage")
	m, err := mirror.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, dir
}

// view takes a view that the test closes.
func view(t *testing.T, m *mirror.Mirror) *mirror.View {
	t.Helper()
	v, err := m.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func many(from, n uint32) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = from + uint32(i)*7
	}
	return out
}

func TestSyncFollowsByChanges(t *testing.T) {
	o := newOperator(t, mutuelle, "302976568")
	m, _ := newCounter(t)
	ctx := t.Context()
	r, err := refresh.Sync(ctx, m, o.files, o.options())
	if err != nil || !r.New || !r.Changed || r.Insurers != 2 || r.Lists != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	o.end(1, many(0, 5000)...)
	o.publish()
	if r, err = refresh.Sync(ctx, m, o.files, o.options()); err != nil || r.New || !r.Changed {
		t.Fatalf("%+v, %v", r, err)
	}
	o.end(1, 500_001)
	o.publish()
	o.end(1, 500_002, 500_003)
	o.publish()
	if r, err = refresh.Sync(ctx, m, o.files, o.options()); err != nil || r.ByChanges != 1 {
		t.Fatalf("two small steps behind a large page: %+v, %v", r, err)
	}
	page, err := view(t, m).Page(mutuelle, 1)
	if err != nil || page.Revision() != o.pages[1].Revision() || page.Len() != o.pages[1].Len() {
		t.Fatalf("page after changes: %v", err)
	}
	if r, err = refresh.Sync(ctx, m, o.files, o.options()); err != nil || r.Changed {
		t.Fatalf("nothing new: %+v, %v", r, err)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Fatalf("%+v", f)
	}
}

// forgetting forgets the repository while its files are read.
type forgetting struct {
	memory
	forget func()
}

func (f forgetting) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	if path == "timestamp.json" {
		f.forget()
	}
	return f.memory.Fetch(ctx, path, limit)
}

// A repository that is forgotten while it is synced stays forgotten.
func TestForgottenMeanwhile(t *testing.T) {
	o := newOperator(t, mutuelle)
	m, _ := newCounter(t)
	ctx := t.Context()
	first, err := refresh.Sync(ctx, m, o.files, o.options())
	if err != nil {
		t.Fatal(err)
	}
	o.end(1, 7)
	o.publish()
	options := o.options()
	options.Followed = true
	forget := func() {
		if err := m.Forget(ctx, first.Fingerprint); err != nil && !errors.Is(err, mirror.ErrNotFollowed) {
			t.Error(err)
		}
	}
	if _, err := refresh.Sync(ctx, m, forgetting{o.files, forget}, options); !errors.Is(err, refresh.ErrForgotten) {
		t.Errorf("sync of a repository that was forgotten meanwhile: %v", err)
	}
	if repos, err := m.Overview(ctx); err != nil || len(repos) != 0 {
		t.Errorf("it came back: %+v, %v", repos, err)
	}
	// Following it anew is a person's decision, and works.
	if r, err := refresh.Sync(ctx, m, o.files, o.options()); err != nil || !r.New {
		t.Errorf("followed anew: %+v, %v", r, err)
	}
}

func TestTwoOperatorsMayNotClaimOneInsurer(t *testing.T) {
	first, second, third := newOperator(t, mutuelle), newOperator(t, "302976568", mutuelle), newOperator(t, mutuelle)
	m, _ := newCounter(t)
	if _, err := refresh.Sync(t.Context(), m, first.files, first.options()); err != nil {
		t.Fatal(err)
	}
	genuine, err := view(t, m).Issuer(mutuelle)
	if err != nil {
		t.Fatal(err)
	}
	// The second operator's own insurer is followed; the first one's stays where it was, and that is reported.
	r, err := refresh.Sync(t.Context(), m, second.files, second.options())
	if err != nil || len(r.Contested) != 1 || r.Contested[0] != mutuelle {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := view(t, m).Issuer("302976568"); err != nil {
		t.Fatalf("the second operator's own insurer: %v", err)
	}
	// One that has nothing else to say is not followed at all.
	if _, err := refresh.Sync(t.Context(), m, third.files, third.options()); !errors.Is(err, mirror.ErrClaimed) || !strings.Contains(err.Error(), mutuelle) {
		t.Fatalf("%v", err)
	}
	now, err := view(t, m).Issuer(mutuelle)
	if err != nil || now.Insurer.CardKeys[0].KID != genuine.Insurer.CardKeys[0].KID {
		t.Fatalf("the insurer changed hands: %v", err)
	}
	o := first.options()
	o.Root = second.repo.View().Fingerprint()
	if _, err := refresh.Sync(t.Context(), m, first.files, o); !errors.Is(err, refresh.ErrOtherRoot) {
		t.Fatalf("expected root: %v", err)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Fatalf("%+v", f)
	}
	// Forgetting the first operator frees its insurer.
	if err := m.Forget(t.Context(), first.repo.View().Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if _, err := view(t, m).Issuer(mutuelle); !errors.Is(err, offline.ErrUnknownIssuer) {
		t.Fatalf("forgotten: %v", err)
	}
	if err := m.Forget(t.Context(), first.repo.View().Fingerprint()); !errors.Is(err, mirror.ErrNotFollowed) {
		t.Fatalf("forgotten twice: %v", err)
	}
}

// Bit rot in any stored file is noticed before anything of it is believed, and the next sync mends it.
func TestDamageIsNoticedAndMended(t *testing.T) {
	o := newOperator(t, mutuelle)
	o.end(1, many(3, 400)...)
	o.publish()
	m, dir := newCounter(t)
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, mirror.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT path FROM file")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for rows.Next() {
		var p string
		if err := rows.Scan(&p); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	rows.Close()
	if len(paths) < 8 {
		t.Fatalf("only %d files stored", len(paths))
	}
	for _, path := range append(paths, "root") {
		read, write := "SELECT data FROM file WHERE path = ?", "UPDATE file SET data = ? WHERE path = ?"
		if path == "root" {
			read, write = "SELECT root FROM repository WHERE ? <> ''", "UPDATE repository SET root = ? WHERE ? <> ''"
		}
		var data []byte
		if err := db.QueryRow(read, path).Scan(&data); err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 0x10
		if _, err := db.Exec(write, data, path); err != nil {
			t.Fatal(err)
		}
		fresh, err := mirror.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if f := fresh.Fsck(t.Context()); len(f) == 0 {
			t.Errorf("%s: a flipped bit was not found", path)
		}
		_, issuerErr := view(t, fresh).Issuer(mutuelle)
		_, pageErr := view(t, fresh).Page(mutuelle, 1)
		if err := errors.Join(issuerErr, pageErr); err == nil || !mirror.IsDamaged(err) {
			t.Errorf("%s: believed: %v", path, err)
		}
		if _, err := refresh.Sync(t.Context(), fresh, o.files, o.options()); err != nil {
			t.Errorf("%s: the sync does not mend it: %v", path, err)
		}
		if f := fresh.Fsck(t.Context()); len(f) > 0 {
			t.Errorf("%s: after the sync: %+v", path, f)
		}
		fresh.Close()
	}
}

func TestFolderThatIsNotACounter(t *testing.T) {
	if _, err := mirror.Open(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, mirror.FileName), []byte("this is not a database, by far, whatever its name"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Open(dir); !mirror.IsDamaged(err) {
		t.Errorf("a foreign file: %v", err)
	}
	_, dir = newCounter(t)
	db, err := sql.Open("sqlite", filepath.Join(dir, mirror.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := mirror.Open(dir); !errors.Is(err, mirror.ErrNewer) {
		t.Errorf("a newer folder: %v", err)
	}
}
