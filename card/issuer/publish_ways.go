// Packs of longer ways: two halves joined, so that a counter that was away for hundreds of publications asks for some ten files, and nobody
// keeps hundreds.

package issuer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sceau/card/register"
	"sceau/card/status"
	"sceau/signing/trust"
)

const (
	// keptWays is how many packs of each length are kept, as far as packReach goes: a counter that is d publications behind finds one that
	// begins less than an eighth of d before what it holds, and leaves out what it has.
	keptWays = 16
	// longestWay is the length of the longest, in publications.
	longestWay = 512
	// packReach is how many publications back ways end: six weeks, hourly.
	packReach = 1024
	// keptPacked bounds all packs of changes that are kept, in bytes: every mirror and every backup holds them. Hourly, a country fills it in six
	// weeks; daily it holds ways of eight days, 18 weeks back.
	keptPacked = 32 << 20
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
	room  int64 // bytes of all that are kept
}

func newWays(index trust.PackIndex) ways {
	return ways{index: index, held: map[trust.PackInfo][]byte{}, room: keptPacked}
}

// shorter is the bytes of the packs kept of shorter ways.
func (w *ways) shorter(length int64) (sum int64) {
	for _, p := range w.index {
		if p.To-p.From < length {
			sum += p.Bytes
		}
	}
	return sum
}

// fit drops what is too much to keep: long ways before short ones, older ones before newer ones.
func (w *ways) fit() {
	slices.SortFunc(w.index, func(a, b trust.PackInfo) int {
		return cmp.Or(cmp.Compare(a.To-a.From, b.To-b.From), cmp.Compare(b.To, a.To))
	})
	left := w.room
	w.index = slices.DeleteFunc(w.index, func(p trust.PackInfo) bool {
		left -= p.Bytes
		return left < 0 && p.Bytes > 0
	})
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
	defer w.fit()
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
		if !ok || length == longestWay || version%(2*length) != 0 || w.shorter(2*length)+int64(len(half)+len(b)) > w.room {
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
	at, halves := map[string]int{}, make([]*status.Changes, len(files))
	for i, f := range files {
		c, err := status.DecodeChanges(f.Data)
		if err != nil {
			return nil, err
		}
		if f.Path != changesPath(c.Issuer(), c.List(), c.From(), c.To()) {
			return nil, fmt.Errorf("%w: a pack of changes holds %s", ErrDamaged, f.Path)
		}
		at[listOfChanges(f.Path)], halves[i] = i, c
	}
	for _, f := range more {
		list := listOfChanges(f.Path)
		i, both := at[list]
		if !both {
			files = append(files, f)
			continue
		}
		second, err := status.DecodeChanges(f.Data)
		if err != nil {
			return nil, err
		}
		whole, err := halves[i].Then(second)
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
