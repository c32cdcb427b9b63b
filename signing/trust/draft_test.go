// Drafts of roots: what holders are shown, whose signatures count, and what a
// dishonest draft can't get signed or installed.
package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// draftOf drafts a change in a world, without signing it.
func (w *world) draftOf(ch RootChange) []byte {
	w.t.Helper()
	draft, err := w.repo.DraftRoot(w.now, ch)
	if err != nil {
		w.t.Fatal(err)
	}
	return draft
}

func publics(signers ...crypto.Signer) (out []crypto.PublicKey) {
	for _, s := range signers {
		out = append(out, s.Public())
	}
	return out
}

func TestRootCeremony(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	old := w.keys[RoleRoot]
	fresh := []crypto.Signer{old[0], newKey(t), newKey(t), newKey(t)} // one holder stays
	stamp := newKey(t)
	w.now = w.now.Add(day)
	draft := w.draftOf(RootChange{Root: publics(fresh...), RootThreshold: 3, Timestamp: stamp.Public()})

	v, err := ReviewRoot(draft)
	if err != nil {
		t.Fatal(err)
	}
	id := func(s crypto.Signer) string { id, _ := KeyID(s.Public()); return id }
	changes := map[string]string{}
	for _, k := range v.Keys {
		changes[k.Role+" "+k.ID] = k.Change
		if k.Signed {
			t.Errorf("%s has signed", k.ID)
		}
	}
	want := map[string]string{
		"root " + id(old[0]): KeyKept, "root " + id(old[1]): KeyGone, "root " + id(old[2]): KeyGone,
		"root " + id(fresh[1]): KeyNew, "root " + id(fresh[2]): KeyNew, "root " + id(fresh[3]): KeyNew,
		"snapshot " + id(w.keys[RoleSnapshot][0]): KeyKept, "targets " + id(w.keys[RoleTargets][0]): KeyKept,
		"timestamp " + id(w.keys[RoleTimestamp][0]): KeyGone, "timestamp " + id(stamp): KeyNew,
	}
	if !maps.Equal(changes, want) {
		t.Errorf("changes %v", changes)
	}
	if v.Fingerprint != cur.Fingerprint() || v.Present.Version != 1 || v.Next.Version != 2 || v.Present.Thresholds[RoleRoot] != 2 || v.Next.Thresholds[RoleRoot] != 3 ||
		!v.Next.Expires.Equal(w.now.Add(DefaultLifetimes().Root)) || len(v.Present.Signed) != 3 || v.Next.Signed != nil {
		t.Errorf("review %+v", v)
	}
	lines := strings.Join(v.Lines(), "\n")
	for _, s := range []string{v.Fingerprint, "version    1 -> 2", "2030-03-01", "root       2 of 3 -> 3 of 4", "snapshot   1 of 1\n", "+ " + id(stamp), "- " + id(old[1]), "  " + id(old[0]), "missing    2 signatures of the present root, 3 of the next"} {
		if !strings.Contains(lines, s) {
			t.Errorf("%q is not in\n%s", s, lines)
		}
	}

	// One after the other; the one who stays counts on both sides.
	missing := func(draft []byte, old, next int) {
		t.Helper()
		if o, n, err := w.repo.RootMissing(draft); err != nil || o != old || n != next {
			t.Errorf("missing %d and %d (%v), want %d and %d", o, n, err, old, next)
		}
		if err := w.repo.InstallRoot(draft); (err == nil) != (old+next == 0) || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("install: %v", err)
		}
	}
	missing(draft, 2, 3)
	a := signDraft(t, draft, old[0])
	missing(a, 1, 2)
	if again := signDraft(t, a, old[0]); !bytes.Equal(again, a) {
		t.Error("signed twice")
	}
	// Two others elsewhere, on a copy of the unsigned draft.
	b := signDraft(t, draft, fresh[1], fresh[2])
	missing(b, 2, 1)
	both, err := JoinDrafts(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := JoinDrafts(b, a); err != nil || len(other) != len(both) {
		t.Errorf("joined the other way: %v", err)
	}
	missing(both, 1, 0)
	done := signDraft(t, both, old[2])
	if v, err := ReviewRoot(done); err != nil || len(v.Next.Signed) != 4 || v.MissingOld+v.MissingNext != 0 || !strings.Contains(strings.Join(v.Lines(), "\n"), "- "+id(old[2])+" (signed)") {
		t.Errorf("review of the finished draft: %v", err)
	}
	missing(done, 0, 0)
	if err := w.repo.InstallRoot(done); err != nil {
		t.Errorf("installed twice: %v", err)
	}
	w.keys[RoleRoot], w.keys[RoleTimestamp] = fresh, []crypto.Signer{stamp}
	w.publish()
	next := w.mustFollow(w.store, cur)
	if keys, k, err := next.Authority(RoleRoot); err != nil || k != 3 || len(keys) != 4 {
		t.Errorf("authority %d of %d, %v", k, len(keys), err)
	}
	if err := w.repo.InstallRoot(done); err != nil {
		t.Errorf("installed after publication: %v", err)
	}
	if _, _, err := w.repo.RootMissing(done); !errors.Is(err, ErrStaleDraft) {
		t.Errorf("missing after publication: %v", err)
	}
}

// What DraftRoot itself does not draft.
func TestDraftRootRefusals(t *testing.T) {
	w := newWorld(t, insurerA)
	gone := w.keys[RoleTimestamp][0]
	w.replace(RoleTimestamp)
	w.publish()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub := func(role string) crypto.PublicKey { return w.keys[role][0].Public() }
	k := newKey(t).Public()
	many := make([]crypto.PublicKey, maxSignatures/2+1)
	for i := range many {
		many[i] = newKey(t).Public()
	}
	for name, ch := range map[string]RootChange{
		"a key that was replaced":       {Timestamp: gone.Public()},
		"a replaced key as a root's":    {Root: []crypto.PublicKey{gone.Public()}, RootThreshold: 1},
		"the targets key as snapshot":   {Snapshot: pub(RoleTargets)},
		"exchanged keys":                {Snapshot: pub(RoleTimestamp), Timestamp: pub(RoleSnapshot)},
		"one new key twice":             {Snapshot: k, Timestamp: k},
		"a root key twice":              {Root: []crypto.PublicKey{k, k}, RootThreshold: 2},
		"a root key as timestamp":       {Timestamp: pub(RoleRoot)},
		"an insurer's key":              {Targets: pub(InsurerRole(insurerA))},
		"a status key":                  {Snapshot: pub(StatusRole(insurerA))},
		"threshold over the keys":       {Root: []crypto.PublicKey{k}},
		"threshold 4 of 3":              {RootThreshold: 4},
		"threshold below 1":             {RootThreshold: -1},
		"more keys than signatures fit": {Root: many},
		"P-384":                         {Targets: &p384.PublicKey},
		"not a key":                     {Targets: "key"},
	} {
		if draft, err := w.repo.DraftRoot(w.now, ch); draft != nil || !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty, err := Create(day0, CreateOptions{Root: publics(newKey(t)), RootThreshold: 1, Targets: newKey(t).Public(), Snapshot: newKey(t).Public(), Timestamp: newKey(t).Public()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.DraftRoot(day0, RootChange{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the first root: %v", err)
	}
	if err := empty.InstallRoot(w.draftOf(RootChange{})); !errors.Is(err, ErrNotFound) {
		t.Errorf("install before the first root: %v", err)
	}
	// None of it left a trace, and the twin goes through.
	if v, err := ReviewRoot(w.draftOf(RootChange{Timestamp: k, RootThreshold: 1})); err != nil || v.Next.Version != 3 {
		t.Error(err)
	}
}

// A draft that somebody has tampered with on its way, or that is another's.
func TestDishonestDrafts(t *testing.T) {
	w := newWorld(t, insurerA)
	w.replace(RoleSnapshot)
	w.publish() // root 2, so that a chain is carried
	other := newWorld(t, insurerA)
	other.replace(RoleSnapshot)
	other.publish()
	holder := w.keys[RoleRoot][0]
	honest := signDraft(t, w.draftOf(RootChange{Timestamp: newKey(t).Public()}), w.keys[RoleRoot][1])
	thief := newKey(t)
	edit := func(change func(m map[string]any)) []byte {
		var m map[string]any
		d := json.NewDecoder(bytes.NewReader(honest))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		m["signatures"] = []any{}
		change(m)
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	signed := func(change func(s map[string]any)) []byte {
		return edit(func(m map[string]any) { change(obj(m["signed"])) })
	}
	for name, c := range map[string]struct {
		family error
		draft  []byte
	}{
		"empty":              {ErrMalformed, nil},
		"not a draft":        {ErrMalformed, w.root()},
		"too long":           {ErrTooLarge, bytes.Repeat([]byte(" "), maxDraft+1)},
		"other format":       {ErrMalformed, edit(func(m map[string]any) { m["format"] = "trust-root-draft-2" })},
		"additional member":  {ErrMalformed, edit(func(m map[string]any) { m["note"] = "sign quickly" })},
		"note in the root":   {ErrMalformed, signed(func(s map[string]any) { s["note"] = "nothing changes" })},
		"no chain":           {ErrMalformed, edit(func(m map[string]any) { m["roots"] = []any{} })},
		"chain cut in front": {ErrMalformed, edit(func(m map[string]any) { m["roots"] = m["roots"].([]any)[1:] })},
		"chain cut behind":   {ErrStaleDraft, edit(func(m map[string]any) { m["roots"] = m["roots"].([]any)[:1] })},
		"chain of another": {ErrSignature, edit(func(m map[string]any) {
			var r any
			_ = json.Unmarshal(other.root(), &r)
			m["roots"].([]any)[0] = r
		})},
		"root that the thief has signed": {ErrSignature, edit(func(m map[string]any) {
			var r any
			s := signedPart(t, w.store["2.root.json"])
			replaceKey(t, s, RoleTimestamp, thief)
			_ = json.Unmarshal(sealJSON(t, s, thief), &r)
			m["roots"].([]any)[1] = r
		})},
		"same version again":         {ErrStaleDraft, signed(func(s map[string]any) { s["version"] = 2 })},
		"version skipped":            {ErrStaleDraft, signed(func(s map[string]any) { s["version"] = 4 })},
		"no consistent snapshots":    {ErrMalformed, signed(func(s map[string]any) { s["consistent_snapshot"] = false })},
		"threshold 0":                {ErrMalformed, signed(func(s map[string]any) { obj(obj(s["roles"])[RoleRoot])["threshold"] = 0 })},
		"one key for two roles":      {ErrWrongKey, signed(func(s map[string]any) { obj(s["roles"])[RoleSnapshot] = obj(s["roles"])[RoleTimestamp] })},
		"a key without a role":       {ErrMalformed, signed(func(s map[string]any) { addKey(t, s, newKey(t)) })},
		"key of another curve":       {ErrMalformed, signed(func(s map[string]any) { obj(obj(s["keys"])[anyKey(s)])["scheme"] = "ecdsa-sha2-nistp384" })},
		"signature of a stranger":    {ErrSignature, edit(func(m map[string]any) { m["signatures"] = sigOf(t, m["signed"], thief) })},
		"signature of the new stamp": {ErrSignature, edit(func(m map[string]any) { m["signatures"] = sigOf(t, m["signed"], w.keys[RoleTargets][0]) })},
		"false signature": {ErrSignature, edit(func(m map[string]any) {
			m["signatures"] = sigOf(t, map[string]any{"a": 1}, holder)
		})},
	} {
		if out, err := SignRoot(c.draft, holder); out != nil || !errors.Is(err, c.family) {
			t.Errorf("%s: signed: %v, want %v", name, err, c.family)
		}
		if v, err := ReviewRoot(c.draft); v != nil || err == nil {
			t.Errorf("%s: reviewed", name)
		}
		if _, _, err := w.repo.RootMissing(c.draft); err == nil {
			t.Errorf("%s: counted", name)
		}
		if err := w.repo.InstallRoot(c.draft); err == nil {
			t.Errorf("%s: installed", name)
		}
		if _, err := JoinDrafts(honest, c.draft); err == nil {
			t.Errorf("%s: joined", name)
		}
	}
	// Another repository's draft is sound in itself: the fingerprint tells
	// people, the repository tells itself.
	foreign := other.draftOf(RootChange{Timestamp: thief.Public()})
	if v, err := ReviewRoot(foreign); err != nil || v.Fingerprint == w.repo.View().Fingerprint() {
		t.Errorf("foreign: %v", err)
	}
	if _, err := SignRoot(foreign, holder); !errors.Is(err, ErrWrongKey) {
		t.Errorf("foreign draft signed: %v", err)
	}
	if err := w.repo.InstallRoot(signDraft(t, foreign, other.keys[RoleRoot]...)); !errors.Is(err, ErrStaleDraft) {
		t.Errorf("foreign draft installed: %v", err)
	}
	// So is one with other keys than those agreed upon: it says so, and its
	// signatures do not serve the honest one.
	swapped := signed(func(s map[string]any) { replaceKey(t, s, RoleTimestamp, thief) })
	id, _ := KeyID(thief.Public())
	if v, err := ReviewRoot(swapped); err != nil || !slices.ContainsFunc(v.Keys, func(k KeyReview) bool { return k.ID == id && k.Change == KeyNew && k.Role == RoleTimestamp }) {
		t.Errorf("swapped key is not shown: %v", err)
	}
	if _, err := JoinDrafts(honest, swapped); !errors.Is(err, ErrStaleDraft) {
		t.Errorf("joined with another: %v", err)
	}
	// A key that an insurer has since been given.
	k := newKey(t)
	late := w.draftOf(RootChange{Timestamp: k.Public()})
	if err := w.repo.ReplaceInsurerKeys(insurerA, nil, k.Public()); err != nil {
		t.Fatal(err)
	}
	if err := w.repo.InstallRoot(signDraft(t, late, w.keys[RoleRoot]...)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("key of an insurer: %v", err)
	}
	// Whose key can sign: any holder's, nobody else's.
	for _, role := range []string{RoleTargets, RoleSnapshot, RoleTimestamp, InsurerRole(insurerA)} {
		if _, err := SignRoot(honest, w.keys[role][0]); !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s's key signed a root: %v", role, err)
		}
	}
	if _, err := SignRoot(honest, brokenSigner{holder, nil}); !errors.Is(err, ErrSignature) {
		t.Errorf("faulty token: %v", err)
	}
	if err := w.repo.InstallRoot(signDraft(t, honest, holder)); err != nil {
		t.Errorf("the twin: %v", err)
	}
	// Overtaken by another ceremony.
	if err := w.repo.InstallRoot(signDraft(t, swapped, w.keys[RoleRoot]...)); !errors.Is(err, ErrStaleDraft) {
		t.Errorf("overtaken draft: %v", err)
	}
}

func addKey(t testing.TB, signed map[string]any, k crypto.Signer) {
	key, id, err := tufKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	obj(signed["keys"])[id] = map[string]any{"keytype": key.Type, "scheme": key.Scheme, "keyval": map[string]any{"public": key.Value.PublicKey}}
}

func anyKey(signed map[string]any) string {
	return obj(obj(signed["roles"])[RoleTargets])["keyids"].([]any)[0].(string)
}

func sigOf(t testing.TB, signed any, k crypto.Signer) []any {
	var m map[string]any
	if err := json.Unmarshal(sealJSON(t, signed.(map[string]any), k), &m); err != nil {
		t.Fatal(err)
	}
	return m["signatures"].([]any)
}
