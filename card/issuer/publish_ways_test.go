package issuer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing/trust"
)

// waysWorld publishes lists version by version, and keeps every page that there was.
type waysWorld struct {
	t       *testing.T
	dice    *rand.Rand
	version int64
	pages   []map[uint32]*status.Page // by version
	files   map[string][]byte
	index   trust.PackIndex
	room    int64 // 0: as much as there is
}

func (w *waysWorld) file(path string) ([]byte, error) {
	if b, ok := w.files[path]; ok {
		return b, nil
	}
	return nil, register.ErrNotFound
}

// publish makes the next version.
func (w *waysWorld) publish(events int) {
	w.t.Helper()
	ways := newWays(w.index)
	if w.room > 0 {
		ways.room = w.room
	}
	fail := func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.version++
	next := map[uint32]*status.Page{}
	var changes []trust.File
	for list, old := range w.pages[len(w.pages)-1] {
		next[list] = old
		if w.dice.IntN(3) == 0 {
			continue
		}
		var es []status.Entry
		for range w.dice.IntN(events + 1) {
			day := rights.Date(20000 + w.version/24)
			es = append(es, status.Entry{Index: uint32(w.dice.IntN(5000)), From: day + rights.Date(w.dice.IntN(400)), Published: day, Kind: status.Kind(1 + w.dice.IntN(4))})
		}
		if len(es) == 0 {
			continue
		}
		next[list] = must(old.Append(es))(w.t)
		c := must(status.Diff(old, next[list]))(w.t)
		changes = append(changes, trust.File{Path: changesPath(c.Issuer(), c.List(), c.From(), c.To()), Data: c.Encode()})
	}
	if w.version%90 == 7 {
		list := uint32(len(next) + 1)
		next[list] = status.New(amc, list)
	}
	w.pages = append(w.pages, next)
	fail(ways.prepare(w.file, w.version))
	fail(ways.extend(w.version, changes))
	for _, f := range ways.made {
		w.files[f.Path] = f.Data
	}
	w.index = must(trust.ParsePackIndex(ways.index.Encode()))(w.t)
	offered := map[string]bool{}
	for _, p := range w.index {
		offered[trust.ChangesPack(p.From, p.To)] = true
	}
	for path := range w.files {
		if !offered[path] {
			delete(w.files, path)
		}
	}
}

// check holds a pack against the pages on both of its ends.
func (w *waysWorld) check(p trust.PackInfo) {
	w.t.Helper()
	b := w.files[trust.ChangesPack(p.From, p.To)]
	if int64(len(b)) != p.Bytes {
		w.t.Fatalf("%v: the pack has %d bytes", p, len(b))
	}
	said := map[uint32]*status.Changes{}
	if p.Bytes > 0 {
		for _, f := range must(trust.DecodePack(b))(w.t) {
			c := must(status.DecodeChanges(f.Data))(w.t)
			if f.Path != changesPath(c.Issuer(), c.List(), c.From(), c.To()) || said[c.List()] != nil {
				w.t.Fatalf("%v: %s", p, f.Path)
			}
			said[c.List()] = c
		}
	}
	for list, old := range w.pages[p.From] {
		next := w.pages[p.To][list]
		c := said[list]
		switch {
		case c == nil && old.Revision() != next.Revision():
			w.t.Fatalf("%v: list %d is not in it", p, list)
		case c != nil:
			if got, err := c.Apply(old); err != nil || !bytes.Equal(got.Encode(), next.Encode()) {
				w.t.Fatalf("%v: list %d: %v", p, list, err)
			}
		}
	}
}

// TestWays: whatever version a counter holds, packs lead to the newest, of which each says exactly what changed on its way; and few are kept.
func TestWays(t *testing.T) {
	w := &waysWorld{t: t, dice: rand.New(rand.NewPCG(3, 9)), files: map[string][]byte{}}
	w.pages = []map[uint32]*status.Page{{1: status.New(amc, 1), 2: status.New(amc, 2), 3: status.New(amc, 3)}}
	most, checked := 0, 0
	for w.version < 1150 {
		w.publish(4 * min(w.dice.IntN(9), 1)) // some only change keys
		most = max(most, len(w.index))
		for _, p := range w.index {
			if p.To == w.version {
				w.check(p)
				checked++
			}
		}
		if w.version%17 != 0 && w.version < 1140 {
			continue
		}
		for away := int64(1); away <= min(w.version, packReach); away++ {
			// From the end back: a pack that ends where the next begins or later, and begins as late as possible.
			if begin := latestBeginning(w.index, w.version-away, w.version); begin < 0 || 8*(w.version-away-begin) >= away {
				t.Fatalf("version %d: the way from %d begins at %d", w.version, w.version-away, begin)
			}
		}
	}
	if longest := w.index[slices.IndexFunc(w.index, func(p trust.PackInfo) bool { return p.To-p.From == longestWay })]; checked < 1000 || most > 150 || longest.Bytes == 0 {
		t.Errorf("%d packs checked, %d at most are kept, the longest %v", checked, most, longest)
	}
	fmt.Printf("count: %d publications, %d packs held against pages, %d kept at most\n", w.version, checked, most)
}

// latestBeginning is where a chain of packs that covers (held, next] begins at the latest, -1 for none.
func latestBeginning(index trust.PackIndex, held, next int64) int64 {
	ends := map[int64]bool{next: true}
	best := int64(-1)
	sorted := slices.Clone(index)
	slices.SortFunc(sorted, func(a, b trust.PackInfo) int { return int(b.To - a.To) })
	for _, p := range sorted {
		if !ends[p.To] {
			continue
		}
		if p.From <= held {
			best = max(best, p.From)
		}
		ends[p.From] = true
	}
	return best
}

// TestWaysInBytes: what all packs take is bounded, and a counter that was not away for long still finds its way.
func TestWaysInBytes(t *testing.T) {
	w := &waysWorld{t: t, dice: rand.New(rand.NewPCG(5, 2)), files: map[string][]byte{}, room: 12_000}
	w.pages = []map[uint32]*status.Page{{1: status.New(amc, 1), 2: status.New(amc, 2)}}
	longest := int64(0)
	for w.version < 300 {
		w.publish(30)
		sum := 0
		for path, b := range w.files {
			sum += len(b)
			if len(b) == 0 {
				t.Fatalf("%s is empty", path)
			}
		}
		if sum > 12_000 {
			t.Fatalf("version %d: %d bytes are kept", w.version, sum)
		}
		for _, p := range w.index {
			longest = max(longest, p.To-p.From)
			if p.To == w.version {
				w.check(p)
			}
		}
		for away := int64(1); away <= min(w.version, keptWays); away++ {
			if latestBeginning(w.index, w.version-away, w.version) != w.version-away {
				t.Fatalf("version %d: no way from %d", w.version, w.version-away)
			}
		}
	}
	if longest < 4 || longest > 64 {
		t.Errorf("the longest way is %d", longest)
	}
}

// TestWaysDamaged: a half that is damaged or gone costs the longer way, never the publication.
func TestWaysDamaged(t *testing.T) {
	for name, spoil := range map[string]func(w *waysWorld, path string){
		"gone":    func(w *waysWorld, path string) { delete(w.files, path) },
		"empty":   func(w *waysWorld, path string) { w.files[path] = nil },
		"altered": func(w *waysWorld, path string) { w.files[path][len(w.files[path])/2] ^= 4 },
		"another": func(w *waysWorld, path string) {
			w.files[path] = must(trust.EncodePack([]trust.File{{Path: "x"}}))(w.t)
		},
		"long enough, another list's": func(w *waysWorld, path string) {
			c := must(status.Diff(status.New(amc, 9), must(status.New(amc, 9).Append([]status.Entry{{Index: 1, From: 20000, Published: 20000, Kind: status.Void}}))(w.t)))(w.t)
			w.files[path] = must(trust.EncodePack([]trust.File{{Path: changesPath(amc, 1, 3, 4), Data: c.Encode()}}))(w.t)
		},
		"long enough, junk": func(w *waysWorld, path string) {
			w.files[path] = must(trust.EncodePack([]trust.File{{Path: "x", Data: []byte("y")}}))(w.t)
		},
		"long enough, of another time": func(w *waysWorld, path string) { w.files[path] = w.files[trust.ChangesPack(0, 4)] },
	} {
		t.Run(name, func(t *testing.T) {
			w := &waysWorld{t: t, dice: rand.New(rand.NewPCG(1, 1)), files: map[string][]byte{}}
			w.pages = []map[uint32]*status.Page{{1: status.New(amc, 1)}}
			for w.version < 7 {
				w.publish(9)
			}
			spoil(w, trust.ChangesPack(4, 6))
			for i, p := range w.index {
				if p.From == 4 && p.To == 6 && strings.HasPrefix(name, "long enough") {
					w.index[i].Bytes = int64(len(w.files[trust.ChangesPack(4, 6)]))
				}
			}
			w.publish(9)
			for _, p := range w.index {
				if p.To == 8 && (p.From == 7 || p.From == 6) {
					w.check(p)
				} else if p.To == 8 {
					t.Errorf("%v was made of it", p)
				}
			}
			if !slices.ContainsFunc(w.index, func(p trust.PackInfo) bool { return p.From == 7 && p.To == 8 }) {
				t.Error("the publication's own pack is missing")
			}
		})
	}
}
