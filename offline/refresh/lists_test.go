// Lists of stolen keys come and go; so do words.
package refresh_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/notice"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/signing"
	"sceau/signing/trust"
)

// Lists of active keys are left where they are; those of a key that is listed no more go; parts are all needed and all asked.
func TestListsComeAndGo(t *testing.T) {
	o := newOperator(t, mutuelle)
	p := o.press(mutuelle)
	m, _ := newCounter(t)
	kid := o.state(mutuelle, signing.StateActive)
	var texts []string
	var digests [][16]byte
	for i := range 40 {
		texts = append(texts, p.card(card.Place{List: 1, Index: uint32(i)}, fmt.Sprint(i), o.now))
		digests = append(digests, digestOf(t, texts[i]))
	}
	o.parts(mutuelle, kid, 4, digests)
	o.publish()
	count := &counting{memory: o.files}
	if _, err := refresh.Sync(t.Context(), m, count, o.options()); err != nil || count.lists != 0 {
		t.Fatalf("%d lists of an active key fetched, %v", count.lists, err)
	}
	ask := func() map[offline.Reason]int {
		v := view(t, m)
		found := map[offline.Reason]int{}
		for _, text := range texts {
			found[offline.Check(v, offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: o.now.Add(time.Minute)}).Reason]++
		}
		return found
	}
	o.state(mutuelle, signing.StateListed)
	o.publish()
	if _, err := refresh.Sync(t.Context(), m, count, o.options()); err != nil || count.lists != 4 {
		t.Fatalf("%d lists fetched, %v", count.lists, err)
	}
	if found := ask(); found[offline.OK] != 40 {
		t.Errorf("four parts: %v", found)
	}
	if _, err := refresh.Sync(t.Context(), m, count, o.options()); err != nil || count.lists != 4 {
		t.Fatalf("fetched again: %d, %v", count.lists, err)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Errorf("%+v", f)
	}
	o.state(mutuelle, signing.StateDead)
	o.publish()
	if _, err := refresh.Sync(t.Context(), m, count, o.options()); err != nil || count.lists != 4 {
		t.Fatal(err)
	}
	if found := ask(); found[offline.KeyDead] != 40 {
		t.Errorf("withdrawn: %v", found)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Errorf("%+v", f)
	}
}

// A list that was flipped on disk says nothing of any card, and the next sync mends it.
func TestDamagedList(t *testing.T) {
	o := newOperator(t, mutuelle)
	genuine := o.press(mutuelle).card(card.Place{List: 1, Index: 1}, "1", o.now)
	forged := o.press(mutuelle).card(card.Place{List: 1, Index: 1}, "2", o.now)
	m, dir := newCounter(t)
	kid := o.state(mutuelle, signing.StateListed)
	o.list(mutuelle, kid, [][16]byte{digestOf(t, genuine)})
	o.publish()
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	m.Close()
	exec(t, dir, "UPDATE file SET data = zeroblob(length(data)) WHERE path LIKE '%/issued/%'")
	m, err := mirror.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	reason := func(text string) offline.Reason {
		return offline.Check(view(t, m), offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: o.now.Add(time.Minute)}).Reason
	}
	if a, b := reason(genuine), reason(forged); a != offline.KeyListed || b != offline.KeyListed {
		t.Errorf("%s, %s", a, b)
	}
	if f := m.Fsck(t.Context()); len(f) != 1 || f[0].Code != "file" {
		t.Errorf("%+v", f)
	}
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	if a, b := reason(genuine), reason(forged); a != offline.OK || b != offline.NotIssued {
		t.Errorf("mended: %s, %s", a, b)
	}
}

// A look-up costs no memory: a counter may see a thousand cards of a stolen key a day.
func TestLookUpAllocatesNothing(t *testing.T) {
	o := newOperator(t, mutuelle)
	genuine := digestOf(t, o.press(mutuelle).card(card.Place{List: 1, Index: 1}, "1", o.now))
	m, _ := newCounter(t)
	kid := o.state(mutuelle, signing.StateListed)
	o.list(mutuelle, kid, [][16]byte{genuine})
	o.publish()
	if _, err := refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	iss, err := view(t, m).Issuer(mutuelle)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if ok, err := iss.Issued(kid, genuine); !ok || err != nil {
			t.Error("not found")
		}
		if ok, err := iss.Issued(kid, [16]byte{1}); ok || err != nil {
			t.Error("found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if _, err := iss.Issued("unknown-key", genuine); !errors.Is(err, offline.ErrNoDigests) {
		t.Errorf("a key that was not stolen: %v", err)
	}
}

// Notices travel with the lists, verbatim; words that can't be read, or too many of them, keep no list from coming.
func TestNoticesTravel(t *testing.T) {
	o := newOperator(t, mutuelle, "302976568")
	m, dir := newCounter(t)
	set := func(role, path string, b []byte) { o.must(o.repo.SetTarget(role, path, b, nil)) }
	set(trust.RoleTargets, offline.NoticesPath, []byte("of a later version"))
	set(trust.InsurerRole(mutuelle), offline.InsurerNoticesPath(mutuelle), []byte("{}"))
	set(trust.InsurerRole("302976568"), offline.InsurerNoticesPath("302976568"), make([]byte, offline.MaxNotices+1))
	o.publish()
	r, err := refresh.Sync(t.Context(), m, o.files, o.options())
	if err != nil {
		t.Fatal(err)
	}
	said := func() (out []string) {
		all, err := view(t, m).Notices()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range all {
			if n.Repository != r.Fingerprint || !n.Published.Equal(o.now) {
				t.Errorf("%+v", n)
			}
			out = append(out, n.Insurer+":"+string(n.Data))
		}
		return out
	}
	if got := strings.Join(said(), " "); got != ":of a later version "+mutuelle+":{}" {
		t.Errorf("%s", got)
	}
	// What nobody here can read is shown to nobody, so that fsck has to name it; and it is handed on, as the lists are.
	if f := m.Fsck(t.Context()); len(f) != 2 || f[0].Where != offline.NoticesPath || f[1].Where != offline.InsurerNoticesPath(mutuelle) {
		t.Errorf("%+v", f)
	}
	if _, err := view(t, m).Hand(r.Fingerprint, nil); err != nil {
		t.Error(err)
	}
	for role, author := range map[string]string{trust.RoleTargets: "", trust.InsurerRole(mutuelle): mutuelle} {
		b, err := notice.Bytes(author, []notice.Notice{{ID: "a", Kind: notice.Info, Issued: o.now, From: o.now, Until: o.now.Add(time.Hour), Title: "Essai", Text: "Tout va bien"}})
		o.must(err)
		path := offline.NoticesPath
		if author != "" {
			path = offline.InsurerNoticesPath(author)
		}
		set(role, path, b)
	}
	o.publish()
	if r, err = refresh.Sync(t.Context(), m, o.files, o.options()); err != nil {
		t.Fatal(err)
	}
	if f := m.Fsck(t.Context()); len(f) > 0 {
		t.Errorf("%+v", f)
	}
	// Flipped on disk: passed over, and found.
	m.Close()
	exec(t, dir, "UPDATE file SET data = zeroblob(length(data)) WHERE path = 'notices.json'")
	if m, err = mirror.Open(dir); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := said(); len(got) != 1 || !strings.HasPrefix(got[0], mutuelle+":{") {
		t.Errorf("damaged: %s", got)
	}
	if f := m.Fsck(t.Context()); len(f) != 1 {
		t.Errorf("%+v", f)
	}
}
