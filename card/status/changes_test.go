// Changes: applied they give the next page byte for byte; a history that shrank is refused.

package status

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDiffApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		page := New(testIssuer, 2)
		revisions := []*Page{page}
		for _, es := range drawHistory(t) {
			page, _ = page.Append(es)
			revisions = append(revisions, page)
		}
		for i, old := range revisions {
			for _, next := range revisions[i+1:] {
				c, err := Diff(old, next)
				if err != nil {
					t.Fatal(err)
				}
				if c.From() != old.Revision() || c.To() != next.Revision() || c.Len() != next.Len()-old.Len() {
					t.Fatalf("changes %d to %d with %d events", c.From(), c.To(), c.Len())
				}
				c, err = DecodeChanges(c.Encode())
				if err != nil {
					t.Fatal(err)
				}
				got, err := c.Apply(old)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Encode(), next.Encode()) {
					t.Fatal("Apply gives other bytes than the page")
				}
				if err := Follows(old, next); err != nil {
					t.Fatal(err)
				}
				if err := Follows(next, old); !errors.Is(err, ErrShrunk) {
					t.Fatalf("went back: %v", err)
				}
				if _, err := c.Apply(next); !errors.Is(err, ErrGap) {
					t.Fatalf("applied twice: %v", err)
				}
				if _, err := Diff(next, old); !errors.Is(err, ErrGap) {
					t.Fatalf("backwards: %v", err)
				}
			}
		}
	})
}

// TestShrunk takes every event out of a page in turn, and changes every event in turn: the index is named.
func TestShrunk(t *testing.T) {
	es := append(realistic().entries(60, 3), Entry{77, 20900, 20901, Void}, Entry{77, 20910, 20902, Restored}, Entry{77, 20920, 20903, Void})
	old := mustAppend(t, New(testIssuer, 2), es)
	refused := 0
	for i := range es {
		for name, shorter := range map[string][]Entry{
			"lost":    slices.Delete(slices.Clone(es), i, i+1),
			"changed": changed(es, i),
		} {
			next := mustAppend(t, New(testIssuer, 2), shorter)
			next.revision = old.revision + 1
			_, err := Diff(old, next)
			if !errors.Is(err, ErrShrunk) || !strings.Contains(err.Error(), fmt.Sprint("index ", es[i].Index, " ")) {
				t.Errorf("event %d %s: %v", i, name, err)
			}
			if err := Follows(old, next); !errors.Is(err, ErrShrunk) {
				t.Errorf("event %d %s: %v", i, name, err)
			}
			next.revision = old.revision
			if err := Follows(old, next); !errors.Is(err, ErrShrunk) {
				t.Errorf("event %d %s, same revision: %v", i, name, err)
			}
			refused++
		}
	}
	if refused == 0 {
		t.Fatal("met no event")
	}
	more := mustAppend(t, old, []Entry{{78, 20900, 20901, Void}})
	more.revision = 0
	if err := Follows(old, more); !errors.Is(err, ErrShrunk) {
		t.Errorf("an older revision that holds more: %v", err)
	}
	if err := Follows(old, old); err != nil {
		t.Errorf("the same page again: %v", err)
	}
}

func changed(es []Entry, i int) []Entry {
	es = slices.Clone(es)
	es[i].From++
	return es
}

func TestApplyRefuses(t *testing.T) {
	base := mustAppend(t, New(testIssuer, 2), []Entry{{5, 1000, 1000, Void}})
	next := mustAppend(t, base, []Entry{{5, 1000, 1001, Restored}})
	c, err := Diff(base, next)
	if err != nil {
		t.Fatal(err)
	}
	otherList, otherIssuer := *base, *base
	otherList.list, otherIssuer.issuer = 3, "1"
	for name, old := range map[string]*Page{"other list": &otherList, "other issuer": &otherIssuer, "later revision": next, "empty": New(testIssuer, 2)} {
		if p, err := c.Apply(old); !errors.Is(err, ErrGap) || p != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		if _, err := Diff(old, next); name[:5] == "other" && !errors.Is(err, ErrGap) {
			t.Errorf("Diff, %s: %v", name, err)
		}
		if err := Follows(old, next); name[:5] == "other" && !errors.Is(err, ErrGap) {
			t.Errorf("Follows, %s: %v", name, err)
		}
	}
	// Changes that do not follow the past of an index.
	back := &Changes{issuer: testIssuer, list: 2, from: 1, to: 2, added: *hist(Entry{5, 1000, 999, Restored})}
	if p, err := back.Apply(base); !errors.Is(err, ErrMalformed) || p != nil {
		t.Errorf("published before its past: %v, %v", p, err)
	}
	// A revision that could not be counted on.
	high := &Changes{issuer: testIssuer, list: 2, from: maxRevision - 1, to: maxRevision, added: *hist(Entry{5, 1000, 999, Void})}
	if _, err := DecodeChanges(high.Encode()); err != nil {
		t.Errorf("the highest revision: %v", err)
	}
	high.from, high.to = maxRevision, maxRevision+1
	if _, err := DecodeChanges(high.Encode()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a revision above the highest: %v", err)
	}
	if _, err := DecodeChanges(base.Encode()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a page as changes: %v", err)
	}
	if _, err := Decode(c.Encode()); !errors.Is(err, ErrMalformed) {
		t.Errorf("changes as a page: %v", err)
	}
	later := c.Encode()
	later[3] = 2
	if _, err := DecodeChanges(later); !errors.Is(err, ErrVersion) {
		t.Errorf("version 2: %v", err)
	}
}

func FuzzChanges(f *testing.F) {
	base := mustAppend(f, New(testIssuer, 2), realistic().entries(40, 1))
	for _, es := range [][]Entry{realistic().entries(20, 2), oneDay().entries(60, 3), {{0, 1, 1, Void}}} {
		for i := range es {
			es[i].Published = max(es[i].Published, 21200)
		}
		c, err := Diff(base, mustAppend(f, base, es))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeChanges(b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Encode(), b) {
			t.Fatalf("%x re-encodes to %x", b, c.Encode())
		}
		old := base
		if c.Issuer() != old.Issuer() || c.List() != old.List() || c.From() != old.Revision() {
			if _, err := c.Apply(old); !errors.Is(err, ErrGap) {
				t.Fatalf("applied to another page: %v", err)
			}
			return
		}
		next, err := c.Apply(old)
		if err != nil {
			return
		}
		again, err := Diff(old, next)
		if err != nil || !bytes.Equal(again.Encode(), b) {
			t.Fatalf("Diff of what was applied: %v", err)
		}
	})
}
