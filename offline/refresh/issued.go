// The list of a stolen key: without all of it, no card of that key can be told from a forged one.

package refresh

import (
	"errors"
	"fmt"
	"path"

	"sceau/card"
	"sceau/card/issued"
	"sceau/offline"
	"sceau/signing"
	"sceau/signing/trust"
)

// takeIssued brings the digests of the cards of every key that the insurer says was stolen. Those of a key that it doesn't call
// so are left where they are. A key of which nothing is published yet is no fault: its cards are then unknown. One of which
// only some parts are published is: a counter that kept those would refuse the genuine cards of the others.
func (r *run) takeIssued(key string, infos []trust.Info, fetch func(path string) ([]byte, error)) error {
	parts := map[string][]trust.Info{} // of each kid
	for _, info := range infos {
		if kind, _, _ := offline.Target(info.Path); kind != offline.IssuedTarget {
			continue
		}
		kid, _, _, ok := issued.ParseName(path.Base(info.Path))
		if !ok {
			continue // nothing that this version knows
		}
		parts[kid] = append(parts[kid], info)
	}
	if len(parts) == 0 {
		return nil
	}
	insurer, err := card.ParseInsurer(r.targets[offline.IssuerPath(key)])
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrContent, offline.IssuerPath(key), err)
	}
	for _, k := range insurer.CardKeys {
		if k.State != signing.StateListed {
			continue
		}
		if err := r.takeParts(key, k.KID, parts[k.KID], fetch); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) takeParts(key, kid string, infos []trust.Info, fetch func(path string) ([]byte, error)) error {
	for _, info := range infos {
		_, i, n, _ := issued.ParseName(path.Base(info.Path))
		// Names are unique, so as many parts of n as there are files is all of them.
		if n != len(infos) {
			return fmt.Errorf("%w: %d files in place of the %d parts of key %s", ErrContent, len(infos), n, kid)
		}
		err := r.takeChecked(info, fetch, func(b []byte) error {
			p, err := issued.Decode(b)
			switch {
			case err != nil:
				return err
			case p.Owner() != key:
				return fmt.Errorf("%w: list of another insurer's key", ErrWrongInsurer)
			case p.KID() != kid || p.Index() != i || p.Count() != n:
				return errors.New("list of another key, or another part of it")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
