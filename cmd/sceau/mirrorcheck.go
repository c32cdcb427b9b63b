// Checking what counters fetch: whole, genuine, current.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/issuer/static"
	"sceau/card/register"
	"sceau/offline"
	"sceau/signing/trust"
)

// States of a mirror, worst last.
const (
	mirrorCurrent     = "current"
	mirrorBehind      = "behind"
	mirrorSlow        = "slow" // only packs are damaged, which counters can do without
	mirrorFaulty      = "faulty"
	mirrorUnreachable = "unreachable"
)

// mirrorFault is one thing that is wrong, and what to do.
type mirrorFault struct {
	File string `json:"file,omitempty"`
	What string `json:"what"`
	Do   string `json:"do"`
}

// mirrorReport is what a check found.
type mirrorReport struct {
	Schema    string        `json:"schema"`
	Source    string        `json:"source"`
	State     string        `json:"state"`
	Root      string        `json:"root,omitempty"` // fingerprint of the root that it carries
	Expected  bool          `json:"root_expected"`  // and it is the one that was asked for
	Version   int64         `json:"version,omitempty"`
	Published string        `json:"published,omitempty"`
	Expires   string        `json:"expires,omitempty"`
	Register  int64         `json:"register_version,omitempty"`
	Behind    int64         `json:"behind,omitempty"` // publications
	Since     string        `json:"behind_since,omitempty"`
	Files     int           `json:"files"`
	Bytes     int64         `json:"bytes"`
	Faults    []mirrorFault `json:"faults"`
	Notes     []string      `json:"notes"`

	mu sync.Mutex
}

// mirrorCheck is one check under way.
type mirrorCheck struct {
	src     trust.Source
	list    func(context.Context) ([]depot.Entry, error) // nil where files can't be listed
	root    string                                       // expected fingerprint, "" for any
	against *issuer.Issuer                               // nil for none
	now     time.Time
	report  *mirrorReport
}

func (r *mirrorReport) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// fault counts a fault; unreachable stays the worst, and a pack is the least.
func (r *mirrorReport) fault(file, do, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if file == "" || !slices.ContainsFunc(r.Faults, func(f mirrorFault) bool { return f.File == file }) { // the first says it: several checks meet the same file
		r.Faults = append(r.Faults, mirrorFault{file, fmt.Sprintf(format, args...), do})
	}
	switch {
	case r.State == mirrorUnreachable, r.State == mirrorFaulty:
	case path.Ext(file) == ".pack":
		r.State = mirrorSlow
	default:
		r.State = mirrorFaulty
	}
}

// What is to be done.
const (
	doCopyAgain = "delete the file there and publish again, or copy it again from the operator's folder"
	doAsk       = "ask whoever runs it, and try again"
	doPublish   = "publish there again, or copy the operator's folder again, timestamp.json last"
	doForeign   = "serve this operator's files there, or check another address"
)

// trouble counts an error of the source or of a file.
func (r *mirrorReport) trouble(file string, err error) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.fault(file, doAsk, "no answer in time")
	case errors.Is(err, trust.ErrInterrupted):
		r.fault(file, doCopyAgain, "%v", err)
		return
	case errors.Is(err, trust.ErrUnreachable), errors.Is(err, trust.ErrTLS), errors.Is(err, trust.ErrProxy):
		r.fault(file, doAsk, "%v", err)
	case errors.Is(err, trust.ErrSource):
		r.fault(file, "a static file server answers 200 with the file, and nothing else: mend its settings", "%v", err)
		return
	case errors.Is(err, trust.ErrFromFuture):
		r.fault(file, "set this computer's clock; if it is right, the publisher's was wrong", "%v", err)
		return
	default:
		r.fault(file, doCopyAgain, "%v", err)
		return
	}
	r.mu.Lock()
	r.State = mirrorUnreachable
	r.mu.Unlock()
}

// run fills the report. The error says that the check itself failed.
func (c *mirrorCheck) run(ctx context.Context) error {
	r := c.report
	r.State, r.Faults, r.Notes = mirrorCurrent, []mirrorFault{}, []string{}
	if c.against != nil {
		var root []byte
		err := c.against.Catalogue(ctx, func(k *issuer.Catalogue) (err error) {
			r.Register = k.Last.Version
			root, err = k.Read("1.root.json")
			return err
		})
		if err != nil {
			return err
		}
		c.root = trust.Fingerprint(root)
	}
	root, fingerprint, err := trust.FetchRoot(ctx, c.src)
	if errors.Is(err, trust.ErrNotFound) {
		r.fault("1.root.json", doPublish, "nothing is published there")
		return nil
	}
	if err != nil {
		r.trouble("1.root.json", err)
		return nil
	}
	r.Root, r.Expected = fingerprint, c.root != "" && trust.SameFingerprint(c.root, fingerprint)
	if c.root != "" && !r.Expected {
		r.fault("1.root.json", doForeign, "it is another operator's: its root is %s, expected %s", fingerprint, c.root)
		return nil
	}
	if c.root == "" {
		r.note("its root was not compared with any: --against DIR, or --root FINGERPRINT")
	}
	t, _, err := trust.Refresh(ctx, c.src, trust.RefreshOptions{Root: root, Now: c.now, Want: c.files})
	if err != nil {
		r.trouble(fileOf(err), err)
		return nil
	}
	r.Version, r.Published, r.Expires = t.Version(), t.Published().UTC().Format(time.RFC3339), t.Expires().UTC().Format(time.RFC3339)
	c.packs(ctx, t)
	if c.against != nil {
		if err := c.compare(ctx, t); err != nil {
			return err
		}
	} else if !c.now.Before(t.Expires()) && r.State == mirrorCurrent {
		r.State, r.Since = mirrorBehind, r.Expires
	}
	return c.surplus(ctx)
}

// fileOf finds the file that an error of the metadata names.
func fileOf(err error) string {
	for _, word := range strings.FieldsFunc(err.Error(), func(r rune) bool { return r == ' ' || r == ':' || r == ',' }) {
		if strings.HasSuffix(word, ".json") {
			return word
		}
	}
	return "timestamp.json"
}

// files fetches every file that a counter may ask for, whole.
func (c *mirrorCheck) files(ctx context.Context, t *trust.Trusted, fetch func(string) ([]byte, error)) error {
	var g errgroup.Group
	g.SetLimit(6)
	for _, key := range append([]string{""}, t.Insurers()...) {
		infos, err := t.Targets(key)
		if err != nil {
			return err
		}
		for _, info := range infos {
			g.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				b, err := fetch(info.Path)
				if err != nil {
					c.report.trouble(info.FetchPath(), err)
					return nil
				}
				c.count(b)
				return nil
			})
			if kind, key, list := offline.Target(info.Path); kind == offline.PageTarget {
				c.token(ctx, key, list)
			}
		}
	}
	return g.Wait()
}

func (c *mirrorCheck) count(b []byte) {
	c.report.mu.Lock()
	defer c.report.mu.Unlock()
	c.report.Files++
	c.report.Bytes += int64(len(b))
}

// maxToken is more than any Token Status List has.
const maxToken = 4 << 20

// token looks at a Token Status List, which no counter reads: other verifiers do.
func (c *mirrorCheck) token(ctx context.Context, key string, list uint32) {
	name := fmt.Sprintf("statuslist/%s/%d.jwt", key, list)
	b, err := c.src.Fetch(ctx, name, maxToken)
	if err != nil {
		c.report.trouble(name, err)
		return
	}
	c.count(b)
	if static.Edition(name, b) == 0 {
		c.report.fault(name, doCopyAgain, "no Token Status List")
	}
}

// packs looks at the packs that the newest publication offers. Counters do without one that is damaged, at the price of hundreds of requests.
func (c *mirrorCheck) packs(ctx context.Context, t *trust.Trusted) {
	name := trust.MetadataPack(t.Version())
	b, err := c.src.Fetch(ctx, name, trust.MaxPack)
	if errors.Is(err, trust.ErrNotFound) {
		return // the first of all, or of an older program: see compare
	}
	if err != nil {
		c.report.trouble(name, err)
		return
	}
	c.count(b)
	packed, err := trust.DecodePack(b)
	if err != nil {
		c.report.trouble(name, err)
		return
	}
	all, err := t.Metadata()
	if err != nil {
		return // was read before
	}
	known := map[string][]byte{}
	for _, f := range all {
		known[f.Path] = f.Data
	}
	for _, f := range packed {
		if b, ok := known[f.Path]; ok && !bytes.Equal(b, f.Data) {
			c.report.fault(name, doCopyAgain, "it holds another %s", f.Path)
		}
		if f.Path == trust.PackIndexPath {
			c.changes(ctx, name, f.Data)
		}
	}
}

// changes looks at the packs of changes that a list offers.
func (c *mirrorCheck) changes(ctx context.Context, name string, index []byte) {
	offered, err := trust.ParsePackIndex(index)
	if err != nil {
		c.report.trouble(name, err)
		return
	}
	for _, p := range offered {
		if p.Bytes == 0 {
			continue
		}
		name := trust.ChangesPack(p.From, p.To)
		b, err := c.src.Fetch(ctx, name, p.Bytes)
		if err != nil {
			c.report.trouble(name, err)
			continue
		}
		c.count(b)
		if _, err := trust.DecodePack(b); err != nil || int64(len(b)) != p.Bytes {
			c.report.fault(name, doCopyAgain, "it is not the pack of %d bytes that is offered", p.Bytes)
		}
	}
}

// compare holds the mirror against the register.
func (c *mirrorCheck) compare(ctx context.Context, t *trust.Trusted) error {
	r := c.report
	return c.against.Catalogue(ctx, func(k *issuer.Catalogue) error {
		r.Register = k.Last.Version
		switch v := t.Version(); {
		case v > k.Last.Version:
			r.fault("timestamp.json", "the register is older than what was published: restore its newest backup", "it holds publication %d, the register knows %d", v, k.Last.Version)
			return nil
		case v < k.Last.Version:
			r.Behind = k.Last.Version - v
			if at, err := c.released(ctx, v); err == nil && !at.Equal(t.Published()) {
				r.fault("timestamp.json", doForeign, "this register's publication %d is of another time: the register was restored, or cloned", v)
			}
			if at, err := c.released(ctx, v+1); err == nil {
				r.Since = at.UTC().Format(time.RFC3339)
			}
			if r.State == mirrorCurrent {
				r.State = mirrorBehind
			}
			return nil
		}
		for _, f := range k.Files {
			// The others were verified by what the register's own metadata says of them.
			if f.Path != "timestamp.json" && !strings.HasPrefix(f.Path, "statuslist/") && path.Ext(f.Path) != ".pack" {
				continue
			}
			mine, err := k.Read(f.Path)
			if err != nil {
				return err
			}
			theirs, err := c.src.Fetch(ctx, f.Path, int64(len(mine))+1)
			if err != nil {
				r.trouble(f.Path, err)
			} else if !bytes.Equal(mine, theirs) {
				r.fault(f.Path, doCopyAgain, "it is not the register's")
			}
		}
		return nil
	})
}

// released is when a publication was made.
func (c *mirrorCheck) released(ctx context.Context, version int64) (at time.Time, err error) {
	err = c.against.Store.View(ctx, func(tx register.Tx) error {
		p, err := issuer.ReadReleased(tx, version)
		at = p.At
		return err
	})
	return at, err
}

// maxNamed bounds how many surplus files are named.
const maxNamed = 5

// surplus says which files are no part of what the register keeps; where there is no register to compare with, which are of no publication.
func (c *mirrorCheck) surplus(ctx context.Context) error {
	if c.list == nil {
		return nil
	}
	all, err := c.list(ctx)
	if err != nil {
		c.report.note("its files could not be listed: %v", err)
		return nil
	}
	kept := map[string]bool{}
	if c.against != nil {
		err := c.against.Catalogue(ctx, func(k *issuer.Catalogue) error {
			for _, f := range k.Files {
				kept[f.Path] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	var forgotten, strange []string
	for _, e := range all {
		switch {
		case kept[e.Name]:
		case !static.Ours(e.Name):
			strange = append(strange, e.Name)
		case c.against != nil && c.report.Behind == 0:
			forgotten = append(forgotten, e.Name)
		}
	}
	say := func(names []string, what string) {
		if len(names) > 0 {
			slices.Sort(names)
			c.report.note("%s %s, such as %s", plural(len(names), "file"), what, strings.Join(names[:min(len(names), maxNamed)], ", "))
		}
	}
	say(forgotten, "of publications that the register has forgotten (sceau publish --prune deletes them)")
	say(strange, "that no publication wrote")
	return nil
}

// depotSource lets a bucket be read as a counter reads.
type depotSource struct{ d depot.Depot }

// Fetch implements trust.Source.
func (s depotSource) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := trust.CheckPath(name); err != nil {
		return nil, err
	}
	b, err := s.d.Get(ctx, name)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s", trust.ErrNotFound, name)
	case errors.Is(err, depot.ErrCredentials):
		return nil, fmt.Errorf("%w: %s", trust.ErrForbidden, name)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", trust.ErrUnreachable, err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%w: %s has more than %d bytes", trust.ErrTooLarge, name, limit)
	}
	return b, nil
}
