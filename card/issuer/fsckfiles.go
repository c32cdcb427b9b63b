// The part of Fsck that looks at what is published, exported, and at the keys.

package issuer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io/fs"

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

// keys opens every key and compares it with what is published of it.
func (c *checker) keys(insurers []register.Insurer) error {
	if !c.o.Keys {
		return nil
	}
	open := func(k Keys, name string) (crypto.Signer, error) {
		if k == nil {
			return nil, nil // locked away: not looked at
		}
		s, err := k.Signer(name)
		if err != nil {
			return nil, c.found(FoundKey, "key "+name, "cannot be opened")
		}
		return s, nil
	}
	for _, name := range []string{keySnapshot, keyTimestamp} {
		if _, err := open(c.issuer.Online, name); err != nil {
			return err
		}
	}
	if _, err := open(c.issuer.Offline, keyTargets); err != nil {
		return err
	}
	for _, i := range insurers {
		if _, err := open(c.issuer.Offline, i.Keys.Insurer); err != nil {
			return err
		}
		if _, err := open(c.issuer.Online, i.Keys.Status); err != nil {
			return err
		}
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			continue // found already
		}
		for _, k := range []struct {
			name  string
			among []*signing.PublicKey
		}{{i.Keys.Card, doc.CardKeys}, {i.Keys.List, doc.StatusKeys}} {
			s, err := open(c.issuer.Online, k.name)
			if err != nil {
				return err
			}
			if s != nil && !names(k.among, s) {
				if err := c.found(FoundKey, "key "+k.name, "issuer.json of %s names another key", i.Key); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func names(among []*signing.PublicKey, s crypto.Signer) bool {
	pub, ok := s.Public().(*ecdsa.PublicKey)
	for _, k := range among {
		if ok && k.KID == signing.KID(pub) {
			return true
		}
	}
	return false
}
