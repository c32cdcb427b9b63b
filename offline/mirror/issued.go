// The lists of stolen keys, as a verdict asks them: one digest at a time, of megabytes that are read and verified once.

package mirror

import (
	"crypto/sha256"
	"path"
	"sync"

	"sceau/card"
	"sceau/card/issued"
	"sceau/offline"
	"sceau/signing"
	"sceau/signing/trust"
)

// digests keeps the parts of lists that were verified from one view to the next: a counter at work takes a view each minute.
// They are found by the hash that is signed for them, so that none outlives what it was verified against.
type digests struct {
	mu    sync.Mutex
	parts map[[sha256.Size]byte]*issued.Part
	held  int
}

// maxDigests bounds the digests that are kept from one view to the next, 16 bytes each: one part of the largest, or several
// ordinary lists. Beyond, what was kept goes, and the next view reads again what it is asked for.
const maxDigests = 4_000_000

func (d *digests) get(hash [sha256.Size]byte) *issued.Part {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.parts[hash]
}

func (d *digests) put(hash [sha256.Size]byte, p *issued.Part) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.parts == nil || d.held+p.Len() > maxDigests {
		d.parts, d.held = map[[sha256.Size]byte]*issued.Part{}, 0
	}
	if d.parts[hash] == nil {
		d.parts[hash] = p
		d.held += p.Len()
	}
}

// theft is the list of one stolen key as this view finds it, part by part.
type theft struct {
	found bool
	infos []trust.Info // of its parts
	parts []*issued.Part
}

// genuine returns how to look a card up in the lists of an insurer's stolen keys; nil when none of its keys was stolen.
func (v *View) genuine(r *followed, insurer *card.Insurer) func(kid string, digest [16]byte) (bool, error) {
	var thefts map[string]*theft
	for _, k := range insurer.CardKeys {
		if k.State != signing.StateListed {
			continue
		}
		if thefts == nil {
			thefts = map[string]*theft{}
		}
		thefts[k.KID] = &theft{}
	}
	if thefts == nil {
		return nil
	}
	key := insurer.AMC.Key()
	return func(kid string, digest [16]byte) (bool, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		t := thefts[kid]
		if t == nil {
			return false, offline.ErrNoDigests
		}
		p, err := v.part(r, t, key, kid, digest)
		if err != nil {
			return false, err
		}
		return p.Has(digest), nil
	}
}

// part returns the part of a list on which a digest stands if it stands anywhere.
func (v *View) part(r *followed, t *theft, key, kid string, digest [16]byte) (*issued.Part, error) {
	if !t.found {
		t.infos = partsOf(r.trusted, key, kid)
		t.parts, t.found = make([]*issued.Part, len(t.infos)), true
	}
	if len(t.infos) == 0 {
		return nil, offline.ErrNoDigests
	}
	i := issued.PartOf(digest, len(t.infos))
	if t.parts[i] == nil {
		p, err := v.readPart(r, t.infos[i], key)
		if err != nil {
			return nil, err
		}
		t.parts[i] = p
	}
	return t.parts[i], nil
}

// partsOf names the parts of a list, whole, or nothing.
func partsOf(t *trust.Trusted, key, kid string) []trust.Info {
	for n := 1; n <= issued.MaxParts; n *= 2 {
		var infos []trust.Info
		for i := range n {
			info, err := t.Target(offline.IssuedPath(key, issued.Name(kid, i, n)))
			if err != nil {
				break
			}
			infos = append(infos, info)
		}
		if len(infos) == n {
			return infos
		}
	}
	return nil
}

func (v *View) readPart(r *followed, info trust.Info, key string) (*issued.Part, error) {
	if p := v.lists.get(info.SHA256); p != nil {
		return named(p, key, info.Path) // the same bytes may be signed for elsewhere too
	}
	data, err := v.target(r, info.Path)
	if err != nil {
		return nil, err
	}
	p, err := decodePart(data, key, info.Path)
	if err != nil {
		return nil, err
	}
	v.lists.put(info.SHA256, p)
	return p, nil
}

// decodePart reads a part that must be the one which its path names.
func decodePart(data []byte, key, at string) (*issued.Part, error) {
	p, err := issued.Decode(data)
	if err != nil {
		return nil, damaged("%s: %w", at, err)
	}
	return named(p, key, at)
}

func named(p *issued.Part, key, at string) (*issued.Part, error) {
	if kid, i, n, ok := issued.ParseName(path.Base(at)); !ok || p.Owner() != key || p.KID() != kid || p.Index() != i || p.Count() != n {
		return nil, damaged("%s holds another list", at)
	}
	return p, nil
}
