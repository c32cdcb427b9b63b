// What a page answers, against a naive model and in the words of the counter.

package status

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
	"sceau/rights"
)

// naive answers At from a plain list of events, day by day, as the rule is written.
type naive []Entry

func (n naive) decides(index uint32, care rights.Date) (Entry, bool) {
	var found Entry
	ok := false
	for _, e := range n {
		if e.Index == index && e.From <= care {
			found, ok = e, true
		}
	}
	return found, ok
}

func (n naive) at(index uint32, care rights.Date) State {
	var s State
	if e, ok := n.decides(index, care); ok {
		s.From, s.Published = e.From, e.Published
		if e.Kind != Restored {
			s.Kind = e.Kind
			return s
		}
	}
	for d := care + 1; d < care+80; d++ {
		if e, ok := n.decides(index, d); ok && e.Kind != Restored {
			s.End, s.EndFrom, s.EndPublished = e.Kind, d, e.Published
			return s
		}
	}
	return s
}

// drawHistory draws revisions of one list: few indexes and few days, so that events of one index collide in every way.
func drawHistory(t *rapid.T) [][]Entry {
	published := rights.Date(1000)
	var all [][]Entry
	for range rapid.IntRange(0, 4).Draw(t, "revisions") {
		n := rapid.IntRange(1, 12).Draw(t, "events")
		var es []Entry
		for range n {
			published += rights.Date(rapid.SampledFrom([]int{0, 0, 0, 1, 7, 60}).Draw(t, "later"))
			es = append(es, Entry{
				Index:     rapid.SampledFrom([]uint32{0, 1, 2, 3, 4, 500, 524288, MaxIndex - 1, MaxIndex}).Draw(t, "index"),
				From:      rights.Date(rapid.IntRange(990, 1060).Draw(t, "from")),
				Published: published,
				Kind:      Kind(rapid.IntRange(1, 4).Draw(t, "kind")),
			})
		}
		all = append(all, es)
	}
	return all
}

func TestAtAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		page := New(testIssuer, 1)
		var all naive
		for _, es := range drawHistory(t) {
			var err error
			if page, err = page.Append(es); err != nil {
				t.Fatal(err)
			}
			all = append(all, es...)
		}
		for _, index := range []uint32{0, 1, 2, 3, 4, 5, 500, 524288, MaxIndex - 1, MaxIndex} {
			for care := rights.Date(985); care < 1065; care += 3 {
				if got, want := page.At(index, care), all.at(index, care); got != want {
					t.Fatalf("index %d, care %d:\n got %+v\nwant %+v", index, care, got, want)
				}
			}
		}
	})
}

// TestAtOnLargePage asks for every index of a page whose buckets are many.
func TestAtOnLargePage(t *testing.T) {
	es := realistic().entries(30000, 5)
	page := mustAppend(t, New(testIssuer, 1), es)
	held := map[uint32]Entry{}
	for _, e := range es {
		held[e.Index] = e
	}
	for i := range uint32(MaxIndex + 2) {
		s := page.At(i, lastDay)
		want := State{}
		if e, ok := held[i]; ok {
			want.From, want.Published = e.From, e.Published
			if e.Kind != Restored {
				want.Kind = e.Kind
			}
		}
		if s != want {
			t.Fatalf("index %d: %+v, want %+v", i, s, want)
		}
	}
}

// TestVerdictStories are the cases of the counter, in the words of the verdict table.
func TestVerdictStories(t *testing.T) {
	mar1, mar10, mar20, apr1 := day(t, "2027-03-01"), day(t, "2027-03-10"), day(t, "2027-03-20"), day(t, "2027-04-01")
	feb25 := day(t, "2027-02-25")
	for _, c := range []struct {
		name   string
		events []Entry
		care   rights.Date
		want   State
	}{
		{"not on the list", nil, mar10, State{}},
		{"void from that day", []Entry{{7, mar10, feb25, Void}}, mar10, State{Kind: Void, From: mar10, Published: feb25}},
		{"care before the end", []Entry{{7, mar10, feb25, Void}}, mar10 - 1, State{End: Void, EndFrom: mar10, EndPublished: feb25}},
		{"closed retroactively, with its publication day", []Entry{{7, mar1, mar20, Void}}, mar10, State{Kind: Void, From: mar1, Published: mar20}},
		{"end taken back", []Entry{{7, mar10, feb25, Void}, {7, mar10, mar1, Restored}}, mar20, State{From: mar10, Published: mar1}},
		{"end taken back, care before it", []Entry{{7, mar10, feb25, Void}, {7, mar10, mar1, Restored}}, mar1, State{}},
		{"end moved later", []Entry{{7, mar10, feb25, Void}, {7, mar10, mar1, Restored}, {7, apr1, mar1, Void}}, mar20,
			State{From: mar10, Published: mar1, End: Void, EndFrom: apr1, EndPublished: mar1}},
		{"end moved earlier", []Entry{{7, apr1, feb25, Void}, {7, mar10, mar1, Void}}, mar20, State{Kind: Void, From: mar10, Published: mar1}},
		{"within a suspension", []Entry{{7, mar10, feb25, Suspended}, {7, mar20, mar10, Restored}}, mar10, State{Kind: Suspended, From: mar10, Published: feb25}},
		{"after a suspension", []Entry{{7, mar10, feb25, Suspended}, {7, mar20, mar10, Restored}}, apr1, State{From: mar20, Published: mar10}},
		{"before a suspension that will be lifted", []Entry{{7, mar10, feb25, Suspended}, {7, mar20, mar10, Restored}}, mar1,
			State{End: Suspended, EndFrom: mar10, EndPublished: feb25}},
		{"suspended, then void", []Entry{{7, mar10, feb25, Suspended}, {7, apr1, mar10, Void}}, mar1, State{End: Suspended, EndFrom: mar10, EndPublished: feb25}},
		{"replaced", []Entry{{7, mar1, mar1, Replaced}}, mar1, State{Kind: Replaced, From: mar1, Published: mar1}},
		{"another card", []Entry{{6, mar1, mar1, Void}, {8, mar1, mar1, Void}}, mar10, State{}},
	} {
		page := mustAppend(t, New(testIssuer, 1), c.events)
		got := page.At(7, c.care)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if got.Ended() != (c.want.End != OK) {
			t.Errorf("%s: Ended is %v", c.name, got.Ended())
		}
	}
	if s := mustAppend(t, New(testIssuer, 1), []Entry{{MaxIndex, mar1, mar1, Void}}).At(MaxIndex+1, apr1); s != (State{}) {
		t.Errorf("index out of range: %+v", s)
	}
}

func TestAppendRefuses(t *testing.T) {
	good := Entry{Index: 7, From: 1000, Published: 1000, Kind: Void}
	base := mustAppend(t, New(testIssuer, 1), []Entry{good})
	before := base.Encode()
	for name, es := range map[string][]Entry{
		"index out of range":          {{MaxIndex + 1, 1000, 1000, Void}},
		"no kind":                     {{1, 1000, 1000, OK}},
		"unknown kind":                {{1, 1000, 1000, Restored + 1}},
		"no first day":                {{1, 0, 1000, Void}},
		"negative first day":          {{1, -1, 1000, Void}},
		"first day out of range":      {{1, lastDay + 1, 1000, Void}},
		"no publication day":          {{1, 1000, 0, Void}},
		"publication out of range":    {{1, 1000, lastDay + 1, Void}},
		"published before the past":   {{7, 1000, 999, Restored}},
		"published backwards in call": {{1, 1000, 1000, Void}, {1, 1000, 999, Restored}},
		"good and bad":                {good, {1, 0, 1000, Void}},
	} {
		if p, err := base.Append(es); !errors.Is(err, ErrMalformed) || p != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	for _, p := range []*Page{New("", 1), New("0123", 1), New("12345678901", 1), New("77 5", 1), New("abc", 1), New(testIssuer, 0), New(testIssuer, 1<<31)} {
		if _, err := p.Append([]Entry{good}); !errors.Is(err, ErrMalformed) {
			t.Errorf("page of %q, list %d: %v", p.Issuer(), p.List(), err)
		}
		if _, err := Decode(p.Encode()); !errors.Is(err, ErrMalformed) {
			t.Errorf("decoded a page of %q, list %d: %v", p.Issuer(), p.List(), err)
		}
	}
	if again, err := base.Append(nil); err != nil || again != base {
		t.Errorf("nothing appended: %v, %v", again, err)
	}
	if !slices.Equal(before, base.Encode()) {
		t.Error("a refused Append changed the page")
	}
}

// TestAppendIsIndependentOfGrouping: the page says what happened, not how it was handed over.
func TestAppendIsIndependentOfGrouping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		page, whole := New(testIssuer, 1), New(testIssuer, 1)
		var all []Entry
		for _, es := range drawHistory(t) {
			page, _ = page.Append(es)
			all = append(all, es...)
		}
		whole, _ = whole.Append(all)
		whole.revision = page.revision
		if !slices.Equal(page.Encode(), whole.Encode()) {
			t.Fatal("two groupings, two pages")
		}
		n := 0
		for range page.All() {
			n++
		}
		if n != page.Len() || n != len(all) {
			t.Fatalf("%d events, Len %d, All %d", len(all), page.Len(), n)
		}
	})
}

func TestPageTooLong(t *testing.T) {
	if testing.Short() {
		t.Skip("encodes millions of events")
	}
	es := uniform().entries(1<<20, 1)
	page := mustAppend(t, New(testIssuer, 1), es)
	if n := len(page.Encode()); n > MaxBytes {
		t.Fatalf("%d bytes", n)
	}
	for i := range es {
		es[i].Published = lastDay
	}
	_, err := page.Append(es)
	if !errors.Is(err, ErrMalformed) {
		t.Errorf("two events for every place: %v", err)
	}
}
