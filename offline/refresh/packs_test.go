package refresh_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"sceau/card/status"
	"sceau/offline/refresh"
	"sceau/rights"
	"sceau/signing/trust"
)

// packing gives what an operator published as the service does: with packs.
type packing struct {
	t     *testing.T
	o     *operator
	index trust.PackIndex
	pages map[uint32]*status.Page
}

// publish publishes and packs what is new.
func (p *packing) publish() {
	p.t.Helper()
	before := p.o.files.clone()
	p.o.publish()
	version := versionOf(p.t, p.o.files)
	var metadata, changes []trust.File
	for path, b := range p.o.files {
		if before[path] == nil && strings.HasSuffix(path, ".json") && !strings.Contains(path, "/") && path != "timestamp.json" {
			metadata = append(metadata, trust.File{Path: path, Data: b})
		}
	}
	for list, page := range p.o.pages {
		old := p.pages[list]
		if old == nil || old.Revision() == page.Revision() {
			continue
		}
		c, err := status.Diff(old, page)
		p.o.must(err)
		changes = append(changes, trust.File{Path: fmt.Sprintf("%s.%d-%d", pagePath(page), c.From(), c.To()), Data: c.Encode()})
	}
	p.pages = map[uint32]*status.Page{}
	for list, page := range p.o.pages {
		p.pages[list] = page
	}
	size := 0
	if len(changes) > 0 {
		b, err := trust.EncodePack(changes)
		p.o.must(err)
		p.o.files[trust.ChangesPack(version-1, version)] = b
		size = len(b)
	}
	p.index = append(p.index, trust.PackInfo{From: version - 1, To: version, Bytes: int64(size)})
	metadata = append(metadata, trust.File{Path: trust.PackIndexPath, Data: p.index.Encode()})
	b, err := trust.EncodePack(metadata)
	p.o.must(err)
	p.o.files[trust.MetadataPack(version)] = b
}

func versionOf(t *testing.T, files memory) int64 {
	t.Helper()
	tr, err := trust.Open(func(path string) ([]byte, error) {
		if b, ok := files[path]; ok {
			return b, nil
		}
		return nil, trust.ErrNotFound
	}, files["1.root.json"])
	if err != nil {
		t.Fatal(err)
	}
	return tr.Version()
}

// announcing is a metadata pack whose index is changed.
func announcing(o *operator, pack []byte, change func(trust.PackIndex) trust.PackIndex) []byte {
	files, err := trust.DecodePack(pack)
	o.must(err)
	for i, f := range files {
		if f.Path == trust.PackIndexPath {
			index, err := trust.ParsePackIndex(f.Data)
			o.must(err)
			files[i].Data = change(index).Encode()
		}
	}
	b, err := trust.EncodePack(files)
	o.must(err)
	return b
}

// sized says another size of the newest pack.
func sized(size int) func(trust.PackIndex) trust.PackIndex {
	return func(x trust.PackIndex) trust.PackIndex { x[len(x)-1].Bytes = int64(size); return x }
}

// asked names and counts what was fetched.
type asked struct {
	memory
	mu    sync.Mutex
	names []string
	bytes int64
}

func (a *asked) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	b, err := a.memory.Fetch(ctx, path, limit)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = append(a.names, path)
	a.bytes += int64(len(b))
	return b, err
}

// A counter that follows takes two packs; whatever is wrong with them costs the files themselves, and never the state.
func TestPacks(t *testing.T) {
	o := newOperator(t, mutuelle)
	o.end(1, many(0, 3000)...)
	p := &packing{t: t, o: o}
	p.publish()
	before := o.pages[1]
	o.end(1, many(3501, 3)...)
	p.publish()
	begun := o.pages[1]
	start := o.files.clone()
	first := len(o.files)
	for day := range uint32(3) {
		o.end(1, many(4001+100*day, 4040+100*day)...)
		p.publish()
	}
	version := versionOf(t, o.files)
	check := func(name string, spoil func(f memory), changes int, most int) {
		t.Run(name, func(t *testing.T) {
			m, _ := newCounter(t)
			if _, err := refresh.Sync(t.Context(), m, start, o.options()); err != nil {
				t.Fatal(err)
			}
			src := &asked{memory: o.files.clone()}
			spoil(src.memory)
			r, err := refresh.Sync(t.Context(), m, src, o.options())
			if err != nil || !r.Changed || r.ByChanges != changes {
				t.Fatalf("%+v, %v", r, err)
			}
			if r.Bytes != src.bytes { // also those of a pack that was wrong
				t.Errorf("%d bytes reported, %d sent", r.Bytes, src.bytes)
			}
			if most > 0 && len(src.names) > most {
				t.Errorf("asked for %v", src.names)
			}
			if page, err := view(t, m).Page(mutuelle, 1); err != nil || page.Len() != o.pages[1].Len() {
				t.Fatalf("the list is not the new one: %v", err)
			}
			if f := m.Fsck(t.Context()); len(f) > 0 {
				t.Fatalf("%+v", f)
			}
		})
	}
	metadata, changes := trust.MetadataPack(version), trust.ChangesPack(version-1, version)
	// Two roots, the timestamp, four packs; the operator of this test publishes no page that could be followed otherwise.
	check("whole", func(memory) {}, 1, 8)
	alter := func(name string) func(memory) {
		return func(f memory) { b := append([]byte{}, f[name]...); b[len(b)/2] ^= 1; f[name] = b }
	}
	check("no metadata", func(f memory) { delete(f, metadata) }, 1, 0)
	check("metadata altered", alter(metadata), 1, 0)
	check("metadata of another version", func(f memory) { f[metadata] = f[trust.MetadataPack(version-1)] }, 1, 0)
	check("no changes", func(f memory) { delete(f, changes) }, 1, 0)
	check("changes altered", alter(changes), 1, 0)
	check("changes of another day", func(f memory) { f[changes] = f[trust.ChangesPack(version-2, version-1)] }, 1, 0)
	check("forged files", func(f memory) {
		b, err := trust.EncodePack([]trust.File{{Path: fmt.Sprintf("%d.snapshot.json", version), Data: []byte("{}")}})
		o.must(err)
		f[metadata] = b
	}, 1, 0)
	check("a list twice in a pack", func(f memory) {
		files, err := trust.DecodePack(f[changes])
		o.must(err)
		more, err := o.pages[1].Append([]status.Entry{{Index: 9, From: rights.DateAt(o.now), Published: rights.DateAt(o.now), Kind: status.Void}})
		o.must(err)
		c, err := status.Diff(o.pages[1], more)
		o.must(err)
		b, err := trust.EncodePack(append(files, trust.File{Path: pagePath(more) + ".5-6", Data: c.Encode()}))
		o.must(err)
		f[changes] = b
		f[metadata] = announcing(o, f[metadata], sized(len(b)))
	}, 1, 8)
	check("a pack longer than announced", func(f memory) { f[metadata] = announcing(o, f[metadata], sized(len(f[changes])-1)) }, 1, 0)
	for name, index := range map[string]string{"gap": "1 2 10\n3 4 10\n", "words": "one\ntwo\n", "negative": "1 2 -1\n2 3 1\n3 4 1\n", "short": "1 2 1\n", "empty": "", "late": "3 4 10\n", "of before": "1\n2 10\n3 10\n4 10\n",
		"endless": strings.Repeat("1 2 3\n", 1<<20), "a crowd": strings.Repeat("1 4 9\n", 2000), "a promise": "1 4 9\n"} {
		check("index "+name, func(f memory) {
			b, err := trust.EncodePack([]trust.File{{Path: "changes/index", Data: []byte(index)}})
			o.must(err)
			f[metadata] = b
		}, 1, 0)
	}
	// A pack of a longer way takes the place of three, also where it begins before what is held; and its halves are as good.
	long := func(from int64, list *status.Page) func(f memory) {
		return func(f memory) {
			c, err := status.Diff(list, o.pages[1])
			o.must(err)
			b, err := trust.EncodePack([]trust.File{{Path: fmt.Sprintf("%s.%d-%d", pagePath(list), c.From(), c.To()), Data: c.Encode()}})
			o.must(err)
			f[trust.ChangesPack(from, version)] = b
			f[metadata] = announcing(o, f[metadata], func(x trust.PackIndex) trust.PackIndex {
				return append(x, trust.PackInfo{From: from, To: version, Bytes: int64(len(b))})
			})
			for v := version - 2; v < version; v++ {
				delete(f, trust.ChangesPack(v, v+1))
			}
		}
	}
	check("a longer way", long(version-3, begun), 1, 6)
	check("a longer way that begins before", long(version-4, before), 1, 6)
	check("a longer way of another list", func(f memory) {
		long(version-3, begun)(f)
		b, err := trust.EncodePack([]trust.File{{Path: "amc/" + mutuelle + "/status/2.1-4", Data: []byte("x")}})
		o.must(err)
		f[trust.ChangesPack(version-3, version)] = b
	}, 1, 0)
	if first == 0 {
		t.Fatal("nothing published")
	}
}
