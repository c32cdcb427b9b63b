// Packs: what is new of hundreds of files, in two. Nothing in them is believed: a file of a pack is verified as if it had been fetched,
// and whatever is wrong with a pack costs the files themselves.

package refresh

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
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
	steps []step

	fetched, bytes atomic.Int64 // from the source itself
	served         atomic.Int64 // files that came from a pack
}

// step is one publication's pack of changes.
type step struct {
	version int64
	size    int64 // 0: no list changed
}

// indexPath is the file of a metadata pack that lists the packs of changes.
const indexPath = "changes/index"

const (
	// maxSteps bounds the packs of changes that one sync may take: each costs a request.
	maxSteps = 64
	// maxIndex bounds the list of packs: a line for each, and room for another program's.
	maxIndex = 64 << 10
	// maxChanges bounds what they unfold to, all together: ten times what a country changes in a month.
	maxChanges = 32 << 20
)

// forget makes ready for another try: what a pack held belongs to the one before.
func (p *packed) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.files, p.steps = 0, nil, nil
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
	var steps []step
	for _, f := range p.unpack(ctx, trust.MetadataPack(t.Signed.Version), trust.MaxPack) {
		if f.Path == indexPath {
			steps = stepsAfter(p.held, t.Signed.Version, string(f.Data))
		} else if f.Path != timestampPath {
			files[f.Path] = f.Data
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files, p.steps = files, steps
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

// stepsAfter reads an index: every publication after the one held up to the one announced, or nothing.
func stepsAfter(held, next int64, index string) []step {
	var steps []step
	if len(index) > maxIndex {
		return nil
	}
	want := held + 1
	first := true
	for line := range strings.SplitSeq(strings.TrimSuffix(index, "\n"), "\n") {
		number, size, _ := strings.Cut(line, " ")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil || first && v > held {
			return nil
		}
		first = false
		if v <= held {
			continue
		}
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || n < 0 || n > trust.MaxPack || v != want || len(steps) == maxSteps {
			return nil
		}
		steps, want = append(steps, step{v, n}), want+1
	}
	if want != next+1 {
		return nil
	}
	return steps
}

// takePacks brings the changes of all lists at once, when that is shorter than the pages that are new.
func (r *run) takePacks(ctx context.Context, next *trust.Trusted) error {
	if r.held.Trusted == nil {
		return nil
	}
	var pages int64
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
			}
		}
	}
	if pages > 0 {
		r.changes = r.src.changes(ctx, pages)
	}
	return nil
}

// changes brings the packs of changes since the version held, by the path of their list, when together they are shorter than the pages
// that they save. They stay as they came until their list's turn: one by one none takes more memory than a page.
func (p *packed) changes(ctx context.Context, pages int64) map[string][][]byte {
	p.mu.Lock()
	steps := p.steps
	p.mu.Unlock()
	var sum int64
	for _, s := range steps {
		sum += s.size
	}
	if sum == 0 || sum >= pages {
		return nil
	}
	found := map[string][][]byte{}
	left := maxChanges
	for _, s := range steps {
		if s.size == 0 {
			continue
		}
		met := map[string]bool{}
		for _, f := range p.unpack(ctx, trust.ChangesPack(s.version), s.size) { // no longer than announced: the sum was believed for it
			list, _, ok := cutLast(f.Path, ".")
			if kind, _, _ := offline.Target(list); !ok || kind != offline.PageTarget || met[list] {
				continue // a publication changes a list once
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

// applyPacked follows the changes of packs from a page held to the one signed. Whatever goes wrong, the whole page is the answer: the
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
		next, err := c.Apply(page)
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
