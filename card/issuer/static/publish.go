// Bringing a depot to the register's last publication, in an order in which a reader sees the old one or the new one.

package static

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/register"
)

// Depot is where publications go: every depot of depot.Open is one.
type Depot interface {
	depot.Depot
	depot.Swapper
}

// Options of Publish.
type Options struct {
	// Prune deletes published files that the register has forgotten, once the new publication is complete. Other files stay.
	Prune bool
}

// Report says what Publish did.
type Report struct {
	Version int64
	Files   int   // of the publication and those before it that are kept
	Written int   // were not there, or others
	Bytes   int64 // of those
	Pruned  int
}

// writers is how many files travel at once: it hides a server's round trips, and the flushes of a disk.
const writers = 8

// Publish writes what a depot lacks of the register's last publication. What did not change is neither written nor read again: the
// depot's own timestamp.json says which publication is there, a listing which files are. Targets and metadata come first, new
// roots after them, and timestamp.json last of all, on the condition that nobody replaced it since it was read. Cut short, it leaves the
// old state whole; run again, it completes the new one.
//
// ErrForeign: the depot belongs to another operator. ErrOlder: it is ahead of the register. issuer.ErrConcurrent: another publisher
// was faster; publish again. A file with the right name and other bytes that is older than the publication there is not noticed: mirror
// checks are for that.
func Publish(ctx context.Context, s *issuer.Issuer, to Depot, o Options) (*Report, error) {
	var report *Report
	var found map[string]bool
	err := s.Catalogue(ctx, func(c *issuer.Catalogue) error {
		p := &publication{Catalogue: c, to: to, report: Report{Version: c.Last.Version, Files: len(c.Files)}}
		if err := p.run(ctx); err != nil {
			return err
		}
		report, found = &p.report, p.there
		return nil
	})
	if err != nil {
		return nil, err
	}
	if o.Prune {
		report.Pruned, err = prune(ctx, s, to, found)
	}
	if err != nil {
		return nil, err
	}
	return report, nil
}

// publication is one run of Publish.
type publication struct {
	*issuer.Catalogue
	to     Depot
	report Report

	stamp []byte // timestamp.json as it is there
	tag   string
	since int64           // publication that is there, whole but for files that were taken away; 0 when that can't be told
	there map[string]bool // files by name

	written, bytes atomic.Int64
}

func (p *publication) run(ctx context.Context) error {
	if err := p.look(ctx); err != nil {
		return err
	}
	var roots []string
	stamped := false
	g, in := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for _, f := range p.Files {
		if in.Err() != nil {
			break
		}
		if f.Path == timestampPath {
			stamped = true
			continue
		}
		if p.there[f.Path] && f.Publication <= p.since {
			continue
		}
		if strings.HasSuffix(f.Path, ".root.json") {
			roots = append(roots, f.Path)
			continue
		}
		data, err := p.Read(f.Path) // here, not there: one transaction, one reader
		if err != nil {
			_ = g.Wait() // its own trouble comes after this one
			return err
		}
		g.Go(func() error { return p.put(in, f.Path, data) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, path := range roots {
		data, err := p.Read(path)
		if err != nil {
			return err
		}
		if err := p.put(ctx, path, data); err != nil {
			return err
		}
	}
	if stamped {
		if err := p.swapStamp(ctx); err != nil {
			return err
		}
	}
	p.report.Written, p.report.Bytes = int(p.written.Load()), p.bytes.Load()
	return nil
}

// look finds out what is there.
func (p *publication) look(ctx context.Context) error {
	all, err := p.to.List(ctx, "")
	if err != nil {
		return err
	}
	p.there = make(map[string]bool, len(all))
	for _, e := range all {
		p.there[e.Name] = true
	}
	if p.there[rootPath] {
		mine, err := p.Read(rootPath)
		if err != nil {
			return err
		}
		theirs, err := p.to.Get(ctx, rootPath)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && !bytes.Equal(mine, theirs) {
			return fmt.Errorf("%w: %s", ErrForeign, rootPath)
		}
	}
	p.stamp, p.tag, err = p.to.Read(ctx, timestampPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	version := edition(timestampPath, p.stamp)
	if version > p.Last.Version {
		return fmt.Errorf("%w: publication %d, the register knows %d", ErrOlder, version, p.Last.Version)
	}
	same, err := p.continues(version)
	if same {
		p.since = version
	}
	return err
}

// continues says whether what is there is a publication of this register: the snapshot that it names is one of the register's. One that
// the register has forgotten already is as good as none: then every file is compared.
func (p *publication) continues(version int64) (bool, error) {
	var f struct {
		Signed struct {
			Meta map[string]struct {
				Version int64             `json:"version"`
				Hashes  map[string]string `json:"hashes"`
			} `json:"meta"`
		} `json:"signed"`
	}
	if version < 1 || json.Unmarshal(p.stamp, &f) != nil {
		return false, nil
	}
	if version == p.Last.Version {
		mine, err := p.Read(timestampPath)
		return err == nil && bytes.Equal(mine, p.stamp), err
	}
	snapshot := f.Signed.Meta["snapshot.json"]
	mine, err := p.Read(fmt.Sprintf("%d.snapshot.json", snapshot.Version))
	if errors.Is(err, register.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(mine)
	return hex.EncodeToString(sum[:]) == snapshot.Hashes["sha256"], nil
}

// put writes one file. One whose name never changes content must not be there with another; of one that does the newer stays.
func (p *publication) put(ctx context.Context, path string, data []byte) error {
	if Mutable(path) {
		return p.swap(ctx, path, data)
	}
	if p.there[path] {
		old, err := p.to.Get(ctx, path)
		if err == nil && bytes.Equal(old, data) {
			return nil
		}
		if err == nil {
			return fmt.Errorf("%w: %s", ErrForeign, path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	written, err := p.to.Put(ctx, path, data)
	if written && err == nil {
		p.count(data)
	}
	return err
}

func (p *publication) count(data []byte) {
	p.written.Add(1)
	p.bytes.Add(int64(len(data)))
}

// swap replaces a Token Status List unless a newer one is there.
func (p *publication) swap(ctx context.Context, path string, data []byte) error {
	old, tag, err := p.to.Read(ctx, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err == nil && edition(path, old) > edition(path, data) {
		return fmt.Errorf("%w: %s; publish again", ErrOlder, path)
	}
	return p.replace(ctx, path, data, tag)
}

func (p *publication) replace(ctx context.Context, path string, data []byte, tag string) error {
	err := p.to.Swap(ctx, path, data, tag)
	if errors.Is(err, depot.ErrChanged) {
		return fmt.Errorf("%w: %w", issuer.ErrConcurrent, err)
	}
	if err == nil {
		p.count(data)
	}
	return err
}

// swapStamp puts timestamp.json in its place: from here on readers see the new publication.
func (p *publication) swapStamp(ctx context.Context) error {
	data, err := p.Read(timestampPath)
	if err != nil {
		return err
	}
	if p.tag != depot.Absent && bytes.Equal(data, p.stamp) {
		return nil
	}
	return p.replace(ctx, timestampPath, data, p.tag)
}

// ours are the names that publications give to files.
var ours = regexp.MustCompile(`^(?:[0-9]+\.[A-Za-z0-9-]+\.json|(?:[A-Za-z0-9._-]+/)*[0-9a-f]{64}\.[A-Za-z0-9._-]+|(?:changes/[0-9]+-[0-9]+|metadata/[0-9]+)\.pack|statuslist/[A-Z0-9]+/[0-9]+\.jwt)$`)

// Ours says whether a name is one that publications give to files.
func Ours(name string) bool { return name == timestampPath || ours.MatchString(name) }

// prune deletes what the register has forgotten of the files found. The register is read again for it, after they were: another
// publisher's new files may be among them, and that publication was in the register before they were there.
func prune(ctx context.Context, s *issuer.Issuer, to Depot, found map[string]bool) (pruned int, err error) {
	kept := map[string]bool{}
	err = s.Catalogue(ctx, func(c *issuer.Catalogue) error {
		for _, f := range c.Files {
			kept[f.Path] = true
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for name := range found {
		if kept[name] || !Ours(name) {
			continue
		}
		if err := to.Delete(ctx, name); err != nil {
			return pruned, err
		}
		pruned++
	}
	return pruned, nil
}
