// The part of Fsck that looks at what is published, exported, and at the keys.

package issuer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/trust"
)

// published looks at the register's files as a counter would, and holds them against the register's own rows.
func (c *checker) published(tx register.Tx, insurers []register.Insurer) error {
	p, err := tx.LastPublication()
	if errors.Is(err, register.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := tx.File(rootPath)
	if errors.Is(err, register.ErrNotFound) {
		return c.found(FoundTrust, "file "+rootPath, "missing")
	}
	if err != nil {
		return err
	}
	t, err := trust.Open(reader(tx), root)
	if err == nil {
		_, err = t.Metadata() // verifies every role
	}
	if errors.Is(err, register.ErrCorrupt) {
		return err
	}
	if err != nil {
		return c.found(FoundTrust, "file "+timestampPath, "%v", err)
	}
	if t.Version() != p.Version || !t.Published().Equal(p.At) {
		if err := c.found(FoundPublication, fmt.Sprintf("publication %d", p.Version), "the timestamp has version %d of another time", t.Version()); err != nil {
			return err
		}
	}
	if err := c.targets(tx, t); err != nil {
		return err
	}
	lists, err := tx.Lists()
	if err != nil {
		return err
	}
	for _, l := range lists {
		page, err := tx.Page(l.Number)
		if errors.Is(err, register.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		info, err := t.Target(pagePath(l.Insurer, l.Number))
		if err != nil || info.Check(page) != nil {
			if err := c.found(FoundPageNotPublished, fmt.Sprintf("list %d", l.Number), "the published page is another one"); err != nil {
				return err
			}
		}
	}
	for _, i := range insurers {
		if !t.HasInsurer(i.Key) {
			if err := c.found(FoundTrust, "insurer "+i.Key, "no role is delegated to it"); err != nil {
				return err
			}
		}
	}
	return nil
}

// targets reads every file that a counter may fetch.
func (c *checker) targets(tx register.Tx, t *trust.Trusted) error {
	infos, err := allTargets(t)
	if err != nil {
		return c.found(FoundTrust, "file "+timestampPath, "%v", err)
	}
	for _, i := range infos {
		c.report.Files++
		b, err := tx.File(i.FetchPath())
		if errors.Is(err, register.ErrNotFound) {
			err = c.found(FoundTarget, "file "+i.FetchPath(), "missing")
		} else if err == nil && i.Check(b) != nil {
			err = c.found(FoundTarget, "file "+i.FetchPath(), "not the content that was signed")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exported compares a directory with the register.
func (c *checker) exported(tx register.Tx) error {
	if c.o.Exported == nil {
		return nil
	}
	return tx.EachFile(func(f register.File) error {
		b, err := c.o.Exported(f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return c.found(FoundExport, "file "+f.Path, "missing")
		case err != nil:
			return c.found(FoundExport, "file "+f.Path, "not readable")
		case !bytes.Equal(b, f.Data):
			return c.found(FoundExport, "file "+f.Path, "differs")
		}
		return nil
	})
}

// keys opens every key that is to sign something today.
func (c *checker) keys(tx register.Tx, insurers []register.Insurer) error {
	if !c.o.Keys {
		return nil
	}
	t, err := openPublished(tx)
	if err != nil {
		return nil // found already
	}
	r := c.issuer.ring()
	role := func(role string) error {
		if _, off := familyOf(role); off && c.issuer.Offline == nil {
			return nil // locked away: not looked at
		}
		if _, err := r.of(t, role); err != nil {
			return c.found(FoundKey, "key of "+role, "cannot be opened")
		}
		return nil
	}
	roles := []string{trust.RoleSnapshot, trust.RoleTimestamp, trust.RoleTargets}
	for _, i := range insurers {
		roles = append(roles, trust.InsurerRole(i.Key), trust.StatusRole(i.Key))
	}
	for _, name := range roles {
		if err := role(name); err != nil {
			return err
		}
	}
	now := c.issuer.now()
	for _, i := range insurers {
		if i.Keys != keyNames(i.Key) {
			if err := c.found(FoundKey, "insurer "+i.Key, "its row names keys of another purpose or insurer"); err != nil {
				return err
			}
		}
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			continue // found already
		}
		for _, k := range []struct {
			f     family
			among []*signing.PublicKey
		}{{cardFamily(i.Key), doc.CardKeys}, {listFamily(i.Key), doc.StatusKeys}} {
			held := slices.ContainsFunc(activeAt(k.among, now), func(p *signing.PublicKey) bool {
				_, _, err := r.online.open(k.f, p.ECDSA())
				return err == nil
			})
			if !held {
				if err := c.found(FoundKey, "key "+k.f.name(1), "no key that issuer.json of %s names for today can be opened", i.Key); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
