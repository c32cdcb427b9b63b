package refresh

import (
	"context"
	"fmt"
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
	steps := func(n int, size int64) []step {
		var out []step
		for v := range n {
			out = append(out, step{int64(v + 2), size})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		steps  []step
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
			got := (&packed{Source: h, steps: c.steps}).changes(t.Context(), c.pages)
			if len(h.limits) != c.asked || (len(got) > 0) != c.found {
				t.Fatalf("asked %d times, %d lists", len(h.limits), len(got))
			}
			for i, limit := range h.limits {
				if limit != c.steps[i].size {
					t.Errorf("asked for %d bytes, %d were announced", limit, c.steps[i].size)
				}
			}
			if all := got["amc/775670482/status/1"]; c.found && (len(all) != 1 || len(all[0]) != c.unfold) {
				t.Errorf("%d changes", len(all))
			}
		})
	}
	for _, index := range []string{fmt.Sprintf("1\n2 %d\n", int64(trust.MaxPack)+1), "1\n2 9223372036854775807\n"} {
		if s := stepsAfter(1, 2, index); s != nil {
			t.Errorf("%q: %v", index, s)
		}
	}
	if s := stepsAfter(1, 2, "1\n2 5\n"); len(s) != 1 || s[0] != (step{2, 5}) {
		t.Errorf("%v", s)
	}
}
