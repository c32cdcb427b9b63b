// The writer: what it emits, when it signs, what it refuses, and that it comes
// back from its own files.
package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func paths(files []File) (p []string) {
	for _, f := range files {
		p = append(p, f.Path)
	}
	return p
}

func TestCommitOrder(t *testing.T) {
	w := &world{t: t, now: day0, keys: map[string][]crypto.Signer{}, away: map[string]bool{}, store: memory{}}
	for _, role := range []string{RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp} {
		w.keys[role] = []crypto.Signer{newKey(t)}
	}
	var err error
	w.repo, err = Create(w.now, CreateOptions{Root: []crypto.PublicKey{w.keys[RoleRoot][0].Public()}, RootThreshold: 1,
		Targets: w.keys[RoleTargets][0].Public(), Snapshot: w.keys[RoleSnapshot][0].Public(), Timestamp: w.keys[RoleTimestamp][0].Public()})
	if err != nil {
		t.Fatal(err)
	}
	if w.repo.View() != nil {
		t.Error("a view before the first Commit")
	}
	w.addInsurer("7")
	w.set(RoleTargets, "codes.json", "{}", nil)
	w.set(StatusRole("7"), "amc/7/status/1", "", nil)
	got := paths(w.publish())
	codes, _ := w.repo.View().Target("codes.json")
	page, _ := w.repo.View().Target("amc/7/status/1")
	want := []string{page.FetchPath(), codes.FetchPath(), "1.amc-7.json", "1.amc-7-status.json", "1.targets.json", "1.snapshot.json", "1.root.json", timestampPath}
	if !slices.Equal(got, want) {
		t.Errorf("first: %v", got)
	}

	// Nothing changed: a new timestamp, and only its key is asked for.
	w.now, w.asked = w.now.Add(time.Hour), nil
	if got := paths(w.publish()); !slices.Equal(got, []string{timestampPath}) || !slices.Equal(w.asked, []string{RoleTimestamp}) {
		t.Errorf("unchanged: %v, asked %v", got, w.asked)
	}
	if !w.repo.View().Published().Equal(w.now) {
		t.Error("published not renewed")
	}
	// Setting what is there, adding who is there: nothing changes.
	w.set(RoleTargets, "codes.json", "{}", nil)
	if err := w.repo.AddInsurer("7", w.keys[InsurerRole("7")][0].Public(), w.keys[StatusRole("7")][0].Public()); err != nil {
		t.Error(err)
	}
	if got := paths(w.publish()); !slices.Equal(got, []string{timestampPath}) {
		t.Errorf("same again: %v", got)
	}
	// One role changes: it, snapshot, timestamp; the offline keys are not asked for.
	w.asked = nil
	w.set(StatusRole("7"), "amc/7/status/1", "x", map[string]any{"revision": 2, "a": []int{1}})
	got = paths(w.publish())
	page, _ = w.repo.View().Target("amc/7/status/1")
	if want := []string{page.FetchPath(), "2.amc-7-status.json", "2.snapshot.json", timestampPath}; !slices.Equal(got, want) {
		t.Errorf("one role: %v", got)
	}
	if want := []string{StatusRole("7"), RoleSnapshot, RoleTimestamp}; !slices.Equal(w.asked, want) {
		t.Errorf("asked %v", w.asked)
	}
	if string(page.Custom) != `{"a":[1],"revision":2}` {
		t.Errorf("custom %s", page.Custom)
	}
	// Only the custom member changes: the content is there already.
	w.set(StatusRole("7"), "amc/7/status/1", "x", map[string]int{"revision": 3})
	if got := paths(w.publish()); !slices.Equal(got, []string{"3.amc-7-status.json", "3.snapshot.json", timestampPath}) {
		t.Errorf("custom only: %v", got)
	}
	if err := w.repo.RemoveTarget(StatusRole("7"), "amc/7/status/1"); err != nil {
		t.Fatal(err)
	}
	w.publish()
	if _, err := w.repo.View().Target("amc/7/status/1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if _, err := w.follow(w.store, nil); err != nil {
		t.Error(err)
	}
}

func TestFiftyCommitsWithReload(t *testing.T) {
	w := newWorld(t)
	counter := w.mustFollow(w.store, nil)
	for i := range 50 {
		var err error
		if w.repo, err = Load(bundle(w.store).read); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(7 * time.Hour)
		key := []string{insurerA, insurerB, insurerC}[i%3]
		w.set(StatusRole(key), fmt.Sprintf("amc/%s/status/%d", key, i%5), fmt.Sprint("page ", i), map[string]int{"revision": i + 2})
		if i%10 == 3 {
			w.addInsurer(fmt.Sprint(1000 + i))
			w.set(InsurerRole(fmt.Sprint(1000+i)), fmt.Sprintf("amc/%d/issuer.json", 1000+i), "{}", nil)
		}
		w.publish()
		if i%7 == 0 {
			counter = w.mustFollow(w.store, counter)
		}
	}
	counter = w.mustFollow(w.store, counter)
	if counter.Version() != 51 || len(counter.Insurers()) != 8 {
		t.Errorf("version %d, %d insurers", counter.Version(), len(counter.Insurers()))
	}
}

func TestRenewal(t *testing.T) {
	w := newWorld(t)
	w.away[RoleRoot], w.away[RoleTargets], w.away[InsurerRole(insurerA)] = true, true, true
	// Online keys keep their roles alive for eight months, unattended.
	for range 240 {
		w.now = w.now.Add(day)
		w.publish()
	}
	if len(w.repo.Warnings()) != 0 {
		t.Errorf("warnings with more than a third left: %v", w.repo.Warnings())
	}
	w.now = w.now.Add(10 * day)
	files := w.publish()
	got := strings.Join(w.repo.Warnings(), "\n")
	if len(w.repo.Warnings()) != 2 || !strings.Contains(got, "targets expires on 2028-02-29") || !strings.Contains(got, InsurerRole(insurerA)) {
		t.Errorf("warnings %v", w.repo.Warnings())
	}
	if p := paths(files); !slices.Contains(p, "2."+InsurerRole(insurerB)+".json") {
		t.Errorf("insurer B's key is at hand but its role was not renewed: %v", p)
	}
	// The key comes back: renewed, no warning left for it.
	delete(w.away, RoleTargets)
	w.now = w.now.Add(day)
	if p := paths(w.publish()); !slices.Contains(p, "2.targets.json") || len(w.repo.Warnings()) != 1 {
		t.Errorf("%v %v", p, w.repo.Warnings())
	}
	// It does not come back before the end: publishing stops, and says why.
	w.now = day0.Add(366 * day)
	before := w.repo.View()
	_, err := w.repo.Commit(w.now, w.sign)
	if !errors.Is(err, ErrExpiredAtPublication) || !strings.Contains(err.Error(), InsurerRole(insurerA)) || w.repo.View() != before {
		t.Errorf("expired: %v", err)
	}
	delete(w.away, InsurerRole(insurerA))
	w.publish()
	// A root near its end is renewed with the same keys, or waits for both of them.
	w.now = day0.Add(800 * day)
	if _, err := w.repo.Commit(w.now, w.sign); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(w.repo.Warnings(), " "), "root expires") {
		t.Errorf("warnings %v", w.repo.Warnings())
	}
	delete(w.away, RoleRoot)
	all := w.keys[RoleRoot]
	w.keys[RoleRoot] = all[:1]
	if _, err := w.repo.Commit(w.now, w.sign); err != nil || !strings.Contains(strings.Join(w.repo.Warnings(), " "), "root expires") {
		t.Errorf("one of two root keys at hand: %v %v", err, w.repo.Warnings())
	}
	w.keys[RoleRoot] = all
	files = w.publish()
	if p := paths(files); !slices.Equal(p, []string{"2.root.json", timestampPath}) {
		t.Errorf("root renewal: %v", p)
	}
}

// A repository whose commits were not all stored is taken up where the store is.
func TestCrashBeforeStoring(t *testing.T) {
	w := newWorld(t)
	stored := w.copy()
	w.nextDay() // signed, then the machine stops before anything is stored
	var err error
	if w.repo, err = Load(bundle(stored).read); err != nil {
		t.Fatal(err)
	}
	w.store = stored
	w.nextDay()
	if w.repo.View().Version() != 2 {
		t.Errorf("version %d", w.repo.View().Version())
	}
	// Stored by halves, in writing order: the old state or the new one at each step.
	w.now = w.now.Add(day)
	w.set(StatusRole(insurerB), "amc/"+insurerB+"/status/3", "half", nil)
	w.set(RoleTargets, "codes.json", `{"codes":2}`, nil)
	half := w.copy()
	cur := w.mustFollow(half, nil)
	files, err := w.repo.Commit(w.now, w.sign)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		half[f.Path] = f.Data
		got := w.mustFollow(half, cur)
		if want := int64(2); i < len(files)-1 && got.Version() != want {
			t.Errorf("after %s: version %d", f.Path, got.Version())
		}
		if _, err := Load(bundle(half).read); err != nil {
			t.Errorf("load after %s: %v", f.Path, err)
		}
	}
	if got := w.mustFollow(half, cur); got.Version() != 3 {
		t.Errorf("at the end: version %d", got.Version())
	}
}

type brokenSigner struct {
	crypto.Signer
	err error
}

func (b brokenSigner) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	bad := bytes.Clone(digest)
	bad[3] ^= 1
	return b.Signer.Sign(r, bad, o)
}

func TestCommitRefusals(t *testing.T) {
	pin := errors.New("wrong PIN")
	for name, c := range map[string]struct {
		family error
		spoil  func(w *world)
	}{
		"clock back":              {ErrClockBackwards, func(w *world) { w.now = day0.Add(-time.Hour) }},
		"changed role's key away": {ErrNoSigner, func(w *world) { w.away[StatusRole(insurerA)] = true }},
		"timestamp key away":      {ErrNoSigner, func(w *world) { w.away[RoleTimestamp] = true }},
		"no signer and no error":  {ErrNoSigner, func(w *world) { w.keys[StatusRole(insurerA)] = nil }},
		"foreign key":             {ErrWrongKey, func(w *world) { w.keys[StatusRole(insurerA)] = w.keys[StatusRole(insurerB)] }},
		"faulty signature":        {ErrSignature, func(w *world) { w.keys[RoleSnapshot][0] = brokenSigner{w.keys[RoleSnapshot][0], nil} }},
		"signer's own error":      {pin, func(w *world) { w.keys[RoleTimestamp][0] = brokenSigner{w.keys[RoleTimestamp][0], pin} }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys, now := w.keys, w.now.Add(day)
			w.keys, w.now = map[string][]crypto.Signer{}, now
			for role, k := range keys {
				w.keys[role] = slices.Clone(k)
			}
			w.set(StatusRole(insurerA), "amc/"+insurerA+"/status/3", "next", nil)
			view := w.repo.View()
			c.spoil(w)
			if files, err := w.repo.Commit(w.now, w.sign); files != nil || !errors.Is(err, c.family) {
				t.Errorf("%v, want %v", err, c.family)
			}
			if w.repo.View() != view {
				t.Error("the state moved on")
			}
			// The twin: with the fault mended the same change goes through.
			w.keys, w.now, w.away = keys, now, map[string]bool{}
			w.publish()
			if got := w.mustFollow(w.store, nil); got.Version() != 2 {
				t.Errorf("version %d", got.Version())
			}
		})
	}
}

func TestCreateRefusals(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := func() crypto.PublicKey { return newKey(t).Public() }
	good := CreateOptions{Root: []crypto.PublicKey{k(), k()}, RootThreshold: 2, Targets: k(), Snapshot: k(), Timestamp: k()}
	for name, spoil := range map[string]func(o *CreateOptions){
		"no root":          func(o *CreateOptions) { o.Root = nil },
		"threshold 0":      func(o *CreateOptions) { o.RootThreshold = 0 },
		"threshold 3 of 2": func(o *CreateOptions) { o.RootThreshold = 3 },
		"root key twice":   func(o *CreateOptions) { o.Root = []crypto.PublicKey{o.Root[0], o.Root[0]} },
		"shared key":       func(o *CreateOptions) { o.Timestamp = o.Snapshot },
		"P-384":            func(o *CreateOptions) { o.Targets = p384.Public() },
		"nil key":          func(o *CreateOptions) { o.Targets = nil },
	} {
		o := good
		spoil(&o)
		if r, err := Create(day0, o); r != nil || !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Create(day0, good); err != nil {
		t.Error(err)
	}
}

func TestInsurerAndTargetRefusals(t *testing.T) {
	w := newWorld(t)
	pub := func(role string) crypto.PublicKey { return w.keys[role][0].Public() }
	a, b := newKey(t).Public(), newKey(t).Public()
	for name, c := range map[string]struct {
		family error
		do     func() error
	}{
		"other keys":       {ErrInsurerExists, func() error { return w.repo.AddInsurer(insurerA, a, b) }},
		"other status key": {ErrInsurerExists, func() error { return w.repo.AddInsurer(insurerA, pub(InsurerRole(insurerA)), b) }},
		"another's keys": {ErrInsurerExists, func() error {
			return w.repo.AddInsurer(insurerA, pub(InsurerRole(insurerB)), pub(StatusRole(insurerA)))
		}},
		"same key twice":     {ErrWrongKey, func() error { return w.repo.AddInsurer("5", a, a) }},
		"operator's key":     {ErrWrongKey, func() error { return w.repo.AddInsurer("5", pub(RoleTargets), b) }},
		"insurer's key":      {ErrWrongKey, func() error { return w.repo.AddInsurer("5", a, pub(StatusRole(insurerB))) }},
		"leading zero":       {ErrUnsafePath, func() error { return w.repo.AddInsurer("05", a, b) }},
		"lower case":         {ErrUnsafePath, func() error { return w.repo.AddInsurer("a5", a, b) }},
		"slash":              {ErrUnsafePath, func() error { return w.repo.AddInsurer("5/6", a, b) }},
		"empty":              {ErrUnsafePath, func() error { return w.repo.AddInsurer("", a, b) }},
		"status as key":      {ErrUnsafePath, func() error { return w.repo.AddInsurer("5-status", a, b) }},
		"wrong role":         {ErrScope, func() error { return w.repo.SetTarget(StatusRole(insurerA), "amc/"+insurerA+"/issuer.json", nil, nil) }},
		"another's page":     {ErrScope, func() error { return w.repo.SetTarget(StatusRole(insurerA), "amc/"+insurerB+"/status/3", nil, nil) }},
		"climbing":           {ErrUnsafePath, func() error { return w.repo.SetTarget(RoleTargets, "../x", nil, nil) }},
		"unknown insurer":    {ErrNotFound, func() error { return w.repo.SetTarget(StatusRole("5"), "amc/5/status/3", nil, nil) }},
		"float in custom":    {ErrMalformed, func() error { return w.repo.SetTarget(RoleTargets, "x", nil, 1.5) }},
		"accents in custom":  {ErrMalformed, func() error { return w.repo.SetTarget(RoleTargets, "x", nil, "é") }},
		"null in custom":     {ErrMalformed, func() error { return w.repo.SetTarget(RoleTargets, "x", nil, []any{nil}) }},
		"custom not JSON":    {ErrMalformed, func() error { return w.repo.SetTarget(RoleTargets, "x", nil, json.RawMessage("{")) }},
		"custom too long":    {ErrTooLarge, func() error { return w.repo.SetTarget(RoleTargets, "x", nil, strings.Repeat("a", maxCustom)) }},
		"remove what is not": {ErrNotFound, func() error { return w.repo.RemoveTarget(RoleTargets, "none") }},
	} {
		if err := c.do(); !errors.Is(err, c.family) {
			t.Errorf("%s: %v, want %v", name, err, c.family)
		}
	}
	// None of it left a trace.
	w.now = w.now.Add(time.Hour)
	if got := paths(w.publish()); !slices.Equal(got, []string{timestampPath}) {
		t.Errorf("after refusals: %v", got)
	}
}

func TestLoadRefusals(t *testing.T) {
	w := newWorld(t)
	w.nextDay()
	for name, spoil := range map[string]func(m memory){
		"no root":      func(m memory) { delete(m, "1.root.json") },
		"no timestamp": func(m memory) { delete(m, timestampPath) },
		"no role":      func(m memory) { delete(m, "2."+StatusRole(insurerA)+".json") },
		"old role":     func(m memory) { m["2."+StatusRole(insurerA)+".json"] = m["1."+StatusRole(insurerA)+".json"] },
	} {
		m := maps.Clone(w.store)
		spoil(m)
		if r, err := Load(bundle(m).read); r != nil || err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	if _, err := Load(bundle(w.store).read); err != nil {
		t.Error(err)
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"codes.json": RoleTargets, "a/b": RoleTargets, "amc/7/issuer.json": "amc-7", "amc/7/issued/Xq3_-a": "amc-7",
		"amc/7/status/3": "amc-7-status", "amc/7/status/3.41-42": "amc-7-status",
	} {
		if got, err := Owner(path); err != nil || got != want {
			t.Errorf("%s: %s %v", path, got, err)
		}
	}
	for _, path := range []string{"", "/a", "a/", "a//b", "..", "../a", "a/..", "a/../b", ".", "./a", "a/.b", "a.", "a\\b", "a b", "é", "a\x00", "a:b", "C:/a",
		"amc", "amc/", "amc/7", "amc/7/", "amc/7/x", "amc/7/status", "amc/7/status/", "amc/7/status/a/b", "amc/7/issued", "amc/07/issuer.json", "amc/a/issuer.json",
		"amc/7/issuer.json/x", "amc/12345678901/issuer.json", strings.Repeat("a", maxPath+1), "%2e%2e/a", "a?b", "a#b"} {
		if role, err := Owner(path); !errors.Is(err, ErrUnsafePath) {
			t.Errorf("%q: %s, %v", path, role, err)
		}
	}
}
