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
	index []string
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
		p.o.files[trust.ChangesPack(version)] = b
		size = len(b)
	}
	if p.index == nil {
		p.index = []string{fmt.Sprint(version)}
	} else {
		p.index = append(p.index, fmt.Sprintf("%d %d", version, size))
	}
	metadata = append(metadata, trust.File{Path: "changes/index", Data: []byte(strings.Join(p.index, "\n") + "\n")})
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

// announcing is a metadata pack whose index says another size of a version's changes.
func announcing(o *operator, pack []byte, version int64, size int) []byte {
	files, err := trust.DecodePack(pack)
	o.must(err)
	for i, f := range files {
		if f.Path == "changes/index" {
			lines := strings.Split(strings.TrimSuffix(string(f.Data), "\n"), "\n")
			lines[len(lines)-1] = fmt.Sprintf("%d %d", version, size)
			files[i].Data = []byte(strings.Join(lines, "\n") + "\n")
		}
	}
	b, err := trust.EncodePack(files)
	o.must(err)
	return b
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
	start := o.files.clone()
	first := len(o.files)
	for day := range uint32(3) {
		o.end(1, many(4000+100*day, 4040+100*day)...)
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
	metadata, changes := trust.MetadataPack(version), trust.ChangesPack(version)
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
	check("changes of another day", func(f memory) { f[changes] = f[trust.ChangesPack(version-1)] }, 1, 0)
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
		b, err := trust.EncodePack(append(files, trust.File{Path: pagePath(more) + ".4-5", Data: c.Encode()}))
		o.must(err)
		f[changes] = b
		f[metadata] = announcing(o, f[metadata], version, len(b))
	}, 1, 8)
	check("a pack longer than announced", func(f memory) { f[metadata] = announcing(o, f[metadata], version, len(f[changes])-1) }, 1, 0)
	for name, index := range map[string]string{"gap": "1\n2 10\n4 10\n", "words": "one\ntwo\n", "negative": "1\n2 -1\n3 1\n4 1\n", "short": "1\n2 1\n", "empty": "", "late": "3\n4 10\n", "endless": strings.Repeat("1\n", 1<<20)} {
		check("index "+name, func(f memory) {
			b, err := trust.EncodePack([]trust.File{{Path: "changes/index", Data: []byte(index)}})
			o.must(err)
			f[metadata] = b
		}, 1, 0)
	}
	if first == 0 {
		t.Fatal("nothing published")
	}
}
