// Packs: what a counter that follows needs of a publication, in a few files instead of hundreds.

package issuer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card/register"
	"sceau/signing/trust"
)

// packedFor is how old a status role may be that a pack repeats: a counter that follows daily, and late by some hours, finds all that is new to it.
const packedFor = 28 * time.Hour

// recent is what earlier publications leave for the packs of the next.
type recent struct {
	fresh map[string]bool // status roles of the last day
	ways  ways
}

// readRecent finds the status roles of the last day, and the packs of changes that are kept.
func (e *edition) readRecent(tx register.Tx) error {
	e.recent.fresh = map[string]bool{}
	first := e.last.Version + 1
	for ; first > 1 && first > e.last.Version+1-keepPublications; first-- {
		r, err := ReadReleased(tx, first-1)
		if errors.Is(err, register.ErrNotFound) {
			break
		}
		if err != nil {
			return err
		}
		if r.At.Before(e.last.At.Add(-packedFor)) {
			break
		}
	}
	files, err := tx.ListFiles()
	if err != nil {
		return err
	}
	for _, f := range files {
		// Other roles change once a year.
		if f.Publication >= first && strings.HasSuffix(f.Path, "-status.json") {
			e.recent.fresh[f.Path] = true
		}
	}
	index, err := readPackIndex(tx, e.last.Version)
	if err != nil {
		return err
	}
	e.recent.ways = newWays(index)
	return e.recent.ways.prepare(tx.File, e.last.Version+1)
}

// readPackIndex returns the packs of changes as a publication lists them. It is empty where that list is damaged or was made by another
// program: revocations must not wait for it.
func readPackIndex(tx register.Tx, version int64) (trust.PackIndex, error) {
	b, err := tx.File(trust.MetadataPack(version))
	switch {
	case errors.Is(err, register.ErrNotFound) && version == 1: // Init's has no packs, and no lists
		return trust.PackIndex{{From: 0, To: 1}}, nil
	case errors.Is(err, register.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	packed, err := trust.DecodePack(b)
	if err != nil {
		return nil, nil
	}
	for _, f := range packed {
		if f.Path != trust.PackIndexPath {
			continue
		}
		if index, err := trust.ParsePackIndex(f.Data); err == nil {
			return index, nil
		}
	}
	return nil, nil
}

// pack makes the packs of an edition that was committed as files.
func (e *edition) pack(files []trust.File) error {
	version := e.repo.View().Version()
	ways := &e.recent.ways
	slices.SortFunc(e.changes, func(a, b trust.File) int { return cmp.Compare(a.Path, b.Path) })
	err := ways.extend(version, e.changes)
	if errors.Is(err, trust.ErrTooLarge) { // a pack is a convenience: ended rights must not wait for it
		e.warnings = append(e.warnings, "too many changes for one pack: counters fetch whole lists this time")
	} else if err != nil {
		return fmt.Errorf("issuer: pack of changes: %w", err)
	}
	e.packs = append(e.packs, ways.made...)
	fresh := map[string]bool{}
	for _, f := range files {
		fresh[f.Path] = true
	}
	all, err := e.repo.View().Metadata()
	if err != nil {
		return fmt.Errorf("issuer: pack of metadata: %w", err)
	}
	var metadata []trust.File
	for _, f := range all {
		// What a counter asks for anyway, to know whether there is anything, is not worth repeating.
		if f.Path != timestampPath && !strings.HasSuffix(f.Path, ".root.json") && (fresh[f.Path] || e.recent.fresh[f.Path]) {
			metadata = append(metadata, f)
		}
	}
	slices.SortFunc(metadata, func(a, b trust.File) int { return cmp.Compare(a.Path, b.Path) })
	said := trust.File{Path: trust.PackIndexPath, Data: ways.index.Encode()}
	b, err := trust.EncodePack(append(metadata, said))
	if errors.Is(err, trust.ErrTooLarge) {
		b, err = trust.EncodePack([]trust.File{said})
	}
	if err != nil {
		return fmt.Errorf("issuer: pack of metadata: %w", err)
	}
	e.packs = append(e.packs, register.NewFile{Path: trust.MetadataPack(version), Data: b})
	return nil
}
