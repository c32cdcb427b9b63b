// Published files in the register: which are still needed, and which nobody will ask for.

package issuer

import (
	"maps"
	"regexp"
	"slices"
	"strconv"

	"sceau/card/register"
	"sceau/signing/trust"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var metadataName = regexp.MustCompile(`^([0-9]+)\.([A-Za-z0-9-]+)\.json$`)

// prune forgets files that no role names any more and that were written more than keepPublications ago. Roots stay for
// ever: a counter that was away for years follows them step by step.
func prune(tx register.Tx, version int64) error {
	if version <= keepPublications {
		return nil
	}
	files, err := tx.ListFiles()
	if err != nil {
		return err
	}
	var old []string
	newest := map[string]int64{}
	for _, f := range files {
		if f.Publication <= version-keepPublications {
			old = append(old, f.Path)
		}
		if m := metadataName.FindStringSubmatch(f.Path); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64) // digits only
			newest[m[2]] = max(newest[m[2]], n)
		}
	}
	if len(old) == 0 {
		return nil
	}
	needed, err := neededTargets(tx)
	if err != nil {
		return err
	}
	drop := slices.DeleteFunc(old, func(path string) bool {
		if m := metadataName.FindStringSubmatch(path); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			return m[2] == trust.RoleRoot || n == newest[m[2]]
		}
		return needed[path]
	})
	return tx.DropFiles(drop)
}

// neededTargets are the files that the newest publication names, the packs that it offers, and the Token Status Lists, which are written over.
func neededTargets(tx register.Tx) (map[string]bool, error) {
	root, err := tx.File(rootPath)
	if err != nil {
		return nil, err
	}
	t, err := trust.Open(reader(tx), root)
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{timestampPath: true}
	index, err := readPackIndex(tx, t.Version())
	if err != nil {
		return nil, err
	}
	for _, p := range index {
		needed[trust.ChangesPack(p.From, p.To)] = true
	}
	infos, err := allTargets(t)
	if err != nil {
		return nil, err
	}
	for _, i := range infos {
		needed[i.FetchPath()] = true
	}
	lists, err := tx.Lists()
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		needed[tokenListPath(l.Insurer, l.Number)] = true
	}
	return needed, nil
}

// allTargets are all targets of a published state.
func allTargets(t *trust.Trusted) ([]trust.Info, error) {
	all, err := t.Targets("")
	if err != nil {
		return nil, err
	}
	for _, key := range t.Insurers() {
		infos, err := t.Targets(key)
		if err != nil {
			return nil, err
		}
		all = append(all, infos...)
	}
	return all, nil
}
