// Changes: applied they give the next page byte for byte; a history that shrank is refused.

package status

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sceau/rights"
)

// drawRevisions returns a page, empty at first, after each publication.
func drawRevisions(t *rapid.T) []*Page {
	page := New(testIssuer, 2)
	revisions := []*Page{page}
	for _, es := range drawHistory(t) {
		page, _ = page.Append(es)
		revisions = append(revisions, page)
	}
	return revisions
}

func TestDiffApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		revisions := drawRevisions(t)
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

// TestThen: what two changes say one after the other is what one says, and a page that holds a part of it lacks the rest.
func TestThen(t *testing.T) {
	past := 0
	rapid.Check(t, func(t *rapid.T) {
		revisions := drawRevisions(t)
		diff := func(i, j int) *Changes {
			c, err := Diff(revisions[i], revisions[j])
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		for i := range revisions {
			for j := i + 1; j < len(revisions); j++ {
				if _, err := diff(i, j).ApplyRest(revisions[j]); !errors.Is(err, ErrGap) {
					t.Fatalf("nothing is left of it: %v", err)
				}
				if i > 0 {
					if _, err := diff(i, j).ApplyRest(revisions[i-1]); !errors.Is(err, ErrGap) {
						t.Fatalf("applied to a page before it: %v", err)
					}
				}
				for k := j + 1; k < len(revisions); k++ {
					whole := diff(i, k)
					joined, err := diff(i, j).Then(diff(j, k))
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(joined.Encode(), whole.Encode()) {
						t.Fatalf("%d to %d to %d is not %d to %d", i, j, k, i, k)
					}
					if _, err := diff(j, k).Then(diff(i, j)); !errors.Is(err, ErrGap) {
						t.Fatalf("joined backwards: %v", err)
					}
					if _, err := diff(i, j).Then(whole); !errors.Is(err, ErrGap) {
						t.Fatalf("joined though they overlap: %v", err)
					}
					got, err := whole.ApplyRest(revisions[j])
					if err == nil && bytes.Equal(got.Encode(), revisions[k].Encode()) {
						past++
					} else if !repeats(revisions[k]) {
						t.Fatalf("%d to %d does not complete revision %d: %v", i, k, j, err)
					}
				}
			}
		}
	})
	if past == 0 {
		t.Error("no page was past the beginning of what was applied")
	}
}

// TestOverlap holds the search against trying every length.
func TestOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (out []event) {
			for _, d := range rapid.SliceOfN(rapid.IntRange(1, 2), 0, 9).Draw(t, name) {
				out = append(out, newEvent(rights.Date(d), 1000, Void))
			}
			return out
		}
		all, next := draw("all"), draw("next")
		want := min(len(all), len(next))
		for want > 0 && !slices.Equal(all[len(all)-want:], next[:want]) {
			want--
		}
		if got := overlap(all, next); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

// TestRestOfMany: a page of whoever has an insurer's key does not stop a counter for minutes.
func TestRestOfMany(t *testing.T) {
	const n = 400_000 // tried length by length: two minutes
	same, other := Entry{5, 1000, 1000, Void}, Entry{5, 1001, 1000, Void}
	page := mustAppend(t, New(testIssuer, 2), slices.Repeat([]Entry{same}, 2*n))
	added, err := sorted(append(slices.Repeat([]Entry{same}, n), slices.Repeat([]Entry{other}, n)...))
	if err != nil {
		t.Fatal(err)
	}
	c := &Changes{issuer: testIssuer, list: 2, from: 0, to: 2, added: added}
	done := make(chan error, 1)
	go func() {
		next, err := c.ApplyRest(page)
		if err == nil && next.Len() != 3*n {
			err = fmt.Errorf("%d events", next.Len())
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("still searching")
	}
}

// repeats says that an index was told the same thing twice.
func repeats(p *Page) bool {
	seen := map[Entry]bool{}
	for e := range p.All() {
		if seen[e] {
			return true
		}
		seen[e] = true
	}
	return false
}

func TestThenRefuses(t *testing.T) {
	changes := func(issuer string, list uint32, from uint64, es ...Entry) *Changes {
		added, err := sorted(es)
		if err != nil {
			t.Fatal(err)
		}
		return &Changes{issuer: issuer, list: list, from: from, to: from + 1, added: added}
	}
	first := changes(testIssuer, 2, 3, Entry{5, 1000, 1001, Void})
	for name, next := range map[string]*Changes{
		"another insurer": changes("1"+testIssuer, 2, 4), "another list": changes(testIssuer, 3, 4), "a gap": changes(testIssuer, 2, 5),
		"itself": first, "earlier": changes(testIssuer, 2, 2),
	} {
		if _, err := first.Then(next); !errors.Is(err, ErrGap) {
			t.Errorf("%s: %v", name, err)
		}
		page := New(testIssuer, 2)
		page.revision = 3
		if next == first {
			continue
		}
		if _, err := next.ApplyRest(page); name != "earlier" && !errors.Is(err, ErrGap) {
			t.Errorf("%s, applied: %v", name, err)
		}
	}
	if _, err := first.Then(changes(testIssuer, 2, 4, Entry{5, 1000, 1000, Restored})); !errors.Is(err, ErrMalformed) {
		t.Errorf("published before what it follows: %v", err)
	}
	if c, err := first.Then(changes(testIssuer, 2, 4, Entry{5, 1000, 1002, Restored})); err != nil || c.From() != 3 || c.To() != 5 || c.Len() != 2 {
		t.Errorf("%+v, %v", c, err)
	}
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
	newer := mustAppend(f, base, oneDay().entries(9, 4))
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
		_, _ = c.ApplyRest(newer)
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
