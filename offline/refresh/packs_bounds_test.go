package refresh

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sceau/signing/trust"
)

// hostile gives every pack of changes the same bytes, and keeps what it was asked for at most.
type hostile struct {
	pack   []byte
	limits []int64
}

func (h *hostile) Fetch(_ context.Context, _ string, limit int64) ([]byte, error) {
	h.limits = append(h.limits, limit)
	if int64(len(h.pack)) > limit {
		return nil, trust.ErrTooLarge
	}
	return h.pack, nil
}

// A mirror that sends packs of changes without end, or ones that unfold without end, costs what was announced and no more memory than
// a bound.
func TestChangesAreBounded(t *testing.T) {
	bomb, err := trust.EncodePack([]trust.File{{Path: "amc/775670482/status/1.1-2", Data: make([]byte, 20<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	steps := func(n int64, size int64) trust.PackIndex {
		var out trust.PackIndex
		for v := range n {
			out = append(out, trust.PackInfo{From: v + 1, To: v + 2, Bytes: size})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		way    trust.PackIndex
		pages  int64
		asked  int
		found  bool
		unfold int
	}{
		{"one that is as announced", steps(1, int64(len(bomb))), 1 << 30, 1, true, 20 << 20},
		{"longer than announced", steps(64, 1), 1 << 30, 64, false, 0},
		{"unfolds to too much", steps(64, int64(len(bomb))), 1 << 30, 2, false, 0},
		{"as long as the pages", steps(1, int64(len(bomb))), int64(len(bomb)), 0, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hostile{pack: bomb}
			got := (&packed{Source: h, way: c.way}).changes(t.Context(), c.pages, map[string]bool{"amc/775670482/status/1": true})
			if len(h.limits) != c.asked || (len(got) > 0) != c.found {
				t.Fatalf("asked %d times, %d lists", len(h.limits), len(got))
			}
			for i, limit := range h.limits {
				if limit != c.way[i].Bytes {
					t.Errorf("asked for %d bytes, %d were announced", limit, c.way[i].Bytes)
				}
			}
			if all := got["amc/775670482/status/1"]; c.found && (len(all) != 1 || len(all[0]) != c.unfold) {
				t.Errorf("%d changes", len(all))
			}
		})
	}
}

// The way with the fewest bytes is taken, a request counted as some more; where there is none, none.
func TestShortest(t *testing.T) {
	ladder := func(n int64) string {
		var b strings.Builder
		for v := range n {
			fmt.Fprintf(&b, "%d %d 9; ", v, v+1)
		}
		return strings.TrimSuffix(b.String(), "; ")
	}
	for _, c := range []struct {
		name       string
		index      string // packs: from, to, bytes
		held, next int64
		want       string
	}{
		{"one", "1 2 5", 1, 2, "[{1 2 5}]"},
		{"one after the other", "2 3 5; 1 2 5", 1, 3, "[{1 2 5} {2 3 5}]"},
		{"a long one for its requests", "1 2 5; 2 3 5; 1 3 300", 1, 3, "[{1 3 300}]"},
		{"two for their bytes", "1 2 5; 2 3 5; 1 3 3000", 1, 3, "[{1 2 5} {2 3 5}]"},
		{"one that begins before", "0 4 700; 4 5 5", 3, 5, "[{0 4 700} {4 5 5}]"},
		{"one that overlaps", "0 4 700; 2 6 700", 3, 6, "[{2 6 700}]"},
		{"nothing changed on the way", "1 2 0; 2 3 5; 3 4 0", 1, 4, "[{2 3 5}]"},
		{"nothing changed", "1 2 0", 1, 2, "[]"},
		{"a gap", "1 2 5; 3 4 5", 1, 4, "[]"},
		{"begins too late", "2 3 5", 1, 3, "[]"},
		{"ends too early", "1 2 5", 1, 3, "[]"},
		{"leads past", "1 4 5", 1, 3, "[]"},
		{"twice", "1 2 7; 1 2 5; 1 2 6", 1, 2, "[{1 2 5}]"},
		{"too many requests", ladder(maxWay + 1), 0, maxWay + 1, "[]"},
		{"too many packs", ladder(maxPacks) + fmt.Sprintf("; 0 %d 1", maxPacks), 0, maxPacks, "[]"},
		{"none", "", 1, 2, "[]"},
	} {
		index, err := trust.ParsePackIndex([]byte(strings.TrimLeft(strings.ReplaceAll(c.index+"; ", "; ", "\n"), "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(shortest(index, c.held, c.next)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
