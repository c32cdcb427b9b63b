// Packs: what is new of hundreds of files, in two. Nothing in them is believed: a file of a pack is verified as if it had been fetched,
// and whatever is wrong with a pack costs the files themselves.

package refresh

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sceau/card/status"
	"sceau/offline"
	"sceau/signing/trust"
)

// packed is a source whose metadata may come from a pack.
type packed struct {
	trust.Source
	plain bool  // no packs: one was wrong
	held  int64 // version that the counter has; 0 for none: it needs everything, and packs hold what is new

	mu    sync.Mutex
	files map[string][]byte
	way   trust.PackIndex // packs of changes that lead from held to what is announced

	fetched, bytes atomic.Int64 // from the source itself
	served         atomic.Int64 // files that came from a pack
}

const (
	// maxWay bounds the packs of changes that one sync may take: each costs a request.
	maxWay = 64
	// maxPacks bounds the packs among which a way is sought.
	maxPacks = 1024
	// request is what asking costs beside what comes, in bytes: one pack more must save that.
	request = 500
	// maxChanges bounds what they unfold to, all together, and so what is worth bringing: ten times what a country changes in a month.
	maxChanges = 32 << 20
)

// forget makes ready for another try: what a pack held belongs to the one before.
func (p *packed) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.files, p.way = 0, nil, nil
	p.served.Store(0)
}

// Fetch implements trust.Source.
func (p *packed) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	p.mu.Lock()
	data, ok := p.files[path]
	p.mu.Unlock()
	if ok && int64(len(data)) <= limit {
		p.served.Add(1)
		return data, nil
	}
	data, err := p.bring(ctx, path, limit)
	if err == nil && path == timestampPath {
		p.open(ctx, data)
	}
	return data, err
}

const timestampPath = "timestamp.json"

func (p *packed) bring(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, err := p.Source.Fetch(ctx, path, limit)
	if err == nil {
		p.fetched.Add(1)
		p.bytes.Add(int64(len(data)))
	}
	return data, err
}

// open brings the pack of the version that a timestamp announces, which nobody has verified yet: at worst a file that nobody needs.
func (p *packed) open(ctx context.Context, timestamp []byte) {
	var t struct {
		Signed struct {
			Version int64 `json:"version"`
		} `json:"signed"`
	}
	if p.held == 0 || json.Unmarshal(timestamp, &t) != nil || t.Signed.Version <= p.held {
		return
	}
	files := map[string][]byte{}
	var way trust.PackIndex
	for _, f := range p.unpack(ctx, trust.MetadataPack(t.Signed.Version), trust.MaxPack) {
		if f.Path == trust.PackIndexPath {
			if index, err := trust.ParsePackIndex(f.Data); err == nil {
				way = shortest(index, p.held, t.Signed.Version)
			}
		} else if f.Path != timestampPath {
			files[f.Path] = f.Data
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files, p.way = files, way
}

// unpack returns nothing for a pack that is not there, longer than limit or damaged.
func (p *packed) unpack(ctx context.Context, path string, limit int64) []trust.File {
	b, err := p.bring(ctx, path, limit)
	if err != nil {
		return nil
	}
	files, err := trust.DecodePack(b)
	if err != nil {
		return nil
	}
	return files
}

// shortest are the packs that lead from the version held to the one announced, in their order: the fewest bytes, a request counted as some
// more. The first may begin before what is held, and each before the end of the one before it. None where there is no way, or where that one
// takes more than maxWay.
func shortest(index trust.PackIndex, held, next int64) trust.PackIndex {
	if len(index) > maxPacks {
		return nil
	}
	index = slices.DeleteFunc(slices.Clone(index), func(p trust.PackInfo) bool { return p.To <= held || p.To > next || p.From >= next })
	slices.SortFunc(index, func(a, b trust.PackInfo) int { return cmp.Compare(a.To, b.To) })
	type reach struct {
		version, cost int64
		pack, before  int // before: index of the reach that it continues, -1 for what is held
	}
	reached := []reach{{version: held, before: -1}}
	for i, p := range index {
		best := -1
		for j, r := range reached {
			if p.From <= r.version && r.version < p.To && (best < 0 || r.cost <= reached[best].cost) {
				best = j
			}
		}
		if best < 0 {
			continue
		}
		cost := reached[best].cost
		if p.Bytes > 0 {
			cost += p.Bytes + request
		}
		reached = append(reached, reach{p.To, cost, i, best})
	}
	last := -1
	for j, r := range reached {
		if r.version == next && j > 0 && (last < 0 || r.cost < reached[last].cost) {
			last = j
		}
	}
	var way trust.PackIndex
	for j := last; j > 0; j = reached[j].before {
		if p := index[reached[j].pack]; p.Bytes > 0 {
			way = append(way, p)
		}
	}
	if len(way) > maxWay {
		return nil
	}
	slices.Reverse(way)
	return way
}

// takePacks brings the changes of all lists at once, when that is shorter than the pages that are new.
func (r *run) takePacks(ctx context.Context, next *trust.Trusted) error {
	if r.held.Trusted == nil {
		return nil
	}
	var pages int64
	changed := map[string]bool{}
	for _, key := range next.Insurers() {
		infos, err := next.Targets(key)
		if err != nil {
			return err
		}
		for _, info := range infos {
			if kind, _, _ := offline.Target(info.Path); kind != offline.PageTarget {
				continue
			}
			if old, err := r.held.Trusted.Target(info.Path); err != nil || old.SHA256 != info.SHA256 {
				pages += info.Length
				changed[info.Path] = true
			}
		}
	}
	if pages > 0 {
		r.changes = r.src.changes(ctx, pages, changed)
	}
	return nil
}

// changes brings the packs of changes that lead from the version held, by the path of their list, when together they are shorter than the pages
// that they save; of these what belongs to the lists said. They stay as they came until their list's turn: one by one none takes more memory than a page.
func (p *packed) changes(ctx context.Context, pages int64, changed map[string]bool) map[string][][]byte {
	p.mu.Lock()
	way := p.way
	p.mu.Unlock()
	var sum int64
	for _, w := range way {
		sum += w.Bytes
	}
	if sum == 0 || sum >= min(pages, maxChanges) {
		return nil
	}
	found := map[string][][]byte{}
	left := maxChanges
	for _, w := range way {
		met := map[string]bool{}
		for _, f := range p.unpack(ctx, trust.ChangesPack(w.From, w.To), w.Bytes) { // no longer than announced: the sum was believed for it
			list, _, ok := cutLast(f.Path, ".")
			if !ok || !changed[list] || met[list] || len(f.Data) == 0 {
				continue // a list that nobody signed, or twice in a pack
			}
			met[list] = true
			if left -= len(f.Data); left < 0 {
				return nil
			}
			found[list] = append(found[list], bytes.Clone(f.Data)) // not the whole pack with it
		}
	}
	return found
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// applyPacked follows the changes of packs from a page held to the one signed, leaving out what it has. Whatever goes wrong, the whole page is the answer: the
// result must hash to what was signed.
func applyPacked(old *status.Page, info trust.Info, all [][]byte) ([]byte, bool) {
	page := old
	for _, b := range all {
		c, err := status.DecodeChanges(b)
		if err != nil {
			return nil, false
		}
		if c.To() <= page.Revision() {
			continue
		}
		next, err := c.ApplyRest(page)
		if err != nil {
			return nil, false
		}
		page = next
	}
	if page == old {
		return nil, false
	}
	b := page.Encode()
	return b, info.Check(b) == nil
}
