// The part of Fsck that holds the published lists of stolen keys against the register's cards.

package issuer

import (
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/trust"
)

// told is the published list of a stolen key, and how many of its cards the register has.
type told struct {
	insurer string
	parts   []*issued.Part // of parts that can't be read nil
	length  int64
	met     int64
}

// has says whether a card is on the list.
func (l *told) has(digest [32]byte) bool {
	d := [issued.DigestSize]byte(digest[:])
	p := l.parts[issued.PartOf(d, len(l.parts))]
	return p != nil && p.Has(d)
}

// issuedLists reads the list of every key that counters know as listed, by kid. Published metadata that do not verify are found
// elsewhere, and so are keys that wait for their publication: until then nobody asks for a list.
func (c *checker) issuedLists(tx register.Tx, insurers []register.Insurer) (map[string]*told, error) {
	t, err := openPublished(tx)
	if err != nil {
		if errors.Is(err, register.ErrCorrupt) {
			return nil, err
		}
		return nil, nil
	}
	out := map[string]*told{}
	for _, i := range insurers {
		doc, err := publishedInsurer(tx, t, i.Key)
		if err != nil || doc == nil {
			continue // found elsewhere: missing, or not what was signed
		}
		for _, k := range doc.CardKeys {
			if k.State != signing.StateListed {
				continue
			}
			if out[k.KID], err = c.issuedList(tx, t, i.Key, k.KID); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// publishedInsurer reads the issuer.json that counters have; nil for none.
func publishedInsurer(tx register.Tx, t *trust.Trusted, key string) (*card.Insurer, error) {
	info, err := t.Target(insurerPath(key))
	if err != nil {
		return nil, err
	}
	b, err := tx.File(info.FetchPath())
	if err == nil {
		err = info.Check(b)
	}
	if err != nil {
		return nil, err
	}
	return card.ParseInsurer(b)
}

// issuedList reads every part of a list as a counter would.
func (c *checker) issuedList(tx register.Tx, t *trust.Trusted, key, kid string) (*told, error) {
	l := &told{insurer: key, parts: make([]*issued.Part, 1)}
	for n := issued.MaxParts; n >= 1; n /= 2 {
		if _, err := t.Target(issuedPath(key, issued.Name(kid, 0, n))); err == nil {
			l.parts = make([]*issued.Part, n)
			break
		}
	}
	for i := range l.parts {
		name := issued.Name(kid, i, len(l.parts))
		bad := func(what string) error { return c.found(FoundIssuedList, "file "+issuedPath(key, name), "%s", what) }
		info, err := t.Target(issuedPath(key, name))
		if err != nil {
			if err := bad("the key is listed, and this part of the list of its cards is not published"); err != nil {
				return nil, err
			}
			continue
		}
		b, err := tx.File(info.FetchPath())
		if errors.Is(err, register.ErrNotFound) || err == nil && info.Check(b) != nil {
			continue // found as a target
		}
		if err != nil {
			return nil, err
		}
		p, err := issued.Decode(b)
		if err != nil || p.Owner() != key || p.KID() != kid || p.Index() != i || p.Count() != len(l.parts) {
			if err := bad("is no such part of the list of this key's cards"); err != nil {
				return nil, err
			}
			continue
		}
		l.parts[i] = p
		l.length += int64(p.Len())
	}
	return l, nil
}

// onList says what is wrong with a card of a stolen key: counters refuse one that is not on the list.
func (c *checker) onList(lists map[string]*told, k register.Card, digest [32]byte) error {
	l := lists[k.KID]
	if l == nil || l.insurer != k.Contract.Insurer {
		return nil
	}
	if l.has(digest) {
		l.met++
		return nil
	}
	return c.found(FoundIssuedList, "card "+k.Place.String(), "is not on the published list of its stolen key %s: counters refuse it", k.KID)
}

// beyond looks for what is on a list and is no card of the register: a forged card that counters believe, or one that was lost.
func (c *checker) beyond(lists map[string]*told) error {
	for _, kid := range sortedKeys(lists) {
		if l := lists[kid]; l.met < l.length {
			where := fmt.Sprintf("file %s", issuedPath(l.insurer, issued.Name(kid, 0, len(l.parts))))
			if err := c.found(FoundIssuedList, where, "%d entries are no card of the register", l.length-l.met); err != nil {
				return err
			}
		}
	}
	return nil
}
