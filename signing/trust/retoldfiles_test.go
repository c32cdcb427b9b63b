// The conformance suite's scenarios of file download, retold for this format.
package trust

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTUFTargets(t *testing.T) {
	w := newWorld(t, insurerA)
	w.set(RoleTargets, "path/to/a/file.txt", "in a folder", nil)
	w.publish()
	got := map[string]string{}
	next, _, err := Refresh(t.Context(), w.store, RefreshOptions{Root: w.root(), Now: w.now, Want: func(_ context.Context, n *Trusted, fetch func(string) ([]byte, error)) error {
		for _, path := range []string{"codes.json", "path/to/a/file.txt", "amc/" + insurerA + "/status/3"} {
			data, err := fetch(path)
			if err != nil {
				return err
			}
			got[path] = string(data)
		}
		return nil
	}})
	if err != nil || got["codes.json"] != `{"codes":1}` || got["path/to/a/file.txt"] != "in a folder" || got["amc/"+insurerA+"/status/3"] != "page 1 of "+insurerA {
		t.Fatalf("%v %v", got, err)
	}
	// Served with other content, longer, shorter, empty or another's: never taken.
	for path := range got {
		info, err := next.Target(path)
		if err != nil {
			t.Fatal(err)
		}
		honest := w.store[info.FetchPath()]
		other := bytes.ToUpper(honest)
		for _, bad := range [][]byte{other, append(bytes.Clone(honest), 'x'), honest[:len(honest)-1], {}} {
			f := w.copy()
			f[info.FetchPath()] = bad
			w.refused(path, f, nil, true, ErrMixed)
		}
	}
}

// Eleven honest changes, each followed by a false one at the same path; a
// target that has not changed is not fetched again.
func TestTUFManyChanges(t *testing.T) {
	w := newWorld(t, insurerA)
	page, codes := "amc/"+insurerA+"/status/3", "codes.json"
	var cur *Trusted
	held := map[string][32]byte{}
	fetched := map[string]int{}
	want := func(_ context.Context, n *Trusted, fetch func(string) ([]byte, error)) error {
		for _, path := range []string{page, codes} {
			info, err := n.Target(path)
			if err != nil {
				return err
			}
			if held[path] == info.SHA256 {
				continue
			}
			if _, err := fetch(path); err != nil {
				return err
			}
			held[path] = info.SHA256
			fetched[path]++
		}
		return nil
	}
	for i := range 11 {
		w.now = w.now.Add(time.Hour)
		w.set(StatusRole(insurerA), page, fmt.Sprint("honest ", i), nil)
		w.publish()
		if i%5 != 0 {
			continue
		}
		next, _, err := Refresh(t.Context(), w.store, RefreshOptions{Current: cur, Root: w.root(), Now: w.now, Want: want})
		if err != nil {
			t.Fatal(err)
		}
		cur = next
		f := w.copy()
		info, _ := cur.Target(page)
		f[info.FetchPath()] = []byte(fmt.Sprint("forged ", i))
		w.refused("forged page", f, cur, true, ErrMixed)
	}
	if fetched[page] != 3 || fetched[codes] != 1 {
		t.Errorf("fetched %v", fetched)
	}
}

func TestTUFHashAlgorithms(t *testing.T) {
	w := newWorld(t, insurerA)
	cur := w.mustFollow(w.store, nil)
	for name, hashes := range map[string]map[string]any{
		"SHA-512":            {"sha512": strings.Repeat("0", 128)},
		"SHA-256 and others": {"sha256": strings.Repeat("0", 64), "sha512": strings.Repeat("0", 128)},
		"unknown":            {"unknown-hash": strings.Repeat("0", 64)},
		"none":               {},
		"upper case":         {"sha256": strings.Repeat("A", 64)},
		"cut":                {"sha256": strings.Repeat("0", 62)},
	} {
		f := w.copy()
		w.forge(f, RoleTargets, func(s map[string]any) {
			s["version"] = 2
			obj(s["targets"])["x"] = map[string]any{"length": 1, "hashes": hashes}
		})
		w.rebind(f, 2)
		w.refused(name, f, cur, true, ErrMalformed)
	}
}
