// Everything that a counter keeps, verified again: the database, each signature, each hash, each page.

package mirror

import (
	"context"
	"fmt"
	"path"
	"slices"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/notice"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// Finding is one thing that is wrong. Code is stable: database, repository, insurer, file, routing, leftover.
type Finding struct {
	Code  string `json:"code"`
	Where string `json:"where"` // a file, a path of the repository or a fingerprint
	What  string `json:"what"`
}

// Fsck verifies everything and returns what is wrong, or nothing.
func (m *Mirror) Fsck(ctx context.Context) []Finding {
	c := &checker{}
	v, err := m.View(ctx)
	if err != nil {
		c.add("database", FileName, "%v", err)
		return c.found
	}
	defer v.Close()
	v.mu.Lock()
	defer v.mu.Unlock()
	c.v = v
	faults, err := v.texts("PRAGMA integrity_check(20)")
	if err != nil {
		c.add("database", FileName, "%v", err)
	}
	for _, f := range faults {
		if f != "ok" {
			c.add("database", FileName, "%s", f)
		}
	}
	ids, err := v.repositoryIDs()
	if err != nil {
		c.add("database", FileName, "%v", err)
	}
	for _, id := range ids {
		c.repository(id)
	}
	return c.found
}

type checker struct {
	v     *View
	found []Finding
}

func (c *checker) add(code, where, format string, args ...any) {
	c.found = append(c.found, Finding{code, where, fmt.Sprintf(format, args...)})
}

func (c *checker) repository(id int64) {
	r, err := c.v.repository(id)
	if err != nil {
		c.add("repository", fmt.Sprint(id), "%v", err)
		return
	}
	routed, err := c.v.texts("SELECT key FROM insurer WHERE repository = ? ORDER BY key", id)
	if err != nil {
		c.add("database", FileName, "%v", err)
		return
	}
	for _, key := range routed {
		if !r.trusted.HasInsurer(key) {
			c.add("routing", r.fingerprint, "insurer %s is routed here and is not signed for", key)
		}
	}
	elsewhere, err := c.v.texts("SELECT key FROM insurer WHERE repository <> ?", id)
	if err != nil {
		c.add("database", FileName, "%v", err)
	}
	for _, key := range r.trusted.Insurers() {
		if !slices.Contains(routed, key) && !slices.Contains(elsewhere, key) {
			c.add("routing", r.fingerprint, "insurer %s is signed for and routed nowhere", key)
		}
	}
	c.files(id, r)
}

// files checks that what is stored is what is signed, all of it and nothing else.
func (c *checker) files(id int64, r *followed) {
	wanted := map[string]bool{}
	metadata, err := r.trusted.Metadata()
	if err != nil {
		c.add("repository", r.fingerprint, "%v", err)
		return
	}
	for _, f := range metadata {
		wanted["metadata "+f.Path] = true
	}
	for _, key := range append([]string{""}, r.trusted.Insurers()...) {
		infos, err := r.trusted.Targets(key)
		if err != nil {
			c.add("repository", r.fingerprint, "%v", err)
			return
		}
		listed := c.v.listed(r, key)
		for _, info := range infos {
			if !kept(info, listed) {
				continue
			}
			wanted["target "+info.Path] = true
			data, err := c.v.verified(r, info)
			if kind, author, _ := offline.Target(info.Path); kind == offline.NoticesTarget && err == nil {
				_, err = notice.Parse(author, data) // here alone: what nobody can read is not shown, and keeps no list from being handed on
			}
			if err != nil {
				c.add("file", info.Path, "%v", err)
			}
		}
	}
	stored, err := c.v.texts("SELECT kind || ' ' || path FROM file WHERE repository = ? ORDER BY kind, path", id)
	if err != nil {
		c.add("database", FileName, "%v", err)
	}
	for _, name := range stored {
		if !wanted[name] {
			c.add("leftover", name, "stored, but no role speaks of it")
		}
	}
}

// verified returns a target of which the form was looked at too.
func (v *View) verified(r *followed, info trust.Info) ([]byte, error) {
	data, err := v.target(r, info.Path)
	if err != nil {
		return nil, err
	}
	switch kind, key, list := offline.Target(info.Path); kind {
	case offline.CodesTarget:
		_, err = rights.ParseCodes(data)
	case offline.ServiceTarget:
		_, err = card.ParseService(data)
	case offline.IssuerTarget:
		_, err = parseInsurer(data, key)
	case offline.PageTarget:
		_, err = decodePage(data, key, list)
	case offline.IssuedTarget:
		_, err = decodePart(data, key, info.Path)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// listed are the kids of an insurer's stolen keys; none when its facts can't be read, which is a finding of its own.
func (v *View) listed(r *followed, key string) map[string]bool {
	kids := map[string]bool{}
	data, err := v.target(r, offline.IssuerPath(key))
	if key == "" || err != nil {
		return kids
	}
	insurer, err := parseInsurer(data, key)
	if err != nil {
		return kids
	}
	for _, k := range insurer.CardKeys {
		kids[k.KID] = k.State == signing.StateListed
	}
	return kids
}

// kept says whether a counter keeps a target.
func kept(info trust.Info, listed map[string]bool) bool {
	switch kind, _, _ := offline.Target(info.Path); kind {
	case offline.OtherTarget:
		return false
	case offline.NoticesTarget:
		return info.Length <= offline.MaxNotices
	case offline.IssuedTarget:
		kid, _, _, ok := issued.ParseName(path.Base(info.Path))
		return ok && listed[kid]
	}
	return true
}

// Repository is one repository that the counter follows, for people.
type Repository struct {
	Fingerprint string    `json:"fingerprint"`
	Published   string    `json:"published"` // RFC 3339
	Expires     string    `json:"expires"`
	Version     int64     `json:"version"`
	Insurers    []Insurer `json:"insurers"`
	Sources     []Source  `json:"sources"`
}

// Insurer is one insurer of a followed repository, for people.
type Insurer struct {
	Key    string `json:"amc"`
	Name   string `json:"name"`
	Lists  int    `json:"lists"`
	Events int    `json:"events"` // on all its lists
}

const rfc3339 = "2006-01-02T15:04:05Z07:00"

// Overview lists what is followed. ErrDamaged when a part can't be believed.
func (m *Mirror) Overview(ctx context.Context) ([]Repository, error) {
	v, err := m.View(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	v.mu.Lock()
	defer v.mu.Unlock()
	ids, err := v.repositoryIDs()
	if err != nil {
		return nil, damaged("%w", err)
	}
	all, err := sources(ctx, v.conn)
	if err != nil {
		return nil, damaged("%w", err)
	}
	out := []Repository{}
	for _, id := range ids {
		r, err := v.repository(id)
		if err != nil {
			return nil, err
		}
		o := Repository{Fingerprint: r.fingerprint, Published: r.trusted.Published().Format(rfc3339), Expires: r.trusted.Expires().Format(rfc3339),
			Version: r.trusted.Version(), Insurers: []Insurer{}, Sources: []Source{}}
		for _, s := range all {
			if s.Fingerprint == r.fingerprint {
				s.freeze(r.trusted.Expires())
				o.Sources = append(o.Sources, s)
			}
		}
		routed, err := v.texts("SELECT key FROM insurer WHERE repository = ? ORDER BY key", id)
		if err != nil {
			return nil, damaged("%w", err)
		}
		for _, key := range routed {
			i, err := v.describe(r, key)
			if err != nil {
				return nil, err
			}
			o.Insurers = append(o.Insurers, i)
		}
		out = append(out, o)
	}
	return out, nil
}

func (v *View) describe(r *followed, key string) (Insurer, error) {
	iss, err := v.issuer(key)
	if err != nil {
		return Insurer{}, err
	}
	i := Insurer{Key: key, Name: iss.Insurer.Name}
	infos, err := r.trusted.Targets(key)
	if err != nil {
		return Insurer{}, damaged("%w", err)
	}
	for _, info := range infos {
		kind, _, list := offline.Target(info.Path)
		if kind != offline.PageTarget {
			continue
		}
		data, err := v.target(r, info.Path)
		if err != nil {
			return Insurer{}, err
		}
		var page *status.Page
		if page, err = decodePage(data, key, list); err != nil {
			return Insurer{}, err
		}
		i.Lists++
		i.Events += page.Len()
	}
	return i, nil
}
