// Packs of longer ways: two halves joined, so that a counter that was away for a thousand publications asks for ten files, and nobody keeps
// a thousand.

package issuer

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"sceau/card/register"
	"sceau/card/status"
	"sceau/signing/trust"
)

const (
	// keptWays is how many packs of each length are kept: a counter that is d publications behind finds one that begins less than an eighth of d before
	// what it holds, and leaves out what it has.
	keptWays = 16
	// longestWay is the length of the longest, in publications.
	longestWay = 512
	// packReach is how many publications back ways end: six weeks, hourly.
	packReach = 1024
)

// keptPack says whether a pack of changes is still offered beside a version.
func keptPack(p trust.PackInfo, version int64) bool {
	return p.To > version-min(keptWays*(p.To-p.From), packReach)
}

// ways are the packs of changes of a publication in the making.
type ways struct {
	index trust.PackIndex
	held  map[trust.PackInfo][]byte // packs by their ways, without Bytes; nil for one without changes
	made  []register.NewFile
}

// prepare reads the packs that those of a version can be joined to, with register.Files' File.
func (w *ways) prepare(file func(path string) ([]byte, error), version int64) error {
	for length := int64(1); length < longestWay && version%(2*length) == 0; length *= 2 {
		way := trust.PackInfo{From: version - 2*length, To: version - length}
		if _, ok := w.held[way]; ok {
			continue
		}
		i := slices.IndexFunc(w.index, func(p trust.PackInfo) bool { return p.From == way.From && p.To == way.To })
		if i < 0 {
			return nil
		}
		var b []byte
		if w.index[i].Bytes > 0 {
			var err error
			b, err = file(trust.ChangesPack(way.From, way.To))
			if errors.Is(err, register.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if int64(len(b)) != w.index[i].Bytes {
				return nil
			}
		}
		w.held[way] = b
	}
	return nil
}

// extend makes the pack of what changed with a version, and those of the longer ways that end there. trust.ErrTooLarge: there is none for
// that version; a longer one is left out in silence, for its halves are there.
func (w *ways) extend(version int64, changes []trust.File) error {
	w.index = slices.DeleteFunc(w.index, func(p trust.PackInfo) bool { return !keptPack(p, version) })
	for length := int64(1); ; length *= 2 {
		way := trust.PackInfo{From: version - length, To: version}
		var b []byte
		if len(changes) > 0 {
			var err error
			if b, err = trust.EncodePack(changes); err != nil {
				if length > 1 {
					return nil
				}
				return err
			}
			w.made = append(w.made, register.NewFile{Path: trust.ChangesPack(way.From, way.To), Data: b})
		}
		w.held[way] = b
		way.Bytes = int64(len(b))
		w.index = append(w.index, way)
		half, ok := w.held[trust.PackInfo{From: way.From - length, To: way.From}]
		if !ok || length == longestWay || version%(2*length) != 0 {
			return nil
		}
		var err error
		if changes, err = joinChanges(half, changes); err != nil {
			return nil // a half that is damaged: the shorter ways still lead here
		}
	}
}

// joinChanges are the changes of a pack, followed by more, which are sorted.
func joinChanges(pack []byte, more []trust.File) ([]trust.File, error) {
	var files []trust.File
	if pack != nil {
		var err error
		if files, err = trust.DecodePack(pack); err != nil {
			return nil, err
		}
	}
	at := map[string]int{}
	for i, f := range files {
		at[listOfChanges(f.Path)] = i
	}
	for _, f := range more {
		list := listOfChanges(f.Path)
		i, both := at[list]
		if !both {
			files = append(files, f)
			continue
		}
		first, err := status.DecodeChanges(files[i].Data)
		if err != nil {
			return nil, err
		}
		second, err := status.DecodeChanges(f.Data)
		if err != nil {
			return nil, err
		}
		whole, err := first.Then(second)
		if err != nil {
			return nil, err
		}
		files[i] = trust.File{Path: changesPath(whole.Issuer(), whole.List(), whole.From(), whole.To()), Data: whole.Encode()}
	}
	slices.SortFunc(files, func(a, b trust.File) int { return cmp.Compare(a.Path, b.Path) })
	return files, nil
}

// listOfChanges is the path of changes without their revisions.
func listOfChanges(path string) string { return path[:max(strings.LastIndexByte(path, '.'), 0)] }
