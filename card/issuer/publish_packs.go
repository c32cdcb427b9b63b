// Packs: what a counter that follows needs of a publication, in two files instead of hundreds.

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

// indexPath is the file of a metadata pack that says which packs of changes there are: a line "<version> <bytes>" for each publication
// since the first, which stands alone, oldest first; 0 bytes for one without changes.
const indexPath = "changes/index"

// recent is what earlier publications leave for the packs of the next.
type recent struct {
	fresh map[string]bool // status roles of the last day
	index []string        // lines of the last index
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
	// Publications that only change keys have no pack, and no changes.
	var none []string
	for v := e.last.Version; v > 0 && len(none) < maxUnpacked; v-- {
		b, err := tx.File(trust.MetadataPack(v))
		if errors.Is(err, register.ErrNotFound) {
			none = append([]string{fmt.Sprintf("%d 0", v)}, none...)
			continue
		}
		if err != nil {
			return err
		}
		packed, err := trust.DecodePack(b)
		if err != nil {
			return nil // damaged: the list of packs begins anew, revocations must not wait for it
		}
		for _, f := range packed {
			if f.Path == indexPath {
				e.recent.index = append(strings.Split(strings.TrimSuffix(string(f.Data), "\n"), "\n"), none...)
			}
		}
		return nil
	}
	return nil // made by an older program
}

// maxUnpacked is how many publications without packs may come one after the other.
const maxUnpacked = 8

// pack makes the packs of an edition that was committed as files.
func (e *edition) pack(files []trust.File) error {
	version := e.repo.View().Version()
	lines := e.recent.index
	size := 0
	if len(e.changes) > 0 {
		slices.SortFunc(e.changes, func(a, b trust.File) int { return cmp.Compare(a.Path, b.Path) })
		b, err := trust.EncodePack(e.changes)
		switch {
		case errors.Is(err, trust.ErrTooLarge): // a pack is a convenience: ended rights must not wait for it
			e.warnings = append(e.warnings, "too many changes for one pack: counters fetch whole lists this time")
			lines = nil
		case err != nil:
			return fmt.Errorf("issuer: pack of changes: %w", err)
		default:
			e.packs = append(e.packs, register.NewFile{Path: trust.ChangesPack(version), Data: b})
			size = len(b)
		}
	}
	if len(lines) == 0 {
		lines = []string{fmt.Sprint(version)} // counters of this version and later ones find all changes
	} else {
		lines = append(lines, fmt.Sprintf("%d %d", version, size))
	}
	if n := len(lines); n > keepPublications {
		lines = lines[n-keepPublications:] // the first stands for where the changes begin
		lines[0], _, _ = strings.Cut(lines[0], " ")
	}
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
	index := trust.File{Path: indexPath, Data: []byte(strings.Join(lines, "\n") + "\n")}
	b, err := trust.EncodePack(append(metadata, index))
	if errors.Is(err, trust.ErrTooLarge) {
		b, err = trust.EncodePack([]trust.File{index})
	}
	if err != nil {
		return fmt.Errorf("issuer: pack of metadata: %w", err)
	}
	e.packs = append(e.packs, register.NewFile{Path: trust.MetadataPack(version), Data: b})
	return nil
}
