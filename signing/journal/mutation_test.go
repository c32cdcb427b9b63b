// This file damages journals in every way: all of it is seen, at the right entry and by the right name.

package journal

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

// TestEveryMutation mutates every entry of a journal of 1,000 in six ways and
// more; the head is known, as from a receipt. All are seen, with the right
// number and the right name.
func TestEveryMutation(t *testing.T) {
	const n = 1000
	first := start(t, "a")
	whole := chain(t, "a", n)
	foreign := chain(t, "b", n)
	head := whole[n-1].Head()
	type mutation struct {
		name  string
		apply func(i int) []Entry
		seq   func(i int) uint64
		what  func(i int) error
		skip  func(i int) bool
	}
	// The six ways by which the whole journal is mutated; the others are
	// variants, tried at both ends and at every 13th entry.
	everywhere := map[string]bool{"edited: one bit of the body": true, "edited: the time by a microsecond": true, "deleted": true,
		"inserted: well made, and renumbered": true, "reordered with the next": true, "truncated": true}
	at := func(i int) uint64 { return uint64(i + 1) }
	always := func(err error) func(int) error { return func(int) error { return err } }
	edit := func(change func(e *Entry)) func(i int) []Entry {
		return func(i int) []Entry {
			out := slices.Clone(whole)
			out[i].Body = bytes.Clone(out[i].Body)
			change(&out[i])
			return out
		}
	}
	atLast := func(last, other error) func(int) error {
		return func(i int) error {
			if i == n-1 {
				return last
			}
			return other
		}
	}
	mutations := []mutation{
		{"edited: one bit of the body", edit(func(e *Entry) { e.Body[3] ^= 1 }), at, always(ErrEdited), nil},
		{"edited: the time by a microsecond", edit(func(e *Entry) { e.At = e.At.Add(time.Microsecond) }), at, always(ErrEdited), nil},
		{"edited: the pointer", edit(func(e *Entry) { e.Prev[31] ^= 1 }), at, always(ErrEdited), nil},
		{"edited: the number, far off", edit(func(e *Entry) { e.Seq += 1 << 40 }), at, func(i int) error {
			if i == n-1 {
				return ErrDeleted // the last one: nothing behind it tells
			}
			return ErrEdited
		}, nil},
		{"edited: the number, by one", edit(func(e *Entry) { e.Seq++ }), at, func(i int) error {
			if i == n-1 {
				return ErrDeleted
			}
			return ErrEdited
		}, nil},
		{"edited: the number, backwards", edit(func(e *Entry) { e.Seq-- }), at, always(ErrEdited), nil},
		{"edited: emptied", edit(func(e *Entry) { e.Body = nil }), at, always(ErrEdited), nil},
		{"edited: that of another chain", func(i int) []Entry {
			out := slices.Clone(whole)
			out[i] = foreign[i]
			return out
		}, at, always(ErrEdited), nil},
		{"deleted", func(i int) []Entry { return slices.Delete(slices.Clone(whole), i, i+1) }, at, atLast(ErrTruncated, ErrDeleted), nil},
		{"deleted and renumbered", func(i int) []Entry {
			return renumbered(slices.Delete(slices.Clone(whole), i, i+1))
		}, at, atLast(ErrTruncated, ErrEdited), nil},
		{"inserted: a copy of it", func(i int) []Entry {
			return slices.Insert(slices.Clone(whole), i, whole[i])
		}, at, always(ErrInserted), nil},
		{"inserted: well made, and renumbered", func(i int) []Entry {
			before := first
			if i > 0 {
				before = whole[i-1].Head()
			}
			e, err := Append(before, []byte("slipped in"), day)
			if err != nil {
				t.Fatal(err)
			}
			return renumbered(slices.Insert(slices.Clone(whole), i, e))
		}, at, always(ErrInserted), nil},
		{"reordered with the next", func(i int) []Entry {
			out := slices.Clone(whole)
			out[i], out[i+1] = out[i+1], out[i]
			return out
		}, at, always(ErrReordered), func(i int) bool { return i == n-1 }},
		{"reordered: moved to the end", func(i int) []Entry {
			return append(slices.Delete(slices.Clone(whole), i, i+1), whole[i])
		}, at, always(ErrReordered), func(i int) bool { return i == n-1 }},
		{"reordered and renumbered", func(i int) []Entry {
			out := slices.Clone(whole)
			out[i], out[i+1] = out[i+1], out[i]
			return renumbered(out)
		}, at, always(ErrEdited), func(i int) bool { return i == n-1 }},
		{"truncated", func(i int) []Entry { return whole[:i] }, at, always(ErrTruncated), nil},
		{"rewritten from here", func(i int) []Entry {
			out, head := slices.Clone(whole[:i]), first
			if i > 0 {
				head = whole[i-1].Head()
			}
			for j := i; j < n; j++ {
				body := whole[j].Body
				if j == i {
					body = []byte("another history")
				}
				e, err := Append(head, body, whole[j].At)
				if err != nil {
					t.Fatal(err)
				}
				out, head = append(out, e), e.Head()
			}
			return out
		}, func(int) uint64 { return n }, func(int) error { return ErrEdited }, nil}, // seen at the known head
	}
	for _, m := range mutations {
		seen, places, names := 0, 0, 0
		tried := 0
		for i := range n {
			if m.skip != nil && m.skip(i) || !everywhere[m.name] && i > 2 && i < n-3 && i%13 != 0 {
				continue
			}
			tried++
			// Every tenth walk begins at the start, the others 20 entries before.
			begin, from := 0, first
			if i%10 != 0 && i > 20 {
				begin, from = i-20, whole[i-21].Head()
			}
			got, err := Verify(from, seq(m.apply(i)[begin:]), head)
			var f *Fault
			if !errors.As(err, &f) || got != (Head{}) {
				t.Errorf("%s: entry %d: not seen: %v %v", m.name, i+1, got, err)
				continue
			}
			seen++
			if f.Seq == m.seq(i) {
				places++
			} else {
				t.Errorf("%s: entry %d: said %v", m.name, i+1, err)
			}
			if f.What == m.what(i) {
				names++
			} else {
				t.Errorf("%s: entry %d: said %v", m.name, i+1, err)
			}
		}
		if seen != tried || places != tried || names != tried || everywhere[m.name] && tried < n-1 {
			t.Errorf("%s: %d tried, %d seen, %d at the right entry, %d by the right name", m.name, tried, seen, places, names)
		}
		t.Logf("%s: %d of %d seen", m.name, seen, tried)
	}
}
